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
STEP = 12.0
"""By which a page grows until its texts have room."""
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
    """Places that touch neither *occupied* (page fractions) nor each other, each in its own corner: the nearest free
    paper on its side of the page's top third, closer to the sheet's edge where the margin is needed.

    Where print leaves none, empty paper is added above the page, as little as does. InputRejected for a page narrower
    than a text.
    """
    most = sum(math.ceil(text.height) + 2 * GAP for text in wanted) + 2 * EDGE
    for added in np.arange(0, most + STEP, STEP):
        print_ = [Rect(b.x0 * width, b.y0 * height + added, b.x1 * width, b.y1 * height + added) for b in occupied]
        rects = _placed(wanted, width, height * HEAD + added, print_, own_side=True)
        if rects is not None:
            return Places(rects, float(added))
    raise InputRejected(  # the strip is as high as all texts together, and as wide as the page
        _("a page {width:.0f} points wide is too narrow for the signatures' texts; scan it with its margins, or on "
          "a larger sheet").format(width=width)
    )  # fmt: skip


def place_within(wanted: Sequence[Wanted], width: float, height: float, occupied: Sequence[Box]) -> Places | None:
    """The same on a page that must not grow: where there is no room in a corner, the free paper that is nearest to it.

    None where there is none.
    """
    print_ = [Rect(b.x0 * width, b.y0 * height, b.x1 * width, b.y1 * height) for b in occupied]
    rects = _placed(wanted, width, height * HEAD, print_, own_side=True)
    rects = rects or _placed(wanted, width, height - EDGE, print_, own_side=False)
    return Places(rects, 0.0) if rects is not None else None


def _placed(
    wanted: Sequence[Wanted], width: float, bottom: float, taken: Sequence[Rect], *, own_side: bool
) -> tuple[Rect, ...] | None:
    rects: list[Rect] = []
    sheet = _sheet(width, bottom, taken)
    for text in wanted:
        found = _nearest_free(text, width, bottom, sheet, own_side=own_side)
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


def _nearest_free(text: Wanted, width: float, bottom: float, sheet: Sheet, *, own_side: bool) -> Rect | None:
    is_left = text.corner is Corner.LEFT
    home = MARGIN if is_left else width - MARGIN - text.width
    free = _free_places(sheet, math.ceil(text.width), math.ceil(text.height))
    rows, columns = np.arange(free.shape[0])[:, np.newaxis], np.arange(free.shape[1])
    inside = (columns >= math.floor(EDGE)) & (columns + text.width <= width - EDGE + 1)
    if own_side:
        middle = columns + text.width / 2
        inside = inside & (middle <= width / 2 + 1 if is_left else middle >= width / 2 - 1)
    inside = inside & (rows >= EDGE) & (rows + text.height <= bottom)
    distance = np.abs(columns - home) + np.abs(rows - TOP)
    candidates = np.where(free & inside, distance, np.inf)
    if not candidates.size or not np.isfinite(candidates.min()):
        return None
    y, x = divmod(int(candidates.argmin()), candidates.shape[1])
    return Rect(float(x), float(y), float(x) + text.width, float(y) + text.height)


def _free_places(sheet: Sheet, width: int, height: int) -> Sheet:
    """True at each upper left corner from which nothing is taken over that width and height (a summed-area table)."""
    if sheet.shape[0] < height or sheet.shape[1] < width:
        return np.zeros((0, 0), dtype=bool)
    sums = np.pad(sheet.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0)))
    inside: Sheet = (
        sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width] == 0
    )
    return inside
