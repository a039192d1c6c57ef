"""Prometheus is told figures, and nothing that a paper says."""

import re
import socket
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands.metrics import metered
from commands.workspace import Workspace
from ingest.pipeline import ScanDone
from schemas.errors import ServiceUnavailable
from schemas.pages import MediaType, PageState, PageText, Scan
from schemas.work import RejectedScan
from tests.services import free_port

DASHBOARD = Path(__file__).resolve().parents[2] / "docs" / "grafana.json"


def test_a_run_answers_with_its_figures_while_it_lasts(tmp_path: Path) -> None:
    port = free_port()
    scan = Scan(Path("tối mật.pdf"), "a" * 64, 10, MediaType.PDF)
    workspace = Workspace.open(tmp_path)
    workspace.catalogue.take_scan(workspace.catalogue.begin_batch("an", datetime.now(UTC)).id, scan)
    with metered(port, workspace) as meter:
        meter.page(PageText(1, 10, 10, 200.0, 0, state=PageState.NOT_READ, reason="bí mật"))
        meter.event(ScanDone(scan, 1, 1))
        meter.event(RejectedScan("tối mật.pdf", "", "hỏng"))
        meter.signed(0.3)
        told = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    for line in (
        'sohoa_pages_total{state="not_read"} 1.0', 'sohoa_scans_total{ending="done"} 1.0',
        'sohoa_scans_total{ending="rejected"} 1.0', "sohoa_signing_seconds_count 1.0", "sohoa_holds_waiting 0.0",
        "sohoa_scans_in_work 1.0", "sohoa_index_behind_records 0.0",
    ):  # fmt: skip
        assert line in told.splitlines()
    assert "mật" not in told
    shown = set(re.findall(r"sohoa_\w+", DASHBOARD.read_text(encoding="utf-8")))
    assert shown
    assert {name for name in shown if name not in told} == set()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        workspace = Workspace.open(tmp_path)
        with pytest.raises(ServiceUnavailable, match=f"--metrics-port {port}"), metered(port, workspace):
            pass
