"""A log for programs: ids of batches and scans, and nothing that a paper or a file's name says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands.metrics import NoMeter
from commands.runlog import logged
from ingest.pipeline import Held, ScanDone, Skipped
from schemas.errors import ServiceUnavailable
from schemas.pages import MediaType, Scan
from schemas.work import Hold, RejectedScan, ScanState, SecretScan

SCAN = Scan(Path("/inbox/Nguyễn Thị Hồng.pdf"), "a" * 64, 10, MediaType.PDF)
HOLD = Hold("abc123", "b1", SCAN.sha256, str(SCAN.path), 1, "H29.17", datetime.now(UTC),
            ("nearly the same text as Nguyễn.001",), {"a": "Nguyễn"}, "waiting/abc123.pdf")  # fmt: skip


def test_each_step_of_a_run_is_a_line_with_its_batch_and_scan(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    with pytest.raises(ServiceUnavailable):
        run_that_stops(file)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["event"] for line in lines] == [
        "batch begun", "document held", "scan done", "scan skipped", "scan quarantined", "scan rejected", "run stopped",
    ]  # fmt: skip
    assert {line["batch"] for line in lines} == {"b1"}
    assert {line["scan"] for line in lines if "scan" in line} == {SCAN.sha256}
    assert lines[2] | {"at": "", "seconds": 0} == {
        "event": "scan done", "at": "", "batch": "b1", "seconds": 0, "scan": SCAN.sha256, "pages": 3, "documents": 1,
    }  # fmt: skip
    assert lines[-1]["error"] == "ServiceUnavailable"
    assert "Nguy" not in json.dumps(lines, ensure_ascii=False)
    assert file.stat().st_mode & 0o777 == 0o600


def run_that_stops(file: Path) -> None:
    with logged(str(file), NoMeter()) as log:
        assert log is not None
        log.begun("b1")
        for event in (
            Held(SCAN, HOLD), ScanDone(SCAN, 3, 1), Skipped(SCAN, ScanState.DONE), SecretScan(SCAN, 2),
            RejectedScan(str(SCAN.path), SCAN.sha256, "Nguyễn Thị Hồng.pdf: empty"),
        ):  # fmt: skip
            log.event(event)
        raise ServiceUnavailable("no room for Nguyễn Thị Hồng.pdf")


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceUnavailable, match=r"log\.file: .*none/log"),
        logged(str(tmp_path / "none" / "log"), NoMeter()),
    ):
        pass
