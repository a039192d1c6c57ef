"""From files to read pages: every scan is opened, its pages are handed to the workers, and it comes back whole."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.fencedpages import open_fenced
from ingest.pages import ScanPages
from ingest.readings import KeptReadings
from ingest.workers import Pool, read_all
from schemas.errors import InputRejected
from schemas.pages import PageImage, PageState, PageText, ReadingOptions, Scan
from schemas.work import RejectedScan, SecretScan


@dataclass(frozen=True, slots=True)
class ReadScan:
    """A scan with all its pages read; ``pages`` stays open until the next one is asked for."""

    scan: Scan
    pages: ScanPages
    texts: tuple[PageText, ...]


@dataclass(slots=True)
class _InWork:
    scan: Scan
    pages: ScanPages
    texts: dict[int, PageText] = field(default_factory=dict)
    rejected: str = ""
    secret_page: int = 0

    @property
    def given_up(self) -> bool:
        return bool(self.rejected or self.secret_page)

    @property
    def whole(self) -> bool:
        return len(self.texts) == self.pages.count


@dataclass(frozen=True, slots=True)
class Reading:
    """What scans are read with. ``on_page`` is told of each page as it comes back."""

    pool: Pool
    options: ReadingOptions
    spool: Path
    passwords: tuple[str, ...] = ()
    kept: KeptReadings | None = None
    on_page: Callable[[Scan, PageText, int], None] = lambda scan, text, count: None
    released: Callable[[str], bool] = lambda sha256: False
    """Whether a person has released a scan that was stopped as secret."""
    open_pages: Callable[..., ScanPages] = open_fenced
    """As ``ingest.pages.open_pages``; here, in a process that a hostile scan cannot do harm from."""
    stopped: Callable[[], bool] = lambda: False
    """Asked before each page: once true, no further page is handed out and unfinished scans do not come back."""


def read_scans(
    scans: Iterable[Scan | RejectedScan], reading: Reading
) -> Iterator[ReadScan | RejectedScan | SecretScan]:
    """Each scan read whole, rejected with its reason, or stopped as secret; in the order in which they were given.

    Pages of several scans are in work at once, and no more of them than the workers need.
    """
    in_work: deque[_InWork | RejectedScan] = deque()
    by_hash: dict[str, _InWork] = {}

    def pages_to_read() -> Iterator[tuple[tuple[str, int], PageImage]]:
        for scan in scans:
            if isinstance(scan, RejectedScan):
                in_work.append(scan)
                continue
            try:
                pages = reading.open_pages(scan, passwords=reading.passwords, spool=reading.spool)
            except InputRejected as error:
                in_work.append(RejectedScan(str(scan.path), scan.sha256, str(error)))
                continue
            work = _InWork(scan, pages)
            in_work.append(work)
            by_hash[scan.sha256] = work
            yield from _unread_pages(work, reading)

    for (sha256, _number), text in read_all(pages_to_read(), reading.pool, reading.options):
        work = by_hash.get(sha256)
        if work is None or work.given_up:  # another page of this scan could not be taken
            continue
        if text.state is PageState.SECRET:
            work.secret_page = text.number
            work.texts.clear()
            if reading.kept is not None:
                reading.kept.forget(sha256)
            yield from _finished(in_work, by_hash)
            continue
        work.texts[text.number] = text
        if reading.kept is not None:
            reading.kept.keep(sha256, text)
        reading.on_page(work.scan, text, work.pages.count)
        yield from _finished(in_work, by_hash)
    yield from _finished(in_work, by_hash)
    for work in by_hash.values():  # stopped before they were whole
        work.pages.close()


def _unread_pages(work: _InWork, reading: Reading) -> Iterator[tuple[tuple[str, int], PageImage]]:
    released = reading.released(work.scan.sha256)
    for number in range(1, work.pages.count + 1):
        if work.secret_page or reading.stopped():
            return
        kept = reading.kept.get(work.scan.sha256, number) if reading.kept is not None else None
        if kept is not None:
            work.texts[number] = kept
            continue
        try:
            image = work.pages.image(number)
        except InputRejected as error:
            work.rejected = str(error)
            return
        yield (work.scan.sha256, number), replace(image, released=released)


def _finished(
    in_work: deque[_InWork | RejectedScan], by_hash: dict[str, _InWork]
) -> Iterator[ReadScan | RejectedScan | SecretScan]:
    """Take from the front what is done; a scan in work holds back those behind it."""
    while in_work:
        first = in_work[0]
        if isinstance(first, RejectedScan):
            yield first
        elif first.rejected:
            first.pages.close()
            by_hash.pop(first.scan.sha256)
            yield RejectedScan(str(first.scan.path), first.scan.sha256, first.rejected)
        elif first.secret_page:
            first.pages.close()
            by_hash.pop(first.scan.sha256)
            yield SecretScan(first.scan, first.secret_page)
        elif first.whole:
            by_hash.pop(first.scan.sha256)
            yield ReadScan(first.scan, first.pages, tuple(first.texts[n] for n in sorted(first.texts)))
            first.pages.close()
        else:
            return
        in_work.popleft()
