"""A scan's pages, opened, drawn and composed by a process of its own that can read that scan and do no harm.

What is wrong with a file costs that file: a parser that crashes, hangs or takes all memory is ended, tried once more
where that may help, and the scan is rejected with the reason.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgpack

from ingest.compose import compose
from ingest.fence import ADDRESS_SPACE_BYTES, GIB, Fence
from ingest.fencedprocess import FencedProcess, TookTooLong, WorkerDied, slowness
from ingest.intake import identify
from ingest.pages import ScanPages, open_pages
from schemas.documents import ComposedPdf
from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import PageImage, PageText, Scan
from schemas.stored import from_json, to_json

T = TypeVar("T")

FOLDER_PREFIX = "pages-"
"""How the folders in the spool begin that such a process writes in; what a killed run left of them may be dropped."""
SCAN_S = 24.0
"""How long such processes may work on a scan, from its opening to its PDF. Most need less than one."""
PAGE_S = 5.0
"""What each page adds when it is drawn, and when it is composed: so that a stack may take its time, and a page not.
With the 25 s that it may be read (``reading.page_timeout_s``), a scan of one page ends within a minute."""
TRIES = 2
PROGRAMS = ("pdftocairo", "pdfinfo", "pdftotext")
"""Of poppler, as ``ingest.pages`` and ``ingest.owntext`` run them; any other is refused by the fence."""


class FencedPages(ScanPages):
    """``ScanPages`` whose parsing is done elsewhere. Besides, it finds out when the file is changed meanwhile."""

    def __init__(
        self,
        scan: Scan,
        spool: Path,
        passwords: Sequence[str] = (),
        *,
        address_space_bytes: int = ADDRESS_SPACE_BYTES,
    ) -> None:
        """InputRejected when the scan cannot be opened, or is no longer what was taken in."""
        super().__init__(scan, spool)
        self._passwords = tuple(passwords)
        self._address_space_bytes = address_space_bytes
        self._process: FencedProcess | None = None
        self._allowed_s, self._spent_s = SCAN_S, 0.0
        self._state = _state(scan.path)
        found = identify(scan.path)
        if not isinstance(found, Scan) or found.sha256 != scan.sha256:
            raise self._changed()
        self._programs = tuple(Path(there) for name in PROGRAMS if (there := shutil.which(name)))
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{scan.sha256[:12]}-", dir=spool))
        try:
            self._count, self._signed = self._asked(_facts, (), None, pages=0)
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int:
        return self._count

    @property
    def signed(self) -> bool:
        return self._signed

    def image(self, number: int) -> PageImage:
        image: PageImage = self._asked(_image, (number,), number, pages=1)
        return image

    def composed(self, texts: Sequence[PageText], target: Path, *, title: str, made_at: datetime) -> ComposedPdf:
        """``ingest.compose.compose``, done where the pages are open."""
        plain = msgpack.packb([to_json(text) for text in texts])  # to pickle them takes twice as long
        arguments = (plain, self._folder / "composed.pdf", title, made_at)
        made: ComposedPdf = self._asked(_composed, arguments, None, pages=len(texts))
        if _state(self.scan.path) != self._state:
            raise self._changed()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _moved(made.path, target)
        return replace(made, path=target)

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _asked(self, function: Callable[..., T], arguments: tuple[Any, ...], number: int | None, *, pages: int) -> T:
        """What *function*, which deals with so many *pages*, finds in the process, which is started when there is none;
        a crash is tried once more. InputRejected where that takes longer than is left of the scan's time."""
        self._allowed_s += PAGE_S * pages
        began, slow = time.monotonic(), slowness()
        # What earlier pages have left is for pages: one alone may not hang for as long as all of them could have taken.
        most_s = min(self._allowed_s - self._spent_s, SCAN_S + PAGE_S * pages)

        def left() -> float:
            left_s = most_s - (time.monotonic() - began) / slow
            if left_s <= 0:
                raise TookTooLong
            return left_s

        try:
            for tried in range(1, TRIES + 1):
                try:
                    if self._process is None:
                        self._process = self._started(left())
                    answer: T = self._process.run(function, arguments, left())
                    return answer
                except TookTooLong as error:
                    self._process = None
                    seconds = round(self._spent_s + (time.monotonic() - began) / slow)
                    cause = _("takes longer than {seconds:g} s").format(seconds=seconds)
                    raise self._refused(number, cause) from error
                except MemoryError as error:
                    raise self._refused(number, _("takes more memory than one scan may have")) from error
                except WorkerDied as error:
                    self._process = None
                    if tried == TRIES:
                        raise self._refused(number, _("the program that reads it crashes on it")) from error
            raise AssertionError
        finally:
            self._spent_s += (time.monotonic() - began) / slow

    def _started(self, timeout_s: float) -> FencedProcess:
        size = self.scan.size_bytes
        fence = Fence(
            (self.scan.path,), self._folder, self._programs, self._address_space_bytes + size, max(GIB, 4 * size)
        )  # fmt: skip
        spool = self._folder
        return FencedProcess(fence, _open, (replace(self.scan, path=self.scan.path.absolute()), self._passwords, spool),
                             timeout_s)  # fmt: skip

    def _refused(self, number: int | None, cause: str) -> InputRejected:
        if number is None:
            said = _("{file}: cannot be taken ({error}); scan or export it again").format(
                file=self.scan.path, error=cause
            )
        else:
            said = _("{file}, page {page}: cannot be drawn ({error}); scan or export the page again").format(
                file=self.scan.path, page=number, error=cause
            )
        return InputRejected(said)

    def _changed(self) -> InputRejected:
        return InputRejected(
            _("{file}: changed or gone since it was taken in; when it is whole, run the same command again").format(
                file=self.scan.path
            )
        )


def open_fenced(scan: Scan, *, passwords: Sequence[str] = (), spool: Path) -> ScanPages:
    """``ingest.pages.open_pages`` in a process of its own."""
    return FencedPages(scan, spool, passwords)


def composed(
    pages: ScanPages, texts: Sequence[PageText], target: Path, *, title: str, made_at: datetime
) -> ComposedPdf:
    """``ingest.compose.compose``, in the process where *pages* are open."""
    if isinstance(pages, FencedPages):
        return pages.composed(texts, target, title=title, made_at=made_at)
    return compose(pages, texts, target, title=title, made_at=made_at)


def _state(path: Path) -> tuple[int, ...]:
    """What of a file's description cannot stay the same when it is written to or put in place anew."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _moved(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except OSError:  # another file system
        unfinished = target.with_suffix(".part")
        with source.open("rb") as read, unfinished.open("wb") as written:
            shutil.copyfileobj(read, written, 1 << 20)
            written.flush()
            os.fsync(written.fileno())
        unfinished.replace(target)
        source.unlink()


# -- within the process -------------------------------------------------------------------------------------------

_opened: list[ScanPages] = []
"""The one scan that this process is there for."""


def make_ready() -> None:
    """Make what takes texts in, so that processes forked from this one have it."""
    from_json(PageText, to_json(PageText(1, 1, 1, 200.0)))


def _open(scan: Scan, passwords: tuple[str, ...], folder: Path) -> None:
    pages = open_pages(scan, passwords=passwords, spool=folder)
    _opened[:] = [pages]


def _facts() -> tuple[int, bool]:
    [pages] = _opened
    return pages.count, pages.signed


def _image(number: int) -> PageImage:
    [pages] = _opened
    return pages.image(number)


def _composed(plain: bytes, target: Path, title: str, made_at: datetime) -> ComposedPdf:
    [pages] = _opened
    texts = [from_json(PageText, text) for text in msgpack.unpackb(plain)]
    return compose(pages, texts, target, title=title, made_at=made_at)
