"""Units, levels, targets and the inventory: what the rates are counted against."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction


class Level(StrEnum):
    DEPARTMENT = "department"
    DISTRICT = "district"
    WARD = "ward"


@dataclass(frozen=True, slots=True)
class Unit:
    """An agency, valid from ``valid_from`` up to and including ``valid_to`` (None: no end known)."""

    code: str
    name: str
    level: Level
    parent: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    successor: str | None = None
    """The unit that its results count for after ``valid_to`` (a merger); None: none, and they then are in no rate."""


@dataclass(frozen=True, slots=True)
class Target:
    """The share that a level (or one unit of it) must reach in a year."""

    level: Level
    year: int
    share: Fraction
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """One result in force: in its unit's denominator from ``in_force_from`` to the day before ``in_force_until``."""

    unit: str
    number: str
    symbol: str
    issued_on: date
    procedure: str = ""
    result_code: str = ""
    title: str = ""
    in_force_from: date | None = None
    in_force_until: date | None = None


@dataclass(frozen=True, slots=True)
class DayCount:
    """By how much a unit's results in force (``rows``), and those of them with a record (``done``), change on *day*."""

    unit: str
    day: date
    rows: int
    done: int


@dataclass(frozen=True, slots=True)
class ProcedureCount:
    """A procedure's results in force on a day (``rows``), and those of them with a record (``done``)."""

    procedure: str
    rows: int
    done: int


@dataclass(frozen=True, slots=True)
class Made:
    """What an operator deposited in a batch."""

    operator: str
    batch: str
    started_on: date
    records: int


class Standing(StrEnum):
    """What one inventory row is on a day, for the auditor who recomputes a rate by hand."""

    COUNTS = "counts"
    NO_RECORD = "no record"
    NOT_YET_DEPOSITED = "deposited later"
    BROKEN = "record broken"
    WITHDRAWN = "record withdrawn"
    AMBIGUOUS = "record fits several rows"
    ONLY_COPY = "only a copy"
    NOT_YET_IN_FORCE = "not yet in force"
    NO_LONGER_IN_FORCE = "no longer in force"


@dataclass(frozen=True, slots=True)
class RowStanding:
    """An inventory row on a day, with the records (ids) that bear on it."""

    row: InventoryRow
    standing: Standing
    records: tuple[str, ...] = ()
    since: date | None = None
    """The first day of the standing, where one is known."""
