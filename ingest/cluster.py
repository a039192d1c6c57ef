"""Reading on a Dask cluster: pages go out as bytes and come back as ``PageText``.

A worker (``sohoa worker``) needs this program and its models, no shared disk and no secret. It reads in guarded
processes of its own, so that a page which kills or blocks its process costs that page alone, there as on one machine.
Only workers whose program and models are the same as here are given pages: each offers what it reads with as a resource
of Dask's, and the pages ask for that.

https://distributed.dask.org/en/stable/resources.html
"""

import asyncio
import itertools
import os
import queue
import secrets
import signal
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask
from distributed import Client, Scheduler, Security, Worker
from distributed.scheduler import KilledWorker

from ingest.fencedprocess import WorkerDied
from ingest.reading import engine_identity, load_engine, read_page
from ingest.suspects import Suspects
from ingest.workers import MOST_BYTES_ON_THEIR_WAY, TRIES, GuardedProcesses, Pool, ReadPage, reading_fence
from schemas.addresses import is_this_machine
from schemas.errors import ServiceUnavailable, SettingsRejected, SohoaError
from schemas.language import _
from schemas.pages import PageImage, PageText, ReadingOptions
from schemas.settings import Cluster

SCHEME = "dask"
PROGRAM = "sohoa "
CONNECT_TIMEOUT_S = 10.0
FIRST_WORKER_TIMEOUT_S = 60.0
PATIENCE_S = 600.0
"""How long pages wait for a scheduler that went away: one that is started anew takes its pages again."""
TASKS_A_THREAD = 3
"""On their way for each thread that reads: one read, one arriving, one coming back."""
THREADS_A_PAGE = 32
"""A task has one page more for so many threads: the scheduler bears tasks, not pages, by the second."""
MOST_PAGES_A_TASK = 4
GATHERED_WITHIN_S = 0.05
"""How long a task waits for more pages, where it takes more than one."""
NO_MESSAGES_KEPT = {"distributed.admin.low-level-log-length": 0}
"""Dask keeps the last thousand messages of each connection for its developers, and ours are people's papers: with eight
readers 645 MB after 3,200 pages."""
LOOK_AT_WORKERS_EVERY_S = 2.0
LEAVING_S = 20.0
BACK_WITHIN_S = 6.0
"""A worker that is there again within this time was cut off, and not killed: it looks for the scheduler each second."""
MOST_LOSSES = 10
"""A page that is lost so often with workers that come back is not tried for ever either."""
RETRY_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Reader:
    """What reads pages somewhere: the program, the engine and its models. Two that differ may read differently."""

    sohoa: str
    engine: str
    models: str

    def __str__(self) -> str:
        """Also the name of the resource under which a Dask worker offers to read just so."""
        return f"{PROGRAM}{self.sohoa}, {self.engine}, {self.models}"


def reader_here(options: ReadingOptions) -> Reader:
    """What this machine would read with. ServiceUnavailable when the engine or a model is missing."""
    engine = engine_identity(options)
    return Reader(version("sohoa"), f"{engine.name} {engine.version}", engine.model)


@contextmanager
def open_cluster(
    address: str,
    cluster: Cluster,
    options: ReadingOptions,
    *,
    say: Callable[[str], None],
    read: ReadPage = read_page,
    patience_s: float = PATIENCE_S,
    threads_a_page: int = THREADS_A_PAGE,
) -> Iterator[Pool]:
    """The readers of the Dask cluster at *address* (``dask://host:port``) as a pool.

    Where many read, pages go out several at once: one more for each *threads_a_page* threads. Workers may join and
    leave while it is open. *say* is told of each worker that is refused, with what differs. SettingsRejected for an
    address that is none, or that is another machine's and without certificates; ServiceUnavailable when no
    scheduler answers, or no worker with this program and these models is there within a minute.
    """
    reached, security = _reached(address, cluster)
    pages = _Pages(reached, security, options, say, patience_s, threads_a_page)
    try:
        pages.wait_for_a_worker(FIRST_WORKER_TIMEOUT_S)
        yield Pool(pages, pages.room, read)
    finally:
        pages.shutdown(wait=False, cancel_futures=True)


def _reached(given: str, cluster: Cluster) -> tuple[str, Security | None]:
    """The address in Dask's form, and what it is reached with."""
    parts = urlsplit(given)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _not_an_address(given) from error
    if parts.scheme != SCHEME or not host or not port:
        raise _not_an_address(given)
    if not (cluster.ca_file and cluster.certificate and cluster.key):
        if not cluster.allow_plain and not is_this_machine(host):
            raise SettingsRejected(
                _("setting reading.workers: {address} is another machine, and page images are personal data; set "
                  "cluster.ca_file, cluster.certificate and cluster.key, or say cluster.allow_plain = true").format(
                    address=given)
            )  # fmt: skip
        return f"tcp://{host}:{port}", None
    for name in ("ca_file", "certificate", "key"):
        if not os.access(getattr(cluster, name), os.R_OK):
            raise SettingsRejected(
                _("setting cluster.{name}: {file} is not there, or cannot be read").format(
                    name=name, file=getattr(cluster, name)
                )
            )
    return f"tls://{host}:{port}", Security(  # type: ignore[no-untyped-call]
        tls_ca_file=cluster.ca_file,
        tls_client_cert=cluster.certificate,
        tls_client_key=cluster.key,
        tls_worker_cert=cluster.certificate,
        tls_worker_key=cluster.key,
        require_encryption=True,
    )


def _not_an_address(address: str) -> SettingsRejected:
    return SettingsRejected(
        _("setting reading.workers: {address} is no number and no address as dask://host:8786").format(address=address)
    )


@dataclass(slots=True, eq=False)
class _Page:
    """A page on its way, and the text that somebody waits for."""

    read: ReadPage
    image: PageImage
    options: ReadingOptions
    text: Future[PageText] = field(default_factory=Future)
    task: Any = None
    """Dask's future of the task that it is in."""
    losses: int = 0
    lost_with: set[str] = field(default_factory=set)
    """The workers that were lost while they had it, and did not come back."""
    lost_at: float = 0.0

    def ends_with(self, found: PageText | Exception) -> None:
        if not self.text.set_running_or_notify_cancel():
            return
        if isinstance(found, Exception):
            self.text.set_exception(found)
        else:
            self.text.set_result(found)


class _Pages(Executor):
    """Hands pages to a scheduler, and again to the one that comes after it when it dies."""

    def __init__(
        self,
        address: str,
        security: Security | None,
        options: ReadingOptions,
        say: Callable[[str], None],
        patience_s: float,
        threads_a_page: int,
    ) -> None:
        self._address = address
        self._security = security
        self._options = options
        self._say = say
        self._patience_s = patience_s
        self._threads_a_page = threads_a_page
        self._reader = reader_here(options)
        self._refused: dict[str, str] = {}
        self._closing = threading.Event()
        self._again = ThreadPoolExecutor(1, thread_name_prefix="scheduler-lost")
        self._ends = ThreadPoolExecutor(1, thread_name_prefix="ended-tasks")
        self._lock = threading.Lock()
        self._suspects: Suspects[_Page] = Suspects()
        self._accused: deque[_Page] = deque()
        self._known: set[str] = set()
        """The addresses of the workers that read as we do, when suspects last looked for them."""
        self._threads, self._looked_at = 0, 0.0
        self._client = self._connected(CONNECT_TIMEOUT_S)
        self._waiting: queue.SimpleQueue[_Page | None] = queue.SimpleQueue()
        threading.Thread(target=self._hand_out, name="pages-to-tasks", daemon=True).start()
        threading.Thread(target=self._look_after_suspects, name="suspect-pages", daemon=True).start()

    def submit(self, fn: ReadPage, page: PageImage, options: ReadingOptions, /) -> Future[PageText]:  # type: ignore[override]
        """The text of *page*, by *fn*, some time; nothing but pages is read by others."""
        handed = _Page(fn, page, options)
        self._waiting.put(handed)
        return handed.text

    def room(self) -> int:
        """How many pages may be on their way now: by the threads of the workers that read as we do."""
        return max(1, TASKS_A_THREAD * self._reading_threads() * self._pages_a_task())

    def _pages_a_task(self) -> int:
        return min(MOST_PAGES_A_TASK, max(1, self._threads // self._threads_a_page))

    def wait_for_a_worker(self, timeout_s: float) -> None:
        """Return once somebody reads as we do. ServiceUnavailable after *timeout_s*, with who was refused and why."""
        end = time.monotonic() + timeout_s
        while not self._reading_threads():
            if time.monotonic() > end:
                raise ServiceUnavailable(
                    _("{address}: no worker reads as this machine does ({reader}); start one with the same program "
                      "and models. {refused}").format(
                        address=self._address, reader=self._reader, refused=" ".join(self._refused.values()))
                )  # fmt: skip
            time.sleep(0.2)
            self._looked_at = 0.0

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._closing.set()
        self._waiting.put(None)
        self._again.shutdown(wait=False, cancel_futures=True)
        self._ends.shutdown(wait=False, cancel_futures=True)
        self._client.close(timeout=2)  # type: ignore[no-untyped-call]

    def _connected(self, timeout_s: float) -> Client:
        host, port = str(urlsplit(self._address).hostname), int(urlsplit(self._address).port or 0)
        try:
            socket.create_connection((host, port), timeout_s).close()
            # Page images are large by Dask's measure, and the scheduler holds no more of them than `room` says.
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB", **NO_MESSAGES_KEPT}):
                client = Client(  # type: ignore[no-untyped-call]
                    self._address, security=self._security, timeout=timeout_s, set_as_default=False, name="sohoa"
                )
            client.run_on_scheduler(_serve_readers)  # type: ignore[no-untyped-call]
        except OSError as error:
            raise ServiceUnavailable(
                _("{address}: no Dask scheduler answers ({error}); start it, or set reading.workers to a number to "
                  "read on this machine").format(address=self._address, error=error)
            ) from error  # fmt: skip
        return client

    def _reading_threads(self) -> int:
        """The threads of the workers that read as we do; the others are told of."""
        now = time.monotonic()
        if now - self._looked_at > LOOK_AT_WORKERS_EVERY_S:
            self._looked_at = now
            try:
                workers = self._client.scheduler_info(n_workers=-1)["workers"]
            except (OSError, RuntimeError):  # the scheduler went away: its pages wait for the next one
                return self._threads
            self._threads = sum(int(worker["resources"].get(str(self._reader), 0)) for worker in workers.values())
            for address, worker in workers.items():
                if str(self._reader) not in worker["resources"]:
                    self._refuse(address, next(iter(worker["resources"]), "?"))
        return self._threads

    def _refuse(self, address: str, reads_with: str) -> None:
        if address not in self._refused:
            self._refused[address] = _(
                "worker {worker} is refused: it reads with {there}, this machine with {here}."
            ).format(worker=address, there=reads_with, here=self._reader)
            self._say(self._refused[address])

    def _hand_out(self) -> None:
        """Put the pages that wait into tasks, until the end."""
        while (first := self._waiting.get()) is not None:
            pages, size = [first], len(first.image.content)
            # A thread's share of the bytes that may be on their way is enough for all its tasks: else some have none.
            most = MOST_BYTES_ON_THEIR_WAY // (TASKS_A_THREAD * max(1, self._threads))
            end = time.monotonic() + GATHERED_WITHIN_S
            while len(pages) < self._pages_a_task() and size < most:
                try:
                    another = self._waiting.get(timeout=max(0.0, end - time.monotonic()))
                except queue.Empty:
                    break
                if another is None:
                    return
                pages.append(another)
                size += len(another.image.content)
            self._hand_over(pages)

    def _hand_over(self, pages: list["_Page"], at: str = "") -> None:
        """As one task, to any worker or the one *at* an address; none for pages that nobody waits for any more."""
        unwanted = [page for page in pages if page.text.cancelled()]
        for page in unwanted:
            self._suspects.done(page)
        pages = [page for page in pages if page not in unwanted]
        if not pages:
            return
        try:
            inner = self._client.submit(
                _read_guarded, [(page.read, page.image, page.options) for page in pages], pure=False,
                resources={str(self._reader): 1}, **({"workers": [at], "priority": 1} if at else {}),
            )  # fmt: skip
        except (OSError, RuntimeError):  # the scheduler is away at this moment
            self._lost(pages)
            return
        for page in pages:
            page.task = inner
        inner.add_done_callback(lambda done: self._came_back(pages, done))  # type: ignore[no-untyped-call]

    def _came_back(self, pages: list["_Page"], inner: Any) -> None:
        """Fetch what a task answered, without waiting for it here: this is the one thread in which Dask tells of all
        ends, and a reader that is stopped after its task would hold up the answers of the others. On their way are no
        more answers than pages, and those are bounded by bytes."""
        if inner.status != "finished":
            self._next(pages, inner.exception() if inner.status == "error" else asyncio.CancelledError())
            return
        try:
            answer = asyncio.run_coroutine_threadsafe(_fetched(inner), inner.client.loop.asyncio_loop)
        except RuntimeError as error:  # the connection to its scheduler was closed
            self._next(pages, OSError(error))
            return
        answer.add_done_callback(lambda found: self._next(pages, _said(found)))

    def _next(self, pages: list["_Page"], found: Any) -> None:
        with suppress(RuntimeError):  # it is closing
            self._ends.submit(self._ended_with, pages, found)

    def _ended_with(self, pages: list["_Page"], found: Any) -> None:
        """Give *pages* what their task answered, or do what its error asks for."""
        if self._closing.is_set():
            return
        match found:
            case list():
                for page, text in zip(pages, found, strict=True):
                    self._suspects.done(page)
                    page.ends_with(text)
                self._try_suspects()
            case KilledWorker(last_worker=worker):
                for page in pages:
                    self._worker_lost(page, worker)
            case asyncio.CancelledError() | OSError():  # also where its worker died with the answer
                self._lost(pages)
            case error:
                for page in pages:
                    page.ends_with(error)

    # Pages whose worker was lost

    def _worker_lost(self, page: "_Page", worker: Any) -> None:
        """Whoever had *page* is gone, killed by it or by something else."""
        self._suspects.done(page)
        self._known.discard(worker.address)
        page.losses += 1
        page.lost_with.add(_itself(worker.name))
        page.lost_at = time.monotonic()
        if len(page.lost_with) < TRIES and page.losses < MOST_LOSSES:
            self._suspects.add(page)
        else:
            self._accused.append(page)

    def _look_after_suspects(self) -> None:
        """Until the end: say of which pages workers die, and let the others be tried again."""
        while not self._closing.wait(LOOK_AT_WORKERS_EVERY_S):
            if not self._accused and not self._suspects:
                continue
            try:
                workers = self._client.scheduler_info(n_workers=-1)["workers"]
            except (OSError, RuntimeError):  # the scheduler went away: they wait for the next one
                continue
            self._known = {address for address, worker in workers.items() if str(self._reader) in worker["resources"]}
            self._judge({_itself(worker["name"]) for worker in workers.values()})
            for page in self._suspects.stranded(self._known):
                page.task.cancel()
            self._try_suspects()

    def _judge(self, back: set[str]) -> None:
        """End the pages with which as many workers died as may; those that are *back* were only cut off."""
        for _number in range(len(self._accused)):
            page = self._accused.popleft()
            if time.monotonic() - page.lost_at < BACK_WITHIN_S:
                self._accused.append(page)
                continue
            page.lost_with -= back
            if len(page.lost_with) < TRIES and page.losses < MOST_LOSSES:
                self._suspects.add(page)
            else:
                page.ends_with(WorkerDied())

    def _try_suspects(self) -> None:
        while (turn := self._suspects.next(sorted(self._known))) is not None:
            page, worker = turn
            self._hand_over([page], at=worker)

    def _lost(self, pages: list["_Page"]) -> None:
        """The scheduler went away with these pages: hand them to the one that comes."""
        for page in pages:
            self._suspects.done(page)
        if not self._closing.is_set():
            self._again.submit(self._hand_over_again, pages)

    def _hand_over_again(self, pages: list["_Page"]) -> None:
        try:
            self._reconnect()
        except SohoaError as error:
            for page in pages:
                page.ends_with(error)
        else:
            self._hand_over(pages)

    def _reconnect(self) -> None:
        """Wait for a scheduler, as long as patience lasts. ServiceUnavailable when it is at its end."""
        with self._lock:
            if self._client.status == "running" and self._answers():
                return
            self._say(_("{address}: the scheduler is lost; its pages wait for the next one").format(
                address=self._address))  # fmt: skip
            end = time.monotonic() + self._patience_s
            while not self._closing.is_set():
                try:
                    client = self._connected(CONNECT_TIMEOUT_S)
                except ServiceUnavailable:
                    if time.monotonic() > end:
                        raise
                    time.sleep(RETRY_EVERY_S)
                    continue
                before, self._client = self._client, client
                self._looked_at = 0.0
                with suppress(OSError, RuntimeError):
                    before.close(timeout=1)  # type: ignore[no-untyped-call]
                return

    def _answers(self) -> bool:
        try:
            self._client.scheduler_info(n_workers=0)
        except (OSError, RuntimeError):
            return False
        return True


async def _fetched(task: Any) -> Any:
    """What *task* answered, asked for by a request of its own: Dask's own way asks for several at once, and gives none
    of them before all are there. CancelledError: the answer died with its worker, and the task is to be done again."""
    said = await task.client.scheduler.gather(keys=[task.key])
    return said["data"][task.key] if said["status"] == "OK" else asyncio.CancelledError()


def _said(answer: Future[Any]) -> Any:
    """What was fetched, or why it was not."""
    return asyncio.CancelledError() if answer.cancelled() else answer.exception() or answer.result()


def _itself(name: object) -> str:
    """What a worker calls itself, however often it has come back to the scheduler."""
    return str(name).partition("/")[0]


def _serve_readers(dask_scheduler: Scheduler) -> None:
    """At the scheduler: tell of each death of a worker, and keep nothing of what goes through, on connections that are
    open and on those that come."""
    dask_scheduler.allowed_failures = 0
    dask.config.set(NO_MESSAGES_KEPT)
    for connection in dask_scheduler.stream_comms.values():
        connection.recent_message_log = deque(maxlen=0)


# -- at the worker ------------------------------------------------------------------------------------------------

_guards: list[GuardedProcesses] = []
"""The processes in which this worker reads: one set, while ``serve`` runs."""


def serve(
    given: str,
    cluster: Cluster,
    options: ReadingOptions,
    threads: int,
    *,
    say: Callable[[str], None],
    prepare: Callable[[ReadingOptions], object] = load_engine,
) -> None:
    """Read pages for whoever gives them to the scheduler, *threads* at once (0: one a core), until SIGTERM or Ctrl-C.

    A scheduler that is not there yet, or goes away, is waited for. SettingsRejected and ServiceUnavailable as for
    ``open_cluster``, the second only where this machine itself cannot read.
    """
    count = threads or len(os.sched_getaffinity(0))
    address, security = _reached(given, cluster)
    reader = reader_here(options)
    say(_("reads for {address} with {reader}, {threads} pages at once; Ctrl-C ends it").format(
        address=address, reader=reader, threads=count))  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="sohoa-worker-") as folder:
        fence = reading_fence(options, Path(folder))
        guard = GuardedProcesses(count, options.page_timeout_s, prepare, (options,), fence)
        _guards.append(guard)
        try:
            with (
                dask.config.set({"distributed.worker.profile.enabled": False, **NO_MESSAGES_KEPT}),
                suppress(asyncio.CancelledError),
            ):
                asyncio.run(_serve_for_ever(address, security, reader, count, folder, say))
        finally:
            _guards.remove(guard)
            guard.shutdown(wait=False, cancel_futures=True)


async def _serve_for_ever(
    address: str, security: Security | None, reader: Reader, threads: int, folder: str, say: Callable[[str], None]
) -> None:
    # The pages are read in processes of their own, which Dask does not see: here are no memory and no code to watch.
    itself = f"{socket.gethostname()}-{secrets.token_hex(8)}"
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)  # as Ctrl-C does
    for coming in itertools.count(1):
        try:
            async with Worker(
                address, name=f"{itself}/{coming}", nthreads=threads, resources={str(reader): threads},
                security=security, local_directory=folder, memory_limit=0, dashboard=False,
            ) as worker:  # fmt: skip
                try:
                    await worker.finished()
                except asyncio.CancelledError:  # the scheduler is told, so that no page is held to have killed it
                    with suppress(OSError, TimeoutError):
                        await asyncio.wait_for(worker.close_gracefully(), LEAVING_S)
                    raise
        except (OSError, RuntimeError, ValueError) as error:  # no scheduler, another certificate, refused by it
            say(_("{address}: {error}; tried again").format(address=address, error=error))
        await asyncio.sleep(RETRY_EVERY_S)


def _read_guarded(pages: Sequence[tuple[ReadPage, PageImage, ReadingOptions]]) -> list[PageText | Exception]:
    """The text of each page, or why there is none."""
    [guard] = _guards
    return [_outcome(text) for text in [guard.submit(*page) for page in pages]]


def _outcome(text: Future[PageText]) -> PageText | Exception:
    return text.exception() or text.result()  # type: ignore[return-value]  # no task raises what is no Exception
