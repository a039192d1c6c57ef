"""What stands in quarantine/ of a scan that bears a secrecy stamp, and what a release does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import cli
from archive.catalogue import Catalogue
from ingest.pipeline import Skipped
from ingest.quarantine import Quarantine
from schemas.errors import InputRejected
from schemas.pages import MediaType, PageState, PageText, Scan
from schemas.work import ScanState, SecretScan
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision
from tests.values import NOON

SECRET_PAGE = PageText(1, 413, 585, 50.0, state=PageState.SECRET)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return opened(tmp_path, ())


def stopped(office: Office, *, moved: bool) -> tuple[Path, dict[str, object]]:
    """The scan, and the incident that is noted of it."""
    scan = office.scan("a.tif", decision("1"), SECRET_PAGE)
    list(office.run(replace(office.desk(), takes_secret_scans=moved)))
    [note] = (office.workspace / "quarantine").glob("*.json")
    return scan, json.loads(note.read_text())


def test_the_note_says_which_file_and_page_when_and_what_to_do(office: Office) -> None:
    scan, incident = stopped(office, moved=False)
    assert scan.exists()
    assert (incident["scan"], incident["page"], incident["operator"]) == (str(scan), 2, "An")
    assert incident["seen_at"]
    assert "sohoa review release" in str(incident["what_to_do"])


def test_by_setting_the_scan_is_moved_where_only_its_owner_looks(office: Office) -> None:
    scan, incident = stopped(office, moved=True)
    here = office.workspace / "quarantine" / str(incident["moved_to"])
    assert not scan.exists()
    assert here.stat().st_mode & 0o777 == 0o600
    assert here.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("moved", [False, True])
def test_a_false_alarm_is_released_by_name_with_a_reason_and_logged(office: Office, moved: bool) -> None:
    scan, incident = stopped(office, moved=moved)
    before = scan.read_bytes() if scan.exists() else None
    sha256 = str(incident["sha256"])
    words = ["--workspace", str(office.workspace), "review", "release", sha256[:10], "--operator", "Bình"]
    assert cli.run([*words, "--reason", "dấu của cơ quan, không phải dấu mật"]) == 0
    assert scan.exists()
    assert before is None or scan.read_bytes() == before
    catalogue = Catalogue.open(f"sqlite:///{office.workspace / 'catalogue.db'}")
    assert catalogue.is_released(sha256)
    assert catalogue.scan_state(sha256) == (ScanState.TAKEN, catalogue.batches()[0].id)
    entry = list(catalogue.log())[-1]
    assert (entry.who, entry.subject) == ("Bình", sha256)
    assert "dấu của cơ quan" in entry.what
    assert cli.run([*words, "--reason", "again"]) == 4


def test_a_scan_that_was_stopped_is_not_looked_at_again(office: Office) -> None:
    stopped(office, moved=False)
    asked = list(office.reader.asked)
    [event] = office.run()
    assert isinstance(event, Skipped)
    assert office.reader.asked == asked


def test_nothing_is_overwritten_when_a_scan_is_put_back(tmp_path: Path) -> None:
    file = tmp_path / "a.json"  # by its name no scan
    file.write_bytes(b"%PDF-1.7")
    (tmp_path / "quarantine").mkdir()
    quarantine = Quarantine(tmp_path / "quarantine", takes_scans=True)
    scan = Scan(file, "ab" * 32, 8, MediaType.PDF)
    quarantine.note(SecretScan(scan, 1), "An", NOON)
    quarantine.note(SecretScan(scan, 1), "An", NOON)  # killed in between, and run again
    incident, _note = quarantine.incident("abab")
    file.write_bytes(b"scanned in the meantime")
    with pytest.raises(InputRejected, match="another file lies there"):
        quarantine.put_back(incident)
    file.unlink()
    quarantine.put_back(incident)
    assert file.read_bytes() == b"%PDF-1.7"
