# mypy: disable-error-code="no-untyped-call"
"""Incremental updates that change nothing but what they are for, and are there whole or not at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pyhanko.pdf_utils.generic import ArrayObject, ByteStringObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from ingest.signing.identifier import LENGTH, identify


class QuietWriter(IncrementalPdfFileWriter):
    """pyHanko's own writer states itself as the producer and the time in the document's description with each update.

    Behind the newest signature that would be a change that nobody signed; and the description tells of the composing.
    """

    def _update_meta(self) -> None:
        pass


class IdentifyingWriter(QuietWriter):
    """Writes an update that no signature covers: the identifier that it leaves is the hash of the file."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> ArrayObject:
        first, _second = super()._handle_id(prev)
        return ArrayObject([first, ByteStringObject(bytes(LENGTH))])

    def write_in_place(self) -> None:
        """Into the file that was read."""
        file = self.prev.stream
        start = file.seek(0, os.SEEK_END)
        super().write_in_place()
        identify(file, start)


@contextmanager
def rewritten(source: Path, target: Path) -> Iterator[BinaryIO]:
    """A copy of *source* to be changed in the block; synced and renamed to *target* at its end, dropped if it fails."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, unfinished)
    try:
        with unfinished.open("r+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(file: Path) -> str:
    """64 lower-case hex digits."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
