"""Which row each record counts for, and on which days: matched anew under the keys that a change touches."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple

from sqlalchemy import Connection, delete, func, insert, select, text, update

from archive.cells import Checked
from archive.keys import match_key, unit_key
from archive.register.counters import share_digitised, share_in_force
from archive.register.tables import (
    WITHDRAWN,
    counted,
    faults,
    fill,
    fresh,
    inventory,
    kin,
    make_temporary,
    moving,
    spans,
    state,
    touched,
)
from archive.register.units import homes_of, kin_of, known_units
from archive.tables import records
from schemas.days import FOREVER, day_in_vietnam
from schemas.units import Unit

DEPOSITS_AT_ONCE = 250_000
"""In one transaction: the more at once, the fewer times a page of an index is written, but the longer others wait."""
STREAMED_AT_ONCE = 20_000


def take_deposits(connection: Connection) -> int:
    """Take in the next deposits that came since the last time, at most ``DEPOSITS_AT_ONCE``; returns how many."""
    homes = homes_of(known_units(connection))
    names = {unit_key(code): code for code in homes}
    seen = _seen(connection)
    first = connection.execute(select(func.min(records.c.position))).scalar_one()
    if seen and (first is None or first > seen):  # the list was made anew, perhaps without some that stood in it
        _forget_vanished(connection)
    query = (
        select(records.c.id, records.c.unit, records.c.procedure, records.c.kind, records.c.number,
               records.c.symbol, records.c.issued_on, records.c.deposited_at, records.c.withdrawn_at,
               records.c.result_code, records.c.position)
        .where(records.c.position > seen).order_by(records.c.position).limit(DEPOSITS_AT_ONCE)
    )  # fmt: skip
    for table in (fresh, touched):
        make_temporary(connection, table)
    unit_of = Checked(lambda given: names.get(unit_key(given), given))
    count, last, withdrawn = 0, seen, {}
    found = connection.execute(query, execution_options={"yield_per": STREAMED_AT_ONCE})
    for some in found.partitions():
        values = []
        for id, given, procedure, kind, number, symbol, issued_on, deposited_at, withdrawn_at, code, position in some:
            unit = unit_of[given]
            key = None
            if number and issued_on:
                key = match_key(homes.get(unit, unit), number, symbol or "", issued_on.toordinal())
            values.append((id, key, unit, procedure, kind, day_in_vietnam(deposited_at), code or ""))
            if withdrawn_at:
                withdrawn[id] = day_in_vietnam(withdrawn_at)
            last = position
        count += len(values)
        fill(connection, fresh, values)
    if count == 0:
        return 0
    connection.execute(
        text(
            "INSERT INTO touched SELECT key FROM fresh WHERE key IS NOT NULL UNION "
            "SELECT c.key FROM fresh f CROSS JOIN counted_records c WHERE c.record = f.record AND c.key IS NOT NULL"
        )
    )
    take_out(connection)
    # A record described anew keeps the day from which it counted, unless it now counts for another result.
    connection.execute(
        text(
            "UPDATE fresh SET day = c.day FROM counted_records c "
            "WHERE c.record = fresh.record AND c.key = fresh.key AND c.unit = fresh.unit AND c.day < fresh.day"
        )
    )
    connection.execute(text("DELETE FROM counted_records WHERE record IN (SELECT record FROM fresh)"))
    connection.execute(
        text(
            "INSERT INTO counted_records (record, key, unit, procedure, kind, day, fits, result_code) "
            "SELECT record, key, unit, procedure, kind, day, 0, result_code FROM fresh"
        )
    )
    _note_withdrawals(connection, withdrawn)
    put_in(connection)
    connection.execute(update(state).where(state.c.name == "records_seen").values(value=last))
    return count


def _forget_vanished(connection: Connection) -> None:
    """Let go of the records that the list of deposits no longer has."""
    make_temporary(connection, touched)
    gone = "record NOT IN (SELECT id FROM records)"
    connection.execute(
        text(f"INSERT INTO touched SELECT DISTINCT key FROM counted_records WHERE key IS NOT NULL AND {gone}")
    )
    take_out(connection)
    connection.execute(text(f"DELETE FROM counted_records WHERE {gone}"))
    put_in(connection)


def _note_withdrawals(connection: Connection, withdrawn: Mapping[str, int]) -> None:
    """A fresh record that was withdrawn (record id → day) does not count from that day on, which no audit mends."""
    connection.execute(
        text("DELETE FROM record_faults WHERE reason = :withdrawn AND record IN (SELECT record FROM fresh)"),
        {"withdrawn": WITHDRAWN},
    )
    for id, day in withdrawn.items():
        connection.execute(delete(faults).where(faults.c.record == id, faults.c.from_day == day))
        connection.execute(insert(faults).values(record=id, from_day=day, until_day=FOREVER, reason=WITHDRAWN))


# A record counts for no row of another result code, nor for one of a unit that has nothing to do with its own. Of
# several rows it counts for that of its own unit before one of a unit merged with it, then for that of its code, then
# of its procedure; where two fit equally well it counts for neither, because which one it is would be a guess.
_MATCH = """
    UPDATE counted_records SET row = CASE WHEN best.fits = 1 THEN best.row END, fits = best.fits
    FROM (SELECT record, MIN(row) AS row, COUNT(*) AS fits
          FROM (SELECT record, row, RANK() OVER (PARTITION BY record ORDER BY score DESC) AS place
                FROM (SELECT c.record AS record, i.id AS row,
                             CASE WHEN i.unit = c.unit THEN 4 ELSE 0 END
                             + CASE WHEN i.result_code <> '' AND i.result_code = c.result_code THEN 2 ELSE 0 END
                             + CASE WHEN i.procedure <> '' AND i.procedure = c.procedure THEN 1 ELSE 0 END AS score
                      FROM touched t CROSS JOIN counted_records c CROSS JOIN inventory i
                      WHERE c.key = t.key AND i.key = t.key AND i.superseded_at IS NULL
                      AND (i.result_code = '' OR c.result_code = '' OR i.result_code = c.result_code)
                      AND (i.unit = c.unit OR EXISTS (
                          SELECT 1 FROM kin k WHERE k.of_row = i.unit AND k.of_record = c.unit
                          AND c.day >= k.deposited_from
                          AND (i.issued < k.apart_from OR i.issued >= k.apart_until)))) scored) ranked
          WHERE place = 1 GROUP BY record) best
    WHERE counted_records.record = best.record
"""
_SINCE = "CASE WHEN k.since > c.day THEN k.since ELSE c.day END"
"""The first day on which record ``c`` counts for row ``i`` (with ``_KIN``): not before their units were one."""
_KIN = "LEFT JOIN kin k ON k.of_row = i.unit AND k.of_record = c.unit"


def take_out(connection: Connection) -> None:
    """Take the records of the rows under the touched keys out of the counts, before anything about them changes."""
    share_digitised(connection, -1)
    connection.execute(
        text(
            "DELETE FROM digitised_spans WHERE row IN (SELECT c.row FROM touched t CROSS JOIN counted_records c "
            "WHERE c.key = t.key AND c.row IS NOT NULL)"
        )
    )


def put_in(connection: Connection) -> None:
    """Match the records under the touched keys anew, and put what they do for their rows into the counts again."""
    connection.execute(
        text(
            "UPDATE counted_records SET row = NULL, fits = 0 "
            "WHERE key IN (SELECT key FROM touched) AND (row IS NOT NULL OR fits <> 0)"
        )
    )
    merged = _put_kin(connection)
    connection.execute(text(_MATCH))
    day, of_row, its_row = (_SINCE, f"CROSS JOIN inventory i {_KIN}", "i.id") if merged else ("c.day", "", "c.row")
    connection.execute(
        text(
            f"INSERT INTO digitised_spans (row, from_day, until_day) "
            f"SELECT c.row, MIN({day}), :forever FROM touched t CROSS JOIN counted_records c {of_row} "
            f"WHERE c.key = t.key AND c.row = {its_row} AND c.kind <> 'copy' GROUP BY c.row"
        ),
        {"forever": FOREVER},
    )
    _put_faults_in(connection)
    share_digitised(connection, 1)


def _put_kin(connection: Connection) -> bool:
    """Fill the table ``kin``; False where no unit was merged, so that nothing need be asked of it."""
    found = [astuple(one) for one in kin_of(known_units(connection))]
    make_temporary(connection, kin)
    if found:
        fill(connection, kin, found)
    return bool(found)


def take_rows_out(connection: Connection) -> None:
    """Take the rows under the touched keys out of the counts with their records, before anything about them changes."""
    take_out(connection)
    share_in_force(connection, -1)


def put_rows_in(connection: Connection) -> None:
    """Put the rows under the touched keys into the counts again, their records matched anew."""
    put_in(connection)
    share_in_force(connection, 1)


def _put_faults_in(connection: Connection) -> None:
    """Spans of the rows that have a record with a fault: the days on which at least one record is intact."""
    rows = connection.execute(
        text(
            f"SELECT c.row, c.record, {_SINCE} AS day, f.from_day, f.until_day "
            f"FROM counted_records c CROSS JOIN inventory i {_KIN} "
            f"LEFT JOIN record_faults f ON f.record = c.record WHERE c.kind <> 'copy' AND i.id = c.row "
            f"AND c.key IN (SELECT t.key FROM record_faults g CROSS JOIN counted_records b CROSS JOIN touched t "
            f" WHERE b.record = g.record AND t.key = b.key)"
        )
    ).all()
    by_row: dict[int, dict[str, tuple[int, list[tuple[int, int]]]]] = defaultdict(dict)
    for row in rows:
        _day, broken = by_row[row.row].setdefault(row.record, (row.day, []))
        if row.from_day is not None:
            broken.append((row.from_day, row.until_day))
    for id, of_row in by_row.items():
        connection.execute(delete(spans).where(spans.c.row == id))
        joined = _joined(span for day, broken in of_row.values() for span in _intact(day, broken))
        for start, end in joined:
            connection.execute(insert(spans).values(row=id, from_day=start, until_day=end))


def _intact(day: int, broken: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The days from *day* on that lie in no fault."""
    for start, end in sorted(broken):
        if start > day:
            yield day, start
        day = max(day, end)
    if day < FOREVER:
        yield day, FOREVER


def _joined(given: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of days made one where they meet."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(given):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def rename(connection: Connection, known: Iterable[Unit]) -> set[str]:
    """Give records that came before their unit was in the tree its code as the tree has it; returns these codes."""
    codes = {unit.code for unit in known}
    names = {unit_key(code): code for code in codes}
    found = set()
    for given in connection.execute(select(counted.c.unit).distinct()).scalars().all():
        code = names.get(unit_key(given))
        if code is not None and given not in codes:
            connection.execute(update(counted).where(counted.c.unit == given).values(unit=code))
            found.add(code)
    return found


def move(connection: Connection, codes: set[str]) -> None:
    """After mergers: give the rows and records of these units the keys of where they are now, and count them anew."""
    if not codes:
        return
    homes = homes_of(known_units(connection))
    make_temporary(connection, moving)
    fill(connection, moving, [(code, homes.get(code, code)) for code in sorted(codes)])
    at = "instr" if connection.dialect.name == "sqlite" else "strpos"
    new = f"m.home || substr(t.key, {at}(t.key, '|'))"
    of_them = "FROM {table} t CROSS JOIN moving m WHERE m.unit = t.unit AND t.key IS NOT NULL"
    keys = [f"SELECT {key} {of_them.format(table=table)}" for table in (inventory, counted) for key in ("t.key", new)]
    make_temporary(connection, touched)
    connection.execute(text("INSERT INTO touched " + " UNION ".join(keys)))
    take_rows_out(connection)
    for table in (inventory, counted):
        connection.execute(
            text(f"UPDATE {table} AS t SET key = {new} FROM moving m WHERE m.unit = t.unit AND t.key <> {new}")
        )
    put_rows_in(connection)


def _seen(connection: Connection) -> int:
    return int(connection.execute(select(state.c.value).where(state.c.name == "records_seen")).scalar_one())
