"""The page's colours and structure as WCAG 2.2 AA asks: 1.4.3 contrast, 1.3.1 headings and tables, 3.1.1 language."""

import re
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise, product

import pytest

from reports.page import render_html
from reports.progress import Progress, progress
from schemas.units import DayCount, Level, Unit
from tests.reports.test_forms import TARGETS

DAY = date(2023, 9, 15)
TEXT, LARGE_OR_GRAPHIC = 4.5, 3.0
GROUNDS = ("#ffffff", "#f3f5f7")
"""The page's own ground and that of table heads (``--band``)."""


@pytest.fixture(scope="module")
def page() -> str:
    units = [Unit("H29.1", "Sở Xây dựng", Level.DEPARTMENT), Unit("760", "Quận 1", Level.DISTRICT)]
    report: Progress = progress(DAY, units, TARGETS, [DayCount("H29.1", DAY, 10, 6), DayCount("760", DAY, 9, 1)])
    return render_html(report).decode()


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's ratio of two colours ``#rrggbb``: 1 for the same, 21 for black on white."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colours(page: str) -> dict[str, str]:
    """The colours that the page gives names to, each with six digits."""
    found = re.findall(r"--(\w+): #([0-9a-f]{3,6});", page)
    return {
        name: "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits)) for name, digits in found
    }


def test_the_ratio_is_that_of_the_standard() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48  # the standard's own example of a near miss


def test_all_text_stands_out_from_its_ground(page: str) -> None:
    named = colours(page)
    assert named["band"] == GROUNDS[1]
    used = {named[name] for name in re.findall(r"(?<![-\w])color: var\(--(\w+)\)", page)}
    used |= set(re.findall(r"(?<![-\w])color: (#[0-9a-f]{6})", page))
    assert len(used) >= 4
    assert {(ink, ground) for ink, ground in product(used, GROUNDS) if contrast(ink, ground) < TEXT} == set()


def test_what_the_pictures_draw_stands_out_from_the_paper(page: str) -> None:
    named = colours(page)
    drawing = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    inks = set(re.findall(r"(?:fill|stroke)=\"(#[0-9a-f]{6})\"", drawing))
    inks |= {named[name] for name in re.findall(r"(?:fill|stroke)=\"var\(--(\w+)\)", drawing)}
    assert inks
    # What carries a meaning: a track behind a bar and rules are ornament.
    assert sum(contrast(ink, GROUNDS[0]) >= LARGE_OR_GRAPHIC for ink in inks) >= 2


class Structure(HTMLParser):
    """The elements of a page with their attributes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_language_landmarks_headings_and_tables_can_be_told_without_seeing(page: str) -> None:
    seen = Structure()
    seen.feed(page)
    assert [one["lang"] for one in seen.of("html")] == ["en"]
    assert len(seen.of("main")) == len(seen.of("h1")) == len(seen.of("title")) == 1
    levels = [int(tag[1]) for tag, _attributes in seen.elements if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = {one.get("id") for _tag, one in seen.elements}
    named = [one["aria-labelledby"] for one in seen.of("table") if "aria-labelledby" in one]
    assert set(named) <= ids
    assert len(seen.of("caption")) + len(named) == len(seen.of("table")) > 0
    assert all(one.get("scope") in ("col", "row", "colgroup", "rowgroup") for one in seen.of("th"))
    assert all((one.get("role") == "img" and one.get("aria-label")) or one.get("aria-hidden") for one in seen.of("svg"))
    assert "width=device-width" in page
    assert "maximum-scale" not in page  # 1.4.4: a reader may enlarge it
