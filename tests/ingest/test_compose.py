"""A searchable PDF/A over the scan's own images."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageChops

from ingest.compose import compose
from ingest.intake import identify
from ingest.pages import open_pages
from samples.scans import jpeg_bytes, write_jpeg, write_pdf, write_png, write_tiff
from schemas.pages import Box, Line, PageState, PageText, Scan, Turn, Word
from tests.ingest.drawn import small_page

NOON = datetime(2023, 8, 15, 9, 30, tzinfo=timezone(timedelta(hours=7)))
WORDS = ("Độc", "lập", "-", "Tự", "do")


def composed(file: Path, *texts: PageText, name: str = "made.pdf") -> Path:
    scan = identify(file)
    assert isinstance(scan, Scan)
    with open_pages(scan, spool=file.parent / "spool") as pages:
        made = compose(pages, texts, file.parent / name, title="Giấy phép", made_at=NOON)
    assert made.pages == len(texts)
    return made.path


def blank(number: int = 1, turn: Turn = 0) -> PageText:
    return PageText(number, 413, 585, 100, turn, state=PageState.BLANK)


def written(number: int = 1, *, turn: Turn = 0, slope: float = 0.0, words: Sequence[str] = WORDS) -> PageText:
    """A page with one line: each word 8 % of the page wide, its baseline rising by *slope* (of the page's height to
    its width)."""
    line = []
    for place, word in enumerate(words):
        x0, x1 = 0.1 + place * 0.1, 0.18 + place * 0.1
        y0, y1 = 0.5 - slope * (x0 - 0.1), 0.5 - slope * (x1 - 0.1)
        line.append(Word(word, Box(x0, min(y0, y1) - 0.02, x1, max(y0, y1)), 0.9, (x0, y0, x1, y1)))
    box = Box(0.1, 0.4, 0.9, 0.5)
    return PageText(number, 413, 585, 100, turn, lines=(Line(tuple(line), box, 0.02, 0, 0),))


def shown(file: Path, number: int = 1) -> Image.Image:
    """The page as PDFium, the reader in Chromium, draws it at 100 dpi."""
    with pdfium.PdfDocument(file) as document:
        drawn = document[number - 1].render(scale=100 / 72).to_pil().convert("RGB")
        assert isinstance(drawn, Image.Image)
        return drawn


def alike(one: Image.Image, other: Image.Image) -> bool:
    difference = ImageChops.difference(one.convert("L"), other.convert("L").resize(one.size)).histogram()
    return sum(value * count for value, count in enumerate(difference)) / (one.width * one.height) < 8


# -- images -------------------------------------------------------------------------------------------------------


def test_a_jpeg_keeps_its_bytes_from_a_file_and_from_a_pdf(tmp_path: Path) -> None:
    file = write_jpeg(tmp_path / "a.jpg", small_page(3), dpi=100)
    assert raw_image(composed(file, blank())) == file.read_bytes()
    pdf = write_pdf(tmp_path / "b.pdf", [small_page(4)], dpi=100)
    assert raw_image(composed(pdf, blank())) == jpeg_bytes(small_page(4), dpi=100)


def test_group_4_keeps_its_bytes_and_its_black(tmp_path: Path) -> None:
    page = small_page(3)
    file = write_tiff(tmp_path / "a.tif", [small_page(1), page], dpi=100)
    made = composed(file, blank(1), blank(2))
    assert raw_image(made, 2) in file.read_bytes()
    assert alike(shown(made, 2), page)


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "P"])
def test_other_pictures_lose_no_pixel(tmp_path: Path, mode: str) -> None:
    page = small_page(5).quantize(4) if mode == "P" else small_page(5, mode=mode)
    made = composed(write_png(tmp_path / "a.png", page, dpi=100), blank())
    with pikepdf.open(made) as pdf:
        image = pdf.pages[0].obj.Resources.XObject.Page
        assert isinstance(image, pikepdf.Stream)
        inside = pikepdf.PdfImage(image).as_pil_image()
    assert inside.convert("RGB").tobytes() == page.convert("RGB").tobytes()


def test_a_cmyk_jpeg_becomes_one_that_pdf_a_allows(tmp_path: Path) -> None:
    page = small_page(5)
    page.convert("CMYK").save(tmp_path / "a.jpg", dpi=(100, 100))
    made = composed(tmp_path / "a.jpg", blank())
    with pikepdf.open(made) as pdf:
        assert pdf.pages[0].obj.Resources.XObject.Page.ColorSpace == pikepdf.Name.DeviceRGB
    assert alike(shown(made), page)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_that_was_read_turned_lies_upright(tmp_path: Path, turn: Turn) -> None:
    page = small_page(6)
    lying = page.rotate(turn, expand=True)  # counter-clockwise, so that turning it clockwise sets it upright
    made = composed(write_jpeg(tmp_path / "a.jpg", lying, dpi=100), blank(turn=turn))
    assert shown(made).size == pytest.approx(page.size, abs=1)
    assert alike(shown(made), page)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_that_the_scan_itself_turns_lies_upright(tmp_path: Path, turn: Turn) -> None:
    page = small_page(6)
    file = write_pdf(tmp_path / "a.pdf", [page.rotate(turn, expand=True)], dpi=100)
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        pdf.pages[0].obj.Rotate = turn
        pdf.save(file)
    made = composed(file, blank(turn=turn))
    assert shown(made).size == pytest.approx(page.size, abs=1)
    assert alike(shown(made), page)


def test_only_the_pages_spoken_of_are_taken(tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", [small_page(n) for n in (1, 2, 3)], dpi=100)
    made = composed(file, blank(3), blank(1))
    assert [raw_image(made, n) for n in (1, 2)] == [jpeg_bytes(small_page(n), dpi=100) for n in (3, 1)]


# -- text layer ---------------------------------------------------------------------------------------------------


def test_the_words_are_found_and_read_in_their_order(tmp_path: Path) -> None:
    made = composed(write_jpeg(tmp_path / "a.jpg", small_page(1), dpi=100), written())
    with pdfium.PdfDocument(made) as document:
        text = document[0].get_textpage()
        assert text.get_text_bounded().split() == list(WORDS)
        assert text.search("Độc lập").get_next() is not None


@pytest.mark.parametrize("slope", [0.0, 0.05, -0.05])
def test_each_word_stands_where_it_was_read(tmp_path: Path, slope: float) -> None:
    page = written(slope=slope)
    made = composed(write_jpeg(tmp_path / "a.jpg", small_page(1), dpi=100), page)
    for word in page.lines[0].words:
        x0, _y0, x1, _y1 = place_of(word.text, made)
        assert x0 == pytest.approx(word.baseline[0], abs=0.01)
        assert x1 == pytest.approx(word.baseline[2], abs=0.012)


def test_a_sloping_line_is_written_at_its_angle(tmp_path: Path) -> None:
    made = composed(write_jpeg(tmp_path / "a.jpg", small_page(1), dpi=100), written(slope=0.1))
    with pikepdf.open(made) as pdf:
        matrix = next(
            [float(value) for value in instruction.operands]
            for instruction in pikepdf.parse_content_stream(pdf.pages[0])
            if str(instruction.operator) == "Tm"
        )
    assert math.degrees(math.atan2(matrix[1], matrix[0])) == pytest.approx(
        math.degrees(math.atan2(0.1 * 585, 413)), abs=0.5
    )


def test_the_text_layer_is_invisible(tmp_path: Path) -> None:
    file = write_jpeg(tmp_path / "a.jpg", small_page(2), dpi=100)
    with_text, without = composed(file, written(), name="a1.pdf"), composed(file, blank(), name="a2.pdf")
    assert shown(with_text).tobytes() == shown(without).tobytes()


def test_letters_of_any_kind_come_back_as_they_were(tmp_path: Path) -> None:
    words = ("Đặng", "Ỷ", "m²", "–", "€", "№")
    made = composed(write_jpeg(tmp_path / "a.jpg", small_page(1), dpi=100), written(words=words))
    with pdfium.PdfDocument(made) as document:
        assert document[0].get_textpage().get_text_bounded().split() == list(words)


# -- the whole ----------------------------------------------------------------------------------------------------


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    file = write_tiff(tmp_path / "a.tif", [small_page(1)], dpi=100)
    first = composed(file, written(), name="1.pdf").read_bytes()
    assert composed(file, written(), name="2.pdf").read_bytes() == first


def test_nothing_of_the_source_comes_along_but_its_image(tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", [small_page(1)], dpi=100)
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('x')")
        pdf.pages[0].obj.Resources.XObject.Im0.Metadata = pdf.make_stream(b"<secret/>")
        pdf.attachments["a.txt"] = b"secret"
        pdf.save(file)
    made = composed(file, blank())
    with pikepdf.open(made) as pdf:
        assert "/OpenAction" not in pdf.Root
        assert "/Metadata" not in pdf.pages[0].obj.Resources.XObject.Page
        assert not pdf.attachments


def test_it_says_of_itself_what_pdf_a_asks(tmp_path: Path) -> None:
    made = composed(write_jpeg(tmp_path / "a.jpg", small_page(1), dpi=100), blank())
    with pikepdf.open(made) as pdf:
        assert str(pdf.docinfo["/CreationDate"]) == "D:20230815093000+07'00'"
        xmp = pdf.open_metadata()
        assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == ("2", "B")
        assert xmp["dc:title"] == str(pdf.docinfo["/Title"]) == "Giấy phép"
        assert xmp["xmp:CreateDate"] == "2023-08-15T09:30:00+07:00"
        assert pdf.Root.OutputIntents[0].S == pikepdf.Name.GTS_PDFA1
        assert str(pdf.Root.Lang) == "vi-VN"


def test_a_universal_time_is_written_as_such(tmp_path: Path) -> None:
    scan = identify(write_jpeg(tmp_path / "a.jpg", small_page(1), dpi=100))
    assert isinstance(scan, Scan)
    with open_pages(scan, spool=tmp_path) as pages:
        made = compose(pages, [blank()], tmp_path / "a.pdf", title="t", made_at=datetime(2023, 1, 2, tzinfo=UTC))
    with pikepdf.open(made.path) as pdf:
        assert str(pdf.docinfo["/CreationDate"]) == "D:20230102000000+00'00'"


def test_a_page_keeps_its_size_on_paper(tmp_path: Path) -> None:
    made = composed(write_jpeg(tmp_path / "a.jpg", small_page(1, size=(827, 1169)), dpi=100), blank())
    with pdfium.PdfDocument(made) as document:
        assert document[0].get_size() == pytest.approx((827 * 0.72, 1169 * 0.72), abs=0.1)


@pytest.mark.parametrize(("size_px", "dpi"), [((20_000, 300), 60), ((4, 8), 200), ((20_000, 1), 60)])
def test_a_page_too_large_or_small_for_pdf_a_is_brought_within_its_bounds(
    tmp_path: Path, size_px: tuple[int, int], dpi: int
) -> None:
    made = composed(write_png(tmp_path / "a.png", Image.new("1", size_px, 1), dpi=dpi), blank())
    with pikepdf.open(made) as pdf:
        *_origin, width, height = (float(edge) for edge in pdf.pages[0].mediabox)
    assert min(width, height) >= 3
    assert max(width, height) <= 14_400


# -- reading it ---------------------------------------------------------------------------------------------------


def raw_image(file: Path, number: int = 1) -> bytes:
    with pikepdf.open(file) as pdf:
        return bytes(pdf.pages[number - 1].obj.Resources.XObject.Page.read_raw_bytes())


def place_of(word: str, file: Path) -> tuple[float, float, float, float]:
    """Where PDFium finds the word, in fractions of the page from its top left."""
    with pdfium.PdfDocument(file) as document:
        page = document[0]
        width, height = page.get_size()
        text = page.get_textpage()
        found = text.search(word, match_whole_word=False).get_next()
        assert found is not None, word
        start, count = found
        boxes = [text.get_charbox(index, loose=True) for index in range(start, start + count)]
    return (
        min(box[0] for box in boxes) / width,
        1 - max(box[3] for box in boxes) / height,
        max(box[2] for box in boxes) / width,
        1 - min(box[1] for box in boxes) / height,
    )
