"""Reports at the city's size: import, catch-up, a report of any day, one unit's reasons; beside the one SQL statement.

    .venv/bin/python -m bench.reports                   # the city: 20 million results, 8 million deposits, 334 units
    .venv/bin/python -m bench.reports --rows 2000000    # a tenth of it: some minutes on one core

The peer is the statement that a good engineer would write over the same tables and indexes; both must give the same
figures. Times are of the clock, and in brackets of the processor: the two differ where the machine has other work.
Results are drawn, not real: what is measured is the database and this program, not anyone's progress.
"""  # fmt: skip

import argparse
import csv
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, insert, text

from archive.catalogue import Catalogue
from archive.inventory import Register
from archive.tables import records
from reports.progress import first_day_needed, progress

T = TypeVar("T")
FIRST = date(2022, 1, 1)
DAYS = 730
AS_OF = FIRST + timedelta(days=600)
SHARE_DIGITISED = 0.4
A_DAYS_DEPOSITS = 20_000
UNITS = {"department": 20, "district": 22, "ward": 292}
PEER = text("""
    SELECT i.unit, COUNT(*) AS rows,
           SUM(EXISTS (SELECT 1 FROM counted_records c
                       WHERE c.key = i.key AND c.row = i.id AND c.kind <> 'copy' AND c.day <= :day)) AS done
    FROM inventory i
    WHERE i.superseded_at IS NULL AND i.from_day <= :day AND i.until_day > :day
    GROUP BY i.unit
""")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=20_000_000)
    arguments.add_argument("--folder", type=Path, default=None, help="where to work (default: a temporary folder)")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        measure(Path(name), given.rows)


def measure(folder: Path, rows: int) -> None:
    catalogue = Catalogue.open(f"sqlite:///{folder / 'catalogue.db'}")
    register = Register(catalogue.engine)
    codes = draw_units(register, folder)
    draw_inventory(folder / "inventory.csv", codes, rows)
    drawn = random.Random(2)
    digitised = sorted(drawn.sample(range(rows), int(rows * SHARE_DIGITISED)))
    print(f"{rows:,} rows, {len(digitised):,} deposits, {len(codes)} units, {DAYS} days")

    def line(what: str, took: Took, more: str) -> None:
        print(f"{what:18} {took}   {more}", flush=True)

    def a_second(count: int, took: Took) -> str:
        return f"{count / took.wall:10,.0f} a second ({count / took.cpu:,.0f})"

    took, done = timed(lambda: register.import_inventory(folder / "inventory.csv", rejects=folder / "bad.csv"))
    assert (done.new, done.rejects.count) == (rows, 0)
    line("import", took, a_second(rows, took))
    took, again = timed(lambda: register.import_inventory(folder / "inventory.csv", rejects=folder / "bad.csv"))
    assert (again.new, again.changed) == (0, 0)
    line("the same again", took, a_second(rows, took))

    put_deposits(register, codes, digitised, start=0)
    took, taken = timed(register.catch_up)
    line("first catch-up", took, a_second(taken, took))
    fresh = list(range(0, rows, max(rows // A_DAYS_DEPOSITS, 1)))[:A_DAYS_DEPOSITS]
    put_deposits(register, codes, fresh, start=len(digitised))
    took, taken = timed(register.catch_up)
    line("a day's deposits", took, f"{taken:,}")

    def report() -> dict[str, tuple[int, int]]:
        counts = register.day_counts(AS_OF, since=first_day_needed(AS_OF))
        made = progress(AS_OF, register.units(), register.targets(), counts)
        return {u.unit.code: (u.now.count.rows, u.now.count.done) for u in made.units if u.now.count.rows}

    def peer() -> dict[str, tuple[int, int]]:
        with register.engine.connect() as connection:
            return {row.unit: (row.rows, row.done) for row in connection.execute(PEER, {"day": AS_OF.toordinal()})}

    peer_took, theirs = timed(peer)
    line("the one statement", peer_took, "")
    took, ours = median_of(5, report)
    assert ours == theirs
    line("report", took, f"{took.wall / peer_took.wall:.4f} of the one statement's time, the same figures")
    took, reasons = median_of(3, lambda: sum(1 for _row in register.explain(codes[-1], AS_OF)))
    line("--why of a unit", took, f"{reasons:,} rows")
    size = sum(file.stat().st_size for file in folder.glob("catalogue.db*"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB, catalogue {size / 1e6:,.0f} MB")
    catalogue.close()


def draw_units(register: Register, folder: Path) -> list[str]:
    """The codes of the units, which are put into the register."""
    lines = [(f"{level[:2]}{n:03d}", f"{level} {n}", level) for level, count in UNITS.items() for n in range(count)]
    with (folder / "units.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("code", "name", "level"), *lines])
    register.import_units(folder / "units.csv", rejects=folder / "bad.csv")
    return [code for code, _name, _level in lines]


def row(n: int, codes: list[str]) -> tuple[str, int, str, date]:
    """Unit, number, symbol and date of the n-th result."""
    return codes[n % len(codes)], n // len(codes) + 1, "QĐ-UBND", FIRST + timedelta(days=n * 7919 % DAYS)


def draw_inventory(path: Path, codes: list[str], rows: int) -> None:
    drawn = random.Random(1)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("Mã đơn vị", "Số", "Ký hiệu", "Ngày ban hành", "Mã thủ tục", "Tên kết quả", "Ngày hết hiệu lực")
        )
        for n in range(rows):
            unit, number, symbol, issued = row(n, codes)
            ends = issued + timedelta(days=drawn.randrange(30, 700)) if drawn.random() < 0.2 else None
            writer.writerow((unit, number, symbol, f"{issued:%d/%m/%Y}", f"1.{n % 300:06d}", "Giấy phép xây dựng",
                             f"{ends:%d/%m/%Y}" if ends else ""))  # fmt: skip


def put_deposits(register: Register, codes: list[str], chosen: list[int], *, start: int) -> None:
    """Write deposits into the catalogue's list, as the archive does, without making the files."""
    drawn = random.Random(3)
    empty = {column.name: "" for column in records.columns if not column.nullable}

    def values(place: int, n: int) -> dict[str, object]:
        unit, number, symbol, issued = row(n, codes)
        day = max(issued, FIRST + timedelta(days=drawn.randrange(DAYS)))
        at = datetime(day.year, day.month, day.day, 3, tzinfo=UTC).isoformat(timespec="microseconds")
        return empty | {
            "id": f"D{start + place:08d}.001", "serial": 1, "version": 1, "unit": unit,
            "kind": "copy" if n % 50 == 0 else "result", "number": str(number), "symbol": symbol, "issued_on": issued,
            "deposited_at": at, "position": start + place + 1,
        }  # fmt: skip

    with register.engine.begin() as connection:
        for first in range(0, len(chosen), 50_000):
            put(connection, [values(place, n) for place, n in enumerate(chosen[first : first + 50_000], first)])


def put(connection: Connection, values: list[dict[str, object]]) -> None:
    connection.execute(insert(records), values)


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of the processor."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:8.3f} s ({self.cpu:7.3f})"


def timed(do: Callable[[], T]) -> tuple[Took, T]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = do()
    return Took(time.perf_counter() - wall, time.process_time() - cpu), result


def median_of(times: int, do: Callable[[], T]) -> tuple[Took, T]:
    runs = [timed(do) for _run in range(times)]
    walls, cpus = ([getattr(took, name) for took, _result in runs] for name in ("wall", "cpu"))
    return Took(statistics.median(walls), statistics.median(cpus)), runs[0][1]


if __name__ == "__main__":
    main()
