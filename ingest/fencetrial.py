"""Tries, from within a fence, what it must keep a process from. For ``sohoa doctor`` and the tests: a fence is what it
keeps on this machine, not what was asked of it."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ingest.fence import Fence
from ingest.fencedprocess import FencedProcess

TRIAL_TIMEOUT_S = 60.0


def escapes(fence: Fence, *, forbidden: Path) -> tuple[str, ...]:
    """What a process within *fence* can do all the same, by name; nothing, where the fence holds.

    *forbidden* is a file of ours that it must neither read nor write, in a folder that it must not write in.
    """
    with tempfile.TemporaryDirectory(prefix="sohoa-trial-") as folder:
        process = FencedProcess(replace(fence, writes=Path(folder), file_bytes=1 << 20), _ready, ())
        try:
            found: tuple[str, ...] = process.run(_tried, (forbidden, os.getpid(), bool(fence.programs)),
                                                 TRIAL_TIMEOUT_S)  # fmt: skip
        finally:
            process.close()
    return found


def _ready() -> None:
    pass


def _tried(forbidden: Path, parent: int, with_programs: bool) -> tuple[str, ...]:
    trials: dict[str, Callable[[], object]] = {
        "read": lambda: forbidden.read_bytes(),
        "list": lambda: os.listdir(forbidden.parent),
        "write": lambda: forbidden.open("ab").close(),
        "make": lambda: forbidden.with_name("made").touch(),
        "delete": lambda: forbidden.unlink(),
        "rename": lambda: forbidden.rename(forbidden.with_name("renamed")),
        "mode": lambda: forbidden.chmod(0o644),
        "times": lambda: os.utime(forbidden, (0, 0)),
        "network": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "network, datagrams": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        "local sockets": lambda: socket.socket(socket.AF_UNIX),
        "signal": lambda: os.kill(parent, signal.SIGCONT),
        "other processes": lambda: Path(f"/proc/{parent}/environ").read_bytes(),
        "long files": lambda: _long_file(),
        "memory": lambda: bytearray(1 << 36),
        "core dumps": lambda: _core_dumps(),
        "secrets": lambda: _secrets(),
    }
    if with_programs:
        trials["another program"] = lambda: subprocess.run([shutil.which("env") or "/usr/bin/env"], check=True)
    else:
        trials["another program"] = lambda: subprocess.run(["/bin/true"], check=True)
        trials["another process"] = _forked
    return tuple(name for name, trial in trials.items() if _comes_off(trial))


def _comes_off(trial: Callable[[], object]) -> bool:
    try:
        trial()
    except (OSError, MemoryError, subprocess.SubprocessError):
        return False
    return True


def _long_file() -> None:
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with tempfile.TemporaryFile() as file:
            os.posix_fallocate(file.fileno(), 0, 2 << 20)
    finally:
        signal.signal(signal.SIGXFSZ, before)


def _core_dumps() -> None:
    import resource

    if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0):
        raise PermissionError


def _secrets() -> None:
    """Settings may stand in the environment, passwords among them."""
    environment = Path("/proc/self/environ").read_bytes() + repr(dict(os.environ)).encode()
    if b"SOHOA_" not in environment.replace(b"SOHOA_LANG", b""):
        raise PermissionError


def _forked() -> None:
    pid = ctypes.CDLL(None, use_errno=True).fork()
    if pid < 0:
        raise PermissionError
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
