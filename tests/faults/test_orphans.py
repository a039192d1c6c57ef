"""A run that is killed takes its workers with it."""

import os
import subprocess
import sys
import time
from pathlib import Path

RUN = """
import os, sys, time
from ingest.workers import GuardedProcesses
from tests.faults.test_orphans import nothing, own_pid

pool = GuardedProcesses(2, 60.0, nothing, ())
print(*{pool.submit(own_pid).result() for _turn in range(2)}, flush=True)
time.sleep(120)
"""


def nothing() -> None:
    pass


def own_pid() -> int:
    return os.getpid()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_workers_of_a_killed_run_end() -> None:
    run = subprocess.Popen([sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    workers = [int(pid) for pid in run.stdout.readline().split()]
    assert workers
    assert all(alive(pid) for pid in workers)
    run.kill()
    run.wait()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)
