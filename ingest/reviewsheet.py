"""Holds as a spreadsheet, for offices that live in one: written with the crop in the row, read back cell by cell.

A row is one doubtful field of one hold, or (field ``*``) the hold as a whole. Only the column of decisions may be
edited; what is written there is a value, ``ACCEPT``, ``ABSENT`` or, in a row of the whole, ``REJECT``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook
from xlsxwriter.utility import xl_rowcol_to_cell

from ingest.fencedtasks import fenced_file
from schemas.documents import FIELD_NAMES, Document, FieldState
from schemas.errors import InputRejected
from schemas.fieldwords import as_written, field_labels
from schemas.language import _
from schemas.work import Hold

ACCEPT = "✓"
ABSENT = "–"
REJECT = "✗"
WHOLE = "*"
COLUMNS = ("id", "scan", "page", "what", "reading", "sure", "or else", "crop", "decision", "field")
WIDTHS = (14, 24, 6, 18, 30, 7, 30, 66, 30, 12)
ID, READING, DECISION, FIELD = (COLUMNS.index(name) for name in ("id", "reading", "decision", "field"))
CROP_WIDTH_PX, LEAST_CROP_HEIGHT_PX, MOST_CROP_HEIGHT_PX = 460, 24, 220
"""A line of print stays one line; the head of a page, shown where nothing was found, is still legible."""
CHOICES = "choices"
"""The hidden sheet that the drop-downs take their lists from: a list within a cell may have 255 characters only."""

READ_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Decided:
    """What a cell of the column of decisions says, with its place (``I7``) for messages."""

    cell: str
    hold: str
    field: str
    """A field's name, or ``*`` for the whole."""
    value: str
    reading: str = ""
    """What the row showed as read; of the whole, why it waited."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A cell that says nothing that can be done, and why."""

    cell: str
    reason: str


def write_sheet(
    holds: Iterable[tuple[Hold, Document, Mapping[str, Path]]],
    target: Path,
    spool: Path,
    called: Callable[[str], str] = str,
) -> int:
    """Write *holds*, with what *called* says of their procedures, to the workbook *target* one after another, and say
    how many they were; the mappings are PNGs by field, and ``*`` for the whole. No more than one of them is in memory:
    what is written lies in the folder *spool* until the end, and so long the PNGs must stay.

    All text is written as text, whatever it looks like: nothing read from paper can become a formula.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True,
               "tmpdir": str(spool)}  # fmt: skip
    with xlsxwriter.Workbook(str(target), options) as book:
        sheet = book.add_worksheet("sohoa")
        lists = book.add_worksheet(CHOICES)
        lists.hide()
        sheet.protect("", {"format_columns": True, "format_rows": True, "autofilter": True, "sort": True})
        head = book.add_format({"bold": True, "bottom": 1})
        locked = book.add_format({"text_wrap": True, "valign": "top"})
        open_cell = book.add_format({"locked": False, "bg_color": "#FFF8DC", "num_format": "@", "valign": "top"})
        for column, width in enumerate(WIDTHS):
            sheet.set_column(column, column, width, None, {"hidden": column == FIELD})
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(_headings()):
            sheet.write_string(0, column, name, head)
        count = row = 0
        for hold, document, crops in holds:
            count += 1
            for cells in _rows(hold, document, called(hold.submission.get("procedure", ""))):
                row += 1
                if cells.field in crops:
                    _show(sheet, row, crops[cells.field])
                for column, text in enumerate(cells.shown):
                    sheet.write_string(row, column, text, locked)
                sheet.write_blank(row, DECISION, None, open_cell)
                sheet.write_string(row, FIELD, cells.field, locked)
                _offer(sheet, lists, row, cells.choices)
        sheet.autofilter(0, 0, max(row, 1), len(COLUMNS) - 1)
    return count


def read_sheet(file: Path) -> tuple[tuple[Decided, ...], tuple[NotTaken, ...]]:
    """The decisions that *file* holds, and the cells that hold none that can be taken.

    InputRejected when *file* is no workbook, or not one that ``write_sheet`` made.
    """
    with fenced_file(file, remedy=_("export the holds again")) as fenced:
        rows = fenced.run(_cells, file.absolute(), timeout_s=READ_TIMEOUT_S)
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
        found = _decided(cell, _text(row[ID]), _text(row[FIELD]), value, _text(row[READING]))
        (decided if isinstance(found, Decided) else wrong).append(found)  # type: ignore[arg-type]
    return tuple(decided), tuple(wrong)


def _cells(file: Path) -> list[list[Any]]:
    """In a process of its own: what others have written to is parsed there."""
    try:
        return CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, OSError, BadZipFile) as error:
        raise InputRejected(
            _("{file}: not a spreadsheet that can be read ({error}); save it as XLSX").format(file=file, error=error)
        ) from error


def _headings() -> tuple[str, ...]:
    return (_("id"), _("scan"), _("page"), _("field"), _("reading"), _("sure"), _("or else"), _("crop"),
            _("decision: a value, {accept} as read, {absent} none").format(accept=ACCEPT, absent=ABSENT),
            "sohoa")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: what its cells show up to the crop, the field that it is about, what its drop-down offers."""

    shown: tuple[str, ...]
    field: str
    choices: Sequence[str]


def _rows(hold: Hold, document: Document, procedure: str) -> Iterator[_Row]:
    name = Path(hold.scan_path).name
    reasons = "; ".join(hold.reasons)
    whole = _("the whole document")
    if procedure:
        whole = f"{whole}\n{_('procedure {code}').format(code=procedure)}"
    yield _Row((hold.id, name, str(hold.first_page), whole, reasons, "", ""), WHOLE, [ACCEPT, REJECT])
    labels = field_labels()
    for field_name, field in document.metadata.items():
        if field.state is not FieldState.HELD:
            continue
        page = str(field.evidence.page if field.evidence else hold.first_page)
        others = [as_written(field_name, candidate) for candidate in field.candidates if candidate != field.value]
        read = as_written(field_name, field.value or "")
        shown = (hold.id, name, page, labels[field_name], read, f"{field.confidence:.0%}", " | ".join(others))
        yield _Row(shown, field_name, [*([ACCEPT] if read else []), ABSENT, *others])


def _offer(sheet: Any, lists: Any, row: int, choices: Sequence[str]) -> None:
    """A drop-down of *choices* that lets anything else be typed too."""
    for column, choice in enumerate(choices):
        lists.write_string(row, column, choice)
    first, last = xl_rowcol_to_cell(row, 0, True, True), xl_rowcol_to_cell(row, len(choices) - 1, True, True)
    rule = {"validate": "list", "source": f"={CHOICES}!{first}:{last}", "error_type": "information"}
    sheet.data_validation(row, DECISION, row, DECISION, rule)


def _show(sheet: Any, row: int, crop: Path) -> None:
    from PIL import Image

    with Image.open(crop) as image:
        scale = min(CROP_WIDTH_PX / image.width, MOST_CROP_HEIGHT_PX / image.height, 1.0)
        height = max(round(image.height * scale), LEAST_CROP_HEIGHT_PX)
    sheet.set_row_pixels(row, height + 4)
    sheet.insert_image(row, COLUMNS.index("crop"), str(crop), {"x_scale": scale, "y_scale": scale, "x_offset": 2,
                                                               "y_offset": 2, "object_position": 1})  # fmt: skip


def _decided(cell: str, hold: str, field: str, value: str, reading: str) -> Decided | NotTaken:
    if not hold:
        return NotTaken(cell, _("the row has no id; export the holds again"))
    if field == WHOLE and value not in (ACCEPT, REJECT):
        return NotTaken(cell, _("{value}: a whole document takes {accept} or {reject} only").format(
            value=value, accept=ACCEPT, reject=REJECT))  # fmt: skip
    if field != WHOLE and field not in FIELD_NAMES:
        return NotTaken(cell, _("there is no field {name}").format(name=field))
    return Decided(cell, hold, field, value, reading)


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
