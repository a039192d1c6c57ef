"""A drawing or a photograph that was scanned twice looks the same; others look otherwise."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from archive.looks import LOWEST, look_alike, look_marks, signs_of
from ingest import images
from ingest.look import look_of
from ingest.reading import read_page
from samples.pictures import DPI, laid_again, photograph, plan
from schemas.pages import PageImage, ReadingOptions

Draws = Callable[[int], Image.Image]


def seen(page: Image.Image) -> str:
    grey = images.resized(np.asarray(page.convert("L")), images.SKEW_DPI / DPI)
    return look_of(grey, images.solid_black(grey, images.SKEW_DPI))


def share(one: str, other: str) -> int:
    """How many runs they are found by, when *other* is looked for."""
    return len(set(look_marks([one])) & set(look_marks([other], turned=True)))


@pytest.mark.parametrize("draw", [plan, photograph])
@pytest.mark.parametrize("quarters", range(4))
def test_a_page_scanned_again_looks_the_same_however_it_lay(draw: Draws, quarters: int) -> None:
    for seed in range(8):
        again = laid_again(draw(seed), seed).rotate(90 * quarters, expand=True)
        assert look_alike([seen(draw(seed))], [seen(again)]), seed
        assert share(seen(draw(seed)), seen(again)) > 0, seed


@pytest.mark.parametrize("draw", [plan, photograph])
def test_another_page_looks_otherwise_in_the_same_frame_too(draw: Draws) -> None:
    looks = [seen(draw(seed)) for seed in range(20)]
    for seed in range(20):
        again = seen(laid_again(draw(seed), seed))
        assert [n for n, look in enumerate(looks) if look_alike([look], [again])] == [seed]


def test_the_scanners_lid_beside_the_paper_is_no_part_of_its_look() -> None:
    with_lid = plan(3).copy()
    ImageDraw.Draw(with_lid).rectangle((with_lid.width - 25, 0, with_lid.width, with_lid.height), fill="black")
    assert look_alike([seen(plan(3))], [seen(with_lid)])


def test_empty_paper_has_no_look_and_is_like_none() -> None:
    empty = seen(Image.new("RGB", (827, 1169), "white"))
    assert empty == ""
    assert not look_alike([empty], [empty])
    assert look_marks([empty], turned=True) == ()


def test_papers_of_as_many_pages_are_compared_page_by_page() -> None:
    first, second = seen(plan(1)), seen(plan(2))
    assert look_alike([first, second], [first, second])
    assert not look_alike([first, second], [second, first])
    assert not look_alike([first], [first, second])
    assert not look_alike([first, ""], [first, second])


def test_a_look_is_sixteen_rows_of_signs() -> None:
    signs = signs_of(f"{1 << 255 | 1:064x}")
    assert (signs[0][0], signs[15][15], sum(map(sum, signs)), len(LOWEST)) == (True, True, 2, 150)


def folded(page: Image.Image) -> Image.Image:
    """The page with a fold each way, a streak of the scanner and the shadow of a corner."""
    worn, (width, height) = page.copy(), page.size
    draw = ImageDraw.Draw(worn)
    for ends in (
        (0, height // 2, width, height // 2 + 12), (width // 2, 0, width // 2 - 9, height), (200, 0, 200, height),
        (0, 120, 120, 0),
    ):  # fmt: skip
        draw.line(ends, fill=120, width=3)
    return worn


def is_blank(page: Image.Image) -> bool:
    ink = images.ink_mask(np.asarray(page.convert("L")))
    return images.is_blank(ink, images.letters_of(ink, DPI / images.MM_PER_INCH), DPI)


@pytest.mark.parametrize("draw", [plan, photograph])
def test_a_page_that_is_only_drawn_on_is_not_blank(draw: Draws) -> None:
    assert [is_blank(draw(seed)) for seed in range(8)] == [False] * 8


def test_a_small_sketch_is_not_blank_and_folds_streaks_and_shadows_are() -> None:
    empty = Image.new("RGB", (827, 1169), "white")
    assert is_blank(empty)
    assert is_blank(folded(empty))
    ImageDraw.Draw(empty).polygon(((300, 300), (500, 320), (430, 520)), outline="black", width=3)
    assert not is_blank(empty)


def test_only_a_page_that_says_little_is_given_a_look() -> None:
    def read(page: Image.Image) -> str:
        packed = io.BytesIO()
        page.save(packed, "PNG")
        return read_page(PageImage(1, packed.getvalue(), *page.size, DPI), ReadingOptions(fast=True)).look

    written = Image.new("RGB", (827, 1169), "white")
    draw = ImageDraw.Draw(written)
    for row in range(20):
        draw.text((80, 100 + 40 * row), "what is written here says enough by itself", fill="black", font_size=24)
    assert read(written) == ""
    assert look_alike([read(plan(1))], [seen(plan(1))])
