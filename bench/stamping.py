"""The whole way with a timestamp service that takes 2 s, beside the same without one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from samples.keys import make_demo_keys
from tests.services.pki import running_pki

SLOW_S = 2.0


def measured(scans: Path, times: int) -> dict[str, object]:
    """Pages per second of either, and the ratio of their sums; each run in a process and a workspace of its own."""
    taken: dict[str, list[float]] = {"without": [], "with": []}
    pages = waiting = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = make_demo_keys(folder / "keys")
        (folder / "pki").mkdir()
        with running_pki(folder / "pki", SLOW_S) as pki:
            for turn in range(times):
                for kind in taken:
                    workspace = folder / f"{kind}-{turn}"
                    workspace.mkdir()
                    more = f'level = "B-T"\ntimestamp_urls = ["{pki.url}/slow"]\n' if kind == "with" else ""
                    (workspace / "sohoa.toml").write_text(keys.settings() + more, encoding="utf-8")
                    summary = _ingested(workspace, scans)
                    taken[kind].append(summary["seconds"])
                    pages = int(summary["pages"])
                    waiting += int(summary["wait_for_timestamp"])
    speeds = {kind: round(pages * times / sum(seconds), 3) for kind, seconds in taken.items()}
    return {
        "pages": pages, "seconds": taken, "pages_per_second": speeds, "wait_for_timestamp": waiting,
        "ratio": round(sum(taken["without"]) / sum(taken["with"]), 3),
    }  # fmt: skip


def _ingested(workspace: Path, scans: Path) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, "-m", "cli", "--workspace", str(workspace), "ingest", str(scans), "--json"],
        env=os.environ | {"OMP_THREAD_LIMIT": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode in (0, 3), run.stderr[-2000:]
    summary: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return summary
