"""Signatures: what spoils a batch is found before it; what is signed shows who and when, beside the print; all hold."""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pdf2image
import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.intake import find_scans
from ingest.signing import Seal, Verdict, open_seals, sign, verify
from ingest.signing.lettering import face_for, fitted
from ingest.signing.placing import Corner, Places, Rect, Wanted, place, place_within
from samples.keys import DemoKeys, make_demo_keys
from schemas.documents import ComposedPdf
from schemas.errors import InputRejected, SettingsRejected
from schemas.pages import Box, Scan
from schemas.settings import Office, Signing
from tests.ingest.signed import KINDS, composed_from, seals, signing
from tests.ingest.signing_matrix import drawn_seal

NOON = datetime(2023, 8, 15, 9, 30, tzinfo=UTC)
PASSWORD = "mật khẩu"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> ComposedPdf:
    folder = tmp_path_factory.mktemp("composed")
    (folder / "scan.tif").write_bytes(KINDS["tiff-two-pages.tif"]())
    [scan] = find_scans([folder / "scan.tif"])
    assert isinstance(scan, Scan)
    return composed_from(scan, folder)[0]


# -- demonstration keys ---------------------------------------------------------------------------------------------


def test_demonstration_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    made = make_demo_keys(tmp_path / "keys")
    before = made.operator_key.read_bytes()
    assert make_demo_keys(tmp_path / "keys").operator_key.read_bytes() == before
    files = [file for file in (tmp_path / "keys").rglob("*") if file.is_file()]
    assert len(files) == 5
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}


def test_keys_that_were_left_half_made_are_made_anew(tmp_path: Path) -> None:
    made = make_demo_keys(tmp_path)
    made.root.unlink()
    assert len(seals(make_demo_keys(tmp_path))) == 2


# -- before the batch -----------------------------------------------------------------------------------------------


def key_file(
    folder: Path,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    usage: bool = True,
    issuer: bool = False,
) -> Path:
    """A PKCS #12 file with a certificate of its own."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trần Văn Thử")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start or now - timedelta(days=1))
        .not_valid_after(end or now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(usage, usage, not usage, False, False, False, False, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "key.p12"
    file.write_bytes(pkcs12.serialize_key_and_certificates(
        b"key", key, certificate, None, BestAvailableEncryption(PASSWORD.encode())))  # fmt: skip
    file.chmod(0o600)
    return file


def opened(file: Path | str, password: str | None = PASSWORD) -> Seal:
    environment = {} if password is None else {"SOHOA_OPERATOR_PASSWORD": password}
    [seal] = open_seals(Signing(operator_key=str(file)), Office(), environment=environment)
    return seal


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_without_a_key_it_says_how_to_get_one() -> None:
    with pytest.raises(SettingsRejected, match=r"signing\.operator_key is not set.*sohoa demo"):
        open_seals(Signing(), Office())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match=r"none\.p12.*No such file"):
        opened(tmp_path / "none.p12")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    file = key_file(tmp_path, rsa_key)
    file.chmod(0o640)
    with pytest.raises(SettingsRejected, match=r"mode 640.*chmod 600"):
        opened(file)


def test_a_password_file_that_others_may_read_is_refused(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    named = Signing(operator_key=str(key_file(tmp_path, rsa_key)), operator_password_file=str(secret))
    with pytest.raises(SettingsRejected, match=r"operator_password_file.*chmod 600"):
        open_seals(named, Office(), environment={})


def test_a_missing_password_names_both_places_for_it(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(SettingsRejected, match=r"SOHOA_OPERATOR_PASSWORD.*signing\.operator_password_file"):
        opened(key_file(tmp_path, rsa_key), None)


def test_a_wrong_password_is_found_and_not_repeated(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(SettingsRejected, match="password is wrong") as refused:
        opened(key_file(tmp_path, rsa_key), "not it at all")
    assert "not it at all" not in str(refused.value)


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.p12"
    file.write_text("nonsense")
    file.chmod(0o600)
    with pytest.raises(SettingsRejected, match="neither a PKCS#12 nor a PEM file"):
        opened(file)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda f, k: key_file(f, k, end=datetime.now(UTC) - timedelta(hours=1)), "expired on"),
        (lambda f, k: key_file(f, k, start=datetime.now(UTC) + timedelta(hours=1)), "not valid before"),
        (lambda f, k: key_file(f, rsa.generate_private_key(65537, 1024)), r"too weak \(RSA 1024; NĐ 30/2020"),
        (lambda f, k: key_file(f, ec.generate_private_key(ec.SECP224R1())), r"too weak \(ECDSA 224; NĐ 30/2020"),
        (lambda f, k: key_file(f, k, usage=False), "not meant for signing"),
        (lambda f, k: key_file(f, k, issuer=True), "issuer's certificate"),
    ],
    ids=["expired", "not yet valid", "RSA 1024", "ECDSA 224", "wrong usage", "an issuer's"],
)
def test_a_certificate_that_would_not_hold_is_refused(
    tmp_path: Path, rsa_key: rsa.RSAPrivateKey, make: Callable[[Path, rsa.RSAPrivateKey], Path], said: str
) -> None:
    file = make(tmp_path, rsa_key)
    with pytest.raises(SettingsRejected, match=said):
        opened(file)


def test_no_secret_is_shown_by_a_seal(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    shown = repr(opened(key_file(tmp_path, rsa_key)))
    assert PASSWORD not in shown
    assert str(rsa_key.private_numbers().d) not in shown
    assert "PrivateKey" not in shown


# -- signing --------------------------------------------------------------------------------------------------------


def test_operator_and_agency_sign_in_that_order_each_over_the_whole(
    tmp_path: Path, composed: ComposedPdf, keys: DemoKeys
) -> None:
    signed = sign(composed, seals(keys), tmp_path / "signed.pdf", occupied=(), now=lambda: NOON)
    assert [(note.role, note.level) for note in signed.signatures] == [("operator", "B-B"), ("agency", "B-B")]
    content = signed.path.read_bytes()
    assert content.startswith(composed.path.read_bytes()), "an incremental update leaves what was there"
    assert content.count(b"%%EOF") == 3
    verdicts = verify(signed.path, keys.roots)
    assert [(v.field, v.verdict, v.covers_whole) for v in verdicts] == [
        ("operator", Verdict.VALID, False),
        ("agency", Verdict.VALID, True),
    ]
    assert [v.certificate_sha256 for v in verdicts] == [note.certificate_sha256 for note in signed.signatures]


def test_the_appearance_says_who_and_when_as_text(tmp_path: Path, composed: ComposedPdf, keys: DemoKeys) -> None:
    moment = datetime(2023, 8, 15, 9, 30, tzinfo=NOON.tzinfo)
    signed = sign(composed, seals(keys), tmp_path / "signed.pdf", occupied=(), now=lambda: moment)
    operator, agency = shown_texts(signed.path)
    assert operator == ["Nguyễn Thị Minh Thử", "2023-08-15T09:30:00+00:00"]
    assert agency == ["SAO Y", "UBND PHƯỜNG MẪU", "2023-08-15T09:30:00+00:00"]


@pytest.mark.parametrize("form", ["SAO LỤC", "TRÍCH SAO"])
def test_the_form_of_the_copy_is_shown_as_it_is_set(
    form: str, tmp_path: Path, composed: ComposedPdf, keys: DemoKeys
) -> None:
    settings = signing(keys).model_copy(update={"copy_form": form})
    both = open_seals(settings, Office(agency="UBND PHƯỜNG MẪU"), environment={})
    signed = sign(composed, both, tmp_path / "signed.pdf", occupied=())
    _operator, agency = shown_texts(signed.path)
    assert agency[:2] == [form, "UBND PHƯỜNG MẪU"]


def test_the_text_is_black_upright_times_of_ten_points_and_nothing_but_text(
    tmp_path: Path, composed: ComposedPdf, keys: DemoKeys
) -> None:
    """NĐ 30/2020, Phụ lục I."""
    signed = sign(composed, seals(keys), tmp_path / "signed.pdf", occupied=())
    with pikepdf.open(signed.path) as pdf:
        forms = [widget.AP.N for widget in pdf.pages[0].Annots]
        for form in forms:
            operators = [(str(one.operator), *one.operands) for one in pikepdf.parse_content_stream(form)]
            assert [one for one in operators if one[0] == "g"] == [("g", 0)]
            assert [one[1:] for one in operators if one[0] == "Tf"] == [("/T", 10)]
            assert {one[0] for one in operators} == {"q", "BT", "g", "Tf", "TL", "Td", "Tj", "T*", "ET", "Q"}
            assert list(form.Resources.keys()) == ["/Font"]
            font = form.Resources.Font.T.DescendantFonts[0]
            assert re.fullmatch(r"/[A-Z]{6}\+Tinos", str(font.BaseFont))
            assert int(font.FontDescriptor.ItalicAngle) == 0
            assert len(font.FontDescriptor.FontFile2.read_bytes()) > 1000


def test_the_seal_is_shown_red_and_in_its_real_size_over_name_and_time(
    tmp_path: Path, composed: ComposedPdf, keys: DemoKeys
) -> None:
    """TT 02/2019/TT-BNV; the ink of the picture is as wide as is set, whatever paper it has around it."""
    update = {"agency_profile": "seal", "seal_image": str(drawn_seal(tmp_path / "seal.png")), "seal_width_mm": 40.0}
    both = open_seals(signing(keys).model_copy(update=update), Office(agency="UBND PHƯỜNG MẪU"), environment={})
    signed = sign(composed, both, tmp_path / "signed.pdf", occupied=(), now=lambda: NOON)
    assert shown_texts(signed.path)[1] == ["UBND PHƯỜNG MẪU", NOON.isoformat()]
    [page] = pdf2image.convert_from_path(signed.path, dpi=254, last_page=1)
    pixels = np.asarray(page).astype(int)
    red = (pixels[..., 0] > pixels[..., 1] + 80) & (pixels[..., 0] > pixels[..., 2] + 80)
    red[page.height // 2 :] = False  # the drawn page has red of its own
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert abs(columns[-1] - columns[0] - 400) <= 4
    assert abs(rows[-1] - rows[0] - 400) <= 4
    assert columns[0] > page.width / 2


def test_the_time_shown_is_vietnamese_and_in_whole_seconds(
    tmp_path: Path, composed: ComposedPdf, keys: DemoKeys
) -> None:
    signed = sign(composed, seals(keys), tmp_path / "signed.pdf", occupied=())
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+07:00", n.signed_at) for n in signed.signatures)


def shown_texts(pdf: Path) -> list[list[str]]:
    """The lines of each signature's appearance, read back through its font's ToUnicode."""
    shown = []
    with pikepdf.open(pdf) as opened_pdf:
        for widget in opened_pdf.pages[0].Annots:
            form = widget.AP.N
            mapping = dict(re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]+)>", form.Resources.Font.T.ToUnicode.read_bytes()))
            lines = re.findall(rb"<([0-9A-F]*)> Tj", form.read_bytes())
            shown.append([
                "".join(bytes.fromhex(mapping[line[i : i + 4]].decode()).decode("utf-16-be")
                        for i in range(0, len(line), 4))
                for line in lines
            ])  # fmt: skip
    return shown


def test_a_full_page_grows_at_its_top_and_both_signatures_stay_valid(
    tmp_path: Path, composed: ComposedPdf, keys: DemoKeys
) -> None:
    with pikepdf.open(composed.path) as before:
        old_height = float(before.pages[0].mediabox[3])
    signed = sign(composed, seals(keys), tmp_path / "signed.pdf", occupied=[Box(0, 0, 1, 1)])
    with pikepdf.open(signed.path) as after:
        assert float(after.pages[0].mediabox[3]) > old_height + 30
        for widget in after.pages[0].Annots:
            assert float(widget.Rect[1]) >= old_height
    assert {v.verdict for v in verify(signed.path, keys.roots)} == {Verdict.VALID}


def test_a_file_signed_before_is_signed_again_and_stays_valid(
    tmp_path: Path, composed: ComposedPdf, keys: DemoKeys
) -> None:
    once = sign(composed, seals(keys), tmp_path / "once.pdf", occupied=())
    twice = sign(ComposedPdf(once.path, 2), seals(keys), tmp_path / "twice.pdf", occupied=[Box(0, 0, 1, 0.1)])
    verdicts = verify(twice.path, keys.roots)
    assert [v.field for v in verdicts] == ["operator", "agency", "operator-2", "agency-2"]
    assert {v.verdict for v in verdicts} == {Verdict.VALID}


def test_a_file_that_is_no_pdf_is_rejected_and_leaves_nothing(tmp_path: Path, keys: DemoKeys) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.7 and nothing more")
    with pytest.raises(InputRejected, match=r"bad\.pdf: cannot be signed"):
        sign(ComposedPdf(bad, 1), seals(keys), tmp_path / "out" / "signed.pdf", occupied=())
    assert list((tmp_path / "out").iterdir()) == []


def test_an_ecdsa_key_signs_too(tmp_path: Path, composed: ComposedPdf) -> None:
    seal = opened(key_file(tmp_path, ec.generate_private_key(ec.SECP256R1())))
    signed = sign(composed, [seal], tmp_path / "signed.pdf", occupied=())
    [verdict] = verify(signed.path, None)
    assert (verdict.intact, verdict.algorithm) == (True, "ECDSA 256, SHA-256")


# -- placing --------------------------------------------------------------------------------------------------------

BOXES = st.tuples(*[st.floats(0, 1)] * 4).map(
    lambda e: Box(min(e[0], e[2]), min(e[1], e[3]), max(e[0], e[2]), max(e[1], e[3]))
)
WANTED = (Wanted(128, 25, Corner.LEFT), Wanted(180, 37, Corner.RIGHT))


@settings(deadline=None)  # other tests share the machine
@given(st.lists(BOXES, max_size=30), st.floats(200, 1300), st.floats(100, 1300))
def test_a_signature_never_covers_print_or_another_signature(boxes: list[Box], width: float, height: float) -> None:
    places = place(WANTED, width, height, boxes)
    print_ = [
        Rect(b.x0 * width, b.y0 * height + places.added, b.x1 * width, b.y1 * height + places.added) for b in boxes
    ]
    for number, rect in enumerate(places.rects):
        assert rect.x0 >= 0
        assert rect.x1 <= width + 1
        assert rect.y0 >= 0
        assert rect.y1 <= height + places.added
        others = places.rects[:number] + places.rects[number + 1 :]
        assert not any(covers(rect, other) for other in (*print_, *others))


def covers(one: Rect, other: Rect) -> bool:
    return one.x0 < other.x1 and other.x0 < one.x1 and one.y0 < other.y1 and other.y0 < one.y1


def test_on_free_paper_each_stands_in_its_own_corner() -> None:
    places: Places = place(WANTED, 595, 842, [])
    left, right = places.rects
    assert (places.added, left.x0 < 40, right.x1 > 555, left.y0 < 20, right.y0 < 20) == (0, True, True, True, True)


def test_a_head_pushes_the_signatures_aside_but_not_away() -> None:
    motto, issuer = Box(0.52, 0.02, 0.98, 0.06), Box(0.05, 0.02, 0.44, 0.07)
    left, right = place(WANTED, 595, 842, [motto, issuer]).rects
    assert left.x0 < 297 < right.x0
    assert max(left.y1, right.y1) < 842 / 3


def test_without_room_in_its_corner_the_page_grows_rather_than_that_a_signature_leaves_it() -> None:
    """By as little as does: a free margin above the print is used too."""
    head = Box(0, 0.02, 1, 0.34)
    left, right = (places := place(WANTED, 595, 842, [head])).rects
    assert 12 <= places.added <= 36
    assert max(left.y1, right.y1) < places.added + 0.02 * 842
    assert left.x1 < 297 < right.x0
    stamp = Wanted(180, 127, Corner.RIGHT)
    assert place([stamp], 595, 842, [head]).added <= 132


def test_a_page_that_is_signed_already_does_not_grow() -> None:
    places = place_within(WANTED, 595, 842, [Box(0, 0, 1, 0.34)])
    assert places is not None
    assert places.added == 0
    assert min(rect.y0 for rect in places.rects) > 0.34 * 842
    assert place_within(WANTED, 595, 842, [Box(0, 0, 1, 1)]) is None


def test_the_text_shrinks_on_a_sheet_narrower_than_it() -> None:
    text = fitted(face_for(["UBND"]), ["2023-08-15T09:30:00+07:00"], 50)
    assert text.width == pytest.approx(50)


# -- checking -------------------------------------------------------------------------------------------------------


def test_without_roots_nobody_is_trusted(tmp_path: Path, composed: ComposedPdf, keys: DemoKeys) -> None:
    signed = sign(composed, seals(keys), tmp_path / "signed.pdf", occupied=())
    verdicts = verify(signed.path, None)
    assert [(v.verdict, v.trusted, v.intact) for v in verdicts] == [(Verdict.ISSUER_UNKNOWN, None, True)] * 2


def test_under_another_root_the_issuer_is_unknown(tmp_path: Path, composed: ComposedPdf, keys: DemoKeys) -> None:
    signed = sign(composed, seals(keys), tmp_path / "signed.pdf", occupied=())
    other = make_demo_keys(tmp_path / "other")
    assert {v.verdict for v in verify(signed.path, other.roots)} == {Verdict.ISSUER_UNKNOWN}


def test_a_file_without_signatures_has_no_verdict(composed: ComposedPdf, keys: DemoKeys) -> None:
    assert verify(composed.path, keys.roots) == []


def test_a_root_that_is_no_certificate_is_named(tmp_path: Path, composed: ComposedPdf) -> None:
    (tmp_path / "root.pem").write_text("nonsense")
    with pytest.raises(SettingsRejected, match=r"root\.pem: not a certificate"):
        verify(composed.path, tmp_path)


def test_settings_written_for_demonstration_keys_are_read_back(tmp_path: Path, keys: DemoKeys) -> None:
    from schemas.settings import load_settings

    file = tmp_path / "sohoa.toml"
    file.write_text(keys.settings(), encoding="utf-8")
    read = load_settings(file, {}).signing
    assert replace_paths(read) == replace_paths(signing(keys))


def replace_paths(read: Signing) -> dict[str, object]:
    return {name: os.path.realpath(value) if "/" in str(value) else value for name, value in read.model_dump().items()}
