"""A disk that fails, grows slow, is taken away, or lies where nobody can lock; and a clock that was set back.

The kernel itself is told to refuse (seccomp, Landlock), in a child process that nothing else is done in.
"""

import errno
import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyseccomp as seccomp
import pytest
from landlockpy import AccessFS, Ruleset

from archive.audit import audit
from archive.store import Archive
from cli import run as sohoa
from ingest.pipeline import Deposited
from ingest.signing import Seal
from samples.keys import make_demo_keys
from schemas.errors import ServiceUnavailable
from tests.archive import submission
from tests.faults.campaign import end_of, in_child
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ...]:
    return tuple(opened_seals(make_demo_keys(tmp_path_factory.mktemp("keys"))))


def office_of(folder: Path, seals: tuple[Seal, ...]) -> Office:
    """Two papers to archive."""
    folder.mkdir()
    office = opened(folder, seals)
    for number in range(2):
        office.scan(f"{number}.tif", decision(str(number + 100), street=f"Số {number}"))
    return office


def refuse(number: int, *calls: str, when: seccomp.Arg | None = None) -> None:
    """From now on the kernel answers these calls of this process with the error *number*."""
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    for call in calls:
        rules.add_rule(seccomp.ERRNO(number), call, *([when] if when is not None else []))
    rules.load()


def take_away(folder: Path) -> None:
    """From now on this process may not write in *folder*; below its neighbours it may."""
    everything = AccessFS.READ_FILE | AccessFS.READ_DIR | AccessFS.EXECUTE
    writing = AccessFS.WRITE_FILE | AccessFS.REMOVE_FILE | AccessFS.MAKE_REG | AccessFS.MAKE_DIR | AccessFS.REMOVE_DIR
    with Ruleset() as ruleset:
        ruleset.allow_path("/", everything)
        for neighbour in folder.parent.iterdir():
            if neighbour != folder:
                allowed = everything | writing if neighbour.is_dir() else AccessFS.READ_FILE | AccessFS.WRITE_FILE
                ruleset.allow_path(neighbour, allowed)
        ruleset.restrict()


def stopped(office: Office, at_step: Callable[[str], None] = lambda step: None) -> str:
    """What a batch says that stops because of the disk."""
    with pytest.raises(ServiceUnavailable) as told:
        list(office.run(office.desk(at_step)))
    return str(told.value)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, seals: tuple[Seal, ...]) -> Office:
    """An office where nothing failed."""
    office = office_of(tmp_path_factory.mktemp("unbroken") / "office", seals)
    in_child(lambda: len(list(office.run())))
    return office


def assert_goes_on_to_the_end_of(unbroken: Office, office: Office) -> None:
    assert audit(Archive.open(office.workspace / "archive")).findings == []
    in_child(lambda: len(list(office.run())))
    assert end_of(office) == end_of(unbroken)


def test_what_does_not_reach_the_disk_stops_the_batch_and_is_not_there(
    tmp_path: Path, seals: tuple[Seal, ...], unbroken: Office
) -> None:
    office = office_of(tmp_path / "office", seals)

    def failing() -> str:
        seen = []

        def at_step(step: str) -> None:
            seen.append(step)
            if seen.count("content written") == 2:  # of the second paper
                refuse(errno.EIO, "fsync")

        return stopped(office, at_step)

    assert "Input/output error" in in_child(failing)
    assert len(list(Archive.open(office.workspace / "archive").records())) == 1
    assert_goes_on_to_the_end_of(unbroken, office)


def test_a_catalogue_that_does_not_reach_the_disk_ends_the_command_with_5(tmp_path: Path) -> None:
    command = ["--workspace", str(tmp_path / "sohoa"), "rebuild"]
    assert sohoa(command) == 0

    def failing() -> int:
        refuse(errno.EIO, "fsync", "fdatasync")
        return sohoa(command)

    assert in_child(failing) == 5
    assert sohoa(command) == 0


def test_permission_that_is_lost_midway_stops_the_batch(
    tmp_path: Path, seals: tuple[Seal, ...], unbroken: Office
) -> None:
    office = office_of(tmp_path / "office", seals)

    def losing() -> str:
        seen = []

        def at_step(name: str) -> None:
            seen.append(name)
            if seen.count("ready") == 2:  # what was built is on the disk, and not in its place
                take_away(office.workspace / "archive")

        return stopped(office, at_step)

    assert "Permission denied" in in_child(losing)
    assert_goes_on_to_the_end_of(unbroken, office)


def test_an_audit_beside_a_disk_that_takes_its_time_finds_nothing_wrong(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "archive", at_step=lambda step: time.sleep(0.05))
    done = threading.Event()
    found: list[object] = []
    audits = 0

    def look() -> None:
        nonlocal audits
        while not done.is_set():
            found.extend(audit(Archive.open(tmp_path / "archive")).findings)
            audits += 1

    looking = threading.Thread(target=look)
    looking.start()
    for number in range(2):
        archive.deposit(submission(tmp_path, scan=str(number), dossier="D1"))
    done.set()
    looking.join()
    assert found == []
    assert audits > 1


def test_a_workspace_where_nobody_can_lock_is_refused_with_the_reason(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert sohoa(["--workspace", str(tmp_path / "sohoa"), "audit"]) == 0

    def refused() -> int:
        refuse(errno.ENOLCK, "fcntl", when=seccomp.Arg(1, seccomp.EQ, fcntl.F_SETLK))
        code = sohoa(["--workspace", str(tmp_path / "sohoa"), "rebuild"])
        sys.stderr.flush()
        return code

    assert in_child(refused) == 5
    assert "file system cannot lock (No locks available)" in capfd.readouterr().err


def test_an_archive_where_nobody_can_lock_is_refused_with_the_reason(tmp_path: Path) -> None:
    Archive.open(tmp_path / "archive")

    def refused() -> str:
        refuse(errno.ENOLCK, "flock")
        with pytest.raises(ServiceUnavailable) as told:
            Archive.open(tmp_path / "archive").deposit(submission(tmp_path))
        return str(told.value)

    assert "file system cannot lock (No locks available)" in in_child(refused)
    assert list(Archive.open(tmp_path / "archive").records()) == []


def test_a_clock_set_back_a_day_changes_no_order_and_breaks_nothing(tmp_path: Path, seals: tuple[Seal, ...]) -> None:
    office = office_of(tmp_path / "office", seals)
    [id, *_rest] = in_child(lambda: [one.deposit.record.id for one in office.run() if isinstance(one, Deposited)])

    head = ["--workspace", str(office.workspace)]
    withdraw, audited = [*head, "withdraw", id, "--reason", "x"], [*head, "audit", "--json", "--within-days", "7"]
    both = f"import cli, sys; sys.exit(cli.run({withdraw}) or cli.run({audited}))"
    subprocess.run(["faketime", "-f", "-1d", sys.executable, "-c", both], check=True, cwd=Path(__file__).parents[2])
    archive = Archive.open(office.workspace / "archive")
    assert archive.record(id).withdrawn is not None
    first, second = archive.history(id)
    assert second.made_at < first.made_at
    assert second.number > first.number
    assert sohoa(["--workspace", str(office.workspace), "rebuild"]) == 0
    office.state()  # the audit finds archive and catalogue at one
    assert office.catalogue().log_faults() == []
