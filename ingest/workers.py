"""Worker processes that read pages: what a page does to its worker costs that page alone."""

import os
import queue
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any, Protocol, TypeVar

from ingest.reading import load_engine, not_read, read_page
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.pages import PageImage, PageText, ReadingOptions

Key = TypeVar("Key")

START_TIMEOUT_S = 120.0
"""A worker that has not loaded its model by then never will; 1 to 2 s are usual."""
PAGES_A_WORKER = 3
"""On their way for each worker: one read, and enough behind it that none waits for the file they come from."""
MOST_BYTES_ON_THEIR_WAY = 512_000_000
"""Of encoded page images: 600 of 300 dpi in colour, or a cluster's scheduler with that much in its memory."""
TRIES = 2
"""A page whose worker died is read once more: the kernel may have killed it for what others had taken."""


class ReadPage(Protocol):
    """Reads a page in a worker; a function that can be pickled by its name."""

    def __call__(self, page: PageImage, options: ReadingOptions, /) -> PageText: ...


class WorkerDied(Exception):
    """The task's process ended without an answer."""


class TookTooLong(Exception):
    """The task's time was up and its process was killed."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Where pages are read: any ``Executor``, how many pages it takes at once, and the function that reads one."""

    executor: Executor
    room: Callable[[], int]
    """How many pages may be on their way; asked again and again, as readers of a cluster come and go."""
    read: ReadPage = read_page


@contextmanager
def open_pool(
    workers: int,
    options: ReadingOptions,
    *,
    read: ReadPage = read_page,
    prepare: Callable[[ReadingOptions], object] = load_engine,
) -> Iterator[Pool]:
    """Worker processes on this machine, 0 for one a core; each loads its model once, by *prepare*.

    The processes are gone when the block ends, whatever they were doing. ServiceUnavailable when *prepare* finds the
    engine or its model missing.
    """
    count = workers or len(os.sched_getaffinity(0))
    os.environ["OMP_THREAD_LIMIT"] = (
        "1"  # before the workers load OpenMP: two threads a page read 3 % faster, on twice the cores
    )
    executor = GuardedProcesses(count, options.page_timeout_s, prepare, (options,))
    try:
        yield Pool(executor, lambda: PAGES_A_WORKER * count, read)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def read_all(
    images: Iterable[tuple[Key, PageImage]], pool: Pool, options: ReadingOptions
) -> Iterator[tuple[Key, PageText]]:
    """Each page's text, in the order of *images*, which are taken only as the pool has room for pages and bytes.

    A page whose worker dies twice or that takes longer than ``options.page_timeout_s`` comes back NOT_READ with the
    reason. ServiceUnavailable where no worker can be had.
    """
    waiting: deque[tuple[Key, PageImage, Future[PageText]]] = deque()
    on_their_way = 0
    source = iter(images)
    try:
        while True:
            while not waiting or (on_their_way < MOST_BYTES_ON_THEIR_WAY and len(waiting) < pool.room()):
                taken = next(source, None)
                if taken is None:
                    break
                key, image = taken
                on_their_way += len(image.content)
                waiting.append((key, image, pool.executor.submit(pool.read, image, options)))
            if not waiting:
                return
            key, image, future = waiting.popleft()
            on_their_way -= len(image.content)
            yield key, _answer(image, future, options)
    finally:
        for *_kept, future in waiting:
            future.cancel()


def _answer(image: PageImage, future: Future[PageText], options: ReadingOptions) -> PageText:
    try:
        return future.result()
    except WorkerDied:
        return not_read(image, _("the reading program crashed on this page twice; scan the page again"))
    except TookTooLong:
        return not_read(
            image,
            _("not read within {seconds:g} s; scan the page again, or raise reading.page_timeout_s").format(
                seconds=options.page_timeout_s
            ),
        )
    except MemoryError:
        return not_read(
            image, _("too little memory for this page; use fewer workers, or scan it at a lower resolution")
        )


class GuardedProcesses(Executor):
    """An executor that replaces the one process that dies or takes too long, and leaves the others alone.

    The stdlib's process pool gives up all its tasks with the first process that dies, and cannot end one that hangs.
    So each process here is a pool of one, kept by a thread. A task fails with WorkerDied after two tries, with
    TookTooLong after one.
    """

    def __init__(
        self, workers: int, timeout_s: float, prepare: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        self._keepers = ThreadPoolExecutor(workers, thread_name_prefix="worker-keeper")
        self._timeout_s = timeout_s
        self._closing = threading.Event()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all = [_Worker(prepare, arguments) for _number in range(workers)]
        for worker in self._all:
            self._idle.put(worker)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._keepers.submit(self._run, fn, args, kwargs)

    def _run(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        worker = self._idle.get()  # as many as there are keepers: never waits
        try:
            for tried in range(1, TRIES + 1):
                try:
                    return worker.run(fn, args, kwargs, self._timeout_s)
                except WorkerDied:
                    if tried == TRIES or self._closing.is_set():
                        raise
            raise AssertionError
        finally:
            self._idle.put(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; with *cancel_futures* those at work are killed, else they finish what was submitted."""
        if cancel_futures:
            self._closing.set()
            self._keepers.shutdown(wait=False, cancel_futures=True)
            for worker in self._all:
                worker.close()
        self._keepers.shutdown(wait=wait, cancel_futures=cancel_futures)
        for worker in self._all:
            worker.close()


class _Worker:
    """One process, started when first needed and again after its death."""

    def __init__(self, prepare: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._prepare = prepare
        self._arguments = arguments
        self._lock = threading.Lock()
        self._process: ProcessPoolExecutor | None = None
        self._pid: int | None = None
        self._closed = False

    def run(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], timeout_s: float) -> Any:
        """The task's value or its exception; WorkerDied, TookTooLong or, where it cannot start, ServiceUnavailable."""
        process = self._started()
        try:
            return process.submit(fn, *args, **kwargs).result(timeout_s)
        except NotYet as error:
            self._end()
            raise TookTooLong from error
        except (BrokenProcessPool, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not isinstance(error, BrokenProcessPool) and not self._closed:
                raise  # the task's own, or a mistake of ours
            self._end()
            raise WorkerDied from error

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise WorkerDied
            if self._process is not None:
                return self._process
            # forkserver: no thread or lock of this process is copied, and a replacement is there in milliseconds
            context = get_context("forkserver")
            context.set_forkserver_preload(["ingest.reading"])
            self._process = process = ProcessPoolExecutor(1, context, initializer=_settle_in)
        try:
            self._pid = process.submit(_prepared, self._prepare, self._arguments).result(START_TIMEOUT_S)
        except (BrokenProcessPool, NotYet) as error:
            self._end()
            if self._closed:
                raise WorkerDied from error
            raise ServiceUnavailable(
                _("a worker process does not start; run sohoa doctor, and look whether memory is short")
            ) from error
        return process

    def _end(self) -> None:
        """Kill the process; the next task starts another."""
        with self._lock:
            process, pid = self._process, self._pid
            self._process = self._pid = None
        if process is None:
            return
        if pid is not None and _alive(process, pid):
            _kill(pid)
        process.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        self._closed = True
        self._end()


def _prepared(prepare: Callable[..., object], arguments: tuple[Any, ...]) -> int:
    prepare(*arguments)
    return os.getpid()


def _settle_in() -> None:
    """The first thing that a worker does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    # Nobody ends the workers of a parent that was killed: each holds both ends of its queue, and would wait for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _alive(process: ProcessPoolExecutor, pid: int) -> bool:
    """The process with *pid* is still a child of this pool: a number that the kernel gave away anew is never killed."""
    return pid in (getattr(process, "_processes", None) or {})


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
