# mypy: disable-error-code="no-untyped-call"
"""The second identifier of a file (ISO 32000-2, 14.4), *based on the file's contents at the time it was last updated*.

Where an update is ours that no signature covers, it is the SHA-256 of the whole file, so that no bit falls over
unnoticed. Other programs write 16 bytes of their own there. It is no signature: who writes the whole update anew, as
another program would, is not found out by it. He can only leave proofs out, and what is left out proves nothing.
"""

import hashlib
import re
from typing import BinaryIO

from pyhanko.pdf_utils.generic import DictionaryObject
from pyhanko.pdf_utils.reader import PdfFileReader

LENGTH = hashlib.sha256().digest_size
UNWRITTEN = b"0" * 2 * LENGTH
CHUNK_BYTES = 1 << 20
WRITTEN = re.compile(rb"/ID \[ <[0-9a-f]*> <([0-9a-f]{%d})> \]" % (2 * LENGTH))


def identify(file: BinaryIO, start: int) -> None:
    """Write it into the last of the updates that begin at *start*, where it stands as zeros as yet; the digits
    themselves are hashed as zeros. ValueError where there is no place for it."""
    place = _place(file, start)
    digest = _digest(file, place)
    file.seek(place)
    file.write(digest)


def identifiers(trailer: DictionaryObject) -> tuple[bytes, bytes]:
    """Both identifiers. ValueError or AttributeError where they are not two strings."""
    first, second = (one.original_bytes for one in trailer["/ID"])
    return first, second


def identifier_holds(file: BinaryIO, reader: PdfFileReader, newest: int, start: int) -> bool:
    """Whether it is the hash of the file, if it is one of ours. Behind *start*, where revision *newest* ends, are the
    updates that nobody signed; one of the same length that stood there before is not ours."""
    before, after = reader.get_historical_resolver(newest).trailer_view, reader.trailer_view
    stated = identifiers(after)[1] if "/ID" in after else b""
    if len(stated) != LENGTH or ("/ID" in before and identifiers(before)[1] == stated):
        return True
    place = _place(file, start)
    file.seek(place)
    written = file.read(2 * LENGTH)
    return written == stated.hex().encode() == _digest(file, place)


def _place(file: BinaryIO, start: int) -> int:
    file.seek(start)
    places = [found.start(1) for found in WRITTEN.finditer(file.read())]
    if not places:
        raise ValueError("no identifier as we write it")
    return start + places[-1]


def _digest(file: BinaryIO, place: int) -> bytes:
    """In hexadecimal digits."""
    file.seek(0)
    hashed = hashlib.sha256()
    for length in (CHUNK_BYTES,) * (place // CHUNK_BYTES) + (place % CHUNK_BYTES,):
        hashed.update(file.read(length))
    hashed.update(UNWRITTEN)
    file.seek(place + len(UNWRITTEN))
    while chunk := file.read(CHUNK_BYTES):
        hashed.update(chunk)
    return hashed.hexdigest().encode()
