# mypy: disable-error-code="no-untyped-call"
"""`sohoa renew`: what waits for a timestamp gets it, what ages is renewed in time, and every version stays."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

import pikepdf
import pytest
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner

from archive.store import Archive
from cli import run
from ingest.pipeline import Deposited
from ingest.renewal import Due, NotRenewed, RenewalDesk, Renewed, Standing, look, renew
from ingest.signing import Verdict, open_seals, sign, verify
from ingest.signing.ageing import NEVER, Why, holds_until
from ingest.signing.lifting import BasicOnly
from ingest.signing.seals import lasting_from
from samples.keys import make_demo_keys
from schemas.documents import ComposedPdf
from schemas.errors import ServiceUnavailable
from schemas.settings import Office as OfficeSettings
from schemas.settings import Signing
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals
from tests.ingest.test_originals import signed_paper
from tests.services.pki import SECRET, Pki

ENVIRONMENT = {"SOHOA_OPERATOR_PASSWORD": SECRET, "SOHOA_AGENCY_PASSWORD": SECRET}


def settings(pki: Pki, level: str, *urls: str) -> Signing:
    return Signing(
        operator_key=pki.key("operator"), agency_key=pki.key("agency"), level=level,  # type: ignore[arg-type]
        timestamp_urls=urls or (pki.timestamps,), timestamp_timeout_s=5, timestamp_tries=1, trust_roots=str(pki.roots),
    )  # fmt: skip


def office_with(folder: Path, signing: Signing, papers: int = 1) -> tuple[Office, list[Deposited]]:
    """An office whose papers are archived, signed as set."""
    office = opened(folder, tuple(open_seals(signing, OfficeSettings(), environment=ENVIRONMENT)))
    for number in range(1, papers + 1):
        office.scan(f"{number}.tif", decision(str(number), street=f"Đường số {number}"))
    return office, [event for event in office.run() if isinstance(event, Deposited)]


def desk(office: Office, signing: Signing) -> RenewalDesk:
    return RenewalDesk(
        office.catalogue(), Archive.open(office.workspace / "archive"), office.workspace / "tmp", "Bình",
        cache(partial(lasting_from, signing)),
    )  # fmt: skip


def ending(due: Due, day: datetime) -> Due:
    """The same, as if it held until that day."""
    return replace(due, pdfs=tuple(replace(one, holds=replace(one.holds, until=day)) for one in due.pdfs))


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(days=90)


def test_what_no_service_stamped_is_archived_marked_and_lifted_later(tmp_path: Path, pki: Pki) -> None:
    office, [event] = office_with(tmp_path, settings(pki, "B-LTA", f"{pki.url}/nonsense"))
    assert event.waits_for_timestamp
    archive = Archive.open(office.workspace / "archive")
    id = event.deposit.record.id
    before = archive.pdf(id).read_bytes()
    found = look(archive, id, soon())
    assert isinstance(found, Due)
    assert found.why is Why.WAITS

    [renewed] = renew([found], desk(office, settings(pki, "B-LTA")))
    assert isinstance(renewed, Renewed)
    assert (renewed.level, renewed.deposit.record.version) == ("B-LTA", event.deposit.record.version + 1)
    assert archive.pdf(id).read_bytes().startswith(before)
    verdicts = verify(archive.pdf(id), pki.roots)
    assert {one.verdict for one in verdicts} == {Verdict.VALID}
    assert [one.level for one in verdicts if one.kind == "signature"] == ["B-LTA", "B-LTA"]
    assert isinstance(look(archive, id, soon()), Standing)
    assert "Bình: renewed: waits" in archive.provenance(id).decisions[-1]
    office.state()  # the audit finds archive and catalogue at one


def test_stamping_goes_on_while_the_next_scans_are_read(tmp_path: Path, pki: Pki) -> None:
    """Four at a time, and the order of the events is that of the scans."""
    office, events = office_with(tmp_path, settings(pki, "B-T", f"{pki.url}/slow"), papers=4)
    assert [event.scan.path.name for event in events] == ["1.tif", "2.tif", "3.tif", "4.tif"]
    assert not any(event.waits_for_timestamp for event in events)
    assert office.state()["waiting"] == []


def test_when_services_fail_on_renewal_nothing_changes_and_the_next_run_goes_on(tmp_path: Path, pki: Pki) -> None:
    office, events = office_with(tmp_path, settings(pki, "B-T", f"{pki.url}/other"), papers=2)
    archive = Archive.open(office.workspace / "archive")
    due = [look(archive, event.deposit.record.id, soon()) for event in events]
    assert all(isinstance(one, Due) for one in due)
    with pytest.raises(ServiceUnavailable, match="stamped something else"):
        list(
            renew([one for one in due if isinstance(one, Due)], desk(office, settings(pki, "B-T", f"{pki.url}/other")))
        )
    assert {record.version for record in archive.records()} == {1}
    outcomes = list(renew([one for one in due if isinstance(one, Due)], desk(office, settings(pki, "B-T"))))
    assert [type(outcome) for outcome in outcomes] == [Renewed, Renewed]


def test_what_ends_too_early_is_renewed_unless_the_service_itself_ends_no_later(tmp_path: Path, pki: Pki) -> None:
    office, [event] = office_with(tmp_path, settings(pki, "B-B"))
    archive = Archive.open(office.workspace / "archive")
    id = event.deposit.record.id
    assert isinstance(look(archive, id, soon()), Standing)
    found = look(archive, id, datetime(2040, 1, 1, tzinfo=UTC))
    assert isinstance(found, Due)
    assert (found.why, found.holds.until.year) == (Why.ALGORITHM, 2029)  # RSA 2048, as the service's own key
    [refused] = renew([found], desk(office, settings(pki, "B-B")))
    assert isinstance(refused, NotRenewed)
    assert "name another in signing.timestamp_urls" in refused.reason
    ends_first = ending(found, datetime.now(UTC) + timedelta(days=30))
    [renewed] = renew([ends_first], desk(office, settings(pki, "B-B")))
    assert isinstance(renewed, Renewed)
    assert (renewed.level, renewed.holds.why) == ("B-LTA", Why.ALGORITHM)


def test_what_ended_without_a_timestamp_cannot_be_renewed_and_says_so(tmp_path: Path, pki: Pki) -> None:
    office, [event] = office_with(tmp_path, settings(pki, "B-B"))
    found = look(Archive.open(office.workspace / "archive"), event.deposit.record.id, NEVER)
    assert isinstance(found, Due)
    ended = ending(found, datetime.now(UTC) - timedelta(days=1))
    [refused] = renew([ended], desk(office, settings(pki, "B-B")))
    assert isinstance(refused, NotRenewed)
    assert "renewing comes too late" in refused.reason


def test_an_archive_holds_until_its_first_certificate_ends(tmp_path: Path) -> None:
    keys = make_demo_keys(tmp_path / "keys")
    office = opened(tmp_path, tuple(opened_seals(keys)))
    office.scan("a.tif", decision("1"))
    [event] = [event for event in office.run() if isinstance(event, Deposited)]
    pdf = Archive.open(office.workspace / "archive").pdf(event.deposit.record.id)
    holds = holds_until(pdf)
    assert holds is not None
    assert holds.until.year == 2029  # PKCS #1 v1.5 by ETSI TS 119 312, before the certificates' ten years
    assert isinstance(lasting_from(Signing(), "B-B"), BasicOnly)


def test_what_ends_first_is_named_be_it_the_hash_the_key_or_the_certificate(tmp_path: Path, pki: Pki) -> None:
    with pikepdf.Pdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        pdf.save(tmp_path / "blank.pdf")
    by_hash = holds_until(signed_with(tmp_path, "sha1"))
    by_key = holds_until(signed_with(tmp_path, "sha256"))
    elliptic = settings(pki, "B-B").model_copy(update={"operator_key": pki.key("p256"), "agency_key": ""})
    seals = open_seals(elliptic, OfficeSettings(), environment=ENVIRONMENT)
    signed = sign(ComposedPdf(tmp_path / "blank.pdf", 1), seals, tmp_path / "elliptic.pdf", occupied=())
    by_certificate = holds_until(signed.path)
    found = [by_hash, by_key, by_certificate]
    assert [(one.until.year, one.why) for one in found if one is not None] == [
        (2012, Why.ALGORITHM), (2029, Why.ALGORITHM), (2100, Why.CERTIFICATE),
    ]  # fmt: skip


def signed_with(folder: Path, hash_: str) -> Path:
    """A PDF signed by another program with RSA by PKCS #1 v1.5 and this hash."""
    keys = make_demo_keys(folder / "keys")
    password = keys.operator_password_file.read_text().strip().encode()
    signer = SimpleSigner.load_pkcs12(str(keys.operator_key), passphrase=password)
    target = folder / f"{hash_}.pdf"
    with (folder / "blank.pdf").open("rb") as source, target.open("w+b") as output:
        named = PdfSignatureMetadata(field_name="one", md_algorithm=hash_)
        PdfSigner(named, signer).sign_pdf(IncrementalPdfFileWriter(source), output=output)
    return target


def test_the_agencys_copy_of_a_paper_signed_elsewhere_is_renewed_with_its_record(tmp_path: Path, pki: Pki) -> None:
    """The earlier signer is vouched for by no root here, and no proofs of his are to be had: the agency's are."""
    ministry = tuple(opened_seals(make_demo_keys(tmp_path / "ministry", agency="BỘ MẪU", operator="Lý Thị Bộ")))
    seals = tuple(open_seals(settings(pki, "B-LTA", f"{pki.url}/nonsense"), OfficeSettings(), environment=ENVIRONMENT))
    office = opened(tmp_path, seals)
    paper = signed_paper(office, ministry)
    desk_of_batch = replace(office.desk(), roots=pki.roots, certifies_originals=True)
    [event] = [event for event in office.run(desk_of_batch) if isinstance(event, Deposited)]
    assert event.waits_for_timestamp
    archive = Archive.open(office.workspace / "archive")
    id = event.deposit.record.id
    before = archive.signed_pdfs(id)["certified.pdf"].path.read_bytes()

    found = look(archive, id, soon())
    assert isinstance(found, Due)
    assert {one.name for one in found.pdfs} == {"document.pdf", "certified.pdf"}
    [renewed] = renew([found], desk(office, settings(pki, "B-LTA")))
    assert isinstance(renewed, Renewed)
    copy = archive.signed_pdfs(id)["certified.pdf"]
    assert not copy.waits_for_timestamp
    assert copy.path.read_bytes().startswith(before)
    assert before.startswith(paper.read_bytes())
    *theirs, agency, stamp = verify(copy.path, pki.roots)
    assert {one.verdict for one in theirs} == {Verdict.ISSUER_UNKNOWN}
    assert (agency.field, agency.verdict, agency.level) == ("agency-2", Verdict.VALID, "B-LTA")
    assert (stamp.kind, stamp.verdict) == ("timestamp", Verdict.VALID)
    assert isinstance(look(archive, id, soon()), Standing)
    office.state()


def test_renew_as_it_is_typed(tmp_path: Path, pki: Pki, capsys: pytest.CaptureFixture[str]) -> None:
    office, events = office_with(tmp_path, settings(pki, "B-T", f"{pki.url}/nonsense"), papers=2)
    (office.workspace / "sohoa.toml").write_text(
        f'[signing]\nlevel = "B-T"\ntimestamp_urls = ["{pki.timestamps}"]\ntrust_roots = "{pki.roots}"\n'
    )
    renew_ = ["--workspace", str(office.workspace), "renew"]
    assert run([*renew_, "--dry-run", "--json"]) == 0
    *due, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(line["id"], line["why"]) for line in due] == [(e.deposit.record.id, "waits") for e in events]
    assert summary["due"] == 2
    assert run(renew_) == 0
    said = capsys.readouterr().out
    assert "waited for a timestamp" in said
    assert "2 records renewed, 0 could not be; 0 hold beyond" in said
    assert run([*renew_, "--json"]) == 0
    [summary] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (summary["renewed"], summary["hold"]) == (0, 2)
    assert run([*renew_, "nobody.001"]) == 3
    assert "no record nobody.001" in capsys.readouterr().out
