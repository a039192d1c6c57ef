"""The rules of tables go before a page is read; all else stays."""

import numpy as np
from PIL import Image, ImageDraw

from ingest.images import Grey
from ingest.rules import without_rules
from samples.drawing import Sheet

DPI = 150


def page(*, table: bool, text: str = "Bộ phận một cửa") -> Grey:
    sheet = Sheet(DPI)
    for row in range(4):
        for column in range(3):
            sheet.text(32 + 50 * column, 60 + 20 * row, text, 13)
    sheet.rule(60, 120, 45)
    if table:
        for row in range(5):
            sheet.rule(30, 180, 50 + 20 * row)
        for column in range(4):
            x = sheet.px(30 + 50 * column)
            sheet.draw.line([(x, sheet.px(50)), (x, sheet.px(130))], fill=(20, 20, 20), width=2)
    return np.asarray(sheet.image.convert("L"))


def test_a_table_loses_its_rules_and_no_letter() -> None:
    clean = without_rules(page(table=True), DPI)
    letters = page(table=False)
    assert np.count_nonzero((clean < 128) & (letters > 200)) < 100, "of 20,000 points of rules"
    assert np.count_nonzero((clean > 200) & (letters < 128)) < 0.01 * np.count_nonzero(letters < 128)


def test_a_page_without_a_table_keeps_its_lines() -> None:
    plain = page(table=False)
    assert without_rules(plain, DPI) is plain


def test_a_letter_that_crosses_a_rule_stays_whole() -> None:
    image = Image.fromarray(page(table=True, text=""))
    draw = ImageDraw.Draw(image)
    rule = round(70 * DPI / 25.4)
    for x in range(250, 700, 90):
        draw.line([(x, rule - 14), (x, rule + 14)], fill=0, width=3)
    clean = without_rules(np.asarray(image), DPI)
    for x in range(250, 700, 90):
        assert (clean[rule - 12 : rule + 12, x] < 128).all()


def test_bold_capitals_are_no_rules() -> None:
    sheet = Sheet(DPI)
    for row in range(20):
        sheet.text(25, 40 + 9 * row, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM ----------", 14, "Bold")
    dense = np.asarray(sheet.image.convert("L"))
    assert without_rules(dense, DPI) is dense


def test_lines_that_do_not_meet_are_no_table() -> None:
    sheet = Sheet(DPI)
    for place in (45, 90, 200):
        sheet.rule(60, 120, place)
    for x in (3, 150, 207):
        sheet.draw.line([(sheet.px(x), sheet.px(210)), (sheet.px(x), sheet.px(290))], fill=(20, 20, 20), width=3)
    lined = np.asarray(sheet.image.convert("L"))
    assert without_rules(lined, DPI) is lined


def test_the_underline_of_a_heading_beside_a_table_stays() -> None:
    clean = without_rules(page(table=True), DPI)
    rows = slice(round(44 * DPI / 25.4), round(46 * DPI / 25.4))
    assert np.count_nonzero(clean[rows] < 128) > 300
