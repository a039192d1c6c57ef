"""veraPDF, the PDF Association's checker of PDF/A, as an outside judge: one JVM for many files."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.services import maven, unavailable

VERSION = "1.28.2"
PROGRAM = "org.verapdf.apps.GreenfieldCliWrapper"
TIMEOUT_S = 900


def faults(files: Sequence[Path]) -> dict[Path, str]:
    """The files that are not PDF/A-2b, each with the clauses of ISO 19005-2 that it breaks."""
    if shutil.which("java") is None:
        unavailable("veraPDF", "no Java (apt-get install openjdk-17-jre-headless)")
    libraries = maven(f"verapdf-{VERSION}", f"org.verapdf.apps:greenfield-apps:{VERSION}")
    named = [str(file.resolve()) for file in files]
    run = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{libraries}/*", PROGRAM, "-f", "2b", "--format", "text", "-v",
         *named],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    passed: set[str] = set()
    found: dict[Path, str] = {}
    current = ""
    for line in run.stdout.splitlines():
        verdict = re.match(r"(PASS|FAIL) (.*?)(?: 2b)?$", line)
        if verdict is not None:
            current = verdict[2].strip()
            if verdict[1] == "PASS":
                passed.add(current)
            else:
                found[Path(current)] = ""
        elif current and Path(current) in found:
            found[Path(current)] += line.strip() + "\n"
    missing = [name for name in named if name not in passed and Path(name) not in found]
    assert not missing, f"veraPDF did not judge {missing}: {run.stdout[-1000:]}{run.stderr[-1000:]}"
    return found
