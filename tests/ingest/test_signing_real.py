"""The signatures on papers that agencies signed themselves: we see what EU DSS sees, file by file."""

from pathlib import Path

import pytest

from ingest.signing import Verdict, verify
from tests.services import dss, scans


def signed_papers(data: Path) -> list[Path]:
    files = sorted(file for folder in ("scans", "born_digital") for file in (data / folder).rglob("*.pdf"))
    return [file for file in files if b"/ByteRange" in file.read_bytes()]


@pytest.mark.scans
@pytest.mark.service("EU DSS")
def test_signers_and_integrity_are_what_a_stranger_sees() -> None:
    files = signed_papers(scans())
    assert files
    theirs = {
        file.name: [(one.signer, one.intact) for one in signatures] for file, signatures in dss.judge(files).items()
    }
    verdicts = {file.name: [one for one in verify(file, None) if one.kind == "signature"] for file in files}
    assert {name: [(one.signer, one.intact) for one in found] for name, found in verdicts.items()} == theirs
    # DSS only warns of what is added after a signature; we say who signed the result.
    assert {one.verdict for found in verdicts.values() for one in found} <= {Verdict.ISSUER_UNKNOWN, Verdict.AMENDED}
