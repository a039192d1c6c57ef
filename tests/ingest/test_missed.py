"""Rows that the engine's layout left out are found and read between the others."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest
from jiwer import cer

from ingest.images import Grey
from ingest.missed import MOST_ROWS, unread_rows, with_missed
from ingest.ocr.engine import EngineLine, EngineWord, GreyImage, Layout, OcrEngine, PixelBox, open_engine
from samples.drawing import Sheet
from schemas.pages import EngineIdentity, ReadingOptions

DPI = 200
SAID = (
    "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
    "QUYẾT ĐỊNH",
    "Điều 1. Cấp giấy phép xây dựng nhà ở riêng lẻ cho bà Nguyễn Thị Hồng Hạnh,",
    "quy mô gồm ba tầng, trên thửa đất đã được cấp giấy chứng nhận quyền sử dụng",
    "KT. CHỦ TỊCH",
    "Điều 2. Quyết định này có hiệu lực kể từ ngày ký.",
    "Hà Văn Phúc",
    "đất và quyền sở hữu nhà ở.",
    "Nơi nhận: như Điều 3; lưu văn thư.",
)


@cache
def engine() -> OcrEngine:
    return open_engine(ReadingOptions())


@cache
def page() -> Grey:
    sheet = Sheet(DPI)
    for place, line in enumerate(SAID):
        sheet.text(30, 60 + 12 * place, line, 13)
    return np.asarray(sheet.image.convert("L"))


@cache
def read() -> tuple[EngineLine, ...]:
    return engine().read(page(), DPI)


@dataclass
class Listening:
    """The engine, and in which layouts it was asked for."""

    identity = EngineIdentity("listening", "1", "none")
    layouts: list[Layout] = field(default_factory=list)

    def read(self, image: GreyImage, dpi: float, layout: Layout = Layout.AUTO) -> tuple[EngineLine, ...]:
        self.layouts.append(layout)
        return engine().read(image, dpi, layout)


def boxes(lines: tuple[EngineLine, ...]) -> list[tuple[int, int, int, int]]:
    return [(w.box.x0, w.box.y0, w.box.x1, w.box.y1) for line in lines for w in line.words]


def test_a_page_read_whole_is_not_looked_at_again() -> None:
    listening = Listening()
    assert with_missed(read(), page(), DPI, listening) == read()
    assert listening.layouts == []


@pytest.mark.parametrize("left_out", range(len(SAID)))
def test_a_row_left_out_comes_back_in_its_place(left_out: int) -> None:
    rest = read()[:left_out] + read()[left_out + 1 :]
    listening = Listening()
    found = with_missed(rest, page(), DPI, listening)
    assert [line.text for line in found[:left_out] + found[left_out + 1 :]] == [line.text for line in rest]
    assert cer(SAID[left_out], found[left_out].text) <= 0.1
    true, again = read()[left_out].box, found[left_out].box
    assert np.allclose((again.x0, again.y0, again.x1, again.y1), (true.x0, true.y0, true.x1, true.y1), atol=6)
    for word in found[left_out].words:
        assert true.x0 - 6 <= word.box.x0 < word.box.x1 <= true.x1 + 6
        assert abs(word.baseline[1] - read()[left_out].words[0].baseline[1]) <= 6
    assert listening.layouts == [Layout.BLOCK]


def test_of_a_page_mostly_left_out_the_layout_is_looked_for_anew() -> None:
    listening = Listening()
    found = with_missed(read()[: len(SAID) - MOST_ROWS - 1], page(), DPI, listening)
    assert listening.layouts == [Layout.SPARSE]
    assert cer(" ".join(SAID), " ".join(line.text for line in found)) <= 0.02


def test_rows_are_found_by_their_places_and_short_marks_are_none() -> None:
    taken = boxes(read()[:1] + read()[2:])
    [row] = unread_rows(page(), taken, DPI)
    title = read()[1].box
    assert np.allclose((row.x0, row.y0, row.x1, row.y1), (title.x0, title.y0, title.x1, title.y1), atol=8)
    sheet = Sheet(DPI)
    sheet.text(30, 60, "số 7", 13)
    assert unread_rows(np.asarray(sheet.image.convert("L")), [], DPI) == []


def test_a_stroke_beside_a_word_is_no_word_of_its_own() -> None:
    [line] = (line for line in read() if line.text.startswith("Hà"))
    short = EngineLine(line.words[:-1], line.box, line.height_px, line.block, line.paragraph)
    last = line.words[-1].box

    class Strokes(Listening):
        def read(self, image: GreyImage, dpi: float, layout: Layout = Layout.AUTO) -> tuple[EngineLine, ...]:
            height, _width = image.shape
            spot = PixelBox(0, 0, 8, height)
            return (EngineLine((EngineWord("|", spot, 0.9, (0, height, 8, height)),), spot, height, 0, 0),)

    others = tuple(other for other in read() if other is not line)
    drawn = page().copy()
    drawn[last.y0 - 9 : last.y1 + 9, last.x0 : last.x0 + 120] = 255
    left = round(line.words[-2].box.x1 + 4)
    drawn[last.y0 + 2 : last.y1 - 2, left : left + 130 : 9] = 0
    assert with_missed((*others, short), drawn, DPI, Strokes()) == (*others, short)
