"""How fast the search index is caught up with a real archive: records drawn, deposited, and taken in by the command.

    .venv/bin/python -m bench.catchup TEXTS [--records 10000] [--dossier 1] [--engines tantivy opensearch]
                                      [--folder DIR] [--json]

TEXTS as for ``bench.search``, whose records these are (5 kB of text each on average), deposited as OCFL objects of
``--dossier`` papers each (1: every record has an inventory of its own to be read, which is the hardest), with a PDF of
2 kB. What is timed is ``sohoa index catch-up`` into an empty index, in a process of its own, once that has started.
Beside the clock stands the processor's time of the main thread and of the others: on a machine that has other work too,
the greater of the two says what the clock would show were there none. The workspace in a FOLDER that is kept is
measured again without being deposited anew; OpenSearch, a real one, is started for its part.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import cli
from bench.search import Draw
from commands.workspace import Workspace
from schemas.documents import Cut, CutState, Document, Evidence, Field, FieldState, Metadata, SignedPdf
from schemas.pages import Box, Line, MediaType, PageText, Scan, Word
from schemas.records import Provenance, Record, Submission
from tests.archive import NOON, sha256
from tests.services.opensearch import running

TOP = Path(__file__).resolve().parents[1]
WHERE = Box(0.1, 0.2, 0.9, 0.25)


def submission_of(record: Record, folder: Path, dossier: str, first_page: int) -> Submission:
    """*record* as it comes to the archive, its PDF in *folder*."""
    pdf = folder / "one.pdf"
    pdf.write_bytes(f"%PDF-1.7 {record.id}".encode() * 60)

    def read(value: str | None) -> Field:
        if value is None:
            return Field(None, FieldState.ABSENT, 0.99)
        return Field(value, FieldState.ACCEPTED, 0.99, (value,), Evidence(1, WHERE))

    issued = record.issued_on.isoformat() if record.issued_on else None
    fields = {
        name: read(getattr(record, name)) for name in ("number", "symbol", "type", "issuer", "abstract", "signer")
    }
    document = Document(
        scan=Scan(folder / "one.scan.pdf", sha256(dossier.encode()), 5000, MediaType.PDF),
        pages=tuple(_page(first_page + n, text) for n, text in enumerate(record.pages)),
        cut=Cut(CutState.ACCEPTED, 1.0), kind=record.kind, metadata=Metadata(issued_on=read(issued), **fields),
    )  # fmt: skip
    signed = SignedPdf(pdf, len(record.pages), sha256(pdf.read_bytes()), ())
    made = Provenance("A", NOON, {"tesserocr (vie)": "5.3"}, {}, ())
    return Submission(dossier, record.unit, record.procedure, document, signed, made)


def _page(number: int, text: str) -> PageText:
    lines = tuple(
        Line(tuple(Word(word, WHERE, 0.9, (0.1, 0.25, 0.9, 0.25)) for word in line.split()), WHERE, 0.02, 1, 1)
        for line in text.splitlines()
    )
    return PageText(number, 1654, 2339, 200.0, lines=lines)


def deposit(texts: Path, folder: Path, records: int, together: int) -> None:
    """Fill the archive of the workspace at *folder*, and its catalogue from that."""
    workspace = Workspace.open(folder)
    draw = Draw(texts)

    def dossiers() -> Iterator[range]:
        yield from (range(n, min(n + together, records)) for n in range(0, records, together))

    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        for numbers in dossiers():
            arrivals, page = [], 1
            for n in numbers:
                paper = Path(temporary) / str(n - numbers[0])
                paper.mkdir(exist_ok=True)
                record = draw.record(n)
                dossier = f"H29.17-230815-{numbers[0]:07}"
                arrivals.append((submission_of(record, paper, dossier, page), None))
                page += len(record.pages)
            workspace.archive.deposit_all(arrivals)
    workspace.catalogue.replace_deposits(workspace.archive.deposits(), who="A")


def caught_up(folder: Path, engine: str, url: str) -> dict[str, float]:
    """One run of the command into an empty index."""
    shutil.rmtree(folder / "index", ignore_errors=True)
    settings = {"SOHOA_SEARCH_ENGINE": engine, "SOHOA_SEARCH_URL": url or "http://127.0.0.1:9200", "SOHOA_LANG": "en",
                "SOHOA_SEARCH_INDEX": f"bench-{os.getpid()}-{time.monotonic_ns()}"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "bench.catchup", str(folder.resolve()), "--part"],
        cwd=TOP, env=os.environ | settings, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    print(done.stdout, file=sys.stderr)
    took: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return took


def command(folder: Path) -> None:
    """The command itself, and what it took by the clock and by its threads."""
    began, main, all_threads = time.monotonic(), time.thread_time(), time.process_time()
    if code := cli.run(["--workspace", str(folder), "index", "catch-up"]):
        sys.exit(code)
    main_s = time.thread_time() - main
    others_s = time.process_time() - all_threads - main_s
    print(json.dumps({"seconds": time.monotonic() - began, "main_s": main_s, "others_s": others_s}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--dossier", type=int, default=1, help="papers in a dossier")
    parser.add_argument("--engines", nargs="+", choices=["tantivy", "opensearch"], default=["tantivy"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the workspace is kept; a temporary folder by default")
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    if a.part:
        command(a.texts)
        return
    folder = a.folder or Path(tempfile.mkdtemp(prefix="sohoa-bench-catchup-"))
    try:
        if not (folder / "archive").exists():
            deposit(a.texts, folder, a.records, a.dossier)
        count = Workspace.open(folder).catalogue.last_position()
        figures: dict[str, object] = {"records": count, "papers_a_dossier": a.dossier}
        for engine in a.engines:
            with running("-Xms2g -Xmx2g") if engine == "opensearch" else nullcontext("") as url:
                runs = [caught_up(folder, engine, url) for _run in range(a.runs)]
            best = min(runs, key=lambda run: run["main_s"] + run["others_s"])
            figures[engine] = {
                "records_a_second": [round(count / run["seconds"]) for run in runs],
                "main_thread_ms_a_record": round(best["main_s"] / count * 1000, 3),
                "other_threads_ms_a_record": round(best["others_s"] / count * 1000, 3),
                "by_the_longer": [round(count / max(run["main_s"], run["others_s"])) for run in runs],
            }  # fmt: skip
        figures["load"] = os.getloadavg()[0]
    finally:
        if not a.folder:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures, indent=None if a.json else 1))


if __name__ == "__main__":
    main()
