"""The embedded index: tantivy, in a folder of the workspace (``search/generations.py`` says what lies in it).

A rebuild fills a generation of its own and then lets it answer; those who search keep the files they opened.
"""

import shutil
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import tantivy

from schemas.errors import ServiceUnavailable
from schemas.language import _
from search import generations
from search.excerpts import excerpt
from search.generations import Damaged, State
from search.index import Found, Hit, Refused, Request, Status
from search.plan import Place, plan
from search.projection import SCHEMA_VERSION, Entry, Projection, project, restored
from search.tantivy_query import Asking, counts
from search.tantivy_ranking import ranked

WRITER_HEAP_BYTES = 200_000_000
WRITER_THREADS = 1
"""One: the second core prepares the records; with two threads segments are twice as many and merging costs more."""
COMMIT_EVERY = 20_000
TOGETHER = 16
"""Records that are handed to the other thread at once: to hand over each by itself costs half of what is gained."""
STORED_LEVEL = 1
"""zlib; each record by itself takes 0.54 of its text (level 6: 0.51 in twice the time, tantivy's own blocks: 0.63)."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    for name, tokenizer in (("exact", "words"), ("folded", "folded"), ("title", "words"), ("symbol", "words"),
                            ("issuer", "words"), ("type", "words"), ("signer", "words"), ("abstract", "words"),
                            ("codes", "words")):  # fmt: skip
        builder.add_text_field(name, tokenizer_name=tokenizer, index_option="position")
    builder.add_text_field("number", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("unit", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_text_field("type_name", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_integer_field("day", indexed=True, fast=True)
    builder.add_integer_field("year", fast=True)
    builder.add_integer_field("position", fast=True)
    builder.add_bytes_field("stored", stored=True)
    return builder.build()


def _opened(folder: Path, *, new: bool) -> tantivy.Index:
    index = tantivy.Index(_schema(), str(folder)) if new else tantivy.Index.open(str(folder))
    cut = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.remove_long(80))
    index.register_tokenizer("words", cut.build())
    cut = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.remove_long(80))
    index.register_tokenizer("folded", cut.filter(tantivy.Filter.ascii_fold()).build())
    return index


class TantivyIndex:
    """``SearchIndex`` over a folder. Make it with ``open``."""

    def __init__(
        self,
        folder: Path,
        generation: Path,
        notice: str = "",
        *,
        commit_every: int = COMMIT_EVERY,
    ) -> None:
        self._folder = folder
        self._commit_every = commit_every
        self._generation = generation
        self._notice = notice
        self._state = State.read(generation)
        self._index = _opened(generation, new=False)
        self._seen = self._stamp()
        self._asking: tuple[tantivy.Searcher, Asking] | None = None
        self._counter = ThreadPoolExecutor(1, "count")

    @classmethod
    def open(cls, folder: Path, *, commit_every: int = COMMIT_EVERY) -> "TantivyIndex":
        """The index in *folder*, made empty where there is none, or where it is damaged or of an older program: then
        its status has a notice, and catching up fills it again. ServiceUnavailable when the folder cannot be used."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            generation = generations.current(folder)
            if generation is None:
                return cls(folder, _made(folder), commit_every=commit_every)
            try:
                generations.check(generation)
                state = State.read(generation)
                if state.schema_version >= SCHEMA_VERSION:
                    return cls(folder, generation, commit_every=commit_every)
                notice = _("the index was made by an older sohoa and is made anew from the archive")
            except (Damaged, ValueError, OSError) as error:
                notice = _("the index was damaged ({error}) and is made anew from the archive").format(error=error)
            fresh = _made(folder)
            shutil.rmtree(generation, ignore_errors=True)
            return cls(folder, fresh, notice, commit_every=commit_every)
        except OSError as error:
            raise ServiceUnavailable(
                _("index {folder}: cannot be used ({error}); mend the folder's owner, permissions or space").format(
                    folder=folder, error=error.strerror or error)
            ) from error  # fmt: skip

    def search(self, request: Request) -> Found:
        with _told(self._folder):
            searcher, asking = self._searcher()
            planned = plan(request.query)
            total, found = ranked(searcher, asking, planned, request, self._counter)
            hits = []
            for tier, address in found:
                [stored] = searcher.doc(address)["stored"]
                record = restored(zlib.decompress(stored))
                hits.append(Hit(record, tier, excerpt(record.pages, request.query)))
            counted = counts(searcher, asking.query(planned.whole)) if request.counts else None
            return Found(total(), tuple(hits), counted)

    def update(
        self,
        entries: Iterable[Entry],
        gone: Iterable[str],
        position: int,
        done: Callable[[int], None] = lambda count: None,
        owed: Collection[str] = (),
    ) -> list[Refused]:
        with _told(self._folder):
            self._usable()
            writer = self._writer()
            try:
                searcher, _asking = self._searcher()
                for id in gone:
                    writer.delete_documents_by_term("id", id)
                added: set[str] = set()
                for count, (entry, projection, stored) in enumerate(self._projected(entries), 1):
                    id = entry.record.id
                    if id in added or searcher.doc_freq("id", id):
                        writer.delete_documents_by_term("id", id)
                    added.add(id)
                    writer.add_document(_document(projection, stored))
                    if count % self._commit_every == 0:
                        writer.commit()
                        self._note(entry.position, owed)
                        done(count)
                writer.commit()
                self._note(position, owed)
                writer.wait_merging_threads()
            finally:
                del writer  # lets go of the folder's lock
            return []

    def _projected(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, Projection, bytes]]:
        """Each entry as it goes into the index; what is stored of it is compressed beside, some entries ahead: it is a
        sixth of the work, and zlib lets other threads run meanwhile."""
        handed: deque[tuple[list[tuple[Entry, Projection]], Future[list[bytes]]]] = deque()
        rest = iter(entries)
        stopped: BaseException | None = None
        while stopped is None:
            some: list[tuple[Entry, Projection]] = []
            try:
                some.extend((entry, project(entry)) for entry in islice(rest, TOGETHER))
            except BaseException as error:  # noqa: BLE001 - raised again, once what came before it is in
                stopped = error
            if some:
                handed.append((some, self._counter.submit(_compressed, [one.stored for _entry, one in some])))
            if len(handed) > 1:
                yield from _beside(*handed.popleft())
            if len(some) < TOGETHER:
                break
        while handed:
            yield from _beside(*handed.popleft())
        if stopped is not None:
            raise stopped

    def status(self) -> Status:
        with _told(self._folder):
            self._usable()
            size = sum(path.stat().st_size for path in self._generation.iterdir())
            return Status(
                "tantivy", self._searcher()[0].num_docs, self._state.position, self._state.schema_version, size,
                self._notice, self._state.owed,
            )  # fmt: skip

    @contextmanager
    def rebuilding(self) -> Iterator["TantivyIndex"]:
        with _told(self._folder):
            fresh = TantivyIndex(self._folder, _made(self._folder, switch=False))
        try:
            yield fresh
        except BaseException:
            shutil.rmtree(fresh._generation, ignore_errors=True)
            raise
        with _told(self._folder):
            before = self._generation
            generations.switch(self._folder, fresh._generation)
            self._generation, self._index, self._state = (
                fresh._generation,
                fresh._index,
                fresh._state,
            )
            self._notice, self._seen, self._asking = "", fresh._seen, None
            shutil.rmtree(before, ignore_errors=True)

    def known(self, place: Place, words: Collection[str]) -> dict[str, int]:
        with _told(self._folder):
            _searcher, asking = self._searcher()
            return asking.known(place, frozenset(words))

    def close(self) -> None:
        self._counter.shutdown()  # tantivy lets go of its files with the object

    def _usable(self) -> None:
        if self._state.schema_version > SCHEMA_VERSION:
            raise ServiceUnavailable(
                _("index {index}: made by a newer sohoa (schema {found}, this one knows {known}); use that "
                  "version, or make the index anew: sohoa index rebuild").format(
                    index=self._folder, found=self._state.schema_version, known=SCHEMA_VERSION)
            )  # fmt: skip

    def _searcher(self) -> tuple[tantivy.Searcher, Asking]:
        """Over the last commit, another process's too."""
        self._usable()
        stamp = self._stamp()
        if stamp != self._seen:
            self._index.reload()
            self._state = State.read(self._generation)
            self._seen = stamp
            self._asking = None
        if self._asking is None:
            searcher = self._index.searcher()
            self._asking = searcher, Asking(self._index.schema, searcher, self._state.position)
        return self._asking

    def _stamp(self) -> int:
        return (self._generation / "meta.json").stat().st_mtime_ns

    def _writer(self) -> tantivy.IndexWriter:
        try:
            return self._index.writer(WRITER_HEAP_BYTES, WRITER_THREADS)
        except ValueError as error:
            if "Lock" not in str(error):
                raise
            raise ServiceUnavailable(
                _("index {folder}: another sohoa is writing it; run the same command again later").format(
                    folder=self._folder)
            ) from error  # fmt: skip

    def _note(self, position: int, owed: Collection[str]) -> None:
        self._state = State(self._state.schema_version, max(position, self._state.position), tuple(sorted(owed)))
        self._state.write(self._generation)
        self._index.reload()
        self._seen = self._stamp()
        self._asking = None


def _made(folder: Path, *, switch: bool = True) -> Path:
    """A new empty generation, an index in it; with *switch* it answers at once."""
    generation = generations.made(folder)
    _opened(generation, new=True)
    State(SCHEMA_VERSION, 0).write(generation)
    if switch:
        generations.switch(folder, generation)
    return generation


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """tantivy's and the disk's errors as ours. A panic of the library (no ``Exception``) means a damaged file."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise ServiceUnavailable(
            _("index {folder}: cannot be used ({error}); check space and permissions, or make it anew: sohoa index "
              "rebuild").format(folder=folder, error=error)
        ) from error  # fmt: skip
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ServiceUnavailable(
            _("index {folder}: damaged ({error}); make it anew: sohoa index rebuild").format(folder=folder, error=error)
        ) from error


def _compressed(stored: list[str]) -> list[bytes]:
    return [zlib.compress(one.encode(), STORED_LEVEL) for one in stored]


def _beside(
    some: list[tuple[Entry, Projection]], stored: "Future[list[bytes]]"
) -> Iterator[tuple[Entry, Projection, bytes]]:
    return ((entry, projection, one) for (entry, projection), one in zip(some, stored.result(), strict=True))


def _document(projection: Projection, stored: bytes) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("id", projection.id)
    document.add_text("exact", projection.exact)
    document.add_text("folded", projection.exact)
    for name in (
        "title",
        "symbol",
        "issuer",
        "type",
        "signer",
        "abstract",
        "codes",
        "number",
        "unit",
        "type_name",
    ):
        value = getattr(projection, name)
        if value:
            document.add_text(name, value)
    document.add_integer("day", projection.day)
    document.add_integer("year", projection.year)
    document.add_integer("position", projection.position)
    document.add_bytes("stored", stored)
    return document
