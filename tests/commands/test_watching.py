"""``ingest --watch`` as a process: it says that it is at work, takes what arrives, and ends when it is asked to."""

import io
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pytest

import cli
from commands.ingest import _stopping_softly
from samples import papers
from samples.drawing import draw_paper
from samples.keys import make_demo_keys
from samples.scans import scanned
from tests.ingest.drawn import small_page

PATIENCE_S = 120.0
"""Only how long a broken watcher is waited for; a whole one takes what arrives within some 8 s."""


@dataclass
class Watcher:
    """A watching process and the lines that it has printed."""

    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)
    said: threading.Condition = field(default_factory=threading.Condition)

    def listen(self, stream: TextIO) -> None:
        for line in stream:
            with self.said:
                self.lines.append(line.rstrip())
                self.said.notify_all()

    def waits_for(self, enough: Callable[[list[str]], bool]) -> None:
        with self.said:
            assert self.said.wait_for(lambda: enough(self.lines), PATIENCE_S), self.lines

    def status(self) -> list[str]:
        return [line for line in self.lines if ": watching; " in line]


def watching(home: Path, workspace: str) -> "subprocess.Popen[str]":
    (home / workspace).mkdir()
    settings = make_demo_keys(home / "keys").settings() + "[intake]\nstatus_every_s = 1\n"
    (home / workspace / "sohoa.toml").write_text(settings, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "--workspace", str(home / workspace), "ingest", "--watch", "--workers", "1",
         "--fast", str(home / "inbox")],
        env=os.environ | {"SOHOA_LANG": "en", "PYTHONPATH": str(Path(cli.__file__).parent)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    """Watching ``inbox``, with a status line a second."""
    (tmp_path / "inbox").mkdir()
    watcher = Watcher(watching(tmp_path, "sohoa"))
    process = watcher.process
    assert process.stdout is not None
    listener = threading.Thread(target=watcher.listen, args=[process.stdout])
    listener.start()
    yield watcher
    process.kill()
    process.wait()
    listener.join()


def test_it_says_that_it_is_at_work_takes_what_arrives_and_stops_when_asked(watcher: Watcher, tmp_path: Path) -> None:
    watcher.waits_for(lambda lines: len(watcher.status()) >= 3)
    assert "0 scans taken, 0 still arriving, 0 documents wait" in watcher.status()[0]
    (tmp_path / "inbox" / "stalled.pdf").write_bytes(b"%PDF-1.7 the rest is on its way")
    (tmp_path / "inbox" / "bad.tif").write_bytes(b"not a scan")
    package = tmp_path / "inbox" / "2026" / f"uuid-{uuid.uuid4()}"
    (package / "data").mkdir(parents=True)
    small_page(2).save(package / "data" / "record.png", dpi=(50, 50))
    (package / "METS.xml").write_text("<mets/>")
    small_page(1).save(tmp_path / "inbox" / "good.png", dpi=(50, 50))
    watcher.waits_for(lambda lines: "2 scans taken, 1 still arriving, 1 documents wait" in watcher.status()[-1])
    assert len([line for line in watcher.lines if line.endswith(f"this takes it in: sohoa ingest {package}")]) == 1
    assert any("bad.tif" in line and line.startswith("rejected: ") for line in watcher.lines)
    watcher.process.send_signal(signal.SIGINT)
    assert watcher.process.wait(PATIENCE_S) == 0
    assert not any("Traceback" in line for line in watcher.lines), watcher.lines


def test_it_says_so_during_a_long_batch_too(watcher: Watcher, tmp_path: Path) -> None:
    [page] = draw_paper(papers.BUSINESS, seed=11)
    stack = [scanned(page, seed=seed).convert("L") for seed in range(8)]
    stack[0].save(tmp_path / "inbox" / "stack.tif", save_all=True, append_images=stack[1:], dpi=(200, 200))
    in_work = re.compile(r"watching; 0 scans taken, 1 more in work: (\d+) pages read, \d+ documents of them wait")

    def pages_read(lines: list[str]) -> list[int]:
        return [int(found[1]) for line in lines if (found := in_work.search(line))]

    watcher.waits_for(lambda lines: len(set(pages_read(lines))) >= 2)
    watcher.waits_for(lambda lines: any("watching; 1 scans taken, 0 still arriving" in line for line in lines))
    assert pages_read(watcher.lines) == sorted(pages_read(watcher.lines))


def test_a_second_watcher_of_the_folder_is_refused(watcher: Watcher, tmp_path: Path) -> None:
    watcher.waits_for(lambda lines: bool(watcher.status()))
    second = watching(tmp_path, "other")
    said, _nothing = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 5
    assert "another sohoa watches this folder" in said


class Interrupted(io.RawIOBase):
    """Ctrl-C comes while something is printed here."""

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        assert isinstance(content, memoryview)
        os.kill(os.getpid(), signal.SIGINT)
        return len(content)


def test_ctrl_c_while_something_is_printed_stops_softly(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BufferedWriter(Interrupted())))
    with _stopping_softly() as stop:
        print("watching", file=sys.stderr, flush=True)
    assert stop.asked
    monkeypatch.undo()
    assert capfd.readouterr().err.count("\n") == 1
