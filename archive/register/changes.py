"""An inventory's file taken in: held against what is known, each change put beside the old form with its date."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, delete, text

from archive.cells import Fault, Reader
from archive.imports import INVENTORY_COLUMNS, Imported, StagedRow, inventory_row
from archive.register.doubled import results_in_two_units
from archive.register.matching import put_rows_in, take_rows_out
from archive.register.rows import STREAMED
from archive.register.tables import changes, drop_temporary, fill, make_temporary, ordered, staged, touched
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
        for table in (staged, ordered, changes, touched):
            make_temporary(connection, table)
        reader = Reader(rows, rejects, inventory_row(rows, unit_finder(known), homes_of(known)))
        read, likenesses = _stage(connection, reader, on_rows)
    _order(connection)
    bad = _conflicts(connection)
    _find_changes(connection)
    bad |= _impossible(connection)
    doubled = results_in_two_units(connection, set(homes_of(known).values()), likenesses)
    changed, new = _put_changes(connection, now)
    for table in (staged, ordered, changes, touched):
        drop_temporary(connection, table)
    if bad:
        with open_with(file, INVENTORY_COLUMNS, sheet=sheet) as again:
            for line, cells in again.rows:
                if line in bad:
                    reader.reject(line, cells, *bad[line])
    said = _("the same number, symbol, date and title stand in the list of {unit} too; both count until one is revoked")
    heading = rows.headings[rows.places["unit"]]
    faults = tuple(Fault(line, heading, said.format(unit=unit)) for line, unit in doubled.first)
    same = read - new - changed - len(bad)
    return Imported(new, changed, same, reader.rejects, rows.ignored, faults, doubled.count)


def _stage(
    connection: Connection, reader: Reader[StagedRow], on_rows: Callable[[int], None]
) -> tuple[int, "array[int]"]:
    """Put the file's good rows into the ``staged`` table; returns how many, and the likeness of each."""
    rows = iter(reader)
    likenesses = array("q")
    while chunk := list(islice(rows, STAGED_AT_ONCE)):
        fill(connection, staged, chunk)
        likenesses.extend([row[-1] for row in chunk])
        on_rows(len(likenesses))
    return len(likenesses), likenesses


def _order(connection: Connection) -> None:
    """Move the staged rows to ``ordered``."""
    names = ", ".join(column.name for column in staged.columns)
    connection.execute(
        text(f"INSERT INTO ordered ({names}) SELECT {names} FROM staged ORDER BY key, unit, result_code, line")
    )
    drop_temporary(connection, staged)


def _conflicts(connection: Connection) -> dict[int, tuple[str, str]]:
    """Lines of the file that say different things of one result; taken out of ``ordered``, and doubled lines too."""
    beside = "SELECT 1 FROM ordered n WHERE n.place = s.place {} 1 AND n.key = s.key AND n.unit = s.unit"
    any_twice = text(f"SELECT 1 FROM ordered s WHERE EXISTS ({beside.format('+')}) LIMIT 1")
    if connection.execute(any_twice).first() is None:  # as it should be, and half the work
        return {}
    twice = connection.execute(
        text(
            f"SELECT s.* FROM ordered s WHERE EXISTS ({beside.format('+')}) OR EXISTS ({beside.format('-')}) "
            f"ORDER BY s.place"
        ),
        execution_options=STREAMED,
    )
    bad: dict[int, tuple[str, str]] = {}
    gone: list[int] = []
    for _key, rows in groupby(twice, key=lambda row: (row.key, row.unit)):
        for same in _by_result_code(list(rows)):
            forms = {(r.procedure, r.title, r.from_day, r.until_day) for r in same}
            if len(forms) == 1 and len({r.result_code for r in same}) == 1:
                gone += [r.place for r in same[1:]]
                continue
            lines = ", ".join(str(r.line) for r in same)
            gone += [r.place for r in same]
            for r in same:
                bad[r.line] = "", _("lines {lines} say different things of the same result").format(lines=lines)
    if gone:
        connection.execute(delete(ordered).where(ordered.c.place == bindparam("gone")), [{"gone": p} for p in gone])
    return bad


def _by_result_code(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Lines of one number, symbol and date that speak of one result: an empty code may mean any."""
    if any(r.result_code == "" for r in rows):
        yield sorted(rows, key=lambda r: r.line)
        return
    yield from (list(group) for _code, group in groupby(rows, key=lambda r: r.result_code))


def _find_changes(connection: Connection) -> None:
    """The rows of the file that are new or say something new."""
    connection.execute(
        text("""
        INSERT INTO changes
        SELECT s.place, i.id, CASE WHEN COALESCE(s.until_day, i.until_day, :forever)
                                        <= COALESCE(s.from_day, i.from_day, s.issued) THEN 1 ELSE 0 END
        FROM ordered s LEFT JOIN inventory i
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
    several = (
        "c.old IS NOT NULL AND (c.place IN (SELECT place FROM changes WHERE old IS NOT NULL GROUP BY place "
        "HAVING count(*) > 1) OR c.old IN (SELECT old FROM changes WHERE old IS NOT NULL GROUP BY old "
        "HAVING count(*) > 1))"
    )
    said = {
        several: ("result_code", _("several results have this number, symbol and date; give the result code")),
        "c.impossible = 1": ("in_force_until", _("no longer in force before it comes into force")),
    }
    bad: dict[int, tuple[str, str]] = {}
    gone: list[dict[str, int]] = []
    for where, why in said.items():
        found = text(
            f"SELECT DISTINCT s.line, s.place FROM changes c JOIN ordered s ON s.place = c.place WHERE {where}"
        )
        for row in connection.execute(found):
            bad[row.line] = why
            gone.append({"gone": row.place})
    if gone:
        connection.execute(delete(changes).where(changes.c.place == bindparam("gone")), gone)
    return bad


def _put_changes(connection: Connection, now: str) -> tuple[int, int]:
    """Close what has changed and put the new forms beside it; returns how many rows changed, and how many are new."""
    connection.execute(  # CROSS JOIN: the rows are met in the order of their keys, which the index then grows by
        text(
            "INSERT INTO touched SELECT s.key FROM changes c CROSS JOIN ordered s WHERE s.place = c.place "
            "ON CONFLICT DO NOTHING"
        )
    )
    take_rows_out(connection)
    changed = connection.execute(
        text("UPDATE inventory SET superseded_at = :now WHERE id IN (SELECT old FROM changes WHERE old IS NOT NULL)"),
        {"now": now},
    ).rowcount
    columns = "(key, unit, number, symbol, issued, procedure, result_code, title, from_day, until_day, recorded_at)"
    connection.execute(
        text(f"""
        INSERT INTO inventory {columns}
        SELECT s.key, s.unit, s.number, s.symbol, s.issued, COALESCE(s.procedure, i.procedure),
               CASE WHEN s.result_code = '' THEN i.result_code ELSE s.result_code END,
               COALESCE(s.title, i.title), COALESCE(s.from_day, i.from_day),
               COALESCE(s.until_day, i.until_day), :now
        FROM changes c JOIN ordered s ON s.place = c.place JOIN inventory i ON i.id = c.old
        ORDER BY s.place
        """),
        {"now": now},
    )
    # Apart from those that change: a statement that also reads the table it writes to is carried out on a copy.
    new = connection.execute(
        text(f"""
        INSERT INTO inventory {columns}
        SELECT s.key, s.unit, s.number, s.symbol, s.issued, COALESCE(s.procedure, ''), s.result_code,
               COALESCE(s.title, ''), COALESCE(s.from_day, s.issued), COALESCE(s.until_day, :forever), :now
        FROM changes c CROSS JOIN ordered s WHERE s.place = c.place AND c.old IS NULL
        """),
        {"now": now, "forever": FOREVER},
    ).rowcount
    put_rows_in(connection)
    return changed, new
