# mypy: disable-error-code="no-untyped-call"
"""What comes with a signature and none covers: timestamps of its own, certificates, proofs behind the newest."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from asn1crypto import cms, crl, ocsp  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as answers
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from commands.verify import overall
from ingest.signing import Verdict, verify
from ingest.signing.cms import CmsSigner
from ingest.signing.signers import read_key_file
from ingest.signing.verdicts import Revocation, TimeSource
from ingest.signing.writing import QuietWriter
from schemas.documents import ComposedPdf
from schemas.errors import InputRejected
from tests.ingest.test_signing_lasting import signed_at
from tests.ingest.test_signing_tampering import contents
from tests.services.pki import Pki

EACH = 29
"""A bit of every so many bytes is flipped."""


def blank_pdf(folder: Path) -> Path:
    with pikepdf.Pdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        pdf.save(folder / "blank.pdf")
    return folder / "blank.pdf"


def stamped_elsewhere(pki: Pki, folder: Path, operator: str = "operator") -> bytes:
    """A PDF by another program, whose signature bears a timestamp of its own, as most papers of agencies do."""
    signer = CmsSigner(read_key_file(Path(pki.key(operator)), "", "pkcs1"))
    named = PdfSignatureMetadata(field_name="one", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    written = BytesIO()
    with blank_pdf(folder).open("rb") as source:
        PdfSigner(named, signer, timestamper=HTTPTimeStamper(pki.timestamps)).sign_pdf(
            IncrementalPdfFileWriter(source), output=written
        )
    return written.getvalue()


@pytest.fixture(scope="module")
def stamped(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return stamped_elsewhere(pki, tmp_path_factory.mktemp("stamped"))


def verdict_on(content: bytes, folder: Path, pki: Pki) -> str:
    file = folder / "tampered.pdf"
    file.write_bytes(content)
    try:
        return overall(verify(file, pki.roots))
    except InputRejected:
        return "rejected"


def cms_of(content: bytes) -> tuple[bytes, cms.SignedData]:
    """The signature's own bytes, and what they say."""
    [(start, end)] = contents(content.upper())
    whole = bytes.fromhex(content[start + 1 : end - 1].decode())
    return whole, cms.ContentInfo.load(whole)["content"]


def with_cms(content: bytes, changed: bytes) -> bytes:
    [(start, end)] = contents(content.upper())
    return (
        content[: start + 1]
        + changed.hex().encode()[: end - start - 2].ljust(end - start - 2, b"0")
        + content[end - 1 :]
    )


def with_bit_flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def token_of(signed: cms.SignedData) -> cms.ContentInfo:
    [attribute] = signed["signer_infos"][0]["unsigned_attrs"]
    [token] = attribute["values"]
    return token


def with_unsigned(signed: cms.SignedData, of: cms.SignerInfo | None) -> bytes:
    """The signature with another's unsigned attributes, or none."""
    changed = signed.copy()
    changed["signer_infos"][0]["unsigned_attrs"] = of["unsigned_attrs"] if of is not None else None
    whole: bytes = cms.ContentInfo({"content_type": "signed_data", "content": changed}).dump(force=True)
    return whole


# -- the timestamp of a signature -----------------------------------------------------------------------------------


def test_a_signature_with_a_timestamp_of_its_own_is_valid_and_dated_by_it(
    stamped: bytes, tmp_path: Path, pki: Pki
) -> None:
    (tmp_path / "stamped.pdf").write_bytes(stamped)
    [found] = verify(tmp_path / "stamped.pdf", pki.roots)
    assert (found.verdict, found.level, found.time_source) == (Verdict.VALID, "B-T", TimeSource.TIMESTAMP)
    assert found.signed_at == found.existed_at


def test_no_bit_of_the_timestamp_goes_unnoticed(stamped: bytes, tmp_path: Path, pki: Pki) -> None:
    """What is changed there makes no other time, and no signature that bears none."""
    whole, signed = cms_of(stamped)
    [attribute] = signed["signer_infos"][0]["unsigned_attrs"]
    start = whole.index(attribute.dump())
    name = range(start + 4, start + 4 + len(attribute["type"].dump()))
    places = [*name, *range(start, start + len(attribute.dump()), EACH)]
    said = {
        (place, bit): verdict_on(with_cms(stamped, with_bit_flipped(whole, place, bit)), tmp_path, pki)
        for place in places
        for bit in ((0, 3, 6) if place in name else (place % 8,))
    }
    assert [where for where, verdict in said.items() if verdict == Verdict.VALID] == []


def test_a_timestamp_of_another_signature_is_noticed(stamped: bytes, tmp_path: Path, pki: Pki) -> None:
    other = stamped_elsewhere(pki, tmp_path, "agency")
    (_whole, signed), (_other, theirs) = cms_of(stamped), cms_of(other)
    (tmp_path / "moved.pdf").write_bytes(with_cms(stamped, with_unsigned(signed, theirs["signer_infos"][0])))
    [found] = verify(tmp_path / "moved.pdf", pki.roots)
    assert (found.verdict, found.existed_at) == (Verdict.BROKEN, "")
    assert found.reason == "the timestamp on the signature was changed"


def test_a_signature_and_its_timestamp_taken_apart_is_what_it_would_be_without(
    stamped: bytes, tmp_path: Path, pki: Pki
) -> None:
    """Nobody can see that it bore one: it proves no time, and none is claimed for it."""
    _whole, signed = cms_of(stamped)
    (tmp_path / "plain.pdf").write_bytes(with_cms(stamped, with_unsigned(signed, None)))
    [found] = verify(tmp_path / "plain.pdf", pki.roots)
    assert (found.verdict, found.level, found.existed_at) == (Verdict.VALID, "B-B", "")
    assert found.time_source in (TimeSource.CLAIMED, TimeSource.NONE)


# -- certificates beside the signature ------------------------------------------------------------------------------


def test_no_bit_of_a_certificate_beside_it_goes_unnoticed(stamped: bytes, tmp_path: Path, pki: Pki) -> None:
    whole, signed = cms_of(stamped)
    unnoticed = []
    for choice in [*signed["certificates"], *token_of(signed)["content"]["certificates"]]:
        start = whole.index(choice.dump())
        for place in range(start, start + len(choice.dump()), EACH):
            changed = with_cms(stamped, with_bit_flipped(whole, place, place % 8))
            if verdict_on(changed, tmp_path, pki) == Verdict.VALID:
                unnoticed.append(place - start)
    assert unnoticed == []


# -- proofs behind the newest signature -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proven(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """At B-LT: no signature covers the proofs."""
    folder = tmp_path_factory.mktemp("proven")
    return signed_at("B-LT", pki, ComposedPdf(blank_pdf(folder), 1), folder / "signed.pdf").path.read_bytes()


def streams_of(content: bytes) -> dict[str, list[bytes]]:
    store = DocumentSecurityStore.read_dss(PdfFileReader(BytesIO(content)))
    return {
        "certificate": [reference.get_object().data for reference in store.certs.values()],
        "answer": [reference.get_object().data for reference in store.ocsps],
        "list": [reference.get_object().data for reference in store.crls],
    }


@pytest.mark.parametrize("kind", ["certificate", "answer", "list"])
def test_no_bit_of_a_proof_goes_unnoticed(kind: str, proven: bytes, tmp_path: Path, pki: Pki) -> None:
    assert verdict_on(proven, tmp_path, pki) == Verdict.VALID
    unnoticed = []
    for stream in streams_of(proven)[kind]:
        start = proven.rindex(b"stream\n" + stream) + 7
        for place in range(start, start + len(stream), 4 * EACH):
            if verdict_on(with_bit_flipped(proven, place, place % 8), tmp_path, pki) == Verdict.VALID:
                unnoticed.append((place - start, place % 8))
    assert unnoticed == []


def test_a_certificate_that_takes_anothers_number_is_noticed(proven: bytes, tmp_path: Path, pki: Pki) -> None:
    """A store is looked through by issuer and number: the one hides the other there."""
    assert verdict_on(proven, tmp_path, pki) == Verdict.VALID
    unnoticed = []
    for stream in streams_of(proven)["certificate"]:
        number = asn1.Certificate.load(stream)["tbs_certificate"]["serial_number"].dump()
        place = proven.rindex(b"stream\n" + stream) + 7 + stream.index(number) + len(number) - 1
        unnoticed += [
            (place, bit)
            for bit in range(3)
            if verdict_on(with_bit_flipped(proven, place, bit), tmp_path, pki) == Verdict.VALID
        ]
    assert unnoticed == []


def with_proofs(content: bytes, **proofs: Any) -> bytes:
    file = BytesIO(content)
    writer = QuietWriter(file)
    DocumentSecurityStore.supply_dss_in_writer(writer, None, **proofs)
    writer.write_in_place()
    return file.getvalue()


def made_up_answer(pki: Pki, name: str) -> ocsp.OCSPResponse:
    """*Not revoked*, says somebody whom nobody asked."""
    key = rsa.generate_private_key(65537, 2048)
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Kẻ mạo danh")])
    now = datetime.now(UTC)
    own = (
        x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    signer, issuer = x509.load_pem_x509_certificates(Path(pki.key(name)).read_bytes())
    good, until = answers.OCSPCertStatus.GOOD, now + timedelta(days=9)
    made = (
        answers.OCSPResponseBuilder()
        .add_response(signer, issuer, hashes.SHA1(), good, now, until, None, None)
        .responder_id(answers.OCSPResponderEncoding.HASH, own)
        .certificates([own])
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return ocsp.OCSPResponse.load(made.public_bytes(Encoding.DER))


def test_an_answer_that_nobody_vouches_for_proves_nothing(stamped: bytes, tmp_path: Path, pki: Pki) -> None:
    (tmp_path / "made-up.pdf").write_bytes(with_proofs(stamped, ocsps=[made_up_answer(pki, "operator")]))
    [found] = verify(tmp_path / "made-up.pdf", pki.roots)
    assert found.revocation is Revocation.UNKNOWN


def test_a_signer_whom_his_issuers_list_names_is_revoked_whatever_else_is_said(tmp_path: Path, pki: Pki) -> None:
    content = stamped_elsewhere(pki, tmp_path, "revoked")
    lists = [crl.CertificateList.load(file.read_bytes()) for file in pki.lists]
    (tmp_path / "listed.pdf").write_bytes(
        with_proofs(content, crls=lists, ocsps=[made_up_answer(pki, "revoked")])
    )  # fmt: skip
    [found] = verify(tmp_path / "listed.pdf", pki.roots)
    assert (found.verdict, found.revocation) == (Verdict.REVOKED, Revocation.REVOKED)


def test_who_vouches_and_what_came_after_is_told(proven: bytes, tmp_path: Path, pki: Pki) -> None:
    (tmp_path / "proven.pdf").write_bytes(proven)
    operator, agency, stamp = verify(tmp_path / "proven.pdf", pki.roots)
    assert operator.trust_path == ("Gốc thử", "CA thử", "Lê Văn Thử")
    assert agency.trust_path == ("Gốc thử", "CA thử", "UBND XÃ MẪU")
    assert {one.verdict for one in (operator, agency, stamp)} == {Verdict.VALID}
    assert stamp.trust_path == ("Gốc thử", "Máy chủ dấu thời gian thử")
    assert (operator.modified_after, agency.modified_after) == ("signatures", "validation_data")
    assert {one.revocation for one in (operator, agency, stamp)} == {Revocation.GOOD}
