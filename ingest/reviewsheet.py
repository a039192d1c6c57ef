"""Holds as a spreadsheet, for offices that live in one: written with the crop in the row, read back cell by cell.

A row is one doubtful field of one hold, or (field ``*``) the hold as a whole. Only the column of decisions may be
edited; what is written there is a value, ``ACCEPT``, ``ABSENT`` or, in a row of the whole, ``REJECT``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook

from schemas.documents import FIELD_NAMES, Document, FieldState
from schemas.errors import InputRejected
from schemas.language import _
from schemas.work import Hold

ACCEPT = "✓"
ABSENT = "–"
REJECT = "✗"
WHOLE = "*"
COLUMNS = ("id", "scan", "page", "field", "reading", "sure", "or else", "crop", "decision")
WIDTHS = (14, 28, 6, 14, 36, 7, 36, 42, 30)
ID, FIELD, DECISION = COLUMNS.index("id"), COLUMNS.index("field"), COLUMNS.index("decision")
CROP_WIDTH_PX, CROP_HEIGHT_PX = 290, 76
EXCEL_LIST_CHARACTERS = 255
"""A drop-down's own list may be no longer (Excel)."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a cell of the column of decisions says, with its place (``I7``) for messages."""

    cell: str
    hold: str
    field: str
    """A field's name, or ``*`` for the whole."""
    value: str


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A cell that says nothing that can be done, and why."""

    cell: str
    reason: str


def write_sheet(holds: Sequence[tuple[Hold, Document]], crops: Mapping[tuple[str, str], Path], target: Path) -> None:
    """Write *holds* to the workbook *target*; *crops* are PNGs by hold id and field.

    All text is written as text, whatever it looks like: nothing read from paper can become a formula.
    """
    with xlsxwriter.Workbook(str(target), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("sohoa")
        sheet.protect("", {"format_columns": True, "format_rows": True, "autofilter": True, "sort": True})
        head = book.add_format({"bold": True, "bottom": 1})
        locked = book.add_format({"text_wrap": True, "valign": "top"})
        open_cell = book.add_format({"locked": False, "bg_color": "#FFF8DC", "num_format": "@", "valign": "top"})
        for column, (name, width) in enumerate(zip(_headings(), WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, name, head)
        sheet.freeze_panes(1, 0)
        row = 0
        for hold, document in holds:
            for cells, choices in _rows(hold, document):
                row += 1
                for column, text in enumerate(cells):
                    sheet.write_string(row, column, text, locked)
                sheet.write_blank(row, DECISION, None, open_cell)
                _offer(sheet, row, choices)
                crop = crops.get((hold.id, cells[FIELD]))
                if crop is not None:
                    _show(sheet, row, crop)
        sheet.autofilter(0, 0, max(row, 1), len(COLUMNS) - 1)


def read_sheet(file: Path) -> tuple[tuple[Decided, ...], tuple[NotTaken, ...]]:
    """The decisions that *file* holds, and the cells that hold none that can be taken.

    InputRejected when *file* is no workbook, or not one that ``write_sheet`` made.
    """
    try:
        rows = CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError, BadZipFile) as error:
        raise InputRejected(
            _("{file}: not a spreadsheet that can be read ({error}); save it as XLSX").format(file=file, error=error)
        ) from error
    if not rows or len(rows[0]) < len(COLUMNS):
        raise InputRejected(
            _("{file}: not a sheet that `sohoa review export` wrote; export the holds again").format(file=file)
        )
    decided: list[Decided] = []
    wrong: list[NotTaken] = []
    for number, row in enumerate(rows[1:], start=2):
        cell = f"{chr(ord('A') + DECISION)}{number}"
        value = _text(row[DECISION])
        if not value:
            continue
        found = _decided(cell, _text(row[ID]), _text(row[FIELD]), value)
        (decided if isinstance(found, Decided) else wrong).append(found)  # type: ignore[arg-type]
    return tuple(decided), tuple(wrong)


def _headings() -> tuple[str, ...]:
    return (_("id"), _("scan"), _("page"), _("field"), _("reading"), _("sure"), _("or else"), _("crop"),
            _("decision: a value, {accept} as read, {absent} none").format(accept=ACCEPT, absent=ABSENT))  # fmt: skip


def _rows(hold: Hold, document: Document) -> list[tuple[tuple[str, ...], list[str]]]:
    """The cells of each row of *hold* up to the crop, and what its drop-down offers."""
    name = Path(hold.scan_path).name
    rows: list[tuple[tuple[str, ...], list[str]]] = [
        ((hold.id, name, str(hold.first_page), WHOLE, "; ".join(hold.reasons), "", ""), [ACCEPT, REJECT])
    ]
    for field_name, field in document.metadata.items():
        if field.state is not FieldState.HELD:
            continue
        page = str(field.evidence.page if field.evidence else hold.first_page)
        others = [candidate for candidate in field.candidates if candidate != field.value]
        cells = (hold.id, name, page, field_name, field.value or "", f"{field.confidence:.0%}", " | ".join(others))
        rows.append((cells, [*([ACCEPT] if field.value else []), ABSENT, *others]))
    return rows


def _offer(sheet: Any, row: int, choices: list[str]) -> None:
    """A drop-down of *choices* that lets anything else be typed too."""
    fitting: list[str] = []
    for choice in choices:
        if "," not in choice and len(",".join([*fitting, choice])) <= EXCEL_LIST_CHARACTERS:
            fitting.append(choice)
    rule = {"validate": "list", "source": fitting, "error_type": "information"}
    sheet.data_validation(row, DECISION, row, DECISION, rule)


def _show(sheet: Any, row: int, crop: Path) -> None:
    from PIL import Image

    with Image.open(crop) as image:
        scale = min(CROP_WIDTH_PX / image.width, CROP_HEIGHT_PX / image.height)
    sheet.set_row_pixels(row, CROP_HEIGHT_PX + 4)
    sheet.insert_image(row, COLUMNS.index("crop"), str(crop), {"x_scale": scale, "y_scale": scale, "x_offset": 2,
                                                               "y_offset": 2, "object_position": 1})  # fmt: skip


def _decided(cell: str, hold: str, field: str, value: str) -> Decided | NotTaken:
    if not hold:
        return NotTaken(cell, _("the row has no id; export the holds again"))
    if field == WHOLE and value not in (ACCEPT, REJECT):
        return NotTaken(cell, _("{value}: a whole document takes {accept} or {reject} only").format(
            value=value, accept=ACCEPT, reject=REJECT))  # fmt: skip
    if field != WHOLE and field not in FIELD_NAMES:
        return NotTaken(cell, _("there is no field {name}").format(name=field))
    return Decided(cell, hold, field, value)


def _text(value: object) -> str:
    """What a cell shows: spreadsheets make numbers and dates of what people type."""
    match value:
        case None:
            return ""
        case datetime() | date():
            return (value.date() if isinstance(value, datetime) else value).isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value).strip()
