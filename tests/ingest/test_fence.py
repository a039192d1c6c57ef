"""A process that parses what others made can read that, and do nothing else."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ingest.fence import Fence
from ingest.fencedpages import PROGRAMS
from ingest.fencedprocess import FencedProcess, TookTooLong, WorkerDied
from ingest.fencetrial import escapes
from schemas.errors import IntegrityBroken
from schemas.pages import PageState

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
        assert process.run(Path.read_bytes, (mine,), 10) == b"%PDF"
        assert process.run(Path.write_bytes, (folder / "made", b"x"), 10) == 1
        with pytest.raises(PermissionError):
            process.run(Path.read_bytes, (other,), 10)
        with pytest.raises(PermissionError):
            process.run(Path.write_bytes, (tmp_path / "made", b"x"), 10)
    finally:
        process.close()


def ready() -> None:
    pass


class Hostile:
    """Pickled, it is a call of whatever unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch hacked",)


def hostile() -> Hostile:
    return Hostile()


class ByGetattr:
    """Pickled as Python 3.11.0 to 3.11.3 pickles a member of an enumeration."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (PageState, self.name)


def member() -> ByGetattr:
    return ByGetattr("BLANK")


def attribute() -> ByGetattr:
    return ByGetattr("mro")


def breaks() -> object:
    raise IntegrityBroken("ours")


def exhausts() -> object:
    return bytearray(1 << 36)


def spins() -> None:
    while True:
        pass


def test_what_it_answers_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    process = FencedProcess(Fence(), ready, ())
    with pytest.raises(WorkerDied, match="system"):
        process.run(hostile, (), 10)
    process.close()
    assert list(tmp_path.iterdir()) == []


def test_a_member_of_an_enumeration_is_believed_however_it_was_pickled_and_no_other_attribute() -> None:
    process = FencedProcess(Fence(), ready, ())
    assert process.run(member, (), 10) is PageState.BLANK
    with pytest.raises(WorkerDied, match="getattr of"):
        process.run(attribute, (), 10)
    process.close()


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
