"""Where a signature's text stands on page 1: free paper near its place, never over print. Pure geometry.

Points, origin at the top left of the page as displayed, y downwards.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import Box

Sheet = npt.NDArray[np.bool_]

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
    on the page. Where a page is printed full, a strip of empty paper is added above it instead. InputRejected for a
    page narrower than a text.
    """
    print_ = [Rect(b.x0 * width, b.y0 * height, b.x1 * width, b.y1 * height) for b in occupied]
    rects = _placed(wanted, width, height, print_)
    if rects is not None:
        return Places(rects, 0.0)
    added = sum(math.ceil(text.height) + 2 * GAP for text in wanted) + 2 * EDGE
    page = Rect(0, added, width, height + added)  # all of the old page is taken
    in_strip = _placed(wanted, width, height + added, [page])
    if in_strip is None:  # the strip is as high as all texts together, and as wide as the page
        raise InputRejected(
            _("a page {width:.0f} points wide is too narrow for the signatures' texts; scan it with its margins, or on "
              "a larger sheet").format(width=width)
        )  # fmt: skip
    return Places(in_strip, added)


def _placed(wanted: Sequence[Wanted], width: float, height: float, taken: Sequence[Rect]) -> tuple[Rect, ...] | None:
    rects: list[Rect] = []
    sheet = _sheet(width, height, taken)
    for text in wanted:
        found = _nearest_free(text, width, height, sheet)
        if found is None:
            return None
        rects.append(found)
        _mark(sheet, found)
    return tuple(rects)


def _sheet(width: float, height: float, taken: Sequence[Rect]) -> Sheet:
    """The page in squares of a point, True where print is or is near. However many boxes there are, a search takes
    the same few milliseconds."""
    sheet = np.zeros((math.ceil(height), math.ceil(width)), dtype=bool)
    for rect in taken:
        _mark(sheet, rect)
    return sheet


def _mark(sheet: Sheet, rect: Rect) -> None:
    top, left = max(math.floor(rect.y0 - GAP), 0), max(math.floor(rect.x0 - GAP), 0)
    sheet[top : max(math.ceil(rect.y1 + GAP), 0), left : max(math.ceil(rect.x1 + GAP), 0)] = True


def _nearest_free(text: Wanted, width: float, height: float, sheet: Sheet) -> Rect | None:
    middle = width / 2
    own = (EDGE, middle) if text.corner is Corner.LEFT else (middle, width - EDGE)
    all_of_it = (EDGE, width - EDGE)
    home = MARGIN if text.corner is Corner.LEFT else width - MARGIN - text.width
    for (x0, x1), bottom in ((own, height * HEAD), (all_of_it, height * HEAD), (all_of_it, height - EDGE)):
        free = _free_places(sheet[: math.ceil(bottom)], math.ceil(text.width), math.ceil(text.height))
        rows, columns = np.arange(free.shape[0])[:, np.newaxis], np.arange(free.shape[1])
        inside = (columns >= math.floor(x0)) & (columns + text.width <= x1 + 1)
        inside = inside & (rows >= EDGE) & (rows + text.height <= bottom)
        distance = np.abs(columns - home) + np.abs(rows - TOP)
        candidates = np.where(free & inside, distance, np.inf)
        if candidates.size and np.isfinite(candidates.min()):
            y, x = divmod(int(candidates.argmin()), candidates.shape[1])
            return Rect(float(x), float(y), float(x) + text.width, float(y) + text.height)
    return None


def _free_places(sheet: Sheet, width: int, height: int) -> Sheet:
    """True at each upper left corner from which nothing is taken over that width and height (a summed-area table)."""
    if sheet.shape[0] < height or sheet.shape[1] < width:
        return np.zeros((0, 0), dtype=bool)
    sums = np.pad(sheet.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0)))
    inside: Sheet = (
        sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width] == 0
    )
    return inside
