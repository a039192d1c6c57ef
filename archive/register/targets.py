"""Targets by level, year and unit; those of 2023 come with the program, later ones are imported."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from archive.cells import BadCell, Cells, Reader, by_column
from archive.imports import TARGET_COLUMNS, target_row
from archive.register.tables import targets_table
from archive.register.units import unit_finder
from archive.rowfiles import open_rows
from schemas.language import _
from schemas.units import Level, Target, Unit

DEFAULT_TARGETS = Path(__file__).with_name("targets.csv")


def known_targets(connection: Connection) -> tuple[Target, ...]:
    """Every target as now known, by year, level and unit."""
    query = select(targets_table).where(targets_table.c.superseded_at.is_(None))
    found = [
        Target(Level(row.level), row.year, Fraction(row.share_numerator, row.share_denominator), row.unit)
        for row in connection.execute(query)
    ]
    return tuple(sorted(found, key=lambda t: (t.year, list(Level).index(t.level), t.unit or "")))


def put_targets(connection: Connection, given: Iterable[Target], now: str) -> tuple[int, int, int]:
    """Put targets in place; returns how many are new, changed (the old form is closed *now*) and known already."""
    new = changed = same = 0
    table = targets_table.c
    for target in given:
        here = (
            table.level == str(target.level),
            table.year == target.year,
            table.unit.is_(None) if target.unit is None else table.unit == target.unit,
            table.superseded_at.is_(None),
        )
        old = connection.execute(select(targets_table).where(*here)).first()
        if old and Fraction(old.share_numerator, old.share_denominator) == target.share:
            same += 1
            continue
        connection.execute(update(targets_table).where(*here).values(superseded_at=now))
        connection.execute(
            insert(targets_table).values(
                level=str(target.level), year=target.year, unit=target.unit,
                share_numerator=target.share.numerator, share_denominator=target.share.denominator, recorded_at=now,
            )
        )  # fmt: skip
        new, changed = (new, changed + 1) if old else (new + 1, changed)
    return new, changed, same


def of_known_units(units: Sequence[Unit]) -> Callable[[int, Cells], Target]:
    """The function that takes a row of targets; BadCell for a unit that is not in the tree, or is of another level."""
    code_of = unit_finder(units)
    levels = {(unit.code, unit.level) for unit in units}

    def take(line: int, cells: Cells) -> Target:
        target = target_row(line, cells)
        if target.unit is None:
            return target
        code = code_of(target.unit)
        if (code, target.level) not in levels:
            raise BadCell("level", _("unit {code} is of another level").format(code=code))
        return replace(target, unit=code)

    return take


def default_targets() -> list[Target]:
    """The targets of the city's list for 2023, point 7."""
    with open_rows(DEFAULT_TARGETS, TARGET_COLUMNS) as rows:
        return list(Reader(rows, Path(), by_column(rows, target_row)))
