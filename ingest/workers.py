"""Worker processes that read pages: what a page does to its worker costs that page alone."""

import os
import queue
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ingest.fence import Fence
from ingest.fencedprocess import FencedProcess, TookTooLong, WorkerDied
from ingest.ocr.engine import best_tessdata, programs_of, tessdata_folder
from ingest.reading import load_engine, not_read, read_page
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.pages import PageImage, PageText, ReadingOptions

Key = TypeVar("Key")

PAGES_A_WORKER = 6
"""On their way for each worker: one read, and enough behind it that none waits for the file they come from."""
MOST_BYTES_ON_THEIR_WAY = 512_000_000
"""Of encoded page images: 600 of 300 dpi in colour, or a cluster's scheduler with that much in its memory."""
TRIES = 2
"""A page whose worker died is read once more: the kernel may have killed it for what others had taken."""
TEMPORARY_BYTES = 1 << 30
"""A file that a worker writes for an engine that is a program of its own: one page, 200 million pixels at most."""


class ReadPage(Protocol):
    """Reads a page in a worker; a function that can be pickled by its name."""

    def __call__(self, page: PageImage, options: ReadingOptions, /) -> PageText: ...


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
    with tempfile.TemporaryDirectory(prefix="sohoa-") as temporary:
        fence = reading_fence(options, Path(temporary))
        executor = GuardedProcesses(count, options.page_timeout_s, prepare, (options,), fence)
        try:
            yield Pool(executor, lambda: PAGES_A_WORKER * count, read)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def reading_fence(options: ReadingOptions, temporary: Path) -> Fence:
    """What a process that reads pages may touch: its models; and where the engine is a program of its own, that
    program and the folder *temporary*."""
    models = tuple(filter(None, (tessdata_folder(options), best_tessdata(options))))
    programs = programs_of(options)
    return Fence(models, temporary, programs, file_bytes=TEMPORARY_BYTES) if programs else Fence(models)


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
    So each process here is kept by a thread. A task fails with WorkerDied after two tries, with TookTooLong after one.
    """

    def __init__(
        self,
        workers: int,
        timeout_s: float,
        prepare: Callable[..., object],
        arguments: tuple[Any, ...],
        fence: Fence = Fence(),  # noqa: B008 - a frozen value
    ) -> None:
        self._keepers = ThreadPoolExecutor(workers, thread_name_prefix="worker-keeper")
        self._timeout_s = timeout_s
        self._closing = threading.Event()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all = [_Worker(prepare, arguments, fence) for _number in range(workers)]
        for worker in self._all:
            self._idle.put(worker)
        for _worker in self._all:  # they load their models while the first scan is opened
            self.submit(_nothing)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What *fn* says that it returns, of *args*; it and they can be pickled. It takes nothing by name."""
        if kwargs:
            raise TypeError("a task takes its arguments by their places")
        return self._keepers.submit(self._run, fn, args)

    def _run(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        worker = self._idle.get()  # as many as there are keepers: never waits
        try:
            for tried in range(1, TRIES + 1):
                try:
                    return worker.run(fn, args, self._timeout_s)
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

    def __init__(self, prepare: Callable[..., object], arguments: tuple[Any, ...], fence: Fence) -> None:
        self._prepare = prepare
        self._arguments = arguments
        self._fence = fence
        self._lock = threading.Lock()
        self._process: FencedProcess | None = None
        self._closed = False

    def run(self, fn: Callable[..., Any], args: tuple[Any, ...], timeout_s: float) -> Any:
        """The task's value or its exception; WorkerDied, TookTooLong or, where it cannot start, ServiceUnavailable."""
        process = self._started()
        try:
            return process.run(fn, args, timeout_s)
        except (WorkerDied, TookTooLong):
            self._end()
            raise

    def _started(self) -> FencedProcess:
        with self._lock:
            if self._closed:
                raise WorkerDied
            if self._process is not None:
                return self._process
        try:
            process = FencedProcess(self._fence, self._prepare, self._arguments)
        except (WorkerDied, TookTooLong) as error:
            raise ServiceUnavailable(
                _("a worker process does not start; run sohoa doctor, and look whether memory is short")
            ) from error
        with self._lock:
            self._process = process
            if self._closed:  # meanwhile
                process.close()
                raise WorkerDied
        return process

    def _end(self) -> None:
        """End the process; the next task starts another."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.close()

    def close(self) -> None:
        self._closed = True
        self._end()


def _nothing() -> None:
    """The first task of a worker, by which it is there when the first page comes."""
