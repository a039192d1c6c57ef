"""The register: units, the inventory of results in force and targets, and how many of the results have a record.

It stands on the catalogue's engine and reads its list of deposits. Nothing imported is overwritten: a changed row is
closed with the time of the change and its new form stands beside it, so that what was known when can be shown.

``unit_days`` holds, for every unit and day, by how much the results in force and those with a record change. A report
as of any day is a sum over it instead of a pass over every row, and it stays exact because a change takes the touched
rows' old share out and puts the new one in, in one transaction. The parts are in ``archive/register``.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from archive.cells import BadCell, Cells, Reader, by_column
from archive.database import explained
from archive.imports import PROCEDURE_COLUMNS, TARGET_COLUMNS, UNIT_COLUMNS, Imported, unit_row
from archive.register import changes, counters, faults, matching, procedures, rows, standings, targets, units
from archive.register.tables import state
from archive.rowfiles import OpensRows, open_rows
from archive.schema import bring_up_to_date
from schemas.errors import InputRejected
from schemas.procedures import Procedure
from schemas.units import DayCount, InventoryRow, Made, ProcedureCount, RowStanding, Target, Unit

MATCHING_RULES = 2
"""Under which rules the counts were made: 1 let a record count for a row of any unit that was merged into the same."""


class Register:
    """Units, inventory, targets, procedures and the counts behind every rate, on one database.

    Any method may raise ServiceUnavailable, with what to do.
    """

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
            found = {row.name: row.value for row in connection.execute(select(state))}
        if found.get("matching_rules") == MATCHING_RULES:
            return
        if not found:
            with self.engine.begin() as connection:
                for name, value in (("records_seen", 0), ("matching_rules", MATCHING_RULES)):
                    connection.execute(insert(state).values(name=name, value=value))
                targets.put_targets(connection, targets.default_targets(), _now())
            return
        with self._writing() as connection:  # a release before counted by other rules
            matching.move(connection, units.moved_between((), units.known_units(connection)))
            connection.execute(delete(state).where(state.c.name == "matching_rules"))
            connection.execute(insert(state).values(name="matching_rules", value=MATCHING_RULES))

    # Units

    def units(self) -> tuple[Unit, ...]:
        """Every unit as now known, each with the days for which it stands, by code."""
        with self._reading() as connection:
            return tuple(units.known_units(connection))

    def code_of(self, given: str) -> str:
        """A unit's code as the tree has it, from a code in either form or its name. InputRejected when none fits."""
        try:
            return self.unit_finder()(given)
        except BadCell as bad:
            raise InputRejected(bad.reason) from bad

    def unit_finder(self) -> Callable[[str], str]:
        """The function that gives a unit's code as the tree has it; it raises BadCell when none fits."""
        return units.unit_finder(self.units())

    def import_units(
        self, file: Path, *, rejects: Path, sheet: str | None = None, open_with: OpensRows = open_rows
    ) -> Imported:
        """Take a file of units in, all good rows in one transaction; an empty cell leaves what is known.

        A unit that comes again with a later ``valid_from`` ends its earlier form the day before. A parent or a
        successor must stand in the tree or in the same file.
        """
        with open_with(file, UNIT_COLUMNS, sheet=sheet) as file_rows:
            reader = Reader(file_rows, rejects, lambda line, cells: (
                line, cells, unit_row(line, Cells(file_rows.places, cells))))  # fmt: skip
            read = list(reader)
        with self._writing() as connection:
            given = units.related(read, units.known_units(connection), reader.reject)
            before = units.known_units(connection)
            tally = units.put_units(connection, given, _now())
            known = units.known_units(connection)
            moved = units.moved_between(before, known)
            if tally[0]:
                moved |= matching.rename(connection, known)
            if moved:
                matching.move(connection, moved)
        return Imported(*tally, reader.rejects, file_rows.ignored)

    # Targets

    def targets(self) -> tuple[Target, ...]:
        """Every target as now known, by year, level and unit."""
        with self._reading() as connection:
            return targets.known_targets(connection)

    def import_targets(
        self, file: Path, *, rejects: Path, sheet: str | None = None, open_with: OpensRows = open_rows
    ) -> Imported:
        """Take a file of targets in, all good rows in one transaction."""
        with open_with(file, TARGET_COLUMNS, sheet=sheet) as file_rows:
            take = targets.of_known_units(self.units())
            reader = Reader(file_rows, rejects, by_column(file_rows, take))
            given = list(reader)
        with self._writing() as connection:
            tally = targets.put_targets(connection, given, _now())
        return Imported(*tally, reader.rejects, file_rows.ignored)

    # Procedures

    def procedures(self) -> tuple[Procedure, ...]:
        """Every procedure as now known, each form that it has had, by code and day."""
        with self._reading() as connection:
            return tuple(procedures.known_procedures(connection))

    def import_procedures(
        self, file: Path, *, rejects: Path, sheet: str | None = None, open_with: OpensRows = open_rows
    ) -> Imported:
        """Take a file of procedures in, all good rows in one transaction; an empty field leaves what is known."""
        with open_with(file, PROCEDURE_COLUMNS, sheet=sheet) as file_rows:
            reader = Reader(file_rows, rejects, by_column(file_rows, procedures.each_said_once()))
            given = list(reader)
        with self._writing() as connection:
            tally = procedures.put_procedures(connection, given, _now())
        return Imported(*tally, reader.rejects, file_rows.ignored)

    # Inventory

    def inventory(self, unit: str | None = None) -> Iterator[InventoryRow]:
        """The rows as now known, of one unit or of all, read one after another."""
        with self._reading() as connection:
            yield from rows.known_rows(connection, unit)

    def in_two_units(self) -> Iterator[InventoryRow]:
        """The rows whose number, symbol, date and title stand in the lists of two units that are not merged, together.

        Two agencies may number alike on a day, hence the title: rows without one are left out. Goes over every row.
        """
        with self._reading() as connection:
            yield from rows.in_two_units(connection)

    def candidates(
        self, unit: str, *, suits: Callable[[InventoryRow], float], years: Collection[int] = (), limit: int = 5
    ) -> list[InventoryRow]:
        """The results of *unit*, and of those merged with it, without a record that suit a paper, the best first.

        *suits* says how well a row suits it, 0 where it cannot be the paper; it is asked about those of *years* (empty:
        of every year). A person chooses: a near match is never taken by itself.
        """
        with self._reading() as connection:
            return rows.candidates(connection, unit, suits, years, limit)

    def numbers_beside(self, unit: str, symbol: str, day: date) -> tuple[int | None, int | None]:
        """The largest number under *symbol* that *unit* gave in the year of *day* before it, and the smallest after it:
        registers go by number and by day, so that a paper of that day has one between them. None where it gave none."""
        with self._reading() as connection:
            return rows.numbers_beside(connection, unit, symbol, day)

    def listed(self, unit: str, number: str, symbol: str, issued_on: date) -> list[InventoryRow]:
        """The results of *unit* with this number, symbol and day: one, as a rule, and seldom several codes."""
        with self._reading() as connection:
            return rows.listed(connection, unit, number, symbol, issued_on)

    def import_inventory(
        self,
        file: Path,
        *,
        rejects: Path,
        sheet: str | None = None,
        on_rows: Callable[[int], None] = lambda count: None,
        open_with: OpensRows = open_rows,
    ) -> Imported:
        """Take a file of results in: checked row by row, then put in place in one transaction.

        A row known by its unit, number, symbol, date and result code changes only in what the file says; an empty cell
        leaves what is known (an end that was entered by mistake is taken back with a later one). *on_rows* is told how
        many rows have been read. InputRejected for a file without the needed headings; bad rows go to *rejects*.
        """
        with self._writing() as connection:
            return changes.import_inventory(
                connection, file, _now(), rejects=rejects, sheet=sheet, on_rows=on_rows, open_with=open_with
            )

    # Deposits

    def catch_up(self) -> int:
        """Take the deposits in that came since the last time; returns how many."""
        count = 0
        while True:
            with self._writing() as connection:
                taken = matching.take_deposits(connection)
            if taken == 0:
                return count
            count += taken

    def note_faults(self, broken: Mapping[str, str], on: date) -> None:
        """Let records stop counting from *on*: record id → what is broken. One that is noted already stays as it is."""
        with self._writing() as connection:
            faults.note_faults(connection, broken, on)

    def mend_faults(self, mended: Iterable[str], on: date) -> None:
        """Let records count again from *on*: they were found intact."""
        with self._writing() as connection:
            faults.mend_faults(connection, mended, on)

    def audited(self, damaged: Mapping[str, str], on: date, *, all_was_checked: bool = True) -> tuple[int, int]:
        """Take the outcome of an audit in: records at *damaged* stop counting from *on*, and those found whole count
        again, but only where *all_was_checked* (an audit that looked at no signature cannot call one mended).

        *damaged*: path in the archive, or record id → what is wrong; see ``faults.broken_records``. Returns how many
        records are newly broken, and how many are mended.
        """
        with self._reading() as connection:
            broken = faults.broken_records(connection, damaged)
        with self._writing() as connection:
            standing = faults.standing_faults(connection)
            mended = standing - broken.keys() if all_was_checked else set()
            faults.note_faults(connection, {id: why for id, why in broken.items() if id not in standing}, on)
            faults.mend_faults(connection, sorted(mended), on)
        return len(broken.keys() - standing), len(mended)

    # What the rates are made of

    def day_counts(
        self, as_of: date, *, since: date | None = None, every_days: int = 1, procedure: str | None = None
    ) -> tuple[DayCount, ...]:
        """Changes of the counts of every unit up to *as_of*; what lies before *since* is summed into that day.

        The sum over a unit's changes up to a day is what was in force, and what of it was digitised, on that day; with
        *every_days* on every so-many-th day back from *as_of*, into which those between are summed.
        """
        with self._reading() as connection:
            return counters.day_counts(connection, as_of, since=since, every_days=every_days, procedure=procedure)

    def by_procedure(self, as_of: date, *, units: Iterable[str] | None = None) -> tuple[ProcedureCount, ...]:
        """Results in force and those with a record, by procedure; of the rows of *units*, or of all.

        Goes over every row (the counters know units and days only).
        """
        with self._reading() as connection:
            return counters.by_procedure(connection, as_of, units=units)

    def made(self, as_of: date) -> tuple[Made, ...]:
        """How many records stand, deposited by the end of *as_of*, by operator and batch."""
        with self._reading() as connection:
            return counters.made(connection, as_of)

    def first_day(self) -> date | None:
        """The first day on which any result was in force; None for an empty inventory."""
        with self._reading() as connection:
            return counters.first_day(connection)

    def explain(self, unit: str, as_of: date) -> Iterator[RowStanding]:
        """Row by row what counts for *unit* on *as_of*, what does not, and why; rows of units merged into it too."""
        with self._reading() as connection:
            yield from standings.explain(connection, unit, as_of)

    def unmatched(self, unit: str, as_of: date) -> list[str]:
        """Records of *unit*, or of one merged into it by then, deposited by *as_of* that count for no row.

        They are not in the inventory, or fit several rows.
        """
        with self._reading() as connection:
            return standings.unmatched(connection, unit, as_of)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(self.engine), self.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                # 100 MB: an index of millions of keys is merged in. Temporary tables of as many rows are written in
                # pages of 16 KB, 50 MB at a time: a fifth of an import's seconds went into their pages of 4 KB.
                for setting in ("cache_size = -100000", "temp.page_size = 16384", "temp.cache_size = -50000"):
                    connection.exec_driver_sql(f"PRAGMA {setting}")
            # The write lock first, as the catalogue does it: a reader that turns writer is refused without waiting.
            connection.execute(update(state).where(state.c.name == "records_seen").values(value=state.c.value))
            yield connection


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
