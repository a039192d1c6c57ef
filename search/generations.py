"""The folder of the embedded index: generations, which one answers, and whether its files are whole.

index/current            the name of the generation that answers
index/<generation>/      one tantivy index, and ``sohoa.json``: schema version and how far it is whole
"""

import json
import os
import re
import struct
import time
import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

CHECKED_WHOLE_BYTES = 64_000_000
"""An index up to this size has every checksum tested when it is opened (1 GB/s); a larger one the ends of its files."""
FOOTER_MAGIC = 1337


class Damaged(Exception):
    """A file of the index is not what tantivy wrote."""


@dataclass(frozen=True, slots=True)
class State:
    """What tantivy does not keep for us, in ``sohoa.json``."""

    schema_version: int
    position: int
    owed: tuple[str, ...] = ()

    @classmethod
    def read(cls, generation: Path) -> "State":
        """ValueError where the file is missing or is none of ours."""
        try:
            stored = json.loads((generation / "sohoa.json").read_text())
            owed = tuple(map(str, stored.get("owed", ())))
            return cls(int(stored["schema_version"]), int(stored["position"]), owed)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"sohoa.json: {error}") from error

    def write(self, generation: Path) -> None:
        _replace(generation / "sohoa.json", json.dumps(asdict(self)))


def current(folder: Path) -> Path | None:
    """The generation that answers; None where there is none."""
    try:
        name = (folder / "current").read_text().strip()
    except FileNotFoundError:
        return None
    if not re.fullmatch(r"[\w-]+", name) or not (folder / name).is_dir():
        return None
    return folder / name


def made(folder: Path) -> Path:
    """The folder of a new generation, empty."""
    generation = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}-{time.monotonic_ns() % 1_000_000_000}"
    generation.mkdir(mode=0o700)
    return generation


def switch(folder: Path, generation: Path) -> None:
    """Let *generation* answer from now on."""
    _replace(folder / "current", generation.name)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def check(generation: Path) -> None:
    """Damaged (or ValueError, OSError) where a file that the index needs is missing, cut off or altered (the last only
    up to ``CHECKED_WHOLE_BYTES``)."""
    meta = json.loads((generation / "meta.json").read_text())
    segments = {segment["segment_id"].replace("-", "") for segment in meta["segments"]}
    files = [path for path in generation.iterdir() if path.name.split(".")[0] in segments]
    if segments - {path.name.split(".")[0] for path in files}:
        raise Damaged("meta.json names segments that are not there")
    whole = sum(path.stat().st_size for path in files) <= CHECKED_WHOLE_BYTES
    for path in files:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size < 8:
                raise Damaged(path.name)
            file.seek(size - 8)
            length, magic = struct.unpack("<II", file.read(8))
            if magic != FOOTER_MAGIC or length > size - 8:
                raise Damaged(path.name)
            if whole:
                file.seek(size - 8 - length)
                footer = json.loads(file.read(length))
                file.seek(0)
                if zlib.crc32(file.read(size - 8 - length)) != footer["crc"]:
                    raise Damaged(path.name)
