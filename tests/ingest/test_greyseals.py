"""A seal on a scan without colour goes, for reading; print, figures and tables stay."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from ingest.greyseals import without_grey_seals
from ingest.images import Grey
from ingest.reading import read_page
from samples.drawing import Sheet, seal, stamp
from samples.scans import scanned
from tests.ingest.test_reading import CAREFUL, error_of, packed, text_page

PLACE = 700, 440


def sealed_page() -> Image.Image:
    page = text_page().copy()
    stamp(page, seal("ỦY BAN NHÂN DÂN HUYỆN", 200, np.random.default_rng(1)), *PLACE)
    return page


def as_grey(page: Image.Image) -> Grey:
    return np.asarray(page.convert("L"))


def test_a_grey_seal_goes_and_the_print_under_it_stays_black() -> None:
    bare, sealed = as_grey(text_page()), as_grey(sealed_page())
    cleaned = without_grey_seals(sealed, 200)
    ink = (bare > 250) & (sealed < 160)
    assert (cleaned[ink] > 200).mean() > 0.88
    assert (cleaned[bare < 30] < 100).mean() > 0.95
    beside = np.ones_like(bare, dtype=bool)
    side = round(36 / 25.4 * 200) + 20
    beside[PLACE[1] - 20 : PLACE[1] + side, PLACE[0] - 20 : PLACE[0] + side] = False
    assert np.array_equal(cleaned[beside], sealed[beside])


def test_text_under_a_grey_seal_is_read() -> None:
    page = scanned(sealed_page(), seed=2).convert("L")
    assert error_of(read_page(packed(page), CAREFUL)) < 0.03


@pytest.mark.parametrize("dpi", [150, 300])
def test_at_other_resolutions_too(dpi: int) -> None:
    factor = dpi / 200
    sealed = as_grey(scanned(sealed_page().resize([round(side * factor) for side in sealed_page().size])))
    bare = as_grey(scanned(text_page().resize([round(side * factor) for side in text_page().size])))
    cleaned = without_grey_seals(sealed, dpi)
    ink = (bare > 220) & (sealed < 160)
    assert (cleaned[ink] > 200).mean() > 0.9


def with_photograph(page: Image.Image) -> Image.Image:
    rng = np.random.default_rng(1)
    tones = cv2.resize(rng.uniform(40, 220, (12, 9)).astype(np.float32), (240, 320), interpolation=cv2.INTER_CUBIC)
    page.paste(Image.fromarray(np.clip(tones, 0, 255).astype(np.uint8)), (300, 1000))
    return page


def with_shaded_table(page: Image.Image) -> Image.Image:
    draw = ImageDraw.Draw(page)
    for row in range(4):
        draw.rectangle([200, 1200 + 120 * row, 1400, 1260 + 120 * row], fill=(150, 150, 150))
    return page


def faint(page: Image.Image) -> Image.Image:
    return page.point(lambda value: 255 - (255 - value) * 0.35)


def with_black_ring(page: Image.Image) -> Image.Image:
    ImageDraw.Draw(page).ellipse([700, 440, 984, 724], outline=(0, 0, 0), width=6)
    return page


@pytest.mark.parametrize("change", [with_photograph, with_shaded_table, faint, with_black_ring])
def test_what_is_no_grey_seal_is_left_as_it_is(change: Callable[[Image.Image], Image.Image]) -> None:
    page = as_grey(scanned(change(text_page().copy())))
    assert without_grey_seals(page, 200) is page


def test_an_empty_page_is_left_as_it_is() -> None:
    page = as_grey(scanned(Sheet(200).image))
    assert without_grey_seals(page, 200) is page
