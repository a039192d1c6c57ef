"""Stamps of secrecy are seen on the image, those of urgency are not taken for them."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from ingest.ocr.engine import OcrEngine, open_engine
from ingest.secrecy import Stamp, names_secrecy, secrecy_mark
from samples.stamps import NOT_SECRET, SECRET, Colours, Stamping, stamped_page
from schemas.pages import ReadingOptions

Seen = Callable[..., Stamp | None]


@pytest.fixture(scope="module")
def engine() -> OcrEngine:
    return open_engine(ReadingOptions())


@pytest.fixture(scope="module")
def seen(engine: OcrEngine) -> Seen:
    """What is seen of a stamp drawn as told."""

    def looked(text: str, **how: Any) -> Stamp | None:
        stamping = Stamping(text, **how)
        return secrecy_mark(stamped_page(stamping), stamping.dpi, engine)

    return looked


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("colours", ["colour", "grey", "bilevel"])
@pytest.mark.parametrize(("dpi", "slope_deg"), [(150, 3.0), (200, -10.0), (400, 8.0)])
def test_every_degree_is_seen(text: str, colours: Colours, dpi: int, slope_deg: float, seen: Seen) -> None:
    font = "Arimo-Bold" if slope_deg > 0 else "Tinos-Bold"
    mark = seen(text, dpi=dpi, slope_deg=slope_deg, colours=colours, font=font)
    assert mark is not None
    assert mark.box.x0 < 42 / 210 < mark.box.x1
    assert mark.box.y0 < 56 / 150 < mark.box.y1


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize(("colours", "strength"), [("colour", 0.3), ("grey", 0.35), ("bilevel", 0.65)])
def test_a_faded_stamp_is_seen(text: str, colours: Colours, strength: float, seen: Seen) -> None:
    assert seen(text, slope_deg=-4, colours=colours, strength=strength) is not None


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize("colours", ["colour", "grey", "bilevel"])
def test_a_stamp_with_patches_worn_off_is_seen(text: str, colours: Colours, seen: Seen) -> None:
    assert seen(text, slope_deg=2, colours=colours, patches=0.1) is not None


@pytest.mark.parametrize(
    "how",
    [
        {"text": "MẬT", "dpi": 150, "slope_deg": -10.0, "colours": "grey", "strength": 0.45, "patches": 0.1,
         "seed": 933108754},
        {"text": "TỐI MẬT", "dpi": 240, "slope_deg": 0.0, "colours": "colour", "patches": 0.15, "seed": 388136594},
        {"text": "TUYỆT MẬT", "dpi": 240, "slope_deg": 0.0, "colours": "colour", "patches": 0.15, "seed": 612235687},
    ],
)  # fmt: skip
def test_a_stamp_so_worn_that_none_of_its_sides_is_a_line_is_seen(how: dict[str, Any], seen: Seen) -> None:
    assert seen(**how) is not None


@pytest.mark.parametrize("text", SECRET)
@pytest.mark.parametrize(("colours", "strength"), [("colour", 0.5), ("grey", 0.5), ("bilevel", 0.8), ("bilevel", 1.0)])
def test_a_stamp_over_text_is_seen(text: str, colours: Colours, strength: float, seen: Seen) -> None:
    assert seen(text, slope_deg=5, colours=colours, strength=strength, over_text=True) is not None


def test_a_stamp_on_a_page_upside_down_is_seen(seen: Seen) -> None:
    assert seen("TỐI MẬT", slope_deg=2, upside_down=True) is not None


@pytest.mark.parametrize("text", NOT_SECRET)
@pytest.mark.parametrize("colours", ["colour", "grey", "bilevel"])
@pytest.mark.parametrize("over_text", [False, True])
def test_a_stamp_of_urgency_is_none_of_secrecy(text: str, colours: Colours, over_text: bool, seen: Seen) -> None:
    assert seen(text, slope_deg=-6, colours=colours, over_text=over_text) is None


def test_a_page_without_stamps_bears_none(engine: OcrEngine) -> None:
    plain = stamped_page(Stamping("MẬT", strength=0.0))
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
