"""The report as CSV: a line for each level and each unit, for a spreadsheet or another program.

What the other forms show of a level or unit stands in its line: the outlook, the earlier day beside it, and last the
weekly line, two columns a week, so that a chart is drawn of it as it stands.
"""

import csv
import io
from fractions import Fraction

from reports.document import percent_text
from reports.progress import Count, LevelProgress, Outlook, Progress, UnitProgress
from reports.words import level_name
from schemas.formulas import harmless_formula
from schemas.language import _
from schemas.units import Level


def headings() -> list[str]:
    """The columns, in the reader's language, up to those that depend on the report."""
    return [
        _("level"), _("code"), _("unit"), _("as of"), _("in force"), _("digitised"), _("rate, %"), _("target, %"),
        _("reached"), _("still to do"), _("points short"), _("change in a week"), _("needed a day"), _("due"),
        _("target of the year"), _("pace a day"), _("met on"), _("met at the earliest"), _("met at the latest"),
        _("units"), _("units with data"), _("units reached"),
    ]  # fmt: skip


def render_csv(report: Progress) -> bytes:
    """The report as CSV in UTF-8 with a byte order mark, which Excel needs for Vietnamese."""
    out = io.StringIO()
    writer = csv.writer(out)
    of_fields = [_("field of procedures")] if report.fields else []
    no_field = [""] * len(of_fields)
    writer.writerow([*headings(), *of_fields, *_compared_headings(report), *_week_headings(report)])
    earlier = report.compared
    levels_before = {level.level: level.now.count for level in earlier.levels} if earlier else {}
    units_before = {one.unit.code: one.now.count for one in earlier.units} if earlier else {}
    for level in report.levels:
        of_units = [level.units, level.with_data, level.reached]
        line = [*_line(level.level, "", _("all units"), report, level), *of_units, *no_field]
        before = _compared(report, level.now.count, levels_before.get(level.level))
        writer.writerow([*line, *before, *_weeks(level)])
    for unit in report.units:
        line = [*_line(unit.unit.level, unit.unit.code, unit.full_name, report, unit), "", "", "", *no_field]
        before = _compared(report, unit.now.count, units_before.get(unit.unit.code))
        writer.writerow([*line, *before, *_weeks(unit)])
    if report.homeless.rows:
        count = report.homeless
        writer.writerow(["", "", _("units that no longer stand, in no rate"), report.as_of.isoformat(), count.rows,
                         count.done])  # fmt: skip
    if report.waiting is not None and report.waiting.count:
        oldest = report.waiting.oldest.isoformat() if report.waiting.oldest else ""
        writer.writerow([_("waiting for a person, since"), "", "", oldest, "", report.waiting.count])
    for field, count in report.fields:
        writer.writerow(
            [_("field of procedures"), "", harmless_formula(field) or _("(none given)"), *_details(report, count)]
        )
    for one in report.procedures:
        named = (harmless_formula(one.code), harmless_formula(one.name))
        line = [_("procedure"), *named, *_details(report, one.count)]
        if report.fields:
            line += [*[""] * (len(headings()) - len(line)), harmless_formula(one.field)]
        writer.writerow(line)
    for made in report.made:
        writer.writerow([_("operator, batch"), made.batch, harmless_formula(made.operator), made.started_on.isoformat(),
                         "", made.records])  # fmt: skip
    return out.getvalue().encode("utf-8-sig")


def _details(report: Progress, count: Count) -> list[object]:
    rate = percent_text(count.hundredths) or _("no data")
    return [report.as_of.isoformat(), count.rows, count.done, rate, "", "", count.rows - count.done]


def _compared_headings(report: Progress) -> list[str]:
    if report.compared is None:
        return []
    earlier = report.compared.as_of.isoformat()
    return [_("in force on {day}").format(day=earlier), _("digitised on {day}").format(day=earlier),
            _("rate on {day}, %").format(day=earlier), _("change since {day}").format(day=earlier)]  # fmt: skip


def _compared(report: Progress, now: Count, before: Count | None) -> list[object]:
    """The earlier day's figures; empty for a unit that did not stand then."""
    if report.compared is None:
        return []
    if before is None:
        return ["", "", "", ""]
    return [before.rows, before.done, percent_text(before.hundredths) or _("no data"), now.done - before.done]


def _week_headings(report: Progress) -> list[str]:
    line = report.levels[0].line if report.levels else ()
    return [text.format(day=point.day.isoformat()) for point in line
            for text in (_("week to {day}: in force"), _("week to {day}: digitised"))]  # fmt: skip


def _weeks(one: LevelProgress | UnitProgress) -> list[int]:
    return [count for point in one.line for count in (point.count.rows, point.count.done)]


def _line(level: Level, code: str, name: str, report: Progress, one: LevelProgress | UnitProgress) -> list[object]:
    now, outlook = one.now, one.outlook
    reached = {True: _("yes"), False: _("no"), None: ""}[now.reached]
    return [
        level_name(level), code, harmless_formula(name), report.as_of.isoformat(), now.count.rows, now.count.done,
        percent_text(now.count.hundredths) or _("no data"),
        "" if now.target is None else f"{float(now.target * 100):g}",
        reached, "" if now.left is None else now.left, percent_text(now.missing_hundredths) or "",
        now.count.done - one.week_ago.done,
        "" if outlook.needed_a_day is None else tenths_text(outlook.needed_a_day),
        outlook.due.isoformat(), "" if now.year is None else now.year,
        tenths_text(outlook.pace_a_day, up=False), *([""] * 3 if now.left is None else _met(outlook)),
    ]  # fmt: skip


def _met(outlook: Outlook) -> list[str]:
    """The day on which the target is met, and by the quickest and the slowest of the last weeks."""
    days = (outlook.day, outlook.earliest, outlook.latest)
    return [_("not at this pace") if day is None else day.isoformat() for day in days]


def tenths_text(value: Fraction, *, up: bool = True) -> str:
    """A pace with one decimal and a point, rounded up, or towards zero."""
    tenths = -(-abs(value).numerator * 10 // value.denominator) if up else int(abs(value) * 10)
    return ("-" if value < 0 and tenths else "") + f"{tenths // 10}.{tenths % 10}"
