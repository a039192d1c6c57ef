"""``sohoa verify --all`` over many records: its memory on the way, and what it shows of its progress."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from archive.catalogue import Catalogue
from archive.store import Archive
from schemas.documents import SignedPdf
from tests.archive import submission
from tests.ingest.signed import made_scans
from tests.ingest.signing_matrix import Case, Maker
from tests.services.pki import Pki, running_pki

KINDS = 12
"""So many different pages are signed; the records are copies of them."""
LOOK_EACH = 100


def verified(records: int) -> dict[str, object]:
    """RSS after each hundred records, seconds a record, and the lines of progress on stderr."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = folder / "sohoa"
        workspace.mkdir()
        with running_pki(folder) as pki:
            _fill(workspace, list(_signed(folder, pki)), records)
            (workspace / "sohoa.toml").write_text(f'[signing]\ntrust_roots = "{pki.roots}"\n')
            return _run(workspace, records)


def _signed(folder: Path, pki: Pki) -> Iterator[SignedPdf]:
    maker = Maker(pki, "", folder / "signed")
    maker.folder.mkdir()
    for number, composed in enumerate(islice(made_scans(folder), KINDS)):
        signed = maker.make(Case(("B-B", "B-T", "B-LTA")[number % 3], "rsa", "pem", "text", 2), composed)
        yield replace(signed, path=signed.path.rename(folder / "signed" / f"{number}.pdf"))


def _fill(workspace: Path, signed: list[SignedPdf], records: int) -> None:
    archive = Archive.open(workspace / "archive")
    catalogue = Catalogue.open(f"sqlite:///{workspace / 'catalogue.db'}")
    for number, pdf in enumerate(islice(cycle(signed), records)):
        given = submission(workspace.parent, scan=f"{number}", dossier=f"D{number}")
        shutil.copyfile(pdf.path, given.signed.path)
        archive.deposit(replace(given, signed=replace(pdf, path=given.signed.path)))
        given.signed.path.unlink()
    catalogue.replace_deposits(archive.deposits(), who="bench")
    catalogue.close()


def _run(workspace: Path, records: int) -> dict[str, object]:
    begun = time.monotonic()
    run = subprocess.Popen(
        [sys.executable, "-m", "cli", "--workspace", str(workspace), "verify", "--all", "--json"],
        env=os.environ | {"SOHOA_LANG": "en"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert run.stdout is not None
    assert run.stderr is not None
    progress: list[str] = []
    listening = threading.Thread(target=progress.extend, args=(run.stderr,))
    listening.start()
    memory_mb: dict[int, float] = {}
    valid = count = 0
    for count, line in enumerate(run.stdout, start=1):
        valid += '"verdict": "valid"' in line[:200]
        if count % LOOK_EACH == 0:
            status = Path(f"/proc/{run.pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+) kB", status)
            memory_mb[count] = round(int(found[1]) / 1024, 1) if found else 0.0
    code = run.wait()
    listening.join()
    seconds = time.monotonic() - begun
    return {
        "records": count, "valid": valid, "exit_code": code, "seconds_a_record": round(seconds / records, 3),
        "rss_mb": memory_mb, "progress_lines": len(progress), "last_line": progress[-1].strip() if progress else "",
    }  # fmt: skip
