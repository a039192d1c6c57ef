"""What procedures are called and which field they belong to; a form of one holds until its next begins."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from sqlalchemy import Connection, insert, select, update

from archive.cells import BadCell, Cells
from archive.imports import procedure_row
from archive.register.tables import procedures_table
from schemas.days import date_of
from schemas.language import _
from schemas.procedures import Procedure


def known_procedures(connection: Connection) -> list[Procedure]:
    """Every procedure as now known, each of its forms, by code and day."""
    query = select(procedures_table).where(procedures_table.c.superseded_at.is_(None))
    found = [Procedure(row.code, row.name, row.field, date_of(row.valid_from)) for row in connection.execute(query)]
    return sorted(found, key=lambda one: (one.code, one.valid_from or date.min))


def put_procedures(connection: Connection, given: Iterable[Procedure], now: str) -> tuple[int, int, int]:
    """Put procedures in place; returns how many are new, changed (the old form is closed *now*) and known already.

    Where no field is said, the one that is known stays.
    """
    new = changed = same = 0
    known = {(one.code, one.valid_from): one for one in known_procedures(connection)}
    for one in given:
        old = known.get((one.code, one.valid_from))
        said = one if old is None or one.field else Procedure(one.code, one.name, old.field, one.valid_from)
        if said == old:
            same += 1
            continue
        if old is not None:
            _close(connection, old, now)
        connection.execute(insert(procedures_table).values(**_values(said), recorded_at=now))
        known[said.code, said.valid_from] = said
        new, changed = (new + 1, changed) if old is None else (new, changed + 1)
    return new, changed, same


def each_said_once() -> Callable[[int, Cells], Procedure]:
    """The function that takes a row of procedures; BadCell for one that contradicts an earlier row of the file."""
    said: dict[tuple[str, date | None], tuple[int, Procedure]] = {}

    def take(line: int, cells: Cells) -> Procedure:
        one = procedure_row(line, cells)
        before, first = said.setdefault((one.code, one.valid_from), (line, one))
        if first != one:
            raise BadCell("name" if first.name != one.name else "field",
                          _("row {row} says something else of the same procedure").format(row=before))  # fmt: skip
        return one

    return take


def _close(connection: Connection, old: Procedure, now: str) -> None:
    table, begins = procedures_table.c, _values(old)["valid_from"]
    this_day = table.valid_from.is_(None) if begins is None else table.valid_from == begins
    connection.execute(
        update(procedures_table)
        .where(table.code == old.code, this_day, table.superseded_at.is_(None))
        .values(superseded_at=now)
    )


def _values(one: Procedure) -> dict[str, Any]:
    begins = None if one.valid_from is None else one.valid_from.toordinal()
    return {"code": one.code, "name": one.name, "field": one.field, "valid_from": begins}
