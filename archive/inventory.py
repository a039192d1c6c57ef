"""The register: units, the inventory of results in force and targets, and how many of the results have a record.

It stands on the catalogue's engine and reads its list of deposits. Nothing imported is overwritten: a changed row is
closed with the time of the change and its new form stands beside it, so that what was known when can be shown.

``unit_days`` holds, for every unit and day, by how much the results in force and those with a record change. A report
as of any day is a sum over it instead of a pass over every row, and it stays exact because a change takes the touched
rows' old share out and puts the new one in, in one transaction.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from itertools import islice, starmap
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from archive.database import explained
from archive.imports import (
    FOREVER,
    INVENTORY_COLUMNS,
    TARGET_COLUMNS,
    UNIT_COLUMNS,
    BadCell,
    Reader,
    Rejects,
    StagedRow,
    inventory_row,
    match_key,
    number_key,
    symbol_key,
    target_row,
    unit_key,
    unit_row,
)
from archive.rowfiles import fold, open_rows
from archive.schema import bring_up_to_date
from archive.tables import batches, records, scans
from schemas.documents import Kind
from schemas.errors import InputRejected
from schemas.language import _
from schemas.units import (
    DayCount,
    InventoryRow,
    Level,
    Made,
    ProcedureCount,
    RowStanding,
    Standing,
    Target,
    Unit,
)

VIETNAM = timezone(timedelta(hours=7))
"""A deposit belongs to the day that it is in Vietnam, which has had no summer time since 1975."""
STAGED_AT_ONCE = 20_000
DEPOSITS_AT_ONCE = 50_000
DEFAULT_TARGETS = Path(__file__).with_name("targets.csv")

WITHDRAWN = "withdrawn"
"""The reason in ``record_faults`` of a record that was withdrawn or destroyed."""
KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""Keys are compared byte by byte, so that those of one unit are a range whatever the language of the database."""

tables = MetaData()

units_table = Table(
    "units", tables,
    Column("id", Integer, primary_key=True),
    Column("code", String(35), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("level", String(20), nullable=False),
    Column("parent", String(35)),
    Column("valid_from", Integer),
    Column("valid_to", Integer),
    Column("successor", String(35)),
    Column("recorded_at", String(32), nullable=False),
    Column("superseded_at", String(32)),
)  # fmt: skip

targets_table = Table(
    "targets", tables,
    Column("id", Integer, primary_key=True),
    Column("level", String(20), nullable=False),
    Column("year", Integer, nullable=False),
    Column("unit", String(35)),
    Column("share_numerator", BigInteger, nullable=False),
    Column("share_denominator", BigInteger, nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("superseded_at", String(32)),
)  # fmt: skip

inventory = Table(
    "inventory", tables,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("key", KEY, nullable=False),
    Column("unit", String(35), nullable=False),
    Column("number", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("issued", Integer, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("result_code", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("from_day", Integer, nullable=False),
    Column("until_day", Integer, nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("superseded_at", String(32)),
    Index("inventory_key", "key"),
    Index("inventory_procedure", "procedure"),
)  # fmt: skip
"""Days are ordinals (``date.toordinal``); in force from ``from_day`` to the day before ``until_day``."""

counted = Table(
    "counted_records", tables,
    Column("record", Text, primary_key=True),
    Column("key", KEY, index=True),
    Column("unit", Text, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("day", Integer, nullable=False),
    Column("row", BigInteger),
    Column("fits", Integer, nullable=False),
)  # fmt: skip
"""What matching needs of each deposit, and the row that it counts for; ``fits``: how many rows it fits equally well."""

faults = Table(
    "record_faults", tables,
    Column("record", Text, primary_key=True),
    Column("from_day", Integer, primary_key=True, autoincrement=False),
    Column("until_day", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)  # fmt: skip
"""Records whose signature or fixity is broken do not count from the day that is known until the day it is mended."""

spans = Table(
    "digitised_spans", tables,
    Column("row", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("from_day", Integer, primary_key=True, autoincrement=False),
    Column("until_day", Integer, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
"""The days on which a row has an intact record, whether in force or not; the spans of a row do not touch."""

unit_days = Table(
    "unit_days", tables,
    Column("unit", String(35), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

state = Table("register_state", tables, Column("name", String(30), primary_key=True), Column("value", BigInteger))

temporary = MetaData()
staged = Table(
    "staged", temporary,
    Column("line", Integer, primary_key=True, autoincrement=False),
    *(Column(name, kind) for name, kind in (
        ("key", KEY), ("unit", Text), ("number", Text), ("symbol", Text), ("issued", Integer),
        ("procedure", Text), ("result_code", Text), ("title", Text), ("from_day", Integer), ("until_day", Integer))),
    prefixes=["TEMPORARY"],
)  # fmt: skip
fresh = Table(
    "fresh", temporary,
    *(Column(name, kind) for name, kind in (
        ("record", Text), ("key", KEY), ("unit", Text), ("procedure", Text), ("kind", Text), ("day", Integer))),
    prefixes=["TEMPORARY"],
)  # fmt: skip
touched = Table(
    "touched", temporary, Column("key", KEY, primary_key=True), prefixes=["TEMPORARY"], sqlite_with_rowid=False
)
changes = Table(
    "changes", temporary,
    Column("line", Integer), Column("old", BigInteger), Column("impossible", Integer),
    prefixes=["TEMPORARY"],
)  # fmt: skip
"""The lines that are new, or say something new of the row ``old``."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: rows new, changed (the old form kept beside), already known, and set aside."""

    new: int
    changed: int
    same: int
    rejects: Rejects
    ignored: tuple[str, ...] = ()
    """Headings of the file that mean nothing to us."""


class Register:
    """Units, inventory, targets and the counts behind every rate, on one database."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with explained(engine):
            for last_try in (False, True):  # two runs may make the tables at the same time
                try:
                    self._make_tables()
                    break
                except DBAPIError:
                    if last_try:
                        raise

    def _make_tables(self) -> None:
        bring_up_to_date(self.engine)
        with self.engine.connect() as connection:
            if connection.execute(select(state.c.name)).first() is not None:
                return
        with self.engine.begin() as connection:
            connection.execute(insert(state), [{"name": "records_seen", "value": 0}])
            self._put_targets(connection, _default_targets(), _now())

    # Units

    def units(self) -> tuple[Unit, ...]:
        """Every unit as now known, each with the days for which it stands, by code."""
        query = select(units_table).where(units_table.c.superseded_at.is_(None))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(units_table.c.code, units_table.c.valid_from)).all()
        return tuple(_unit(row) for row in rows)

    def code_of(self, given: str) -> str:
        """A unit's code as the tree has it, from a code in either form or its name. InputRejected when none fits."""
        try:
            return self.unit_finder()(given)
        except BadCell as bad:
            raise InputRejected(bad.reason) from bad

    def unit_finder(self) -> Callable[[str], str]:
        """The function that gives a unit's code as the tree has it; it raises BadCell when none fits."""
        return _unit_finder(self.units())

    def import_units(self, file: Path, *, rejects: Path, sheet: str | None = None) -> Imported:
        """Take a file of units in, all good rows in one transaction; an empty cell leaves what is known.

        A unit that comes again with a later ``valid_from`` ends its earlier form the day before.
        """
        with open_rows(file, UNIT_COLUMNS, sheet=sheet) as rows:
            reader = Reader(rows, rejects, unit_row)
            given = list(reader)
            ignored = rows.ignored
        with self._writing() as connection:
            before = _homes(self._units(connection))
            tally = self._put_units(connection, given, _now())
            after = _homes(self._units(connection))
            moved = {code for code in before.keys() | after.keys() if before.get(code, code) != after.get(code, code)}
            if moved:
                self._move(connection, moved)
        return Imported(*tally, reader.rejects, ignored)

    def _units(self, connection: Connection) -> list[Unit]:
        rows = connection.execute(select(units_table).where(units_table.c.superseded_at.is_(None))).all()
        return [_unit(row) for row in rows]

    def _put_units(self, connection: Connection, given: Iterable[Unit], now: str) -> tuple[int, int, int]:
        new = changed = same = 0
        known: dict[str, dict[date | None, Unit]] = defaultdict(dict)
        for unit in self._units(connection):
            known[unit.code][unit.valid_from] = unit
        for unit in given:
            forms = known[unit.code]
            old = forms.get(unit.valid_from)
            if old is None:
                begins = unit.valid_from
                for before in list(forms.values()):
                    if begins and before.valid_to is None and (before.valid_from or date.min) < begins:
                        ended = replace(before, valid_to=begins - timedelta(days=1))
                        self._replace_unit(connection, before, ended, now)
                        forms[before.valid_from] = ended
                connection.execute(insert(units_table).values(**_unit_values(unit), recorded_at=now))
                forms[unit.valid_from] = unit
                new += 1
                continue
            said = replace(
                unit,
                parent=unit.parent or old.parent,
                valid_to=unit.valid_to or old.valid_to,
                successor=unit.successor or old.successor,
            )
            if said == old:
                same += 1
            else:
                self._replace_unit(connection, old, said, now)
                forms[unit.valid_from] = said
                changed += 1
        return new, changed, same

    def _replace_unit(self, connection: Connection, old: Unit, new: Unit, now: str) -> None:
        begins = None if old.valid_from is None else old.valid_from.toordinal()
        connection.execute(
            update(units_table)
            .where(units_table.c.code == old.code, units_table.c.superseded_at.is_(None),
                   units_table.c.valid_from.is_(None) if begins is None else units_table.c.valid_from == begins)
            .values(superseded_at=now)
        )  # fmt: skip
        connection.execute(insert(units_table).values(**_unit_values(new), recorded_at=now))

    # Targets

    def targets(self) -> tuple[Target, ...]:
        """Every target as now known, by year, level and unit."""
        query = select(targets_table).where(targets_table.c.superseded_at.is_(None))
        with self._reading() as connection:
            rows = connection.execute(query).all()
        found = [
            Target(Level(row.level), row.year, Fraction(row.share_numerator, row.share_denominator), row.unit)
            for row in rows
        ]
        return tuple(sorted(found, key=lambda t: (t.year, list(Level).index(t.level), t.unit or "")))

    def import_targets(self, file: Path, *, rejects: Path, sheet: str | None = None) -> Imported:
        """Take a file of targets in, all good rows in one transaction."""
        with open_rows(file, TARGET_COLUMNS, sheet=sheet) as rows:
            reader = Reader(rows, rejects, target_row)
            given = list(reader)
            ignored = rows.ignored
        with self._writing() as connection:
            tally = self._put_targets(connection, given, _now())
        return Imported(*tally, reader.rejects, ignored)

    def _put_targets(self, connection: Connection, given: Iterable[Target], now: str) -> tuple[int, int, int]:
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

    # Inventory

    def inventory(self, unit: str | None = None) -> Iterator[InventoryRow]:
        """The rows as now known, of one unit or of all, read one after another."""
        query = select(inventory).where(inventory.c.superseded_at.is_(None)).order_by(inventory.c.key, inventory.c.id)
        if unit is not None:
            query = query.where(inventory.c.unit == unit)
        with self._reading() as connection:
            for row in connection.execution_options(yield_per=5000).execute(query):
                yield _inventory_row(row)

    def in_two_units(self) -> Iterator[InventoryRow]:
        """The rows whose number, symbol, date and title stand in the lists of two units that are not merged, together.

        Two agencies may number alike on a day, hence the title: rows without one are left out. Goes over every row.
        """
        at = func.instr if self.engine.dialect.name == "sqlite" else func.strpos
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
        with self._reading() as connection:
            for row in connection.execution_options(yield_per=5000).execute(query):
                yield _inventory_row(row)

    def import_inventory(
        self,
        file: Path,
        *,
        rejects: Path,
        sheet: str | None = None,
        on_rows: Callable[[int], None] = lambda count: None,
    ) -> Imported:
        """Take a file of results in: checked row by row, then put in place in one transaction.

        A row known by its unit, number, symbol, date and result code changes only in what the file says; an empty cell
        leaves what is known (an end that was entered by mistake is taken back with a later one). *on_rows* is told how
        many rows have been read. InputRejected for a file without the needed headings; bad rows go to *rejects*.
        """
        now = _now()
        known = self.units()
        homes = _homes(known)
        unit_of = _unit_finder(known)
        with open_rows(file, INVENTORY_COLUMNS, sheet=sheet) as rows, self._writing() as connection:
            for table in (staged, changes, touched):
                _make_temporary(connection, table)
            reader = Reader(rows, rejects, inventory_row(unit_of))
            read = _stage(connection, reader, homes, on_rows)
            bad = self._conflicts(connection)
            self._find_changes(connection)
            bad |= self._impossible(connection)
            changed, new = self._put_changes(connection, now)
            ignored = rows.ignored
        if bad:
            with open_rows(file, INVENTORY_COLUMNS, sheet=sheet) as rows:
                for line, cells in rows.rows:
                    if line in bad:
                        reader.reject(line, cells, *bad[line])
        return Imported(new, changed, read - new - changed - len(bad), reader.rejects, ignored)

    def _conflicts(self, connection: Connection) -> dict[int, tuple[str, str]]:
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

    def _find_changes(self, connection: Connection) -> None:
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

    def _impossible(self, connection: Connection) -> dict[int, tuple[str, str]]:
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

    def _put_changes(self, connection: Connection, now: str) -> tuple[int, int]:
        connection.execute(
            text(  # CROSS JOIN keeps SQLite from making an index first, ORDER BY the keys together: 0.1 s, not 1.4
                "INSERT INTO touched SELECT s.key FROM changes c CROSS JOIN staged s WHERE s.line = c.line "
                "ORDER BY s.key ON CONFLICT DO NOTHING"
            )
        )
        self._share(connection, -1)
        changed = connection.execute(
            text(
                "UPDATE inventory SET superseded_at = :now WHERE id IN (SELECT old FROM changes WHERE old IS NOT NULL)"
            ),
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
        self._settle(connection)
        return changed, put - changed

    # Deposits

    def catch_up(self) -> int:
        """Take the deposits in that came since the last time; returns how many."""
        homes = _homes(self.units())
        names = {unit_key(code): code for code in homes}
        count = 0
        while True:
            with self._writing() as connection:
                taken = self._take_deposits(connection, homes, names)
            if taken == 0:
                return count
            count += taken

    def _take_deposits(self, connection: Connection, homes: Mapping[str, str], names: Mapping[str, str]) -> int:
        seen = self._seen(connection)
        first = connection.execute(select(func.min(records.c.position))).scalar_one()
        if seen and (first is None or first > seen):  # the list was made anew, perhaps without some that stood in it
            self._forget_vanished(connection)
        query = (
            select(records.c.id, records.c.unit, records.c.procedure, records.c.kind, records.c.number,
                   records.c.symbol, records.c.issued_on, records.c.deposited_at, records.c.withdrawn_at,
                   records.c.position)
            .where(records.c.position > seen).order_by(records.c.position).limit(DEPOSITS_AT_ONCE)
        )  # fmt: skip
        rows = connection.execute(query).all()
        if not rows:
            return 0
        for table in (fresh, touched):
            _make_temporary(connection, table)
        values = []
        for row in rows:
            unit = names.get(unit_key(row.unit), row.unit)
            key = None
            if row.number and row.issued_on:
                key = match_key(homes.get(unit, unit), row.number, row.symbol or "", row.issued_on.toordinal())
            values.append({"record": row.id, "key": key, "unit": unit, "procedure": row.procedure, "kind": row.kind,
                           "day": _day_in_vietnam(row.deposited_at)})  # fmt: skip
        connection.execute(insert(fresh), values)
        connection.execute(
            text(
                "INSERT INTO touched SELECT key FROM fresh WHERE key IS NOT NULL UNION "
                "SELECT c.key FROM counted_records c JOIN fresh f ON f.record = c.record WHERE c.key IS NOT NULL"
            )
        )
        self._share(connection, -1)
        # A record described anew keeps the day from which it counted, unless it now counts for another result.
        connection.execute(
            text(
                "UPDATE fresh SET day = c.day FROM counted_records c "
                "WHERE c.record = fresh.record AND c.key = fresh.key AND c.day < fresh.day"
            )
        )
        connection.execute(text("DELETE FROM counted_records WHERE record IN (SELECT record FROM fresh)"))
        connection.execute(
            text(
                "INSERT INTO counted_records (record, key, unit, procedure, kind, day, fits) "
                "SELECT record, key, unit, procedure, kind, day, 0 FROM fresh"
            )
        )
        _note_withdrawals(connection, rows)
        self._settle(connection)
        connection.execute(update(state).where(state.c.name == "records_seen").values(value=rows[-1].position))
        return len(rows)

    def _forget_vanished(self, connection: Connection) -> None:
        """Let go of the records that the list of deposits no longer has."""
        _make_temporary(connection, touched)
        gone = "record NOT IN (SELECT id FROM records)"
        connection.execute(
            text(f"INSERT INTO touched SELECT DISTINCT key FROM counted_records WHERE key IS NOT NULL AND {gone}")
        )
        self._share(connection, -1)
        connection.execute(text(f"DELETE FROM counted_records WHERE {gone}"))
        self._settle(connection)

    def note_faults(self, broken: Mapping[str, str], on: date) -> None:
        """Let records stop counting from *on*: record id → what is broken. One that is noted already stays as it is."""
        day = on.toordinal()
        with self._writing() as connection:
            standing = set(connection.execute(select(faults.c.record).where(faults.c.until_day > day)).scalars())
            added = [
                {"record": id, "from_day": day, "until_day": FOREVER, "reason": reason}
                for id, reason in broken.items()
                if id not in standing
            ]
            if added:
                self._change_faults(connection, [str(a["record"]) for a in added], lambda: connection.execute(
                    insert(faults), added))  # fmt: skip

    def mend_faults(self, mended: Iterable[str], on: date) -> None:
        """Let records count again from *on*: they were found intact."""
        day = on.toordinal()
        ids = list(mended)

        def mend() -> None:
            for id in ids:
                open_fault = faults.c.record == id, faults.c.until_day == FOREVER, faults.c.reason != WITHDRAWN
                connection.execute(delete(faults).where(*open_fault, faults.c.from_day >= day))
                connection.execute(update(faults).where(*open_fault).values(until_day=day))

        with self._writing() as connection:
            self._change_faults(connection, ids, mend)

    def audited(self, damaged: Mapping[str, str], on: date, *, all_was_checked: bool = True) -> tuple[int, int]:
        """Take the outcome of an audit in: records at *damaged* stop counting from *on*, and those found whole count
        again, but only where *all_was_checked* (an audit that looked at no signature cannot call one mended).

        *damaged*: path in the archive, or record id → what is wrong. A damaged PDF breaks its own record; anything else
        in an object breaks every record of it, because which of them it bears on cannot be told. Returns how many
        records are newly broken, and how many are mended.
        """
        with self._reading() as connection:
            known = connection.execute(select(records.c.id, records.c.object_path, records.c.pdf_path)).all()
            standing = set(
                connection.execute(
                    select(faults.c.record).where(faults.c.until_day == FOREVER, faults.c.reason != WITHDRAWN)
                ).scalars()
            )
        all_ids = {row.id for row in known}
        pdfs = {row.pdf_path: row.id for row in known}
        objects: dict[str, list[str]] = defaultdict(list)
        for row in known:
            objects[row.object_path].append(row.id)
        broken: dict[str, str] = {}
        for path, reason in damaged.items():
            parts = path.split("/")
            ids = [path] if path in all_ids else []
            if path in pdfs:
                ids = [pdfs[path]]
            elif not ids:
                ids = [id for cut in range(1, len(parts) + 1) for id in objects.get("/".join(parts[:cut]), ())]
            for id in ids:
                broken.setdefault(id, reason)
        self.note_faults({id: reason for id, reason in broken.items() if id not in standing}, on)
        mended = standing - broken.keys() if all_was_checked else set()
        self.mend_faults(sorted(mended), on)
        return len(broken.keys() - standing), len(mended)

    def _change_faults(self, connection: Connection, ids: Sequence[str], change: Callable[[], Any]) -> None:
        _make_temporary(connection, touched)
        for id in ids:
            connection.execute(
                text("INSERT INTO touched SELECT key FROM counted_records WHERE record = :id AND key IS NOT NULL "
                     "AND key NOT IN (SELECT key FROM touched)"), {"id": id})  # fmt: skip
        self._share(connection, -1)
        change()
        self._settle(connection)

    # What the rates are made of

    def day_counts(
        self, as_of: date, *, since: date | None = None, procedure: str | None = None
    ) -> tuple[DayCount, ...]:
        """Changes of the counts of every unit up to *as_of*; what lies before *since* is summed into that day.

        The sum over a unit's changes up to a day is what was in force, and what of it was digitised, on that day.
        """
        base = since.toordinal() if since is not None else as_of.toordinal()
        source = "unit_days" if procedure is None else f"({_CHANGES.format(rows=_OF_PROCEDURE)}) c"
        query = text(
            f"SELECT unit, CASE WHEN day < :base THEN :base ELSE day END AS day, SUM(rows) AS rows, SUM(done) AS done "
            f"FROM {source} WHERE day <= :as_of GROUP BY 1, 2 HAVING SUM(rows) <> 0 OR SUM(done) <> 0"
        )
        given = {"base": base, "as_of": as_of.toordinal(), "forever": FOREVER}
        if procedure is None:
            del given["forever"]
        with self._reading() as connection:
            rows = connection.execute(query, given | ({"procedure": procedure} if procedure is not None else {})).all()
        return tuple(DayCount(row.unit, date.fromordinal(row.day), int(row.rows), int(row.done)) for row in rows)

    def by_procedure(self, as_of: date, *, units: Iterable[str] | None = None) -> tuple[ProcedureCount, ...]:
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
        with self._reading() as connection:
            return tuple(ProcedureCount(row.procedure, row.rows, row.done) for row in connection.execute(query, given))

    def made(self, as_of: date) -> tuple[Made, ...]:
        """How many records stand, deposited by the end of *as_of*, by operator and batch."""
        after = datetime.combine(as_of + timedelta(days=1), datetime.min.time(), VIETNAM)
        query = (
            select(batches.c.operator, batches.c.id, batches.c.started_at, func.count().label("records"))
            .join_from(records, scans, scans.c.sha256 == records.c.scan_sha256)
            .join(batches, batches.c.id == scans.c.batch)
            .where(records.c.deposited_at < after.astimezone(UTC).isoformat(timespec="microseconds"))
            .group_by(batches.c.operator, batches.c.id, batches.c.started_at)
        )
        with self._reading() as connection:
            return tuple(
                Made(row.operator, row.id, date.fromordinal(_day_in_vietnam(row.started_at)), row.records)
                for row in connection.execute(query)
            )

    def first_day(self) -> date | None:
        """The first day on which any result was in force; None for an empty inventory."""
        with self._reading() as connection:
            first = connection.execute(select(func.min(unit_days.c.day)).where(unit_days.c.rows > 0)).scalar_one()
        return _date(first)

    def explain(self, unit: str, as_of: date) -> Iterator[RowStanding]:
        """Row by row what counts for *unit* on *as_of*, what does not, and why; rows of units merged into it too."""
        known = self.units()
        homes = _homes(known)
        code = _unit_finder(known)(unit)
        home = homes.get(code, code)
        day = as_of.toordinal()
        placed = {u.code for u in known if _placed(known, u.code, as_of) == code} | {code}
        rows = text("""
            SELECT i.id, i.unit, i.number, i.symbol, i.issued, i.procedure, i.result_code, i.title, i.from_day,
                   i.until_day, c.record, c.kind, c.day, c.row, c.fits, f.from_day, f.until_day, f.reason
            FROM inventory i LEFT JOIN counted_records c ON c.key = i.key
            LEFT JOIN record_faults f ON f.record = c.record
            WHERE i.key >= :low AND i.key < :high AND i.superseded_at IS NULL
            ORDER BY i.key, i.id, c.day, c.record
        """)
        with self._reading() as connection:
            found = connection.execution_options(yield_per=5000).execute(rows, {"low": f"{home}|", "high": f"{home}}}"})
            for group in _runs(starmap(_Line, found)):
                if group[0].unit in placed:
                    yield _standing(group, day)

    def candidates(
        self, unit: str, *, number: str | None, symbol: str | None, issued_on: date | None, limit: int = 5
    ) -> list[InventoryRow]:
        """Results of *unit* without a record that a paper may be: all that is read of it agrees but at most one thing.

        None agrees with anything (a number written by hand that nobody could read). Those that agree in everything come
        first; nothing is offered for a paper of which fewer than two of number, symbol and date are read. A person
        chooses: a near match is never taken by itself.
        """
        wanted = (number and number_key(number), symbol and symbol_key(symbol), issued_on)
        if sum(part is not None for part in wanted) < 2:
            return []
        known = self.units()
        homes, names = _homes(known), {unit_key(u.code): u.code for u in known}
        code = names.get(unit_key(unit), unit)
        home = homes.get(code, code)
        low, high = f"{home}|", f"{home}}}"
        query = (
            select(inventory)
            .where(inventory.c.key >= low, inventory.c.key < high, inventory.c.superseded_at.is_(None))
            .where(~select(spans.c.row).where(spans.c.row == inventory.c.id).exists())
        )
        ranked = []
        with self._reading() as connection:
            for row in connection.execution_options(yield_per=5000).execute(query):
                have = number_key(row.number), symbol_key(row.symbol), date.fromordinal(row.issued)
                wrong = sum(want is not None and want != has for want, has in zip(wanted, have, strict=True))
                if wrong <= 1:
                    ranked.append((wrong, row.unit != code, row.issued, row.number, _inventory_row(row)))
        return [row for *_rank, row in sorted(ranked, key=lambda r: r[:4])[:limit]]

    def listed(self, unit: str, number: str, symbol: str, issued_on: date) -> InventoryRow | None:
        """The one result of *unit* with this number, symbol and day; None where there is none, or more than one."""
        known = self.units()
        names = {unit_key(u.code): u.code for u in known}
        code = names.get(unit_key(unit), unit)
        key = match_key(_homes(known).get(code, code), number, symbol, issued_on.toordinal())
        query = select(inventory).where(inventory.c.key == key, inventory.c.superseded_at.is_(None)).limit(2)
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return _inventory_row(rows[0]) if len(rows) == 1 else None

    def unmatched(self, unit: str, as_of: date) -> list[str]:
        """Records of *unit* deposited by *as_of* that count for no row: not in the inventory, or fitting several."""
        query = select(counted.c.record).where(
            counted.c.unit == unit, counted.c.row.is_(None), counted.c.day <= as_of.toordinal(),
            counted.c.kind != str(Kind.COPY),
        )  # fmt: skip
        with self._reading() as connection:
            return sorted(connection.execute(query).scalars())

    # The touched rows' share of the counts, and the matching behind it

    def _share(self, connection: Connection, sign: int) -> None:
        """Add (or with -1 take away) the share that the rows under the touched keys have in ``unit_days``."""
        connection.execute(
            text(
                f"INSERT INTO unit_days (unit, day, rows, done) "
                f"SELECT unit, day, {sign} * SUM(rows), {sign} * SUM(done) "
                f"FROM ({_CHANGES.format(rows=_TOUCHED)}) c WHERE day < :forever GROUP BY unit, day "
                f"ON CONFLICT (unit, day) DO UPDATE SET rows = unit_days.rows + excluded.rows, "
                f"done = unit_days.done + excluded.done"
            ),
            {"forever": FOREVER},
        )

    def _settle(self, connection: Connection) -> None:
        """Match the records under the touched keys anew, then add their rows' share."""
        connection.execute(
            text("UPDATE counted_records SET row = NULL, fits = 0 WHERE key IN (SELECT key FROM touched)")
        )
        connection.execute(text(_MATCH))
        connection.execute(
            text(
                "DELETE FROM digitised_spans WHERE row IN "
                "(SELECT i.id FROM touched t JOIN inventory i ON i.key = t.key)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO digitised_spans (row, from_day, until_day) "
                "SELECT c.row, MIN(c.day), :forever FROM touched t JOIN counted_records c ON c.key = t.key "
                "WHERE c.row IS NOT NULL AND c.kind <> 'copy' GROUP BY c.row"
            ),
            {"forever": FOREVER},
        )
        self._settle_faults(connection)
        self._share(connection, 1)

    def _settle_faults(self, connection: Connection) -> None:
        """Spans of the rows that have a record with a fault: the days on which at least one record is intact."""
        rows = connection.execute(
            text(
                "SELECT c.row, c.record, c.day, f.from_day, f.until_day FROM counted_records c "
                "LEFT JOIN record_faults f ON f.record = c.record WHERE c.kind <> 'copy' AND c.row IN "
                "(SELECT b.row FROM record_faults g JOIN counted_records b ON b.record = g.record "
                " JOIN touched t ON t.key = b.key WHERE b.row IS NOT NULL) "
                "AND c.key IN (SELECT key FROM touched)"
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

    def _move(self, connection: Connection, codes: set[str]) -> None:
        """After mergers: give the rows and records of these units their new keys, and count them anew."""
        homes = _homes(self._units(connection))
        _make_temporary(connection, touched)
        new_keys: list[dict[str, Any]] = []
        for table, identity in ((inventory, inventory.c.id), (counted, counted.c.record)):
            found = connection.execute(
                select(identity.label("id"), table.c.key, table.c.unit)
                .where(table.c.unit.in_(bindparam("codes", expanding=True)), table.c.key.is_not(None)),
                {"codes": sorted(codes)},
            ).all()  # fmt: skip
            for row in found:
                rest = row.key.partition("|")[2]
                new_keys.append({"table": table, "id": row.id, "old": row.key,
                                 "new": f"{homes.get(row.unit, row.unit)}|{rest}"})  # fmt: skip
        keys = {k[side] for k in new_keys for side in ("old", "new")}
        if not keys:
            return
        connection.execute(insert(touched), [{"key": key} for key in sorted(keys)])
        self._share(connection, -1)
        for table, name in ((inventory, "id"), (counted, "record")):
            moved = [{"moved": k["id"], "new": k["new"]} for k in new_keys if k["table"] is table]
            if moved:
                connection.execute(
                    update(table).where(table.c[name] == bindparam("moved")).values(key=bindparam("new")), moved
                )
        self._settle(connection)

    def _seen(self, connection: Connection) -> int:
        return int(connection.execute(select(state.c.value).where(state.c.name == "records_seen")).scalar_one())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(self.engine), self.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(
                    "PRAGMA cache_size = -100000"
                )  # 100 MB: an index of millions of keys is merged in
            # The write lock first, as the catalogue does it: a reader that turns writer is refused without waiting.
            connection.execute(update(state).where(state.c.name == "records_seen").values(value=state.c.value))
            yield connection


_TOUCHED = "touched t JOIN inventory i ON i.key = t.key AND i.superseded_at IS NULL"
_OF_PROCEDURE = "(SELECT * FROM inventory WHERE procedure = :procedure AND superseded_at IS NULL) i"

# For each row: +1 and -1 where it comes into force and ends, and the same for its days with a record while in force.
_CHANGES = """
    SELECT i.unit AS unit, CASE e.sign WHEN 1 THEN i.from_day ELSE i.until_day END AS day, e.sign AS rows, 0 AS done
    FROM {rows} CROSS JOIN (SELECT 1 AS sign UNION ALL SELECT -1) e
    UNION ALL
    SELECT i.unit, CASE e.sign WHEN 1 THEN CASE WHEN s.from_day > i.from_day THEN s.from_day ELSE i.from_day END
                               ELSE CASE WHEN s.until_day < i.until_day THEN s.until_day ELSE i.until_day END END,
           0, e.sign
    FROM {rows} JOIN digitised_spans s ON s.row = i.id CROSS JOIN (SELECT 1 AS sign UNION ALL SELECT -1) e
    WHERE s.from_day < i.until_day AND s.until_day > i.from_day
"""

# A record counts for the row of its own unit before one of a unit since merged with it, then for the row of its
# procedure; where two rows fit equally well it counts for neither, because which one it is would be a guess.
_MATCH = """
    UPDATE counted_records SET row = CASE WHEN best.fits = 1 THEN best.row END, fits = best.fits
    FROM (SELECT record, MIN(row) AS row, COUNT(*) AS fits
          FROM (SELECT record, row, RANK() OVER (PARTITION BY record ORDER BY score DESC) AS place
                FROM (SELECT c.record AS record, i.id AS row,
                             CASE WHEN i.unit = c.unit THEN 2 ELSE 0 END
                             + CASE WHEN i.procedure <> '' AND i.procedure = c.procedure THEN 1 ELSE 0 END AS score
                      FROM touched t JOIN counted_records c ON c.key = t.key
                      JOIN inventory i ON i.key = t.key AND i.superseded_at IS NULL) scored) ranked
          WHERE place = 1 GROUP BY record) best
    WHERE counted_records.record = best.record
"""


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


def _by_result_code(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Lines of one number, symbol and date that speak of one result: an empty code may mean any."""
    if any(r.result_code == "" for r in rows):
        yield list(rows)
        return
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.result_code].append(row)
    yield from (group for group in groups.values() if len(group) > 1)


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
    kind: str
    deposited: int
    counts_for: int | None
    fits: int
    broken_from: int | None
    broken_until: int
    broken_by: str | None


def _runs(rows: Iterable[_Line]) -> Iterator[list[_Line]]:
    """Lines of one inventory row, which follow each other."""
    run: list[_Line] = []
    for row in rows:
        if run and row.id != run[0].id:
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _standing(group: Sequence[_Line], day: int) -> RowStanding:
    row = _inventory_row(group[0])
    with_record = [r for r in group if r.record is not None]
    own = [r for r in with_record if r.counts_for == r.id]
    originals = [r for r in own if r.kind != "copy"]
    by_day = [r for r in originals if r.deposited <= day]
    broken_ids = {r.record for r in by_day if r.broken_from is not None and r.broken_from <= day < r.broken_until}
    intact = [r for r in by_day if r.record not in broken_ids]

    def said(standing: Standing, bearing: Iterable[_Line] = (), since: int | None = None) -> RowStanding:
        ids = tuple(dict.fromkeys(str(r.record) for r in bearing))
        return RowStanding(row, standing, ids, date.fromordinal(since) if since is not None else None)

    if day < group[0].from_day:
        return said(Standing.NOT_YET_IN_FORCE, originals, group[0].from_day)
    if day >= group[0].until_day:
        return said(Standing.NO_LONGER_IN_FORCE, originals, group[0].until_day)
    if intact:
        return said(Standing.COUNTS, intact, max(min(r.deposited for r in intact), group[0].from_day))
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


def _homes(units: Iterable[Unit]) -> dict[str, str]:
    """Each unit's code → the code that it ends in after all mergers (a ring of mergers ends where it began)."""
    follow = {unit.code: unit.successor for unit in units if unit.successor}
    codes = {unit.code for unit in units}
    homes = {}
    for code in codes:
        at, seen = code, {code}
        while (after := follow.get(at)) and after not in seen:
            at = after
            seen.add(at)
        homes[code] = at
    return homes


def _placed(units: Sequence[Unit], code: str, day: date) -> str | None:
    """The unit that *code* counts for on *day*: itself while it stands, else the one it was merged into."""
    seen: set[str] = set()
    while code not in seen:
        seen.add(code)
        forms = [u for u in units if u.code == code]
        if any((u.valid_from or date.min) <= day <= (u.valid_to or date.max) for u in forms):
            return code
        after = next((u.successor for u in forms if u.successor and u.valid_to and u.valid_to < day), None)
        if after is None:
            return None
        code = after
    return None


def _unit_finder(units: Sequence[Unit]) -> Callable[[str], str]:
    """A unit's code as the tree has it, from a code in either form or a name that only one unit has."""
    codes = {unit_key(unit.code): unit.code for unit in units}
    names: dict[str, set[str]] = defaultdict(set)
    for unit in units:
        names[fold(unit.name)].add(unit.code)
    found: dict[str, str] = {}

    def unit_of(given: str) -> str:
        code = found.get(given)
        if code is None:
            code = codes.get(unit_key(given))
            if code is None:
                same = names.get(fold(given), set())
                if len(same) > 1:
                    raise BadCell("unit", _("{count} units are called '{text}' ({codes}); give the code").format(
                        count=len(same), text=given, codes=", ".join(sorted(same)[:4])))  # fmt: skip
                if not same:
                    raise BadCell("unit", _("no unit '{text}' in the tree; see `sohoa units list`").format(text=given))
                [code] = same
            found[given] = code
        return code

    return unit_of


def _default_targets() -> list[Target]:
    with open_rows(DEFAULT_TARGETS, TARGET_COLUMNS) as rows:
        return list(Reader(rows, Path(), target_row))


def _note_withdrawals(connection: Connection, rows: Iterable[Any]) -> None:
    """A record that was withdrawn does not count from that day on, which no audit mends."""
    for row in rows:
        connection.execute(delete(faults).where(faults.c.record == row.id, faults.c.reason == WITHDRAWN))
        if row.withdrawn_at:
            day = _day_in_vietnam(row.withdrawn_at)
            connection.execute(delete(faults).where(faults.c.record == row.id, faults.c.from_day == day))
            connection.execute(insert(faults).values(record=row.id, from_day=day, until_day=FOREVER, reason=WITHDRAWN))


def _make_temporary(connection: Connection, table: Table) -> None:
    connection.execute(text(f"DROP TABLE IF EXISTS {table.name}"))
    table.create(connection, checkfirst=False)


def _day_in_vietnam(deposited_at: str) -> int:
    at = datetime.fromisoformat(deposited_at)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(VIETNAM).date().toordinal()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _unit(row: Any) -> Unit:
    return Unit(
        row.code, row.name, Level(row.level), row.parent, _date(row.valid_from), _date(row.valid_to), row.successor
    )


def _unit_values(unit: Unit) -> dict[str, Any]:
    return {
        "code": unit.code,
        "name": unit.name,
        "level": str(unit.level),
        "parent": unit.parent,
        "valid_from": unit.valid_from.toordinal() if unit.valid_from else None,
        "valid_to": unit.valid_to.toordinal() if unit.valid_to else None,
        "successor": unit.successor,
    }


def _inventory_row(row: Any) -> InventoryRow:
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


def _date(ordinal: int | None) -> date | None:
    return None if ordinal is None else date.fromordinal(ordinal)
