"""Watching folders for scans that have arrived whole. Polling, so that network shares work as disks do."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest.intake import files_of, identify, media_type_of
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _
from schemas.pages import MediaType, Scan
from schemas.work import RejectedScan

SETTLED_S = 5.0
"""A file is taken when its size and time stand still for so long."""
UNFINISHED_S = 60.0
"""One that stands still but does not end as its kind does may be a copy that stalled: it is given so much longer."""
TAIL_BYTES = 2048

Seen = tuple[int, int]
"""Size in bytes and time of the last change in nanoseconds."""


@dataclass(slots=True)
class Watch:
    """What has been seen of the watched paths so far; each file is given out once, and again when it changes."""

    paths: Sequence[Path]
    exclude: Sequence[Path] = ()
    names_left_out: tuple[str, ...] = ()
    clock: Callable[[], float] = time.monotonic
    _since: dict[Path, tuple[Seen, float]] = field(default_factory=dict)
    _given: dict[Path, Seen] = field(default_factory=dict)

    def arrived(self) -> list[Scan | RejectedScan]:
        """The files that have become whole since the last call, in natural order; those gone are forgotten."""
        now = self.clock()
        found: list[Scan | RejectedScan] = []
        present: set[Path] = set()
        for file in files_of(self.paths, exclude=self.exclude):
            # A folder that cannot be read now may be readable at the next look.
            if isinstance(file, RejectedScan) or file.name in self.names_left_out:
                continue
            present.add(file)
            seen = _seen(file)
            if seen is None or self._given.get(file) == seen:
                continue
            before, since = self._since.get(file, (None, now))
            if before != seen:
                self._since[file] = (seen, now)
                continue
            stands_s = now - since
            if stands_s >= SETTLED_S and (stands_s >= UNFINISHED_S or _ends_whole(file)):
                self._given[file] = seen
                found.append(identify(file))
        for gone in set(self._since) - present:
            self._since.pop(gone, None)
            self._given.pop(gone, None)
        return found

    @property
    def settling(self) -> int:
        """How many files are there that are not whole yet."""
        return sum(self._given.get(file) != seen for file, (seen, _since) in self._since.items())


@contextmanager
def only_watcher(folders: Sequence[Path]) -> Iterator[None]:
    """Hold the folders for one watcher; nothing is written in them. InputRejected where one is not there,
    ServiceUnavailable where another process watches it already."""
    with ExitStack() as held:
        for folder in folders:
            if not folder.is_dir():
                raise InputRejected(_("{folder}: not a folder that can be watched").format(folder=folder))
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ServiceUnavailable(
                    _("{folder}: another sohoa watches this folder; stop it first").format(folder=folder)
                ) from error
        yield


def _seen(file: Path) -> Seen | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _ends_whole(file: Path) -> bool:
    """The file ends as its kind does; a kind that has no such mark is whole when it stands still."""
    try:
        with file.open("rb") as opened:
            head = opened.read(1024)
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - TAIL_BYTES))
            tail = opened.read()
    except OSError:
        return False
    match media_type_of(head):
        case MediaType.PDF:
            return b"%%EOF" in tail
        case MediaType.JPEG:
            return b"\xff\xd9" in tail
        case MediaType.PNG:
            return b"IEND" in tail
        case _:
            return True
