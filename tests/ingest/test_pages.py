"""Each side of paper as one image: as it stands in the scan where that can be, else drawn."""

import io
import tempfile
import zlib
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pikepdf import Array, Dictionary, Name
from PIL import Image, ImageChops

from ingest import pages as pages_module
from ingest.intake import identify
from ingest.pages import RENDER_DPI, ScanPages, open_pages
from samples.scans import jpeg_bytes, write_jpeg, write_pdf, write_png, write_tiff
from schemas.errors import InputRejected
from schemas.pages import PageImage, Scan, Turn
from tests.ingest.drawn import small_page


def opened(file: Path, *passwords: str) -> ScanPages:
    scan = identify(file)
    assert isinstance(scan, Scan), scan
    return open_pages(scan, passwords=passwords, spool=file.parent / "spool")


def decoded(image: PageImage) -> Image.Image:
    return Image.open(io.BytesIO(image.content))


def alike(one: Image.Image, other: Image.Image) -> bool:
    """The same picture, but for what a renderer's smoothing and a JPEG do at edges."""
    grey = other.convert("L").resize(one.size)
    difference = ImageChops.difference(one.convert("L"), grey).histogram()
    return sum(value * count for value, count in enumerate(difference)) / (one.width * one.height) < 8


def all_images(file: Path, *passwords: str) -> list[PageImage]:
    with opened(file, *passwords) as pages:
        return [pages.image(number) for number in range(1, pages.count + 1)]


def rejected(file: Path, *passwords: str) -> str:
    with pytest.raises(InputRejected) as error:
        all_images(file, *passwords)
    assert str(file) in str(error.value)
    return str(error.value)


# -- PDF ----------------------------------------------------------------------------------------------------------


def test_a_page_that_is_one_jpeg_is_taken_out_byte_for_byte(tmp_path: Path) -> None:
    page = small_page(3)
    with opened(write_pdf(tmp_path / "a.pdf", [small_page(1), page], dpi=100)) as pages:
        image = pages.image(2)
    assert image.content == jpeg_bytes(page, dpi=100)
    assert (image.width_px, image.height_px, round(image.dpi)) == (413, 585, 100)
    assert image.lossless


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_page_that_is_one_plain_image_is_taken_out_pixel_for_pixel(tmp_path: Path, mode: str) -> None:
    page = small_page(4, mode=mode)
    with opened(one_image_pdf(tmp_path / "a.pdf", page)) as pages:
        image = pages.image(1)
    assert image.lossless
    assert decoded(image).convert("RGB").tobytes() == page.convert("RGB").tobytes()


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turn_that_the_pdf_asks_for_is_told_and_not_applied(tmp_path: Path, turn: Turn) -> None:
    file = one_image_pdf(tmp_path / "a.pdf", small_page(1), page_keys={"/Rotate": turn})
    with opened(file) as pages:
        image = pages.image(1)
        assert (image.turn, image.width_px) == (turn, 413)
        width, height = pages.size_pt(1)
    assert (width > height) == (turn in (90, 270))


def test_a_turn_stated_for_all_pages_counts_too(tmp_path: Path) -> None:
    file = one_image_pdf(tmp_path / "a.pdf", small_page(1))
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        pdf.Root.Pages.Rotate = 90
        pdf.save(file)
    with opened(file) as pages:
        assert pages.image(1).turn == 90


@pytest.mark.parametrize(
    "content",
    [
        "q 400 0 0 560 0 0 cm /Im0 Do Q q 20 0 0 20 9 9 cm /Im0 Do Q",  # a second picture
        "q 400 0 0 560 0 0 cm /Im0 Do Q BT /F0 12 Tf 50 50 Td (ghi chu) Tj ET",  # a note typed over it
        "q 200 0 0 280 0 0 cm /Im0 Do Q",  # a picture on a larger sheet
        "q 400 30 -30 560 20 0 cm /Im0 Do Q",  # drawn askew
        "q 400 0 0 560 0 0 cm /Im0 Do Q 10 10 200 2 re f",  # a line drawn over it
    ],
)
def test_a_page_that_is_more_than_its_image_is_drawn_whole(tmp_path: Path, content: str) -> None:
    with opened(one_image_pdf(tmp_path / "a.pdf", small_page(2), content=content)) as pages:
        assert pages.plain_image(1) is None
        image = pages.image(1)
    assert not image.lossless
    assert image.dpi == RENDER_DPI
    assert image.width_px == pytest.approx(400 * RENDER_DPI / 72, abs=2)


def test_invisible_text_over_a_scan_leaves_it_a_scan(tmp_path: Path) -> None:
    content = "q 400 0 0 560 0 0 cm /Im0 Do Q BT 3 Tr /F0 12 Tf 50 50 Td (lop chu) Tj ET"
    with opened(one_image_pdf(tmp_path / "a.pdf", small_page(2), content=content)) as pages:
        assert pages.image(1).lossless
        assert pages.image(1).own is None, "two words are no layer"


def test_an_image_with_a_soft_mask_is_drawn(tmp_path: Path) -> None:
    file = one_image_pdf(tmp_path / "a.pdf", small_page(2))
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        mask = pdf.make_stream(bytes([255]), Type=Name.XObject, Subtype=Name.Image, Width=1, Height=1,
                               ColorSpace=Name.DeviceGray, BitsPerComponent=8)  # fmt: skip
        pdf.pages[0].obj.Resources.XObject.Im0.SMask = mask
        pdf.save(file)
    with opened(file) as pages:
        assert not pages.image(1).lossless


def test_a_coding_that_only_a_renderer_knows_is_drawn(tmp_path: Path) -> None:
    file = one_image_pdf(tmp_path / "a.pdf", small_page(2, mode="1"))
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        image = pdf.pages[0].obj.Resources.XObject.Im0
        assert isinstance(image, pikepdf.Stream)
        image.write(bytes(40), filter=Name.JBIG2Decode)
        pdf.save(file)
    with opened(file) as pages:
        assert not pages.image(1).lossless


def test_a_drawn_page_looks_as_it_should(tmp_path: Path) -> None:
    page = small_page(5)
    file = one_image_pdf(tmp_path / "a.pdf", page, content="q 400 0 0 560 0 0 cm /Im0 Do Q 0 0 1 1 re f")
    with opened(file) as pages:
        assert alike(page, decoded(pages.image(1)))


def test_a_drawn_page_is_drawn_once(tmp_path: Path) -> None:
    file = one_image_pdf(tmp_path / "a.pdf", small_page(1), content="q 200 0 0 280 0 0 cm /Im0 Do Q")
    with opened(file) as pages:
        first = pages.image(1)
        [kept] = (tmp_path / "spool").iterdir()
        written = kept.stat().st_mtime_ns
        assert pages.image(1) == first
        assert kept.stat().st_mtime_ns == written
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_poster_is_drawn_smaller_but_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "MAX_PIXELS", 4_000_000)
    file = one_image_pdf(tmp_path / "a.pdf", small_page(1), content="q 200 0 0 280 0 0 cm /Im0 Do Q")
    with opened(file) as pages:
        image = pages.image(1)
    assert image.dpi < RENDER_DPI
    assert image.width_px == pytest.approx(400 * image.dpi / 72, abs=2)


def test_a_signed_pdf_is_recognised(tmp_path: Path) -> None:
    file = one_image_pdf(tmp_path / "a.pdf", small_page(1))
    with opened(file) as pages:
        assert not pages.signed
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        signature = pdf.make_indirect(Dictionary(FT=Name.Sig, T="Ký", V=Dictionary(Type=Name.Sig)))
        pdf.Root.AcroForm = Dictionary(Fields=Array([Dictionary(T="nhóm", Kids=Array([signature]))]))
        pdf.save(file)
    with opened(file) as pages:
        assert pages.signed


def test_form_fields_that_hold_themselves_are_followed_no_deeper_than_forms_go(tmp_path: Path) -> None:
    file = one_image_pdf(tmp_path / "a.pdf", small_page(1))
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        field = pdf.make_indirect(Dictionary(T="vòng"))
        field.Kids = Array([field])
        pdf.Root.AcroForm = Dictionary(Fields=Array([field]))
        pdf.save(file)
    with opened(file) as pages:
        assert not pages.signed


def test_an_encrypted_pdf_opens_with_one_of_the_known_passwords(tmp_path: Path) -> None:
    file = encrypted(tmp_path, user="bí mật", owner="chủ")
    with opened(file, "sai", "bí mật") as pages:
        assert pages.image(1).lossless
    assert "none of the known passwords opens it" in rejected(file, "sai")
    assert "reading.pdf_passwords" in rejected(file)


def test_an_encrypted_page_that_must_be_drawn_is_drawn(tmp_path: Path) -> None:
    file = encrypted(tmp_path, user="mot", owner="hai", content="q 200 0 0 280 0 0 cm /Im0 Do Q")
    for password in ("mot", "hai"):
        with opened(file, password) as pages:
            assert not pages.image(1).lossless


def test_a_pdf_that_only_forbids_printing_opens_by_itself(tmp_path: Path) -> None:
    with opened(encrypted(tmp_path, user="", owner="chủ")) as pages:
        assert pages.count == 1


# -- images -------------------------------------------------------------------------------------------------------


def test_a_jpeg_is_its_own_page(tmp_path: Path) -> None:
    file = write_jpeg(tmp_path / "a.jpg", small_page(1), dpi=100)
    [image] = all_images(file)
    assert image.content == file.read_bytes()
    assert round(image.dpi) == 100


def test_each_frame_of_a_tiff_is_a_page(tmp_path: Path) -> None:
    drawn = [small_page(n, mode="1") for n in (1, 2, 3)]
    with opened(write_tiff(tmp_path / "a.tif", drawn)) as pages:
        assert pages.count == 3
        for number in (3, 1, 2):
            assert decoded(pages.image(number)).convert("1").tobytes() == drawn[number - 1].tobytes()


def test_group_4_bytes_of_a_tiff_are_found_as_they_stand(tmp_path: Path) -> None:
    file = write_tiff(tmp_path / "a.tif", [small_page(1), small_page(2)])
    with opened(file) as pages:
        strip = pages.g4_strip(2)
    assert strip is not None
    assert strip.content in file.read_bytes()
    with opened(write_tiff(tmp_path / "b.tif", [small_page(1)], bilevel=False)) as pages:
        assert pages.g4_strip(1) is None


def test_what_is_transparent_lies_on_white_paper(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    with opened(write_png(tmp_path / "a.png", clear)) as pages:
        assert decoded(pages.image(1)).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_the_turn_that_a_camera_noted_is_told(tmp_path: Path, orientation: int, turn: int) -> None:
    noted = Image.Exif()
    noted[274] = orientation
    small_page(1).save(tmp_path / "a.jpg", exif=noted, dpi=(100, 100))
    with opened(tmp_path / "a.jpg") as pages:
        assert pages.image(1).turn == turn


@pytest.mark.parametrize(("stated", "size", "believed"), [
    (300, (2480, 3508), 300),
    (1, (1654, 2339), 200),  # an A4 sheet at 200 dpi, by its shape
    (72, (1654, 2339), 200),  # what programs write that do not know
    (0, (1000, 1000), 200),  # NĐ 30/2020: at least 200 dpi
])  # fmt: skip
def test_a_resolution_that_cannot_be_true_is_not_believed(
    tmp_path: Path, stated: int, size: tuple[int, int], believed: int
) -> None:
    Image.new("L", size, 255).save(tmp_path / "a.jpg", dpi=(stated, stated))
    with opened(tmp_path / "a.jpg") as pages:
        assert round(pages.image(1).dpi) == believed


# -- what cannot be taken -----------------------------------------------------------------------------------------


def test_a_cut_off_file_is_rejected_with_its_name(tmp_path: Path) -> None:
    jpeg, pdf, tiff, png = (
        write_jpeg(tmp_path / "a.jpg", small_page(9)),
        write_pdf(tmp_path / "a.pdf", [small_page(9)]),
        write_tiff(tmp_path / "a.tif", [small_page(9)], bilevel=False),
        write_png(tmp_path / "a.png", small_page(9)),
    )
    for file in (jpeg, pdf, tiff, png):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        assert "damaged or cut off" in rejected(file) or "cannot be drawn" in rejected(file)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_pdf_cut_anywhere_never_gives_empty_paper_for_a_page(tmp_path: Path, share: float) -> None:
    drawn = [small_page(n) for n in range(1, 6)]
    file = write_pdf(tmp_path / "a.pdf", drawn, dpi=100)
    file.write_bytes(file.read_bytes()[: round(file.stat().st_size * share)])
    try:
        images = all_images(file)
    except InputRejected:
        return
    assert [image.content for image in images] == [jpeg_bytes(page, dpi=100) for page in drawn]


def test_a_pdf_without_pages_is_rejected(tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        pdf.save(tmp_path / "a.pdf")
    assert "no pages" in rejected(tmp_path / "a.pdf")


def test_a_page_35000_pixels_wide_is_rejected_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (35_000, 100), 1).save(tmp_path / "a.png")
    assert "page 1: 35000 × 100 pixels" in rejected(tmp_path / "a.png")
    one_image_pdf(tmp_path / "a.pdf", Image.new("1", (35_000, 100), 1))
    assert "page 1: 35000 × 100 pixels" in rejected(tmp_path / "a.pdf")


def test_too_many_pages_for_one_scan_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "MAX_PAGES", 2)
    assert "split it" in rejected(write_pdf(tmp_path / "a.pdf", [small_page(n) for n in (1, 2, 3)]))


HEADS = (b"%PDF-1.4\n", b"\xff\xd8\xff", b"II*\0", b"\x89PNG\r\n\x1a\n")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(HEADS), st.binary(max_size=300))
def test_whatever_follows_a_header_is_taken_or_rejected(head: bytes, tail: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a"
        file.write_bytes(head + tail)
        try:
            taken = len(all_images(file))
        except InputRejected:
            taken = 0
        assert taken in (0, 1)


# -- drawing ------------------------------------------------------------------------------------------------------


def one_image_pdf(
    file: Path,
    page: Image.Image,
    *,
    content: str = "q 400 0 0 560 0 0 cm /Im0 Do Q",
    page_keys: dict[str, int] | None = None,
) -> Path:
    """A page of 400 × 560 points with *content*, which may draw the image without loss (``Im0``) and type (``F0``)."""
    with pikepdf.new() as pdf:
        image = pdf.make_stream(zlib.compress(page.tobytes()))
        image.Type, image.Subtype, image.Filter = Name.XObject, Name.Image, Name.FlateDecode
        image.Width, image.Height, image.BitsPerComponent = page.width, page.height, 1 if page.mode == "1" else 8
        image.ColorSpace = Name.DeviceRGB if page.mode == "RGB" else Name.DeviceGray
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        drawn = Dictionary(
            Type=Name.Page,
            MediaBox=Array([0, 0, 400, 560]),
            Resources=Dictionary(XObject=Dictionary(Im0=image), Font=Dictionary(F0=font)),
            Contents=pdf.make_stream(content.encode()),
        )
        for key, value in (page_keys or {}).items():
            drawn[key] = value
        pdf.pages.append(pikepdf.Page(drawn))
        pdf.save(file)
    return file


def encrypted(folder: Path, *, user: str, owner: str, content: str = "q 400 0 0 560 0 0 cm /Im0 Do Q") -> Path:
    plain = one_image_pdf(folder / "plain.pdf", small_page(1), content=content)
    with pikepdf.open(plain) as pdf:
        pdf.save(folder / "locked.pdf", encryption=pikepdf.Encryption(user=user, owner=owner))
    return folder / "locked.pdf"
