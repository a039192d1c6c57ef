"""A second root is kept in step, found damaged like the first, and gives back what is damaged, never without proof."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import archive.audit as archive_audit
from archive.audit import audit, due
from archive.findings import Audit, Fault
from archive.replica import copy_object, give_back
from archive.store import Archive
from cli import run
from commands.indexing import index_or_say
from commands.workspace import Workspace
from schemas.errors import IntegrityBroken
from schemas.records import Withdrawal
from tests.archive import NOON, submission
from tests.archive.test_changes import killed_at
from tests.archive.test_store import assert_valid


class Office:
    """A workspace with a replica, and three records in two dossiers."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        (folder / "w").mkdir()
        (folder / "w" / "sohoa.toml").write_text(f'[archive]\nreplicas = ["{folder}/replica"]\n')
        self.workspace = Workspace.open(folder / "w")
        for scan, dossier in (("a", "one"), ("b", "one"), ("c", "two")):
            self.deposit(scan, dossier)
        index_or_say(self.workspace)

    def deposit(self, scan: str, dossier: str) -> None:
        deposit = self.workspace.archive.deposit(submission(self.folder, scan=scan, dossier=dossier))
        self.workspace.catalogue.note_deposit(deposit, who="An")

    @property
    def root(self) -> Path:
        return self.workspace.archive.root

    @property
    def replica(self) -> Path:
        return self.folder / "replica"

    def audits(self, *options: str, code: int = 0) -> list[dict[str, Any]]:
        self.capsys.readouterr()
        assert run(["--workspace", str(self.workspace.folder), "audit", "--json", *options]) == code
        return [json.loads(line) for line in self.capsys.readouterr().out.splitlines()]


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def files(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_a_replica_is_the_archive_byte_for_byte_and_catches_up(office: Office) -> None:
    assert files(office.replica) == files(office.root)
    office.deposit("d", "two")
    office.workspace.archive.withdrawn("one.001", Withdrawal("nhầm", "", "An", NOON))
    office.workspace.catalogue.note_deposit(office.workspace.archive.find("one.001"), who="An")
    assert files(office.replica) != files(office.root)
    index_or_say(office.workspace)
    assert files(office.replica) == files(office.root)
    assert_valid(office.replica)
    assert office.audits()[-1]["objects"] == 4


def test_what_is_destroyed_is_nowhere(office: Office) -> None:
    left = office.workspace.archive.destroy("one.001", {"by": "An"}, operator="An")
    office.workspace.catalogue.note_destruction("one.001", left, who="An", what="destroy", now=NOON)
    index_or_say(office.workspace)
    assert files(office.replica) == files(office.root)
    assert_valid(office.replica)


def test_a_replica_whose_disk_is_gone_is_not_begun_anew(office: Office) -> None:
    shutil.move(office.replica, office.folder / "elsewhere")
    office.deposit("d", "two")
    index_or_say(office.workspace)
    assert "mounted" in office.capsys.readouterr().err
    assert not office.replica.exists()
    shutil.move(office.folder / "elsewhere", office.replica)
    index_or_say(office.workspace)
    assert files(office.replica) == files(office.root)


@pytest.mark.parametrize("side", ["archive", "replica"])
@pytest.mark.parametrize("damage", ["flip", "gone", "added", "object gone"])
def test_a_damaged_object_is_given_back_from_a_proven_copy_and_kept_aside(
    office: Office, side: str, damage: str
) -> None:
    whole = files(office.root)
    root = office.root if side == "archive" else office.replica
    pdf = root / office.workspace.archive.pdf("one.001").relative_to(office.root)
    match damage:
        case "flip":
            pdf.write_bytes(b"%PDF-1.7 forged")
        case "gone":
            pdf.unlink()
        case "added":
            pdf.with_name("more.pdf").write_bytes(b"x")
        case _:
            shutil.rmtree(pdf.parents[3])
    assert office.audits(code=6)[-1]["whole"] is False
    mended = office.audits("--repair")
    assert (mended[0]["repaired"], mended[-1]["whole"]) == (True, True)
    assert files(office.root) == files(office.replica) == whole
    kept = files(root.with_name(f"{root.name}.damaged")) if damage != "object gone" else {"forged": b"%PDF-1.7 forged"}
    assert damage != "flip" or b"%PDF-1.7 forged" in kept.values()
    assert [entry.what[:11] for entry in office.workspace.catalogue.log()][-1] == "repair from"


def test_nothing_is_overwritten_by_a_copy_that_is_not_proven(office: Office) -> None:
    pdf = office.workspace.archive.pdf("one.001")
    damaged = [pdf, office.replica / pdf.relative_to(office.root)]
    for file in damaged:
        file.write_bytes(b"%PDF-1.7 forged")
    before = files(office.root), files(office.replica)
    office.audits("--repair", code=6)
    assert (files(office.root), files(office.replica)) == before
    assert not office.root.with_name("archive.damaged").exists()


def test_a_replica_with_another_history_is_left_alone_and_named(office: Office, tmp_path: Path) -> None:
    path = office.workspace.archive.find("two.001").object_path
    shutil.rmtree(office.replica / path)
    (tmp_path / "other").mkdir()
    forged = Archive.open(tmp_path / "forged")
    forged.deposit(submission(tmp_path / "other", scan="c", dossier="two", text="giả"))
    shutil.copytree(forged.root / path, office.replica / path)
    before = files(office.replica)
    with pytest.raises(IntegrityBroken, match="another history"):
        copy_object(office.workspace.archive, Archive.open(office.replica), path)
    assert files(office.replica) == before


def test_a_destruction_is_no_cover_for_another_change(office: Office, tmp_path: Path) -> None:
    path = office.workspace.archive.find("one.001").object_path
    (tmp_path / "other").mkdir()
    forged = Archive.open(tmp_path / "forged")
    for scan, text in (("a", "quyết định"), ("b", "giả")):
        forged.deposit(submission(tmp_path / "other", scan=scan, dossier="one", text=text))
    forged.destroy("one.001", {"by": "An"}, operator="An")
    before = files(office.replica)
    with pytest.raises(IntegrityBroken, match="another history"):
        copy_object(forged, Archive.open(office.replica), path)
    assert files(office.replica) == before


def test_damage_is_not_passed_on_to_a_replica(office: Office) -> None:
    office.deposit("d", "three")
    office.workspace.archive.pdf("three.001").write_bytes(b"%PDF-1.7 forged")
    index_or_say(office.workspace)
    assert "damaged" in office.capsys.readouterr().err
    assert b"%PDF-1.7 forged" not in files(office.replica).values()
    assert_valid(office.replica)


@pytest.mark.parametrize("step", ["flushed", "ready", "set aside", "in place", "deposited"])
def test_a_kill_in_a_repair_leaves_the_damaged_or_the_whole_object(office: Office, step: str, tmp_path: Path) -> None:
    find = office.workspace.archive.find("two.001")
    (office.root / find.pdf_path).write_bytes(b"%PDF-1.7 forged")
    office.workspace.catalogue.close()
    killed_at(step, lambda stop: give_back(Archive(office.replica), Archive(office.root, stop), find.object_path,
                                           tmp_path / "aside" / "object"))  # fmt: skip
    opened = Archive.open(office.root)
    mended = opened.pdf("two.001").read_bytes() != b"%PDF-1.7 forged"
    assert mended == (step != "flushed")
    assert (tmp_path / "aside" / "object").is_dir() == mended
    assert not (office.root / "extensions" / "sohoa-staging").exists()


def test_shares_of_each_day_cover_everything_within_the_days() -> None:
    paths = [f"object {n:02d}" for n in range(25)]
    seen: dict[str, datetime] = {}
    for day in range(7):
        now = NOON + timedelta(days=day)
        share = due(paths, seen, {}, 7, now)
        assert len(share) <= 4
        seen |= dict.fromkeys(share[:2], now)  # stopped in the middle
        seen |= dict.fromkeys(due(paths, seen, {}, 7, now), now)
        assert due(paths, seen, {}, 7, now) == []
    assert seen.keys() == set(paths)
    first = min(seen, key=lambda path: seen[path])
    assert first in due(paths, seen, {}, 7, NOON + timedelta(days=7))


def test_what_comes_new_in_great_number_does_not_push_aside_what_is_overdue() -> None:
    seen = {f"old {n}": NOON for n in range(10)}
    now = NOON + timedelta(days=30)
    new = {f"new {n:03d}": now for n in range(200)}
    assert set(seen) <= set(due([*seen, *new], seen, new, 30, now))


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("at_once", [3, 100])
def test_each_object_is_looked_at_within_the_days_whatever_comes_and_nights_left_out_aside(
    every: int, at_once: int
) -> None:
    came = {f"object {n:02d}": NOON - timedelta(days=99) for n in range(60)}
    seen: dict[str, datetime] = {}
    waited, largest = 0, 0.0
    for day in range(0, 60, every):
        now = NOON + timedelta(days=day)
        came |= {f"came on {day} {n}": now for n in range(at_once if day == 6 else 3)}
        share = due(sorted(came), seen, came, 12, now)
        largest = max(largest, len(share) / len(came) * 12 / every)
        waited = max(waited, *((now - seen.get(path, max(came[path], NOON))).days for path in share))
        seen |= dict.fromkeys(share, now)
    unseen = [path for path in came if now - seen.get(path, max(came[path], NOON)) >= timedelta(days=12)]
    assert unseen == []
    assert waited < 12 + every
    assert largest < 4  # times an even share


def test_what_a_wrong_clock_noted_as_seen_in_years_to_come_is_looked_at_again() -> None:
    paths = ["a", "b"]
    seen = {"a": NOON + timedelta(days=3650), "b": NOON}
    assert due(paths, seen, {}, 4, NOON + timedelta(days=1)) == ["a"]
    assert "a" in due(paths, seen, {}, 2, NOON + timedelta(days=2))


def test_an_audit_that_is_stopped_goes_on_and_tells_what_it_had_found(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_audit, "NOTED_AT_ONCE", 1)
    for number in range(6):
        office.deposit(f"more {number}", f"more {number}")
    listed = sorted(office.workspace.catalogue.deposits(), key=lambda row: (row.object_path, row.pdf_path))
    objects = sorted({row.object_path for row in listed})
    damaged = {next(row.pdf_path for row in listed if row.object_path == path) for path in objects[:2]}
    for path in damaged:
        (office.root / path).write_bytes(b"%PDF-1.7 forged")

    def stop(so_far: Audit) -> None:
        if so_far.objects == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(office.workspace.archive, office.workspace.catalogue, within_days=1, on_object=stop)
    rest = audit(office.workspace.archive, office.workspace.catalogue, within_days=1)
    assert {finding.path for finding in rest.findings if finding.fault is Fault.ALTERED} == damaged
    assert rest.objects == len(objects) - 2  # the third and the fourth were whole, and that is noted


def test_what_is_overdue_is_all_looked_at(office: Office) -> None:
    summary = office.audits("--within-days", "2")[-1]
    assert (summary["objects"], summary["of"]) == (2, 4)  # half of two objects, in each of two roots
    assert office.audits("--within-days", "2")[-1]["objects"] == 0
    assert office.audits("--within-days", "1")[-1]["objects"] == 2
