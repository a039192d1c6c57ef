"""The report as XLSX: numbers as numbers, rates as formulas over them, filters and a chart."""

import io
from typing import Any

import xlsxwriter

from reports.page import how, title
from reports.progress import Against, Count, Progress
from reports.terminal import notes
from reports.words import day, level_name, projected, verdict
from schemas.language import _
from schemas.units import Level

HEAD_HEIGHT, TWO_LINES = 46, 30
"""Points: three lines of a heading, two of a cell; a spreadsheet program does not measure what is wrapped in a file
made elsewhere."""
RATE_WIDTH, MET_WIDTH = 16, 46
"""Letters: *chưa có dữ liệu*; a day with its range. What is longer is wrapped."""


def render_xlsx(report: Progress) -> bytes:
    """The report as a workbook: levels, units, weeks; the earlier day, procedures and operators where asked for.

    Each rate is a formula that rounds down as every other form does, with the value computed here stored
    beside it for readers that do not calculate.
    """
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title(report), "comments": "sohoa"})
    book.set_calc_mode("auto")
    forms = _Forms(book)
    _levels(book, forms, report)
    _units(book, forms, report)
    _weeks(book, forms, report)
    _compared(book, forms, report)
    _fields(book, forms, report)
    _procedures(book, forms, report)
    _made(book, forms, report)
    book.close()
    return out.getvalue()


class _Forms:
    """The cell formats."""

    def __init__(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "bg_color": "#E8ECEF", "bottom": 2, "text_wrap": True,
                                     "align": "center", "valign": "top"})  # fmt: skip
        self.bold = book.add_format({"bold": True, "font_size": 14})
        top = {"valign": "top"}  # all of a row in one line, where one of its cells has two
        self.plain = book.add_format(top)
        self.whole = book.add_format(top | {"num_format": "#,##0"})
        self.rate = book.add_format(top | {"num_format": "0.00%", "align": "right"})  # as is the word for no data
        self.change = book.add_format(top | {"num_format": "+#,##0;-#,##0;0"})
        self.tenth = book.add_format(top | {"num_format": "#,##0.0"})
        self.day = book.add_format(top | {"num_format": "dd/mm/yyyy"})
        self.note = book.add_format({"text_wrap": True, "valign": "top"})
        self.text = book.add_format(
            {"indent": 1, "align": "left", "text_wrap": True, "valign": "top"}
        )  # apart from the number that ends the column before it


def _head() -> list[str]:
    return [
        _("Rate"), _("Target"), _("Result"), _("Digitised"), _("In force"), _("Still to do"), _("In a week"),
        _("Present pace a day"), _("Needed a day"), _("Due"), _("Met at this pace"),
    ]  # fmt: skip


def _row(sheet: Any, forms: _Forms, row: int, column: int, one: Any) -> None:
    """Eleven cells of one level or unit from *column* on; *row* from 0."""
    now: Against = one.now
    rate, target, result, done, rows, left, week, pace, needed, due, met = range(column, column + 11)
    cell = {
        name: f"{_letter(column)}{row + 1}" for name, column in (("done", done), ("rows", rows), ("target", target))
    }
    at = f"INT({cell['done']}*10000/{cell['rows']})/10000"  # whole numbers first: 29 of 100 must not become 28.99 %
    shown = _("no data") if now.count.hundredths is None else now.count.hundredths / 10_000
    sheet.write_formula(row, rate, f'=IF({cell["rows"]}=0,"{_("no data")}",{at})', forms.rate, shown)
    if now.target is not None:
        sheet.write_number(row, target, float(now.target), forms.rate)
        sheet.write_formula(
            row, left,
            f'=IF({cell["rows"]}=0,"",MAX(0,ROUNDUP(ROUND({cell["rows"]}*{cell["target"]},9),0)-{cell["done"]}))',
            forms.whole, "" if now.left is None else now.left,
        )  # fmt: skip
    sheet.write_string(row, result, verdict(now), forms.text)
    sheet.write_number(row, done, now.count.done, forms.whole)
    sheet.write_number(row, rows, now.count.rows, forms.whole)
    sheet.write_number(row, week, now.count.done - one.week_ago.done, forms.change)
    sheet.write_number(row, pace, int(one.outlook.pace_a_day * 10) / 10, forms.tenth)  # rounded towards zero
    if one.outlook.needed_a_day is not None:
        value = one.outlook.needed_a_day
        sheet.write_number(row, needed, -(-value.numerator * 10 // value.denominator) / 10, forms.tenth)
    sheet.write_datetime(row, due, one.outlook.due, forms.day)
    day_met = "–" if now.left is None else projected(one.outlook)
    sheet.write_string(row, met, day_met, forms.text)
    if len(day_met) > MET_WIDTH:
        sheet.set_row(row, TWO_LINES)


def _letter(column: int) -> str:
    return chr(ord("A") + column)


def _levels(book: Any, forms: _Forms, report: Progress) -> None:
    sheet = book.add_worksheet(_("Levels"))
    sheet.write_string(0, 0, title(report), forms.bold)
    sheet.write_string(1, 0, _("As of the end of {day}. Rates are rounded down.").format(day=day(report.as_of)))
    head = [_("Level"), *_head(), _("Units"), _("Units with data"), _("Units reached")]
    for column, text in enumerate(head):
        sheet.write_string(3, column, text, forms.head)
    sheet.set_row(3, HEAD_HEIGHT)
    for row, level in enumerate(report.levels, 4):
        sheet.write_string(row, 0, level_name(level.level), forms.plain)
        _row(sheet, forms, row, 1, level)
        for column, number in enumerate((level.units, level.with_data, level.reached), 12):
            sheet.write_number(row, column, number, forms.whole)
    last = 3 + len(report.levels)
    sheet.set_column(0, 0, 18)
    sheet.set_column(1, 1, RATE_WIDTH)
    sheet.set_column(2, 2, 9)
    sheet.set_column(3, 3, 26)
    sheet.set_column(4, 10, 11)
    sheet.set_column(11, 11, MET_WIDTH)
    for row, text in enumerate([*notes(report), *how()], last + 22):
        sheet.merge_range(row, 0, row, 11, text, forms.note)
        sheet.set_row(row, 32)
    if not report.levels:
        return
    chart = book.add_chart({"type": "column"})
    name = sheet.get_name()
    for column, colour in ((1, "#1B4F9C"), (2, "#B35900")):
        chart.add_series({
            "name": [name, 3, column], "categories": [name, 4, 0, last, 0], "values": [name, 4, column, last, column],
            "fill": {"color": colour}, "data_labels": {"value": True, "num_format": "0.00%"},
        })  # fmt: skip
    chart.set_title({"name": _("Rate against target")})
    chart.set_y_axis({"num_format": "0%", "min": 0})
    chart.set_size({"width": 760, "height": 360})
    sheet.insert_chart(last + 2, 0, chart, {"description": _("Rate against target")})
    _for_paper(sheet, heads=False)


def _for_paper(sheet: Any, *, heads: bool) -> None:
    """On A4, all columns on one page; *heads*: the first row again on each."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    if heads:
        sheet.repeat_rows(0)


def _units(book: Any, forms: _Forms, report: Progress) -> None:
    sheet = book.add_worksheet(_("Units"))
    head = [_("Level"), _("Code"), _("Unit"), *_head()]
    for column, text in enumerate(head):
        sheet.write_string(0, column, text, forms.head)
    sheet.set_row(0, HEAD_HEIGHT)
    for row, one in enumerate(report.units, 1):
        for column, text in enumerate((level_name(one.unit.level), one.unit.code, one.full_name)):
            sheet.write_string(row, column, text, forms.plain)
        _row(sheet, forms, row, 3, one)
    sheet.autofilter(0, 0, max(len(report.units), 1), len(head) - 1)
    sheet.freeze_panes(1, 3)
    sheet.set_column(0, 1, 14)
    sheet.set_column(2, 2, 40)
    sheet.set_column(3, 3, RATE_WIDTH)
    sheet.set_column(4, 4, 9)
    sheet.set_column(5, 5, 26)
    sheet.set_column(6, 12, 11)
    sheet.set_column(13, 13, MET_WIDTH)
    _for_paper(sheet, heads=True)


def _weeks(book: Any, forms: _Forms, report: Progress) -> None:
    sheet = book.add_worksheet(_("Weeks"))
    sheet.write_string(0, 0, _("Day"), forms.head)
    known: list[Level] = [level.level for level in report.levels]
    for place, level in enumerate(known):
        for column, text in enumerate((_("Digitised"), _("In force"), _("Rate")), 1 + 3 * place):
            sheet.write_string(0, column, f"{level_name(level)}: {text}", forms.head)
    sheet.set_row(0, HEAD_HEIGHT)
    for place, one in enumerate(report.levels):
        for row, point in enumerate(one.line, 1):
            done, rows, rate = range(1 + 3 * place, 4 + 3 * place)
            sheet.write_datetime(row, 0, point.day, forms.day)
            sheet.write_number(row, done, point.count.done, forms.whole)
            sheet.write_number(row, rows, point.count.rows, forms.whole)
            at = f"INT({_letter(done)}{row + 1}*10000/{_letter(rows)}{row + 1})/10000"
            value = "" if point.count.hundredths is None else point.count.hundredths / 10_000
            sheet.write_formula(row, rate, f'=IF({_letter(rows)}{row + 1}=0,"",{at})', forms.rate, value)
    sheet.set_column(0, 0, 12)
    sheet.set_column(1, 9, RATE_WIDTH)
    _for_paper(sheet, heads=True)
    if report.levels:
        chart = book.add_chart({"type": "line"})
        last = len(report.levels[0].line)
        for place, level in enumerate(known):
            column = 3 + 3 * place
            chart.add_series({"name": level_name(level), "categories": [sheet.get_name(), 1, 0, last, 0],
                              "values": [sheet.get_name(), 1, column, last, column]})  # fmt: skip
        chart.set_x_axis(
            {"date_axis": True, "num_format": "dd/mm/yyyy", "major_unit": 14, "num_font": {"rotation": -45}}
        )
        chart.set_y_axis({"num_format": "0%", "min": 0})
        chart.set_title({"name": _("Rate week by week")})
        chart.set_size({"width": 760, "height": 360})
        sheet.insert_chart(last + 2, 0, chart, {"description": _("Rate week by week")})


def _count(sheet: Any, forms: _Forms, row: int, column: int, count: Count) -> None:
    """Digitised, in force and the rate over them, from *column* on; *row* from 0."""
    sheet.write_number(row, column, count.done, forms.whole)
    sheet.write_number(row, column + 1, count.rows, forms.whole)
    done, rows = f"{_letter(column)}{row + 1}", f"{_letter(column + 1)}{row + 1}"
    value = _("no data") if count.hundredths is None else count.hundredths / 10_000
    formula = f'=IF({rows}=0,"{_("no data")}",INT({done}*10000/{rows})/10000)'
    sheet.write_formula(row, column + 2, formula, forms.rate, value)


def _sheet(book: Any, forms: _Forms, name: str, head: list[str], widths: tuple[int, ...], rows: int) -> Any:
    sheet = book.add_worksheet(name)
    for column, (text, width) in enumerate(zip(head, widths, strict=True)):
        sheet.write_string(0, column, text, forms.head)
        sheet.set_column(column, column, width)
    sheet.set_row(0, HEAD_HEIGHT)
    sheet.autofilter(0, 0, max(rows, 1), len(head) - 1)
    sheet.freeze_panes(1, 0)
    _for_paper(sheet, heads=True)
    return sheet


def _compared(book: Any, forms: _Forms, report: Progress) -> None:
    """Levels and units on the day and on the earlier one, side by side."""
    if report.compared is None:
        return
    counts = (_("Digitised"), _("In force"), _("Rate"))
    days = (day(report.compared.as_of), day(report.as_of))
    head = [_("Level"), _("Code"), _("Unit"), *(f"{text}, {when}" for when in days for text in counts), _("Change")]
    levels = {level.level: level.now.count for level in report.compared.levels}
    units = {one.unit.code: one.now.count for one in report.compared.units}
    lines = [(level_name(one.level), "", _("all units"), levels.get(one.level), one.now.count) for one in report.levels]
    lines += [(level_name(one.unit.level), one.unit.code, one.full_name, units.get(one.unit.code), one.now.count)
              for one in report.units]  # fmt: skip
    widths = (18, 14, 40, 12, 12, RATE_WIDTH, 12, 12, RATE_WIDTH, 12)
    sheet = _sheet(book, forms, _("Two days"), head, widths, len(lines))
    for row, (level, code, name, before, now) in enumerate(lines, 1):
        for column, text in enumerate((level, code, name)):
            sheet.write_string(row, column, text)
        _count(sheet, forms, row, 6, now)
        if before is not None:  # a unit that did not stand then has no figures of that day
            _count(sheet, forms, row, 3, before)
            sheet.write_formula(row, 9, f"=G{row + 1}-D{row + 1}", forms.change, now.done - before.done)


def _procedures(book: Any, forms: _Forms, report: Progress) -> None:
    if not report.procedures:
        return
    head = [_("Procedure"), _("Name"), _("Field"), _("Digitised"), _("In force"), _("Rate"), _("Still to do")]
    sheet = _sheet(book, forms, _("Procedures"), head, (24, 60, 30, 12, 12, RATE_WIDTH, 12), len(report.procedures))
    for row, one in enumerate(report.procedures, 1):
        for column, text in enumerate((one.code or _("(none given)"), one.name, one.field)):
            sheet.write_string(row, column, text)
        _count(sheet, forms, row, 3, one.count)
        sheet.write_formula(row, 6, f"=E{row + 1}-D{row + 1}", forms.whole, one.count.rows - one.count.done)


def _fields(book: Any, forms: _Forms, report: Progress) -> None:
    if not report.fields:
        return
    head = [_("Field"), _("Digitised"), _("In force"), _("Rate"), _("Still to do")]
    sheet = _sheet(book, forms, _("Fields"), head, (40, 12, 12, RATE_WIDTH, 12), len(report.fields))
    for row, (field, count) in enumerate(report.fields, 1):
        sheet.write_string(row, 0, field or _("(none given)"))
        _count(sheet, forms, row, 1, count)
        sheet.write_formula(row, 4, f"=C{row + 1}-B{row + 1}", forms.whole, count.rows - count.done)


def _made(book: Any, forms: _Forms, report: Progress) -> None:
    if not report.made:
        return
    head = [_("Operator"), _("Batch"), _("Day"), _("Digitised")]
    sheet = _sheet(book, forms, _("Operators"), head, (32, 18, 12, 12), len(report.made))
    for row, one in enumerate(report.made, 1):
        sheet.write_string(row, 0, one.operator)
        sheet.write_string(row, 1, one.batch)
        sheet.write_datetime(row, 2, one.started_on, forms.day)
        sheet.write_number(row, 3, one.records, forms.whole)
