"""Everything that is not as deposited is found, and named."""

import json
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import ocfl
import pytest
from sqlalchemy import delete, update

from archive.audit import audit, is_proven
from archive.catalogue import Catalogue
from archive.findings import Audit, Fault
from archive.store import Archive
from archive.tables import log, records
from tests.archive import submission

V1, V2 = "v1/content/001", "v2/content/002"


@pytest.fixture(scope="module")
def deposited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dossier with two documents and another with one, archived and noted: made once, for deposits are flushed."""
    folder = tmp_path_factory.mktemp("deposited")
    archive, catalogue = Archive.open(folder / "archive"), Catalogue.open(f"sqlite:///{folder}/catalogue.db")
    for given in (
        submission(folder, scan="a"),
        submission(folder, scan="b", text="GIẤY PHÉP", operator="Bình"),
        submission(folder, scan="c", dossier="H29.17-230815-0002"),
    ):
        catalogue.note_deposit(archive.deposit(given), who="An")
    catalogue.close()
    return folder


@pytest.fixture
def archive(tmp_path: Path, deposited: Path) -> Archive:
    shutil.copytree(deposited, tmp_path, dirs_exist_ok=True)
    return Archive.open(tmp_path / "archive")


@pytest.fixture
def catalogue(tmp_path: Path, archive: Archive) -> Catalogue:
    return Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db")


@pytest.fixture
def dossier(archive: Archive) -> Path:
    """The object of the dossier with two documents."""
    return archive.pdf("H29.17-230815-0001.001").parents[3]


def faults(result: Audit, dossier: Path, root: Path) -> set[tuple[str, Fault]]:
    """Path in the object (or in the archive) and fault of each finding."""
    own = f"{dossier.relative_to(root)}"
    return {(finding.path.removeprefix(own).lstrip("/"), finding.fault) for finding in result.findings}


def test_an_archive_as_it_was_deposited_is_whole(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    result = audit(archive, catalogue)
    assert result.findings == []
    files = [path for path in archive.root.rglob("*") if path.is_file() and "urn" in str(path)]
    assert (result.objects, result.files) == (2, len(files))
    assert result.size_bytes == sum(path.stat().st_size for path in files)


def flip(file: Path, bit: int = 0) -> None:
    content = bytearray(file.read_bytes())
    content[(bit // 8) % len(content)] ^= 1 << bit % 8
    file.write_bytes(content)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


FILES = [
    f"{V1}/document.pdf", f"{V1}/metadata.json", f"{V1}/text.json", f"{V1}/provenance.json", f"{V2}/document.pdf",
    "inventory.json", "inventory.json.sha512", "v2/inventory.json", "v2/inventory.json.sha512",
    "v1/inventory.json", "v1/inventory.json.sha512", "0=ocfl_object_1.1",
]  # fmt: skip


@pytest.mark.parametrize("damage", [flip, truncate, lambda file: file.write_bytes(b"")], ids=["flip", "cut", "empty"])
@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_named(
    archive: Archive, catalogue: Catalogue, dossier: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(dossier / name)
    assert faults(audit(archive, catalogue), dossier, archive.root) == {(name, Fault.ALTERED)}


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(archive: Archive, catalogue: Catalogue, dossier: Path, name: str) -> None:
    (dossier / name).unlink()
    assert faults(audit(archive, catalogue), dossier, archive.root) == {(name, Fault.MISSING)}


@pytest.mark.parametrize(
    "name", ["x", f"{V1}/x.pdf", "v1/content/003/x", "v1/x", "v9/content/001/document.pdf", "logs/x", "extensions/x"]
)
def test_an_added_file_is_named(archive: Archive, catalogue: Catalogue, dossier: Path, name: str) -> None:
    (dossier / name).parent.mkdir(parents=True, exist_ok=True)
    (dossier / name).write_bytes(b"x")
    assert faults(audit(archive, catalogue), dossier, archive.root) == {(name, Fault.ADDED)}


def test_a_renamed_file_is_named_with_its_new_name(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    (dossier / V1 / "document.pdf").rename(dossier / V1 / "other.pdf")
    result = audit(archive, catalogue)
    assert faults(result, dossier, archive.root) == {(f"{V1}/document.pdf", Fault.RENAMED)}
    assert f"{V1}/other.pdf" in result.findings[0].detail


def test_two_files_that_changed_places_are_both_named(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    one, two = dossier / V1 / "document.pdf", dossier / V2 / "document.pdf"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    found = faults(audit(archive, catalogue), dossier, archive.root)
    assert found == {(f"{V1}/document.pdf", Fault.ALTERED), (f"{V2}/document.pdf", Fault.ALTERED)}


def test_a_link_and_an_empty_folder_are_named(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    (dossier / "link").symlink_to("/etc/passwd")
    (dossier / V1 / "empty").mkdir()
    found = faults(audit(archive, catalogue), dossier, archive.root)
    assert found == {("link", Fault.ADDED), (f"{V1}/empty", Fault.ADDED)}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("0=ocfl_1.1", Fault.ALTERED),
        ("ocfl_layout.json", Fault.ALTERED),
        ("extensions/0003-hash-and-id-n-tuple-storage-layout/config.json", Fault.ALTERED),
    ],
)
def test_damage_to_the_roots_own_files_is_named(
    archive: Archive, catalogue: Catalogue, dossier: Path, name: str, fault: Fault
) -> None:
    flip(archive.root / name, 13)
    assert faults(audit(archive, catalogue), dossier, archive.root) == {(name, fault)}
    (archive.root / name).unlink()
    assert faults(audit(archive, catalogue), dossier, archive.root) == {(name, Fault.MISSING)}


@pytest.mark.parametrize("name", ["stray", "abc/stray", "extensions/stray"])
def test_what_lies_between_the_objects_is_named(
    archive: Archive, catalogue: Catalogue, dossier: Path, name: str
) -> None:
    (archive.root / name).parent.mkdir(exist_ok=True)
    (archive.root / name).touch()
    assert faults(audit(archive, catalogue), dossier, archive.root) == {(name, Fault.ADDED)}


def test_an_object_that_is_gone_is_named_with_its_records(
    archive: Archive, catalogue: Catalogue, dossier: Path
) -> None:
    shutil.rmtree(dossier.parents[2])
    result = audit(archive, catalogue)
    assert {finding.fault for finding in result.findings} == {Fault.MISSING}
    assert ["H29.17-230815-0001.001" in f.detail or "H29.17-230815-0001.002" in f.detail for f in result.findings]


def test_an_object_in_another_place_is_named(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    dossier.rename(dossier.with_name("urn%3asohoa%3aother"))
    found = {finding.fault for finding in audit(archive, catalogue).findings}
    assert found == {Fault.RENAMED, Fault.MISSING}


def test_an_object_without_any_inventory_is_named(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    for name in ("inventory.json", "v1/inventory.json", "v2/inventory.json"):
        (dossier / name).write_text("{}")
    assert ("inventory.json", Fault.ALTERED) in faults(audit(archive, catalogue), dossier, archive.root)


def test_a_version_taken_back_shows_though_the_object_is_valid(
    archive: Archive, catalogue: Catalogue, dossier: Path
) -> None:
    shutil.rmtree(dossier / "v2")
    for name in ("inventory.json", "inventory.json.sha512"):
        shutil.copyfile(dossier / "v1" / name, dossier / name)
    assert ocfl.Object(path=str(dossier)).validate()[0]
    found = audit(archive, catalogue).findings
    assert [(finding.path, finding.fault) for finding in found] == [("H29.17-230815-0001.002", Fault.DISAGREES)]


def test_a_change_covered_up_in_the_object_shows_by_what_the_catalogue_noted(
    archive: Archive, catalogue: Catalogue, tmp_path: Path, dossier: Path
) -> None:
    forged = Archive.open(tmp_path / "forged")
    for scan, text in (("a", "QUYẾT ĐỊNH giả"), ("b", "GIẤY PHÉP giả")):
        forged.deposit(submission(tmp_path, scan=scan, text=text))
    shutil.rmtree(dossier)
    shutil.copytree(forged.root / dossier.relative_to(archive.root), dossier)
    assert audit(archive).findings == []
    found = faults(audit(archive, catalogue), dossier, archive.root)
    assert {("inventory.json", Fault.ALTERED)} <= found


def test_later_versions_are_no_cover_for_an_object_made_anew(
    archive: Archive, catalogue: Catalogue, dossier: Path, tmp_path: Path
) -> None:
    """The same records at the same versions, other content, and a head of which nothing was ever noted."""
    (tmp_path / "other").mkdir()
    forged = Archive.open(tmp_path / "forged")
    for scan, text in (("a", "giả"), ("b", "GIẤY PHÉP giả"), ("d", "quyết định")):
        last = forged.deposit(submission(tmp_path / "other", scan=scan, text=text))
    forged.destroy(last.record.id, {"by": "An"}, operator="An")
    shutil.rmtree(dossier)
    shutil.copytree(forged.root / last.object_path, dossier)
    assert is_proven(archive, catalogue, last.object_path) is False
    assert faults(audit(archive, catalogue), dossier, archive.root) == {
        ("v1/inventory.json", Fault.ALTERED), ("v2/inventory.json", Fault.ALTERED),
    }  # fmt: skip


def test_catalogue_and_archive_must_list_the_same_records(
    archive: Archive, catalogue: Catalogue, tmp_path: Path, dossier: Path
) -> None:
    archive.deposit(submission(tmp_path, scan="d", dossier="D"))
    with catalogue.engine.begin() as connection:
        connection.execute(delete(records).where(records.c.id == "H29.17-230815-0001.002"))
        connection.execute(update(records).where(records.c.id == "H29.17-230815-0002.001").values(version=2))
    found = audit(archive, catalogue).findings
    assert {finding.fault for finding in found} == {Fault.DISAGREES}
    assert {"H29.17-230815-0001.002", "H29.17-230815-0002.001"} < {finding.path for finding in found}
    assert len(found) == 3


def test_a_log_that_was_changed_is_found(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    with catalogue.engine.begin() as connection:
        connection.execute(update(log).where(log.c.position == 2).values(who="nobody"))
    [finding] = audit(archive, catalogue).findings
    assert finding.fault is Fault.LOG


def test_any_single_flipped_bit_is_found_in_the_file_that_it_is_in(
    archive: Archive, catalogue: Catalogue, dossier: Path
) -> None:
    chance = random.Random(7)
    files = [path for path in archive.root.rglob("*") if path.is_file()]
    for _turn in range(150):
        file = chance.choice(files)
        bit = chance.randrange(8 * file.stat().st_size)
        flip(file, bit)
        found = audit(archive, catalogue, threads=1).findings
        assert [finding.path for finding in found] == [str(file.relative_to(archive.root))], (file, bit, found)
        flip(file, bit)
    assert audit(archive, catalogue).whole


def test_a_deposit_in_hand_is_not_taken_for_damage(tmp_path: Path, archive: Archive) -> None:
    results: list[Audit] = []
    auditing = threading.Thread(target=lambda: results.append(audit(Archive(archive.root))))

    def audit_now(step: str) -> None:
        if step == "in place: v3":  # the new version's files are there, the inventory does not name them yet
            auditing.start()
            auditing.join(timeout=1.0)
            assert auditing.is_alive()  # it has seen them, and waits for the deposit

    Archive.open(archive.root, at_step=audit_now).deposit(submission(tmp_path, scan="e"))
    auditing.join(timeout=30)
    assert [result.findings for result in results] == [[]]


def test_progress_is_told_object_by_object(archive: Archive, catalogue: Catalogue, dossier: Path) -> None:
    told: list[int] = []
    audit(archive, catalogue, on_object=lambda so_far: told.append(so_far.objects))
    assert told == [1, 2]


def test_the_inventory_names_every_file_with_its_sha512(dossier: Path) -> None:
    inventory = json.loads((dossier / "inventory.json").read_bytes())
    assert inventory["digestAlgorithm"] == "sha512"
    named = {path for paths in inventory["manifest"].values() for path in paths}
    assert named == {str(path.relative_to(dossier)) for path in dossier.glob("v*/content/**/*.*")}
