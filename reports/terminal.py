"""The report on a terminal: one sheet for a leader, then every unit. Colour only adds to what the words say."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reports.progress import Against, Count, Progress
from reports.words import day, gain, level_name, needed, percent, points, projected, share, tenths_down, verdict, whole
from schemas.language import _

BAR_CELLS = 24
UNIT_BAR_CELLS = 12
BEHIND_SHOWN = 5


def render_terminal(report: Progress, *, every_unit: bool = True) -> RenderableType:
    """The report for ``rich.console.Console.print``."""
    return Group(*_parts(report, every_unit))


def _parts(report: Progress, every_unit: bool) -> Iterator[RenderableType]:
    heading = _("Results digitised, as of the end of {day}").format(day=day(report.as_of))
    if report.procedure:
        heading += " · " + _("procedure {code}").format(code=report.procedure)
    yield Text(heading, style="bold")
    yield Text()
    yield _levels(report)
    if report.compared is not None:
        yield Text()
        yield Text(_("Since {day}").format(day=day(report.compared.as_of)), style="bold")
        yield _since(report)
    behind = report.furthest_behind()
    if behind:
        yield Text()
        yield Text(_("Furthest behind"), style="bold")
        yield _behind(report)
    if every_unit and (len(report.units) == 1 or any(one.now.count.rows for one in report.units)):
        yield Text()
        yield Text(_("Every unit"), style="bold")
        yield _units(report)
    if report.procedures:
        yield Text()
        yield Text(_("By procedure"), style="bold")
        yield _procedures(report)
    if report.made:
        yield Text()
        yield Text(_("By operator and batch"), style="bold")
        yield _made(report)
    for note in notes(report):
        yield Text()
        yield Text(note)


def notes(report: Progress) -> list[str]:
    """What must be said beside the figures: results without a unit, what waits, targets carried on."""
    said = []
    if report.homeless.rows:
        said.append(
            _("{rows} results in force belong to units that no longer stand and were merged into none; they are in no "
              "rate. Say with `sohoa units import` which unit took them over.").format(rows=whole(report.homeless.rows))
        )  # fmt: skip
    if report.waiting is not None and report.waiting.count:
        said.append(
            _("{count} documents wait for a person, the oldest since {day}; see `sohoa review list`.").format(
                count=whole(report.waiting.count), day=day(report.waiting.oldest))
        )  # fmt: skip
    empty = sum(not one.now.count.rows for one in report.units)
    if empty:
        said.append(_("{count} units have no data: no result in force in the inventory.").format(count=whole(empty)))
    years = {level.now.year for level in report.levels if level.now.year is not None}
    for year in sorted(years - {report.as_of.year}):
        said.append(
            _("No targets are set for {year}; those of {old} are shown. Set them with `sohoa targets import`.").format(
                year=report.as_of.year, old=year)
        )  # fmt: skip
    return said


def bar(count: Count, target: "Against", cells: int = BAR_CELLS) -> Text:
    """The rate as a bar with the target's place marked."""
    text = Text()
    filled = (count.hundredths or 0) * cells // 10_000
    mark = int(target.target * cells) if target.target is not None else None
    style = "green" if target.reached else "yellow"
    for cell in range(cells):
        if cell == mark:
            text.append("┃", style="bold")
        else:
            text.append("█" if cell < filled else "·", style=style if cell < filled else "dim")
    return text


def _levels(report: Progress) -> Group:
    table = Table(
        _("level"), _("rate"), "", _("target"), "", _("digitised"), _("in force"), _("still to do"), _("week"),
        box=None, pad_edge=False,
    )  # fmt: skip
    table.columns[2].min_width = BAR_CELLS
    pace = Table(_("level"), _("pace a day"), _("needed a day"), _("met at this pace"), _("units reached"),
                 box=None, pad_edge=False)  # fmt: skip
    for level in report.levels:
        now = level.now
        table.add_row(
            level_name(level.level), Text(percent(now.count.hundredths), style="bold"), bar(now.count, now),
            share(now.target), _mark(now), whole(now.count.done), whole(now.count.rows),
            "–" if now.left is None else whole(now.left), _week(now.count, level.week_ago),
        )  # fmt: skip
        pace.add_row(
            level_name(level.level), tenths_down(level.outlook.pace_a_day), needed(level.outlook),
            projected(level.outlook) if now.left is not None else "–", f"{level.reached} / {level.with_data}",
        )  # fmt: skip
    return Group(table, Text(), pace)


def _since(report: Progress) -> Table:
    table = Table(_("level"), _("rate then"), _("rate now"), _("change (points)"), _("digitised"), _("in force"),
                  box=None, pad_edge=False)  # fmt: skip
    for level, then in report.since():
        now = level.now.count
        change = "–"
        if now.hundredths is not None and then.hundredths is not None:
            change = points(now.hundredths - then.hundredths)
        table.add_row(level_name(level.level), percent(then.hundredths), percent(now.hundredths), change,
                      gain(now.done - then.done), gain(now.rows - then.rows))  # fmt: skip
    return table


def _behind(report: Progress) -> Table:
    table = Table(_("unit"), _("rate"), _("short"), _("still to do"), _("needed a day"), _("met at this pace"),
                  box=None, pad_edge=False)  # fmt: skip
    for one in report.furthest_behind()[:BEHIND_SHOWN]:
        table.add_row(
            f"{one.full_name} ({one.unit.code})", percent(one.now.count.hundredths), verdict(one.now),
            whole(one.now.left or 0), needed(one.outlook), projected(one.outlook),
        )  # fmt: skip
    return table


def _procedures(report: Progress) -> Table:
    table = Table(_("procedure"), _("rate"), _("digitised"), _("in force"), box=None, pad_edge=False)
    for code, count in report.procedures:
        table.add_row(code or _("(none given)"), percent(count.hundredths), whole(count.done), whole(count.rows))
    return table


def _made(report: Progress) -> Table:
    table = Table(_("operator"), _("batch"), _("begun"), _("records"), box=None, pad_edge=False)
    for one in report.made:
        table.add_row(one.operator, one.batch, day(one.started_on), whole(one.records))
    return table


def _units(report: Progress) -> Table:
    table = Table(_("code"), _("unit"), _("rate"), "", _("target"), "", _("digitised"), _("in force"), _("still to do"),
                  _("week"), box=None, pad_edge=False)  # fmt: skip
    table.columns[3].min_width = UNIT_BAR_CELLS
    for level in report.levels:
        of_level = [one for one in report.units if one.unit.level is level.level]
        # those without data are said in a note: hundreds of empty lines would hide the rest
        with_data = [one for one in of_level if one.now.count.rows or len(report.units) == 1]
        if with_data:
            table.add_row("", Text(level_name(level.level), style="bold"))
        for one in with_data:
            now = one.now
            table.add_row(
                one.unit.code, one.full_name, percent(now.count.hundredths),
                bar(now.count, now, UNIT_BAR_CELLS) if now.count.rows else "", share(now.target), _mark(now),
                whole(now.count.done), whole(now.count.rows), "–" if now.left is None else whole(now.left),
                _week(now.count, one.week_ago),
            )  # fmt: skip
    return table


def _mark(now: Against) -> Text:
    style = {True: "green", False: "yellow", None: "dim"}[now.reached]
    sign = {True: "✓ ", False: "✗ ", None: ""}[now.reached]
    return Text(sign + verdict(now), style=style)


def _week(now: Count, before: Count) -> str:
    text = gain(now.done - before.done)
    if now.hundredths is None or before.hundredths is None:
        return text
    return f"{text} ({points(now.hundredths - before.hundredths)})"
