"""Stamps of secrecy, looked for on the image of a page before any of its text is kept.

``MẬT`` (20 × 8 mm), ``TỐI MẬT`` (30 × 8 mm) and ``TUYỆT MẬT`` (40 × 8 mm) stand in red capitals in a *double* frame.
``KHẨN``, ``HỎA TỐC`` and ``THƯỢNG KHẨN`` have the same sizes, colour and place, in a *single* frame, and ``GIẢI MẬT``
cancels a secrecy. So a frame of that size is looked for, level or askew, and read; where it cannot be read (faint, over
text), a double frame decides. An error on the side of secrecy costs a person a look; the other one is an incident.

Of 60 drawn stamps at 150 to 400 dpi and up to 10° askew, seen were: in colour or grey, whole or faded, 29 of 29, over
text 8 of 10; in black and white, whole, 6 of 6, faded to dots 5 of 8, over text 4 of 7. None was seen on 224 real
pages. A faded GIẢI MẬT may be taken for TỐI MẬT.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import Enum
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.images import Grey, Mask, Picture
from ingest.images import grey as in_grey
from ingest.ocr.engine import Layout, OcrEngine
from ingest.pagesigns import plainly
from schemas.pages import Box

WORK_DPI = 150.0
"""Frames are looked for at this resolution: their lines are 2 px and more there."""
READ_DPI = 300.0
STEEPEST_DEG = 12
STEP_DEG = 2
STAMPS_MM = (20.0, 30.0, 40.0)
WIDTH_MM = (15.0, 47.0)
HEIGHT_MM = (5.0, 11.5)
BAND_MM = 3.6
"""Both lines of a side, run together in a coarse scan, with a stroke of print that touches them."""
RUN_SHARE = 0.8
"""A row of letters has ink over half its length at most, the dotted line of a faded stamp over four fifths."""
LINE_MM = 12.0
"""Shorter runs of ink are no side of a frame: in MẬT's inner one they are 17 mm long."""
REDNESS = 22
"""How much redder than anything else ink is to be taken for red: what is left of a faded stamp at a quarter."""
PAIR_MM = (0.35, 2.6)
"""How far apart the two lines of a double frame run."""
MARGIN_MM = 4.0
COVERED = 0.6
PEAK = 0.5
THICKEST_MM = 1.5
"""A row or column of a frame bears ink over this share of its length."""
DOUBLE_SIDES = 3
ALIKE = 0.65
MOST_FRAMES = 12
"""A page of tables has hundreds of boxes; those of a stamp's size that stand alone are few."""


class Meaning(Enum):
    SECRET = ("MAT", "TOI MAT", "TUYET MAT")
    NOT_SECRET = ("KHAN", "THUONG KHAN", "HOA TOC", "HOA TOC HEN GIO", "GIAI MAT")
    UNREADABLE = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """A secrecy stamp: where it was seen. ``read`` is false where only its double frame tells."""

    box: Box
    read: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    """A rectangle of lines, in pixels at WORK_DPI: its middle, its sides, its slope (clockwise positive)."""

    x: float
    y: float
    width: float
    height: float
    slope_deg: float


def secrecy_mark(picture: Picture | Grey, dpi: float, engine: OcrEngine) -> Stamp | None:
    """The first secrecy stamp seen on the page, or None. The page may lie upside down, but not on its side."""
    factor = min(1.0, WORK_DPI / dpi)
    small = np.asarray(
        picture if factor == 1 else cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA),
        np.uint8,
    )
    mm = dpi * factor / 25.4
    judged: list[_Frame] = []
    for ink, red in _inks(small):
        for frame in _frames(ink, mm):
            if any(_same_place(frame, other, mm) for other in judged):
                continue  # a red stamp was read without the print under it
            seen = _looked_at(picture, factor, dpi, frame, red)
            if seen is None:
                continue
            if red:
                judged.append(frame)
            meaning, likeness = _said(seen.inside, engine)
            if meaning is not Meaning.NOT_SECRET and seen.double_sides >= _needed(seen, meaning, likeness):
                return Stamp(_box(frame, small.shape), meaning is Meaning.SECRET)
    return None


def _needed(seen: "_Seen", meaning: Meaning, likeness: float) -> int:
    """How many double sides the frame must have to be taken for a secrecy stamp.

    None where a degree was read letter for letter in a frame of its size, and one in another. Half a word that is like
    one stands in cells of tables (3 in 224 real pages), so it needs two, and what cannot be read needs three.
    """
    its_size = _of_a_stamp(seen.size_mm)
    if meaning is Meaning.SECRET and likeness == 1:
        return 0 if its_size else 1
    if meaning is Meaning.SECRET:
        return 2
    return DOUBLE_SIDES if its_size else 5


def _of_a_stamp(size_mm: tuple[float, float]) -> bool:
    """The size of a degree's own stamp: the ribbon in the emblem of a seal is a double frame too, of 16 × 7 mm."""
    width, height = size_mm
    return abs(height - 8.0) <= 1.3 and any(abs(width - stamp) <= 2.0 for stamp in STAMPS_MM)


def names_secrecy(lines: Iterable[str]) -> bool:
    """A line says nothing but a degree of secrecy: a stamp that was read as text."""
    return any(_meaning(line) == (Meaning.SECRET, 1) for line in lines if line.isupper() and len(line) <= 12)


# -- ink --------------------------------------------------------------------------------------------------------------


def _inks(page: Picture | Grey) -> Iterator[tuple[Mask, bool]]:
    """Where red ink lies, then where any ink lies."""
    if page.ndim == 3:
        red = _red(page)
        if cv2.countNonZero(red) > 0.0001 * red.size:
            yield red, True
    yield _dark(in_grey(page)), False


def _red(page: Picture) -> Mask:
    blue, green, red = cv2.split(page)
    return np.asarray(
        cv2.threshold(cv2.subtract(red, cv2.max(blue, green)), REDNESS, 255, cv2.THRESH_BINARY)[1], np.uint8
    )


def _dark(page: Grey) -> Mask:
    """Darker than its surroundings by a little: a faded stamp has a tenth of the black of print."""
    around = cv2.blur(page, (31, 31))
    return np.asarray(cv2.threshold(cv2.subtract(around, page), 12, 255, cv2.THRESH_BINARY)[1], np.uint8)


# -- frames -----------------------------------------------------------------------------------------------------------


def _frames(ink: Mask, mm: float) -> list[_Frame]:
    """Rectangles of a stamp's size, best first, each once."""
    found: list[tuple[float, _Frame]] = []
    for slope in range(-STEEPEST_DEG, STEEPEST_DEG + 1, STEP_DEG):
        found += _level_frames(ink, mm, float(slope))
    kept: list[_Frame] = []
    for _quality, frame in sorted(found, key=lambda each: -each[0]):
        if not any(_same_place(frame, other, mm) for other in kept):
            kept.append(frame)
    return kept[:MOST_FRAMES]


def _same_place(one: _Frame, other: _Frame, mm: float) -> bool:
    return abs(one.x - other.x) < 4 * mm and abs(one.y - other.y) < 3 * mm


def _level_frames(ink: Mask, mm: float, slope_deg: float) -> list[tuple[float, _Frame]]:
    """Frames whose long sides run at this slope: pairs of runs of ink, after the page was sheared level."""
    height, width = ink.shape
    rise = math.tan(math.radians(slope_deg))
    shear = np.array([[1, 0, 0], [-rise, 1, rise * width / 2]], np.float64)
    level = cv2.warpAffine(ink, shear, (width, height), flags=cv2.INTER_NEAREST)
    level = cv2.dilate(level, np.ones((2, 1), np.uint8))
    run = round(LINE_MM * mm)
    share = cv2.blur(level, (run, 1), borderType=cv2.BORDER_CONSTANT)  # of each pixel's neighbours left and right
    runs = cv2.threshold(share, round(255 * RUN_SHARE), 1, cv2.THRESH_BINARY)[1]
    outlines, _tree = cv2.findContours(runs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if len(outlines) < 2:
        return []
    left, top, wide, high = np.array([cv2.boundingRect(outline) for outline in outlines]).T
    # Of a run are left the middles of the neighbourhoods that it covers to RUN_SHARE
    lost = round((RUN_SHARE - 0.5) * run)
    wide = wide + 2 * lost
    sides = np.stack([left - lost, top, left - lost + wide, top + high], axis=1)
    sides = sides[(wide >= WIDTH_MM[0] * 0.9 * mm) & (wide <= WIDTH_MM[1] * mm) & (high <= BAND_MM * mm)]
    return list(_paired(sides[np.argsort(sides[:, 1])], cv2.integral(runs), mm, slope_deg))


def _paired(
    sides: NDArray[Any], ink_before: NDArray[Any], mm: float, slope_deg: float
) -> Iterator[tuple[float, _Frame]]:
    """Each frame of two *sides* (left, top, right, bottom), with the ink of its level lines: there is most at the
    stamp's own slope, where the inner ones count too."""
    rise, page_width = math.tan(math.radians(slope_deg)), ink_before.shape[1] - 1
    lefts, tops, rights, bottoms = sides.T
    for i in range(len(sides)):
        apart = (tops + bottoms - tops[i] - bottoms[i]) / 2
        shared = np.minimum(rights, rights[i]) - np.maximum(lefts, lefts[i])
        whole = np.maximum(rights, rights[i]) - np.minimum(lefts, lefts[i])
        fits = (apart >= HEIGHT_MM[0] * mm) & (apart <= HEIGHT_MM[1] * mm) & (shared >= 0.72 * whole)
        for j in np.flatnonzero(fits):
            left, right = max(0, min(lefts[i], lefts[j])), min(page_width, max(rights[i], rights[j]))
            x, y = (left + right) / 2, (tops[i] + bottoms[j]) / 2
            frame = _Frame(x, y + rise * (x - page_width / 2), float(whole[j]), float(bottoms[j] - tops[i]), slope_deg)
            inked = ink_before[bottoms[j], right] - ink_before[tops[i], right]
            yield float(inked - ink_before[bottoms[j], left] + ink_before[tops[i], left]), frame


# -- a frame looked at ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    inside: Grey
    """What stands in the frame, dark on light, at READ_DPI."""
    double_sides: int
    size_mm: tuple[float, float]
    """Of the outer frame."""


def _looked_at(picture: Picture | Grey, factor: float, dpi: float, frame: _Frame, red: bool) -> _Seen | None:
    """The frame at READ_DPI and level; None where it is none, or a box of a table."""
    mm = READ_DPI / 25.4
    rough = _cut_out(picture, factor, dpi, frame)
    askew = _slope(_ink_in(rough, red))
    cut = _cut_out(picture, factor, dpi, replace(frame, slope_deg=frame.slope_deg + askew))
    ink = _ink_in(cut, red)
    edges = _edges(ink, mm)
    if edges is None:
        return None
    (x0, y0, x1, y1), double, size = edges
    inside = 255 - ink if red else _of_one_tone(in_grey(cut), (x0, y0, x1, y1))
    return _Seen(np.ascontiguousarray(inside[y0:y1, x0:x1]), double, size)


def _of_one_tone(cut: Grey, inside: tuple[int, int, int, int]) -> Grey:
    """The stamp without the print under it, which is darker: red is grey in a scan without colours."""
    x0, y0, x1, y1 = inside
    lines = np.concatenate([cut[max(0, y0 - 14) : y0 - 2, x0:x1].min(axis=0), cut[y1 + 2 : y1 + 14, x0:x1].min(axis=0)])
    tone = int(np.median(lines)) if lines.size else 0
    return np.where(cut < tone - 25, 255, cut).astype(np.uint8) if tone > 50 else cut


def _cut_out(picture: Picture | Grey, factor: float, dpi: float, frame: _Frame) -> Picture | Grey:
    """The frame with 4 mm round it, level, at READ_DPI."""
    zoom = READ_DPI / dpi
    margin = 2 * MARGIN_MM * READ_DPI / 25.4
    width, height = round(frame.width / factor * zoom + margin), round(frame.height / factor * zoom + margin)
    x, y = frame.x / factor, frame.y / factor
    turn = cv2.getRotationMatrix2D((x, y), frame.slope_deg, zoom)
    turn[:, 2] += np.array([width / 2 - x, height / 2 - y])
    return np.asarray(
        cv2.warpAffine(picture, turn, (width, height), flags=cv2.INTER_LINEAR, borderValue=(255, 255, 255)), np.uint8
    )


def _ink_in(cut: Picture | Grey, red: bool) -> Mask:
    if red:
        return _red(cut)
    return np.asarray(cv2.threshold(in_grey(cut), 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)[1], np.uint8)


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


def _edges(ink: Mask, mm: float) -> tuple[tuple[int, int, int, int], int, tuple[float, float]] | None:
    """The inside of the frame, how many of its sides are double, and its size in mm. None where three sides are not
    there, or where both upright ones go on beyond it, as the lines of a table do."""
    height, width = ink.shape
    margin = round(MARGIN_MM * mm)
    rows, columns = _line_profiles(ink, mm)
    reach = margin + round(3.2 * mm)
    facing = (rows[:reach], rows[::-1][:reach], columns[:reach], columns[::-1][:reach])
    top, bottom, left, right = (_lines(each) for each in facing)  # from the outside in
    if not (top and bottom and (left or right)):
        return None
    if left and right and _goes_on(ink, left[0][0], margin, mm) and _goes_on(ink, width - 1 - right[0][0], margin, mm):
        return None
    double = sum(_is_double(each, mm) for each in facing)
    inner = [side[-1][1] + 2 if side else margin for side in (top, bottom, left, right)]
    outer = [side[0][0] if side else margin for side in (top, bottom, left, right)]
    size = ((width - outer[2] - outer[3]) / mm, (height - outer[0] - outer[1]) / mm)
    return (inner[2], inner[0], width - inner[3], height - inner[1]), double, size


def _line_profiles(ink: Mask, mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much of each row and of each column of the frame is a straight line; letters are none, as they are no more
    than half as high as the frame."""
    height, width = ink.shape
    margin = round(MARGIN_MM * mm)
    gap, across, down = round(mm), round(0.4 * (width - 2 * margin)), round(0.62 * (height - 2 * margin))
    level = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))
    level = cv2.morphologyEx(level, cv2.MORPH_OPEN, np.ones((1, across), np.uint8))
    upright = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((gap, 1), np.uint8))
    upright = cv2.morphologyEx(upright, cv2.MORPH_OPEN, np.ones((down, 1), np.uint8))
    rows = level[:, margin + round(2 * mm) : width - margin - round(2 * mm)].mean(axis=1) / 255
    columns = upright[margin + round(0.7 * mm) : height - margin - round(0.7 * mm), :].mean(axis=0) / 255
    return rows, columns


def _goes_on(ink: Mask, column: int, margin: int, mm: float) -> bool:
    strip = ink[:, max(0, column - 2) : column + 3].max(axis=1) > 0
    outside = margin - round(1.2 * mm)
    return bool(strip[:outside].mean() > 0.95 or strip[-outside:].mean() > 0.95)


def _lines(profile: NDArray[np.float64], share: float = COVERED) -> list[tuple[int, int]]:
    """Where the profile is covered: first and last row of each run, from the outside in."""
    covered = np.concatenate([[False], profile >= share, [False]]).astype(np.int8)
    starts, ends = np.flatnonzero(np.diff(covered) == 1), np.flatnonzero(np.diff(covered) == -1)
    return [(int(start), int(end) - 1) for start, end in zip(starts, ends, strict=True)]


def _is_double(profile: NDArray[np.float64], mm: float) -> bool:
    """Two thin lines side by side with paper between them; a row of letters is thicker."""
    thin = [run for run in _lines(profile, PEAK) if run[1] - run[0] <= THICKEST_MM * mm]
    return any(
        PAIR_MM[0] * mm <= (c + d - a - b) / 2 <= PAIR_MM[1] * mm
        and profile[b : c + 1].min() <= 0.75 * min(profile[a : b + 1].max(), profile[c : d + 1].max())
        for (a, b), (c, d) in pairwise(thin)
    )


def _said(inside: Grey, engine: OcrEngine) -> tuple[Meaning, float]:
    """What stands in the frame, upright or upside down, and how like it is to what was read."""
    if min(inside.shape) < 20:
        return Meaning.UNREADABLE, 0.0
    quiet = cv2.copyMakeBorder(inside, 30, 30, 30, 30, cv2.BORDER_CONSTANT, value=255)
    best = (Meaning.UNREADABLE, 0.0)
    for page in (quiet, np.ascontiguousarray(quiet[::-1, ::-1])):
        for layout in (Layout.LINE, Layout.BLOCK):
            text = " ".join(line.text for line in engine.read(np.asarray(page, np.uint8), READ_DPI, layout))
            best = max(best, _meaning(text), key=lambda each: each[1])
            if best[1] == 1:
                return best
    return best


def _meaning(text: str) -> tuple[Meaning, float]:
    letters = re.sub(r"[^A-Z]", "", plainly(text))
    best, meant = ALIKE, Meaning.UNREADABLE
    for meaning in (Meaning.NOT_SECRET, Meaning.SECRET):
        for words in meaning.value:
            wanted = words.replace(" ", "")
            likeness = SequenceMatcher(None, letters, wanted).ratio()
            if likeness > best and abs(len(letters) - len(wanted)) <= 2:
                best, meant = likeness, meaning
    return meant, best if meant is not Meaning.UNREADABLE else 0.0


def _box(frame: _Frame, shape: tuple[int, ...]) -> Box:
    slope = math.radians(abs(frame.slope_deg))
    half_x = (frame.width * math.cos(slope) + frame.height * math.sin(slope)) / 2
    half_y = (frame.width * math.sin(slope) + frame.height * math.cos(slope)) / 2
    height, width = shape[:2]
    return Box(
        max(0.0, (frame.x - half_x) / width), max(0.0, (frame.y - half_y) / height),
        min(1.0, (frame.x + half_x) / width), min(1.0, (frame.y + half_y) / height),
    )  # fmt: skip
