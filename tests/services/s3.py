"""A real S3 server over a folder: versitygw, with versioning and object lock.

It is built from source by the Go module proxy (two minutes of a core), which a test run does not do by itself:
``python -m tests.services.s3`` does, once; without it the tests on S3 are skipped aloud.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.services import CACHE, free_port

VERSION = "1.8.0"
MODULE = f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
FOLDER = CACHE / f"versitygw-{VERSION}"
KEYS = {"AWS_ACCESS_KEY_ID": "sohoa", "AWS_SECRET_ACCESS_KEY": "only-for-tests", "AWS_DEFAULT_REGION": "us-east-1"}
START_TIMEOUT_S = 20.0


@dataclass
class S3Server:
    """A server at ``endpoint``; tests kill it."""

    program: Path
    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        keys = {"ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"]}
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                [self.program, "--port", f"127.0.0.1:{self.port}", "--iam-dir", self.folder / "accounts",
                 "posix", "--versioning-dir",
                 self.folder / "versions", self.folder / "objects"],
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
def s3_server() -> Iterator[S3Server]:
    """The server, without buckets yet; gone when the block ends."""
    program = FOLDER / "versitygw"
    if not program.is_file():
        pytest.skip(f"versitygw {VERSION}: not built; `python -m tests.services.s3` does it")
    folder = Path(tempfile.mkdtemp(prefix="sohoa-s3-"))
    (folder / "objects").mkdir()
    (folder / "versions").mkdir()
    (folder / "accounts").mkdir()
    port = free_port()
    server = S3Server(program, folder, port)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "install", MODULE], check=True, env=dict(os.environ) | {"GOBIN": str(FOLDER)})
