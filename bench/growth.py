"""How far the cluster carries: workers, the cost of distance, S3 beside a folder, PostgreSQL beside SQLite.

    .venv/bin/python -m bench.growth SCANS… [--only workers distance deposits catalogue] [--pages 24] [--json]

``workers``: a real Dask scheduler and a real ``open_cluster``. First ``--pages`` of SCANS, two a scan at most, are read
one by one, each timed by the processor; then by one ``sohoa worker`` and by two. With more, the workers are Dask's own,
many in a process, and a page is asleep in them for the time that one of those pages took, drawn with a seed, with an
image of ``--page-kb`` sent. Efficiency is the time that the pages would take if handing them out cost nothing, by the
time that they took; the memory is the peak of the scheduler and of this process, in the first half and in all; their
processor time a page tells what they bear on a machine of their own, however busy this one is. Everything runs on this
machine: what is measured is what the one scheduler and the one ``ingest`` bear. Each ten seconds stderr is told how far
it is. It can be done in portions: ``--times FILE`` keeps what the pages took for the next one, ``--real`` and
``--workers`` say which rows are measured (none: ``--real`` with nothing behind it).

    python -m bench.growth SCANS… --only workers --times t.json --workers        # the pages, one worker and two
    python -m bench.growth --only workers --times t.json --real --workers 200    # 200 simulated ones

``distance``: the same pages read by as many processes of this machine, and by as many of ``sohoa worker`` over Dask,
in turns; by processor time too, which the load of others does not change. ``deposits``: one version a dossier into a
folder and into a bucket of versitygw. ``catalogue``: what one scan of one document writes.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from dask import config as dask_config
from distributed import Worker
from distributed.core import Status

from archive.bucket import open_bucket
from archive.catalogue import Catalogue
from archive.store import Archive
from ingest import cluster as reading_cluster
from ingest.cluster import open_cluster, reader_here
from ingest.intake import find_scans
from ingest.pages import open_pages
from ingest.reading import not_read
from ingest.workers import Pool, open_pool, read_all
from schemas.documents import Sheet
from schemas.pages import MediaType, PageImage, PageText, ReadingOptions, Scan
from schemas.settings import ArchiveSection, Cluster
from schemas.work import ScanState
from tests.archive import submission
from tests.archive.test_catalogue import deposit as deposit_of
from tests.services.dask import DaskProcesses, dask
from tests.services.postgres import postgres
from tests.services.s3 import KEYS, s3_server

OPTIONS = ReadingOptions()
PARTS = ("workers", "distance", "deposits", "catalogue")
PAGES_A_SCAN = 2
SEED = 11
WORKERS_A_PROCESS = 50
SETTLED_S = 120.0
SAMPLE_S = 0.25
SAID_EVERY_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="*", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--workers", nargs="*", type=int, default=[8, 32, 128, 200], help="simulated ones")
    parser.add_argument("--real", nargs="*", type=int, default=[1, 2], help="those that read")
    parser.add_argument("--times", type=Path, help="what pages took: read from this file, or kept in it")
    parser.add_argument("--page-kb", type=int, default=200, help="the image of a page")
    parser.add_argument("--rounds", type=int, default=100, help="pages for each simulated worker")
    parser.add_argument("--pages", type=int, default=24, help="real pages, for their times and the cost of distance")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--host", nargs=3, metavar=("ADDRESS", "COUNT", "TIMES"), help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.host:
        asyncio.run(_host(a.host[0], int(a.host[1]), json.loads(a.host[2])))
        return
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        folder = Path(temporary)
        for part in a.only:
            figures: Iterator[dict[str, Any]]
            match part:
                case "workers":
                    figures = growth(folder, _real_pages(folder, a.scans, a.pages), a)
                case "distance":
                    figures = iter([distance(folder, a.scans, a.pages, a.turns)])
                case "deposits":
                    figures = iter([deposits(folder, a.turns)])
                case _:
                    figures = iter([catalogues(folder, a.turns)])
            for found in figures:
                line = {"part": part, **found}
                said = json.dumps(line) if a.json else "  ".join(f"{key} {value}" for key, value in line.items())
                print(said, flush=True)


# -- workers ------------------------------------------------------------------------------------------------------


def growth(folder: Path, pages: list[PageImage], a: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What pages take, ``--real`` workers that read them, and ``--workers`` that are asleep for as long."""
    times: list[float]
    if a.times and a.times.is_file():
        times = json.loads(a.times.read_text())
    elif pages:
        times = _measured(pages)
        if a.times:
            a.times.write_text(json.dumps(times))
    else:
        raise SystemExit("name scans whose pages are measured, or a file of --times that is there")
    ordered = sorted(times)
    yield {
        "measured_pages": len(times), "mean_s": round(statistics.mean(times), 3), "least_s": round(ordered[0], 2),
        "median_s": round(statistics.median(times), 2), "most_s": round(ordered[-1], 2),
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    if a.real and len(pages) != len(times):
        raise SystemExit(f"the pages of {len(times)} times are to be read, and {len(pages)} are named; or say --real")
    for number in a.real:
        yield _real(folder / f"real-{number}", number, pages, times)
    for number in a.workers:
        yield simulated(folder, number, times, a.page_kb, a.rounds)


def _measured(pages: list[PageImage]) -> list[float]:
    """The processor's seconds that each takes to be read, one after another by one process."""
    found = []
    with open_pool(1, OPTIONS) as pool:
        _seconds(pool, pages[:1])  # the models are loaded
        for page in pages:
            before = _all_processors_s()
            _seconds(pool, [page])
            found.append(_all_processors_s() - before)
            _say(f"page {page.number}: {found[-1]:.2f} s")
    return found


def _say(how_far: str) -> None:
    print(how_far, file=sys.stderr, flush=True)


def _real(folder: Path, count: int, pages: list[PageImage], times: list[float]) -> dict[str, Any]:
    """Pages a second by *count* of ``sohoa worker``, each reading one page at a time."""
    folder.mkdir()
    with dask(folder) as cluster:
        for _number in range(count):
            cluster.start_worker(["cli", "worker", cluster.address, "--threads", "1"])
        with open_cluster(cluster.address, Cluster(), OPTIONS, say=print) as pool:
            _wait_for(pool, count)
            _seconds(pool, pages[: 2 * count])
            took = _seconds(pool, pages)
    return {
        "real_workers": count, "pages": len(pages), "pages_a_s": round(len(pages) / took, 2),
        "efficiency": round(sum(times) / count / took, 3), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def _asleep_s(number: int, times: Sequence[float]) -> float:
    """How long page *number* is asleep, the same in every process."""
    return random.Random(f"{SEED}, {number}").choice(times)


class _Asleep:
    """Stands where a worker's guarded processes stand: a page is asleep there for its time, one after another."""

    def __init__(self, times: Sequence[float]) -> None:
        self._workers, self._times = threading.local(), times

    def submit(self, _read: Any, page: PageImage, _options: ReadingOptions) -> Future[PageText]:
        if not hasattr(self._workers, "only"):
            self._workers.only = ThreadPoolExecutor(1)
        asleep: Future[PageText] = self._workers.only.submit(self._sleep, page)
        return asleep

    def _sleep(self, page: PageImage) -> PageText:
        time.sleep(_asleep_s(page.number, self._times))
        return not_read(page, "asleep")


async def _host(address: str, count: int, times: Sequence[float]) -> None:
    reading_cluster._guards.append(_Asleep(times))  # type: ignore[arg-type]
    reader = str(reader_here(OPTIONS))
    with tempfile.TemporaryDirectory(prefix="sohoa-worker-") as folder:
        # What each reader's machine does for itself would be done fifty times here: figures of its disk, samples of it.
        quiet = {"distributed.worker.profile.enabled": False, "distributed.admin.system-monitor.interval": "10s",
                 "distributed.admin.system-monitor.disk": False}  # fmt: skip
        dask_config.set(quiet)
        workers = [
            Worker(address, nthreads=1, resources={reader: 1}, local_directory=folder, memory_limit=0, dashboard=False)
            for _number in range(count)
        ]  # fmt: skip
        await asyncio.gather(*workers)
        while any(worker.status != Status.closed for worker in workers):
            await asyncio.sleep(1)


def asleep(page: PageImage, options: ReadingOptions, /) -> PageText:
    """Never called: the simulated worker sleeps instead."""
    raise AssertionError


def simulated(folder: Path, count: int, times: list[float], page_kb: int, rounds: int) -> dict[str, Any]:
    """Efficiency and memory with *count* workers that sleep."""
    image, pages = os.urandom(page_kb * 1000), count * rounds
    asleep_s = sum(_asleep_s(number, times) for number in range(1, pages + 1))
    with (
        dask(folder) as cluster,
        _hosts(cluster, count, times),
        open_cluster(cluster.address, Cluster(), OPTIONS, say=print, read=asleep) as pool,
    ):
        _wait_for(pool, count)
        list(read_all(_blank(count, image), pool, OPTIONS))  # each has had its first page
        assert cluster.scheduler is not None
        with _peak(cluster.scheduler.pid) as scheduler, _peak(os.getpid()) as ingest:
            at_half = []
            spent = [-_processor_s(pid) for pid in (cluster.scheduler.pid, os.getpid())]
            began, done = time.monotonic(), 0
            said = began
            for _text in read_all(_blank(pages, image), pool, OPTIONS):
                done += 1
                if (now := time.monotonic()) - said > SAID_EVERY_S:
                    said = now
                    _say(f"{count} workers: {done} of {pages} pages in {now - began:.0f} s")
                if done in (pages // 2, pages):
                    at_half.append((max(scheduler), max(ingest)))
            took = time.monotonic() - began
            assert done == pages
        spent = [s + _processor_s(pid) for s, pid in zip(spent, (cluster.scheduler.pid, os.getpid()), strict=True)]
    return {
        "workers": count, "pages": done, "pages_a_s": round(done / took, 1),
        "efficiency": round(asleep_s / count / took, 3),
        "scheduler_cpu_ms_a_page": round(1000 * spent[0] / done, 2),
        "ingest_cpu_ms_a_page": round(1000 * spent[1] / done, 2), "load": round(os.getloadavg()[0], 1),
        "scheduler_mb": [round(peak) for peak, _i in at_half], "ingest_mb": [round(peak) for _s, peak in at_half],
    }  # fmt: skip


@contextmanager
def _hosts(cluster: DaskProcesses, count: int, times: list[float]) -> Iterator[None]:
    address = cluster.address.replace("dask://", "tcp://")
    shares = [min(WORKERS_A_PROCESS, count - at) for at in range(0, count, WORKERS_A_PROCESS)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.growth", "--host", address, str(share), json.dumps(times)],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for share in shares
    ]  # fmt: skip
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _wait_for(pool: Pool, count: int) -> None:
    end = time.monotonic() + SETTLED_S
    while pool.room() < reading_cluster.TASKS_A_THREAD * count:
        assert time.monotonic() < end, f"only {pool.room()} pages have room"
        time.sleep(0.2)


def _blank(count: int, image: bytes) -> Iterator[tuple[int, PageImage]]:
    for number in range(1, count + 1):
        yield number, PageImage(number, image, 100, 100, 200.0)


@contextmanager
def _peak(pid: int) -> Iterator[list[float]]:
    """Resident megabytes of a process, sampled until the block ends."""
    found, ended = [_resident_mb(pid)], threading.Event()

    def sample() -> None:
        while not ended.wait(SAMPLE_S):
            found.append(_resident_mb(pid))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    yield found
    ended.set()
    thread.join()


def _processor_s(pid: int) -> float:
    """Processor time of a process so far, of all its threads."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _all_processors_s() -> float:
    """Processor time so far of this process and all that it has running, scheduler and workers too."""
    whole = 0.0
    for process in (mine := psutil.Process(), *mine.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            whole += times.user + times.system
    return whole


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


# -- distance -----------------------------------------------------------------------------------------------------


def distance(folder: Path, scans: list[Path], count: int, turns: int) -> dict[str, Any]:
    """Pages a second by processes of this machine, and by the same number over Dask."""
    pages = _real_pages(folder, scans, count)
    cores = len(os.sched_getaffinity(0))
    local, remote = [], []
    near_cpu = far_cpu = 0.0
    (folder / "far").mkdir()
    with ExitStack() as stack:
        cluster = stack.enter_context(dask(folder / "far"))
        cluster.start_worker(["cli", "worker", cluster.address, "--threads", str(cores)])
        near = stack.enter_context(open_pool(cores, OPTIONS))
        far = stack.enter_context(open_cluster(cluster.address, Cluster(), OPTIONS, say=print))
        one = stack.enter_context(open_pool(1, OPTIONS))
        for pool in (near, far, one):
            _seconds(pool, pages[: 2 * cores])  # models are loaded
        for _turn in range(turns):
            at = _all_processors_s()
            local.append(_seconds(near, pages))
            between = _all_processors_s()
            remote.append(_seconds(far, pages))
            near_cpu, far_cpu = near_cpu + between - at, far_cpu + _all_processors_s() - between
        alone = _seconds(one, pages)
    near_s, far_s = statistics.median(local), statistics.median(remote)
    return {
        "pages": len(pages), "kb_a_page": round(statistics.median(len(page.content) for page in pages) / 1000),
        "one_process_s_a_page": round(alone / len(pages), 3), "local_s_a_page": round(near_s / len(pages), 3),
        "dask_s_a_page": round(far_s / len(pages), 3), "dask_by_local": round(near_s / far_s, 3),
        "by_processor_time": round(near_cpu / far_cpu, 3), "load": round(os.getloadavg()[0], 1),
        "turns": [round(a / b, 3) for a, b in zip(local, remote, strict=True)],
    }  # fmt: skip


def _real_pages(folder: Path, scans: list[Path], count: int) -> list[PageImage]:
    found: list[PageImage] = []
    for scan in find_scans(scans):
        if not isinstance(scan, Scan):
            continue
        pages = open_pages(scan, spool=folder)
        for number in range(1, min(pages.count, PAGES_A_SCAN) + 1):
            found.append(replace(pages.image(number), number=len(found) + 1))
            if len(found) == count:
                break
        pages.close()
        if len(found) == count:
            return found
    return found


def _seconds(pool: Pool, pages: list[PageImage]) -> float:
    began = time.monotonic()
    assert sum(1 for _text in read_all(((page.number, page) for page in pages), pool, OPTIONS)) == len(pages)
    return time.monotonic() - began


# -- deposits and catalogue ---------------------------------------------------------------------------------------


def deposits(folder: Path, turns: int, each: int = 20, pdf_kb: int = 300) -> dict[str, Any]:
    """Seconds a deposit (a document of *pdf_kb*, a dossier of its own) in a folder and in a bucket."""
    os.environ.update(KEYS)
    with s3_server() as server:
        bucket = open_bucket("s3://bench/archive", ArchiveSection(s3_endpoint=server.endpoint))
        bucket.store.call_s3("create_bucket", Bucket="bench")
        near = Archive.open(folder / "near")
        far = Archive.open(folder / "far-archive", bucket=bucket)
        spent: dict[str, list[float]] = {"folder": [], "s3": []}
        for turn in range(turns):
            for name, archive in (("folder", near), ("s3", far)):
                made = [submission(folder, dossier=f"D-{name}-{turn}-{n}", scan=f"{name}-{turn}-{n}",
                                   text="x" * (pdf_kb * 25)) for n in range(each)]  # fmt: skip
                began = time.monotonic()
                for one in made:
                    archive.deposit(one)
                spent[name].append((time.monotonic() - began) / each)
    found = {f"{name}_s": round(statistics.median(seconds), 4) for name, seconds in spent.items()}
    return {**found, "s3_by_folder": round(found["s3_s"] / found["folder_s"], 2)}


def catalogues(folder: Path, turns: int, each: int = 100) -> dict[str, Any]:
    """Seconds for what a scan of one document writes: taken, deposited, ended."""
    spent: dict[str, list[float]] = {"sqlite": [], "postgresql": []}
    with postgres() as url:
        engines = {"sqlite": Catalogue.open(f"sqlite:///{folder}/catalogue.db"), "postgresql": Catalogue.open(url)}
        for turn in range(turns):
            for name, catalogue in engines.items():
                stored = [(Scan(folder / f"{turn}-{n}.pdf", f"{turn:032d}{n:032d}", 1000, MediaType.PDF),
                           deposit_of(f"C{turn}-{n}.001")) for n in range(each)]  # fmt: skip
                batch = catalogue.begin_batch("An", datetime.now(UTC))
                began = time.monotonic()
                for scan, deposit in stored:
                    catalogue.take_scan(batch.id, scan)
                    catalogue.note_deposit(deposit, who="An")
                    catalogue.finish_scan(scan.sha256, ScanState.DONE, Sheet())
                spent[name].append((time.monotonic() - began) / each)
        for catalogue in engines.values():
            catalogue.close()
    found = {f"{name}_s": round(statistics.median(seconds), 4) for name, seconds in spent.items()}
    return {**found, "postgresql_by_sqlite": round(found["postgresql_s"] / found["sqlite_s"], 2)}


if __name__ == "__main__":
    main()
