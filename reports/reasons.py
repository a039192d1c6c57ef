"""Row by row what counts and why, as CSV and XLSX: what an auditor recomputes a rate from."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TypeAlias, assert_never

import xlsxwriter

from reports.words import day
from schemas.formulas import harmless_formula
from schemas.language import _
from schemas.units import RowStanding, Standing

Line: TypeAlias = tuple[str, ...]
WIDTHS = (12, 14, 12, 16, 16, 60, 12, 12, 8, 38, 30)


def said_standing(one: RowStanding) -> str:
    """Whether the row counts, and why not."""
    since = day(one.since)
    match one.standing:
        case Standing.COUNTS:
            said = _("✓ counts since {day}")
        case Standing.NO_RECORD:
            said = _("✗ no record")
        case Standing.NOT_YET_DEPOSITED:
            said = _("✗ record deposited only on {day}")
        case Standing.BROKEN:
            said = _("✗ record found broken on {day}")
        case Standing.WITHDRAWN:
            said = _("✗ record withdrawn on {day}")
        case Standing.AMBIGUOUS:
            said = _("✗ the record fits several rows equally well")
        case Standing.ONLY_COPY:
            said = _("✗ only a copy is archived")
        case Standing.NOT_YET_IN_FORCE:
            said = _("– in force only from {day}")
        case Standing.NO_LONGER_IN_FORCE:
            said = _("– no longer in force since {day}")
        case _:
            assert_never(one.standing)
    return said.format(day=since)


def headings() -> Line:
    """The columns, in the reader's language."""
    return (
        _("unit"), _("number"), _("symbol"), _("procedure"), _("result code"), _("title"), _("issued on"),
        _("in force until"), _("counts"), _("why"), _("records"),
    )  # fmt: skip


def lines(rows: Iterable[RowStanding], unmatched: Sequence[str]) -> Iterable[Line]:
    """A line for each inventory row, then one for each record of the unit that counts for none."""
    for one in rows:
        row, counts = one.row, one.standing is Standing.COUNTS
        until = row.in_force_until.isoformat() if row.in_force_until else ""
        yield (
            row.unit, row.number, row.symbol, row.procedure, row.result_code, row.title, row.issued_on.isoformat(),
            until, "1" if counts else "0", said_standing(one), " ".join(one.records),
        )  # fmt: skip
    for id in unmatched:
        yield ("", "", "", "", "", "", "", "", "0", _("✗ counts for no row of the inventory"), id)


def render_csv(rows: Iterable[RowStanding], unmatched: Sequence[str]) -> bytes:
    """As CSV in UTF-8 with a byte order mark; the sum of the column "counts" is the numerator."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(headings())
    writer.writerows(tuple(harmless_formula(cell) for cell in line) for line in lines(rows, unmatched))
    return out.getvalue().encode("utf-8-sig")


def render_xlsx(rows: Iterable[RowStanding], unmatched: Sequence[str]) -> bytes:
    """As a workbook with filters; dates are dates, and "counts" is a number that can be summed."""
    out = io.BytesIO()
    # Row by row to the disk: a unit may have some 100,000 rows.
    with xlsxwriter.Workbook(
        out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    ) as book:
        sheet = book.add_worksheet(_("Why"))
        head, as_day = book.add_format({"bold": True, "bottom": 2}), book.add_format({"num_format": "dd/mm/yyyy"})
        for column, (name, width) in enumerate(zip(headings(), WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, name, head)
        sheet.freeze_panes(1, 0)
        last = 0
        for number, line in enumerate(lines(rows, unmatched), start=1):
            last = number
            for column, cell in enumerate(line):
                if column in (6, 7) and cell:
                    sheet.write_datetime(number, column, date.fromisoformat(cell), as_day)
                elif column == 8:
                    sheet.write_number(number, column, int(cell))
                else:
                    sheet.write_string(number, column, cell)
        sheet.autofilter(0, 0, max(last, 1), len(WIDTHS) - 1)
    return out.getvalue()
