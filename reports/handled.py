"""A report of its own: of the dossiers handled, how many came and ended wholly electronic (QĐ 766/QĐ-TTg).

Never mixed with the progress of digitisation: there the results in force are counted, here the dossiers handled in a
time. A dossier counts when its components *and* its result are electronic; four of five earn full marks.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.document import percent_text
from reports.progress import NOTHING, Count
from reports.words import day, percent, whole
from schemas.formulas import harmless_formula
from schemas.language import _

FULL_MARKS = Fraction(4, 5)
SCHEMA = "sohoa-handled/1"


@dataclass(frozen=True, slots=True)
class Handled:
    """One dossier handled: by whom, when it was closed, and what of it is electronic."""

    unit: str
    dossier: str
    closed_on: date
    components: bool
    result: bool


@dataclass(frozen=True, slots=True)
class HandledReport:
    """Dossiers handled from *first* to *last*, and those of them wholly electronic, by unit. ``rows``: all handled."""

    first: date
    last: date
    by_unit: tuple[tuple[str, Count], ...]
    twice: int
    """Lines that name a dossier again; each counts once, by its last line."""

    @property
    def all(self) -> Count:
        """The sum over the units."""
        return sum((count for _unit, count in self.by_unit), NOTHING)


def full_marks(count: Count) -> bool | None:
    """Whether the share earns full marks; None without dossiers."""
    return None if count.rate is None else count.rate >= FULL_MARKS


def handled_report(dossiers: Iterable[Handled], first: date, last: date) -> HandledReport:
    """The report over the dossiers closed from *first* to *last*, both included."""
    known: dict[tuple[str, str], Handled] = {}
    twice = 0
    for dossier in dossiers:
        if first <= dossier.closed_on <= last:
            twice += (dossier.unit, dossier.dossier) in known
            known[dossier.unit, dossier.dossier] = dossier
    counts: dict[str, Count] = defaultdict(lambda: NOTHING)
    for dossier in known.values():
        counts[dossier.unit] += Count(1, int(dossier.components and dossier.result))
    return HandledReport(first, last, tuple(sorted(counts.items())), twice)


def render_terminal(report: HandledReport, names: Mapping[str, str]) -> RenderableType:
    """The report for a terminal; *names*: unit code → name."""
    table = Table(
        _("unit"), _("rate"), _("wholly electronic / handled"), _("full marks (80%)"), box=None, pad_edge=False
    )
    for unit, count in [*report.by_unit, (_("all units"), report.all)]:
        name = names.get(unit)
        table.add_row(f"{name} ({unit})" if name else unit, percent(count.hundredths),
                      f"{whole(count.done)} / {whole(count.rows)}", _mark(count))  # fmt: skip
    heading = _("Dossiers handled wholly electronically, {first} to {last} (QĐ 766)").format(
        first=day(report.first), last=day(report.last))  # fmt: skip
    return Group(Text(heading, style="bold"), Text(), table)


def render_json(report: HandledReport) -> bytes:
    """The report as JSON."""
    form = {
        "schema": SCHEMA, "from": report.first.isoformat(), "to": report.last.isoformat(), "full_marks_from": "80.00",
        "all": _form(report.all), "units": [{"unit": unit} | _form(count) for unit, count in report.by_unit],
    }  # fmt: skip
    return (json.dumps(form, ensure_ascii=False, indent=1) + "\n").encode()


def render_csv(report: HandledReport) -> bytes:
    """The report as CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow((_("unit"), _("handled"), _("wholly electronic"), _("rate, %"), _("full marks (80%)")))
    for unit, count in [*report.by_unit, (_("all units"), report.all)]:
        writer.writerow(
            (
                harmless_formula(unit),
                count.rows,
                count.done,
                percent_text(count.hundredths) or _("no data"),
                _mark(count),
            )
        )
    return out.getvalue().encode("utf-8-sig")


def _form(count: Count) -> dict[str, object]:
    return {"handled": count.rows, "electronic": count.done, "percent": percent_text(count.hundredths),
            "full_marks": full_marks(count)}  # fmt: skip


def _mark(count: Count) -> str:
    return {True: _("yes"), False: _("no"), None: _("no data")}[full_marks(count)]
