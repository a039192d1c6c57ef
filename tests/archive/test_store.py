"""Deposits: what stands in the archive afterwards, for us and for any other program that reads OCFL."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import ocfl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.catalogue import Catalogue
from archive.looks import look_marks
from archive.objects import dossier_code, dossier_of, object_id
from archive.store import Archive
from schemas.documents import SignatureNote, SignedPdf
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable
from tests.archive import sha256, submission
from tests.values import page


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive.open(tmp_path / "archive")


def assert_valid(root: Path) -> None:
    """ocfl-py finds the storage root and every object valid, without a warning."""
    storage = ocfl.StorageRoot(str(root))
    assert storage.validate(log_warnings=True), storage.log.status_str()
    assert storage.errors == []
    assert storage.good_objects == storage.num_objects


def test_a_deposit_can_be_taken_out_again(archive: Archive, tmp_path: Path) -> None:
    given = submission(tmp_path)
    deposit = archive.deposit(given)
    assert deposit.new
    assert deposit.record.id == "H29.17-230815-0001.001"
    assert archive.record(deposit.record.id) == deposit.record
    assert archive.pdf(deposit.record.id).read_bytes() == given.signed.path.read_bytes()
    assert archive.pdf(deposit.record.id) == archive.root / deposit.pdf_path
    assert archive.provenance(deposit.record.id) == given.provenance


def test_a_record_says_what_was_read(archive: Archive, tmp_path: Path) -> None:
    record = archive.deposit(submission(tmp_path)).record
    assert (record.number, record.symbol, record.issued_on) == ("3165", "QĐ-UBND", date(2023, 8, 15))
    assert (record.abstract, record.urgency) == (None, None)
    assert record.pages == ("QUYẾT ĐỊNH về việc cấp phép", "")
    assert (record.serial, record.version, record.unit) == (1, 1, "H29.17")
    assert record.pdf_sha256 == sha256(archive.pdf(record.id).read_bytes())


def test_a_record_of_a_drawing_is_found_by_its_look_whether_deposited_or_listed_anew(
    archive: Archive, tmp_path: Path
) -> None:
    plan, look = submission(tmp_path, text="BẢN VẼ"), f"{int('69' * 32, 16):064x}"
    pages = tuple(replace(page, look=look) for page in plan.document.pages)
    plan = replace(plan, document=replace(plan.document, pages=pages))
    deposit = archive.deposit(plan)
    catalogue = Catalogue.open(f"sqlite:///{tmp_path / 'catalogue.db'}")
    marks = look_marks([look, look])
    catalogue.note_deposit(deposit, who="An")
    [(found, _sha256, shared)] = catalogue.sharing(marks)
    assert (found, shared) == (deposit.record.id, len(marks))
    [anew] = archive.deposits()
    catalogue.replace_deposits([anew], who="An")
    assert [id for id, _sha256, _shared in catalogue.sharing(marks)] == [found]
    assert anew.record.looks == (look, look)


def test_what_was_corrected_is_kept_beside_the_first_reading(archive: Archive, tmp_path: Path) -> None:
    given = submission(tmp_path)
    read = page(1, "tổng kết công tác")
    words = tuple(replace(word, raw="tông kêt") for word in read.lines[0].words[:2]) + read.lines[0].words[2:]
    corrected = replace(read, lines=(replace(read.lines[0], words=words),))
    given = replace(given, document=replace(given.document, pages=(corrected, *given.document.pages[1:])))
    deposit = archive.deposit(given)
    text = json.loads((archive.pdf(deposit.record.id).parent / "text.json").read_text(encoding="utf-8"))
    assert text["pages"][0]["corrections"] == [{"raw": "tông kêt", "now": "tổng kết", "box": [0.1, 0.1, 0.19, 0.12]}]
    assert text["pages"][1]["corrections"] == []


def test_metadata_keep_their_evidence(archive: Archive, tmp_path: Path) -> None:
    deposit = archive.deposit(submission(tmp_path))
    metadata = json.loads((archive.pdf(deposit.record.id).parent / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["fields"]["number"]["evidence"] == {"page": 1, "box": {"x0": 0.1, "y0": 0.2, "x1": 0.3, "y1": 0.25}}
    assert metadata["pages"] == [1, 2]
    assert metadata["scan"]["name"] == "scan one.pdf"


def test_the_same_document_of_the_same_scan_is_deposited_once(archive: Archive, tmp_path: Path) -> None:
    first = archive.deposit(submission(tmp_path))
    again = archive.deposit(submission(tmp_path, number="9"))
    assert again == replace(first, new=False)
    assert len(list(archive.records())) == 1


def test_documents_of_a_dossier_are_versions_of_one_object(archive: Archive, tmp_path: Path) -> None:
    deposits = [
        archive.deposit(submission(tmp_path, scan=scan, first_page=page))
        for scan, page in (("a", 1), ("a", 3), ("b", 1))
    ]
    assert [deposit.record.id[-3:] for deposit in deposits] == ["001", "002", "003"]
    assert [deposit.record.version for deposit in deposits] == [1, 2, 3]
    assert len({deposit.object_path for deposit in deposits}) == 1
    assert list(archive.records()) == [deposit.record for deposit in deposits]
    assert_valid(archive.root)


def test_a_signed_scan_is_kept_unchanged_beside(archive: Archive, tmp_path: Path) -> None:
    given = submission(tmp_path)
    given.document.scan.path.write_bytes(b"scan one")
    archive.deposit(given, original=given.document.scan.path)
    [kept] = archive.root.rglob("original.pdf")
    assert kept.read_bytes() == b"scan one"
    assert_valid(archive.root)


def test_a_pdf_that_is_not_the_signed_one_any_more_is_refused(archive: Archive, tmp_path: Path) -> None:
    given = submission(tmp_path)
    given.signed.path.write_bytes(given.signed.path.read_bytes()[:-1])
    with pytest.raises(IntegrityBroken, match="SHA-256"):
        archive.deposit(given)
    assert list(archive.records()) == []
    assert_valid(archive.root)


def test_files_are_for_their_owner_only(archive: Archive, tmp_path: Path) -> None:
    archive.deposit(submission(tmp_path))
    archive.deposit(submission(tmp_path, scan="b"))
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [archive.root, *archive.root.rglob("*")]}
    assert modes == {(True, 0o700), (False, 0o600)}


ODD_CODES = [
    "../../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "~root", "-rf", "tab\tnewline\nbell\x07zero\0",
    "dài " * 200, "con", "nul.", "đơn xin phép", "a%2Fb", "x\udcff", "‮gnp", "mem://x",
]  # fmt: skip


def test_any_dossier_code_stays_inside_the_archive_and_keeps_apart_from_others(
    archive: Archive, tmp_path: Path
) -> None:
    deposits = [archive.deposit(submission(tmp_path, dossier=code)) for code in ODD_CODES]
    assert len({deposit.object_path for deposit in deposits}) == len(ODD_CODES)
    assert [archive.record(deposit.record.id) for deposit in deposits] == [deposit.record for deposit in deposits]
    for deposit in deposits:
        assert (archive.root / deposit.object_path).resolve().is_relative_to(archive.root.resolve())
        assert all(len(part) < 256 for part in Path(deposit.object_path).parts)
        assert deposit.record.id.isprintable() or "\u202e" in deposit.record.id
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"archive"}
    assert_valid(archive.root)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_a_dossier_code_and_its_object_id_are_the_same_thing(code: str) -> None:
    kept = dossier_code(code)
    assert dossier_code(kept) == kept
    assert dossier_of(object_id(kept)) == kept
    assert not any(ord(letter) < 32 for letter in kept)
    kept.encode("utf-8")


def test_twins_of_composed_and_decomposed_letters_are_one_dossier(archive: Archive, tmp_path: Path) -> None:
    one = archive.deposit(submission(tmp_path, dossier="Quận 1"))
    two = archive.deposit(submission(tmp_path, dossier="Qu\u0061\u0323\u0302n 1", scan="b"))
    assert (one.object_path, two.record.serial) == (two.object_path, 2)


def test_a_dossier_without_a_code_is_refused(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(InputRejected, match="no code"):
        archive.deposit(submission(tmp_path, dossier=" "))


@pytest.mark.parametrize("record_id", ["", ".", "none.001", "H29.17-230815-0001.002", "H29.17-230815-0001", "../x.001"])
def test_a_record_that_is_not_there_is_said_to_be_so(archive: Archive, tmp_path: Path, record_id: str) -> None:
    archive.deposit(submission(tmp_path))
    with pytest.raises(InputRejected, match="no record"):
        archive.record(record_id)


def test_a_damaged_record_is_named(archive: Archive, tmp_path: Path) -> None:
    deposit = archive.deposit(submission(tmp_path))
    metadata = archive.pdf(deposit.record.id).parent / "metadata.json"
    metadata.write_text("{}")
    with pytest.raises(IntegrityBroken, match="document 001"):
        archive.record(deposit.record.id)
    metadata.write_text("{")
    with pytest.raises(IntegrityBroken, match=r"metadata\.json"):
        archive.record(deposit.record.id)
    archive.pdf(deposit.record.id).unlink()
    with pytest.raises(IntegrityBroken, match=r"document\.pdf"):
        archive.pdf(deposit.record.id)


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("hello")
    with pytest.raises(IntegrityBroken, match=r"archive\.root"):
        Archive.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_place_that_cannot_hold_an_archive_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceUnavailable, match="archive"):
        Archive.open(tmp_path / "file" / "archive")


# What stands after the process was killed in the middle

STEPS = ["content written", "version built", "flushed", "ready", "in place", "deposited"]
KILLED = """
import os, signal, sys
from pathlib import Path
from archive.store import Archive
from tests.archive import submission

folder, scan, step, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
seen = 0

def stop(name):
    global seen
    if name.startswith(step):
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

Archive.open(folder / "archive", at_step=stop).deposit(submission(folder, scan=scan))
print("not stopped")
"""


def deposit_killed_at(folder: Path, scan: str, step: str, count: int = 1) -> None:
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), scan, step, str(count)], capture_output=True, text=True, check=False
    )
    assert run.returncode == -9, run.stdout + run.stderr


@pytest.mark.parametrize("before", [0, 1], ids=["new object", "new version"])
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_the_deposit_whole_or_not_there(tmp_path: Path, step: str, before: int) -> None:
    archive = Archive.open(tmp_path / "archive")
    if before:
        archive.deposit(submission(tmp_path, scan="first"))
    deposit_killed_at(tmp_path, "second", step)
    archive = Archive.open(tmp_path / "archive")
    assert_valid(archive.root)
    assert not (archive.root / "extensions" / "sohoa-staging").exists()
    there = len(list(archive.records())) - before
    assert there == (0 if STEPS.index(step) < STEPS.index("ready") else 1)
    again = archive.deposit(submission(tmp_path, scan="second"))
    assert again.new == (not there)
    assert len(list(archive.records())) == before + 1
    assert_valid(archive.root)


@pytest.mark.parametrize("moved", [1, 2, 3])
def test_a_version_whose_files_are_only_partly_in_place_is_put_in_place(tmp_path: Path, moved: int) -> None:
    Archive.open(tmp_path / "archive").deposit(submission(tmp_path, scan="first"))
    deposit_killed_at(tmp_path, "second", "in place", moved)
    readers_see = [record.serial for record in Archive(tmp_path / "archive").records()]
    assert readers_see == ([1] if moved == 1 else [1, 2])
    archive = Archive.open(tmp_path / "archive")
    assert_valid(archive.root)
    assert [record.serial for record in archive.records()] == [1, 2]


def test_an_archive_whose_making_was_killed_is_made_by_the_next_run(tmp_path: Path) -> None:
    (tmp_path / ".archive.making-abc" / "root").mkdir(parents=True)
    (tmp_path / "archive").mkdir()
    assert_valid(Archive.open(tmp_path / "archive").root)
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_an_opening_beside_a_deposit_leaves_what_is_in_hand_alone(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    openings: list[int] = []

    def open_another(step: str) -> None:
        openings.append(len(list(Archive.open(root).records())))

    Archive.open(root, at_step=open_another).deposit(submission(tmp_path))
    assert openings == [0, 0, 0, 0, 1, 1]
    assert_valid(root)


def test_deposits_of_several_processes_at_once_are_all_there(tmp_path: Path) -> None:
    Archive.open(tmp_path / "archive")
    runs = [
        subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), f"scan {number}", "never", "1"],
                         stdout=subprocess.DEVNULL)
        for number in range(3)
    ]  # fmt: skip
    assert [run.wait() for run in runs] == [0] * 3
    assert [record.serial for record in Archive.open(tmp_path / "archive").records()] == [1, 2, 3]
    assert_valid(tmp_path / "archive")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_archive_that_cannot_be_written_can_still_be_read(tmp_path: Path) -> None:
    archive = Archive.open(tmp_path / "archive")
    archive.deposit(submission(tmp_path))
    for path in [archive.root, *archive.root.rglob("*")]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    archive = Archive.open(tmp_path / "archive")
    assert len(list(archive.records())) == 1
    with pytest.raises(ServiceUnavailable, match="permissions"):
        archive.deposit(submission(tmp_path, scan="b"))


def grown(given: SignedPdf, level: str) -> SignedPdf:
    """As renewing makes it: the same bytes and something behind them."""
    path = given.path.with_suffix(".renewed.pdf")
    path.write_bytes(given.path.read_bytes() + b"a timestamp")
    notes = (SignatureNote("operator", "An", "2023-08-15T09:30:00+07:00", level, "ab"),)
    return SignedPdf(path, given.pages, sha256(path.read_bytes()), notes, "B-T")


def test_a_renewed_pdf_is_a_new_version_and_the_earlier_one_stays(archive: Archive, tmp_path: Path) -> None:
    given = submission(tmp_path)
    other = archive.deposit(submission(tmp_path, scan="scan two"))
    before = archive.deposit(given).record
    renewed = archive.renewed(
        before.id, {"document.pdf": grown(given.signed, "B-T")}, operator="Bình", decision="renewed"
    )
    assert (renewed.new, renewed.record.version) == (True, before.version + 1)
    assert replace(renewed.record, version=before.version, pdf_sha256=before.pdf_sha256) == before
    assert archive.pdf(before.id).read_bytes().endswith(b"a timestamp")
    assert archive.provenance(before.id).decisions == (*given.provenance.decisions, "renewed")
    assert archive.record(other.record.id) == other.record
    earlier = ocfl.Object(path=str(archive.root / renewed.object_path)).parse_inventory()
    kept = earlier.version(f"v{before.version}").content_path_for_logical_path("002/document.pdf")
    assert (archive.root / renewed.object_path / kept).read_bytes() == given.signed.path.read_bytes()
    assert_valid(archive.root)


def test_what_waits_for_a_timestamp_is_known_until_it_is_renewed(archive: Archive, tmp_path: Path) -> None:
    given = submission(tmp_path)
    notes = (SignatureNote("operator", "An", "2023-08-15T09:30:00+07:00", "B-B", "ab"),)
    given = replace(given, signed=replace(given.signed, signatures=notes, level_wanted="B-T"))
    id = archive.deposit(given).record.id
    assert archive.signed(id).waits_for_timestamp
    archive.renewed(id, {"document.pdf": grown(given.signed, "B-T")}, operator="Bình", decision="renewed")
    assert not archive.signed(id).waits_for_timestamp


def test_renewing_twice_changes_nothing_and_another_pdf_is_refused(archive: Archive, tmp_path: Path) -> None:
    given = submission(tmp_path)
    id = archive.deposit(given).record.id
    first = archive.renewed(id, {"document.pdf": grown(given.signed, "B-T")}, operator="Bình", decision="renewed")
    again = archive.renewed(id, {"document.pdf": grown(given.signed, "B-T")}, operator="Bình", decision="renewed")
    assert (again.new, again.record) == (False, first.record)
    other = submission(tmp_path, scan="another").signed
    with pytest.raises(InputRejected, match="does not go on from the PDF"):
        archive.renewed(id, {"document.pdf": other}, operator="Bình", decision="renewed")
    with pytest.raises(InputRejected, match="no record"):
        archive.renewed("nobody.001", {"document.pdf": other}, operator="Bình", decision="renewed")
