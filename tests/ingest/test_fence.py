"""A process that parses what others made can read that, and do nothing else."""

import os
import shutil
import time
from pathlib import Path

import pytest

from ingest import fencedprocess
from ingest.fence import Fence
from ingest.fencedpages import PROGRAMS
from ingest.fencedprocess import FencedProcess, TookTooLong
from ingest.fencetrial import escapes
from schemas.errors import IntegrityBroken

PROGRAM_PATHS = tuple(Path(found) for name in PROGRAMS if (found := shutil.which(name)))


@pytest.mark.parametrize("programs", [(), PROGRAM_PATHS], ids=["a reader of pages", "an opener of scans"])
def test_a_process_that_tries_comes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: tuple[Path, ...]
) -> None:
    monkeypatch.setenv("SOHOA_SIGNING_OPERATOR_PASSWORD", "secret")
    secret = tmp_path / "key.p12"
    secret.write_bytes(b"secret")
    before = secret.stat()
    assert escapes(Fence(programs=programs), forbidden=secret) == ()
    assert secret.stat() == before
    assert [path.name for path in tmp_path.iterdir()] == ["key.p12"]


def test_it_reads_its_file_and_writes_its_folder(tmp_path: Path) -> None:
    mine, other = tmp_path / "scan.pdf", tmp_path / "other.pdf"
    for file in (mine, other):
        file.write_bytes(b"%PDF")
    folder = tmp_path / "own"
    folder.mkdir()
    process = FencedProcess(Fence((mine,), folder, file_bytes=1000), ready, ())
    try:
        assert process.run(content, (mine,), 10) == b"%PDF"
        assert process.run(write, (folder / "made",), 10) == 1
        with pytest.raises(PermissionError):
            process.run(content, (other,), 10)
        with pytest.raises(PermissionError):
            process.run(write, (tmp_path / "made",), 10)
    finally:
        process.close()


def ready() -> None:
    pass


def content(file: Path) -> bytes:
    return file.read_bytes()


def write(file: Path) -> int:
    return file.write_bytes(b"x")


def breaks() -> object:
    raise IntegrityBroken("ours")


def exhausts() -> object:
    return bytearray(1 << 36)


def spins() -> None:
    while True:
        pass


def naps() -> int:
    time.sleep(1.5)
    return 1


def test_a_busy_machine_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    process = FencedProcess(Fence(), ready, ())
    try:
        monkeypatch.setattr(fencedprocess, "slowness", lambda: 8.0)
        assert process.run(naps, (), 1) == 1
        monkeypatch.setattr(fencedprocess, "slowness", lambda: 1.0)
        with pytest.raises(TookTooLong):
            process.run(naps, (), 1)
    finally:
        process.close()


@pytest.mark.parametrize(("wanting_a_core", "times"), [(0.1, 1), (2, 1), (5, 2.5), (90, 8)])
def test_time_is_stretched_by_what_else_wants_the_processor(
    monkeypatch: pytest.MonkeyPatch, wanting_a_core: float, times: float
) -> None:
    load = wanting_a_core * len(os.sched_getaffinity(0))
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert fencedprocess.slowness() == pytest.approx(times)


def test_its_errors_are_ours_again() -> None:
    process = FencedProcess(Fence(), ready, ())
    try:
        with pytest.raises(IntegrityBroken, match="ours"):
            process.run(breaks, (), 10)
        with pytest.raises(MemoryError):
            process.run(exhausts, (), 10)
        with pytest.raises(TookTooLong):
            process.run(spins, (), 1)
    finally:
        process.close()
