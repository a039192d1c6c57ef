"""Frames on a page of a stamp's size: where they are, level or askew, and what each is made of.

A stamp of secrecy or urgency (NĐ 30/2020, Phụ lục I) is 20, 30 or 40 × 8 mm. Its long sides are found as runs of ink,
at every slope up to 12°; then the frame is cut out, level, and the rectangle laid on it that most ink lies under.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.images import Grey, Mask, Picture
from ingest.images import grey as in_grey

READ_DPI = 300.0
READ_MM = READ_DPI / 25.4
STEEPEST_DEG = 12
STEP_DEG = 2
WIDTH_MM = (15.0, 47.0)
HEIGHT_MM = (5.0, 11.5)
BAND_MM = 3.6
"""Both lines of a side, run together in a coarse scan, with a stroke of print that touches them."""
RUN_SHARE = 0.72
"""A row of letters has ink over half its length at most, the dotted or worn line of a stamp over three quarters."""
NARROW = 4
"""Runs of 12 mm are looked for on a page so many times narrower, which takes a third of the time."""
LINE_MM = 12.0
"""Shorter runs of ink are no side of a frame: in MẬT's inner one they are 17 mm long."""
REDNESS = 22
"""How much redder than anything else ink is to be taken for red: what is left of a faded stamp at a quarter."""
DARKNESS = 12
"""How much darker than its surroundings ink is: a faded stamp has a tenth of the black of print."""
MARGIN_MM = 4.0
BESIDE_MM = 12.0
"""Of a worn frame only a part may have been found."""
MOST_FRAMES = 12
"""A page of tables has hundreds of boxes; those of a stamp's size that stand alone are few."""
CLOSE_MM = 2.2
"""What a worn stamp has left lies so near together, and farther from the lines of print beside it."""
ALONE_WIDE_MM, ALONE_HIGH_MM = (17.0, 45.0), (6.2, 10.5)
MOST_ALONE = 6
SIDE_PEAKS = 9
"""So many rows and columns with most ink are tried as each side of the frame."""
LEAST_COVERED = 0.5
"""Ink under all four sides together; of each long one at least ``LEAST_SIDE``."""
LEAST_SIDE = 0.4
INNER_MM = (0.5, 2.6)
"""How far inside a frame the second one runs."""
LEAST_INKED = 0.55
"""A frame is laid where more of its sides bears ink."""
LEAST_OF_BOTH, LEAST_OF_BOTH_ALONE = 0.95, 0.78
"""Ink under the frame and under a second one, together; of one that was found by what is left of it. The 539 of 540
drawn stamps of secrecy that are seen had 1.1 and more; of 409 that had worn far worse those whose sides were found had
1.04, the others 0.81. Half of what is found on real pages, boxes of tables and blocks of text, has less."""
CLEAR_SECOND = 0.4
"""With less ink under it there is no second frame to look within."""
DRIFT_PX = 2
"""What is left of the slope, and a line's own waviness, at READ_DPI."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of lines, in pixels of the page that was searched: its middle, its sides, its slope (clockwise
    positive)."""

    x: float
    y: float
    width: float
    height: float
    slope_deg: float
    alone: bool = False
    """Found by its size and standing alone, not by its long sides."""


@dataclass(frozen=True, slots=True)
class FrameSeen:
    """A frame looked at closely; shares of its sides' length, 0 to 1."""

    inside: Grey
    """What stands within its lines, dark on light, at READ_DPI and level."""
    covered: float
    """How much of the frame bears ink."""
    doubled: float
    """How much of a second frame, inside the first or round it, bears ink: of its weaker pair of sides."""
    size_mm: tuple[float, float]
    """Of the outer frame."""


# -- ink --------------------------------------------------------------------------------------------------------------


def inks(page: Picture | Grey) -> Iterator[tuple[Mask, bool]]:
    """Where red ink lies, then where any ink lies."""
    if page.ndim == 3:
        red = _red(page)
        if cv2.countNonZero(red) > 0.0001 * red.size:
            yield red, True
    yield _dark(in_grey(page), 31), False


def _red(page: Picture) -> Mask:
    blue, green, red = cv2.split(page)
    return np.asarray(
        cv2.threshold(cv2.subtract(red, cv2.max(blue, green)), REDNESS, 255, cv2.THRESH_BINARY)[1], np.uint8
    )


def _dark(page: Grey, reach: int) -> Mask:
    """Darker than the *reach* pixels round it."""
    around = cv2.blur(page, (reach, reach))
    return np.asarray(cv2.threshold(cv2.subtract(around, page), DARKNESS, 255, cv2.THRESH_BINARY)[1], np.uint8)


# -- finding ----------------------------------------------------------------------------------------------------------


def frames(ink: Mask, mm: float) -> list[Frame]:
    """Rectangles of a stamp's size, best first, each once; *mm* is a millimetre in pixels."""
    height, width = ink.shape
    narrow = np.asarray(cv2.resize(ink, (-(-width // NARROW), height), interpolation=cv2.INTER_AREA), np.uint8)
    narrow = np.asarray(cv2.dilate(narrow, np.ones((2, 1), np.uint8)), np.uint8)
    found: list[tuple[float, Frame]] = []
    for slope in range(-STEEPEST_DEG, STEEPEST_DEG + 1, STEP_DEG):
        found += _level_frames(narrow, mm, float(slope))
    kept: list[Frame] = []
    for _quality, frame in sorted(found, key=lambda each: -each[0]):
        if not any(same_place(frame, other, mm) for other in kept):
            kept.append(frame)
    kept = kept[:MOST_FRAMES]
    for frame in _alone(ink, mm)[:MOST_ALONE]:
        if not any(same_place(frame, other, mm) and abs(frame.width - other.width) < 3 * mm for other in kept):
            kept.append(frame)
    return kept


def _alone(ink: Mask, mm: float) -> list[Frame]:
    """Whatever stands alone and has a stamp's size, the largest first: of a worn frame the sides may be no runs."""
    reach = 2 * round(CLOSE_MM * mm / 2) + 1
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    outlines, _tree = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline in outlines:
        _left, _top, wide, high = cv2.boundingRect(outline)
        if wide < ALONE_WIDE_MM[0] * 0.9 * mm or high < ALONE_HIGH_MM[0] * mm or high > 0.5 * wide + 12 * mm:
            continue
        (x, y), (width, height), turn = cv2.minAreaRect(outline)
        if width < height:
            width, height, turn = height, width, turn - 90
        slope = (turn + 90) % 180 - 90
        if (abs(slope) <= STEEPEST_DEG and ALONE_WIDE_MM[0] * mm <= width <= ALONE_WIDE_MM[1] * mm
                and ALONE_HIGH_MM[0] * mm <= height <= ALONE_HIGH_MM[1] * mm):  # fmt: skip
            found.append(Frame(x, y, width, height, slope, alone=True))
    return sorted(found, key=lambda frame: -frame.width * frame.height)


def same_place(one: Frame, other: Frame, mm: float) -> bool:
    return abs(one.x - other.x) < 4 * mm and abs(one.y - other.y) < 3 * mm


def _level_frames(narrow: Mask, mm: float, slope_deg: float) -> list[tuple[float, Frame]]:
    """Frames whose long sides run at this slope: pairs of runs of ink, after the page was sheared level. *narrow* is
    the page brought together to a ``NARROW``th of its width."""
    height, width = narrow.shape
    rise = math.tan(math.radians(slope_deg)) * NARROW
    shear = np.array([[1, 0, 0], [-rise, 1, rise * width / 2]], np.float64)
    level = cv2.warpAffine(narrow, shear, (width, height), flags=cv2.INTER_NEAREST)
    run = round(LINE_MM * mm / NARROW)
    share = cv2.blur(level, (run, 1), borderType=cv2.BORDER_CONSTANT)  # of each pixel's neighbours left and right
    runs = cv2.threshold(share, round(255 * RUN_SHARE), 1, cv2.THRESH_BINARY)[1]
    outlines, _tree = cv2.findContours(runs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if len(outlines) < 2:
        return []
    left, top, wide, high = np.array([cv2.boundingRect(outline) for outline in outlines]).T
    # Of a run are left the middles of the neighbourhoods that it covers to RUN_SHARE
    lost = (RUN_SHARE - 0.5) * run
    wide = wide + 2 * lost
    sides = np.stack([left - lost, top, left - lost + wide, top + high], axis=1)
    least, most = WIDTH_MM[0] * 0.9 * mm / NARROW, WIDTH_MM[1] * mm / NARROW
    sides = sides[(wide >= least) & (wide <= most) & (high <= BAND_MM * mm)]
    return list(_paired(sides[np.argsort(sides[:, 1])], cv2.integral(runs), mm, slope_deg))


def _paired(
    sides: NDArray[Any], ink_before: NDArray[Any], mm: float, slope_deg: float
) -> Iterator[tuple[float, Frame]]:
    """Each frame of two *sides* (left, top, right, bottom of the narrow page), with the ink of its level lines: there
    is most at the stamp's own slope, where the inner ones count too."""
    rise, narrow_width = math.tan(math.radians(slope_deg)), ink_before.shape[1] - 1
    lefts, tops, rights, bottoms = sides.T
    for i in range(len(sides)):
        apart = (tops + bottoms - tops[i] - bottoms[i]) / 2
        shared = np.minimum(rights, rights[i]) - np.maximum(lefts, lefts[i])
        whole = np.maximum(rights, rights[i]) - np.minimum(lefts, lefts[i])
        fits = (apart >= HEIGHT_MM[0] * mm) & (apart <= HEIGHT_MM[1] * mm) & (shared >= 0.72 * whole)
        for j in np.flatnonzero(fits):
            left, right = max(0, min(lefts[i], lefts[j])), min(narrow_width, max(rights[i], rights[j]))
            top, bottom = round(tops[i]), round(bottoms[j])
            x, y = NARROW * (left + right) / 2, (top + bottom) / 2
            y += rise * (x - NARROW * narrow_width / 2)
            frame = Frame(x, y, float(NARROW * whole[j]), float(bottom - top), slope_deg)
            inked = ink_before[[bottom, top], round(right)] - ink_before[[bottom, top], round(left)]
            yield float(inked[0]) - float(inked[1]), frame


# -- looking closely --------------------------------------------------------------------------------------------------


def looked_at(picture: Picture | Grey, factor: float, dpi: float, frame: Frame, red: bool) -> FrameSeen | None:
    """The frame, found on *picture* brought down by *factor*, at READ_DPI and level; None where it is none, has less
    ink than any stamp, or is a box of a table."""
    askew = _slope(_ink_in(_cut_out(picture, factor, dpi, frame, MARGIN_MM), red))
    cut = _cut_out(picture, factor, dpi, replace(frame, slope_deg=frame.slope_deg + askew), BESIDE_MM)
    ink = _ink_in(cut, red)
    laid = _laid_on(ink)
    if laid is None:
        return None
    sides, covered = laid
    doubled, inwards = _doubled(ink, sides)
    if covered + doubled < (LEAST_OF_BOTH_ALONE if frame.alone else LEAST_OF_BOTH):
        return None
    x0, y0, x1, y1 = sides
    if _goes_on(ink, x0) and _goes_on(ink, x1):
        return None
    if doubled < CLEAR_SECOND:
        inwards = 0
    outwards = -min(inwards, 0)
    size = ((x1 - x0 + 2 * outwards) / READ_MM, (y1 - y0 + 2 * outwards) / READ_MM)
    step = max(inwards, 0) + 4  # the line itself is some 4 px wide
    within = (x0 + step, y0 + step, x1 - step, y1 - step)
    plain = 255 - ink if red else _of_one_tone(in_grey(cut), sides)
    inside = plain[within[1] : within[3], within[0] : within[2]]
    return FrameSeen(np.ascontiguousarray(inside), covered, doubled, size)


def _cut_out(picture: Picture | Grey, factor: float, dpi: float, frame: Frame, beside_mm: float) -> Picture | Grey:
    """The frame with *beside_mm* left and right of it and 4 mm above and below, level, at READ_DPI."""
    zoom = READ_DPI / dpi
    width = round(frame.width / factor * zoom + 2 * beside_mm * READ_MM)
    height = round(frame.height / factor * zoom + 2 * MARGIN_MM * READ_MM)
    x, y = frame.x / factor, frame.y / factor
    turn = cv2.getRotationMatrix2D((x, y), frame.slope_deg, zoom)
    turn[:, 2] += np.array([width / 2 - x, height / 2 - y])
    return np.asarray(
        cv2.warpAffine(picture, turn, (width, height), flags=cv2.INTER_LINEAR, borderValue=(255, 255, 255)), np.uint8
    )


def _ink_in(cut: Picture | Grey, red: bool) -> Mask:
    return _red(cut) if red else _dark(in_grey(cut), 61)


def _slope(ink: Mask) -> float:
    """The slope in degrees, clockwise positive, at which the rows and columns of ink differ most: where its straight
    lines run level."""
    height, width = ink.shape
    small = cv2.resize(ink, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    middle = (width / 4, height / 4)

    def straightness(slope: float) -> float:
        turn = cv2.getRotationMatrix2D(middle, slope, 1)
        level = cv2.warpAffine(small, turn, (width // 2, height // 2)).astype(np.float32)
        return float(np.square(level.mean(axis=1)).sum() * width + np.square(level.mean(axis=0)).sum() * height)

    best = max(range(-3, 4), key=straightness)
    return max((best + fine / 3 for fine in (-1, 0, 1)), key=straightness)


def _laid_on(ink: Mask) -> tuple[tuple[int, int, int, int], float] | None:
    """The rectangle (left, top, right, bottom) of a stamp's size that most ink lies under, and how much of it does."""
    height, width = ink.shape
    # A side may waver by a pixel or two: each row bears the ink of its neighbours too
    marked = np.minimum(ink, 1)
    level = cv2.dilate(marked, np.ones((2 * DRIFT_PX + 1, 1), np.uint8))
    upright = cv2.dilate(marked, np.ones((1, 2 * DRIFT_PX + 1), np.uint8))
    along, down = np.diff(cv2.integral(level), axis=0), np.diff(cv2.integral(upright), axis=1)
    margin, beside = round(MARGIN_MM * READ_MM), round(BESIDE_MM * READ_MM)
    rows = level[:, beside : width - beside].mean(axis=1, dtype=np.float32)
    columns = upright[margin : height - margin].mean(axis=0, dtype=np.float32)
    tops, bottoms = _peaks(rows[: height // 2]), height - 1 - _peaks(rows[::-1][: height // 2])
    reach = beside + round(8 * READ_MM)  # print beside a stamp makes a run of ink longer than its side
    lefts, rights = _peaks(columns[:reach]), width - 1 - _peaks(columns[::-1][:reach])
    y0, y1, x0, x1 = (each.ravel() for each in np.meshgrid(tops, bottoms, lefts, rights))
    wide, high = x1 - x0, y1 - y0
    fits = (wide >= WIDTH_MM[0] * READ_MM) & (wide <= WIDTH_MM[1] * READ_MM) & (high >= HEIGHT_MM[0] * READ_MM)
    fits &= high <= HEIGHT_MM[1] * READ_MM
    y0, y1, x0, x1, wide, high = (each[fits] for each in (y0, y1, x0, x1, wide, high))
    if not len(y0):
        return None
    top, bottom = (along[y0, x1] - along[y0, x0]) / wide, (along[y1, x1] - along[y1, x0]) / wide
    left, right = (down[y1, x0] - down[y0, x0]) / high, (down[y1, x1] - down[y0, x1]) / high
    covered = (top + bottom + left + right) / 4
    # The longer frame is the whole one, as long as its sides are inked
    worth = (top + bottom - 2 * LEAST_INKED) * wide + (left + right - 2 * LEAST_INKED) * high
    worth[(top < LEAST_SIDE) | (bottom < LEAST_SIDE) | (covered < LEAST_COVERED)] = 0
    best = int(np.argmax(worth))
    if worth[best] <= 0:
        return None
    return (int(x0[best]), int(y0[best]), int(x1[best]), int(y1[best])), float(covered[best])


def _peaks(profile: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where most ink lies, a few pixels apart at least."""
    left = profile.copy()
    found = []
    for _turn in range(SIDE_PEAKS):
        best = int(np.argmax(left))
        if left[best] <= 0.15:
            break
        found.append(best)
        left[max(0, best - 3) : best + 4] = 0
    return np.array(found, np.int64)


def _doubled(ink: Mask, sides: tuple[int, int, int, int]) -> tuple[float, int]:
    """How much ink lies under a second frame, and how far inside the first it runs in pixels (outside: negative)."""
    marked = np.minimum(ink, 1)
    # A line may waver by a pixel: each row, and each column, bears the ink of its neighbours too
    level, upright = cv2.dilate(marked, np.ones((3, 1), np.uint8)), cv2.dilate(marked, np.ones((1, 3), np.uint8))
    before = _Before(*(np.asarray(cv2.integral(each)) for each in (marked, level, upright)))
    best, inwards = 0.0, 0
    for step in range(round(INNER_MM[0] * READ_MM), round(INNER_MM[1] * READ_MM) + 1):
        for way in (step, -step):
            share = _second(before, sides, way, best)
            if share > best:
                best, inwards = share, way
    return best, inwards


class _Before(NamedTuple):
    """How much ink lies above and left of each pixel (``cv2.integral``)."""

    ink: NDArray[Any]
    level: NDArray[Any]
    """The same with the ink of each row's neighbours."""
    upright: NDArray[Any]


def _second(before: _Before, sides: tuple[int, int, int, int], step: int, least: float) -> float:
    """How much ink lies under the frame *step* pixels inside, less what lies between it and the first one; of no
    interest up to *least*."""
    height, width = (length - 1 for length in before.ink.shape)
    x0, y0, x1, y1 = sides
    if min(x0, y0) + step < 1 or x1 - step > width - 2 or y1 - step > height - 2 or y1 - y0 - 2 * step < 2 * READ_MM:
        return 0.0
    start, stop = x0 + max(step, 0), x1 - max(step, 0)
    level = [_line(before.level, at, start, stop) - _gap(before.ink, at, back, start, stop)
             for at, back in ((y0 + step, y0), (y1 - step, y1))]  # fmt: skip
    if sum(level) / 2 <= least:
        return 0.0
    start, stop = y0 + max(step, 0), y1 - max(step, 0)
    upright = [_line(before.upright.T, at, start, stop) - _gap(before.ink.T, at, back, start, stop)
               for at, back in ((x0 + step, x0), (x1 - step, x1))]  # fmt: skip
    return min(sum(level), sum(upright)) / 2


def _line(before: NDArray[Any], at: int, start: int, stop: int) -> float:
    """How much of row *at* bears ink from column *start* to *stop*."""
    above, below = before[at], before[at + 1]
    return float(below[stop] - below[start] - above[stop] + above[start]) / (stop - start)


def _gap(before: NDArray[Any], one: int, other: int, start: int, stop: int) -> float:
    """The least ink in any row between the two."""
    rows = before[min(one, other) + 1 : max(one, other) + 1]
    return float(np.diff(rows[:, stop] - rows[:, start]).min()) / (stop - start) if len(rows) > 1 else 1.0


def _goes_on(ink: Mask, column: int) -> bool:
    """The upright line goes on beyond the frame, as those of a table do."""
    strip = ink[:, max(0, column - 2) : column + 3].max(axis=1) > 0
    outside = round((MARGIN_MM - 1.2) * READ_MM)
    return bool(strip[:outside].mean() > 0.95 or strip[-outside:].mean() > 0.95)


def _of_one_tone(cut: Grey, sides: tuple[int, int, int, int]) -> Grey:
    """The stamp without the print under it, which is darker: red is grey in a scan without colours."""
    x0, y0, x1, y1 = sides
    lines = np.concatenate([cut[max(0, y - 3) : y + 4, x0:x1].min(axis=0) for y in (y0, y1)])
    tone = int(np.median(lines)) if lines.size else 0
    return np.where(cut < tone - 25, 255, cut).astype(np.uint8) if tone > 50 else cut
