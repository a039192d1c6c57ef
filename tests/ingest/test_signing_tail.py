# mypy: disable-error-code="no-untyped-call"
"""What stands behind the newest signature at B-LT: the proofs, and around them not a byte that may be another."""

import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import crl, ocsp  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.validation.dss import DocumentSecurityStore

from bench.attacks import BYTE_RANGE
from ingest.signing import Verdict
from ingest.signing.cms import CmsSigner
from ingest.signing.dialects import UNREADABLE
from ingest.signing.signers import read_key_file
from ingest.signing.syntax import updates_in
from ingest.signing.tail import adds_only_proofs
from ingest.signing.writing import QuietWriter
from schemas.documents import ComposedPdf
from tests.ingest.test_signing_lasting import signed_at
from tests.ingest.test_signing_unsigned import blank_pdf, stamped_elsewhere, streams_of, verdict_on, with_proofs
from tests.services.pki import Pki

EACH = 31
"""A bit of every so many bytes is flipped where the whole of `verify` is asked."""
PROOF = re.compile(rb"stream\r?\n(0\x82.*?)\r?\nendstream", re.S)


@pytest.fixture(scope="module", params=["table", "stream"])
def proven(request: pytest.FixtureRequest, pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Ours; its cross-references are tables, or streams."""
    folder = tmp_path_factory.mktemp("proven")
    file = blank_pdf(folder)
    if request.param == "stream":
        with pikepdf.open(file, allow_overwriting_input=True) as pdf:
            pdf.save(file, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return signed_at("B-LT", pki, ComposedPdf(file, 1), folder / "signed.pdf").path.read_bytes()


@pytest.fixture(scope="module")
def proofs(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """Certificates, answers and lists."""
    folder = tmp_path_factory.mktemp("proofs")
    composed = ComposedPdf(blank_pdf(folder), 1)
    return streams_of(signed_at("B-LT", pki, composed, folder / "signed.pdf").path.read_bytes())


@pytest.fixture(scope="module")
def stamped(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Signed by another program, at B-T."""
    return stamped_elsewhere(pki, tmp_path_factory.mktemp("stamped"))


def end_of_signed(content: bytes) -> int:
    return max(int(found[2]) + int(found[3]) for found in BYTE_RANGE.finditer(content))


def around_proofs(content: bytes) -> list[int]:
    start = end_of_signed(content)
    held = [found.span(1) for found in PROOF.finditer(content, start)]
    return [place for place in range(start, len(content)) if not any(a <= place < b for a, b in held)]


def with_flipped(content: bytes, place: int, bit: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


def passes(content: bytes) -> bool:
    """What `verify` asks of the part that no signature covers."""
    return passes_behind(content, _newest(content), end_of_signed(content))


def _newest(content: bytes) -> int:
    revisions = [one.signed_revision for one in PdfFileReader(BytesIO(content), strict=False).embedded_signatures]
    return int(max(revisions))


def passes_behind(content: bytes, newest: int, end: int) -> bool:
    file = BytesIO(content)
    try:
        reader = PdfFileReader(file, strict=False)
    except UNREADABLE:
        return False
    return adds_only_proofs(file, reader, newest, end)


def passing(content: bytes, places: Iterable[int], bits: int = 8) -> list[int]:
    """Where a bit, one of the lowest *bits*, may be another."""
    newest, end = _newest(content), end_of_signed(content)
    return [place for place in places if passes_behind(with_flipped(content, place, place % bits), newest, end)]


# -- ours -----------------------------------------------------------------------------------------------------------


def test_no_byte_around_the_proofs_goes_unnoticed(proven: bytes) -> None:
    assert passes(proven)
    places = around_proofs(proven)
    assert len(places) > 800
    assert passing(proven, places) == []


def test_verify_says_so(proven: bytes, tmp_path: Path, pki: Pki) -> None:
    assert verdict_on(proven, tmp_path, pki) == Verdict.VALID
    places = around_proofs(proven)[::EACH]
    said = {place: verdict_on(with_flipped(proven, place, place % 8), tmp_path, pki) for place in places}
    assert [place for place, verdict in said.items() if verdict == Verdict.VALID] == []


def test_a_bit_anywhere_else_contradicts_the_identifier_too(proven: bytes) -> None:
    """It is the hash of the whole file: also of what signatures leave out."""
    [*_before, (start, end)] = [found.span() for found in re.finditer(rb"<[0-9A-Fa-f]{2000,}>", proven)]
    assert passing(proven, [start + 5, end - 5]) == []


def test_an_update_that_brings_nothing_is_noticed(proven: bytes, tmp_path: Path, pki: Pki) -> None:
    known = asn1.Certificate.load(streams_of(proven)["certificate"][0])
    assert verdict_on(with_proofs(proven, certs=[known]), tmp_path, pki) == Verdict.CHANGED


# -- by other programs --------------------------------------------------------------------------------------------


def by_pyhanko(content: bytes, proofs: dict[str, list[bytes]]) -> bytes:
    return with_proofs(
        content, certs=map(asn1.Certificate.load, proofs["certificate"]),
        ocsps=map(ocsp.OCSPResponse.load, proofs["answer"]), crls=map(crl.CertificateList.load, proofs["list"]),
    )  # fmt: skip


def in_an_object_stream(content: bytes, proofs: dict[str, list[bytes]]) -> bytes:
    """As Acrobat writes: the store lies in a compressed stream of objects."""
    file = BytesIO(content)
    writer = QuietWriter(file)
    streams = [writer.add_object(generic.StreamObject(stream_data=one)) for one in proofs["certificate"]]
    for stream in streams:
        stream.get_object().compress()
    store = generic.DictionaryObject({pdf_name("/Certs"): generic.ArrayObject(streams)})
    writer.root[pdf_name("/DSS")] = writer.add_object(store, writer.prepare_object_stream())
    writer.update_root()
    writer.write_in_place()
    return file.getvalue()


EXTENSIONS = b"""<</ESIC<</Type/DeveloperExtensions/BaseVersion/1.7/ExtensionLevel 1>>
/ADBE<</BaseVersion/1.7/ExtensionLevel 8>>>>"""


class Other:
    """A program that writes as the standard allows it and we do not: lines end otherwise, lengths are objects of their
    own, a comment names the program, strings are literal, and an extension of Adobe's is stated."""

    def __init__(self, content: bytes, eol: bytes) -> None:
        self.reader = PdfFileReader(BytesIO(content))
        self.root, self.before = int(self.reader.root_ref.idnum), int(str(self.reader.last_startxref))
        self.written = bytearray(content)
        self.eol = eol
        self.size = int(self.reader.trailer["/Size"])
        self.places: dict[int, int] = {}

    def put(self, *lines: bytes, number: int = 0) -> int:
        number = number or self.size
        self.size = max(self.size, number + 1)
        self.places[number] = len(self.written)
        self.written += self.eol.join([b"%d 0 obj" % number + lines[0], *lines[1:], b"endobj", b""])
        return number

    def put_stream(self, data: bytes) -> int:
        length = self.put(b" %d" % len(data))
        return self.put(b"<</Length %d 0 R>>stream\r\n" % length + data, b"endstream")

    def end(self, **stated: bytes) -> bytes:
        stated = {"Extensions": EXTENSIONS, **stated}
        catalogue = BytesIO()
        kept = {key: value for key, value in self.reader.root.items() if key[1:] not in stated}
        generic.DictionaryObject(kept).write_to_stream(catalogue)
        entries = b"".join(b"/" + key.encode() + value for key, value in stated.items())
        self.put(
            catalogue.getvalue()[:-2] + entries + b">>",
            number=self.root,
        )
        table = len(self.written)
        listed = [line for number, place in sorted(self.places.items())
                  for line in (b"%d 1" % number + self.eol, b"%010d 00000 n\r\n" % place)]  # fmt: skip
        first = self.reader.trailer["/ID"][0].original_bytes.hex().encode()
        self.written += b"xref" + self.eol + b"".join(listed) + self.eol.join([
            b"trailer", b"<</Size %d/Root %d 0 R/ID[<%s>(\\(other\\)\\061)]" % (self.size, self.root, first),
            b"/Prev %d>>" % self.before, b"%Program-1.2.3", b"startxref", b"%d" % table, b"%%EOF", b"",
        ])  # fmt: skip
        return bytes(self.written)


def by_another(content: bytes, proofs: dict[str, list[bytes]], eol: bytes = b"\r\n", **stated: bytes) -> bytes:
    other = Other(content, eol)
    lists = [
        b"[" + b" ".join(b"%d 0 R" % other.put_stream(one) for one in proofs[kind]) + b"]"
        for kind in ("certificate", "answer", "list")
    ]
    named = other.put(b"<</Type/VRI/Cert ", lists[0], b"/TU(D:20260102030405+07'00')>>")
    store = other.put(
        b"<</Type /DSS/Certs %s/OCSPs %s/CRLs %s" % tuple(lists), b"/VRI<</%s %d 0 R>>>>" % (b"0123ABCDEF" * 4, named)
    )
    return other.end(DSS=b" %d 0 R" % store, **stated)


@pytest.mark.parametrize("eol", [b"\r\n", b"\n", b"\r"], ids=["CR LF", "LF", "CR"])
def test_proofs_as_another_program_writes_them_are_no_change(
    eol: bytes, stamped: bytes, proofs: dict[str, list[bytes]], tmp_path: Path, pki: Pki
) -> None:
    assert verdict_on(by_another(stamped, proofs, eol), tmp_path, pki) == Verdict.VALID


def test_proofs_in_an_object_stream_are_no_change(proofs: dict[str, list[bytes]], tmp_path: Path, pki: Pki) -> None:
    with pikepdf.open(blank_pdf(tmp_path), allow_overwriting_input=True) as pdf:
        pdf.save(tmp_path / "blank.pdf", object_stream_mode=pikepdf.ObjectStreamMode.generate)
    signed = signed_at("B-T", pki, ComposedPdf(tmp_path / "blank.pdf", 1), tmp_path / "signed.pdf").path.read_bytes()
    content = in_an_object_stream(signed, proofs)
    assert b"/ObjStm" in content[len(signed) :]
    assert verdict_on(content, tmp_path, pki) == Verdict.VALID


class CopyingWriter(QuietWriter):
    """Of a program whose identifiers are as long as ours, and stay."""

    @classmethod
    def _handle_id(cls, prev: PdfFileReader) -> generic.ArrayObject:
        return generic.ArrayObject([generic.ByteStringObject(bytes(range(32)))] * 2)


def test_an_identifier_as_long_as_ours_that_was_there_before_is_not_ours(
    proofs: dict[str, list[bytes]], tmp_path: Path, pki: Pki
) -> None:
    signer = CmsSigner(read_key_file(Path(pki.key("operator")), "", "pkcs1"))
    named = PdfSignatureMetadata(field_name="one", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    file = BytesIO()
    with blank_pdf(tmp_path).open("rb") as source:
        PdfSigner(named, signer).sign_pdf(CopyingWriter(source), output=file)
    writer = CopyingWriter(file)
    DocumentSecurityStore.supply_dss_in_writer(writer, None, certs=map(asn1.Certificate.load, proofs["certificate"]))
    writer.write_in_place()
    assert verdict_on(file.getvalue(), tmp_path, pki) == Verdict.VALID


def test_around_proofs_by_another_program_only_what_nothing_calls_for_may_be_another(
    stamped: bytes, proofs: dict[str, list[bytes]], tmp_path: Path, pki: Pki
) -> None:
    """The second identifier, and what the head of the list of free objects says."""
    content = by_pyhanko(stamped, proofs)
    start = end_of_signed(content)
    [second] = [found.span(1) for found in re.finditer(rb"/ID \[ <[0-9a-f]+> <([0-9a-f]+)> \]", content[start:])]
    head = content.index(b"0000000000 65535 f", start)
    free = {*range(start + second[0], start + second[1]), *range(head, head + 16)}
    assert verdict_on(content, tmp_path, pki) == Verdict.VALID
    unnoticed = {
        place
        for place in passing(content, around_proofs(content)[::3], 5)  # bit 5 would only change a digit's case
        if verdict_on(with_flipped(content, place, place % 5), tmp_path, pki) == Verdict.VALID
    }
    assert unnoticed <= free


def test_a_proof_that_stands_for_one_signature_alone_must_be_as_its_issuer_made_it(
    stamped: bytes, proofs: dict[str, list[bytes]], tmp_path: Path, pki: Pki
) -> None:
    other = Other(stamped, b"\n")
    one, *rest = [b"%d 0 R" % other.put_stream(stream) for stream in proofs["certificate"]]
    named = other.put(b"<</Type/VRI/Cert[%s]>>" % one)
    store = other.put(b"<</Certs[%s]/VRI<</%s %d 0 R>>>>" % (b" ".join(rest), b"0123ABCDEF" * 4, named))
    content = other.end(DSS=b" %d 0 R" % store)
    assert verdict_on(content, tmp_path, pki) == Verdict.VALID
    place = content.index(proofs["certificate"][0], end_of_signed(content)) + len(proofs["certificate"][0]) - 40
    assert verdict_on(with_flipped(content, place, 1), tmp_path, pki) == Verdict.CHANGED


@pytest.mark.parametrize(
    ("was", "changed"),
    [
        (b"/ADBE", b"/ADBF"), (b"/ExtensionLevel 8", b"/ExtensionLevel 7"), (b"/BaseVersion/1.7", b"/BaseVersion/1.6"),
        (b"%Program-1.2.3", b"%Program\r\n1.2."), (b"endobj", b"endobk"), (b"stream\r\n", b"strfam\r\n"),
        (b"/Root", b"/Rout"), (b"/ID[", b"/IE["), (b"trailer", b"trailor"), (b"/Type /DSS", b"/Tope /DSS"),
    ],
)  # fmt: skip
def test_a_letter_there_is_noticed(
    was: bytes, changed: bytes, stamped: bytes, proofs: dict[str, list[bytes]], tmp_path: Path, pki: Pki
) -> None:
    content = by_another(stamped, proofs)
    start = end_of_signed(content)
    assert len(was) == len(changed)
    assert was in content[start:]
    written = content[:start] + content[start:].replace(was, changed, 1)
    assert verdict_on(written, tmp_path, pki) != Verdict.VALID


@pytest.mark.parametrize("stated", [{"MarkInfo": b"<</Marked true>>"}, {"Version": b"/1.2"}, {"Lang": b"(vi)"}])
def test_another_entry_of_the_catalogue_is_noticed(
    stated: dict[str, bytes], stamped: bytes, proofs: dict[str, list[bytes]], tmp_path: Path, pki: Pki
) -> None:
    changed = by_another(stamped, proofs, **stated)
    assert verdict_on(changed, tmp_path, pki) == Verdict.CHANGED


def test_an_object_that_no_table_lists_is_noticed(stamped: bytes, proofs: dict[str, list[bytes]]) -> None:
    other = Other(stamped, b"\n")
    hidden = other.put(b" (hidden)")
    stream = other.put_stream(proofs["certificate"][0])
    store = other.put(b"<</Certs[%d 0 R]>>" % stream)
    del other.places[hidden]
    assert not passes(other.end(DSS=b" %d 0 R" % store))


# -- the syntax alone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "update",
    [
        b"1 0 obj<</A(a(b\\)c)d)/B[<00 ff>-1.5 .2 true null 3 0 R]/C#20d/e>>endobj startxref 0 %%EOF",
        b"1 0 obj\n12\nendobj\n%a comment\n2 0 obj\n<</Length 3>>\nstream\nabc\nendstream\nendobj\n"
        b"startxref\n0\n%%EOF\n",
        b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1>>\nstartxref\n0\n%%EOF\r\n",
    ],
)
def test_what_the_standard_allows_is_an_update(update: bytes) -> None:
    assert updates_in(update, 0, lambda *_reference: 3).led_to == (0,)


@pytest.mark.parametrize(
    "update",
    [
        b"", b"\n", b"1 0 obj 2 endobj", b"startxref 0 %%EOF\n\n", b"startxref 0 %%EOF\n% more\n",
        b"1 0 obk 2 endobj startxref 0 %%EOF", b"1 0 obj 2 endobk startxref 0 %%EOF",
        b"1 0 obj ) endobj startxref 0 %%EOF",
        b"1 0 obj [1 2>> endobj startxref 0 %%EOF", b"1 0 obj [(a] endobj startxref 0 %%EOF", b"1 0 obj",
        b"1 0 obj tru endobj startxref 0 %%EOF", b"1 0 obj\x00 2 endobj startxref 0 %%EOF",
        b"1 0 obj <</A 1/A 2>> endobj startxref 0 %%EOF", b"1 0 obj <</A>> endobj startxref 0 %%EOF",
        b"1 0 obj <<1 /A>> endobj startxref 0 %%EOF",
        b"1 0 obj <</Length 2>> stream\nabc\nendstream endobj startxref 0 %%EOF",
        b"1 0 obj <<>> stream\nabc\nendstream endobj startxref 0 %%EOF", b"startxref 0 %%EOG\n%%EOF",
        b"xref\n0 1\n0000000000 65535 f\ntrailer\n<<>>\nstartxref 0 %%EOF",
        b"xref\n0 0\ntrailer\n<<\nstartxref 0 %%EOF",
    ],
)  # fmt: skip
def test_what_it_does_not_is_none(update: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        updates_in(update, 0, lambda *_reference: 3)
