"""Progress against the targets: one value that every rendering shows. Pure: no database, no clock, no file.

The rate of a unit is its results in force that have a record, over its results in force, on a day. A level's rate is
the sum over its units, never the mean of their rates; how many of its units have reached their target is a second
figure. Without results in force there is no rate: *no data*, neither 0 % nor 100 %. Percentages are rounded down, so
that 49.999 % never reads as 50 %. (Targets of Ho Chi Minh City for 2023, point 7.)
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from schemas.procedures import Procedure, procedure_finder
from schemas.units import DayCount, Level, Made, ProcedureCount, Target, Unit

WEEK = timedelta(days=7)
LINE_WEEKS = 12
"""How far back the weekly line goes."""
PACE_WEEKS = 4
"""The present pace is that of so many weeks; the range is that of the slowest and the quickest of them."""


@dataclass(frozen=True, slots=True)
class Count:
    """Results in force on a day (``rows``), and those of them with a record (``done``)."""

    rows: int
    done: int

    def __add__(self, other: "Count") -> "Count":
        return Count(self.rows + other.rows, self.done + other.done)

    @property
    def rate(self) -> Fraction | None:
        """The share done; None where nothing is in force: there is no data."""
        return Fraction(self.done, self.rows) if self.rows else None

    @property
    def hundredths(self) -> int | None:
        """The rate in hundredths of a per cent, rounded down."""
        return self.done * 10_000 // self.rows if self.rows else None


NOTHING = Count(0, 0)


@dataclass(frozen=True, slots=True)
class Against:
    """A count against a target. ``target`` is None where none is set; ``year``: whose target it is."""

    count: Count
    target: Fraction | None
    year: int | None

    @property
    def needed(self) -> int | None:
        """How many results with a record reach the target: the share of what is in force, rounded up."""
        if self.target is None or not self.count.rows:
            return None
        return -(-self.count.rows * self.target.numerator // self.target.denominator)

    @property
    def left(self) -> int | None:
        """How many results are still to do; 0 when the target is reached."""
        return None if self.needed is None else max(self.needed - self.count.done, 0)

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where that cannot be said."""
        return None if self.left is None else self.left == 0

    @property
    def missing_hundredths(self) -> int | None:
        """By how much the rate falls short, in hundredths of a percentage point, rounded up; 0 when it is reached."""
        rate = self.count.rate
        if rate is None or self.target is None:
            return None
        short = max(self.target - rate, Fraction(0)) * 10_000
        return -(-short.numerator // short.denominator)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What it takes until the due day, and when the target is met if the pace of the last weeks is kept.

    Days count from the report's; ``day`` None with results left: *not at this pace*. ``earliest`` and ``latest`` are by
    the quickest and the slowest of the last weeks; ``latest`` None: at the slowest, never. What is in force is taken to
    stay as it is.
    """

    due: date
    needed_a_day: Fraction | None
    """Results a day until the due day, exact; None where it is past or there is nothing to say."""
    pace_a_day: Fraction
    day: date | None
    earliest: date | None
    latest: date | None


@dataclass(frozen=True, slots=True)
class WeekPoint:
    """The count at the end of a day of the weekly line."""

    day: date
    count: Count


@dataclass(frozen=True, slots=True)
class UnitProgress:
    """A unit, its count against its target, and what changed in the week."""

    unit: Unit
    now: Against
    week_ago: Count
    outlook: Outlook
    line: tuple[WeekPoint, ...]
    within: str = ""
    """The name of the unit above it: several wards may bear one name."""

    @property
    def full_name(self) -> str:
        """The unit's name, with that of the unit above it."""
        return f"{self.unit.name}, {self.within}" if self.within else self.unit.name


@dataclass(frozen=True, slots=True)
class LevelProgress:
    """A level: the sum over its units, and how many of them have reached their own target."""

    level: Level
    now: Against
    week_ago: Count
    outlook: Outlook
    line: tuple[WeekPoint, ...]
    units: int
    with_data: int
    reached: int


@dataclass(frozen=True, slots=True)
class ProcedureProgress:
    """The count of one procedure's results, and what it is called on the day; empty where that is not known."""

    code: str
    count: Count
    name: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Documents that wait for a person: how many, and since when the oldest does."""

    count: int
    oldest: date | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything a report shows, as of the end of a day in Vietnam."""

    as_of: date
    levels: tuple[LevelProgress, ...]
    units: tuple[UnitProgress, ...]
    """By level, then by code; all units of the levels shown that stand on the day."""
    homeless: Count
    """Results in force whose unit no longer stands and was merged into none: in no rate, and said so."""
    compared: "Progress | None" = None
    """The same as of an earlier day, where two days are compared."""
    waiting: Waiting | None = None
    procedure: str = ""
    procedure_name: str = ""
    procedures: tuple[ProcedureProgress, ...] = ()
    """By procedure, the most results still without a record first, where asked for."""
    fields: tuple[tuple[str, Count], ...] = ()
    """The same summed by field (*lĩnh vực*), where any field is known; an empty name for what is of none."""
    made: tuple[Made, ...] = ()
    """By operator and batch, the newest first, where asked for."""

    @property
    def said_procedure(self) -> str:
        """The code of the procedure that the report is of, with its name where that is known."""
        return f"{self.procedure} {self.procedure_name}".strip()

    def since(self) -> list[tuple[LevelProgress, Count]]:
        """Each level with its count on the earlier day, where two days are compared."""
        earlier = {level.level: level.now.count for level in self.compared.levels} if self.compared else {}
        return [(level, earlier[level.level]) for level in self.levels if level.level in earlier]

    def furthest_behind(self, level: Level | None = None) -> list[UnitProgress]:
        """Units that have not reached their target, the most percentage points short first."""
        behind = [u for u in self.units if u.now.reached is False and level in (None, u.unit.level)]
        return sorted(behind, key=lambda u: (-(u.now.missing_hundredths or 0), -(u.now.left or 0), u.unit.code))


def with_details(
    report: Progress, procedures: Iterable[ProcedureCount], made: Iterable[Made], known: Iterable[Procedure] = ()
) -> Progress:
    """The report with its figures by procedure, field, operator and batch beside it; *known*: what they are called."""
    find = procedure_finder(known, report.as_of)
    counted = []
    by_field: dict[str, Count] = defaultdict(lambda: NOTHING)
    for one in procedures:
        if one.rows:
            called, count = find(one.procedure), Count(one.rows, one.done)
            name, field = (called.name, called.field) if called is not None else ("", "")
            counted.append(ProcedureProgress(one.procedure, count, name, field))
            by_field[field] += count
    counted.sort(key=lambda c: (c.count.done - c.count.rows, c.code))
    fields = sorted(by_field.items(), key=lambda f: (f[1].done - f[1].rows, f[0])) if any(by_field) else []
    newest = sorted(made, key=lambda m: (-m.started_on.toordinal(), m.operator, m.batch))
    return replace(report, procedures=tuple(counted), fields=tuple(fields), made=tuple(newest))


def first_day_needed(as_of: date) -> date:
    """From when on the counts are needed week by week; what lies before may be summed into this day."""
    return as_of - LINE_WEEKS * WEEK


def progress(
    as_of: date,
    units: Sequence[Unit],
    targets: Sequence[Target],
    counts: Iterable[DayCount],
    *,
    level: Level | None = None,
    unit: str | None = None,
    procedure: str = "",
    procedure_name: str = "",
) -> Progress:
    """The report as of the end of *as_of*, from the *counts* of ``archive.inventory.Register.day_counts``.

    *level* and *unit* choose what is shown; a level's own figures then are over the units shown. Counts of a unit that
    no longer stands on a day go to the one it was merged into.
    """
    days = [as_of - k * WEEK for k in range(LINE_WEEKS, -1, -1)]
    placed = {day: place_of(units, day) for day in days}
    line: dict[str, dict[date, Count]] = defaultdict(lambda: dict.fromkeys(days, NOTHING))
    homeless = NOTHING
    for code, at in _running(counts, days).items():
        for day, count in at.items():
            home = placed[day].get(code)
            if home is not None:
                line[home][day] += count
            elif day == as_of:
                homeless += count
    here = [u for u in units if stands(u, as_of) and level in (None, u.level) and unit in (None, u.code)]
    here.sort(key=lambda u: (list(Level).index(u.level), in_order(u.code)))
    names = {u.code: u.name for u in units if stands(u, as_of)}
    shown = tuple(_of_unit(u, line[u.code], targets, as_of, days, names.get(u.parent or "", "")) for u in here)
    levels = tuple(_of_level(one, [u for u in shown if u.unit.level is one], targets, as_of, days) for one in Level
                   if level in (None, one) and (unit is None or any(u.unit.level is one for u in shown)))  # fmt: skip
    return Progress(as_of, levels, shown, homeless, procedure=procedure, procedure_name=procedure_name)


def in_order(code: str) -> list[tuple[int, str]]:
    """A code for sorting, its numbers by their size: ``H29.2`` before ``H29.10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", code)]


def stands(unit: Unit, day: date) -> bool:
    """Whether the unit stands on the day."""
    return (unit.valid_from or date.min) <= day <= (unit.valid_to or date.max)


def place_of(units: Sequence[Unit], day: date) -> dict[str, str | None]:
    """Every unit's code → the unit that its results count for on *day*: itself, the one it was merged into, or None."""
    forms: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        forms[unit.code].append(unit)

    def place(code: str) -> str | None:
        seen: set[str] = set()
        while code not in seen:
            seen.add(code)
            of_code = forms.get(code, [])
            if any(stands(unit, day) for unit in of_code):
                return code
            after = next((u.successor for u in of_code if u.successor and u.valid_to and u.valid_to < day), None)
            if after is None:
                return None
            code = after
        return None

    return {code: place(code) for code in forms}


def target_for(
    targets: Sequence[Target], unit: Unit | None, level: Level, year: int
) -> tuple[Fraction | None, int | None]:
    """The share to reach and the year it is of: the latest up to *year*, in it the unit's own before its level's."""
    code = unit.code if unit is not None else None
    fitting = [t for t in targets if t.year <= year and t.level is level and t.unit in (None, code)]
    if not fitting:
        return None, None
    best = max(fitting, key=lambda t: (t.year, t.unit is not None))
    return best.share, best.year


def _running(counts: Iterable[DayCount], days: Sequence[date]) -> dict[str, dict[date, Count]]:
    """Each unit's count at the end of each of *days* (ascending)."""
    changes: dict[str, list[DayCount]] = defaultdict(list)
    for change in counts:
        changes[change.unit].append(change)
    running: dict[str, dict[date, Count]] = {}
    for unit, of_unit in changes.items():
        of_unit.sort(key=lambda change: change.day)
        at, total = 0, NOTHING
        running[unit] = {}
        for day in days:
            while at < len(of_unit) and of_unit[at].day <= day:
                total += Count(of_unit[at].rows, of_unit[at].done)
                at += 1
            running[unit][day] = total
    return running


def _of_unit(
    unit: Unit, line: Mapping[date, Count], targets: Sequence[Target], as_of: date, days: Sequence[date], within: str
) -> UnitProgress:
    now = Against(line[as_of], *target_for(targets, unit, unit.level, as_of.year))
    points = tuple(WeekPoint(day, line[day]) for day in days)
    return UnitProgress(unit, now, line[as_of - WEEK], _outlook(now, points, as_of), points, within)


def _of_level(
    level: Level, units: Sequence[UnitProgress], targets: Sequence[Target], as_of: date, days: Sequence[date]
) -> LevelProgress:
    points = tuple(WeekPoint(day, sum((u.line[index].count for u in units), NOTHING)) for index, day in enumerate(days))
    now = Against(points[-1].count, *target_for(targets, None, level, as_of.year))
    return LevelProgress(
        level, now, points[-2].count, _outlook(now, points, as_of), points,
        units=len(units),
        with_data=sum(u.now.count.rows > 0 for u in units),
        reached=sum(u.now.reached is True for u in units),
    )  # fmt: skip


def _outlook(now: Against, line: Sequence[WeekPoint], as_of: date) -> Outlook:
    due = date(as_of.year, 12, 31)
    gains = [after.count.done - before.count.done for before, after in pairwise(line)][-PACE_WEEKS:]
    pace = Fraction(sum(gains), 7 * len(gains))
    left = now.left
    if left is None:
        return Outlook(due, None, pace, None, None, None)
    if left == 0:
        return Outlook(due, Fraction(0), pace, as_of, as_of, as_of)
    until = (due - as_of).days
    return Outlook(
        due,
        Fraction(left, until) if until > 0 else None,
        pace,
        _met(as_of, left, pace),
        _met(as_of, left, Fraction(max(gains), 7)),
        _met(as_of, left, Fraction(min(gains), 7)),
    )


def _met(as_of: date, left: int, a_day: Fraction) -> date | None:
    """The day on which *left* more are done at *a_day*; None where that is never, or beyond any calendar."""
    if a_day <= 0:
        return None
    days = -(-left * a_day.denominator // a_day.numerator)
    return as_of + timedelta(days=days) if days < (date.max - as_of).days else None
