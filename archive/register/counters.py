"""The counts behind every rate: sums by unit and day, kept by every change, and the few that go over every row."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text

from archive.register.tables import unit_days
from archive.tables import batches, records, scans
from schemas.days import FOREVER, VIETNAM, date_of, day_in_vietnam
from schemas.units import DayCount, Made, ProcedureCount

# CROSS JOIN fixes the order: SQLite, which keeps no figures of a temporary table, would go over every row instead.
_TOUCHED = "(SELECT i.* FROM touched t CROSS JOIN inventory i WHERE i.key = t.key AND i.superseded_at IS NULL) i"
_TOUCHED_BY_RECORDS = """
    (SELECT i.* FROM (SELECT DISTINCT c.row FROM touched t CROSS JOIN counted_records c
                      WHERE c.key = t.key AND c.row IS NOT NULL) c CROSS JOIN inventory i WHERE i.id = c.row) i
"""
_OF_PROCEDURE = "(SELECT * FROM inventory WHERE procedure = :procedure AND superseded_at IS NULL) i"

# For each row: +1 and -1 where it comes into force and ends, and the same for its days with a record while in force.
_SIGNS = "(SELECT 1 AS sign UNION ALL SELECT -1) e"
IN_FORCE = f"""
    SELECT i.unit AS unit, CASE e.sign WHEN 1 THEN i.from_day ELSE i.until_day END AS day, e.sign AS rows, 0 AS done
    FROM {{rows}} CROSS JOIN {_SIGNS}
"""
DIGITISED = f"""
    SELECT i.unit AS unit,
           CASE e.sign WHEN 1 THEN CASE WHEN s.from_day > i.from_day THEN s.from_day ELSE i.from_day END
                       ELSE CASE WHEN s.until_day < i.until_day THEN s.until_day ELSE i.until_day END END AS day,
           0 AS rows, e.sign AS done
    FROM {{rows}} CROSS JOIN digitised_spans s CROSS JOIN {_SIGNS}
    WHERE s.row = i.id AND s.from_day < i.until_day AND s.until_day > i.from_day
"""


def share_in_force(connection: Connection, sign: int) -> None:
    """Add (or with -1 take away) what the rows under the touched keys have in ``unit_days`` by being in force."""
    _add(connection, sign, IN_FORCE.format(rows=_TOUCHED))


def share_digitised(connection: Connection, sign: int) -> None:
    """Add (or with -1 take away) what the rows under the touched keys have in ``unit_days`` by their records."""
    _add(connection, sign, DIGITISED.format(rows=_TOUCHED_BY_RECORDS))


def _add(connection: Connection, sign: int, changes: str) -> None:
    connection.execute(
        text(
            f"INSERT INTO unit_days (unit, day, rows, done) "
            f"SELECT unit, day, {sign} * SUM(rows), {sign} * SUM(done) "
            f"FROM ({changes}) c WHERE day < :forever GROUP BY unit, day "
            f"ON CONFLICT (unit, day) DO UPDATE SET rows = unit_days.rows + excluded.rows, "
            f"done = unit_days.done + excluded.done"
        ),
        {"forever": FOREVER},
    )


def day_counts(
    connection: Connection,
    as_of: date,
    *,
    since: date | None = None,
    every_days: int = 1,
    procedure: str | None = None,
) -> tuple[DayCount, ...]:
    """Changes of the counts of every unit up to *as_of*; see ``archive.inventory.Register.day_counts``."""
    base = since.toordinal() if since is not None else as_of.toordinal()
    of_rows = f"({IN_FORCE} UNION ALL {DIGITISED}) c".format(rows=_OF_PROCEDURE)
    step = "CASE WHEN day < :base THEN :base ELSE :as_of - (:as_of - day) / :every * :every END"
    source = "unit_days" if procedure is None else of_rows
    query = text(
        f"SELECT unit, {step} AS day, SUM(rows) AS rows, SUM(done) AS done "
        f"FROM {source} WHERE day <= :as_of GROUP BY 1, 2 HAVING SUM(rows) <> 0 OR SUM(done) <> 0"
    )
    given = {"base": base, "as_of": as_of.toordinal(), "every": every_days, "forever": FOREVER}
    if procedure is None:
        del given["forever"]
    rows = connection.execute(query, given | ({"procedure": procedure} if procedure is not None else {})).all()
    return tuple(DayCount(row.unit, date.fromordinal(row.day), int(row.rows), int(row.done)) for row in rows)


def by_procedure(
    connection: Connection, as_of: date, *, units: Iterable[str] | None = None
) -> tuple[ProcedureCount, ...]:
    """Results in force and those with a record, by procedure; of the rows of *units*, or of all.

    Goes over every row (the counters know units and days only).
    """
    chosen = sorted(units) if units is not None else []
    where = "AND i.unit IN :units" if units is not None else ""
    query = text(f"""
        SELECT i.procedure AS procedure, COUNT(*) AS rows, COUNT(s.row) AS done
        FROM inventory i LEFT JOIN digitised_spans s ON s.row = i.id AND s.from_day <= :day AND s.until_day > :day
        WHERE i.superseded_at IS NULL AND i.from_day <= :day AND i.until_day > :day {where}
        GROUP BY i.procedure
    """)
    given: dict[str, Any] = {"day": as_of.toordinal()}
    if units is not None:
        query, given = query.bindparams(bindparam("units", expanding=True)), given | {"units": chosen}
    return tuple(ProcedureCount(row.procedure, row.rows, row.done) for row in connection.execute(query, given))


def made(connection: Connection, as_of: date) -> tuple[Made, ...]:
    """How many records stand, deposited by the end of *as_of*, by operator and batch."""
    after = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), VIETNAM)
    query = (
        select(batches.c.operator, batches.c.id, batches.c.started_at, func.count().label("records"))
        .join_from(records, scans, scans.c.sha256 == records.c.scan_sha256)
        .join(batches, batches.c.id == scans.c.batch)
        .where(records.c.deposited_at < after.astimezone(UTC).isoformat(timespec="microseconds"))
        .group_by(batches.c.operator, batches.c.id, batches.c.started_at)
    )
    return tuple(
        Made(row.operator, row.id, date.fromordinal(day_in_vietnam(row.started_at)), row.records)
        for row in connection.execute(query)
    )


def first_day(connection: Connection) -> date | None:
    """The first day on which any result was in force; None for an empty inventory."""
    first = connection.execute(select(func.min(unit_days.c.day)).where(unit_days.c.rows > 0)).scalar_one()
    return date_of(first)
