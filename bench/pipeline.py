"""Pages a second of the whole way beside bare in-process Tesseract and OCRmyPDF, on the same pages; and peak memory.

    .venv/bin/python -m bench.pipeline SCANS… [--pages 60] [--workers 2] [--ocrmypdf PROGRAM] [--one] [--memory 200 …]

All use the same number of processes, in one run, one after the other. "Bare" is tesserocr with Debian's model on the
pages as images, decoded to grey, and nothing else: no clean-up, no second reading, no PDF, no signature. "careful" and
"fast" are ``sohoa ingest`` as a process of its own with everything, from its start to its end: its processor seconds
are given apart for the process that composes, signs and archives, for those that read, and for
other programs (poppler).
OCRmyPDF gets the pages as one PDF. ``--one`` runs the careful way with one worker too. ``--memory`` takes batches of so
many pages, fast, and tells the peak of all processes together and of the largest that reads.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import tesserocr
from PIL import Image

from bench.reading import CLEANING, Spent, ocrmypdf
from ingest.intake import find_scans
from ingest.ocr.engine import DEBIAN_TESSDATA
from ingest.pages import open_pages
from samples.keys import make_demo_keys
from schemas.errors import InputRejected
from schemas.pages import PageImage, Scan

SOHOA = [sys.executable, "-m", "cli"]
TOP = Path(__file__).resolve().parent.parent
POLL_S = 0.25
SELDOM_S = 5.0
"""How often memory is looked at where speed is measured: four times a second it took 2.2 of the 51 seconds of two
cores over 49 pages."""
AGAINST = ("bare", "OCRmyPDF", "OCRmyPDF, cleaning")


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run of ``sohoa ingest``: every scan accounted for in ``endings``."""

    pages: int
    seconds: float
    peak_mb: float
    worker_mb: float
    worked_s: dict[str, float]
    """Processor seconds of the ``main`` process, those that ``read``, and ``other`` programs."""
    endings: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=60, help="take scans until there are so many pages")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ocrmypdf", help="the program, in an environment of its own")
    parser.add_argument("--one", action="store_true", help="also with one worker")
    parser.add_argument("--memory", type=int, nargs="*", default=[], help="batches of so many pages, for peak memory")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    os.environ["OMP_THREAD_LIMIT"] = "1"
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        folder = Path(temporary)
        chosen = choose(a.scans, a.pages, folder)
        pages = sum(count for _scan, count in chosen)
        spent = {"bare": bare(chosen, a.workers, folder)}
        runs: dict[str, Run] = {}
        ways: list[tuple[str, int, list[str]]] = [("careful", a.workers, []), ("fast", a.workers, ["--fast"])]
        if a.one:
            ways.append(("careful, one worker", 1, []))
        for name, workers, options in ways:
            runs[name] = ingest([scan.path for scan, _count in chosen], folder / name, workers, options)
            spent[name] = Spent(runs[name].seconds, sum(runs[name].worked_s.values()))
        if a.ocrmypdf:
            images = list(_images(chosen, folder))
            for name, options in (("OCRmyPDF", []), ("OCRmyPDF, cleaning", list(CLEANING))):
                spent[name] = ocrmypdf(a.ocrmypdf, images, a.workers, *options)
        memory = {}
        for size in a.memory:
            stacks = stack(chosen, size, folder / f"stacks-{size}")
            memory[size] = ingest(stacks, folder / f"memory-{size}", a.workers, ["--fast"], memory_every_s=POLL_S)
        _tell(pages, a.workers, spent, runs, memory, as_json=a.json)


def _tell(
    pages: int, workers: int, spent: dict[str, Spent], runs: dict[str, Run], memory: dict[int, Run], *, as_json: bool
) -> None:
    rows = {
        name: {"pages_a_second": pages / total.passed_s, "worked_s_a_page": total.worked_s / pages}
        | {f"of {other}": spent[other].passed_s / total.passed_s for other in spent if other in AGAINST}
        | ({f"{kind}_s_a_page": worked_s / pages for kind, worked_s in runs[name].worked_s.items()}
           | {"peak_mb": runs[name].peak_mb, "worker_mb": runs[name].worker_mb} if name in runs else {})
        for name, total in spent.items()
    }  # fmt: skip
    batches = {size: {"peak_mb": run.peak_mb, "worker_mb": run.worker_mb} for size, run in memory.items()}
    if as_json:
        endings = {name: run.endings for name, run in runs.items()}
        print(json.dumps({"pages": pages, "workers": workers, "ways": rows, "endings": endings, "memory": batches}))
        return
    print(f"{pages} pages, {workers} workers")
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    print(f"{'':20s}" + "".join(f"{column:>21s}" for column in columns))
    for name, row in rows.items():
        print(f"{name:20s}" + "".join(f"{row[c]:21.3f}" if c in row else f"{'':21s}" for c in columns))
    if "careful, one worker" in spent:
        times = spent["careful, one worker"].passed_s / spent["careful"].passed_s
        print(f"{workers} workers do {times:.2f} times the work of one")
    for size, batch in batches.items():
        print(f"{size} pages: {batch['peak_mb']:.0f} MB in all, {batch['worker_mb']:.0f} MB the largest that reads")


def choose(paths: Sequence[Path], pages: int, folder: Path) -> list[tuple[Scan, int]]:
    """Scans that can be opened, spread over *paths*, until there are so many pages."""
    scans = [scan for scan in find_scans(paths) if isinstance(scan, Scan)]
    counted: list[tuple[Scan, int]] = []
    for scan in sorted(scans, key=lambda scan: scan.sha256):  # a mixture that is the same each time
        if sum(count for _scan, count in counted) >= pages:
            break
        try:
            with open_pages(scan, spool=folder) as opened:
                counted.append((scan, opened.count))
        except InputRejected as error:
            print(f"left out: {error}", file=sys.stderr)
    return counted


def bare(chosen: Sequence[tuple[Scan, int]], workers: int, folder: Path) -> Spent:
    """Bare Tesseract over the same pages; taking them out of the scans and loading the model are not timed."""
    files: list[Path] = []
    for image in _images(chosen, folder):
        files.append(folder / f"page-{len(files)}")
        files[-1].write_bytes(image.content)
    with ProcessPoolExecutor(workers, initializer=_load) as pool:
        list(pool.map(_ready, range(workers * 4)))
        started = time.monotonic()
        worked_s = sum(pool.map(_bare, files))
        return Spent(time.monotonic() - started, worked_s)


def _images(chosen: Sequence[tuple[Scan, int]], folder: Path) -> Iterator[PageImage]:
    for scan, count in chosen:
        with open_pages(scan, spool=folder / "spool") as pages:
            for number in range(1, count + 1):
                yield pages.image(number)


_api: tesserocr.PyTessBaseAPI


def _load() -> None:
    global _api
    _api = tesserocr.PyTessBaseAPI(path=str(DEBIAN_TESSDATA), lang="vie", oem=tesserocr.OEM.LSTM_ONLY)


def _ready(_number: int) -> None:
    time.sleep(0.2)  # long enough that every worker takes one


def _bare(file: Path) -> float:
    """Read it; the processor seconds that it took."""
    started = time.process_time()
    with Image.open(file) as image:
        _api.SetImage(image.convert("L"))
        _api.GetUTF8Text()
    return time.process_time() - started


def ingest(
    scans: Sequence[Path], workspace: Path, workers: int, options: Sequence[str], memory_every_s: float = SELDOM_S
) -> Run:
    """``sohoa ingest`` of *scans* into a new workspace with keys of its own."""
    workspace.mkdir()
    keys = make_demo_keys(workspace.parent / f"{workspace.name}-keys")
    (workspace / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    arguments = ["--workspace", str(workspace), "ingest", *map(str, scans), "--json", "--workers", str(workers)]
    arguments += options
    started = time.monotonic()
    with subprocess.Popen([*SOHOA, *arguments], cwd=TOP, stdout=subprocess.PIPE, text=True) as process:
        watch = _Watch(process.pid, memory_every_s)
        lines = process.stdout.read().splitlines() if process.stdout else []
        process.wait()
        seconds = time.monotonic() - started
        watch.stop()
    if process.returncode not in (0, 3):
        raise SystemExit(f"sohoa ingest ended with {process.returncode}")
    summary = json.loads(lines[-1])
    endings = {name: summary[name] for name in ("deposited", "held", "rejected")}
    worked_s = {kind: sum(s for of, s in watch.worked_s.values() if of == kind) for kind in ("main", "read", "other")}
    return Run(summary["pages"], seconds, watch.peak_kb / 1000, watch.worker_kb / 1000, worked_s, endings)


class _Watch(threading.Thread):
    """Of a process and all below it, until it ends: the greatest memory together (proportional shares, so that shared
    pages count once), that of the largest one that reads, and how long the processor worked for each."""

    def __init__(self, pid: int, memory_every_s: float) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._memory_every_s = memory_every_s
        self._ended = threading.Event()
        self.peak_kb = 0
        self.worker_kb = 0
        self.worked_s: dict[int, tuple[str, float]] = {}
        self.start()

    def run(self) -> None:
        looked_at = 0.0
        while not self._ended.wait(POLL_S):
            kinds = {pid: self._kind(pid) for pid in _with_children(self._pid)}
            for pid, kind in kinds.items():
                worked_s = _worked_s(pid)
                if worked_s is not None:
                    self.worked_s[pid] = kind, worked_s
            if time.monotonic() - looked_at >= self._memory_every_s:
                looked_at = time.monotonic()
                held_kb = {pid: _pss_kb(pid) for pid in kinds}
                self.peak_kb = max(self.peak_kb, sum(held_kb.values()))
                self.worker_kb = max([self.worker_kb, *(kb for pid, kb in held_kb.items() if kinds[pid] == "read")])

    def _kind(self, pid: int) -> str:
        if pid == self._pid:
            return "main"
        command = _command(pid)
        if not command and pid in self.worked_s:  # it has ended, and is what it was
            return self.worked_s[pid][0]
        return "read" if "forkserver" in command else "other"

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


def _worked_s(pid: int) -> float | None:
    """Processor seconds of the process, user and system; None where it ended meanwhile."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _with_children(pid: int) -> Iterator[int]:
    yield pid
    try:  # a child is listed under the thread that started it
        below = [child for thread in Path(f"/proc/{pid}/task").iterdir() for child in _children(thread)]
    except OSError:  # it ended meanwhile
        return
    for child in below:
        yield from _with_children(child)


def _children(thread: Path) -> list[int]:
    return [int(child) for child in (thread / "children").read_text().split()]


def _pss_kb(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:  # it ended meanwhile
        return 0
    return 0


def stack(chosen: Sequence[tuple[Scan, int]], pages: int, folder: Path) -> list[Path]:
    """PDFs of 25 pages each, *pages* in all, of the pages of the chosen PDF scans over and over."""
    folder.mkdir()
    sources = [scan.path for scan, _count in chosen if scan.path.suffix.lower() == ".pdf"]
    files: list[Path] = []
    made = 0
    while made < pages:
        with pikepdf.new() as target:
            while len(target.pages) < min(25, pages - made):
                with pikepdf.open(sources[(made + len(target.pages)) % len(sources)]) as source:
                    target.pages.append(source.pages[made % len(source.pages)])
            target.docinfo["/Title"] = f"stack {len(files)}"
            files.append(folder / f"{len(files):04d}.pdf")
            made += len(target.pages)
            target.save(files[-1])
    return files


if __name__ == "__main__":
    main()
