"""Reports at the city's size: import, catch-up, a report of any day, one unit's reasons; beside the one SQL statement.

    .venv/bin/python -m bench.reports                    # 20 million results, 8 million deposits, 334 units
    .venv/bin/python -m bench.reports --rows 2000000     # a tenth of it: some minutes on one core
    .venv/bin/python -m bench.reports --folder DIR --steps draw,import    # in portions: DIR keeps what was done

The peer is the statement that a good engineer would write over the same tables and indexes; both must give the same
figures. Times are of the clock, and in brackets of the processor: the two differ where the machine has other work. Each
step is a process of its own, whose peak memory stands beside it.
Results are drawn, not real: what is measured is the database and this program, not anyone's progress.
"""  # fmt: skip

import argparse
import csv
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import islice, starmap
from pathlib import Path
from typing import TypeVar

from sqlalchemy import text

from archive.catalogue import Catalogue
from archive.inventory import Register
from archive.tables import records
from reports.progress import WEEK, first_day_needed, progress
from reports.reasons import render_csv

T = TypeVar("T")
FIRST = date(2022, 1, 1)
DAYS = 730
AS_OF = FIRST + timedelta(days=600)
SHARE_DIGITISED = 0.4
A_DAYS_DEPOSITS = 20_000
UNITS = {"department": 20, "district": 22, "ward": 292}
CODES = [f"{level[:2]}{n:03d}" for level, count in UNITS.items() for n in range(count)]
PEER = text("""
    SELECT i.unit, COUNT(*) AS rows,
           SUM(EXISTS (SELECT 1 FROM counted_records c
                       WHERE c.key = i.key AND c.row = i.id AND c.kind <> 'copy' AND c.day <= :day)) AS done
    FROM inventory i
    WHERE i.superseded_at IS NULL AND i.from_day <= :day AND i.until_day > :day
    GROUP BY i.unit
""")
INVENTORY, DONE = "inventory.csv", "measured.txt"
HEADINGS = ("Mã đơn vị", "Số", "Ký hiệu", "Ngày ban hành", "Mã thủ tục", "Tên kết quả", "Ngày hết hiệu lực")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=20_000_000)
    arguments.add_argument("--folder", type=Path, default=None, help="where to work (default: a temporary one)")
    arguments.add_argument("--steps", default=",".join(STEPS), help="some of them, in this order")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = given.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        catalogue = Catalogue.open(f"sqlite:///{folder / 'catalogue.db'}")
        desk = Desk(folder, given.rows, Register(catalogue.engine))
        steps = given.steps.split(",")
        if len(steps) == 1:
            STEPS[steps[0]](desk)
        else:
            for step in steps:  # as a command each, so that none is charged with what an earlier one took
                alone = ("--rows", str(given.rows), "--folder", str(folder), "--steps", step)
                subprocess.run([sys.executable, "-m", "bench.reports", *alone], check=True)
            size = sum(file.stat().st_size for file in folder.glob("catalogue.db*"))
            desk.say(f"catalogue {size / 1e6:,.0f} MB")
        catalogue.close()


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of the processor."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:8.3f} s ({self.cpu:7.3f})"


@dataclass(frozen=True)
class Desk:
    """Where a run works; each step leaves there what the next one needs, and its line in ``measured.txt``."""

    folder: Path
    rows: int
    register: Register

    @property
    def deposited(self) -> int:
        return int(self.rows * SHARE_DIGITISED)

    @property
    def digitised(self) -> list[int]:
        """The results that have a deposit."""
        return sorted(random.Random(2).sample(range(self.rows), self.deposited))

    def say(self, line: str) -> None:
        print(line, flush=True)
        with (self.folder / DONE).open("a") as file:
            print(line, file=file)

    def line(self, what: str, took: Took, more: str) -> None:
        self.say(f"{what:26} {took}   {peak_mb():5.0f} MB   {more}")

    def rate(self, what: str, took: Took, count: int) -> None:
        self.line(what, took, f"{count:,}: {count / took.wall:,.0f} a second ({count / took.cpu:,.0f})")


def draw(desk: Desk) -> None:
    with (desk.folder / "units.csv").open("w", newline="") as file:
        lines = [(f"{level[:2]}{n:03d}", f"{level} {n}", level) for level, count in UNITS.items() for n in range(count)]
        csv.writer(file).writerows([("code", "name", "level"), *lines])
    desk.register.import_units(desk.folder / "units.csv", rejects=desk.folder / "bad.csv")
    drawn = random.Random(1)
    days = [f"{FIRST + timedelta(days=n):%d/%m/%Y}" for n in range(2 * DAYS)]
    with (desk.folder / INVENTORY).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("Mã đơn vị", "Số", "Ký hiệu", "Ngày ban hành", "Mã thủ tục", "Tên kết quả", "Ngày hết hiệu lực")
        )
        for n in range(desk.rows):
            unit, number, symbol, day = row(n)
            ends = days[day + drawn.randrange(30, 700)] if drawn.random() < 0.2 else ""
            title = f"Giấy phép xây dựng nhà ở riêng lẻ, thửa đất số {n}"
            writer.writerow((unit, number, symbol, days[day], f"1.{n % 300:06d}", title, ends))


def row(n: int) -> tuple[str, int, str, int]:
    """Unit, number, symbol and day (from ``FIRST``) of the n-th result: neither units nor days follow each other."""
    return CODES[n % len(CODES)], n // len(CODES) + 1, "QĐ-UBND", n * 7919 % DAYS


def take_in(desk: Desk) -> None:
    took, done = timed(
        partial(desk.register.import_inventory, desk.folder / INVENTORY, rejects=desk.folder / "bad.csv")
    )
    assert (done.new, done.rejects.count) == (desk.rows, 0)
    desk.rate("import, each row checked", took, desk.rows)


def take_in_again(desk: Desk) -> None:
    took, done = timed(
        partial(desk.register.import_inventory, desk.folder / INVENTORY, rejects=desk.folder / "bad.csv")
    )
    assert (done.new, done.changed, done.rejects.count) == (0, 0, 0)
    desk.rate("the same file again", took, desk.rows)


def deposit(desk: Desk) -> None:
    put_deposits(desk.register, desk.digitised, start=0)


def catch_up(desk: Desk) -> None:
    """May be stopped and begun again: what was taken in stays, and each portion has its line."""
    took, count = timed(desk.register.catch_up)
    desk.rate("catch-up", took, count)


def a_day(desk: Desk) -> None:
    fresh = range(0, desk.rows, max(desk.rows // A_DAYS_DEPOSITS, 1))[:A_DAYS_DEPOSITS]
    put_deposits(desk.register, fresh, start=desk.deposited)
    took, count = timed(desk.register.catch_up)
    desk.rate("a day's deposits", took, count)


def report(desk: Desk) -> None:
    register = desk.register

    def ours() -> dict[str, tuple[int, int]]:
        counts = register.day_counts(AS_OF, since=first_day_needed(AS_OF), every_days=WEEK.days)
        made = progress(AS_OF, register.units(), register.targets(), counts)
        return {u.unit.code: (u.now.count.rows, u.now.count.done) for u in made.units if u.now.count.rows}

    def peer() -> dict[str, tuple[int, int]]:
        with register.engine.connect() as connection:
            return {row.unit: (row.rows, row.done) for row in connection.execute(PEER, {"day": AS_OF.toordinal()})}

    took, found = median_of(5, ours)
    peer_took, theirs = timed(peer)
    assert found == theirs
    share = took.wall / peer_took.wall
    desk.line("report of the whole city", took, f"{share:.4f} of the statement's time, the same figures")
    desk.line("the one SQL statement", peer_took, "")


def why(desk: Desk) -> None:
    took, reasons = median_of(3, lambda: sum(1 for _row in desk.register.explain(CODES[-1], AS_OF)))
    desk.line("--why of a unit", took, f"{reasons:,} rows")
    took, _table = median_of(3, lambda: render_csv(desk.register.explain(CODES[-1], AS_OF), ()))
    desk.line("the same as CSV", took, "")


STEPS = {
    "draw": draw,
    "import": take_in,
    "again": take_in_again,
    "deposit": deposit,
    "catch-up": catch_up,
    "day": a_day,
    "report": report,
    "why": why,
}


def put_deposits(register: Register, chosen: Sequence[int], *, start: int) -> None:
    """Write deposits into the catalogue's list, as the archive does, without making the files."""
    drawn = random.Random(3)
    empty = {column.name: None if column.nullable else "" for column in records.columns}
    days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    deposited = [f"{day}T03:00:00.000000+00:00" for day in days]

    def values(place: int, n: int) -> tuple[object, ...]:
        unit, number, symbol, issued = row(n)
        of_it = empty | {
            "id": f"D{start + place:08d}.001", "serial": 1, "version": 1, "unit": unit,
            "kind": "copy" if n % 50 == 0 else "result", "number": str(number), "symbol": symbol,
            "issued_on": days[issued].isoformat(), "deposited_at": deposited[max(issued, drawn.randrange(DAYS))],
            "position": start + place + 1,
        }  # fmt: skip
        return tuple(of_it.values())

    statement = f"INSERT INTO records ({', '.join(empty)}) VALUES ({', '.join('?' * len(empty))})"
    with register.engine.begin() as connection:
        lines = starmap(values, enumerate(chosen))
        while some := list(islice(lines, 50_000)):
            connection.exec_driver_sql(statement, some)


def timed(do: Callable[[], T]) -> tuple[Took, T]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = do()
    return Took(time.perf_counter() - wall, time.process_time() - cpu), result


def median_of(times: int, do: Callable[[], T]) -> tuple[Took, T]:
    runs = [timed(do) for _run in range(times)]
    walls, cpus = ([getattr(took, name) for took, _result in runs] for name in ("wall", "cpu"))
    return Took(statistics.median(walls), statistics.median(cpus)), runs[0][1]


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
