"""Where a signature's text stands on page 1: free paper near its place, never over print. Pure geometry.

Points, origin at the top left of the page as displayed, y downwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.pages import Box

EDGE = 6.0
"""Printers leave the outermost 2 mm blank."""
GAP = 2.0
"""Between the text and print."""
MARGIN = 28.0
"""From the sheet's side, where there is room: 1 cm."""
TOP = 14.0
HEAD = 1 / 3
"""The share of the page that is still its top."""


class Corner(StrEnum):
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Rect:
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    def touches(self, other: "Rect") -> bool:
        """Less than ``GAP`` lies between them."""
        return (
            self.x0 < other.x1 + GAP
            and other.x0 < self.x1 + GAP
            and self.y0 < other.y1 + GAP
            and other.y0 < self.y1 + GAP
        )

    def lowered(self, by: float) -> "Rect":
        return Rect(self.x0, self.y0 + by, self.x1, self.y1 + by)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text of this size, in that corner."""

    width: float
    height: float
    corner: Corner


@dataclass(frozen=True, slots=True)
class Places:
    """A rectangle for each text, in their order, on a page that grew at its top by ``added`` points."""

    rects: tuple[Rect, ...]
    added: float


def place(wanted: Sequence[Wanted], width: float, height: float, occupied: Sequence[Box]) -> Places:
    """Places that touch neither *occupied* (page fractions) nor each other.

    Tried in this order: the nearest free paper in the corner's own half of the top third, then in the top third, then
    on the page. Where a page is printed full, a strip of empty paper is added above it instead.
    """
    print_ = [Rect(b.x0 * width, b.y0 * height, b.x1 * width, b.y1 * height) for b in occupied]
    rects = _placed(wanted, width, height, print_)
    if rects is not None:
        return Places(rects, 0.0)
    added = sum(text.height + GAP for text in wanted) + 2 * EDGE
    page = Rect(0, added, width, height + added)  # all of the old page is taken
    in_strip = _placed(wanted, width, height + added, [page])
    assert in_strip is not None
    return Places(in_strip, added)


def _placed(wanted: Sequence[Wanted], width: float, height: float, taken: Sequence[Rect]) -> tuple[Rect, ...] | None:
    rects: list[Rect] = []
    for text in wanted:
        found = _nearest_free(text, width, height, [*taken, *rects])
        if found is None:
            return None
        rects.append(found)
    return tuple(rects)


def _nearest_free(text: Wanted, width: float, height: float, taken: Sequence[Rect]) -> Rect | None:
    middle = width / 2
    own = (EDGE, middle) if text.corner is Corner.LEFT else (middle, width - EDGE)
    for (x0, x1), bottom in (
        (own, height * HEAD),
        ((EDGE, width - EDGE), height * HEAD),
        ((EDGE, width - EDGE), height - EDGE),
    ):
        found = _nearest_free_in(Rect(x0, EDGE, x1, bottom), text, width, taken)
        if found is not None:
            return found
    return None


def _nearest_free_in(area: Rect, text: Wanted, width: float, taken: Sequence[Rect]) -> Rect | None:
    """The free place nearest to the corner: the nearest one lies at the corner's own place or against something."""
    home = MARGIN if text.corner is Corner.LEFT else width - MARGIN - text.width
    near = [rect for rect in taken if rect.touches(area)]
    xs = {home, area.x0, area.x1 - text.width}
    ys = {TOP, area.y0}
    for rect in near:
        xs |= {rect.x1 + GAP, rect.x0 - GAP - text.width}
        ys |= {rect.y1 + GAP, rect.y0 - GAP - text.height}
    places = [
        Rect(x, y, x + text.width, y + text.height)
        for x in xs
        for y in ys
        if x >= area.x0 - 1e-6 and x + text.width <= area.x1 + 1e-6
        if y >= area.y0 - 1e-6 and y + text.height <= area.y1 + 1e-6
    ]
    places.sort(key=lambda place: (abs(place.x0 - home) + abs(place.y0 - TOP), place.y0, place.x0))
    return next(_free(places, near), None)


def _free(places: Sequence[Rect], taken: Sequence[Rect]) -> Iterator[Rect]:
    for place_ in places:
        # a place put exactly GAP away must not be refused for a rounding error
        inner = Rect(place_.x0 + 1e-6, place_.y0 + 1e-6, place_.x1 - 1e-6, place_.y1 - 1e-6)
        if not any(inner.touches(rect) for rect in taken):
            yield place_
