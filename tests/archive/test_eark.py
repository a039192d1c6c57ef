"""Packages for the historical archive: valid to an outside checker, whole when they come back, refused when altered."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from eark_validator import structure
from eark_validator.mets import MetsValidator
from lxml import etree

from archive.eark import DATA, PRESERVED, history_in, packages_in, records_in, write_package
from archive.nd30 import write_record
from archive.store import Archive
from cli import run
from commands.workspace import Workspace
from ingest.pipeline import Deposited
from samples.keys import make_demo_keys
from schemas.errors import InputRejected, IntegrityBroken
from schemas.records import Withdrawal
from tests.archive import NOON, submission
from tests.archive.test_store import assert_valid
from tests.ingest.office import opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals
from tests.services import premis as premis_service

DOSSIER = "H29.17-230815-0001"


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive.open(tmp_path / "archive")
    for scan in ("a", "b"):
        made.deposit(submission(tmp_path, scan=scan))
    made.deposit(submission(tmp_path, scan="c", dossier="Hồ sơ/ 1 & <2>"))
    made.withdrawn(f"{DOSSIER}.002", Withdrawal("nhầm", "", "Bình", NOON))
    return made


def package_of(archive: Archive, folder: Path) -> Path:
    return write_package(archive, [record.id for record in archive.records()], folder, "một lô").folder


def test_an_outside_checker_finds_a_package_valid(archive: Archive, tmp_path: Path) -> None:
    package = package_of(archive, tmp_path / "out")
    report = structure.validate_package_structure(str(package))
    assert report.status is structure.StructureStatus.WellFormed
    assert [str(error) for error in report.errors] == []
    mets = MetsValidator(str(package))
    assert mets.validate_mets(str(package / "METS.xml")), mets.validation_errors
    named = {item.path.split("/", 1)[1] if item.path.startswith("file") else item.path for item in mets.file_references}
    assert len(named) == 3 * 4 + 3 + 1
    premis = etree.parse(str(package / "metadata/preservation/premis.xml")).getroot()
    kinds = [etree.QName(child).localname for child in premis]
    assert (kinds.count("object"), kinds.count("event"), kinds.count("agent")) == (3, 4, 2)


@pytest.mark.service("PREMIS schema")
def test_what_is_said_of_a_package_follows_the_schema_of_premis(archive: Archive, tmp_path: Path) -> None:
    said = etree.parse(str(package_of(archive, tmp_path / "out") / "metadata/preservation/premis.xml"))
    schema = premis_service.schema()
    assert schema.validate(said), schema.error_log
    said.getroot()[0].tag = said.getroot()[0].tag.replace("object", "thing")
    assert not schema.validate(said)


def test_the_same_records_give_the_same_package(archive: Archive, tmp_path: Path) -> None:
    ids = [record.id for record in archive.records()]
    first = write_package(archive, ids, tmp_path / "out", "x")
    again = write_package(archive, ids, tmp_path / "out", "x")
    assert (first.new, again.new, again.folder) == (True, False, first.folder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [first.folder.name]


def test_a_package_comes_back_whole(archive: Archive, tmp_path: Path) -> None:
    package = package_of(archive, tmp_path / "out")
    assert packages_in([tmp_path / "out"]) == packages_in([package]) == [package]
    other = Archive.open(tmp_path / "other")
    folders = dict(records_in(package))
    for dossier in (DOSSIER, "Hồ sơ/ 1 & <2>"):
        chosen = {id: folder for id, folder in folders.items() if id.startswith(dossier)}
        assert all(deposit.new for deposit in other.take_back(chosen, operator="An"))
        assert not any(deposit.new for deposit in other.take_back(chosen, operator="An"))

    def whole(archive: Archive) -> dict[str, object]:
        return {
            r.id: (r.pages, r.withdrawn, r.pdf_sha256, archive.provenance(r.id), archive.pdf(r.id).read_bytes())
            for r in archive.records()
        }

    assert whole(other) == whole(archive)
    assert_valid(other.root)


def taken_back(package: Path, root: Path) -> Archive:
    """An archive of its own with the records of *package*."""
    made = Archive.open(root)
    folders = dict(records_in(package))
    earlier = history_in(package, folders)
    for dossier in {id.rpartition(".")[0] for id in folders}:
        of_it = {id: folder for id, folder in folders.items() if id.rpartition(".")[0] == dossier}
        made.take_back(of_it, operator="Chi", earlier=earlier)
    return made


@pytest.mark.service("PREMIS schema")
def test_what_was_done_to_a_record_comes_back_with_it_however_often_it_moves(archive: Archive, tmp_path: Path) -> None:
    second = taken_back(package_of(archive, tmp_path / "one"), tmp_path / "second")
    second.withdrawn(f"{DOSSIER}.001", Withdrawal("thu hồi", "QĐ 9", "Chi", NOON))
    package = package_of(second, tmp_path / "two")
    third = taken_back(package, tmp_path / "third")

    def done(archive: Archive, id: str) -> list[tuple[object, ...]]:
        return [(version.number, version.made_at, version.by, version.what) for version in archive.history(id)]

    for id in (f"{DOSSIER}.001", f"{DOSSIER}.002", "Hồ sơ/ 1 & <2>.001"):
        *before, _taken_back = done(third, id)
        assert before == done(second, id)
        assert before[: len(done(archive, id))] == done(archive, id)
        assert [version.earlier for version in third.history(id)] == [*[True] * len(before), False]
    assert len(done(third, f"{DOSSIER}.001")) == 4  # deposited, taken back, withdrawn, taken back
    said = etree.parse(str(package / PRESERVED))
    assert premis_service.schema().validate(said)
    named = [element.text for element in said.iter("{*}eventIdentifierValue")]
    assert len(named) == len(set(named)) == 8
    for when in said.iter("{*}eventDateTime"):
        when.text = "yesterday"
    said.write(str(package / PRESERVED))
    with pytest.raises(InputRejected, match="an event without a date"):
        history_in(package, [f"{DOSSIER}.001"])


def test_another_record_under_the_same_id_is_not_overwritten(archive: Archive, tmp_path: Path) -> None:
    package = package_of(archive, tmp_path / "out")
    other = Archive.open(tmp_path / "other")
    stands = other.deposit(submission(tmp_path, scan="elsewhere"))
    folders = {id: folder for id, folder in records_in(package) if id.startswith(DOSSIER)}
    with pytest.raises(InputRejected, match="another record"):
        other.take_back(folders, operator="An")
    assert list(other.records()) == [stands.record]


@pytest.mark.parametrize("damage", ["flip", "gone", "added", "outside", "link"])
def test_an_altered_package_is_refused(archive: Archive, tmp_path: Path, damage: str) -> None:
    package = package_of(archive, tmp_path / "out")
    pdf = package / DATA / f"{DOSSIER}.001" / "document.pdf"
    match damage:
        case "flip":
            pdf.write_bytes(b"%PDF-1.7 forged")
        case "gone":
            pdf.unlink()
        case "added":
            (pdf.parent / "more.pdf").write_bytes(b"x")
        case "link":
            shutil.copyfile(pdf, tmp_path / "copy.pdf")
            pdf.unlink()
            pdf.symlink_to(tmp_path / "copy.pdf")
        case _:
            mets = (package / "METS.xml").read_text(encoding="utf-8")
            (package / "METS.xml").write_text(mets.replace(f"{DATA}/{DOSSIER}.001", "../../../etc"), encoding="utf-8")
    with pytest.raises((IntegrityBroken, InputRejected)):
        list(records_in(package))


def test_a_record_as_pdf_and_xml(archive: Archive, tmp_path: Path) -> None:
    id = f"{DOSSIER}.001"
    pdf, xml = write_record(archive.record(id), archive.provenance(id), archive.pdf(id), tmp_path / "xml")
    assert pdf.read_bytes() == archive.pdf(id).read_bytes()
    said = {element.tag: element.text for element in etree.parse(str(xml)).getroot()}
    assert (said["CodeNumber"], said["CodeNotation"], said["IssuedDate"]) == ("3165", "QĐ-UBND", "2023-08-15")
    assert (said["FileCode"], said["DocOrdinal"], said["OrganName"]) == (DOSSIER, "1", "UBND Quận 1")


Said = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Runs a command that ends with 0; the JSON lines that it prints."""

    def run_it(workspace: Path, *arguments: str) -> list[dict[str, Any]]:
        capsys.readouterr()
        assert run(["--workspace", str(workspace), *arguments]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run_it


def known_of(workspace: Path, said: Said) -> dict[str, object]:
    """All that is known of a workspace's records, but for what the move itself is: versions, and who made them when."""
    ids = sorted(record.id for record in Workspace.open(workspace).archive.records())
    shown = [said(workspace, "show", id, "--json")[0] for id in ids]
    for one in shown:
        file = Path(one.pop("pdf"))
        one |= {"bytes": file.read_bytes(), "version": None, "history": None, "deposited_at": None}
    checked = said(workspace, "verify", *ids, "--json")
    found = [[row["id"] for row in said(workspace, "search", words, "--json") if "id" in row]
             for words in ("quyet dinh", "1/QĐ-UBND", "Hàm Nghi")]  # fmt: skip
    return {"shown": shown, "signatures": checked, "found": found,
            "kept": said(workspace, "retention", "list", "--json")}  # fmt: skip


def test_a_dossier_goes_from_one_workspace_to_another_by_ingest_and_is_whole_there(tmp_path: Path, said: Said) -> None:
    keys = make_demo_keys(tmp_path / "keys")
    office = opened(tmp_path, tuple(opened_seals(keys)))
    for name, street in (("a.tif", "Lê Lợi"), ("b.tif", "Hàm Nghi"), ("c.tif", "Pasteur")):
        office.scan(name, decision(str(len(office.reader.texts) + 1), street=street))
    ids = [
        event.deposit.record.id for event in office.run(office.desk(dossier="D 1/2")) if isinstance(event, Deposited)
    ]
    for command in (["retention", "set", "05", ids[0]], ["rebuild"]):
        assert run(["--workspace", str(office.workspace), *command]) == 0
    export = ["--workspace", str(office.workspace), "export", "-o", str(tmp_path / "out")]
    assert [run([*export, "D 1/2", form]) for form in ("--eark", "--nd30")] == [0, 0]
    assert run([*export, "none", "--eark"]) == 4
    assert run([*export, "--eark", "--batch", office.catalogue().batches()[0].id]) == 0
    [package] = packages_in([tmp_path / "out"])  # the batch brought this dossier alone
    serials = [id.rpartition(".")[2] for id in ids]
    other = tmp_path / "other"
    other.mkdir()
    for workspace in (office.workspace, other):
        (workspace / "sohoa.toml").write_text(keys.settings())
    ingest = ("ingest", "--workers", "1", "--json", str(package))
    for new, known in ((len(ids), 0), (0, len(ids))):
        taken = said(other, *ingest)[0]
        assert taken == {"package": str(package), "state": "taken", "new": new, "known": known}
    assert known_of(other, said) == known_of(office.workspace, said)
    for id in ids:
        before, after = (said(workspace, "show", id, "--json")[0]["history"] for workspace in (office.workspace, other))
        assert [one["what"] for one in after] == [*[one["what"] for one in before], f"take back {', '.join(serials)}"]
    assert said(other, "rebuild", "--json")
    assert known_of(other, said) == known_of(office.workspace, said)
    assert said(other, "audit", "--signatures", "--json")[0]["whole"]
    (package / DATA / quote(ids[0], safe="") / "document.pdf").write_bytes(b"%PDF-1.7 forged")
    assert run(["--workspace", str(other), *ingest]) == 3
