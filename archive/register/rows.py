"""The inventory's rows, read: all of them, those in two units' lists, those that a paper may be."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from archive.keys import match_key, number_key, symbol_key, unit_key
from archive.register.tables import inventory, spans
from archive.register.units import homes_of, known_units
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
    connection: Connection, unit: str, number: str | None, symbol: str | None, issued_on: date | None, limit: int
) -> list[InventoryRow]:
    """Results of *unit* without a record that a paper may be; see ``archive.inventory.Register.candidates``."""
    wanted = (number and number_key(number), symbol and symbol_key(symbol), issued_on)
    if sum(part is not None for part in wanted) < 2:
        return []
    known = known_units(connection)
    homes, names = homes_of(known), {unit_key(u.code): u.code for u in known}
    code = names.get(unit_key(unit), unit)
    home = homes.get(code, code)
    low, high = f"{home}|", f"{home}}}"
    query = (
        select(inventory)
        .where(inventory.c.key >= low, inventory.c.key < high, inventory.c.superseded_at.is_(None))
        .where(~select(spans.c.row).where(spans.c.row == inventory.c.id).exists())
    )
    ranked = []
    for row in connection.execute(query, execution_options=STREAMED):
        have = number_key(row.number), symbol_key(row.symbol), date.fromordinal(row.issued)
        wrong = sum(want is not None and want != has for want, has in zip(wanted, have, strict=True))
        if wrong <= 1:
            ranked.append((wrong, row.unit != code, row.issued, row.number, inventory_row_of(row)))
    return [row for *_rank, row in sorted(ranked, key=lambda r: r[:4])[:limit]]


def listed(connection: Connection, unit: str, number: str, symbol: str, issued_on: date) -> list[InventoryRow]:
    """The results of *unit* with this number, symbol and day."""
    known = known_units(connection)
    names = {unit_key(u.code): u.code for u in known}
    code = names.get(unit_key(unit), unit)
    key = match_key(homes_of(known).get(code, code), number, symbol, issued_on.toordinal())
    query = select(inventory).where(inventory.c.key == key, inventory.c.superseded_at.is_(None))
    return [inventory_row_of(row) for row in connection.execute(query.order_by(inventory.c.id))]


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
