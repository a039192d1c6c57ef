"""Rows that a seal or a pen broke apart are read again between what was read of them."""

from dataclasses import replace

import numpy as np
import pytest

from ingest.ocr.engine import EngineLine, EngineWord, GreyImage, Layout, PixelBox
from ingest.relining import relined
from schemas.pages import EngineIdentity

HEIGHT, STEP = 30, 45


class Reader:
    """An engine that reads *says* in every strip, as one word over its width."""

    identity = EngineIdentity("reader", "1", "none")

    def __init__(self, says: str, confidence: float = 0.9) -> None:
        self.says, self.confidence, self.asked = says, confidence, 0

    def read(self, image: GreyImage, dpi: float, layout: Layout = Layout.AUTO) -> tuple[EngineLine, ...]:
        self.asked += 1
        if not self.says:
            return ()
        box = PixelBox(3, 4, image.shape[1] - 3, image.shape[0] - 4)
        word = EngineWord(self.says, box, self.confidence, (box.x0, box.y1, box.x1, box.y1))
        return (EngineLine((word,), box, HEIGHT, 0, 0),)


def word(text: str, x0: int, row: int, sure: float = 0.95) -> EngineWord:
    foot = 100 + STEP * row
    return EngineWord(text, PixelBox(x0, foot - HEIGHT, x0 + 80, foot), sure, (x0, foot, x0 + 80, foot))


def line(row: int, *words: EngineWord) -> EngineLine:
    box = PixelBox(words[0].box.x0, words[0].box.y0, words[-1].box.x1, words[-1].box.y1)
    return EngineLine(words, box, HEIGHT, 0, 0)


def page(*words: EngineWord) -> GreyImage:
    """White paper with upright strokes, as of letters, where *words* stand."""
    paper = np.full((400, 700), 255, np.uint8)
    for w in words:
        for x in range(w.box.x0, w.box.x1, 2):
            paper[w.box.y0 + 4 : w.box.y1, x] = 0
    return paper


WHOLE = tuple(word(text, 50 + 100 * n, 0) for n, text in enumerate(["Căn", "cứ", "Luật", "Xây", "dựng"]))
BROKEN = tuple(word(text, 50 + 100 * n, 1) for n, text in enumerate(["của", "Quốc", "hội", "nước", "Cộng"]))


def texts(lines: tuple[EngineLine, ...]) -> list[str]:
    return [found.text for found in lines]


def test_a_page_read_whole_is_left_as_it_is() -> None:
    reader = Reader("sai")
    lines = (line(0, *WHOLE), line(1, *BROKEN))
    assert relined(page(*WHOLE, *BROKEN), lines, 200, reader) == lines
    assert reader.asked == 0


def test_print_between_two_words_that_none_covers_is_read() -> None:
    lines = (line(0, *WHOLE), line(1, *BROKEN[:2], *BROKEN[3:]))
    found = relined(page(*WHOLE, *BROKEN), lines, 200, Reader("hội"))
    assert texts(found) == ["Căn cứ Luật Xây dựng", "của Quốc hội nước Cộng"]


def test_a_row_reaches_as_far_as_its_neighbours_do() -> None:
    lines = (line(0, *WHOLE), line(1, *BROKEN[:4]))
    assert texts(relined(page(*WHOLE, *BROKEN), lines, 200, Reader("Cộng")))[1] == "của Quốc hội nước Cộng"


@pytest.mark.parametrize("reader", [Reader(""), Reader("|"), Reader("hội", 0.2)])
def test_nothing_is_put_where_nothing_is_read_well(reader: Reader) -> None:
    lines = (line(0, *WHOLE), line(1, *BROKEN[:2], *BROKEN[3:]))
    assert relined(page(*WHOLE, *BROKEN), lines, 200, reader) == lines


def test_an_empty_gap_between_columns_is_no_print() -> None:
    reader = Reader("sai")
    lines = (line(0, *WHOLE), line(1, *BROKEN[:2], *BROKEN[3:]))
    relined(page(*WHOLE, *BROKEN[:2], *BROKEN[3:]), lines, 200, reader)
    assert reader.asked == 0


def test_a_word_that_another_line_has_already_is_not_put_twice() -> None:
    tall = word("hội", 250, 1)
    tall = replace(tall, box=PixelBox(250, tall.box.y0, 330, tall.box.y1 + 25))
    lines = (line(0, *WHOLE), line(1, *BROKEN[:2], *BROKEN[3:]), line(1, tall))
    found = relined(page(*WHOLE, *BROKEN), lines, 200, Reader("hội"))
    assert sum(text.split().count("hội") for text in texts(found)) == 1
