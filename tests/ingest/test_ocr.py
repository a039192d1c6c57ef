"""One suite that every engine passes."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ingest.ocr.engine import (
    GreyImage,
    Layout,
    OcrEngine,
    best_tessdata,
    clean_word,
    inverted_below,
    open_engine,
    open_second,
    tessdata_folder,
    within,
)  # fmt: skip
from ingest.ocr.pytesseract_engine import lines_of_hocr
from samples.drawing import tinos
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.pages import ReadingOptions

ENGINES = ("tesserocr", "pytesseract")


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> OcrEngine:
    if request.param == "tesserocr":
        pytest.importorskip("tesserocr")
    elif shutil.which("tesseract") is None:
        pytest.skip("tesseract: the program is missing")
    return open_engine(ReadingOptions(engine=request.param))


def lettered(*lines: str, width: int = 1300, points: float = 13) -> GreyImage:
    page = Image.new("L", (width, 60 + 60 * len(lines)), 255)
    draw = ImageDraw.Draw(page)
    for place, line in enumerate(lines):
        draw.text((50, 70 + 60 * place), line, fill=0, font=tinos(points, 200), anchor="ls")
    return np.asarray(page)


def test_the_engine_says_who_it_is(engine: OcrEngine) -> None:
    assert engine.identity.name in ENGINES
    assert engine.identity.version[0].isdigit()
    assert engine.identity.model.startswith("vie:")


def test_lines_come_in_order_with_their_words(engine: OcrEngine) -> None:
    lines = engine.read(lettered("Ủy ban nhân dân quận", "Quyết định cấp giấy phép"), 200)
    assert [line.text for line in lines] == ["Ủy ban nhân dân quận", "Quyết định cấp giấy phép"]


def test_the_last_line_of_a_paragraph_belongs_to_it(engine: OcrEngine) -> None:
    first = lettered(
        "Căn cứ Luật Xây dựng ngày 18 tháng 6 năm 2014 và Luật sửa đổi",
        "một số điều của Luật Xây dựng; theo đề nghị của Trưởng phòng",
        "Quản lý đô thị tại Tờ trình số 12/TTr-QLĐT",
    )
    second = lettered(
        "Giấy phép này cấp lần đầu cho căn nhà số 12 đường Lê Lợi do",
        "chủ nhà xin phép sửa chữa, và có giá trị trong mười hai tháng",
        "kể từ ngày ký",
    )
    space = np.full((200, first.shape[1]), 255, np.uint8)
    lines = engine.read(np.vstack([first, space, second]), 200)
    parts = [(line.block, line.paragraph) for line in lines]
    assert parts[0] == parts[1] == parts[2] != parts[3]


def test_boxes_lie_within_the_image_and_over_ink(engine: OcrEngine) -> None:
    image = lettered("Căn cứ Luật Xây dựng", "của Bộ Xây dựng")
    for line in engine.read(image, 200):
        assert line.height_px > 10
        for word in line.words:
            box = word.box
            assert 0 <= box.x0 < box.x1 <= image.shape[1]
            assert 0 <= box.y0 < box.y1 <= image.shape[0]
            assert image[box.y0 : box.y1, box.x0 : box.x1].min() < 100
            assert 0 <= word.confidence <= 1
            assert box.y0 < word.baseline[1] <= box.y1 + 3


@pytest.mark.parametrize("layout", list(Layout))
def test_every_layout_reads_a_line(engine: OcrEngine, layout: Layout) -> None:
    line = lettered("giấy phép xây dựng")
    if layout is Layout.STRIP:  # it must fill the image
        rows, columns = np.nonzero(line < 128)
        line = line[rows.min() - 4 : rows.max() + 4, columns.min() - 3 : columns.max() + 3]
    text = " ".join(found.text for found in engine.read(line, 200, layout))
    assert "phép" in text


def with_bar(image: GreyImage) -> GreyImage:
    """Its first line in white on a black bar."""
    page = image.copy()
    page[25:85, 30:-30] = 255 - page[25:85, 30:-30]
    return page


def test_white_print_on_a_black_bar_is_read(engine: OcrEngine) -> None:
    page = with_bar(lettered("Báo cáo tổng hợp kết quả", "Quyết định cấp giấy phép"))
    assert "Báo cáo tổng hợp kết quả" in [line.text for line in engine.read(page, 200)]


@pytest.mark.parametrize("points", [9, 13, 20])
def test_print_is_asked_for_in_white_only_on_a_dark_ground(points: int) -> None:
    page = lettered("QUYẾT ĐỊNH VỀ VIỆC CẤP GIẤY PHÉP", "Quyết định cấp giấy phép", points=points)
    assert inverted_below(page, 200) == 0
    assert inverted_below(with_bar(page), 200) > 0
    strip = slice(25, 85), slice(50, 250)
    assert inverted_below(page[strip], 200) == 0
    assert inverted_below(with_bar(page)[strip], 200) > 0


def test_black_and_white_is_read_as_the_same_page_with_one_grey_point(engine: OcrEngine) -> None:
    page = np.where(lettered("Ủy ban nhân dân quận", "Quyết định cấp giấy phép") > 127, 255, 0).astype(np.uint8)
    grey = page.copy()
    grey[0, 0] = 254
    assert engine.read(page, 200) == engine.read(grey, 200) != ()


def test_nothing_is_read_on_a_blank_image(engine: OcrEngine) -> None:
    assert engine.read(np.full((300, 400), 255, np.uint8), 200) == ()


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (8, 8)])
def test_tiny_images_are_no_fault(engine: OcrEngine, shape: tuple[int, int]) -> None:
    assert engine.read(np.zeros(shape, np.uint8), 200) is not None


def test_the_same_image_is_read_alike_again(engine: OcrEngine) -> None:
    image = lettered("Sở Tài nguyên và Môi trường")
    assert engine.read(image, 200) == engine.read(image, 200)


def test_an_image_that_is_not_contiguous_is_read(engine: OcrEngine) -> None:
    doubled = np.repeat(lettered("Thành phố Hồ Chí Minh"), 2, axis=1)[:, ::2]
    assert [line.text for line in engine.read(doubled, 200)] == ["Thành phố Hồ Chí Minh"]


# -- opening ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENGINES)
def test_a_missing_model_is_named_with_the_command_that_installs_it(name: str, tmp_path: Path) -> None:
    options = ReadingOptions(engine=name, languages=("xyz",), extra={"tessdata": str(tmp_path)})  # type: ignore[arg-type]
    with pytest.raises(ServiceUnavailable, match="apt-get install tesseract-ocr-xyz"):
        open_engine(options)


def test_a_broken_model_is_no_crash(tmp_path: Path) -> None:
    pytest.importorskip("tesserocr")
    (tmp_path / "vie.traineddata").write_bytes(b"this is no model")
    with pytest.raises(ServiceUnavailable, match="cannot load"):
        open_engine(ReadingOptions(engine="tesserocr", extra={"tessdata": str(tmp_path)}))


def test_without_the_better_model_the_first_gives_the_second_opinion(tmp_path: Path) -> None:
    options = ReadingOptions(extra={"best_tessdata": str(tmp_path)})
    first = open_engine(options)
    assert best_tessdata(options) is None
    assert open_second(options, first) is first


def test_the_better_model_is_used_where_it_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("tesserocr")
    shutil.copy(tessdata_folder(ReadingOptions()) / "vie.traineddata", tmp_path)
    options = ReadingOptions(engine="tesserocr", extra={"best_tessdata": str(tmp_path)})
    first = open_engine(options)
    assert open_second(options, first) is not first


# -- what an engine may say ---------------------------------------------------------------------------------------


def test_words_are_composed_and_hold_no_control_characters() -> None:
    assert clean_word("Quye\u0302\u0301t\x0c \ufffd") == "Quyết"


def test_boxes_outside_the_image_are_cut_or_dropped() -> None:
    image = np.zeros((100, 200), np.uint8)
    assert within(image, 300, 10, 400, 20) is None
    cut = within(image, -5, -5, 20, 20)
    assert cut is not None
    assert (cut.x0, cut.y0, cut.x1, cut.y1) == (0, 0, 20, 20)


HOCR = (
    "<html><body><div class='ocr_page'><div class='ocr_carea'><p class='ocr_par'>"
    "<span class='ocr_line' title='bbox 10 10 90 40; baseline 0 -5; x_size 30'>"
    "<span class='ocrx_word' title='bbox 10 10 50 40; x_wconf 91'>{word}</span></span></p></div></div></body></html>"
)


@pytest.mark.parametrize(
    ("raw", "text"), [(b"Qu\xffy\xe1", "Quy"), ("Số\x0b".encode(), "Số"), (b"&amp;", "&"), (b"\xef\xbf\xbe", None)]
)
def test_bytes_that_are_not_text_are_left_out(raw: bytes, text: str | None) -> None:
    before, after = HOCR.encode().split(b"{word}")
    lines = lines_of_hocr(before + raw + after, np.zeros((100, 100), np.uint8))
    assert [line.text for line in lines] == ([text] if text else [])


def test_output_that_is_cut_off_is_rejected() -> None:
    with pytest.raises(InputRejected):
        lines_of_hocr(HOCR.encode()[:150], np.zeros((100, 100), np.uint8))
