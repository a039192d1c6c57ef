"""Codes are looked for where a page is dense: every code lies there, and little of a page of text."""

from typing import Literal

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image

from ingest.dense import dense_parts
from ingest.images import Grey
from ingest.reading import codes_on
from samples.stamps import Stamping, stamped_page

TEXTS = {
    "QRCode": "000.00.17.H29-230815-0001234", "DataMatrix": "H29-230815-0001", "Code128": "H29.17-230815-0001",
    "Code39": "H29-230815", "EAN13": "8934974170617",
}  # fmt: skip
Worn = Literal["whole", "faded", "faint", "thin", "thick", "black and white", "on grey paper", "stamped over"]
WAYS: tuple[Worn, ...] = (
    "whole", "faded", "faint", "thin", "thick", "black and white", "on grey paper", "stamped over"
)  # fmt: skip
MIDDLE_MM = (105, 70)


def coded(kind: str, dpi: int, high_mm: float, skew_deg: float, worn: Worn) -> tuple[Grey, tuple[float, float]]:
    """The upper half of A4 with a code in its middle, worn as told; and the code's sides in pixels."""
    mm = dpi / 25.4
    drawn = np.asarray(zxingcpp.write_barcode_to_image(_code(kind), scale=1), np.uint8)
    ys, xs = np.nonzero(drawn == 0)
    drawn = drawn[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    bars = kind not in ("QRCode", "DataMatrix")
    wide, high = (round(drawn.shape[1] * 0.5 * mm) if bars else round(high_mm * mm)), round(high_mm * mm)
    code = Image.fromarray(drawn[:1] if bars else drawn).resize((4 * wide, 4 * high), Image.Resampling.NEAREST)
    page = np.full((round(148 * mm), round(210 * mm)), 255, np.uint8)
    left, top = round(MIDDLE_MM[0] * mm - wide / 2), round(MIDDLE_MM[1] * mm - high / 2)
    page[top : top + high, left : left + wide] = np.asarray(code.resize((wide, high), Image.Resampling.BOX))
    turn = cv2.getRotationMatrix2D((MIDDLE_MM[0] * mm, MIDDLE_MM[1] * mm), skew_deg, 1)
    page = np.asarray(cv2.warpAffine(page, turn, page.shape[::-1], borderValue=(255,)), np.uint8)
    return _worn(page, worn, mm), (wide, high)


def _code(kind: str) -> zxingcpp.Barcode:
    return zxingcpp.create_barcode(TEXTS[kind], getattr(zxingcpp.BarcodeFormat, kind))


def _worn(page: Grey, worn: Worn, mm: float) -> Grey:
    match worn:
        case "faded" | "faint":
            return (255 - (255 - page) * (0.4 if worn == "faded" else 0.2)).astype(np.uint8)
        case "thin":
            return np.asarray(cv2.addWeighted(page, 0.5, cv2.dilate(page, np.ones((2, 2), np.uint8)), 0.5, 0), np.uint8)
        case "thick":
            return np.asarray(cv2.erode(page, np.ones((2, 2), np.uint8)), np.uint8)
        case "black and white":
            return np.where(page > 128, 255, 0).astype(np.uint8)
        case "on grey paper":
            return (page * 0.6 + 90).astype(np.uint8)
        case "stamped over":
            middle = (round(MIDDLE_MM[0] * mm), round(MIDDLE_MM[1] * mm))
            return np.asarray(cv2.circle(page.copy(), middle, round(12 * mm), (60,), round(1.2 * mm)), np.uint8)
        case "whole":
            return page


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("worn", WAYS)
@pytest.mark.parametrize("dpi", [150, 200, 300, 400])
def test_a_code_lies_within_a_dense_part(kind: str, worn: Worn, dpi: int) -> None:
    for high_mm in (5.0, 15.0):
        for skew_deg in (0.0, -7.0, 20.0, 90.0):
            page, (wide, high) = coded(kind, dpi, high_mm, skew_deg, worn)
            slope = np.radians(skew_deg)
            half_x = (wide * abs(np.cos(slope)) + high * abs(np.sin(slope))) / 2
            half_y = (wide * abs(np.sin(slope)) + high * abs(np.cos(slope))) / 2
            x, y = (middle * dpi / 25.4 for middle in MIDDLE_MM)
            assert any(
                columns.start < x - half_x and x + half_x < columns.stop and rows.start < y - half_y
                and y + half_y < rows.stop for rows, columns in dense_parts(page, dpi)
            ), (high_mm, skew_deg)  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("skew_deg", [0.0, 90.0, 182.0])
@pytest.mark.parametrize("dpi", [200, 300])
def test_a_code_is_read_and_placed_as_on_the_whole_page(kind: str, skew_deg: float, dpi: int) -> None:
    page, _sides = coded(kind, dpi, 20.0, skew_deg, "whole")
    [there], [everywhere] = codes_on(page, dpi), codes_on(page, dpi, thoroughly=True)
    assert (there.text, there.symbology) == (TEXTS[kind], everywhere.symbology)
    assert there.box.overlap(everywhere.box) > 0.8 * max(box.width * box.height for box in (there.box, everywhere.box))


def test_codes_come_from_the_top_down_each_once() -> None:
    page, _sides = coded("QRCode", 200, 20.0, 0.0, "whole")
    above, _sides = coded("DataMatrix", 200, 12.0, 0.0, "whole")
    below, _sides = coded("Code128", 200, 12.0, 0.0, "whole")
    found = codes_on(np.concatenate([page, below, above]), 200)
    assert [code.text for code in found] == [TEXTS[kind] for kind in ("QRCode", "Code128", "DataMatrix")]


@pytest.mark.parametrize("dpi", [150, 200, 300])
def test_little_of_a_page_of_text_is_dense(dpi: int) -> None:
    page = stamped_page(Stamping("MẬT", dpi, strength=0.0, colours="grey"))
    parts = dense_parts(page, dpi)
    assert sum((r.stop - r.start) * (c.stop - c.start) for r, c in parts) < 0.05 * page.size


def test_a_white_page_has_no_dense_part() -> None:
    assert dense_parts(np.full((2339, 1654), 255, np.uint8), 200) == []
