"""Two runs on one workspace: one writes, the other is refused at once or only reads."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.catalogue import Catalogue
from archive.store import Archive
from cli import run as sohoa
from commands.workspace import Workspace
from samples.keys import make_demo_keys
from tests.archive import submission
from tests.archive.test_workspace import HOLDER
from tests.ingest.drawn import small_page


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A workspace that another process writes to, and that process's id."""
    keys = make_demo_keys(tmp_path / "keys")
    workspace = Workspace.open(tmp_path / "sohoa")
    (workspace.folder / "sohoa.toml").write_text(
        f'[signing]\noperator_key = "{keys.operator_key}"\noperator_password_file = "{keys.operator_password_file}"\n'
    )
    (tmp_path / "inbox").mkdir()
    small_page(3).save(tmp_path / "inbox" / "a.png", dpi=(50, 50))
    workspace.catalogue.note_deposit(workspace.archive.deposit(submission(tmp_path)), who="An")
    workspace.catalogue.close()
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workspace.folder)], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert holding.stdout is not None
    assert holding.stdout.readline() == "held\n"
    yield workspace.folder, holding.pid
    holding.kill()
    holding.wait()


@pytest.mark.parametrize("command", [["ingest", "INBOX"], ["rebuild"], ["review", "reject", "abc", "--reason", "x"]])
def test_a_second_writing_command_is_refused_and_named_the_holder(
    held: tuple[Path, int], command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, pid = held
    words = [word.replace("INBOX", str(folder.parent / "inbox")) for word in command]
    assert sohoa(["--workspace", str(folder), *words]) == 5
    assert f"process {pid} on " in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["audit"], ["review", "list"], ["show", "H29.17-230815-0001.001"], ["search", "quyết định"]]
)
def test_a_reading_command_is_not_held_up(held: tuple[Path, int], command: list[str]) -> None:
    folder, _pid = held
    assert sohoa(["--workspace", str(folder), *command]) == 0


def test_readers_see_only_whole_records_while_deposits_are_made(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "archive")
    catalogue = Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db")
    done = threading.Event()
    wrong: list[str] = []
    seen = 0

    def read() -> None:
        nonlocal seen
        reader = Archive.open(tmp_path / "archive")
        listed = Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db")
        while not done.is_set():
            for _position, record_id in listed.deposited_after(0, 100):
                record = reader.record(record_id)  # raises where anything of it is not there
                if not reader.pdf(record.id).read_bytes().startswith(b"%PDF"):
                    wrong.append(record_id)
                seen += 1

    def guarded() -> None:
        try:
            read()
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            wrong.append(repr(error))

    readers = [threading.Thread(target=guarded) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(15):
        deposit = archive.deposit(submission(tmp_path, scan=str(number), dossier=f"D{number % 3}"))
        catalogue.note_deposit(deposit, who="An")
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert seen > 0


def test_a_lock_file_of_another_machine_that_is_gone_is_stale(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "sohoa")
    (workspace.folder / "lock").write_text('{"pid": 1, "host": "elsewhere", "since": "2020-01-01T00:00:00+07:00"}')
    with workspace.only_writer():
        assert str(os.getpid()) in (workspace.folder / "lock").read_text()
