# mypy: disable-error-code="no-untyped-call"
"""Whatever is done to a signed file, `verify` never calls it valid; EU DSS is asked too."""

import random
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import cms  # type: ignore[import-untyped]
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from commands.verify import overall
from ingest.intake import find_scans
from ingest.signing import Verdict, sign, verify
from samples.keys import DemoKeys, make_demo_keys
from schemas.documents import ComposedPdf, SignedPdf
from schemas.errors import InputRejected
from schemas.pages import Scan
from tests.ingest.signed import KINDS, composed_from, seals
from tests.services import dss

FLIPS = 100
"""Of bytes drawn from the whole file, besides one in each object and 40 in each signature."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, keys: DemoKeys) -> SignedPdf:
    return signed_from("tiff-two-pages.tif", tmp_path_factory.mktemp("signed"), keys)


def signed_from(kind: str, folder: Path, keys: DemoKeys) -> SignedPdf:
    (folder / kind).write_bytes(KINDS[kind]())
    [scan] = find_scans([folder / kind])
    assert isinstance(scan, Scan)
    composed, _paper = composed_from(scan, folder)
    return sign(composed, seals(keys), folder / "signed.pdf", occupied=())


def verdict_on(content: bytes, folder: Path, keys: DemoKeys) -> str:
    file = folder / "tampered.pdf"
    file.write_bytes(content)
    try:
        return overall(verify(file, keys.roots))
    except InputRejected:
        return "rejected"


def test_the_untouched_file_is_valid(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    assert verdict_on(signed.path.read_bytes(), tmp_path, keys) == Verdict.VALID


def test_no_flipped_bit_goes_unnoticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    content = signed.path.read_bytes()
    chance = random.Random(20230815)
    places = chance.sample(range(len(content)), FLIPS)
    places += [found.end() + 3 for found in re.finditer(rb"\d+ 0 obj", content)]
    for found in re.finditer(rb"<[0-9A-F]{2000,}>", content):
        places += chance.sample(range(*found.span()), 40)
    unnoticed = []
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.choice([0, 1, 2, 4, 7])  # bit 5 would only change a hexadecimal digit's case
        if verdict_on(bytes(flipped), tmp_path, keys) == Verdict.VALID:
            unnoticed.append(place)
    assert unnoticed == []


# -- what is added behind the signatures ----------------------------------------------------------------------------


def incremental(content: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(content))
    change(writer)
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def page(writer: IncrementalPdfFileWriter, number: int = 0) -> generic.DictionaryObject:
    found: generic.DictionaryObject = writer.find_page_for_modification(number)[0].get_object()
    return found


def overlay(writer: IncrementalPdfFileWriter) -> generic.IndirectObject:
    form = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 400))),
        },
        stream_data=b"1 g 0 0 400 400 re f",
    )
    return writer.add_object(form)


def paint_over(writer: IncrementalPdfFileWriter) -> None:
    writer.add_stream_to_page(0, writer.add_object(generic.StreamObject(stream_data=b"1 g 0 0 300 300 re f")))


def swap_contents(writer: IncrementalPdfFileWriter) -> None:
    one, two = page(writer, 0), page(writer, 1)
    for key in ("/Contents", "/Resources"):
        one[pdf_name(key)], two[pdf_name(key)] = two.raw_get(key), one.raw_get(key)
    writer.update_container(one)
    writer.update_container(two)


def remove_a_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    del pages["/Kids"][1]
    pages[pdf_name("/Count")] = generic.NumberObject(1)
    writer.update_container(pages["/Kids"])
    writer.update_container(pages)


def repeat_a_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    pages["/Kids"].append(pages["/Kids"].raw_get(0))
    pages[pdf_name("/Count")] = generic.NumberObject(3)
    writer.update_container(pages["/Kids"])
    writer.update_container(pages)


def replace_text_layer(writer: IncrementalPdfFileWriter) -> None:
    page(writer)[pdf_name("/Contents")] = writer.add_object(generic.StreamObject(stream_data=b"q Q"))
    writer.update_container(page(writer))


def replace_appearance(writer: IncrementalPdfFileWriter) -> None:
    widget = page(writer)["/Annots"][0].get_object()
    widget[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): overlay(writer)})
    writer.update_container(widget)


def move_appearance(writer: IncrementalPdfFileWriter) -> None:
    widget = page(writer)["/Annots"][1].get_object()
    widget[pdf_name("/Rect")] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 500, 500)))
    writer.update_container(widget)


def add_note(writer: IncrementalPdfFileWriter) -> None:
    note = generic.DictionaryObject({
        pdf_name("/Type"): pdf_name("/Annot"), pdf_name("/Subtype"): pdf_name("/Stamp"),
        pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 400))),
        pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): overlay(writer)}),
    })  # fmt: skip
    writer.register_annotation(writer.find_page_for_modification(0)[0], writer.add_object(note))


def add_empty_field_over_the_page(writer: IncrementalPdfFileWriter) -> None:
    append_signature_field(writer, SigFieldSpec("third", on_page=0, box=(0, 0, 400, 400)))
    widget = page(writer)["/Annots"][2].get_object()
    widget[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): overlay(writer)})


def change_title(writer: IncrementalPdfFileWriter) -> None:
    info = writer.trailer["/Info"]
    info[pdf_name("/Title")] = generic.TextStringObject("Hồ sơ khác")
    writer.update_container(info)


def add_script(writer: IncrementalPdfFileWriter) -> None:
    writer.root[pdf_name("/OpenAction")] = generic.DictionaryObject(
        {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.TextStringObject("app.alert(1)")}
    )
    writer.update_root()


def hide_form(writer: IncrementalPdfFileWriter) -> None:
    del writer.root["/AcroForm"]
    writer.update_root()


def drop_agency_field(writer: IncrementalPdfFileWriter) -> None:
    form = writer.root["/AcroForm"]
    del form["/Fields"][1]
    writer.update_container(form["/Fields"])


def point_at_the_other_signature(writer: IncrementalPdfFileWriter) -> None:
    fields = writer.root["/AcroForm"]["/Fields"]
    agency = fields[1].get_object()
    agency[pdf_name("/V")] = fields[0].get_object().raw_get("/V")
    writer.update_container(agency)


INCREMENTAL = [
    paint_over, swap_contents, remove_a_page, repeat_a_page, replace_text_layer, replace_appearance, move_appearance,
    add_note, add_empty_field_over_the_page, change_title, add_script, hide_form, drop_agency_field,
    point_at_the_other_signature,
]  # fmt: skip


@pytest.mark.parametrize("change", INCREMENTAL, ids=lambda change: change.__name__.replace("_", " "))
def test_nothing_is_added_behind_the_signatures_unnoticed(
    change: Callable[[IncrementalPdfFileWriter], None], signed: SignedPdf, tmp_path: Path, keys: DemoKeys
) -> None:
    tampered = incremental(signed.path.read_bytes(), change)
    assert verdict_on(tampered, tmp_path, keys) != Verdict.VALID


def test_bytes_behind_the_end_are_noticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    assert verdict_on(signed.path.read_bytes() + b"\n", tmp_path, keys) != Verdict.VALID


def test_bytes_before_the_start_are_noticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    assert verdict_on(b"\n" + signed.path.read_bytes(), tmp_path, keys) != Verdict.VALID


def test_a_file_written_anew_is_noticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    written = BytesIO()
    with pikepdf.open(signed.path) as pdf:
        pdf.pages[0].Contents = pdf.make_stream(b"q Q")
        pdf.save(written)
    assert verdict_on(written.getvalue(), tmp_path, keys) != Verdict.VALID


# -- signatures from elsewhere --------------------------------------------------------------------------------------


def contents(content: bytes) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(rb"<[0-9A-F]{2000,}>", content)]


def test_a_signature_moved_from_another_file_is_noticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    other = signed_from("png-palette.png", tmp_path, keys).path.read_bytes()
    here = signed.path.read_bytes()
    for (a0, a1), (b0, b1) in zip(contents(here), contents(other), strict=True):
        assert a1 - a0 == b1 - b0
        moved = here[:a0] + other[b0:b1] + here[a1:]
        assert verdict_on(moved, tmp_path, keys) != Verdict.VALID


def test_signatures_put_in_each_others_place_are_noticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    here = signed.path.read_bytes()
    (a0, a1), (b0, b1) = contents(here)
    length = min(a1 - a0, b1 - b0) - 1
    swapped = bytearray(here)
    swapped[a0 : a0 + length], swapped[b0 : b0 + length] = here[b0 : b0 + length], here[a0 : a0 + length]
    assert verdict_on(bytes(swapped), tmp_path, keys) != Verdict.VALID


def cms_parts(signature: bytes) -> dict[str, int]:
    """Where in a CMS object stands what no signature covers, by what it is: the place of the byte that is changed."""
    signer = cms.ContentInfo.load(signature)["content"]["signer_infos"][0]
    whole = signer.dump()
    start = signature.index(whole)
    issuer = signer["sid"].chosen["issuer"].dump()
    digest = signer["digest_algorithm"].dump()
    version = start + whole.index(b"\x02\x01\x01")
    return {
        "length of the whole": 3,
        "version of the object": signature.index(b"\x02\x01\x01") + 2,
        "parameters of the named hash": signature.index(digest) + len(digest) - 2,
        "tag of the signer's version": version,
        "version of the signer": version + 2,
        "name of the issuer": start + whole.index(issuer) + len(issuer) - 1,
        "parameters of the signer's hash": start + whole.index(digest) + len(digest) - 2,
    }


def test_no_bit_of_the_wrapping_goes_unnoticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    """Parsers pass over these: the content and what the signer signed of himself are untouched."""
    here = signed.path.read_bytes()
    unnoticed = []
    for start, end in contents(here):
        signature = bytes.fromhex(here[start + 1 : end - 1].decode())
        for part, place in cms_parts(signature).items():
            for bit in range(8):
                flipped = bytearray(signature)
                flipped[place] ^= 1 << bit
                changed = here[: start + 1] + bytes(flipped).hex().upper().encode() + here[end - 1 :]
                if verdict_on(changed, tmp_path, keys) == Verdict.VALID:
                    unnoticed.append((part, bit))
    assert unnoticed == []


def test_an_update_taken_out_of_sight_is_noticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    """Without its table the last update reads as if it were not there, nor the signature that it holds."""
    content = signed.path.read_bytes()
    head = list(re.finditer(rb"\n\d+ 0 obj\n<<(.*?)>>\nstream", content, re.S))[-1]
    assert b"/Type /XRef" in head[1]
    places = [place for place in range(*head.span(1)) if content[place : place + 1].isalpha()]
    unnoticed = [
        content[place - 8 : place + 8]
        for place in places
        if verdict_on(_with_flipped_bit(content, place), tmp_path, keys) == Verdict.VALID
    ]
    assert not unnoticed


def _with_flipped_bit(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :]


def test_a_widened_gap_is_noticed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    """The universal signature forgery: a byte range that leaves out more than the signature."""
    here = signed.path.read_bytes()
    ranges = list(re.finditer(rb"/ByteRange ?\[ ?0 (\d+) (\d+) (\d+) ?\]", here))
    for found in ranges:
        wider = b"/ByteRange [0 %d %d %d]" % (int(found[1]) - 8, int(found[2]) + 8, int(found[3]) - 8)
        tampered = here[: found.start()] + wider.ljust(len(found[0])) + here[found.end() :]
        assert verdict_on(tampered, tmp_path, keys) != Verdict.VALID
    for hollow in (b"/Xontents", b"/Contentz"):
        tampered = here.replace(b"/Contents <", hollow + b" <")
        if tampered != here:
            assert verdict_on(tampered, tmp_path, keys) != Verdict.VALID


def test_a_forger_with_a_key_of_his_own_is_not_believed(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    """He paints over the page and signs the result: the newest signature covers all, but nobody vouches for it."""
    painted = tmp_path / "painted.pdf"
    painted.write_bytes(incremental(signed.path.read_bytes(), paint_over))
    forger = make_demo_keys(tmp_path / "forger", agency="ỦY BAN NHÂN DÂN PHƯỜNG MẪU")
    forged = sign(ComposedPdf(painted, 2), seals(forger), tmp_path / "forged.pdf", occupied=())
    verdicts = verify(forged.path, keys.roots)
    assert overall(verdicts) == Verdict.ISSUER_UNKNOWN
    assert [verdict.verdict for verdict in verdicts[:2]] == [Verdict.AMENDED] * 2


@pytest.mark.service("EU DSS")
def test_whatever_we_call_valid_a_stranger_calls_valid(signed: SignedPdf, tmp_path: Path, keys: DemoKeys) -> None:
    """And a changed content is never whole to him; additions he reports as warnings only, and we refuse."""
    content = signed.path.read_bytes()
    files = []
    for change in INCREMENTAL:
        file = tmp_path / f"{change.__name__}.pdf"
        file.write_bytes(incremental(content, change))
        files.append(file)
    chance = random.Random(1)
    gaps = contents(content)
    for number in range(20):
        place = chance.choice([i for i in range(200, len(content)) if not any(a <= i < b for a, b in gaps)])
        flipped = bytearray(content)
        flipped[place] ^= 4
        file = tmp_path / f"flip-{number}.pdf"
        file.write_bytes(bytes(flipped))
        files.append(file)
    judged = dss.judge(files, [keys.root])
    for file in files:
        if file.name.startswith("flip"):
            assert not judged[file] or any(one.indication != "TOTAL_PASSED" for one in judged[file]), file.name
        ours = verdict_on(file.read_bytes(), tmp_path, keys)
        assert ours != Verdict.VALID, file.name
