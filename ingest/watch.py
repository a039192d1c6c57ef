"""Watching folders for scans that have arrived whole. Polling, so that network shares work as disks do."""

import fcntl
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pikepdf
from PIL import Image

from ingest.intake import files_of, identify, media_type_of
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _
from schemas.pages import MediaType, Scan
from schemas.work import RejectedScan

SETTLED_S = 5.0
"""A file is taken when its size and time stand still for so long."""
UNFINISHED_S = 60.0
"""One that stands still but does not open whole may be a copy that stalled: it is given so much longer."""
TAIL_BYTES = 2048
_STRIPS_AT, _STRIP_BYTES, _TILES_AT, _TILE_BYTES = 273, 279, 324, 325
"""TIFF 6.0: where the parts of an image lie, and how long they are."""

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
            if stands_s >= SETTLED_S and (stands_s >= UNFINISHED_S or _opens_whole(file)):
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


Lock = Callable[[int, int], None]
WATCHED = ".sohoa-watch"
"""The file that is locked where a folder cannot be: on NFS a lock needs something open for writing (flock(2))."""


@contextmanager
def only_watcher(folders: Sequence[Path], lock: Lock = fcntl.flock) -> Iterator[None]:
    """Hold the folders for one watcher, on whatever machine, with all below them: the folders above are locked against
    a watcher of their own, and shared with watchers of folders beside these. Nothing is written in them, but for the
    hidden empty ``WATCHED`` on shares whose folders cannot be locked (where a watcher of a folder above is only met
    if it was there first). InputRejected where a folder is not there, ServiceUnavailable where another process watches
    it, or one above or below it, already, or nothing can be locked in it."""
    mine = {folder.resolve() for folder in folders}
    with ExitStack() as held:
        for folder in folders:
            if not folder.is_dir():
                raise InputRejected(_("{folder}: not a folder that can be watched").format(folder=folder))
            _share_above(held, folder, mine, lock)
            try:
                try:
                    _locked(held, folder, os.O_RDONLY | os.O_DIRECTORY, lock)
                except BlockingIOError:
                    raise
                except OSError:
                    _locked(held, folder / WATCHED, os.O_RDWR | os.O_CREAT, lock)
            except BlockingIOError as error:
                raise ServiceUnavailable(
                    _("{folder}: another sohoa watches this folder or one in it; stop it first").format(folder=folder)
                ) from error
            except OSError as error:
                raise ServiceUnavailable(
                    _("{folder}: cannot be locked ({error}), so two watchers could take the same file; mount it with "
                      "locks and for writing").format(folder=folder, error=error.strerror)
                ) from error  # fmt: skip
        yield


def _share_above(held: ExitStack, folder: Path, mine: set[Path], lock: Lock) -> None:
    """Share the folders above *folder*, which nobody can then watch; those that cannot be locked are passed over."""
    for above in folder.resolve().parents:
        if above in mine:
            continue
        for path, flags in ((above, os.O_RDONLY | os.O_DIRECTORY), (above / WATCHED, os.O_RDWR)):
            try:
                _locked(held, path, flags, lock, fcntl.LOCK_SH)
                break
            except BlockingIOError as error:
                raise ServiceUnavailable(
                    _("{folder}: another sohoa watches {above}, in which it lies; stop it first").format(
                        folder=folder, above=above
                    )
                ) from error
            except OSError:
                continue


def _locked(held: ExitStack, path: Path, flags: int, lock: Lock, how: int = fcntl.LOCK_EX) -> None:
    descriptor = os.open(path, flags, 0o600)
    held.callback(os.close, descriptor)
    lock(descriptor, how | fcntl.LOCK_NB)


def _seen(file: Path) -> Seen | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _opens_whole(file: Path) -> bool:
    """The file opens, and ends as its kind does: a copy that stalled lacks its end, and in a TIFF some strips."""
    try:
        with file.open("rb") as opened:
            head = opened.read(1024)
            opened.seek(max(0, os.fstat(opened.fileno()).st_size - TAIL_BYTES))
            tail = opened.read()
        match media_type_of(head):
            case MediaType.PDF:
                if b"%%EOF" not in tail:
                    return False
                with pikepdf.open(file) as pdf:
                    return len(pdf.pages) > 0
            case MediaType.JPEG:
                return b"\xff\xd9" in tail
            case MediaType.PNG:
                return b"IEND" in tail
            case MediaType.TIFF:
                with warnings.catch_warnings(), Image.open(file) as image:
                    warnings.simplefilter("ignore")  # what a cut-off directory lacks
                    image.seek(getattr(image, "n_frames", 1) - 1)
                    return _strips_end(image) <= file.stat().st_size
            case _:
                return True
    except pikepdf.PasswordError:
        return True  # whole, as far as one can see; its password is asked for when it is read
    except (OSError, ValueError, EOFError, SyntaxError, KeyError, TypeError, pikepdf.PdfError):
        return False


def _strips_end(tiff: Image.Image) -> int:
    """Where the bytes of the frame end, by its own directory."""
    tags = getattr(tiff, "tag_v2", {})
    at = tags.get(_STRIPS_AT) or tags.get(_TILES_AT) or ()
    lengths = tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or ()
    return max((start + length for start, length in zip(at, lengths, strict=False)), default=0)
