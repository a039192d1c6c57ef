"""A real Dask scheduler and its workers: processes of their own on free ports of this machine, to be killed at will."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import free_port, unavailable

PROJECT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 30.0
QUICKLY = {"OMP_THREAD_LIMIT": "1", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}


@dataclass
class DaskProcesses:
    """A scheduler at ``address`` and workers; tests kill either."""

    folder: Path
    port: int
    tls: Sequence[str] = ()
    """``--tls-ca-file …`` and so on, for the scheduler."""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"dask://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
        self.scheduler = self._started([*command, "--port", str(self.port), "--no-dashboard", *self.tls], "scheduler")
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        unavailable("Dask", f"no scheduler within {START_TIMEOUT_S:g} s: {self.log('scheduler')}")

    def start_worker(
        self, command: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A worker of one page at a time: ``tests.cluster.reader``, or the module and arguments of *command*."""
        module = command or ["tests.cluster.reader", self.address]
        worker = self._started([sys.executable, "-m", *module], f"worker-{len(self.workers)}", environment)
        self.workers.append(worker)
        return worker

    def kill_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait(10)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            process.kill()
            process.wait(10)

    def _started(
        self, command: Sequence[str], log: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        given = dict(os.environ) | {"PYTHONPATH": str(PROJECT), **QUICKLY} | dict(environment or {})
        with (self.folder / f"{log}.log").open("ab") as output:
            return subprocess.Popen(
                command, cwd=self.folder, env=given, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )


@contextmanager
def dask(folder: Path, tls: Sequence[str] = ()) -> Iterator[DaskProcesses]:
    """A scheduler without workers yet; everything is gone when the block ends."""
    if importlib.util.find_spec("distributed") is None:
        unavailable("Dask", "it is not installed (pip install 'sohoa[cluster]')")
    port = free_port()
    processes = DaskProcesses(folder, port, tls)
    try:
        processes.start_scheduler()
        yield processes
    finally:
        processes.stop()
