"""A disk that is full, read-only or fails: a clean stop, nothing half-visible, and on it goes when that is mended."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.audit import audit
from archive.store import Archive
from cli import run as sohoa
from ingest.pipeline import Deposited
from ingest.signing import Seal
from samples.keys import make_demo_keys
from schemas.errors import ServiceUnavailable
from tests.archive import submission
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.decode(errors='replace')}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def test_a_full_disk_stops_a_deposit_cleanly_and_it_goes_on_with_more_room(tmp_path: Path, small_disk: Path) -> None:
    archive = Archive.open(small_disk / "archive")
    given = (submission(tmp_path, scan=f"scan {number}", dossier=f"D{number}") for number in range(1000))
    with pytest.raises(ServiceUnavailable, match="No space left"):
        any(not archive.deposit(one).new for one in given)
    deposited = len(list(archive.records()))
    assert deposited > 3
    assert audit(archive).findings == []
    remount(small_disk, "size=10m")
    again = [archive.deposit(submission(tmp_path, scan=f"scan {n}", dossier=f"D{n}")) for n in range(deposited + 1)]
    assert [deposit.new for deposit in again] == [False] * deposited + [True]
    assert audit(archive).findings == []


def test_a_disk_made_read_only_stops_a_deposit_and_reading_goes_on(tmp_path: Path, small_disk: Path) -> None:
    archive = Archive.open(small_disk / "archive")
    first = archive.deposit(submission(tmp_path, scan="a")).record
    remount(small_disk, "ro")
    with pytest.raises(ServiceUnavailable, match="Read-only"):
        archive.deposit(submission(tmp_path, scan="b"))
    archive = Archive.open(small_disk / "archive")
    assert list(archive.records()) == [first]
    assert audit(archive).findings == []
    remount(small_disk, "rw")
    assert archive.deposit(submission(tmp_path, scan="b")).new


@pytest.mark.parametrize("step", ["content written", "version built", "flushed"])
def test_an_input_output_error_while_building_leaves_nothing(tmp_path: Path, step: str) -> None:
    def fail(name: str) -> None:
        if name == step:
            raise OSError(errno.EIO, "Input/output error")

    archive = Archive.open(tmp_path / "archive", at_step=fail)
    with pytest.raises(ServiceUnavailable, match="Input/output error"):
        archive.deposit(submission(tmp_path))
    assert not (archive.root / "extensions" / "sohoa-staging").exists()
    assert list(archive.records()) == []


@pytest.mark.parametrize("step", ["ready", "in place: v2", "in place: inventory.json"])
def test_an_input_output_error_while_putting_in_place_is_mended_by_the_next_deposit(tmp_path: Path, step: str) -> None:
    Archive.open(tmp_path / "archive").deposit(submission(tmp_path, scan="a"))

    def fail(name: str) -> None:
        if name == step:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(ServiceUnavailable, match="Input/output error"):
        Archive.open(tmp_path / "archive", at_step=fail).deposit(submission(tmp_path, scan="b"))
    archive = Archive.open(tmp_path / "archive")
    assert not archive.deposit(submission(tmp_path, scan="b")).new
    assert audit(archive).findings == []


def test_a_batch_on_a_full_disk_stops_with_a_remedy_and_goes_on_with_more_room(
    small_disk: Path, tmp_path: Path
) -> None:
    seals: tuple[Seal, ...] = tuple(opened_seals(make_demo_keys(tmp_path / "keys")))
    made = opened(_made(tmp_path / "office"), seals)
    for number in range(12):
        made.scan(f"{number}.tif", decision(str(number + 100), street=f"Số {number}"))
    made.workspace.rename(tmp_path / "elsewhere")
    office = Office(made.folder, seals, made.reader)
    office.workspace.symlink_to(small_disk)
    for part in ("waiting", "tmp", "quarantine"):
        (small_disk / part).mkdir()
    with pytest.raises(ServiceUnavailable):
        list(office.run())
    remount(small_disk, "size=40m")
    before = len(list(Archive.open(small_disk / "archive").records()))
    assert before < 12
    assert len([event for event in office.run() if isinstance(event, Deposited)]) >= 12 - before
    assert len(list(Archive.open(small_disk / "archive").records())) == 12
    office.state()


def test_a_workspace_on_a_full_disk_ends_with_5(small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (small_disk / "filler").open("wb") as filler, pytest.raises(OSError, match="No space left"):
        filler.write(b"\0" * 2_000_000)
    assert sohoa(["--workspace", str(small_disk / "sohoa"), "audit"]) == 5
    assert "make room" in capsys.readouterr().err


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
