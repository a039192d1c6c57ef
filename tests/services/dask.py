"""A real Dask scheduler and its workers: processes of their own on free ports of this machine, to be killed at will."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import unavailable

PROJECT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 30.0


@dataclass
class DaskProcesses:
    """A scheduler at ``address`` and workers, each under a nanny that replaces it when it is killed."""

    folder: Path
    port: int
    tls: Sequence[str] = ()
    """``--tls-ca-file …`` and so on, for both kinds of process."""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"dask://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        self.scheduler = self._started("scheduler", "--host", "127.0.0.1", "--port", str(self.port))
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        unavailable("Dask", f"no scheduler within {START_TIMEOUT_S:g} s: {self.log('scheduler')}")

    def start_worker(self, environment: Mapping[str, str] | None = None, *more: str) -> subprocess.Popen[bytes]:
        """A worker of one thread. It is not its nanny's daemon: the processes that it reads in are its children."""
        scheme = "tls" if self.tls else "tcp"
        worker = self._started(
            "worker", f"{scheme}://127.0.0.1:{self.port}", "--nthreads", "1", "--memory-limit", "0",
            "--local-directory", str(self.folder), "--host", "127.0.0.1", *more,
            environment=environment, log=f"worker-{len(self.workers)}",
        )  # fmt: skip
        self.workers.append(worker)
        return worker

    def kill_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait(10)

    def kill_a_reader(self, worker: subprocess.Popen[bytes]) -> None:
        """``kill -9`` of the process under a worker's nanny, with what it reads in."""
        [below] = _children(worker.pid)[:1]
        for pid in [below, *_children(below)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # ended with the one before
                continue

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            for pid in [*_descendants(process.pid), process.pid]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            process.wait(10)

    def _started(
        self, role: str, *arguments: str, environment: Mapping[str, str] | None = None, log: str = ""
    ) -> subprocess.Popen[bytes]:
        given = {
            "DASK_DISTRIBUTED__WORKER__DAEMON": "False", "OMP_THREAD_LIMIT": "1", "PYTHONPATH": str(PROJECT),
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "20s", **(environment or {}),
        }  # fmt: skip
        with (self.folder / f"{log or role}.log").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + role, *arguments, *self.tls, "--no-dashboard"],
                cwd=self.folder, env=os.environ | given, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split()]


def _descendants(pid: int) -> list[int]:
    return [below for child in _children(pid) for below in (*_descendants(child), child)]


@contextmanager
def dask(folder: Path, tls: Sequence[str] = ()) -> Iterator[DaskProcesses]:
    """A scheduler without workers yet; everything is gone when the block ends."""
    if importlib.util.find_spec("distributed") is None:
        unavailable("Dask", "it is not installed (pip install 'sohoa[cluster]')")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = DaskProcesses(folder, port, tls)
    try:
        processes.start_scheduler()
        yield processes
    finally:
        processes.stop()
