"""Prometheus is told figures, and nothing that a paper says."""

import os
import re
import socket
import time
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
    waits = tmp_path / "tối mật 2.pdf"
    waits.touch()
    os.utime(waits, (time.time() - 100, time.time() - 100))
    with metered(port, workspace) as meter:
        meter.found([scan, Scan(waits, "b" * 64, 10, MediaType.PDF)])
        meter.not_indexed()
        meter.page(PageText(1, 10, 10, 200.0, 0, state=PageState.NOT_READ, reason="bí mật"))
        meter.event(ScanDone(scan, 1, 1))
        meter.event(RejectedScan("tối mật.pdf", "", "hỏng"))
        meter.signed(0.3)
        told = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    for line in (
        'sohoa_pages_total{state="not_read"} 1.0', 'sohoa_scans_total{ending="done"} 1.0',
        'sohoa_scans_total{ending="rejected"} 1.0', "sohoa_signing_seconds_count 1.0", "sohoa_holds_waiting 0.0",
        "sohoa_scans_in_work 1.0", "sohoa_index_behind_records 0.0",
        "sohoa_scans_waiting 1.0", 'sohoa_errors_total{reason="page not read"} 1.0',
        'sohoa_errors_total{reason="scan rejected"} 1.0', 'sohoa_errors_total{reason="not indexed"} 1.0',
    ):  # fmt: skip
        assert line in told.splitlines()
    figures = {
        name: float(value) for name, value in (line.split() for line in told.splitlines() if line.count(" ") == 1)
    }
    assert 100 <= figures["sohoa_oldest_scan_age_seconds"] < 200
    assert figures["sohoa_disk_free_bytes"] > 0
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
