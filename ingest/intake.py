"""Intake: which files are scans, known by their bytes. Nothing in the inbox is ever altered, moved or deleted."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from schemas.language import _
from schemas.pages import MediaType, Scan
from schemas.work import RejectedScan

NOT_SCANS = frozenset({"thumbs.db", "desktop.ini", ".ds_store"})
"""What Windows and macOS leave in folders by themselves."""
HEADER_BYTES = 1024
"""A PDF may have its header anywhere in the first 1024 bytes (ISO 32000-1, Annex H, implementation note 13)."""
CHUNK_BYTES = 1 << 20


def find_scans(paths: Sequence[Path], *, exclude: Sequence[Path] = ()) -> Iterator[Scan | RejectedScan]:
    """Each scan among *paths* (files, and folders with all below them, in natural order), hashed as it is come to.

    The same bytes under several names are one scan, given once, under the first name. What cannot be taken comes as a
    ``RejectedScan`` with the reason; nothing is raised. Folders in *exclude* and hidden files are left out.
    """
    seen: set[str] = set()
    for found in files_of(paths, exclude=exclude):
        scan = found if isinstance(found, RejectedScan) else identify(found)
        if isinstance(scan, Scan):
            if scan.sha256 in seen:
                continue
            seen.add(scan.sha256)
        yield scan


def files_of(paths: Sequence[Path], *, exclude: Sequence[Path] = ()) -> Iterator[Path | RejectedScan]:
    """Each file among *paths* and below them, in natural order, not looked into; a folder that cannot be read comes as
    a ``RejectedScan``. Files and folders in *exclude* and hidden files are left out."""
    excluded = {_identity(path) for path in exclude} - {None}
    for path in paths:
        for found in _files(path, excluded):
            if isinstance(found, RejectedScan) or _identity(found) not in excluded:
                yield found


def identify(path: Path) -> Scan | RejectedScan:
    """The scan that *path* is by its content: hash and size streamed, so of any length."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return _rejected(path, _("{file}: not a file but a device, pipe or socket; leave it out"))
        digest = hashlib.sha256()
        size = 0
        head = b""
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                head = head or chunk[:HEADER_BYTES]
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        return _rejected(path, _("{file}: cannot be read ({error}); check that it is there and may be read"), error)
    if size == 0:
        return _rejected(path, _("{file}: empty file; scan it again"))
    media_type = media_type_of(head)
    if media_type is None and _is_packed_package(head):
        return _rejected(
            path,
            _("{file}: a package that is packed; unpack it (unzip, or tar -xf) and give the folder that is in it"),
            sha256=digest.hexdigest(),
        )
    if media_type is None:
        return _rejected(
            path,
            _(
                "{file}: neither PDF, TIFF, PNG nor JPEG by its content, whatever its name says; scan or "
                "export it as PDF"
            ),
            sha256=digest.hexdigest(),
        )
    return Scan(path, digest.hexdigest(), size, media_type)


def media_type_of(head: bytes) -> MediaType | None:
    """What a file is by its first bytes; None for what is no scan."""
    if head.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return MediaType.TIFF
    if b"%PDF-" in head[:HEADER_BYTES]:
        return MediaType.PDF
    return None


def _is_packed_package(head: bytes) -> bool:
    """A tar file, or a ZIP file that begins with the folder of an E-ARK package (``uuid-…``); others may be papers."""
    zipped = head.startswith(b"PK\3\4") and head[30:].removeprefix(b"./").startswith(b"uuid-")
    return zipped or head[257:262] == b"ustar"


def _files(path: Path, excluded: set[tuple[int, int] | None]) -> Iterator[Path | RejectedScan]:
    if not os.path.isdir(path):  # Path.is_dir raises where a folder above may not be entered
        yield path
        return
    if _identity(path) in excluded:
        return
    yield from _files_below(path, excluded, above=frozenset())


def _files_below(
    folder: Path, excluded: set[tuple[int, int] | None], above: frozenset[tuple[int, int] | None]
) -> Iterator[Path | RejectedScan]:
    here = _identity(folder)
    if here in above:  # a link that leads back up
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: _natural(entry.name))
    except OSError as error:
        yield _rejected(folder, _("{file}: the folder cannot be read ({error}); give read permission"), error)
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name.lower() in NOT_SCANS:
            continue
        if os.path.isdir(path):
            if _identity(path) not in excluded:
                yield from _files_below(path, excluded, above | {here})
        else:
            yield path


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def natural_order(path: Path) -> list[list[tuple[int, int, str]]]:
    """Sorts paths as ``files_of`` gives out the files below a folder."""
    return [_natural(part) for part in path.parts]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts ``page 2`` before ``page 10``."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.casefold()) for part in re.split(r"([0-9]+)", name)]


def _rejected(path: Path, reason: str, error: OSError | None = None, sha256: str = "") -> RejectedScan:
    return RejectedScan(str(path), sha256, reason.format(file=path, error=error.strerror if error else ""))
