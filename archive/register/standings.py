"""Row by row why a unit's rate is what it is."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from archive.register.rows import STREAMED, inventory_row_of
from archive.register.tables import WITHDRAWN, counted
from archive.register.units import Kin, counting_for, homes_of, kin_of, known_units, unit_finder
from schemas.documents import Kind
from schemas.units import RowStanding, Standing


def explain(connection: Connection, unit: str, as_of: date) -> Iterator[RowStanding]:
    """Row by row what counts for *unit* on *as_of*, what does not, and why; rows of units merged into it too."""
    known = known_units(connection)
    homes = homes_of(known)
    code = unit_finder(known)(unit)
    home = homes.get(code, code)
    day = as_of.toordinal()
    placed = counting_for(known, code, as_of)
    rows = text("""
        SELECT i.id, i.unit, i.number, i.symbol, i.issued, i.procedure, i.result_code, i.title, i.from_day,
               i.until_day, c.record, c.unit, c.kind, c.day, c.row, c.fits, f.from_day, f.until_day, f.reason
        FROM inventory i LEFT JOIN counted_records c ON c.key = i.key
        LEFT JOIN record_faults f ON f.record = c.record
        WHERE i.key >= :low AND i.key < :high AND i.superseded_at IS NULL
        ORDER BY i.key, i.id, c.day, c.record
    """)
    given = {"low": f"{home}|", "high": f"{home}}}"}
    kin = {(one.of_row, one.of_record): one for one in kin_of(known)}
    for _id, lines in groupby(connection.execute(rows, given, execution_options=STREAMED), key=itemgetter(0)):
        group = [_Line._make(line) for line in lines]
        if group[0].unit in placed:
            yield _standing(group, day, kin)


def unmatched(connection: Connection, unit: str, as_of: date) -> list[str]:
    """Records of *unit*, or of one merged into it by then, deposited by *as_of* that count for no row.

    They are not in the inventory, or fit several rows.
    """
    theirs = sorted(counting_for(known_units(connection), unit, as_of))
    query = select(counted.c.record).where(
        counted.c.unit.in_(theirs), counted.c.row.is_(None), counted.c.day <= as_of.toordinal(),
        counted.c.kind != str(Kind.COPY),
    )  # fmt: skip
    return sorted(connection.execute(query).scalars())


class _Line(NamedTuple):
    """An inventory row with one record that has its key, and one fault of that; a tuple, as there are many."""

    id: int
    unit: str
    number: str
    symbol: str
    issued: int
    procedure: str
    result_code: str
    title: str
    from_day: int
    until_day: int
    record: str | None
    of: str
    kind: str
    deposited: int
    counts_for: int | None
    fits: int
    broken_from: int | None
    broken_until: int
    broken_by: str | None


def _since(line: _Line, kin: Mapping[tuple[str, str], Kin]) -> int:
    """From when the line's record counts for its row: not before their units were one."""
    between = kin.get((line.unit, line.of))
    return line.deposited if between is None else max(line.deposited, between.since)


def _may_fit(line: _Line, kin: Mapping[tuple[str, str], Kin]) -> bool:
    """Whether the line's record may count for its row by its unit."""
    if line.of == line.unit:
        return True
    between = kin.get((line.unit, line.of))
    return between is not None and line.deposited >= between.deposited_from and not between.apart_on(line.issued)


def _standing(group: Sequence[_Line], day: int, kin: Mapping[tuple[str, str], Kin]) -> RowStanding:
    first = group[0]
    row = inventory_row_of(first)
    if first.record is None and first.from_day <= day < first.until_day:  # most rows, in most units
        return RowStanding(row, Standing.NO_RECORD)
    with_record = [r._replace(deposited=_since(r, kin)) for r in group if r.record is not None and _may_fit(r, kin)]
    own = [r for r in with_record if r.counts_for == r.id]
    originals = [r for r in own if r.kind != "copy"]
    by_day = [r for r in originals if r.deposited <= day]
    broken_ids = {r.record for r in by_day if r.broken_from is not None and r.broken_from <= day < r.broken_until}
    intact = [r for r in by_day if r.record not in broken_ids]

    def said(standing: Standing, bearing: Iterable[_Line] = (), since: int | None = None) -> RowStanding:
        ids = tuple(dict.fromkeys(str(r.record) for r in bearing))
        return RowStanding(row, standing, ids, date.fromordinal(since) if since is not None else None)

    if day < first.from_day:
        return said(Standing.NOT_YET_IN_FORCE, originals, first.from_day)
    if day >= first.until_day:
        return said(Standing.NO_LONGER_IN_FORCE, originals, first.until_day)
    if intact:
        return said(Standing.COUNTS, intact, max(min(r.deposited for r in intact), first.from_day))
    if by_day:
        gone = {r.record: r.broken_from for r in by_day if r.broken_by == WITHDRAWN and (r.broken_from or 0) <= day}
        if gone.keys() == {r.record for r in by_day}:
            return said(Standing.WITHDRAWN, by_day, max(since for since in gone.values() if since is not None))
        return said(Standing.BROKEN, by_day, min(r.broken_from for r in by_day if r.broken_from is not None))
    if originals:
        return said(Standing.NOT_YET_DEPOSITED, originals, min(r.deposited for r in originals))
    if own:
        return said(Standing.ONLY_COPY, own)
    several = [r for r in with_record if r.fits > 1 and r.kind != "copy" and r.deposited <= day]
    return said(Standing.AMBIGUOUS, several) if several else said(Standing.NO_RECORD)
