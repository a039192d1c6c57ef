"""Packages for the historical archive: valid to an outside checker, whole when they come back, refused when altered."""

import shutil
from pathlib import Path

import pytest
from eark_validator import structure
from eark_validator.mets import MetsValidator
from lxml import etree

from archive.eark import DATA, packages_in, records_in, write_package
from archive.nd30 import write_record
from archive.store import Archive
from cli import run
from commands.packages import take_packages
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


def test_a_dossier_goes_from_one_workspace_to_another_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    office = opened(tmp_path, tuple(opened_seals(make_demo_keys(tmp_path / "keys"))))
    office.scan("a.tif", decision("1"))
    [record] = [event.deposit.record for event in office.run() if isinstance(event, Deposited)]
    export = ["--workspace", str(office.workspace), "export", "-o", str(tmp_path / "out")]
    assert [run([*export, record.dossier, form]) for form in ("--eark", "--nd30")] == [0, 0]
    assert run([*export, "none", "--eark"]) == 4
    assert run([*export, "--eark", "--batch", office.catalogue().batches()[0].id]) == 0
    capsys.readouterr()
    [package] = packages_in([tmp_path / "out"])  # the batch brought this dossier alone
    other = Workspace.open(tmp_path / "other")
    for new, known in ((1, 0), (0, 1)):
        assert take_packages(other, [package], "An", False) == 0
        assert f"{new} records put in, {known} there already" in capsys.readouterr().out
    assert other.archive.record(record.id) == record
    assert [row.id for row in other.catalogue.deposits()] == [record.id]
    (package / DATA / record.id / "document.pdf").write_bytes(b"%PDF-1.7 forged")
    assert take_packages(other, [package], "An", False) == 1
