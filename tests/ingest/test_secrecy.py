"""Stamps of secrecy are seen on the image, those of urgency are not taken for them."""

from functools import cache
from typing import Literal

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ingest.ocr.engine import OcrEngine, open_engine
from ingest.secrecy import names_secrecy, secrecy_mark
from samples.drawing import FONT_FOLDER
from schemas.pages import ReadingOptions

Colours = Literal["colour", "grey", "bilevel"]

WIDTH_MM = {"MẬT": 20, "TỐI MẬT": 30, "TUYỆT MẬT": 40, "KHẨN": 20, "HỎA TỐC": 30, "THƯỢNG KHẨN": 40}
SECRET = ("MẬT", "TỐI MẬT", "TUYỆT MẬT")
URGENT = ("KHẨN", "HỎA TỐC", "THƯỢNG KHẨN")
RED = (205, 30, 40)
PROSE = "Căn cứ Luật Tổ chức chính quyền địa phương và xét đề nghị của Giám đốc Sở Nội vụ về việc ban hành kế hoạch "


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    return open_engine(ReadingOptions())


def face(name: str, points: float, dpi: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FOLDER / f"{name}.ttf"), round(points * dpi / 72))


@cache
def prose(dpi: int) -> Image.Image:
    """The upper half of a page of text."""
    mm = dpi / 25.4
    page = Image.new("RGB", (round(210 * mm), round(150 * mm)), "white")
    draw = ImageDraw.Draw(page)
    for row in range(12):
        at = (30 * mm, (75 + row * 6.5) * mm)
        draw.text(at, (PROSE * 3)[row * 5 : row * 5 + 72], font=face("Tinos-Regular", 13, dpi), fill=(20, 20, 20))
    return page


def stamp(text: str, dpi: int, *, double: bool, name: str) -> Image.Image:
    """How much ink lies where, as NĐ 30/2020 draws it; four times as fine and then brought down."""
    mm = 4 * dpi / 25.4
    width = WIDTH_MM[text]
    drawn = Image.new("L", (round((width + 4) * mm), round(12 * mm)), 0)
    draw = ImageDraw.Draw(drawn)
    draw.rectangle((2 * mm, 2 * mm, (width + 2) * mm, 10 * mm), outline=255, width=round(0.6 * mm))
    if double:
        inner = (3.2 * mm, 3.2 * mm, (width + 0.8) * mm, 8.8 * mm)
        draw.rectangle(inner, outline=255, width=round(0.35 * mm))
    points = next(p for p in (13, 12, 11, 10, 9) if face(name, p, 4 * dpi).getlength(text) < (width - 5) * mm)
    middle = ((width / 2 + 2) * mm, 6 * mm)
    draw.text(middle, text, font=face(name, points, 4 * dpi), fill=255, anchor="mm")
    return drawn.resize((drawn.width // 4, drawn.height // 4), Image.Resampling.LANCZOS)


def scan(
    text: str, dpi: int = 200, angle: float = 0.0, colours: Colours = "colour", *,
    strength: float = 1.0, over_text: bool = False, name: str = "Tinos-Bold", turned: bool = False,
) -> np.ndarray:  # fmt: skip
    """A stamped page as a scanner delivers it; *strength* is how much ink the stamp left."""
    mark = stamp(text, dpi, double=text in SECRET, name=name).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    page = np.asarray(prose(dpi), np.float32).copy()
    top, left = round((80 if over_text else 50) * dpi / 25.4), round(32 * dpi / 25.4)
    ink = np.asarray(mark, np.float32)[:, :, None] / 255 * strength
    under = page[top : top + mark.height, left : left + mark.width]
    under *= 1 - ink + ink * np.array(RED, np.float32) / 255
    page -= np.random.default_rng(dpi).integers(0, 16, page.shape[:2])[:, :, None]
    seen = np.clip(page, 0, 255).astype(np.uint8)[:, :, ::-1]
    if turned:
        seen = seen[::-1, ::-1]
    seen = np.ascontiguousarray(seen)
    if colours == "colour":
        return seen
    grey = cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY)
    return np.asarray(grey if colours == "grey" else np.where(grey > 150, 255, 0), np.uint8)


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("colours", ["colour", "grey", "bilevel"])
@pytest.mark.parametrize(("dpi", "angle"), [(150, 3.0), (200, -10.0), (400, 8.0)])
def test_every_degree_is_seen(text: str, colours: Colours, dpi: int, angle: float, engine: OcrEngine) -> None:
    name = "Arimo-Bold" if angle > 0 else "Tinos-Bold"
    mark = secrecy_mark(scan(text, dpi, angle, colours, name=name), dpi, engine)
    assert mark is not None
    assert mark.box.x0 < 42 / 210 < mark.box.x1
    assert mark.box.y0 < 56 / 150 < mark.box.y1


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize(("colours", "strength"), [("colour", 0.3), ("grey", 0.35), ("bilevel", 0.75)])
def test_a_faded_stamp_is_seen(text: str, colours: Colours, strength: float, engine: OcrEngine) -> None:
    assert secrecy_mark(scan(text, 200, -4, colours, strength=strength), 200, engine) is not None


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("colours", ["colour", "grey", "bilevel"])
def test_a_stamp_over_text_is_seen(text: str, colours: Colours, engine: OcrEngine) -> None:
    assert secrecy_mark(scan(text, 200, 5, colours, over_text=True), 200, engine) is not None


def test_a_stamp_on_a_page_upside_down_is_seen(engine: OcrEngine) -> None:
    assert secrecy_mark(scan("TỐI MẬT", angle=2, turned=True), 200, engine) is not None


@pytest.mark.parametrize("text", URGENT)
@pytest.mark.parametrize("colours", ["colour", "grey", "bilevel"])
@pytest.mark.parametrize("over_text", [False, True])
def test_a_stamp_of_urgency_is_none_of_secrecy(text: str, colours: Colours, over_text: bool, engine: OcrEngine) -> None:
    assert secrecy_mark(scan(text, 200, -6, colours, over_text=over_text), 200, engine) is None


def test_a_page_without_stamps_bears_none(engine: OcrEngine) -> None:
    plain = np.ascontiguousarray(np.asarray(prose(200), np.uint8)[:, :, ::-1])
    assert secrecy_mark(plain, 200, engine) is None


def test_a_table_bears_no_stamp(engine: OcrEngine) -> None:
    page = np.full((1650, 1650), 255, np.uint8)
    for row in range(12):
        for column in range(5):
            x, y = 100 + column * 236, 100 + row * 63  # 30 × 8 mm at 200 dpi
            cv2.rectangle(page, (x, y), (x + 236, y + 63), 0, 3)
    assert secrecy_mark(page, 200, engine) is None


def test_a_degree_read_as_a_line_of_text_is_seen() -> None:
    assert names_secrecy(["ỦY BAN NHÂN DÂN", "TỐI MẬT", "Số: 12/QĐ-UBND"])
    assert names_secrecy(["MẬT"])
    assert not names_secrecy(
        ["KHẨN", "HỎA TỐC", "GIẢI MẬT", "Bảo mật", "MẬT ONG RỪNG U MINH", "QUYẾT ĐỊNH", "BÍ MẬT NHÀ NƯỚC"]
    )
