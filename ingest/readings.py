"""Readings kept until their scan is done, so that a run that stopped does not read a page twice."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import IntegrityBroken
from schemas.pages import PageText, ReadingOptions
from schemas.stored import from_json_bytes, to_json_bytes

FORM = 6
"""Goes up when pages are read in a new way, so that no page is taken over that an older program read."""


@dataclass(frozen=True, slots=True)
class KeptReadings:
    """A folder of page readings, by scan and by the options they were read with."""

    folder: Path
    options: ReadingOptions

    def get(self, sha256: str, number: int) -> PageText | None:
        """The kept reading of a page, or None where there is none that is whole."""
        file = self._file(sha256, number)
        try:
            return from_json_bytes(PageText, file.read_bytes())
        except (FileNotFoundError, IntegrityBroken):  # cut off by a kill, or of another version: read anew
            return None

    def keep(self, sha256: str, text: PageText) -> None:
        file = self._file(sha256, text.number)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        unfinished.write_bytes(to_json_bytes(text))
        os.replace(unfinished, file)

    def forget(self, sha256: str) -> None:
        """Drop what is kept of a scan that is done."""
        shutil.rmtree(self.folder / sha256, ignore_errors=True)

    def _file(self, sha256: str, number: int) -> Path:
        way = "fast" if self.options.fast else "careful"
        return self.folder / sha256 / f"{way}-{self.options.engine}-{FORM}-{number:05d}.json"
