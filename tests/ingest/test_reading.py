"""What a drawn page says is read, however it lies in the scanner and whatever is stamped over it."""

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from jiwer import cer
from PIL import Image

from ingest import images
from ingest.reading import not_read, read_page
from samples.drawing import Sheet, pen_digits, seal, stamp
from samples.scans import cover_sheet, scanned, write_day
from schemas.documents import Kind
from schemas.documents import Sheet as CoverSheet
from schemas.pages import PageImage, PageState, PageText, ReadingOptions, Turn

FAST = ReadingOptions(fast=True)
CAREFUL = ReadingOptions()
LINES = (
    "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
    "Căn cứ Nghị định số 61/2018/NĐ-CP ngày 23 tháng 4 năm 2018 của Chính phủ",
    "về thực hiện cơ chế một cửa, một cửa liên thông trong giải quyết thủ tục hành",
    "chính; theo đề nghị của Giám đốc Sở Xây dựng tại Tờ trình số 123/TTr-SXD.",
    "Điều 1. Cấp giấy phép xây dựng nhà ở riêng lẻ cho bà Nguyễn Thị Hồng Hạnh,",
    "quy mô gồm ba tầng, tổng diện tích sàn là 187,5 mét vuông, trên thửa đất đã",
    "được cấp giấy chứng nhận quyền sử dụng đất và quyền sở hữu nhà ở.",
)
TRUTH = " ".join(LINES)


@cache
def text_page(dpi: int = 200, red_line: str = "") -> Image.Image:
    sheet = Sheet(dpi)
    for place, line in enumerate(LINES):
        sheet.text(30, 60 + 8 * place, line, 13)
    if red_line:
        sheet.text(30, 140, red_line, 13, "Bold", ink=(200, 30, 40))
    return sheet.image


def packed(page: Image.Image, dpi: int = 200, turn: Turn = 0, file_format: str = "PNG") -> PageImage:
    content = io.BytesIO()
    page.save(content, file_format, dpi=(dpi, dpi))
    return PageImage(1, content.getvalue(), page.width, page.height, dpi, turn)


def error_of(text: PageText) -> float:
    return float(cer(TRUTH, " ".join(text.text.split())))


def test_a_clean_page_is_read_without_an_error() -> None:
    read = read_page(packed(scanned(text_page())), CAREFUL)
    assert error_of(read) <= 0.001
    assert read.state is PageState.READ
    assert read.turn == 0
    assert read.confidence > 0.9


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_scanned_on_its_side_or_head_is_turned_upright(turn: Turn) -> None:
    lying = scanned(text_page(), turn=turn)
    read = read_page(packed(lying), FAST)
    assert (read.turn + turn) % 360 == 0
    assert (read.width_px, read.height_px) == text_page().size
    assert error_of(read) <= 0.01


def test_the_turn_that_the_scan_states_is_applied_first() -> None:
    read = read_page(packed(scanned(text_page(), turn=90), turn=270), FAST)
    assert read.turn == 270
    assert error_of(read) <= 0.01


@pytest.mark.parametrize("skew", [-12.0, -3.0, 1.5, 5.0, 15.0])
def test_a_skewed_page_is_read_and_its_words_lie_where_they_are_on_the_scan(skew: float) -> None:
    page = scanned(text_page(), skew_deg=skew)
    read = read_page(packed(page), FAST)
    assert read.skew_deg == pytest.approx(skew, abs=0.3)
    assert error_of(read) <= 0.02
    grey = np.asarray(page.convert("L"))
    for word in (word for line in read.lines for word in line.words if len(word.text) > 3):
        x = round((word.box.x0 + word.box.x1) / 2 * page.width)
        y0, y1 = round(word.box.y0 * page.height), round(word.box.y1 * page.height)
        assert grey[y0:y1, x - 20 : x + 20].min() < 120, f"no ink under {word.text}"
        _x0, start, _x1, end = word.baseline
        assert (start > end) == (skew > 0), "the baseline climbs as the page does"


def test_a_seal_over_the_text_costs_nothing() -> None:
    page = text_page().copy()
    stamp(page, seal("ỦY BAN NHÂN DÂN QUẬN 3", 200, np.random.default_rng(1)), 700, 440)
    assert error_of(read_page(packed(scanned(page)), CAREFUL)) <= 0.01


def test_red_print_stays_where_a_seal_is_dropped() -> None:
    page = text_page(red_line="HỎA TỐC").copy()
    stamp(page, seal("ỦY BAN NHÂN DÂN QUẬN 3", 200, np.random.default_rng(1)), 900, 1500)
    assert "HỎA TỐC" in read_page(packed(scanned(page)), FAST).text


@pytest.mark.parametrize("dpi", [120, 150, 300, 400])
def test_pages_of_other_resolutions_are_read(dpi: int) -> None:
    assert error_of(read_page(packed(scanned(text_page(dpi)), dpi), CAREFUL)) <= 0.02


def test_a_bilevel_scan_is_read() -> None:
    page = scanned(text_page()).convert("L").point(lambda value: 255 if value > 150 else 0).convert("1")
    assert error_of(read_page(packed(page, file_format="TIFF"), CAREFUL)) <= 0.01


def test_faint_print_is_read() -> None:
    faint = scanned(text_page()).convert("L").point(lambda value: 255 - (255 - value) * 0.4)
    assert error_of(read_page(packed(faint), CAREFUL)) <= 0.02


def test_a_blank_back_is_blank_though_it_shows_dust() -> None:
    back = scanned(Sheet(200).image)
    for place in range(20):
        back.putpixel((100 + 60 * place, 300 + 90 * place), (40, 40, 40))
    assert read_page(packed(back), FAST).state is PageState.BLANK


def test_a_single_short_line_is_no_blank_page() -> None:
    sheet = Sheet(200)
    sheet.text(90, 100, "Trang cuối", 13)
    assert "Trang cuối" in read_page(packed(scanned(sheet.image)), FAST).text


def test_a_code_is_read_with_its_place() -> None:
    sheet = CoverSheet(dossier="H29-230801-0001", procedure="1.001193", unit="H29.17", kind=Kind.RESULT)
    [code] = read_page(packed(scanned(cover_sheet(sheet))), FAST).codes
    assert "H29-230801-0001" in code.text
    assert 0.2 < code.box.x0 < code.box.x1 < 0.8


def test_pen_and_seal_come_back_as_ink_without_words() -> None:
    sheet = Sheet(200)
    sheet.image.paste(text_page())
    pen_digits(sheet, 60, 230, "3165", 9, np.random.default_rng(2))
    read = read_page(packed(scanned(sheet.image)), FAST)
    under = [box for box in read.unread_ink if box.y0 < 230 / 297 and box.y1 > 221 / 297]
    words = [word for line in read.lines for word in line.words if word.box.y0 > 0.7]
    assert under or words, "the digits are either read or marked as ink"


def test_the_black_of_the_scanners_lid_comes_back_as_ink_and_the_paper_beside_it_does_not() -> None:
    page = text_page().copy()
    mm = page.width / 210
    page.paste("black", (0, 0, page.width, round(9 * mm)))
    page.paste("black", (0, 0, round(7 * mm), page.height))
    read = read_page(packed(page), FAST)
    black = [box for box in read.unread_ink if box.x0 < 0.01]
    for x, y in ((100, 2), (100, 7), (205, 4), (3, 150), (3, 290)):
        assert any(box.x0 <= x / 210 <= box.x1 and box.y0 <= y / 297 <= box.y1 for box in black), (x, y)
    for x, y in ((100, 14), (12, 150), (205, 290)):
        assert not any(box.x0 <= x / 210 <= box.x1 and box.y0 <= y / 297 <= box.y1 for box in read.unread_ink), (x, y)
    assert error_of(read) <= 0.005


def test_large_bold_capitals_are_not_taken_for_the_scanners_lid() -> None:
    sheet = Sheet(200)
    sheet.text(30, 60, "QUYẾT ĐỊNH", 36, "Bold")
    plain = images.resized(images.grey(np.asarray(sheet.image)), images.SKEW_DPI / 200)
    assert images.bands(images.solid_black(plain, images.SKEW_DPI), images.SKEW_DPI) == ()


def test_a_damaged_image_is_not_read_and_says_why() -> None:
    read = read_page(PageImage(3, b"\x89PNG\r\n\x1a\nnothing", 100, 100, 200.0), FAST)
    assert (read.number, read.state) == (3, PageState.NOT_READ)
    assert "damaged" in read.reason


def test_a_page_not_read_has_the_size_that_a_viewer_shows() -> None:
    page = not_read(PageImage(2, b"", 300, 400, 200.0, 90), "because")
    assert (page.width_px, page.height_px, page.turn) == (400, 300, 90)


def test_reading_is_a_pure_function() -> None:
    page = packed(scanned(text_page()))
    assert read_page(page, CAREFUL) == read_page(page, CAREFUL)


def test_words_of_a_line_do_not_touch() -> None:
    for line in read_page(packed(scanned(text_page(), seed=3, noise=25.0)), CAREFUL).lines:
        for word, following in zip(line.words, line.words[1:], strict=False):
            assert following.box.x0 > word.box.x1


# -- page images --------------------------------------------------------------------------------------------------


def test_coloured_ink_is_none_on_a_page_without() -> None:
    picture = np.asarray(scanned(text_page()))[:, :, ::-1].copy()
    assert images.coloured_ink(picture, 200) is None


def test_black_letters_under_a_seal_stay_black() -> None:
    page = text_page().copy()
    before = np.asarray(page.convert("L"))
    stamp(page, seal("SỞ XÂY DỰNG", 200, np.random.default_rng(1)), 700, 440)
    picture = np.asarray(page)[:, :, ::-1].copy()
    ink = images.coloured_ink(picture, 200)
    assert ink is not None
    cleaned = images.without_ink(picture, ink)
    letters = before < 60
    assert cleaned[letters].mean() < 60
    assert cleaned[(ink > 0) & (before > 250)].mean() > 225


@pytest.mark.parametrize("skew", [-15.0, -7.3, -0.6, 0.0, 0.4, 2.2, 15.0])
def test_skew_is_measured_to_a_tenth_of_a_degree(skew: float) -> None:
    page = np.asarray(scanned(text_page(), skew_deg=skew).convert("L"))
    small = images.resized(page, images.SKEW_DPI / 200)
    letters = images.letters_of(images.ink_mask(small), images.SKEW_DPI / images.MM_PER_INCH)
    assert images.skew_deg(letters) == pytest.approx(skew, abs=0.15)


def test_straightening_cuts_nothing_off_and_knows_the_way_back() -> None:
    page = np.full((400, 300), 255, np.uint8)
    page[:3, :3] = page[-3:, -3:] = 0
    level = images.straightened(page, 10.0)
    assert np.count_nonzero(level.page < 128) >= 14
    rows, columns = np.nonzero(level.page < 128)
    back = np.column_stack([columns, rows]) @ level.back[:, :2].T + level.back[:, 2]
    assert back[:, 0].min() < 4
    assert back[:, 0].max() > 295


def test_faint_print_and_the_thin_letters_of_a_coarse_scan_are_no_dust() -> None:
    faint = np.asarray(scanned(text_page()).convert("L").point(lambda value: 255 - (255 - value) * 0.35))
    coarse = np.asarray(scanned(text_page(100)).convert("L"))
    for page in (faint, coarse):
        assert images.despeckled(page) is page


def test_dust_is_taken_away_and_letters_stay() -> None:
    page = np.asarray(scanned(text_page()).convert("L")).copy()
    letters = page < 60
    specks = np.random.default_rng(1).random(page.shape) < 0.02
    page[specks] = 30
    clean = images.despeckled(page)
    assert (clean[specks & ~letters] > 128).mean() > 0.8
    assert (clean[letters] < 128).mean() > 0.85


def test_faint_print_comes_out_black_on_white_and_black_print_as_it_was() -> None:
    page = np.asarray(text_page().convert("L"))
    faint = (255 - (255 - page.astype(np.float32)) * 0.35).astype(np.uint8)
    assert np.percentile(images.on_white(faint)[page < 60], 50) < 40
    assert np.array_equal(images.on_white(page), page)


def test_strokes_beside_a_letter_are_no_words_of_their_own(tmp_path: Path) -> None:
    certificate = next(file for file in write_day(tmp_path) if file.name == "chung-chi.tif")
    with Image.open(certificate) as scan:
        rows = read_page(packed(scan.convert("L"), 300), CAREFUL).text.splitlines()
    assert any("THÀNH PHỐ HỒ CHÍ MINH" in row for row in rows)
    assert not [row for row in rows if len(row.strip()) == 1]
