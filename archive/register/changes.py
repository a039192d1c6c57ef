"""An inventory's file taken in: held against what is known, each change put beside the old form with its date."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, text

from archive.cells import Reader
from archive.imports import INVENTORY_COLUMNS, Imported, StagedRow, inventory_row
from archive.keys import match_key
from archive.register.counters import share
from archive.register.matching import settle
from archive.register.tables import changes, make_temporary, staged, touched
from archive.register.units import homes_of, known_units, unit_finder
from archive.rowfiles import OpensRows
from schemas.days import FOREVER
from schemas.language import _

STAGED_AT_ONCE = 20_000


def import_inventory(
    connection: Connection,
    file: Path,
    now: str,
    *,
    rejects: Path,
    sheet: str | None,
    on_rows: Callable[[int], None],
    open_with: OpensRows,
) -> Imported:
    """Take a file of results in: each row checked and staged, then all that is new or changed put in place.

    The promise is that of ``archive.inventory.Register.import_inventory``; *now* is the time of the changes.
    """
    known = known_units(connection)
    with open_with(file, INVENTORY_COLUMNS, sheet=sheet) as rows:
        for table in (staged, changes, touched):
            make_temporary(connection, table)
        reader = Reader(rows, rejects, inventory_row(unit_finder(known)))
        read = _stage(connection, reader, homes_of(known), on_rows)
    bad = _conflicts(connection)
    _find_changes(connection)
    bad |= _impossible(connection)
    changed, new = _put_changes(connection, now)
    if bad:
        with open_with(file, INVENTORY_COLUMNS, sheet=sheet) as again:
            for line, cells in again.rows:
                if line in bad:
                    reader.reject(line, cells, *bad[line])
    return Imported(new, changed, read - new - changed - len(bad), reader.rejects, rows.ignored)


def _stage(
    connection: Connection, reader: Reader[StagedRow], homes: Mapping[str, str], on_rows: Callable[[int], None]
) -> int:
    """Put the file's good rows into the ``staged`` table; returns how many."""
    place = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    statement = f"INSERT INTO staged VALUES ({', '.join([place] * len(staged.columns))})"
    rows = iter(reader)
    read = 0
    while chunk := [
        (r.line, match_key(homes.get(r.unit, r.unit), r.number, r.symbol, r.issued), r.unit, r.number, r.symbol,
         r.issued, r.procedure, r.result_code, r.title, r.from_day, r.until_day)
        for r in islice(rows, STAGED_AT_ONCE)
    ]:  # fmt: skip
        connection.exec_driver_sql(statement, chunk)
        read += len(chunk)
        on_rows(read)
    return read


def _conflicts(connection: Connection) -> dict[int, tuple[str, str]]:
    """Lines of the file that say different things of one result; taken out of ``staged``, and doubled lines too."""
    connection.execute(text("CREATE INDEX staged_key ON staged (key, unit, result_code)"))
    twice = connection.execute(
        text(
            "SELECT s.* FROM staged s JOIN (SELECT key, unit FROM staged GROUP BY key, unit HAVING count(*) > 1) d "
            "ON d.key = s.key AND d.unit = s.unit ORDER BY s.key, s.unit, s.line"
        )
    ).all()
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in twice:
        groups[row.key, row.unit].append(row)
    bad: dict[int, tuple[str, str]] = {}
    gone: list[int] = []
    for rows in groups.values():
        for same in _by_result_code(rows):
            forms = {(r.procedure, r.title, r.from_day, r.until_day) for r in same}
            if len(forms) == 1 and len({r.result_code for r in same}) == 1:
                gone += [r.line for r in same[1:]]
                continue
            lines = ", ".join(str(r.line) for r in same)
            for r in same:
                bad[r.line] = "", _("lines {lines} say different things of the same result").format(lines=lines)
    for line in [*gone, *bad]:
        connection.execute(delete(staged).where(staged.c.line == line))
    return bad


def _by_result_code(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Lines of one number, symbol and date that speak of one result: an empty code may mean any."""
    if any(r.result_code == "" for r in rows):
        yield list(rows)
        return
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.result_code].append(row)
    yield from (group for group in groups.values() if len(group) > 1)


def _find_changes(connection: Connection) -> None:
    """The staged lines that are new or say something new."""
    connection.execute(
        text("""
        INSERT INTO changes
        SELECT s.line, i.id, CASE WHEN COALESCE(s.until_day, i.until_day, :forever)
                                       <= COALESCE(s.from_day, i.from_day, s.issued) THEN 1 ELSE 0 END
        FROM staged s LEFT JOIN inventory i
             ON i.key = s.key AND i.unit = s.unit AND i.superseded_at IS NULL
             AND (i.result_code = s.result_code OR s.result_code = '' OR i.result_code = '')
        WHERE i.id IS NULL OR COALESCE(s.procedure, i.procedure) <> i.procedure
           OR (s.result_code <> '' AND s.result_code <> i.result_code)
           OR COALESCE(s.title, i.title) <> i.title OR COALESCE(s.from_day, i.from_day) <> i.from_day
           OR COALESCE(s.until_day, i.until_day) <> i.until_day
        """),
        {"forever": FOREVER},
    )


def _impossible(connection: Connection) -> dict[int, tuple[str, str]]:
    """Lines that cannot be told apart from another result, or that end a result before it begins."""
    bad: dict[int, tuple[str, str]] = {}
    several = connection.execute(
        text(
            "SELECT c.line FROM changes c WHERE c.old IS NOT NULL AND (c.line IN (SELECT line FROM changes "
            "GROUP BY line HAVING count(*) > 1) OR c.old IN (SELECT old FROM changes WHERE old IS NOT NULL "
            "GROUP BY old HAVING count(*) > 1))"
        )
    ).scalars()
    for line in several:
        bad[line] = "result_code", _("several results have this number, symbol and date; give the result code")
    for line in connection.execute(text("SELECT line FROM changes WHERE impossible = 1")).scalars():
        bad[line] = "in_force_until", _("no longer in force before it comes into force")
    for line in bad:
        connection.execute(delete(changes).where(changes.c.line == line))
    return bad


def _put_changes(connection: Connection, now: str) -> tuple[int, int]:
    """Close what has changed and put the new forms beside it; returns how many rows changed, and how many are new."""
    connection.execute(
        text(  # CROSS JOIN keeps SQLite from making an index first, ORDER BY the keys together: 0.1 s, not 1.4
            "INSERT INTO touched SELECT s.key FROM changes c CROSS JOIN staged s WHERE s.line = c.line "
            "ORDER BY s.key ON CONFLICT DO NOTHING"
        )
    )
    share(connection, -1)
    changed = connection.execute(
        text("UPDATE inventory SET superseded_at = :now WHERE id IN (SELECT old FROM changes WHERE old IS NOT NULL)"),
        {"now": now},
    ).rowcount
    put = connection.execute(
        text("""
        INSERT INTO inventory (key, unit, number, symbol, issued, procedure, result_code, title,
                               from_day, until_day, recorded_at)
        SELECT s.key, s.unit, s.number, s.symbol, s.issued, COALESCE(s.procedure, i.procedure, ''),
               CASE WHEN s.result_code = '' THEN COALESCE(i.result_code, '') ELSE s.result_code END,
               COALESCE(s.title, i.title, ''), COALESCE(s.from_day, i.from_day, s.issued),
               COALESCE(s.until_day, i.until_day, :forever), :now
        FROM changes c JOIN staged s ON s.line = c.line LEFT JOIN inventory i ON i.id = c.old
        ORDER BY s.key, s.result_code
        """),
        {"now": now, "forever": FOREVER},
    ).rowcount
    settle(connection)
    return changed, put - changed
