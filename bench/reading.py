"""How fast pages are read, beside bare Tesseract and OCRmyPDF: same pages, same two workers, one run.

    python bench/reading.py [FOLDER] [--pages 20] [--workers 2] [--ocrmypdf PROGRAM]

Pages are taken evenly from all scans under FOLDER (default: the real scans beside the project). ``bare`` is tesserocr
with Debian's model over the page's grey image, nothing else; ``fast`` and ``careful`` are ``ingest.reading``. Ways are
run in turn over slices of the pages, so that whatever else the machine does meets all of them. Seconds are given as
they passed and as the processors worked; ratios are pages a second over those of ``bare``.
"""  # fmt: skip

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

os.environ["OMP_THREAD_LIMIT"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ingest import images
from ingest.intake import find_scans
from ingest.ocr.engine import open_engine
from ingest.pages import open_pages
from ingest.reading import load_engine, read_page
from schemas.errors import InputRejected
from schemas.pages import PageImage, ReadingOptions
from schemas.work import RejectedScan

SCANS = Path(__file__).resolve().parents[2] / "shared" / "data"
SLICE = 5
CLEANING = ("--rotate-pages", "--deskew", "--clean")
WAYS: dict[str, ReadingOptions | None] = {"bare": None, "fast": ReadingOptions(fast=True), "careful": ReadingOptions()}


@dataclass(slots=True)
class Spent:
    """What a way took for its pages."""

    passed_s: float = 0.0
    worked_s: float = 0.0


def sampled(folder: Path, count: int, spool: Path) -> list[PageImage]:
    """So many pages, evenly from all scans of the folders ``scans`` and ``batches`` (or of *folder* itself)."""
    roots = [path for name in ("scans", "batches") if (path := folder / name).is_dir()] or [folder]
    places = []
    for scan in find_scans(roots):
        if isinstance(scan, RejectedScan):
            continue
        try:
            with open_pages(scan, spool=spool) as pages:
                places += [(scan, number) for number in range(1, pages.count + 1)]
        except InputRejected:
            continue
    step = max(1, len(places) // count)
    taken = []
    for scan, number in places[::step][:count]:
        with open_pages(scan, spool=spool) as pages:
            taken.append(pages.image(number))
    return taken


def read_one(way: str, page: PageImage) -> float:
    """Read the page this way, in a worker; the processor time it took."""
    options = WAYS[way]
    started = time.process_time()
    if options is None:
        engine = _bare()
        engine.read(images.grey(images.turned(images.decoded(page.content), page.turn)), page.dpi)  # type: ignore[attr-defined]
    else:
        read_page(page, options)
    return time.process_time() - started


_kept: dict[str, object] = {}


def _bare() -> object:
    if "bare" not in _kept:
        _kept["bare"] = open_engine(ReadingOptions())
    return _kept["bare"]


def prepared() -> None:
    _bare()
    load_engine(ReadingOptions())
    read_one("careful", _small())


def _small() -> PageImage:
    import io

    from PIL import Image

    content = io.BytesIO()
    Image.new("L", (200, 200), "white").save(content, "PNG")
    return PageImage(1, content.getvalue(), 200, 200, 200.0)


def measured(pages: list[PageImage], workers: int) -> dict[str, Spent]:
    spent = {way: Spent() for way in WAYS}
    with ProcessPoolExecutor(workers, get_context("forkserver"), initializer=prepared) as pool:
        list(pool.map(read_one, ["bare"] * workers * 2, pages[: workers * 2]))
        for start in range(0, len(pages), SLICE * workers):
            part = pages[start : start + SLICE * workers]
            for way, total in spent.items():
                began = time.perf_counter()
                total.worked_s += sum(pool.map(read_one, [way] * len(part), part))
                total.passed_s += time.perf_counter() - began
    return spent


def ocrmypdf(program: str, pages: list[PageImage], workers: int, *options: str) -> Spent:
    """OCRmyPDF over the same pages in one PDF."""
    with tempfile.TemporaryDirectory() as folder:
        source = _pdf_of(pages, Path(folder))
        began, before = time.perf_counter(), os.times()
        command = [program, "-l", "vie", "-j", str(workers), "--output-type", "pdf", *options, str(source),
                   str(Path(folder) / "out.pdf")]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        worked = after.children_user + after.children_system - before.children_user - before.children_system
        return Spent(time.perf_counter() - began, worked)


def _pdf_of(pages: list[PageImage], folder: Path) -> Path:
    import io

    from PIL import Image

    pictures = [Image.open(io.BytesIO(page.content)) for page in pages]
    target = folder / "pages.pdf"
    for number, (page, picture) in enumerate(zip(pages, pictures, strict=True)):
        flat = picture if picture.mode in ("1", "L", "RGB") else picture.convert("RGB")
        flat.save(target, "PDF", resolution=page.dpi, append=number > 0)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SCANS)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ocrmypdf", help="the program, in an environment of its own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as spool:
        pages = sampled(options.folder, options.pages, Path(spool))
    spent = measured(pages, options.workers)
    others: list[tuple[str, Callable[[], Spent]]] = []
    if options.ocrmypdf:
        run = ocrmypdf
        others = [("OCRmyPDF", lambda: run(options.ocrmypdf, pages, options.workers)),
                  ("OCRmyPDF, cleaning", lambda: run(options.ocrmypdf, pages, options.workers, *CLEANING))]  # fmt: skip
    for name, run_it in others:
        spent[name] = run_it()
    bare = spent["bare"]
    rows = {
        name: {
            "seconds a page": round(total.passed_s / len(pages), 3),
            "processor seconds a page": round(total.worked_s / len(pages), 3),
            "ratio": round(bare.passed_s / total.passed_s, 3),
            "processor ratio": round(bare.worked_s / total.worked_s, 3),
        }
        for name, total in spent.items()
    }
    if options.json:
        print(json.dumps({"pages": len(pages), "workers": options.workers, "ways": rows}))
        return
    print(f"{len(pages)} pages, {options.workers} workers")
    for name, row in rows.items():
        print(f"{name:20s}" + "  ".join(f"{title} {value:.3f}" for title, value in row.items()))


if __name__ == "__main__":
    main()
