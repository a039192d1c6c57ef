"""Units, results in force, targets, procedures, dossiers handled: columns of each file, and a value from each row."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import partial
from operator import itemgetter

from archive.cells import BadCell, Cells, Checked, Fault, Rejects, checked_day, checked_text, needed
from archive.keys import key_of_parts, likeness, number_key, symbol_key
from archive.rowfiles import Cell, Column, RowFile, cell_text, fold
from schemas.days import FOREVER
from schemas.language import _
from schemas.procedures import Procedure
from schemas.units import Level, Target, Unit

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
PROCEDURE_COLUMNS = (
    Column("code", ("code", "procedure", "procedure code", "ma", "ma so", "ma thu tuc", "ma tthc", "ma so tthc",
                    "ma thu tuc hanh chinh", "ma so thu tuc hanh chinh"), True),
    Column("name", ("name", "procedure name", "title", "ten", "ten thu tuc", "ten tthc", "ten thu tuc hanh chinh",
                    "thu tuc hanh chinh"), True),
    Column("field", ("field", "group", "linh vuc", "ten linh vuc", "linh vuc tthc", "nhom", "nhom thu tuc")),
    Column("valid_from", ("valid from", "from", "tu ngay", "hieu luc tu", "ap dung tu ngay", "hieu luc tu ngay",
                          "ngay hieu luc", "ngay co hieu luc")),
)  # fmt: skip

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


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows new, changed (the old form kept beside), already known, and set aside."""

    new: int
    changed: int
    same: int
    rejects: Rejects
    ignored: tuple[str, ...] = ()
    """Headings of the file that mean nothing to us."""
    doubled: tuple[Fault, ...] = ()
    """New results, the first few, that stand in another unit's list too; taken all the same."""
    doubled_count: int = 0
    """How many such results there are."""


StagedRow = tuple[
    int, str, str, str, str, int, str | None, str, str | None, int | None, int | None, int
]  # fmt: skip
"""An inventory row on its way in: line, key, unit, number, symbol, day of issue, procedure, result code, title, first
day in force, first day that it is no longer, and its ``archive.keys.likeness``. None: the file does not say, so what is
known stays. Days are ordinals.

A bare tuple, as millions of them are made: the driver takes a second longer over a million of any other kind."""

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


def inventory_row(
    file: RowFile, unit_of: Callable[[str], str], homes: Mapping[str, str]
) -> Callable[[int, Sequence[Cell]], StagedRow]:
    """The function that takes a row of an inventory.

    *unit_of* gives a unit's code as the tree has it, or raises BadCell; *homes*: code → the unit after all mergers.
    """
    places = file.places
    width = max(places.values()) + 1
    pick = itemgetter(*(places.get(column.name, -1) for column in INVENTORY_COLUMNS))
    number_column, symbol_column = (name if name in places else "number_symbol" for name in ("number", "symbol"))

    def unit_and_home(text: str) -> tuple[str, str]:
        code = unit_of(needed("unit", checked_text("unit", text)))
        return code, homes.get(code, code)

    def number_and_key(text: str) -> tuple[str, str]:
        number = _number(checked_text(number_column, text), number_column)
        return number, number_key(number)

    def symbol_and_key(text: str) -> tuple[str, str]:
        symbol = checked_text(symbol_column, text)
        return symbol, symbol_key(symbol)

    def after_last(text: str) -> int | None:
        day = checked_day("valid_to", text)
        return day + 1 if day is not None and day < FOREVER else day

    def issue(text: str) -> int:
        day = checked_day("issued_on", text)
        if day is None:
            raise BadCell("issued_on", _("empty"))
        return day

    units, numbers, symbols = Checked(unit_and_home), Checked(number_and_key), Checked(symbol_and_key)
    issues, afters = Checked(issue), Checked(after_last)
    starts, ends, ends_by_revocation = (
        Checked(partial(checked_day, column)) for column in ("in_force_from", "in_force_until", "revoked_on")
    )
    procedures, codes, titles = (
        Checked(partial(checked_text, column)) for column in ("procedure", "result_code", "title")
    )

    def take(line: int, cells: Sequence[Cell]) -> StagedRow:
        if not file.all_texts:
            cells = [cell_text(cell) for cell in cells]
        if len(cells) < width:
            cells = [*cells, *[""] * (width - len(cells))]
        row = [*cells, ""]  # the last stands for the columns that the file has not
        of_unit, number_cell, symbol_cell, both, issued_on, procedure, code, title, start, end, to, revoked = pick(row)
        unit, home = units[of_unit]
        if both or "/" in number_cell or not number_cell.strip():
            number_cell, symbol_cell = _parted(number_cell.strip(), symbol_cell, both, number_column)
        number, number_part = numbers[number_cell]
        symbol, symbol_part = symbols[symbol_cell]
        issued, from_day = issues[issued_on], starts[start]
        said_title = titles[title]
        until_day = _earliest(ends[end], afters[to], ends_by_revocation[revoked])
        if until_day is not None and from_day is not None and until_day <= from_day:  # else known with the older row
            raise BadCell("in_force_until", _("no longer in force before it comes into force"))
        return (
            line,
            key_of_parts(home, issued, symbol_part, number_part),
            unit,
            number,
            symbol,
            issued,
            procedures[procedure] or None,
            codes[code],
            said_title or None,
            from_day,
            until_day,
            likeness(issued, symbol_part, number_part, said_title),
        )

    return take


def _parted(number: str, symbol: str, both: str, column: str) -> tuple[str, str]:
    """Number and symbol where one cell has them both, as in ``3165/QĐ-UBND``."""
    if not number:
        number, slash, symbol = (part.strip() for part in both.partition("/"))
        if not slash:
            raise BadCell(column, _("no '/' between number and symbol") if both.strip() else _("empty"))
    elif "/" in number and not symbol.strip():
        number, _slash, symbol = (part.strip() for part in number.partition("/"))
    return number, symbol


def _earliest(first: int | None, second: int | None, third: int | None) -> int | None:
    if first is second is third is None:
        return None
    return min(day for day in (first, second, third) if day is not None)


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


def procedure_row(line: int, cells: Cells) -> Procedure:
    """What one procedure is called."""
    code = cells.needed("code")
    if any(c.isspace() for c in code):
        raise BadCell("code", _("'{text}' is not a procedure's code (no space)").format(text=code))
    begins = cells.day("valid_from")
    return Procedure(code, cells.needed("name"), cells.text("field"),
                     date.fromordinal(begins) if begins is not None else None)  # fmt: skip


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
