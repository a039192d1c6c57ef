"""A process of its own for work on what others made: fenced in, with a time limit, and not believed.

What it answers is made of plain values, and only into the kind that its task returns (``ingest.answers``): a process
that a hostile file has taken over could otherwise run code in ours, or change it.
"""

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from tempfile import gettempdir
from types import ModuleType
from typing import Any

from ingest.answers import NoAnswer, packed, packed_error, unpacked
from ingest.fence import Fence, Kept, close_in, limit_cpu, start_server
from schemas.errors import ServiceUnavailable
from schemas.language import _

START_TIMEOUT_S = 120.0
"""A worker that has not loaded its model by then never will; 1 to 2 s are usual."""
MOST_BYTES = 1 << 30
"""No answer is longer: the largest page taken has 600 MB as it stands."""
CPU_MARGIN_S = 5.0
MOST_SLOWNESS = 8.0


def slowness() -> float:
    """How many times longer than by itself a task may take by the clock, since other programs have the processor too: 1
    up to two of them a core, then as many times more as there are, up to 8. The processor's own time is limited as
    well, so that a task that computes without end gains nothing."""
    return min(MOST_SLOWNESS, max(1.0, os.getloadavg()[0] / (2 * len(os.sched_getaffinity(0)))))


class WorkerDied(Exception):
    """The task's process ended without an answer."""


class TookTooLong(Exception):
    """The task's time was up and its process was killed."""


class FencedProcess:
    """One process within a fence, that does one task after another. For one thread at a time, but for ``close``."""

    def __init__(
        self,
        fence: Fence,
        prepare: Callable[..., object],
        arguments: tuple[Any, ...],
        timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """Start it and let it *prepare*, whose error is raised here.

        ServiceUnavailable when the system gives no process; WorkerDied or TookTooLong when it does not get ready.
        """
        # forkserver: no thread, lock or secret of this process is copied, and a process is there in milliseconds
        context = get_context("forkserver")
        context.set_forkserver_preload(["ingest.fencedprocess", "ingest.preloaded"])
        try:
            start_server()
            self._link, theirs = context.Pipe()
            with theirs:
                self._process = context.Process(
                    target=_serve, args=(theirs, fence, prepare, arguments, timeout_s), daemon=True
                )
                with _without_main():
                    self._process.start()
        except OSError as error:
            raise ServiceUnavailable(
                _("a process to read in cannot be started ({error}); see how many processes and open files this user "
                  "may have (ulimit -a), and that there is memory, and room in the temporary folder {temporary}, whose "
                  "name may be at most 74 characters long (TMPDIR)").format(error=error, temporary=gettempdir())
            ) from error  # fmt: skip
        try:
            self._answer(timeout_s, _ready)
        except BaseException:
            self.close()
            raise

    def run(self, function: Callable[..., Any], arguments: tuple[Any, ...], timeout_s: float) -> Any:
        """What *function*, which can be pickled by its name and says what it returns, returns there, or its error.

        WorkerDied when the process ends instead, TookTooLong when it does not end in time (*timeout_s*, and on a busy
        machine ``slowness`` times as long); it is gone then.
        """
        return self._answer(timeout_s, function, (function, arguments, timeout_s))

    def _answer(self, timeout_s: float, function: Callable[..., Any], task: tuple[Any, ...] | None = None) -> Any:
        late = threading.Event()
        timer = threading.Timer(timeout_s * slowness(), self._give_up, (late,))
        timer.start()
        try:
            if task is not None:
                self._link.send(task)
            answer = self._link.recv_bytes(MOST_BYTES)
        except (OSError, EOFError) as error:
            self.close()
            raise (TookTooLong if late.is_set() else WorkerDied) from error
        finally:
            timer.cancel()
        try:
            return unpacked(answer, function)
        except NoAnswer as error:  # whatever bytes were sent in place of one
            self.close()
            raise WorkerDied(f"answered with what is no answer: {error}") from error

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        self._kill()

    def _kill(self) -> None:
        """It leads a group of its own, so programs that it runs go with it. A number that the kernel gave away anew is
        never killed: while the process is ours, nobody else has it."""
        if self._process.is_alive() and self._process.pid is not None:
            for kill in (os.killpg, os.kill):  # the second, for one that had not got as far as having a group
                try:
                    kill(self._process.pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue

    def close(self) -> None:
        """End it, whatever it is doing."""
        self._kill()
        self._link.close()
        self._process.join(5)


_nameless = threading.Lock()


@contextmanager
def _without_main() -> Iterator[None]:
    """Let a process be started without the program's main module, which it would load anew: that takes longer than
    opening most scans, and nothing there is asked for. (Preloading it in the server does not help before Python 3.13.)
    """
    with _nameless:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


# -- within the process -------------------------------------------------------------------------------------------

kept: Kept = Kept(False, False)
"""Which parts of the fence this process is within; for ``sohoa doctor``."""


def _serve(
    link: Connection, fence: Fence, prepare: Callable[..., object], arguments: tuple[Any, ...], timeout_s: float
) -> None:
    """What a fenced process does. What *prepare* needs of the program was loaded to come here, before the fence."""
    global kept
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    # What it prints would stand on the terminal, and a file's own text steer that.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    kept = close_in(fence)
    # A process that hangs does not see that nobody waits any more; that of a run that was killed must go.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit_cpu(timeout_s + CPU_MARGIN_S)
    _tell(link, partial(_prepared, prepare, arguments))
    while True:
        try:
            task = link.recv_bytes()
        except (EOFError, OSError):
            return
        _tell(link, partial(_done, task))


def _prepared(prepare: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    prepare(*arguments)


def _ready() -> None:
    """What *prepare* comes to, on the other side."""


def _done(task: bytes) -> object:
    function, arguments, timeout_s = pickle.loads(task)
    limit_cpu(timeout_s + CPU_MARGIN_S)
    return function(*arguments)


def _tell(link: Connection, work: Callable[[], object]) -> None:
    try:
        answer = packed(work())
    except Exception as error:  # noqa: BLE001 - raised again where the answer is waited for
        answer = packed_error(error)
    link.send_bytes(answer)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
