"""``sohoa audit --signatures``: whole files whose signatures do not hold are named too."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from archive.store import Archive
from cli import run as sohoa
from commands.workspace import Workspace
from ingest.pipeline import Deposited
from samples.keys import make_demo_keys
from tests.archive import submission
from tests.ingest.office import opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals


def test_a_record_with_no_signature_that_holds_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    office = opened(tmp_path, tuple(opened_seals(make_demo_keys(tmp_path / "keys"))))
    office.scan("a.tif", decision("1"))
    [good] = [event.deposit for event in office.run() if isinstance(event, Deposited)]
    command = ["--workspace", str(office.workspace), "audit", "--signatures", "--json"]
    assert sohoa(command) == 0
    capsys.readouterr()

    workspace = Workspace.open(office.workspace)
    signed = Archive.open(office.workspace / "archive").pdf(good.record.id).read_bytes()
    forged = signed[:3000] + bytes([signed[3000] ^ 1]) + signed[3001:]  # changed before it came into the archive
    for scan, content in (("unsigned", b"%PDF-1.7\n1 0 obj"), ("forged", forged)):
        given = submission(tmp_path, scan=scan, dossier=scan)
        given.signed.path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        deposit = workspace.archive.deposit(replace(given, signed=replace(given.signed, sha256=sha256)))
        workspace.catalogue.note_deposit(deposit, who="An")
    assert sohoa(command) == 6
    *findings, summary = map(json.loads, capsys.readouterr().out.splitlines())
    found = [(finding["path"], finding["fault"]) for finding in findings]
    both = 2 * [("forged.001", "signature")]  # the operator's and the agency's
    assert found == [("unsigned.001", "signature"), *both]
    assert summary["whole"] is False
