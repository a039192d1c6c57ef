"""The report as CSV: a line for each level and each unit, for a spreadsheet or another program."""

import csv
import io
from fractions import Fraction

from reports.document import percent_text
from reports.progress import Against, Count, Outlook, Progress
from reports.words import level_name
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
    writer.writerow(headings())
    for level in report.levels:
        writer.writerow(_line(level.level, "", _("all units"), report, level.now, level.week_ago, level.outlook))
    for unit in report.units:
        writer.writerow(
            _line(unit.unit.level, unit.unit.code, unit.full_name, report, unit.now, unit.week_ago, unit.outlook)
        )
    return out.getvalue().encode("utf-8-sig")


def _line(
    level: Level, code: str, name: str, report: Progress, now: Against, week_ago: Count, outlook: Outlook
) -> list[object]:
    reached = {True: _("yes"), False: _("no"), None: ""}[now.reached]
    return [
        level_name(level), code, _harmless_formula(name), report.as_of.isoformat(), now.count.rows, now.count.done,
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


def _harmless_formula(text: str) -> str:
    """*text* that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
