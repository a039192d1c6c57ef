"""The embedded index: tantivy, in a folder of the workspace.

    index/current            the name of the generation that answers
    index/<generation>/      one tantivy index, and ``sohoa.json``: schema version and how far it is whole

A rebuild fills a generation of its own and then moves ``current`` over; those who search keep the files they opened.
"""

import json
import os
import re
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, assert_never

import tantivy
from tantivy import FieldType, Occur, Query

from schemas.errors import ServiceUnavailable
from schemas.language import _
from search.excerpts import excerpt
from search.folding import spellings
from search.index import Counts, Found, Hit, Refused, Request, Sort, Status
from search.plan import (
    Adjacent,
    Begins,
    Clause,
    Every,
    Everything,
    Issued,
    Most,
    Place,
    Plan,
    Some,
    Terms,
    Without,
    is_scored,
    plan,
)
from search.projection import SCHEMA_VERSION, Entry, Projection, project, restored

WRITER_HEAP_BYTES = 200_000_000
WRITER_THREADS = 1
"""One: the second core prepares the records; with two threads segments are twice as many and merging costs more."""
COMMIT_EVERY = 20_000
CHECKED_WHOLE_BYTES = 64_000_000
"""An index up to this size has every checksum tested when it is opened (1 GB/s); a larger one the ends of its files."""
FOOTER_MAGIC = 1337


class _Damaged(Exception):
    """A file of the index is not what tantivy wrote."""


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

    def __init__(self, folder: Path, generation: Path, notice: str = "", *, commit_every: int = COMMIT_EVERY) -> None:
        self._folder = folder
        self._commit_every = commit_every
        self._generation = generation
        self._notice = notice
        self._state = _State.read(generation)
        self._index = _opened(generation, new=False)
        self._seen = self._stamp()

    @classmethod
    def open(cls, folder: Path, *, commit_every: int = COMMIT_EVERY) -> "TantivyIndex":
        """The index in *folder*, made empty where there is none, or where it is damaged or of an older program: then
        its status has a notice, and catching up fills it again. ServiceUnavailable when the folder cannot be used."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            generation = _current(folder)
            if generation is None:
                return cls(folder, _made(folder), commit_every=commit_every)
            try:
                _check(generation)
                state = _State.read(generation)
                if state.schema_version >= SCHEMA_VERSION:
                    return cls(folder, generation, commit_every=commit_every)
                notice = _("the index was made by an older sohoa and is made anew from the archive")
            except (_Damaged, ValueError, OSError) as error:
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
            searcher = self._searcher()
            planned = plan(request.query)
            whole = _query(self._index.schema, planned.whole)
            if request.sort is Sort.DATE:
                total, found = self._by_date(searcher, whole, request)
            else:
                total, found = self._by_rank(searcher, whole, planned, request)
            hits = []
            for tier, address in found:
                [stored] = searcher.doc(address)["stored"]
                record = restored(bytes(stored))
                hits.append(Hit(record, tier, excerpt(record.pages, request.query)))
            return Found(total, tuple(hits), _counts(searcher, whole) if request.counts else None)

    def _by_date(
        self, searcher: tantivy.Searcher, whole: Query, request: Request
    ) -> tuple[int, list[tuple[int, tantivy.DocAddress]]]:
        result = searcher.search(whole, max(request.limit, 1), order_by_field="day", offset=request.offset)
        return result.count, [(0, address) for _key, address in result.hits[: request.limit]]  # type: ignore[attr-defined]

    def _by_rank(
        self, searcher: tantivy.Searcher, whole: Query, planned: Plan, request: Request
    ) -> tuple[int, list[tuple[int, tantivy.DocAddress]]]:
        """Tier after tier until the part asked for is full: what stands in a better one is not scored again."""
        schema = self._index.schema
        weights = [(Occur.Should, _weighted(schema, clause, by)) for clause, by in planned.weights]
        found: list[tuple[int, tantivy.DocAddress]] = []
        before = 0
        earlier: list[tuple[Occur, Query]] = []
        for tier, clause in enumerate(planned.tiers):
            wanted = request.limit - len(found)
            if wanted <= 0:
                return self._total(searcher, whole), found
            here = _query(schema, clause)
            skipped = max(request.offset - before, 0)
            scored = Query.boolean_query([(Occur.Must, here), *weights, *earlier])
            result = searcher.search(scored, wanted, offset=skipped)
            found += [(tier, address) for _score, address in result.hits]
            before += result.count  # type: ignore[attr-defined]
            earlier.append((Occur.MustNot, here))
        return before, found

    def _total(self, searcher: tantivy.Searcher, whole: Query) -> int:
        count = searcher.search(Query.const_score_query(whole, 1.0), 1).count  # type: ignore[attr-defined]
        assert isinstance(count, int)
        return count

    def update(
        self,
        entries: Iterable[Entry],
        gone: Iterable[str],
        position: int,
        done: Callable[[int], None] = lambda count: None,
    ) -> list[Refused]:
        with _told(self._folder):
            self._usable()
            writer = self._writer()
            try:
                searcher = self._searcher()
                for id in gone:
                    writer.delete_documents_by_term("id", id)
                added: set[str] = set()
                for count, entry in enumerate(entries, 1):
                    id = entry.record.id
                    if id in added or searcher.doc_freq("id", id):
                        writer.delete_documents_by_term("id", id)
                    added.add(id)
                    writer.add_document(_document(project(entry)))
                    if count % self._commit_every == 0:
                        writer.commit()
                        self._note(entry.position)
                        done(count)
                writer.commit()
                self._note(max(position, self._state.position))
                writer.wait_merging_threads()
            finally:
                del writer  # lets go of the folder's lock
            return []

    def status(self) -> Status:
        with _told(self._folder):
            self._usable()
            size = sum(path.stat().st_size for path in self._generation.iterdir())
            return Status(
                "tantivy", self._searcher().num_docs, self._state.position, self._state.schema_version, size,
                self._notice,
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
            _switch(self._folder, fresh._generation)
            self._generation, self._index, self._state = fresh._generation, fresh._index, fresh._state
            self._notice, self._seen = "", fresh._seen
            shutil.rmtree(before, ignore_errors=True)

    def spellings(self, word: str) -> list[str]:
        with _told(self._folder):
            searcher = self._searcher()
            counted = [(searcher.doc_freq("folded", other), other) for other in spellings(word)]
            return [other for count, other in sorted(counted, key=lambda pair: (-pair[0], pair[1]))[:3] if count]

    def close(self) -> None:
        pass  # tantivy lets go of its files with the object

    def _usable(self) -> None:
        if self._state.schema_version > SCHEMA_VERSION:
            raise ServiceUnavailable(
                _("index {index}: made by a newer sohoa (schema {found}, this one knows {known}); use that "
                  "version, or make the index anew: sohoa index rebuild").format(
                    index=self._folder, found=self._state.schema_version, known=SCHEMA_VERSION)
            )  # fmt: skip

    def _searcher(self) -> tantivy.Searcher:
        """Over the last commit, another process's too."""
        self._usable()
        stamp = self._stamp()
        if stamp != self._seen:
            self._index.reload()
            self._state = _State.read(self._generation)
            self._seen = stamp
        return self._index.searcher()

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

    def _note(self, position: int) -> None:
        self._state = _State(self._state.schema_version, position)
        self._state.write(self._generation)
        self._index.reload()
        self._seen = self._stamp()


class _State:
    """What tantivy does not keep for us, in ``sohoa.json``."""

    def __init__(self, schema_version: int, position: int) -> None:
        self.schema_version = schema_version
        self.position = position

    @classmethod
    def read(cls, generation: Path) -> "_State":
        try:
            stored = json.loads((generation / "sohoa.json").read_text())
            return cls(int(stored["schema_version"]), int(stored["position"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"sohoa.json: {error}") from error

    def write(self, generation: Path) -> None:
        _replace(generation / "sohoa.json", json.dumps(vars(self)))


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _current(folder: Path) -> Path | None:
    try:
        name = (folder / "current").read_text().strip()
    except FileNotFoundError:
        return None
    if not re.fullmatch(r"[\w-]+", name) or not (folder / name).is_dir():
        return None
    return folder / name


def _made(folder: Path, *, switch: bool = True) -> Path:
    """A new empty generation."""
    generation = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}-{time.monotonic_ns() % 1_000_000_000}"
    generation.mkdir(mode=0o700)
    _opened(generation, new=True)
    _State(SCHEMA_VERSION, 0).write(generation)
    if switch:
        _switch(folder, generation)
    return generation


def _switch(folder: Path, generation: Path) -> None:
    _replace(folder / "current", generation.name)


def _check(generation: Path) -> None:
    """_Damaged where a file that the index needs is missing, cut off or (up to ``CHECKED_WHOLE_BYTES``) altered."""
    meta = json.loads((generation / "meta.json").read_text())
    segments = {segment["segment_id"].replace("-", "") for segment in meta["segments"]}
    files = [path for path in generation.iterdir() if path.name.split(".")[0] in segments]
    if segments - {path.name.split(".")[0] for path in files}:
        raise _Damaged("meta.json names segments that are not there")
    whole = sum(path.stat().st_size for path in files) <= CHECKED_WHOLE_BYTES
    for path in files:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size < 8:
                raise _Damaged(path.name)
            file.seek(size - 8)
            length, magic = struct.unpack("<II", file.read(8))
            if magic != FOOTER_MAGIC or length > size - 8:
                raise _Damaged(path.name)
            if whole:
                file.seek(size - 8 - length)
                footer = json.loads(file.read(length))
                file.seek(0)
                if zlib.crc32(file.read(size - 8 - length)) != footer["crc"]:
                    raise _Damaged(path.name)


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


def _document(projection: Projection) -> tantivy.Document:
    document = tantivy.Document()
    document.add_text("id", projection.id)
    document.add_text("exact", projection.exact)
    document.add_text("folded", projection.exact)
    for name in ("title", "symbol", "issuer", "type", "signer", "abstract", "codes", "number", "unit", "type_name"):
        value = getattr(projection, name)
        if value:
            document.add_text(name, value)
    document.add_integer("day", projection.day)
    document.add_integer("year", projection.year)
    document.add_bytes("stored", projection.stored.encode())
    return document


def _query(schema: tantivy.Schema, clause: Clause) -> Query:
    match clause:
        case Everything():
            return Query.all_query()
        case Terms(place, words):
            if len(words) == 1:
                [word] = words
                return Query.term_query(schema, place.value, word, "basic" if place in _WHOLE else "freq")
            return Query.const_score_query(Query.term_set_query(schema, place.value, sorted(words)), 0.0)
        case Adjacent(place, words):
            return Query.phrase_query(schema, place.value, list(words))
        case Begins(place, prefix):
            return Query.regex_query(schema, place.value, re.sub(r"([^\w])", r"\\\1", prefix) + ".*")
        case Issued(first, last):
            return Query.range_query(schema, "day", FieldType.Integer, first.toordinal(), last.toordinal())
        case Every(parts):
            wanted = [(Occur.Must, _query(schema, part)) for part in parts if not isinstance(part, Without)]
            return Query.boolean_query(wanted + _left_out(schema, parts))
        case Some(parts):
            return Query.boolean_query([(Occur.Should, _query(schema, part)) for part in parts])
        case Most(parts):
            some = [(Occur.Should, _query(schema, part)) for part in parts]
            return Query.boolean_query(some, minimum_number_should_match=len(parts) - 1)
        case Without():
            return Query.boolean_query([(Occur.Must, Query.all_query()), *_left_out(schema, [clause])])
        case _:
            assert_never(clause)


def _weighted(schema: tantivy.Schema, clause: Clause, by: float) -> Query:
    query = _query(schema, clause)
    return Query.boost_query(query, by) if is_scored(clause) else Query.const_score_query(query, by)


_WHOLE = {Place.NUMBER, Place.UNIT}


def _left_out(schema: tantivy.Schema, parts: Sequence[Clause]) -> list[tuple[Occur, Query]]:
    return [(Occur.MustNot, _query(schema, part.part)) for part in parts if isinstance(part, Without)]


def _counts(searcher: tantivy.Searcher, whole: Query) -> Counts:
    def by(field: str, size: int) -> dict[str, Any]:
        return {"terms": {"field": field, "size": size}}

    asked = {"units": by("unit", 2000), "types": by("type_name", 200), "years": by("year", 500)}
    answer = searcher.aggregate(Query.const_score_query(whole, 1.0), asked)

    def counted(name: str) -> list[tuple[Any, int]]:
        return [(bucket["key"], int(bucket["doc_count"])) for bucket in answer[name]["buckets"]]

    return Counts(
        units=dict(counted("units")),
        types=dict(counted("types")),
        years={int(year): count for year, count in counted("years") if int(year)},
    )
