"""Where papers begin: the cuts of real stacks against those that a clerk made, and what a person would be asked.

    .venv/bin/python -m bench.separation [BATCH.json …] [--fast] [--workers N] [--json]

Each batch is a PDF beside its JSON (``documents`` with ``first_page``, ``internal_document_starts``). A cut at a page
that opens an inner paper with a heading of its own is neither right nor wrong. A *silent* error is a wrong cut that was
made for sure, or a missing one that nobody is asked about.
"""

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.intake import find_scans
from ingest.scanreading import Reading, ReadScan, read_scans
from ingest.separate import separate
from ingest.workers import open_pool
from schemas.documents import CutState, Paper
from schemas.pages import ReadingOptions

BATCHES = Path(__file__).resolve().parents[2] / "shared" / "data" / "batches"


@dataclass(frozen=True, slots=True)
class Score:
    batch: str
    pages: int
    true_cuts: int
    precision: float
    recall: float
    f1: float
    silent: int
    asked: int


def score(batch: Path, papers: list[Paper]) -> Score:
    """The papers of a batch against its JSON."""
    truth = json.loads(batch.read_text(encoding="utf-8"))
    true = {document["first_page"] for document in truth["documents"]} - {1}
    neutral = {start["page"] for start in truth.get("internal_document_starts", [])}
    cuts = {paper.pages[0].number: paper.cut.state for paper in papers[1:]}
    held = {page for page, state in cuts.items() if state is CutState.HELD}
    named = {page for paper in papers for page in paper.doubtful_cuts}
    counted = set(cuts) - neutral
    hits = len(counted & true)
    precision, recall = hits / len(counted) if counted else 1.0, hits / len(true) if true else 1.0
    silent = (counted - true - held) | (true - set(cuts) - named)
    return Score(
        batch.stem, truth["total_pages"], len(true), precision, recall,
        2 * precision * recall / ((precision + recall) or 1), len(silent), len(held | named),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("batches", nargs="*", type=Path)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    by_pdf = {
        batch.with_suffix(".pdf").resolve(): batch for batch in arguments.batches or sorted(BATCHES.glob("*.json"))
    }
    options = ReadingOptions(fast=arguments.fast)
    if not arguments.json:
        print(f"{'batch':20s}{'pages':>7s}{'cuts':>6s}{'F1':>8s}{'silent':>8s}{'asked':>7s}")
    with tempfile.TemporaryDirectory() as spool, open_pool(arguments.workers, options) as pool:
        for read in read_scans(find_scans(list(by_pdf)), Reading(pool, options, Path(spool))):
            if not isinstance(read, ReadScan):
                raise SystemExit(f"not read: {read}")
            found = score(by_pdf[read.scan.path.resolve()], list(separate(read.scan, read.texts)))
            if arguments.json:
                print(json.dumps(asdict(found)))
            else:
                print(
                    f"{found.batch:20s}{found.pages:7d}{found.true_cuts:6d}{found.f1:8.3f}{found.silent:8d}{found.asked:7d}"
                )


if __name__ == "__main__":
    main()
