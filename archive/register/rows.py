"""The inventory's rows, read: all of them, those in two units' lists, those that a paper may be."""

import heapq
from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from archive.keys import match_key, symbol_key, unit_key
from archive.register.tables import inventory, spans
from archive.register.units import homes_of, kin_of, known_units
from schemas.days import FOREVER
from schemas.units import InventoryRow

STREAMED = {"yield_per": 5_000}
"""Of a statement whose rows are read a piece at a time."""


def known_rows(connection: Connection, unit: str | None = None) -> Iterator[InventoryRow]:
    """The rows as now known, of one unit or of all, read one after another."""
    query = select(inventory).where(inventory.c.superseded_at.is_(None)).order_by(inventory.c.key, inventory.c.id)
    if unit is not None:
        query = query.where(inventory.c.unit == unit)
    for row in connection.execute(query, execution_options=STREAMED):
        yield inventory_row_of(row)


def in_two_units(connection: Connection) -> Iterator[InventoryRow]:
    """The rows whose number, symbol, date and title stand in the lists of two units that are not merged, together.

    Two agencies may number alike on a day, hence the title: rows without one are left out. Goes over every row.
    """
    at = func.instr if connection.dialect.name == "sqlite" else func.strpos
    known = inventory.c.superseded_at.is_(None) & (inventory.c.title != "")
    result = func.substr(inventory.c.key, at(inventory.c.key, "|")).label("result")  # the key without its unit
    title = func.lower(inventory.c.title).label("title")
    doubled = (
        select(result, title).where(known).group_by(result, title)
        .having(func.count(inventory.c.key.distinct()) > 1).subquery()
    )  # fmt: skip
    query = (
        select(inventory)
        .join(doubled, (doubled.c.result == result) & (doubled.c.title == title))
        .where(known)
        .order_by(doubled.c.result, doubled.c.title, inventory.c.unit)
    )
    for row in connection.execute(query, execution_options=STREAMED):
        yield inventory_row_of(row)


def candidates(
    connection: Connection, unit: str, suits: Callable[[InventoryRow], float], years: Collection[int], limit: int
) -> list[InventoryRow]:
    """Results of *unit* without a record that a paper may be; see ``archive.inventory.Register.candidates``.

    Also those of a unit that was merged with it, where a record of *unit* may count for them.
    """
    code, home = _home_of(connection, unit)
    of_years = [_in_year(home, year) for year in years] or [_between(f"{home}|", f"{home}}}")]
    query = (
        select(inventory)
        .where(or_(*of_years), inventory.c.superseded_at.is_(None))
        .where(~select(spans.c.row).where(spans.c.row == inventory.c.id).exists())
    )
    may_be = _may_be_of(connection, code)
    found = (inventory_row_of(row) for row in connection.execute(query, execution_options=STREAMED) if may_be(row))
    ranked = ((suits(row), row.unit == code, -row.issued_on.toordinal(), row.number, row) for row in found)
    best = heapq.nlargest(limit, (each for each in ranked if each[0] > 0), key=lambda each: each[:4])
    return [row for *_rank, row in best]


def numbers_beside(connection: Connection, unit: str, symbol: str, day: date) -> tuple[int | None, int | None]:
    """The register's numbers before and after a day; see ``archive.inventory.Register.numbers_beside``."""
    code, home = _home_of(connection, unit)
    query = select(inventory.c.number, inventory.c.symbol, inventory.c.issued).where(
        _in_year(home, day.year), inventory.c.superseded_at.is_(None), inventory.c.unit == code
    )
    wanted = symbol_key(symbol)
    given = [(row.issued, int(row.number)) for row in connection.execute(query, execution_options=STREAMED)
             if row.number.isdecimal() and symbol_key(row.symbol) == wanted]  # fmt: skip
    before = max((number for issued, number in given if issued < day.toordinal()), default=None)
    after = min((number for issued, number in given if issued > day.toordinal()), default=None)
    return before, after


def _in_year(home: str, year: int) -> ColumnElement[bool]:
    """The keys of a unit's results of a year; they sort by day."""
    first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
    return _between(f"{home}|{first}|", f"{home}|{last + 1}|")


def _between(low: str, high: str) -> ColumnElement[bool]:
    return and_(inventory.c.key >= low, inventory.c.key < high)


def _home_of(connection: Connection, unit: str) -> tuple[str, str]:
    """The unit's code as the tree writes it, and that of the unit that it was merged into at last."""
    known = known_units(connection)
    code = {unit_key(u.code): u.code for u in known}.get(unit_key(unit), unit)
    return code, homes_of(known).get(code, code)


def _may_be_of(connection: Connection, code: str) -> Callable[[Any], bool]:
    """Whether a paper of unit *code* may be the result in a row: one of its own, or of a unit merged with it."""
    kin = {one.of_row: one for one in kin_of(known_units(connection)) if one.of_record == code}
    return lambda row: row.unit == code or (row.unit in kin and not kin[row.unit].apart_on(row.issued))


def listed(connection: Connection, unit: str, number: str, symbol: str, issued_on: date) -> list[InventoryRow]:
    """The results of *unit* with this number, symbol and day; where it has none, those of a unit merged with it."""
    code, home = _home_of(connection, unit)
    key = match_key(home, number, symbol, issued_on.toordinal())
    query = select(inventory).where(inventory.c.key == key, inventory.c.superseded_at.is_(None))
    may_be = _may_be_of(connection, code)
    found = [inventory_row_of(row) for row in connection.execute(query.order_by(inventory.c.id)) if may_be(row)]
    return [row for row in found if row.unit == code] or found


def inventory_row_of(row: Any) -> InventoryRow:
    """The row as it is in the database."""
    return InventoryRow(
        row.unit,
        row.number,
        row.symbol,
        date.fromordinal(row.issued),
        row.procedure,
        row.result_code,
        row.title,
        date.fromordinal(row.from_day),
        None if row.until_day >= FOREVER else date.fromordinal(row.until_day),
    )
