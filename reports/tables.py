"""The report as CSV: a line for each level and each unit, for a spreadsheet or another program."""

import csv
import io
from fractions import Fraction

from reports.document import percent_text
from reports.progress import Against, Count, Outlook, Progress
from reports.words import level_name
from schemas.formulas import harmless_formula
from schemas.language import _
from schemas.units import Level


def headings() -> list[str]:
    """The columns, in the reader's language."""
    return [
        _("level"), _("code"), _("unit"), _("as of"), _("in force"), _("digitised"), _("rate, %"), _("target, %"),
        _("reached"), _("still to do"), _("points short"), _("change in a week"), _("needed a day"), _("due"),
    ]  # fmt: skip


def render_csv(report: Progress) -> bytes:
    """The report as CSV in UTF-8 with a byte order mark, which Excel needs for Vietnamese."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*headings(), *_compared_headings(report)])
    earlier = report.compared
    levels_before = {level.level: level.now.count for level in earlier.levels} if earlier else {}
    units_before = {one.unit.code: one.now.count for one in earlier.units} if earlier else {}
    for level in report.levels:
        line = _line(level.level, "", _("all units"), report, level.now, level.week_ago, level.outlook)
        writer.writerow([*line, *_compared(report, level.now.count, levels_before.get(level.level))])
    for unit in report.units:
        line = _line(unit.unit.level, unit.unit.code, unit.full_name, report, unit.now, unit.week_ago, unit.outlook)
        writer.writerow([*line, *_compared(report, unit.now.count, units_before.get(unit.unit.code))])
    if report.homeless.rows:
        count = report.homeless
        writer.writerow(["", "", _("units that no longer stand, in no rate"), report.as_of.isoformat(), count.rows,
                         count.done])  # fmt: skip
    if report.waiting is not None and report.waiting.count:
        oldest = report.waiting.oldest.isoformat() if report.waiting.oldest else ""
        writer.writerow([_("waiting for a person, since"), "", "", oldest, "", report.waiting.count])
    for procedure, count in report.procedures:
        writer.writerow([
            _("procedure"), harmless_formula(procedure), "", report.as_of.isoformat(), count.rows, count.done,
            percent_text(count.hundredths) or _("no data"), "", "", count.rows - count.done,
        ])  # fmt: skip
    for made in report.made:
        writer.writerow([_("operator, batch"), made.batch, harmless_formula(made.operator), made.started_on.isoformat(),
                         "", made.records])  # fmt: skip
    return out.getvalue().encode("utf-8-sig")


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


def _line(
    level: Level, code: str, name: str, report: Progress, now: Against, week_ago: Count, outlook: Outlook
) -> list[object]:
    reached = {True: _("yes"), False: _("no"), None: ""}[now.reached]
    return [
        level_name(level), code, harmless_formula(name), report.as_of.isoformat(), now.count.rows, now.count.done,
        percent_text(now.count.hundredths) or _("no data"),
        "" if now.target is None else f"{float(now.target * 100):g}",
        reached, "" if now.left is None else now.left, percent_text(now.missing_hundredths) or "",
        now.count.done - week_ago.done,
        "" if outlook.needed_a_day is None else tenths_text(outlook.needed_a_day),
        outlook.due.isoformat(),
    ]  # fmt: skip


def tenths_text(value: Fraction) -> str:
    """A pace with one decimal and a point, rounded up."""
    tenths = -(-value.numerator * 10 // value.denominator)
    return f"{tenths // 10}.{tenths % 10}"
