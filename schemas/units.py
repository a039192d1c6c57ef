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
