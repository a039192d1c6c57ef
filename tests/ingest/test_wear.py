"""Pages are worn alike by the same seed, keep their size, and stay legible to a person."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from samples import wear
from samples.drawing import Sheet

DPI = 100


def printed() -> Image.Image:
    sheet = Sheet(DPI)
    for line in range(20):
        sheet.text(30, 40 + 8 * line, "Căn cứ Luật Tổ chức chính quyền địa phương", 13)
    return sheet.image


WEARINGS: dict[str, Callable[[Image.Image, int], Image.Image]] = {
    "sealed": lambda page, seed: wear.sealed(page, DPI, seed),
    "arrived": lambda page, seed: wear.arrived(page, DPI, seed),
    "scribbled": lambda page, seed: wear.scribbled(page, DPI, seed),
    "creased": lambda page, seed: wear.creased(page, DPI, seed),
    "shown through": lambda page, _seed: wear.shown_through(page, printed().rotate(180)),
    "on paper": lambda page, seed: wear.on_paper(page, (170, 165, 150), seed),
    "punched": lambda page, seed: wear.punched(page, DPI, seed),
    "faint": lambda page, seed: wear.faint(page, 0.4, seed),
    "lit unevenly": lambda page, _seed: wear.lit_unevenly(page),
    "photocopied": lambda page, seed: wear.photocopied(page, DPI, seed),
}


@pytest.mark.parametrize("name", WEARINGS)
def test_wear_changes_a_page_and_the_same_seed_gives_the_same(name: str) -> None:
    page = printed()
    worn = WEARINGS[name](page, 3)
    assert worn.size == page.size
    assert worn.mode == "RGB"
    assert worn.tobytes() == WEARINGS[name](page, 3).tobytes()
    changed = np.abs(np.asarray(worn, np.int16) - np.asarray(page, np.int16)).max(axis=2)
    assert np.count_nonzero(changed > 20) > 200


@pytest.mark.parametrize("name", WEARINGS)
def test_print_stays_darker_than_the_paper_around_it(name: str) -> None:
    page = printed()
    grey = np.asarray(page.convert("L"))
    worn = np.asarray(WEARINGS[name](page, 3).convert("L"), np.float32)
    assert np.median(worn[grey < 60]) < np.median(worn[grey > 250]) - 30
