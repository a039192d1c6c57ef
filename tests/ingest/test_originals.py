"""Papers that an agency signed already: kept as they came, their signatures judged, and certified where that is set."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from archive.store import Archive
from cli import run
from ingest.originals import certified
from ingest.pipeline import Deposited, Event, Held
from ingest.signing import Seal, Verdict, sign, verify
from samples.keys import DemoKeys, make_demo_keys
from schemas.documents import ComposedPdf
from schemas.pages import PageText
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals
from tests.services import dss


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def seals(keys: DemoKeys) -> tuple[Seal, ...]:
    return tuple(opened_seals(keys))


@pytest.fixture(scope="module")
def ministry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ...]:
    """Keys under a root of their own."""
    keys = make_demo_keys(tmp_path_factory.mktemp("ministry"), agency="BỘ MẪU", operator="Lý Thị Bộ")
    return tuple(opened_seals(keys))


@pytest.fixture
def office(tmp_path: Path, seals: tuple[Seal, ...]) -> Office:
    return opened(tmp_path, seals)


def signed_paper(office: Office, signers: tuple[Seal, ...], change: Callable[[bytes], bytes] = bytes) -> Path:
    """A PDF in the inbox that *signers* signed elsewhere, *change* made to it afterwards."""
    with pikepdf.Pdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        pdf.save(office.folder / "typed.pdf")
    signed = sign(ComposedPdf(office.folder / "typed.pdf", 1), signers, office.folder / "signed.pdf", occupied=())
    target = office.inbox / "quyet-dinh.pdf"
    target.write_bytes(change(signed.path.read_bytes()))
    office.reader.texts = Whatever(decision("3165"))
    return target


class Whatever(dict[str, PageText]):
    """What the reader says of any picture."""

    def __init__(self, text: PageText) -> None:
        super().__init__()
        self.text = text

    def __missing__(self, picture: str) -> PageText:
        return self.text


def archived(events: list[Event]) -> Deposited:
    [event] = [event for event in events if isinstance(event, Deposited)]
    return event


def files_of(office: Office, event: Deposited) -> Path:
    return Archive.open(office.workspace / "archive").pdf(event.deposit.record.id).parent


def test_it_is_kept_byte_for_byte_and_what_its_signatures_are_worth_is_recorded(
    office: Office, ministry: tuple[Seal, ...], keys: DemoKeys
) -> None:
    paper = signed_paper(office, ministry)
    event = archived(list(office.run(replace(office.desk(), roots=keys.roots))))
    assert (files_of(office, event) / "original.pdf").read_bytes() == paper.read_bytes()
    found = Archive.open(office.workspace / "archive").found_signatures(event.deposit.record.id)
    assert [(one.signer, one.organization, one.verdict) for one in found] == [
        ("Lý Thị Bộ", "BỘ MẪU", "issuer_unknown"), ("BỘ MẪU", "BỘ MẪU", "issuer_unknown"),
    ]  # fmt: skip
    assert "no trusted root vouches" in found[0].reason
    assert not (files_of(office, event) / "certified.pdf").exists()


def test_what_it_says_is_searchable_and_shown(
    office: Office, seals: tuple[Seal, ...], keys: DemoKeys, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_paper(office, seals)
    event = archived(list(office.run(replace(office.desk(), roots=keys.roots))))
    assert "Lê Lợi" in " ".join(event.deposit.record.pages)
    sohoa = ["--workspace", str(office.workspace)]
    assert run([*sohoa, "index", "catch-up"]) == 0
    capsys.readouterr()
    assert run([*sohoa, "search", "--json", "le loi"]) == 0
    assert event.deposit.record.id in capsys.readouterr().out
    assert run([*sohoa, "show", event.deposit.record.id]) == 0
    assert "signature on the scan" in capsys.readouterr().out


def flipped(content: bytes) -> bytes:
    place = content.index(b"/MediaBox") + 12
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_one_whose_signature_is_broken_waits_until_a_person_accepts_it(
    office: Office, seals: tuple[Seal, ...], keys: DemoKeys, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = signed_paper(office, seals, flipped)
    [held] = [e for e in office.run(replace(office.desk(), roots=keys.roots)) if isinstance(e, Held)]
    assert any("a signature of the original does not hold" in reason for reason in held.hold.reasons)
    review = ["--workspace", str(office.workspace), "review"]
    (office.workspace / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    assert run([*review, "set", held.hold.id, "number=99"]) in (0, 3)
    assert [hold.id for hold in office.catalogue().holds()] == [held.hold.id], "setting a field is no word on it"
    assert run([*review, "accept", held.hold.id]) == 0
    archive = Archive.open(office.workspace / "archive")
    [record] = archive.records()
    assert {one.verdict for one in archive.found_signatures(record.id)} == {"broken"}
    assert (archive.pdf(record.id).parent / "original.pdf").read_bytes() == paper.read_bytes()
    capsys.readouterr()


def test_the_agency_certifies_it_by_an_increment_and_the_earlier_signatures_stay_valid(
    office: Office, seals: tuple[Seal, ...], keys: DemoKeys
) -> None:
    paper = signed_paper(office, seals[:1])
    desk = replace(office.desk(), roots=keys.roots, certifies_originals=True)
    event = archived(list(office.run(desk)))
    copy = files_of(office, event) / "certified.pdf"
    assert copy.read_bytes().startswith(paper.read_bytes())
    verdicts = verify(copy, keys.roots)
    assert [(one.field, one.verdict) for one in verdicts] == [("operator", Verdict.VALID), ("agency", Verdict.VALID)]
    metadata = json.loads((copy.parent / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["certified"]["signatures"][0]["role"] == "agency"
    assert [one.field for one in verify(copy.with_name("document.pdf"), keys.roots)] == ["operator", "agency"]
    assert office.state()["waiting"] == []


def test_a_certified_copy_waits_with_its_paper_and_goes_into_the_archive_with_it(
    office: Office, seals: tuple[Seal, ...], keys: DemoKeys, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_paper(office, seals[:1])
    office.reader.texts = Whatever(decision("77", number_confidence=0.3))
    desk = replace(office.desk(), roots=keys.roots, certifies_originals=True)
    [held] = [event for event in office.run(desk) if isinstance(event, Held)]
    (office.workspace / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    assert run(["--workspace", str(office.workspace), "review", "set", held.hold.id, "number=77"]) == 0
    archive = Archive.open(office.workspace / "archive")
    [record] = archive.records()
    assert (archive.pdf(record.id).parent / "certified.pdf").exists()
    assert office.state()["waiting"] == []
    capsys.readouterr()


def test_a_page_without_free_paper_is_not_certified_and_nothing_is_left(
    tmp_path: Path, seals: tuple[Seal, ...], keys: DemoKeys, caplog: pytest.LogCaptureFixture
) -> None:
    with pikepdf.Pdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        lines = b"".join(b"BT /F 8 Tf 4 %d Td (%s) Tj ET " % (y, b"M" * 90) for y in range(2, 840, 6))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        pdf.pages[0].Contents = pdf.make_stream(lines)
        pdf.pages[0].Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
        pdf.save(tmp_path / "full.pdf")
    full = sign(ComposedPdf(tmp_path / "full.pdf", 1), seals[:1], tmp_path / "signed.pdf", occupied=())
    assert certified(full.path, 1, seals, tmp_path / "out" / "c.pdf", keys.roots, verify) is None
    assert "no free paper" in caplog.text
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.service("EU DSS")
def test_a_stranger_calls_both_generations_of_signatures_valid(
    tmp_path: Path, seals: tuple[Seal, ...], ministry: tuple[Seal, ...], keys: DemoKeys
) -> None:
    office = opened(tmp_path, seals)
    paper = signed_paper(office, seals[:1])
    copy = certified(paper, 1, seals, tmp_path / "certified.pdf", keys.roots, verify)
    assert copy is not None
    assert [one.indication for one in dss.judge([copy.path], [keys.root])[copy.path]] == ["TOTAL_PASSED"] * 2
