"""EU DSS, the European Commission's validator of signatures, as an outside judge: one JVM for many files."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.services import maven, one_at_a_time, unavailable

VERSION = "6.4"
GROUP = "eu.europa.ec.joinup.sd-dss"
PARTS = ("dss-pades-pdfbox", "dss-validation", "dss-policy-jaxb", "dss-utils-apache-commons", "dss-crl-parser-x509crl",
         "dss-cms-object")  # fmt: skip
LOGGER = "org.slf4j:slf4j-nop:2.0.17"
PROGRAM = Path(__file__).with_name("Validate.java")
COMPILER = "jdk.compiler/com.sun.tools.javac.Main"
"""Debian's Java runtime has the module, only not the command ``javac``."""
TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Judged:
    """What DSS says of one signature."""

    indication: str
    """``TOTAL_PASSED``, ``INDETERMINATE`` or ``TOTAL_FAILED``."""
    sub: str
    signer: str
    level: str
    field: str
    intact: bool
    errors: str
    warnings: str


@cache
def _classes() -> Path:
    """The program compiled once for the run of tests, with the libraries beside it."""
    libraries = maven(f"dss-{VERSION}", *(f"{GROUP}:{part}:{VERSION}" for part in PARTS), LOGGER)
    if shutil.which("java") is None:
        unavailable("EU DSS", "no Java (apt-get install openjdk-17-jre-headless)")
    target = libraries / "classes"
    jars = os.pathsep.join(map(str, sorted(libraries.glob("*.jar"))))
    made = target / "Validate.class"
    with one_at_a_time(target.name):
        if not made.exists() or made.stat().st_mtime < PROGRAM.stat().st_mtime:
            compiled = subprocess.run(
                ["java", "-m", COMPILER, "-d", str(target), "-cp", jars, str(PROGRAM)],
                capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
            assert compiled.returncode == 0, compiled.stderr
            os.utime(made)
    return libraries


def judge(files: Iterable[Path], roots: Sequence[Path] = ()) -> dict[Path, tuple[Judged, ...]]:
    """What DSS says of each file's signatures, the oldest first. A file that it cannot read has none.

    *roots* are files of trusted certificates, and of revocation lists at hand (``.crl``); nothing is fetched from the
    network.
    """
    libraries = _classes()
    names = [str(file.resolve()) for file in files]
    path = f"{libraries / 'classes'}{os.pathsep}{libraries}/*"
    run = subprocess.run(
        ["java", "-Xmx1g", "-XX:TieredStopAtLevel=1", "-cp", path, "Validate", *map(str, roots)],
        input="".join(f"{name}\n" for name in names),
        capture_output=True, text=True, encoding="utf-8", timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert (run.returncode, len(lines)) == (0, len(names)), f"DSS ended with {run.returncode}: {run.stderr[-2000:]}"
    return {Path(line["file"]): tuple(Judged(**signature) for signature in line["signatures"]) for line in lines}
