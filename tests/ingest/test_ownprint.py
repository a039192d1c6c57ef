"""Digits beside the page's own print: what was typed is told from what pen has put into the form line."""

import numpy as np
import pytest

from ingest.extract.layout import Run
from ingest.ownprint import digits_seen
from samples.drawing import Sheet, pen_digits
from samples.scans import scanned
from schemas.pages import Box, DigitsSeen, Line, Word, box_around

DPI = 200
BODY = (
    "Căn cứ Nghị định 15 ngày 03 tháng 3 năm 2021 của Chính phủ",
    "Căn cứ Nghị định 35 ngày 20 tháng 6 năm 2023 của Chính phủ",
    "Căn cứ Quyết định 4886 ngày 19 tháng 10 năm 2015 của Ủy ban",
)


def _word(sheet: Sheet, x: float, baseline: float, text: str, style: str) -> Word:
    """*text* on the sheet, as an engine finds it."""
    sheet.text(x, baseline, text, 13, style)
    width, height = sheet.mm(sheet.image.width), sheet.mm(sheet.image.height)
    right = x + sheet.width_mm(text, 13, style)
    box = Box(x / width, (baseline - 3.4) / height, right / width, (baseline + 0.2) / height)
    return Word(text, box, 0.95, (box.x0, box.y1, box.x1, box.y1))


def _line(sheet: Sheet, x: float, baseline: float, text: str, style: str = "Regular") -> Line:
    words = []
    for part in text.split():
        words.append(_word(sheet, x, baseline, part, style))
        x += sheet.width_mm(part + " ", 13, style)
    box = box_around(word.box for word in words)
    return Line(tuple(words), box, box.height, 1, 1)


def _seen(number: str, *, by_hand: bool, body: str = "Regular") -> list[DigitsSeen]:
    sheet = Sheet(DPI)
    lines = [_line(sheet, 30, 100 + 8 * n, text, body) for n, text in enumerate(BODY)]
    row = _line(sheet, 35, 45, "Số:" if by_hand else f"Số: {number} /QĐ-UBND")
    if by_hand:
        pen_digits(sheet, 43, 45.4, number, 5.0, np.random.default_rng(4))
        width, height = sheet.mm(sheet.image.width), sheet.mm(sheet.image.height)
        box = Box(42.5 / width, 39.5 / height, (44 + 3.6 * len(number)) / width, 46.5 / height)
        row = Line((*row.words, Word(number, box, 0.95, (box.x0, box.y1, box.x1, box.y1))), row.box, row.height, 1, 1)
    page = np.asarray(scanned(sheet.image, seed=1).convert("L"))
    return list(digits_seen(page, [row, *lines], [Run(row.words, row.height)]))


@pytest.mark.parametrize("body", ["Regular", "Italic"])
def test_a_typed_number_is_like_the_digits_of_the_body_be_these_upright_or_in_italics(body: str) -> None:
    (seen,) = _seen("1520", by_hand=False, body=body)
    assert (seen.digits, seen.compared) == ("1520", 4)
    assert seen.likeness >= 0.79


def test_a_number_by_pen_is_unlike_them() -> None:
    assert all(seen.likeness < 0.62 for seen in _seen("1520", by_hand=True))


def test_digits_that_the_page_has_nowhere_else_are_not_compared() -> None:
    (seen,) = _seen("17", by_hand=False)
    assert seen.compared == 1
