"""Pages with a drawn stamp of secrecy or urgency, as scanners deliver them: to see which are found.

Sizes, letters and frames are those of NĐ 30/2020, Phụ lục I: secrecy in a double frame, urgency in a single one. The
papers say nothing that is secret.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samples.drawing import FONT_FOLDER

Colours = Literal["colour", "grey", "bilevel"]

WIDTH_MM = {"MẬT": 20, "TỐI MẬT": 30, "TUYỆT MẬT": 40, "KHẨN": 20, "HỎA TỐC": 30, "THƯỢNG KHẨN": 40, "GIẢI MẬT": 30}
HEIGHT_MM = 8
SECRET = ("MẬT", "TỐI MẬT", "TUYỆT MẬT")
NOT_SECRET = ("KHẨN", "HỎA TỐC", "THƯỢNG KHẨN", "GIẢI MẬT")
RED = (205, 30, 40)
THRESHOLD = 150
"""Grey below it is black in a scan without greys."""
PROSE = "Căn cứ Luật Tổ chức chính quyền địa phương và xét đề nghị của Giám đốc Sở Nội vụ về việc ban hành kế hoạch "


@dataclass(frozen=True, slots=True)
class Stamping:
    """How a stamp came onto its page, and the page through the scanner."""

    text: str
    dpi: int = 200
    slope_deg: float = 0.0
    """Counter-clockwise."""
    colours: Colours = "colour"
    strength: float = 1.0
    """How much ink the stamp left."""
    patches: float = 0.0
    """The share of the stamp that left none, in patches of some millimetres, as worn rubber leaves them."""
    over_text: bool = False
    font: str = "Tinos-Bold"
    upside_down: bool = False
    seed: int = 0


def stamped_page(stamping: Stamping) -> NDArray[np.uint8]:
    """The upper half of the page, blue, green, red; grey or black and white in one channel. The stamp's middle stands
    near 32 mm + half its width from the left, and 54 mm from the top, over text 84 mm."""
    page = np.asarray(_prose(stamping.dpi), np.float32).copy()
    pressed(page, stamping, 32, 80 if stamping.over_text else 50)
    rng = np.random.default_rng(stamping.seed + stamping.dpi)
    page -= rng.integers(0, 16, page.shape[:2])[:, :, None]
    seen = np.clip(page, 0, 255).astype(np.uint8)[:, :, ::-1]
    seen = np.ascontiguousarray(seen[::-1, ::-1] if stamping.upside_down else seen)
    if stamping.colours == "colour":
        return seen
    grey = cv2.cvtColor(seen, cv2.COLOR_BGR2GRAY)
    return np.asarray(grey if stamping.colours == "grey" else np.where(grey > THRESHOLD, 255, 0), np.uint8)


def pressed(page: NDArray[np.float32], stamping: Stamping, left_mm: float, top_mm: float) -> None:
    """Press the stamp onto *page* (red, green, blue; 0 to 255), in place."""
    mark = _stamp(stamping).rotate(stamping.slope_deg, Image.Resampling.BICUBIC, expand=True)
    left, top = round(left_mm * stamping.dpi / 25.4), round(top_mm * stamping.dpi / 25.4)
    worn = _worn(mark.size, stamping, np.random.default_rng(stamping.seed))
    ink = (np.asarray(mark, np.float32) / 255 * stamping.strength * worn)[:, :, None]
    under = page[top : top + mark.height, left : left + mark.width]
    under *= 1 - ink + ink * np.array(RED, np.float32) / 255


@cache
def _prose(dpi: int) -> Image.Image:
    mm = dpi / 25.4
    page = Image.new("RGB", (round(210 * mm), round(150 * mm)), "white")
    draw = ImageDraw.Draw(page)
    for row in range(12):
        at = (30 * mm, (75 + row * 6.5) * mm)
        draw.text(at, (PROSE * 3)[row * 5 : row * 5 + 72], font=_face("Tinos-Regular", 13, dpi), fill=(20, 20, 20))
    return page


def _stamp(stamping: Stamping) -> Image.Image:
    """How much ink lies where; drawn four times as fine and then brought down."""
    fine = 4 * stamping.dpi
    mm = fine / 25.4
    text, width = stamping.text, WIDTH_MM[stamping.text]
    drawn = Image.new("L", (round((width + 4) * mm), round((HEIGHT_MM + 4) * mm)), 0)
    draw = ImageDraw.Draw(drawn)
    draw.rectangle((2 * mm, 2 * mm, (width + 2) * mm, 10 * mm), outline=255, width=round(0.6 * mm))
    if text in SECRET:
        inner = (3.2 * mm, 3.2 * mm, (width + 0.8) * mm, 8.8 * mm)
        draw.rectangle(inner, outline=255, width=round(0.35 * mm))
    face = stamping.font
    points = next(p for p in (13, 12, 11, 10, 9) if _face(face, p, fine).getlength(text) < (width - 5) * mm)
    draw.text(((width / 2 + 2) * mm, 6 * mm), text, font=_face(face, points, fine), fill=255, anchor="mm")
    return drawn.resize((drawn.width // 4, drawn.height // 4), Image.Resampling.LANCZOS)


def _worn(size: tuple[int, int], stamping: Stamping, rng: np.random.Generator) -> NDArray[np.float32]:
    """1 where the stamp left its ink, 0 in the patches where it left none."""
    if not stamping.patches:
        return np.ones(size[::-1], np.float32)
    mm = stamping.dpi / 25.4
    cells = (math.ceil(size[0] / mm / 1.5), math.ceil(size[1] / mm / 1.5))
    rough = rng.random(cells[::-1], np.float32)
    smooth = cv2.resize(rough, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth > np.quantile(smooth, stamping.patches), np.float32)


@cache
def _face(name: str, points: float, dpi: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT_FOLDER / f"{name}.ttf"), round(points * dpi / 72))
