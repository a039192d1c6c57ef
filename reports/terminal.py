"""The report on a terminal: one sheet for a leader, then every unit. Colour only adds to what the words say."""

from collections.abc import Callable, Iterator
from itertools import chain

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from reports.progress import Against, Count, Outlook, Progress, UnitProgress
from reports.words import (
    day,
    gain,
    level_name,
    needed,
    percent,
    points,
    projected,
    projected_day,
    share,
    tenths_down,
    verdict,
    whole,
)
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
        heading += " · " + _("procedure {code}").format(code=report.said_procedure)
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
    if report.fields:
        yield Text()
        yield Text(_("By field"), style="bold")
        yield _fields(report)
    if report.procedures:
        yield Text()
        yield Text(_("By procedure"), style="bold")
        yield _procedures(report)
    if every_unit and any(point.count.rows for level in report.levels for point in level.line):
        yield Text()
        yield Text(_("Week by week"), style="bold")
        yield _weeks(report)
    if report.made:
        yield Text()
        yield Text(_("By operator and batch"), style="bold")
        yield _made(report)
    for note in notes(report):
        yield Text()
        yield Text(note)


def notes(report: Progress, *, published: bool = False) -> list[str]:
    """What must be said beside the figures: results without a unit, what waits, targets carried on.

    *published*: without what only the office can act on.
    """
    said = []
    if report.homeless.rows:
        said.append(
            _("{rows} results in force belong to units that no longer stand and were merged into none; they are in no "
              "rate.").format(rows=whole(report.homeless.rows))
            + ("" if published else " " + _("Say with `sohoa units import` which unit took them over."))
        )  # fmt: skip
    if not published and report.waiting is not None and report.waiting.count:
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
            _("No targets are set for {year}; those of {old} are shown.").format(year=report.as_of.year, old=year)
            + ("" if published else " " + _("Set them with `sohoa targets import`."))
        )
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


class _Fitting:
    """The first of two forms where the terminal is wide enough for it, else the second."""

    def __init__(self, wide: RenderableType, narrow: Callable[[], RenderableType]) -> None:
        self._wide = wide
        self._narrow = narrow

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        fits = Measurement.get(console, options.update_width(10_000), self._wide).maximum <= options.max_width
        yield self._wide if fits else self._narrow()


def _table(words: tuple[str, ...], numbers: tuple[str, ...] = (), last: tuple[str, ...] = ()) -> Table:
    """A table whose *numbers* stand one under the other at their right; only its first and last columns may wrap."""
    table = Table(box=None, pad_edge=False)
    for place, word in enumerate(words):
        table.add_column(word, no_wrap=place > 0)
    for word in numbers:
        table.add_column(word, justify="right", no_wrap=True)
    for word in last:
        table.add_column(word)
    return table


def _levels(report: Progress) -> RenderableType:
    return _Fitting(Group(_rates(report, counts=True), Text(), _paces(report)), lambda: Group(
        _rates(report, counts=False), Text(), _counts(report), Text(), _paces(report)))  # fmt: skip


def _rates(report: Progress, *, counts: bool) -> Table:
    numbers = (_("digitised"), _("in force"), _("still to do"), _("week")) if counts else ()
    table = _table((_("level"), _("rate"), "", _("target"), ""), numbers)
    for level in report.levels:
        now = level.now
        cells = BAR_CELLS if counts else UNIT_BAR_CELLS
        table.add_row(
            level_name(level.level), Text(percent(now.count.hundredths), style="bold"), bar(now.count, now, cells),
            share(now.target), _mark(now), *(_numbers(now, level.week_ago) if counts else ()),
        )  # fmt: skip
    return table


def _counts(report: Progress) -> Table:
    table = _table((_("level"),), (_("digitised"), _("in force"), _("still to do"), _("week")))
    for level in report.levels:
        table.add_row(level_name(level.level), *_numbers(level.now, level.week_ago))
    return table


def _numbers(now: Against, week_ago: Count) -> tuple[str, str, str, str]:
    left = "–" if now.left is None else whole(now.left)
    return whole(now.count.done), whole(now.count.rows), left, _week(now.count, week_ago)


def _paces(report: Progress) -> Table:
    table = _table((_("level"),), (_("pace a day"), _("needed a day"), _("units reached")), (_("met at this pace"),))
    for level in report.levels:
        table.add_row(
            level_name(level.level), tenths_down(level.outlook.pace_a_day), needed(level.outlook),
            f"{level.reached} / {level.with_data}", projected(level.outlook) if level.now.left is not None else "–",
        )  # fmt: skip
    return table


def _since(report: Progress) -> Table:
    numbers = (_("rate then"), _("rate now"), _("change (points)"), _("digitised"), _("in force"))
    table = _table((_("level"),), numbers)
    for level, then in report.since():
        now = level.now.count
        change = "–"
        if now.hundredths is not None and then.hundredths is not None:
            change = points(now.hundredths - then.hundredths)
        table.add_row(level_name(level.level), percent(then.hundredths), percent(now.hundredths), change,
                      gain(now.done - then.done), gain(now.rows - then.rows))  # fmt: skip
    return table


def _behind(report: Progress) -> RenderableType:
    def form(said: Callable[[Outlook], str]) -> Table:
        numbers = (_("rate"), _("points short"), _("still to do"), _("needed a day"))
        table = _table((_("unit"),), numbers, (_("met at this pace"),))
        for one in report.furthest_behind()[:BEHIND_SHOWN]:
            short = points(one.now.missing_hundredths or 0).lstrip("+")
            table.add_row(
                f"{one.full_name} ({one.unit.code})", percent(one.now.count.hundredths), short,
                whole(one.now.left or 0), needed(one.outlook), said(one.outlook),
            )  # fmt: skip
        return table

    return _Fitting(form(projected), lambda: form(projected_day))


def _procedures(report: Progress) -> Table:
    named = any(one.name for one in report.procedures)
    table = _table((_("procedure"),), (_("rate"), _("digitised"), _("in force")), (_("name"),) if named else ())
    for one in report.procedures:
        count = one.count
        cells = (one.code or _("(none given)"), percent(count.hundredths), whole(count.done), whole(count.rows))
        table.add_row(*cells, *((one.name,) if named else ()))
    return table


def _fields(report: Progress) -> Table:
    table = _table((_("field of procedures"),), (_("rate"), _("digitised"), _("in force")))
    for field, count in report.fields:
        table.add_row(field or _("(none given)"), percent(count.hundredths), whole(count.done), whole(count.rows))
    return table


def _weeks(report: Progress) -> RenderableType:
    def form(*, counts: bool) -> Table:
        head = (_("rate"), _("digitised"), _("in force")) if counts else (_("rate"),)
        table = _table((_("day"),))
        for level in report.levels:
            for place, word in enumerate(head):
                table.add_column(f"{level_name(level.level)}\n{word}" if place == 0 else f"\n{word}", justify="right")
        for week in zip(*(level.line for level in report.levels), strict=True):
            at_its_end = [point.count for point in week]
            told = [(percent(one.hundredths), whole(one.done), whole(one.rows))[: len(head)] for one in at_its_end]
            table.add_row(day(week[0].day), *chain(*told))
        return table

    return _Fitting(form(counts=True), lambda: form(counts=False))


def _made(report: Progress) -> Table:
    table = _table((_("operator"), _("batch"), _("begun")), (_("records"),))
    for one in report.made:
        table.add_row(one.operator, one.batch, day(one.started_on), whole(one.records))
    return table


def _units(report: Progress) -> RenderableType:
    return _Fitting(_units_in_full(report), lambda: _units_in_short(report))


def _units_in_full(report: Progress) -> Table:
    numbers = (_("digitised"), _("in force"), _("still to do"), _("week"))
    table = _table((_("unit"), _("code"), _("rate"), "", _("target"), ""), numbers)
    for heading, units in _by_level(report):
        table.add_row(Text(heading, style="bold"))
        for one in units:
            now = one.now
            table.add_row(
                one.full_name, one.unit.code, percent(now.count.hundredths),
                bar(now.count, now, UNIT_BAR_CELLS) if now.count.rows else "", share(now.target), _mark(now),
                *_numbers(now, one.week_ago),
            )  # fmt: skip
    return table


def _units_in_short(report: Progress) -> Table:
    """For a narrow terminal: without the target, which is its level's, and the week."""
    table = _table((_("unit"), _("code")), (_("rate"),), ("",))
    for word in (_("digitised"), _("in force"), _("still to do")):
        table.add_column(word, justify="right", no_wrap=False)
    for heading, units in _by_level(report):
        table.add_row(Text(heading, style="bold"))
        for one in units:
            now = one.now
            sign = {True: "✓", False: "✗", None: ""}[now.reached]
            table.add_row(one.full_name, one.unit.code, percent(now.count.hundredths), sign,
                          *_numbers(now, one.week_ago)[:3])  # fmt: skip
    return table


def _by_level(report: Progress) -> Iterator[tuple[str, list[UnitProgress]]]:
    """Those without data are said in a note: hundreds of empty lines would hide the rest."""
    for level in report.levels:
        of_level = [one for one in report.units if one.unit.level is level.level]
        with_data = [one for one in of_level if one.now.count.rows or len(report.units) == 1]
        if with_data:
            yield level_name(level.level), with_data


def _mark(now: Against) -> Text:
    style = {True: "green", False: "yellow", None: "dim"}[now.reached]
    sign = {True: "✓ ", False: "✗ ", None: ""}[now.reached]
    return Text(sign + verdict(now), style=style)


def _week(now: Count, before: Count) -> str:
    text = gain(now.done - before.done)
    if now.hundredths is None or before.hundredths is None:
        return text
    return f"{text} ({points(now.hundredths - before.hundredths)})"
