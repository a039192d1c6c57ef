"""The real services and outside checkers that tests use, fetched from Maven Central and started here.

What cannot be had is said aloud and skipped; where ``CI=true`` it is a failure.
"""

import fcntl
import hashlib
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

CACHE = Path(os.environ.get("SOHOA_CACHE", Path.home() / ".cache" / "sohoa"))
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
IN_CI = os.environ.get("CI", "").lower() == "true"


def unavailable(what: str, why: str) -> NoReturn:
    """Skip the test because *what* is not to be had; fail it in CI."""
    if IN_CI:
        pytest.fail(f"{what} is required in CI: {why}", pytrace=False)
    pytest.skip(f"{what}: {why}")


PORTS = range(12_000, 32_000)
"""Below those that the system hands out to callers: else a test beside this one may open a connection from the port
of a server that is still starting, and the server ends."""


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens, for a server that is about to start."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as held, suppress(OSError):
            held.bind(("127.0.0.1", port))
            return port
    unavailable("a free port", f"100 of {PORTS} are taken")


def as_user(uid: int, gid: int, command: Sequence[str]) -> list[str]:
    """*command* for root to start a server that refuses to run as root: as that user, who may pass closed folders all
    the same (CAP_DAC_OVERRIDE). The ``/`` of a bare system made for one proof is closed to all but root."""
    may = "+dac_override"
    # no_setuid_fixup: else access(2), by which programs ask whether a file is there, does without the capability
    return ["setpriv", "--securebits=+no_setuid_fixup", f"--reuid={uid}", f"--regid={gid}", "--clear-groups",
            f"--inh-caps={may}", f"--ambient-caps={may}", *command]  # fmt: skip


def scans() -> Path:
    """The folder of real scans, or a skip."""
    if not (SHARED / "data" / "scans").is_dir():
        unavailable("real scans", f"{SHARED / 'data' / 'scans'} is missing")
    return SHARED / "data"


def maven(folder: str, *coordinates: str, transitive: bool = True, sha256: str = "") -> Path:
    """A folder in the cache with the artifacts of *coordinates* (``group:name:version[:type]``), fetched once.

    With *transitive* their run-time dependencies lie there too. *sha256*, if given, is that of the one artifact.
    """
    target = CACHE / folder
    with one_at_a_time(folder):
        if not (target / ".complete").exists():
            _fetch(target, coordinates, transitive=transitive, sha256=sha256)
    return target


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Of the processes that run tests side by side, only one is in the block of this *name*."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(target: Path, coordinates: Sequence[str], *, transitive: bool, sha256: str) -> None:
    folder = target.name
    if shutil.which("mvn") is None:
        unavailable(folder, "mvn is not installed (apt-get install maven)")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    if transitive:
        rows = "".join(
            "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
                *coordinate.split(":")[:3]
            )
            for coordinate in coordinates
        )
        (target / "pom.xml").write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
            f"<groupId>sohoa</groupId><artifactId>fetch</artifactId><version>1</version>"
            f"<dependencies>{rows}</dependencies></project>"
        )
        commands = [["mvn", "-q", "-B", "-f", str(target / "pom.xml"), "dependency:copy-dependencies",
                     f"-DoutputDirectory={target}", "-DincludeScope=runtime"]]  # fmt: skip
    else:
        commands = [["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={coordinate}", f"-DoutputDirectory={target}"]
                    for coordinate in coordinates]  # fmt: skip
    for command in commands:
        done_run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done_run.returncode:
            shutil.rmtree(target, ignore_errors=True)
            unavailable(folder, f"mvn ended with {done_run.returncode}: {done_run.stdout[-400:]}")
    if sha256:
        [artifact] = [path for path in target.iterdir() if path.suffix in {".zip", ".jar", ".gz"}]
        found = hashlib.sha256(artifact.read_bytes()).hexdigest()
        if found != sha256:
            shutil.rmtree(target, ignore_errors=True)
            pytest.fail(f"{artifact.name}: SHA-256 is {found}, not {sha256}", pytrace=False)
    (target / ".complete").touch()
