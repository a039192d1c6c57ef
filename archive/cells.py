"""Cells of a file's rows, each checked as it is read; a row that cannot be taken is kept with column and reason.

A bad row never stops the good ones and is never half taken: it goes, as it was, to a file that can be mended and
imported again.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

from archive.rowfiles import REJECT_HEADINGS, Cell, RowFile, cell_text, fold, looks_like_tcvn3
from schemas.formulas import harmless_formula, without_guard
from schemas.language import _

T = TypeVar("T")
V = TypeVar("V")

REMEMBERED = 100_000
"""So many texts of a column are remembered at most (some 20 MB)."""


class BadCell(Exception):
    """A cell that cannot be taken: the column by our name, and the reason a person can act on."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row was not taken."""

    line: int
    column: str
    reason: str


@dataclass
class Rejects:
    """The rows not taken, written as they were, with row, column and reason beside them; no file if there are none."""

    path: Path
    headings: Sequence[str]
    count: int = 0
    faults: list[Fault] = field(default_factory=list)
    """The first few, for the terminal."""

    KEEP = 20

    def add(self, line: int, cells: Sequence[Cell], faults: Sequence[Fault]) -> None:
        """Keep one bad row."""
        width = len(self.headings)
        texts = [cell_text(cell) for cell in cells][:width]
        texts += [""] * (width - len(texts))
        old = {place for place, heading in enumerate(self.headings) if heading in REJECT_HEADINGS}
        texts = [text for place, text in enumerate(texts) if place not in old]
        first = self.count == 0
        with self.path.open("w" if first else "a", encoding="utf-8-sig" if first else "utf-8", newline="") as file:
            writer = csv.writer(file)
            if first:
                kept = [harmless_formula(heading) for heading in self.headings if heading not in REJECT_HEADINGS]
                writer.writerow([*kept, *REJECT_HEADINGS])
            said = ["; ".join(fault.column for fault in faults), "; ".join(fault.reason for fault in faults)]
            writer.writerow([*map(harmless_formula, texts), line, *map(harmless_formula, said)])
        self.count += 1
        if len(self.faults) < self.KEEP:
            self.faults.extend(faults)


class Reader(Generic[T]):
    """Values from a file's rows, bad rows set aside in ``rejects``."""

    def __init__(self, file: RowFile, rejects: Path, take: Callable[[int, Sequence[Cell]], T]) -> None:
        self.file = file
        self.rejects = Rejects(rejects, file.headings)
        self._take = take

    def __iter__(self) -> Iterator[T]:
        merged, take = self.file.merged, self._take
        for line, cells in self.file.rows:
            if not any(cells):
                continue
            try:
                if merged and line in merged:
                    self._refuse_merged(merged[line])
                yield take(line, cells)
            except BadCell as bad:
                self.reject(line, cells, bad.column, bad.reason)

    def _refuse_merged(self, covered: Container[int]) -> None:
        """BadCell where a merged cell covers one that is needed here; what it does to other columns does not matter."""
        for column, place in self.file.places.items():
            if place in covered:
                raise BadCell(column, _("a merged cell hides this row's own value; unmerge it and fill in each row"))

    def reject(self, line: int, cells: Sequence[Cell], column: str, reason: str) -> None:
        """Set a row aside: *column* by our name, or empty for the whole row."""
        self.rejects.add(line, cells, [Fault(line, self._heading(column), reason)])

    def _heading(self, column: str) -> str:
        place = self.file.places.get(column)
        return self.file.headings[place] if place is not None and place < len(self.file.headings) else column


class Cells:
    """One row's cells by our column names."""

    __slots__ = ("_cells", "_places")

    def __init__(self, places: Mapping[str, int], cells: Sequence[Cell]) -> None:
        self._places = places
        self._cells = cells

    def raw(self, column: str) -> Cell:
        """The cell itself; an empty string where there is none."""
        place = self._places.get(column)
        return "" if place is None or place >= len(self._cells) else self._cells[place]

    def text(self, column: str) -> str:
        """The cell as text, empty where there is none; BadCell for text in a font's own code."""
        return checked_text(column, cell_text(self.raw(column)))

    def needed(self, column: str) -> str:
        """The cell as text; BadCell where it is empty."""
        return needed(column, self.text(column))

    def day(self, column: str) -> int | None:
        """The cell as a day, None where it is empty; BadCell says what is not understood."""
        return checked_day(column, cell_text(self.raw(column)))


def by_column(file: RowFile, take: Callable[[int, Cells], T]) -> Callable[[int, Sequence[Cell]], T]:
    """The function that takes a row of *file* by the names of its columns."""
    return lambda line, cells: take(line, Cells(file.places, cells))


class Checked(dict[str, V]):
    """What each text of a column says. A text is checked when it is first met, as a column repeats its units and days:
    a dict's answer takes a tenth of the time of a check."""

    def __init__(self, check: Callable[[str], V]) -> None:
        super().__init__()
        self._check = check

    def __missing__(self, text: str) -> V:
        value = self._check(text)
        if len(self) < REMEMBERED:
            self[text] = value
        return value


def checked_text(column: str, text: str) -> str:
    """*text* in NFC, without space or a guard around it; BadCell for text in a font's own code."""
    text = without_guard(text.strip())
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if "\u00a0" in text:
        text = text.replace("\u00a0", " ").strip()
    if looks_like_tcvn3(text):
        raise BadCell(column, _("text in TCVN3 (an ABC font such as .VnTime); type it again in Unicode"))
    return text


def needed(column: str, text: str) -> str:
    """*text*; BadCell where it is empty."""
    if not text:
        raise BadCell(column, _("empty"))
    return text


def checked_day(column: str, text: str) -> int | None:
    """The day (ordinal) that *text* names, None where it is empty; BadCell says what is not understood."""
    text = cell_text(text)
    if not text:
        return None
    day = day_of(text)
    if day is None:
        raise BadCell(column, _("'{text}' is not a day; write 15/8/2023 or 2023-08-15").format(text=text))
    return day


_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_VIETNAMESE = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})\s*[/.\-]\s*(\d{4})")
_WRITTEN = re.compile(r"ngay (\d{1,2}) thang (\d{1,2}) nam (\d{4})")


@lru_cache(maxsize=10_000)
def day_of(text: str) -> int | None:
    """The day (ordinal) written as ``2023-08-15``, ``15/8/2023``, ``15.8.2023`` or *ngày 15 tháng 8 năm 2023*.

    Day before month always, as in Vietnam; a year of two digits is not taken, because its century would be a guess.
    """
    text = text.strip()
    if match := _ISO.fullmatch(text):
        year, month, day = map(int, match.groups())
    elif match := _VIETNAMESE.fullmatch(text) or _WRITTEN.fullmatch(fold(text)):
        day, month, year = map(int, match.groups())
    else:
        return None
    try:
        return date(year, month, day).toordinal()
    except ValueError:
        return None
