"""Units, inventory and targets from a file's rows: each cell checked, each bad row kept with column and reason.

A bad row never stops the good ones and is never half taken: it goes, as it was, to a file that can be mended and
imported again.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from archive.rowfiles import REJECT_HEADINGS, Cell, Column, RowFile, cell_text, fold, looks_like_tcvn3
from schemas.language import _
from schemas.units import Level, Target, Unit

T = TypeVar("T")

FOREVER = date.max.toordinal()
"""The day (as ``date.toordinal``) on which what has no known end would end."""

UNIT_COLUMNS = (
    Column("code", ("code", "unit code", "unit", "gso code", "ma", "ma don vi", "ma dinh danh", "ma co quan"), True),
    Column("name", ("name", "full name", "ten", "ten don vi", "ten co quan"), True),
    Column("level", ("level", "cap", "cap don vi"), True),
    Column("parent", ("parent", "parent code", "parent gso code", "don vi cap tren", "ma don vi cap tren", "cap tren")),
    Column("valid_from", ("valid from", "hieu luc tu", "tu ngay", "hoat dong tu ngay")),
    Column("valid_to", ("valid to", "hieu luc den", "den ngay", "den het ngay", "hoat dong den het ngay")),
    Column("successor", ("successor", "merged into", "sap nhap vao", "don vi ke thua", "don vi tiep nhan")),
)
INVENTORY_COLUMNS = (
    Column("unit", ("unit", "unit code", "agency", "don vi", "ma don vi", "co quan", "ma co quan"), True),
    Column("number", ("number", "so", "so van ban", "so ket qua")),
    Column("symbol", ("symbol", "ky hieu", "ki hieu")),
    Column("number_symbol", ("number and symbol", "number symbol", "reference", "so ky hieu", "so va ky hieu",
                             "so ki hieu", "so ky hieu van ban", "so ky hieu ket qua")),
    Column("issued_on", ("issued on", "date of issue", "date", "ngay ban hanh", "ngay cap", "ngay ky", "ngay thang nam",
                         "ngay"), True),
    Column("procedure", ("procedure", "procedure code", "ma thu tuc", "ma tthc", "thu tuc", "ma thu tuc hanh chinh")),
    Column("result_code", ("result code", "result type", "ma ket qua", "ma loai ket qua", "ma kq")),
    Column("title", ("title", "name", "abstract", "ten ket qua", "trich yeu", "ten", "noi dung")),
    Column("in_force_from", ("in force from", "valid from", "hieu luc tu", "co hieu luc tu", "hieu luc tu ngay",
                             "ngay co hieu luc", "co hieu luc tu ngay")),
    Column("in_force_until", ("in force until", "het hieu luc", "het hieu luc tu", "het hieu luc tu ngay",
                              "ngay het hieu luc")),
    Column("valid_to", ("valid to", "in force to", "hieu luc den", "den het ngay", "hieu luc den het ngay",
                        "co hieu luc den", "co hieu luc den het ngay")),
    Column("revoked_on", ("revoked on", "ngay thu hoi", "thu hoi", "thu hoi tu ngay", "ngay huy bo")),
)  # fmt: skip
TARGET_COLUMNS = (
    Column("level", ("level", "cap", "cap don vi"), True),
    Column("year", ("year", "nam"), True),
    Column("unit", ("unit", "unit code", "don vi", "ma don vi")),
    Column("share", ("share", "target", "chi tieu", "ty le", "ti le"), True),
)

HANDLED_COLUMNS = (
    Column("unit", ("unit", "unit code", "don vi", "ma don vi", "co quan", "don vi giai quyet"), True),
    Column("dossier", ("dossier", "dossier code", "ma ho so", "so ho so", "ho so"), True),
    Column("closed_on", ("closed on", "handled on", "date", "ngay tra", "ngay tra ket qua", "ngay giai quyet",
                         "ngay hoan thanh", "ngay ket thuc"), True),
    Column("components", ("components electronic", "components", "thanh phan dien tu", "thanh phan ho so dien tu",
                          "so hoa thanh phan", "so hoa thanh phan ho so"), True),
    Column("result", ("result electronic", "result", "ket qua dien tu", "so hoa ket qua"), True),
)  # fmt: skip
YES = frozenset(("1", "x", "co", "yes", "true", "dung", "roi"))
NO = frozenset(("", "0", "khong", "no", "false", "chua", "sai"))

LEVELS = {
    **{level.value: level for level in Level},
    **dict.fromkeys(("cap tinh", "tinh", "cap so", "so", "so ban nganh", "so nganh", "department level"),
                    Level.DEPARTMENT),
    **dict.fromkeys(("cap huyen", "huyen", "quan", "quan huyen", "cap quan", "thanh pho thuoc thanh pho"),
                    Level.DISTRICT),
    **dict.fromkeys(("cap xa", "xa", "phuong", "phuong xa", "xa phuong", "thi tran", "dac khu", "cap phuong"),
                    Level.WARD),
}  # fmt: skip


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


class StagedRow(NamedTuple):
    """An inventory row on its way in. None: the file does not say, so what is known stays. Days are ordinals.

    A tuple, as millions of them are made: a frozen dataclass takes five times as long (1.4 against 0.27 µs).
    """

    line: int
    unit: str
    number: str
    symbol: str
    issued: int
    procedure: str | None
    result_code: str
    title: str | None
    from_day: int | None
    until_day: int | None


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
                writer.writerow([h for h in self.headings if h not in REJECT_HEADINGS] + list(REJECT_HEADINGS))
            writer.writerow(
                [*texts, line, "; ".join(fault.column for fault in faults), "; ".join(fault.reason for fault in faults)]
            )
        self.count += 1
        if len(self.faults) < self.KEEP:
            self.faults.extend(faults)


class Reader(Generic[T]):
    """Values from a file's rows, bad rows set aside in ``rejects``."""

    def __init__(self, file: RowFile, rejects: Path, take: "Callable[[int, Cells], T]") -> None:
        self.file = file
        self.rejects = Rejects(rejects, file.headings)
        self._take = take

    def __iter__(self) -> Iterator[T]:
        for line, cells in self.file.rows:
            if not any(cells):
                continue
            try:
                if line in self.file.merged:
                    raise BadCell("", _("a merged cell hides this row's own value; unmerge it and fill in each row"))
                yield self._take(line, Cells(self.file.places, cells))
            except BadCell as bad:
                self.rejects.add(line, cells, [Fault(line, self._heading(bad.column), bad.reason)])

    def reject(self, line: int, cells: Sequence[Cell], column: str, reason: str) -> None:
        """Set a row aside that another part of the import found bad."""
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

    def has(self, column: str) -> bool:
        """Whether the file has this column."""
        return column in self._places

    def raw(self, column: str) -> Cell:
        """The cell itself; an empty string where there is none."""
        place = self._places.get(column)
        if place is None:
            return ""
        try:
            return self._cells[place]
        except IndexError:
            return ""

    def text(self, column: str) -> str:
        """The cell as text, empty where there is none; BadCell for text in a font's own code."""
        cell = self.raw(column)
        if cell == "":
            return ""
        text = cell.strip() if type(cell) is str else cell_text(cell)
        if not text.isascii():
            text = _checked_text(text)
            if not text:
                raise BadCell(column, _("text in TCVN3 (an ABC font such as .VnTime); type it again in Unicode"))
        return text

    def needed(self, column: str) -> str:
        """The cell as text; BadCell where it is empty."""
        text = self.text(column)
        if not text:
            raise BadCell(column, _("empty"))
        return text

    def day(self, column: str) -> int | None:
        """The cell as a day, None where it is empty; BadCell says what is not understood."""
        cell = self.raw(column)
        if type(cell) is not str:
            cell = cell_text(cell)
        if cell == "":
            return None
        day = day_of(cell)
        if day is None:
            raise BadCell(column, _("'{text}' is not a day; write 15/8/2023 or 2023-08-15").format(text=cell.strip()))
        return day


@lru_cache(maxsize=100_000)
def _checked_text(text: str) -> str:
    text = unicodedata.normalize("NFC", text).replace("\u00a0", " ").strip()
    return "" if looks_like_tcvn3(text) else text


_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_VIETNAMESE = re.compile(r"(\d{1,2})\s*[/.\-]\s*(\d{1,2})\s*[/.\-]\s*(\d{4})")
_WRITTEN = re.compile(r"ngay (\d{1,2}) thang (\d{1,2}) nam (\d{4})")


@lru_cache(maxsize=100_000)
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


@lru_cache(maxsize=100_000)
def number_key(number: str) -> str:
    """A number for matching: case and spaces folded, no leading zeros (``01`` and ``1`` are the same)."""
    folded = "".join(number.split()).upper()
    return folded.lstrip("0") or folded[:1]


@lru_cache(maxsize=100_000)
def symbol_key(symbol: str) -> str:
    """A symbol for matching: case and spaces folded, in NFC, every dash a hyphen."""
    folded = "".join(unicodedata.normalize("NFC", symbol).split()).upper()
    return re.sub(r"[\u2010-\u2015\u2212]", "-", folded).strip("/")


@lru_cache(maxsize=10_000)
def unit_key(code: str) -> str:
    """A unit's code for matching: ``000.00.17.H29`` (QĐ 20/2020) and ``H29.17`` (QĐ 09/2025) are the same."""
    folded = "".join(code.split()).upper()
    parts = folded.split(".")
    if len(parts) > 1 and re.fullmatch(r"[A-Z]\d+", parts[-1]) and all(part.isdigit() for part in parts[:-1]):
        return ".".join([parts[-1], *(part for part in reversed(parts[:-1]) if int(part))])
    return folded


def match_key(home: str, number: str, symbol: str, issued: int) -> str:
    """What an inventory row and its records share. *home*: the unit after all mergers; its rows lie side by side."""
    return f"{home}|{issued}|{symbol_key(symbol)}|{number_key(number)}"


_PLAIN_NUMBER = re.compile(r"[0-9]{1,10}[A-Za-z]{0,3}")
_GROUPED_NUMBER = re.compile(r"\d{1,3}(?:[ .,]\d{3})+")


def _number(text: str, column: str) -> str:
    if _PLAIN_NUMBER.fullmatch(text):
        return text
    if _GROUPED_NUMBER.fullmatch(text):
        return re.sub(r"\D", "", text)
    raise BadCell(column, _("'{text}' is not a number of a document").format(text=text))


def unit_row(line: int, cells: Cells) -> Unit:
    """One unit."""
    name = cells.text("level")
    level = LEVELS.get(fold(name))
    if level is None:
        raise BadCell("level", _("'{text}' is not a level: department (sở, ban, ngành), district (quận, huyện) or ward "
                                 "(phường, xã, thị trấn)").format(text=name))  # fmt: skip
    code = cells.needed("code")
    if len(code) > 35 or "|" in code or any(c.isspace() for c in code):
        raise BadCell("code", _("'{text}' is not a unit's code (at most 35 characters, no space)").format(text=code))
    valid_from, valid_to = cells.day("valid_from"), cells.day("valid_to")
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        raise BadCell("valid_to", _("ends before it begins"))
    return Unit(
        code,
        cells.needed("name"),
        level,
        cells.text("parent") or None,
        date.fromordinal(valid_from) if valid_from is not None else None,
        date.fromordinal(valid_to) if valid_to is not None else None,
        cells.text("successor") or None,
    )


def inventory_row(unit_of: "Callable[[str], str]") -> "Callable[[int, Cells], StagedRow]":
    """The function that takes an inventory row; *unit_of* gives a unit's code as the tree has it, or raises BadCell."""

    def take(line: int, cells: Cells) -> StagedRow:
        unit = unit_of(cells.needed("unit"))
        number, symbol = cells.text("number"), cells.text("symbol")
        column = "number" if cells.has("number") else "number_symbol"
        if not number:
            both = cells.text("number_symbol")
            number, slash, symbol = (part.strip() for part in both.partition("/"))
            if not slash:
                raise BadCell(column, _("no '/' between number and symbol") if both else _("empty"))
        elif "/" in number and not symbol:
            number, _slash, symbol = (part.strip() for part in number.partition("/"))
        issued = cells.day("issued_on")
        if issued is None:
            raise BadCell("issued_on", _("empty"))
        from_day = cells.day("in_force_from")
        last = cells.day("valid_to")
        after_last = last + 1 if last is not None and last < FOREVER else last
        until_day = _earliest(cells.day("in_force_until"), after_last, cells.day("revoked_on"))
        if until_day is not None and until_day <= (from_day if from_day is not None else issued):
            raise BadCell("in_force_until", _("no longer in force before it comes into force"))
        return StagedRow(
            line,
            unit,
            _number(number, column),
            symbol,
            issued,
            cells.text("procedure") or None,
            cells.text("result_code"),
            cells.text("title") or None,
            from_day,
            until_day,
        )

    return take


def _earliest(*days: int | None) -> int | None:
    known = [day for day in days if day is not None]
    return min(known) if known else None


def target_row(line: int, cells: Cells) -> Target:
    """One target. The share is written ``50%`` or ``50``; a bare ``0,5`` is refused, as it could mean either."""
    name = cells.text("level")
    level = LEVELS.get(fold(name))
    if level is None:
        raise BadCell("level", _("'{text}' is not a level: department (sở, ban, ngành), district (quận, huyện) or ward "
                                 "(phường, xã, thị trấn)").format(text=name))  # fmt: skip
    year = cells.text("year")
    if not re.fullmatch(r"\d{4}", year):
        raise BadCell("year", _("'{text}' is not a year").format(text=year))
    return Target(level, int(year), _share(cells), cells.text("unit") or None)


def handled_row(unit_of: "Callable[[str], str]") -> "Callable[[int, Cells], tuple[str, str, date, bool, bool]]":
    """The function that takes a dossier handled: unit, code, day closed, components electronic, result electronic."""

    def truth(cells: Cells, column: str) -> bool:
        text = fold(cells.text(column))
        if text in YES or text in NO:
            return text in YES
        raise BadCell(column, _("'{text}' is neither yes (x, 1, có) nor no (0, không, empty)").format(text=text))

    def take(line: int, cells: Cells) -> tuple[str, str, date, bool, bool]:
        closed = cells.day("closed_on")
        if closed is None:
            raise BadCell("closed_on", _("empty"))
        return (unit_of(cells.needed("unit")), cells.needed("dossier"), date.fromordinal(closed),
                truth(cells, "components"), truth(cells, "result"))  # fmt: skip

    return take


def _share(cells: Cells) -> Fraction:
    cell = cells.raw("share")
    if isinstance(cell, float) and 0 < cell <= 1:  # a spreadsheet's cell in per cent holds the share itself
        return Fraction(str(cell))
    text = cells.text("share")
    match = re.fullmatch(r"(\d{1,3})(?:[.,](\d{1,4}))?\s*(%?)", text)
    if match:
        whole, part, sign = match.groups()
        share = Fraction(f"{whole}.{part or 0}") / 100
        if 0 < share <= 1 and (sign or share >= Fraction(1, 100)):
            return share
    raise BadCell("share", _("'{text}' is not a share; write 50% or 50").format(text=text))
