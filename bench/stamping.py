"""The whole way with a timestamp service that takes 2 s, beside the same without one."""

import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from PIL import Image, ImageDraw

from ingest.intake import find_scans
from ingest.pages import open_pages
from ingest.pipeline import Deposited, ingest
from ingest.scanreading import Reading
from ingest.signing import open_seals
from ingest.workers import Pool
from samples.keys import make_demo_keys
from schemas.pages import PageImage, PageText, ReadingOptions
from schemas.settings import Office as OfficeSettings
from schemas.settings import Signing
from tests.ingest.office import OPTIONS, Office, opened
from tests.ingest.papers_read import blank, decision, pixels
from tests.services.pki import SECRET, Pki, running_pki

SLOW_S = 2.0
READ_S = 0.8
"""What a page takes a core, where it is read at the pace of a clock."""
CORES = 2
PAGES = 2
"""Of each paper."""


@dataclass(frozen=True, slots=True)
class Run:
    """One batch."""

    pages: int
    wall_s: float
    processor_s: float
    late: int
    """Records that wait for a timestamp."""


def measured(scans: Path, times: int) -> dict[str, object]:
    """A folder of real scans, read for real, each run in a process and a workspace of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = make_demo_keys(folder / "keys")
        (folder / "pki").mkdir()
        with _pki_elsewhere(folder / "pki") as pki:

            def run(label: str, stamped: bool) -> Run:
                workspace = folder / label
                workspace.mkdir()
                more = f'level = "B-T"\ntimestamp_urls = ["{pki.url}/slow"]\n' if stamped else ""
                (workspace / "sohoa.toml").write_text(keys.settings() + more, encoding="utf-8")
                return _ingested(workspace, scans)

            return _in_turns(run, times)


def paced(papers: int, times: int) -> dict[str, object]:
    """Papers of two pages whose reading takes as long as a clock says, so that other work of the machine is no matter:
    whether stamping overlaps with reading is all that is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pki").mkdir()
        with _pki_elsewhere(folder / "pki") as pki:

            def run(label: str, stamped: bool) -> Run:
                (folder / label).mkdir()
                return _at_the_clocks_pace(folder / label, papers, pki, stamped)

            return _in_turns(run, times)


@contextmanager
def _pki_elsewhere(folder: Path) -> Iterator[Pki]:
    """The services in a process of their own, as they are on another machine."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(folder, there), daemon=True)
    process.start()
    try:
        yield Pki(here.recv(), folder / "roots", folder)
    finally:
        here.send("end")
        process.join(30)


def _serve(folder: Path, asked: Connection) -> None:
    with running_pki(folder, SLOW_S) as pki:
        asked.send(pki.url)
        asked.recv()


def _in_turns(run: Callable[[str, bool], Run], times: int) -> dict[str, object]:
    """Without, with, with, without, and so on, so that a machine that grows slower or quicker favours neither."""
    runs: dict[bool, list[Run]] = {False: [], True: []}
    for turn in range(times):
        for stamped in (False, True) if turn % 2 == 0 else (True, False):
            runs[stamped].append(run(f"{'with' if stamped else 'without'}-{turn}", stamped))
            print(f"{turn + 1} of {times}: stamped {stamped}: {runs[stamped][-1]}", file=sys.stderr, flush=True)
    without, with_ = (statistics.median(one.wall_s for one in runs[stamped]) for stamped in (False, True))
    by_processor = [statistics.median(one.processor_s for one in runs[stamped]) for stamped in (False, True)]
    return {
        "pages": runs[True][0].pages,
        "seconds_without": [round(one.wall_s, 1) for one in runs[False]],
        "seconds_with": [round(one.wall_s, 1) for one in runs[True]],
        "wait_for_timestamp": sum(one.late for one in runs[True]),
        "ratio": round(without / with_, 3),
        "ratio_of_processor_time": round(by_processor[0] / by_processor[1], 3),
    }  # fmt: skip


def _ingested(workspace: Path, scans: Path) -> Run:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [sys.executable, "-m", "cli", "--workspace", str(workspace), "ingest", str(scans), "--json"],
        env=os.environ | {"OMP_THREAD_LIMIT": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode in (0, 3), run.stderr[-2000:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    summary: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(int(summary["pages"]), summary["seconds"], processor_s, int(summary["wait_for_timestamp"]))


def _scan(office: Office, number: int) -> None:
    """A paper whose pages are unlike all others in the inbox: a bar for each bit of their number."""
    images = []
    for page in range(PAGES):
        image = Image.new("L", (413, 585), "white")
        draw = ImageDraw.Draw(image)
        for bit in (bit for bit in range(16) if (number * PAGES + page) >> bit & 1):
            draw.rectangle([40, 40 + bit * 30, 200, 60 + bit * 30], fill=20)
        images.append(image)
        said = decision(str(number), street=f"Đường số {number}") if page == 0 else blank()
        office.reader.texts[pixels(image)] = said
    images[0].save(office.inbox / f"{number:04d}.tif", "TIFF", save_all=True, append_images=images[1:], dpi=(50, 50))


def _at_the_clocks_pace(folder: Path, papers: int, pki: Pki, stamped: bool) -> Run:
    signing = Signing(
        operator_key=pki.key("operator"), level="B-T" if stamped else "B-B", timestamp_urls=(f"{pki.url}/slow",),
    )  # fmt: skip
    seals = open_seals(signing, OfficeSettings(), environment={"SOHOA_OPERATOR_PASSWORD": SECRET})
    office = opened(folder, tuple(seals))
    for number in range(1, papers + 1):
        _scan(office, number)
    reader = office.reader

    def read(page: PageImage, options: ReadingOptions, /) -> PageText:
        time.sleep(READ_S)
        return reader(page, options)

    begun, by_processor = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(CORES) as threads:
        reading = Reading(
            Pool(threads, lambda: 2 * CORES, read), OPTIONS, folder / "sohoa" / "tmp", open_pages=open_pages
        )
        events = list(ingest(find_scans([office.inbox]), reading, office.desk()))
    late = [event.waits_for_timestamp for event in events if isinstance(event, Deposited)]
    assert len(late) == papers, f"{len(late)} of {papers} archived"
    return Run(papers * PAGES, time.monotonic() - begun, time.process_time() - by_processor, sum(late))
