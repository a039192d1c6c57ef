"""A real PostgreSQL of its own: a cluster in a temporary folder, on a free port of this machine."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import Engine, text

from tests.services import as_user, free_port, unavailable


def _program(name: str) -> str:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        unavailable("PostgreSQL", f"{name} is not installed (apt-get install postgresql)")
    return found


@dataclass(frozen=True, slots=True)
class Server:
    """A server with an empty database; its superuser needs no password."""

    url: str
    folder: Path
    run: Callable[..., None]
    start: tuple[str, ...]

    def restart(self) -> None:
        """As after a crash: no session is ended in peace, and the log is replayed."""
        self.run(self.start[0], "-D", str(self.folder / "cluster"), "-w", "-m", "immediate", "stop")
        self.run(*self.start)

    def kill(self) -> None:
        """With SIGKILL; its children see that, and end."""
        parent = int((self.folder / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        children = psutil.Process(parent).children(recursive=True)
        os.kill(parent, signal.SIGKILL)
        psutil.wait_procs(children, timeout=30)

    def start_anew(self) -> None:
        self.run(*self.start)


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database; the server is gone when the block ends."""
    with postgres_server() as server:
        yield server.url


@contextmanager
def postgres_server() -> Iterator[Server]:
    """The same with the server in hand, to be restarted."""
    if importlib.util.find_spec("psycopg") is None:
        unavailable("PostgreSQL", "its driver is not installed (pip install psycopg[binary])")
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    # PostgreSQL refuses to run as root: Debian's package brings a user for it.
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="sohoa-pg-"))
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    port = free_port()

    def run(*command: str) -> None:
        wanted = as_user(user.pw_uid, user.pw_gid, command) if user is not None else command
        with (folder / "output").open("ab") as output:  # a file: the server that is left running keeps it open
            done = subprocess.run(
                wanted, cwd=folder, timeout=120, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
        if done.returncode:
            unavailable(
                "PostgreSQL", f"{command[0]} ended with {done.returncode}: {(folder / 'output').read_text()[-400:]}"
            )

    cluster = str(folder / "cluster")
    try:
        run(initdb, "-D", cluster, "-U", "sohoa", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        start = (pg_ctl, "-D", cluster, "-w", "-o", options, "-l", str(folder / "log"), "start")
        run(*start)
        try:
            yield Server(f"postgresql+psycopg://sohoa@127.0.0.1:{port}/postgres", folder, run, start)
        finally:
            run(pg_ctl, "-D", cluster, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def emptied(engine: Engine) -> None:
    """Take every table out of the database, for the next test."""
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
