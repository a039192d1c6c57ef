"""The counts behind every rate, against a slow and obvious recomputation in plain Python."""

import csv
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from archive.catalogue import Catalogue
from archive.inventory import Register
from archive.tables import records
from schemas.units import Standing

DAY = date(2024, 2, 26)
"""The days drawn begin here: 2024 is a leap year."""
DAYS = 12
UNITS = "ABCDE"


@dataclass
class Obvious:
    """Units, rows, records and faults as plain lists, and the counts by going through all of them."""

    begins: dict[str, date | None]
    merged: dict[str, tuple[str, date]] = field(default_factory=dict)
    """Unit → the one it was merged into, and the first day of that."""
    rows: dict[tuple[str, str, date, str], dict[str, Any]] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[tuple[str, date, date]] = field(default_factory=list)

    def joined(self, unit: str, other: str) -> date | None:
        """From when *unit* is part of *other*."""
        since = date.min
        while unit != other:
            if unit not in self.merged:
                return None
            unit, day = self.merged[unit]
            since = max(since, day)
        return since

    def place(self, unit: str, day: date) -> str | None:
        """The unit that the results of *unit* count for on *day*, if any stands then."""
        while unit in self.merged and self.merged[unit][1] <= day:
            unit = self.merged[unit][0]
        return unit if (self.begins[unit] or date.min) <= day else None

    def since(self, row: tuple[str, str, date, str], record: dict[str, Any]) -> date | None:
        """From when the record may count for the row, by unit, number, day and code."""
        unit, number, issued, code = row
        mine: str = record["unit"]
        deposited: date = record["day"]
        if (number, issued) != (record["number"], record["issued"]) or record["code"] not in ("", code):
            return None
        if unit == mine:
            return deposited
        if (since := self.joined(unit, mine)) is not None:  # the new unit's clerk, with a paper of the old one
            return deposited if deposited >= since else None
        if (since := self.joined(mine, unit)) is not None:  # the new unit's list, with a paper of the old one
            both_stood = (self.begins[unit] or date.min) <= issued < self.merged[mine][1]
            return None if both_stood else max(deposited, since)
        return None

    def row_of(self, record: dict[str, Any]) -> tuple[str, str, date, str] | None:
        """The one row that a record counts for."""
        fitting = []
        for key, row in self.rows.items():
            if self.since(key, record) is not None:
                procedure = row["procedure"] and row["procedure"] == record["procedure"]
                score = 4 * (key[0] == record["unit"]) + 2 * (key[3] == record["code"]) + bool(procedure)
                fitting.append((score, key))
        best = max((score for score, _key in fitting), default=0)
        best_keys = [key for score, key in fitting if score == best]
        return best_keys[0] if len(best_keys) == 1 else None

    def counts(self, day: date) -> dict[str, tuple[int, int]]:
        """Results in force, and those with an intact original record, of each unit as the rows name it."""
        found: dict[str, tuple[int, int]] = {}
        for key, row in self.rows.items():
            if not (row["from"] <= day and (row["until"] is None or day < row["until"])):
                continue
            done = any(
                self.row_of(record) == key and record["kind"] != "copy" and (self.since(key, record) or day) <= day
                and not any(id == name and start <= day < end for name, start, end in self.faults)
                for id, record in self.records.items()
            )  # fmt: skip
            rows, with_record = found.get(key[0], (0, 0))
            found[key[0]] = rows + 1, with_record + done
        return found


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    catalogue = Catalogue.open(f"sqlite:///{tmp_path / 'catalogue.db'}")
    yield Register(catalogue.engine)
    catalogue.close()


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, sorted({name for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)
    return path


def take_units(register: Register, obvious: Obvious, folder: Path) -> None:
    lines = [
        {"code": code, "name": f"Unit {code}", "level": "ward", "valid_from": begins or "",
         "valid_to": obvious.merged[code][1] - timedelta(days=1) if code in obvious.merged else "",
         "successor": obvious.merged[code][0] if code in obvious.merged else ""}
        for code, begins in obvious.begins.items()
    ]  # fmt: skip
    done = register.import_units(write(folder / "units.csv", lines), rejects=folder / "r.csv")
    assert done.rejects.count == 0, done.rejects.faults


def deposit(register: Register, obvious: Obvious, id: str, values: dict[str, Any], position: int, second: int) -> None:
    """*second*: of the day in Vietnam."""
    old = obvious.records.get(id)
    if old is not None and all(old[name] == values[name] for name in ("unit", "number", "issued")):
        values = values | {"day": min(old["day"], values["day"])}
    obvious.records[id] = values
    at = datetime.combine(values["day"], datetime.min.time(), UTC) - timedelta(hours=7) + timedelta(seconds=second)
    row = {
        "dossier": id, "serial": 1, "version": 1, "unit": values["unit"], "procedure": values["procedure"],
        "kind": values["kind"], "number": "0" + str(values["number"]), "symbol": "qđ-ubnd",
        "issued_on": values["issued"], "issuer": None, "result_code": values["code"],
        "deposited_at": at.isoformat(timespec="microseconds"), "scan_sha256": id, "pdf_sha256": id,
        "position": position,
    }  # fmt: skip
    row |= {c.name: "" for c in records.columns if not c.nullable and c.name not in (*row, "id")}
    with register.engine.begin() as connection:
        if connection.execute(update(records).where(records.c.id == id).values(row)).rowcount == 0:
            connection.execute(insert(records).values(id=id, **row))


def agree(register: Register, obvious: Obvious) -> None:
    for offset in range(-1, DAYS + 2, 2):
        day = DAY + timedelta(days=offset)
        expected = obvious.counts(day)
        found = {c.unit: (c.rows, c.done) for c in register.day_counts(day) if (c.rows, c.done) != (0, 0)}
        assert found == expected, day
        summed = register.day_counts(day, since=day - timedelta(days=8), every_days=4)
        for stop in (day - timedelta(days=8), day - timedelta(days=4), day):
            so_far_of = Counter[str](), Counter[str]()
            for c in summed:
                if c.day <= stop:
                    so_far_of[0][c.unit] += c.rows
                    so_far_of[1][c.unit] += c.done
            here = {unit: (so_far_of[0][unit], so_far_of[1][unit]) for unit in so_far_of[0] | so_far_of[1]}
            assert here == obvious.counts(stop), (day, stop)
        by_procedure: dict[str, list[int]] = {}
        for procedure in ("", "P", "Q"):
            for c in register.day_counts(day, procedure=procedure):
                so_far = by_procedure.setdefault(c.unit, [0, 0])
                so_far[0] += c.rows
                so_far[1] += c.done
        assert {unit: tuple(sums) for unit, sums in by_procedure.items() if sums != [0, 0]} == expected, day
        groups = register.by_procedure(day)
        assert sum(one.rows for one in groups) == sum(rows for rows, _done in expected.values()), day
        assert sum(one.done for one in groups) == sum(done for _rows, done in expected.values()), day
        for unit in UNITS:
            if obvious.place(unit, day) != unit:
                continue
            theirs = [other for other in UNITS if obvious.place(other, day) == unit]
            standings = [row.standing for row in register.explain(unit, day)]
            done = standings.count(Standing.COUNTS)
            dead = standings.count(Standing.NOT_YET_IN_FORCE) + standings.count(Standing.NO_LONGER_IN_FORCE)
            sums = [expected.get(one, (0, 0)) for one in theirs]
            assert (len(standings) - dead, done) == (sum(s[0] for s in sums), sum(s[1] for s in sums)), (unit, day)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 8))
def test_the_counts_are_those_of_going_through_every_row_on_every_day(seed: int, steps: int) -> None:
    draw = random.Random(seed)

    def some_day() -> date:
        return DAY + timedelta(days=draw.randrange(DAYS))

    with TemporaryDirectory() as name:
        folder = Path(name)
        catalogue = Catalogue.open(f"sqlite:///{folder / 'catalogue.db'}")
        register = Register(catalogue.engine)
        obvious = Obvious({code: draw.choice((None, None, some_day())) for code in UNITS})
        take_units(register, obvious, folder)
        position = 0
        for _step in range(steps):
            match draw.choice(("rows", "rows", "deposits", "deposits", "merger", "faults", "mend", "rebuilt")):
                case "rows":
                    rows = {}
                    for _row in range(draw.randrange(1, 8)):
                        issued = DAY + timedelta(days=draw.randrange(3))
                        key = draw.choice(UNITS), str(draw.randrange(1, 4)), issued, draw.choice("XY")
                        if key in rows:
                            continue
                        old = obvious.rows.get(key)
                        start = draw.choice((None, some_day()))
                        begin = start or (old["from"] if old else issued)
                        until = draw.choice((None, begin + timedelta(days=draw.randrange(1, 9))))
                        if until is None and old is not None and old["until"] is not None and old["until"] <= begin:
                            continue
                        procedure = draw.choice(("", "P", "Q"))
                        obvious.rows[key] = {
                            "from": begin, "until": until or (old["until"] if old else None),
                            "procedure": procedure or (old["procedure"] if old else ""),
                        }  # fmt: skip
                        rows[key] = {
                            "unit": key[0], "number": "00" + key[1], "symbol": "QĐ-UBND",
                            "issued_on": issued.isoformat(),
                            "result_code": key[3], "procedure": procedure, "in_force_from": start or "",
                            "in_force_until": until or "",
                        }  # fmt: skip
                    if rows:
                        file = write(folder / "rows.csv", list(rows.values()))
                        done = register.import_inventory(file, rejects=folder / "r.csv")
                        assert done.rejects.count == 0, done.rejects.faults
                        again = register.import_inventory(file, rejects=folder / "r.csv")
                        assert (again.new, again.changed) == (0, 0)
                case "deposits":
                    for _record in range(draw.randrange(1, 6)):
                        position += 1
                        deposit(register, obvious, f"R{draw.randrange(12)}", {
                            "unit": draw.choice(UNITS), "number": str(draw.randrange(1, 4)),
                            "issued": DAY + timedelta(days=draw.randrange(3)), "day": some_day(),
                            "kind": draw.choice(("result", "result", "component", "copy")),
                            "procedure": draw.choice(("", "P", "Q")), "code": draw.choice(("", "X", "Y")),
                        }, position, draw.randrange(86_400))  # fmt: skip
                    register.catch_up()
                case "merger":
                    gone = draw.choice(UNITS[:-1])
                    if gone not in obvious.merged:
                        after = draw.choice(UNITS[UNITS.index(gone) + 1 :])
                        first = max(some_day(), obvious.begins[gone] or DAY) + timedelta(days=1)
                        obvious.merged[gone] = after, first
                        take_units(register, obvious, folder)
                case "faults" if obvious.records:
                    id, day = draw.choice(sorted(obvious.records)), some_day()
                    if not any(name == id for name, _start, _end in obvious.faults):
                        obvious.faults.append((id, day, date.max))
                        register.note_faults({id: "its PDF has changed"}, day)
                case "mend" if obvious.faults:
                    id, start, _end = obvious.faults[-1]
                    end = start + timedelta(days=draw.randrange(1, 4))
                    if obvious.faults[-1][2] == date.max:
                        obvious.faults[-1] = id, start, end
                        register.mend_faults([id], end)
                case "rebuilt" if obvious.records:
                    gone = draw.choice(sorted(obvious.records))
                    del obvious.records[gone]
                    with register.engine.begin() as connection:
                        connection.execute(delete(records))
                    for id, values in sorted(obvious.records.items()):
                        position += 1
                        deposit(register, obvious, id, values, position, 0)
                    register.catch_up()
            agree(register, obvious)
        catalogue.close()
