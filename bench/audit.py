"""How quick ``sohoa audit`` is beside ``sha256sum`` over the same files, in one run.

    .venv/bin/python -m bench.audit [--records 200] [--megabytes 4] [--repeats 3] [--json]

Each record is a PDF of that size of random bytes in a dossier of its own. Both read from the page cache, by turns, the
median counts; ``sha256sum`` gets as many files at once as there are cores (``xargs -P``), as the audit does.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archive.audit import audit
from archive.catalogue import Catalogue
from archive.store import Archive
from tests.archive import submission


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--megabytes", type=float, default=4.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        folder = Path(temporary)
        archive = filled(folder, a.records, round(a.megabytes * 1e6))
        catalogue = Catalogue.open(f"sqlite:///{folder}/catalogue.db")
        catalogue.replace_deposits(archive.deposits(), who="bench")
        files = [str(path) for path in archive.root.rglob("*") if path.is_file()]
        size = sum(os.path.getsize(file) for file in files)
        ours, theirs = [], []
        for _turn in range(a.repeats):
            ours.append(seconds(lambda: audit(archive, catalogue)))
            theirs.append(seconds(lambda: sums(files)))
        rate, other = size / 1e6 / statistics.median(ours), size / 1e6 / statistics.median(theirs)
        figures = {"records": a.records, "megabytes": round(size / 1e6), "audit_mb_s": round(rate),
                   "sha256sum_mb_s": round(other), "ratio": round(rate / other, 2)}  # fmt: skip
        print(json.dumps(figures) if a.json else " ".join(f"{name} {value}" for name, value in figures.items()))


def filled(folder: Path, records: int, size_bytes: int) -> Archive:
    archive = Archive.open(folder / "archive")
    for number in range(records):
        given = submission(folder, scan=f"{number}", dossier=f"D{number}")
        given.signed.path.write_bytes(os.urandom(size_bytes))
        sha256 = hashlib.sha256(given.signed.path.read_bytes()).hexdigest()
        archive.deposit(replace(given, signed=replace(given.signed, sha256=sha256)))
        given.signed.path.unlink()
    return archive


def sums(files: list[str]) -> None:
    subprocess.run(
        ["xargs", "-0", "-P", str(len(os.sched_getaffinity(0))), "-n", "64", "sha256sum"],
        input="\0".join(files), text=True, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def seconds(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
