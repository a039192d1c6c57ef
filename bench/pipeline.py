"""Pages a second of the whole way against bare in-process Tesseract on the same pages, and peak memory by batch size.

    .venv/bin/python -m bench.pipeline SCANS… [--pages 60] [--workers 2] [--memory 50 500] [--json]

Both sides use the same number of processes, in one run, one after the other. "Bare" is tesserocr with Debian's model
on the pages as images, decoded to grey, and nothing else: no clean-up, no second reading, no PDF, no signature.
"sohoa" is ``sohoa ingest`` as a process of its own with everything, from its start to its end.
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

from ingest.intake import find_scans
from ingest.ocr.engine import DEBIAN_TESSDATA
from ingest.pages import open_pages
from samples.keys import make_demo_keys
from schemas.errors import InputRejected
from schemas.pages import Scan

SOHOA = [sys.executable, "-m", "cli"]
TOP = Path(__file__).resolve().parent.parent
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run of ``sohoa ingest``: every scan accounted for in ``endings``."""

    pages: int
    seconds: float
    peak_mb: float
    endings: dict[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=60, help="take scans until there are so many pages")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=int, nargs="*", default=[], help="batches of so many pages, for peak memory")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    os.environ["OMP_THREAD_LIMIT"] = "1"
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        folder = Path(temporary)
        chosen = choose(a.scans, a.pages, folder)
        figures: dict[str, object] = {"pages": sum(count for _scan, count in chosen), "workers": a.workers}
        bare = bare_pages_a_second(chosen, a.workers, folder)
        figures["bare_pages_a_second"] = bare
        for name, options in (("careful", []), ("fast", ["--fast"])):
            run = ingest([scan.path for scan, _count in chosen], folder / name, a.workers, options)
            figures[name] = {
                "pages_a_second": run.pages / run.seconds,
                "of_bare": run.pages / run.seconds / bare,
                "peak_mb": run.peak_mb,
                **run.endings,
            }
        for size in a.memory:
            stacks = stack(chosen, size, folder / f"stacks-{size}")
            run = ingest(stacks, folder / f"memory-{size}", a.workers, ["--fast"])
            figures[f"peak_mb_at_{size}_pages"] = run.peak_mb
        print(json.dumps(figures, indent=None if a.json else 1))


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


def bare_pages_a_second(chosen: Sequence[tuple[Scan, int]], workers: int, folder: Path) -> float:
    """Bare Tesseract over the same pages; taking them out of the scans and loading the model are not timed."""
    files: list[Path] = []
    for scan, count in chosen:
        with open_pages(scan, spool=folder / "spool") as pages:
            for number in range(1, count + 1):
                files.append(folder / f"{scan.sha256}-{number}")
                files[-1].write_bytes(pages.image(number).content)
    with ProcessPoolExecutor(workers, initializer=_load) as pool:
        list(pool.map(_ready, range(workers * 4)))
        started = time.monotonic()
        list(pool.map(_bare, files))
        return len(files) / (time.monotonic() - started)


_api: tesserocr.PyTessBaseAPI


def _load() -> None:
    global _api
    _api = tesserocr.PyTessBaseAPI(path=str(DEBIAN_TESSDATA), lang="vie", oem=tesserocr.OEM.LSTM_ONLY)


def _ready(_number: int) -> None:
    time.sleep(0.2)  # long enough that every worker takes one


def _bare(file: Path) -> int:
    with Image.open(file) as image:
        _api.SetImage(image.convert("L"))
        return len(_api.GetUTF8Text())


def ingest(scans: Sequence[Path], workspace: Path, workers: int, options: Sequence[str]) -> Run:
    """``sohoa ingest`` of *scans* into a new workspace with keys of its own."""
    workspace.mkdir()
    keys = make_demo_keys(workspace.parent / f"{workspace.name}-keys")
    (workspace / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    arguments = [
        "--workspace",
        str(workspace),
        "ingest",
        *map(str, scans),
        "--json",
        "--workers",
        str(workers),
        *options,
    ]
    started = time.monotonic()
    with subprocess.Popen([*SOHOA, *arguments], cwd=TOP, stdout=subprocess.PIPE, text=True) as process:
        peak = _Peak(process.pid)
        lines = process.stdout.read().splitlines() if process.stdout else []
        process.wait()
        seconds = time.monotonic() - started
        peak_mb = peak.stop()
    if process.returncode not in (0, 3):
        raise SystemExit(f"sohoa ingest ended with {process.returncode}")
    summary = json.loads(lines[-1])
    endings = {name: summary[name] for name in ("deposited", "held", "rejected")}
    return Run(summary["pages"], seconds, peak_mb, endings)


class _Peak(threading.Thread):
    """The greatest memory of a process and all below it: proportional shares, so that shared pages count once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self._peak_kb = 0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(POLL_S):
            self._peak_kb = max(self._peak_kb, sum(_pss_kb(pid) for pid in _with_children(self._pid)))

    def stop(self) -> float:
        self._ended.set()
        self.join()
        return self._peak_kb / 1000


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
