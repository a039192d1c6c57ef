"""``rebuild`` takes no object for what was deposited that is not, or does not go on from, what the catalogue noted."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive.store import Archive
from cli import run
from schemas.records import Withdrawal
from tests.archive import NOON, submission
from tests.archive.test_replica import Office, files


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def listed(office: Office) -> list[tuple[Any, ...]]:
    """The list of deposits but for the positions, which only ever grow."""
    return [tuple(v for name, v in row._mapping.items() if name != "position")
            for row in office.workspace.catalogue.deposits()]  # fmt: skip


def rebuilt(office: Office, code: int = 0) -> str:
    office.capsys.readouterr()
    assert run(["--workspace", str(office.workspace.folder), "rebuild"]) == code
    return office.capsys.readouterr().err


def path_of(office: Office) -> str:
    return office.workspace.archive.find("one.001").object_path


def forged(office: Office, change: Callable[[Archive], object] = lambda archive: None) -> str:
    """An object that is in itself as valid as the one in whose place it is put."""
    (office.folder / "other").mkdir()
    made = Archive.open(office.folder / "forged")
    for scan, text in (("a", "giả"), ("b", "quyết định")):
        made.deposit(submission(office.folder / "other", scan=scan, dossier="one", text=text))
    change(made)
    path = path_of(office)
    shutil.rmtree(office.root / path)
    shutil.copytree(made.root / path, office.root / path)
    return path


def withdrawn(archive: Archive) -> None:
    archive.withdrawn("one.001", Withdrawal("nhầm", "", "An", NOON))


def destroyed(archive: Archive) -> None:
    archive.destroy("one.002", {"by": "An"}, operator="An")


@pytest.mark.parametrize("change", [lambda archive: None, withdrawn, destroyed])
def test_an_object_that_was_forged_whole_is_named_and_given_back_from_the_replica(
    office: Office, change: Callable[[Archive], object]
) -> None:
    before, whole = listed(office), files(office.root)
    path = forged(office, change)
    said = rebuilt(office, code=6)
    assert str(office.root / path) in said
    assert "sohoa audit --repair" in said
    assert listed(office) == before
    assert office.audits("--repair")[-1]["whole"]
    assert files(office.root) == files(office.replica) == whole
    assert rebuilt(office) == ""
    assert listed(office) == before


def test_a_version_that_changes_what_an_earlier_one_was_is_no_later_version(office: Office) -> None:
    before, path = listed(office), path_of(office)
    first = files(office.root / path / "v1")
    forged(office, withdrawn)
    for name, content in first.items():
        if name.startswith("inventory.json"):
            (office.root / path / "v1" / name).write_bytes(content)
    assert f"{path}/inventory.json: not what" in rebuilt(office, code=6)
    assert listed(office) == before


@pytest.mark.parametrize("damage", ["damaged", "gone"])
def test_what_is_damaged_or_gone_is_not_forgotten(office: Office, damage: str) -> None:
    before, whole = listed(office), files(office.root)
    if damage == "gone":
        shutil.rmtree(office.root / path_of(office))
    else:
        (office.workspace.archive.pdf("one.001").parent / "metadata.json").write_text("{}")
    assert "sohoa audit" in rebuilt(office, code=6)
    assert listed(office) == before
    assert office.audits("--repair")[-1]["whole"]
    assert files(office.root) == whole


@pytest.mark.parametrize(
    "change",
    [
        withdrawn,
        destroyed,
        lambda archive: archive.deposit(submission(archive.root.parent, scan="d", dossier="one")),
        lambda archive: archive.corrected(
            replace(submission(archive.root.parent, scan="a", dossier="one"), procedure="1.000001")
        ),
    ],
)
def test_what_was_done_and_never_noted_is_taken_over_without_alarm(
    office: Office, change: Callable[[Archive], object]
) -> None:
    before = listed(office)
    change(office.workspace.archive)
    assert rebuilt(office) == ""
    assert listed(office) != before
    assert office.audits()[-1]["whole"]


def test_a_repair_does_not_bring_back_what_a_killed_run_had_destroyed(office: Office) -> None:
    secret = office.workspace.archive.pdf("one.002").read_bytes()
    destroyed(office.workspace.archive)
    found = office.audits("--repair", code=6)
    assert [(one["path"], one["fault"]) for one in found[:-1]] == [("one.002", "disagrees")]
    assert secret not in files(office.root).values()
    assert rebuilt(office) == ""
    assert office.audits("--repair")[-1]["whole"]
    assert secret not in [*files(office.root).values(), *files(office.replica).values()]


def test_a_destruction_that_the_backup_did_not_know_is_taken_over_without_alarm(office: Office) -> None:
    backup = office.folder / "b.tar"
    assert run(["--workspace", str(office.workspace.folder), "backup", str(backup)]) == 0
    withdrawn(office.workspace.archive)
    office.workspace.catalogue.note_deposit(office.workspace.archive.find("one.001"), who="An")
    left = office.workspace.archive.destroy("one.001", {"by": "An"}, operator="An")
    office.workspace.catalogue.note_destruction("one.001", left, who="An", what="destroy", now=NOON)
    office.workspace.catalogue.close()
    (office.folder / "new").mkdir()
    shutil.copytree(office.root, office.folder / "new" / "archive")
    assert run(["--workspace", str(office.folder / "new"), "restore", str(backup)]) == 0
