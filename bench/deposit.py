"""What a deposit costs in a dossier of many papers: one version a paper, and one for those that come together.

    .venv/bin/python -m bench.deposit [--papers 100] [--json]

Each paper is a PDF of 2 kB with its text; what is measured is the archive's own work: inventories, checks, flushing.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from archive.store import Archive
from tests.archive import submission


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        folder = Path(temporary)
        papers = [(submission(folder, scan="stack", first_page=2 * n + 1), None) for n in range(a.papers)]
        apart, together = Archive.open(folder / "apart"), Archive.open(folder / "together")
        started = time.monotonic()
        for paper, _original in papers:
            apart.deposit(paper)
        one_by_one = time.monotonic() - started
        started = time.monotonic()
        together.deposit_all(papers)
        at_once = time.monotonic() - started
        figures = {
            "papers": a.papers,
            "apart_s_a_paper": round(one_by_one / a.papers, 4), "apart_mb": round(_size(apart.root) / 1e6, 1),
            "together_s_a_paper": round(at_once / a.papers, 4), "together_mb": round(_size(together.root) / 1e6, 1),
        }  # fmt: skip
        print(json.dumps(figures) if a.json else " ".join(f"{name} {value}" for name, value in figures.items()))


def _size(root: Path) -> int:
    return sum(file.stat().st_size for file in root.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
