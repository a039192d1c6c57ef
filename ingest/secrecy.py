"""Stamps of secrecy, looked for on the image of a page before any of its text is kept.

``MẬT`` (20 × 8 mm), ``TỐI MẬT`` (30 × 8 mm) and ``TUYỆT MẬT`` (40 × 8 mm) stand in red capitals in a *double* frame.
``KHẨN``, ``HỎA TỐC`` and ``THƯỢNG KHẨN`` have the same sizes, colour and place, in a *single* frame, and ``GIẢI MẬT``
cancels a secrecy. So a frame of that size is looked for, level or askew, and three things speak for a degree of secrecy
or against it: the second frame, the word as drawn ones lie over it, and the word as it is read. Each may fail (faint,
worn, over text); together they decide. An error on the side of secrecy costs a person a look; the other one is an
incident. ``bench/secrecy.py`` prints what is seen by condition; docs/secrecy.md has the table.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum

import cv2
import numpy as np

from ingest.images import Grey, Picture, resized
from ingest.ocr.engine import Layout, OcrEngine
from ingest.pagesigns import plainly
from ingest.stampframes import READ_DPI, Frame, FrameSeen, frames, inks, looked_at, same_place
from ingest.stampwords import likeness
from schemas.pages import Box

WORK_DPI = 150.0
"""Frames are looked for at this resolution: their lines are 2 px and more there."""
ALIKE = 0.65
"""Letters read that are so like a word are taken for it, misread."""

DEGREES = {"MẬT": 20.0, "TỐI MẬT": 30.0, "TUYỆT MẬT": 40.0}
OTHERS = {"KHẨN": 20.0, "HỎA TỐC": 30.0, "GIẢI MẬT": 30.0, "THƯỢNG KHẨN": 40.0, "HỎA TỐC HẸN GIỜ": 40.0}
"""Each word with the width in mm of its stamp."""
STAMPS_MM = (20.0, 30.0, 40.0)
SIZE_SLACK_MM = 2.6
LEAST_HIGH_MM, MOST_HIGH_MM = 5.4, 9.4
WIDTH_SLACK_MM = 3.0
"""A frame so near to a stamp's width bears one of the words of that width."""

ENOUGH = 0.57
"""Evidence from which a stamp is one of secrecy. See ``_evidence``."""
ENOUGH_ALONE = 0.85
"""The same of a frame that was found by what is left of it. Of 18 worn stamps that had been missed 16 came to 0.89 and
more, what stands alone on 224 scanned pages to less than 0.56."""
SECOND_FRAME = 0.7
"""The most that the second frame counts: as much ink as a stamp over text or worn at the edges still has."""
WORD_SHAPE = 2.0
WORD_SHAPE_MOST = 0.4
"""The difference in likeness between the best degree and the best other word, times ``WORD_SHAPE``."""
READ_WHOLE, READ_NEARLY = 1.0, 0.25
READ_SURE = 0.85
"""One letter of THƯỢNG KHẨN, HỎA TỐC or GIẢI MẬT misread: what stands in a part of that frame says no more."""
NO_STAMPS_SIZE = 0.5
"""Taken off where neither size nor word is a stamp's: no more than that is wrong with most boxes of tables."""
NO_WORD = 0.4
"""Taken off where no degree's word is seen: double frames stand round tables and seals too."""
WORD_SEEN = 0.5
WORD_SURE, SINGLE = 0.8, 0.45
"""From this likeness a word that is none of secrecy settles what the frame is, unless a second frame is seen."""


class Meaning(Enum):
    SECRET = ("MAT", "TOI MAT", "TUYET MAT")
    NOT_SECRET = ("KHAN", "THUONG KHAN", "HOA TOC", "HOA TOC HEN GIO", "GIAI MAT")
    UNREADABLE = ()


@dataclass(frozen=True, slots=True)
class Stamp:
    """A secrecy stamp: where it was seen."""

    box: Box


def secrecy_mark(picture: Picture | Grey, dpi: float, engine: OcrEngine) -> Stamp | None:
    """The first secrecy stamp seen on the page, or None. The page may lie upside down, but not on its side."""
    factor = min(1.0, WORK_DPI / dpi)
    small = resized(picture, factor)
    mm = dpi * factor / 25.4
    settled: list[Frame] = []
    for ink, red in inks(small):
        for frame in frames(ink, mm):
            if any(_overlap(frame, other, mm) for other in settled):
                continue  # a part of a stamp that was told whole, or a red one with the print under it
            seen = looked_at(picture, factor, dpi, frame, red)
            if seen is None:
                continue
            found = _evidence(seen, engine)
            if found.sum >= (ENOUGH_ALONE if frame.alone else ENOUGH):
                return Stamp(_box(frame, small.shape))
            if found.settles:
                settled.append(frame)
    return None


def names_secrecy(lines: Iterable[str]) -> bool:
    """A line says nothing but a degree of secrecy: a stamp that was read as text."""
    return any(_meaning(line) == (Meaning.SECRET, 1) for line in lines if line.isupper() and len(line) <= 12)


# -- a frame judged ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Evidence:
    sum: float
    """What speaks for a degree of secrecy less what speaks against it."""
    settles: bool
    """The frame was told for sure to be another stamp."""


def _evidence(seen: FrameSeen, engine: OcrEngine) -> _Evidence:
    """The second frame, the word's shape and the word as read, weighed.

    Over 540 drawn stamps, half of them of secrecy, whole, faded, worn and over text: those of secrecy had 0.59 and
    more, the others less than 0.45, the frames on 349 real pages less than 0.53.
    """
    degree, other = _shapes(seen)
    found = min(seen.doubled, SECOND_FRAME) + WORD_SHAPE * max(-WORD_SHAPE_MOST, min(WORD_SHAPE_MOST, degree - other))
    of_a_stamp = _of_a_stamp(seen.size_mm) or degree >= WORD_SURE
    meaning, alike = _said(seen.inside, engine) if of_a_stamp else (Meaning.UNREADABLE, 0.0)
    worth = READ_WHOLE if alike == 1 else READ_NEARLY
    if meaning is Meaning.SECRET:
        found += worth
    elif meaning is Meaning.NOT_SECRET:
        found -= worth
    if not of_a_stamp:
        found -= NO_STAMPS_SIZE
    if degree < WORD_SEEN and meaning is not Meaning.SECRET:
        found -= NO_WORD
    read = meaning is Meaning.NOT_SECRET and alike >= READ_SURE
    return _Evidence(found, read or (other >= WORD_SURE and other > degree - 0.03 and seen.doubled < SINGLE))


def _shapes(seen: FrameSeen) -> tuple[float, float]:
    """How like the likest degree's word is to what stands in the frame, and the likest other one; where the frame has
    the width of a stamp, of that stamp's words."""
    degrees, others = (
        [word for word, wide in words.items() if abs(seen.size_mm[0] - wide) <= WIDTH_SLACK_MM] or list(words)
        for words in (DEGREES, OTHERS)
    )
    alike = likeness(seen.inside, (*degrees, *others))
    return max(alike[word] for word in degrees), max(alike[word] for word in others)


def _of_a_stamp(size_mm: tuple[float, float]) -> bool:
    """The size of a stamp, by its outer frame or, where that has worn off, its inner one."""
    width, height = size_mm
    return LEAST_HIGH_MM <= height <= MOST_HIGH_MM and any(abs(width - one) <= SIZE_SLACK_MM for one in STAMPS_MM)


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
            alike = SequenceMatcher(None, letters, wanted).ratio()
            if alike > best and abs(len(letters) - len(wanted)) <= 2:
                best, meant = alike, meaning
    return meant, best if meant is not Meaning.UNREADABLE else 0.0


# -- places -----------------------------------------------------------------------------------------------------------


def _overlap(frame: Frame, other: Frame, mm: float) -> bool:
    beside = abs(frame.x - other.x) < max(0.45 * other.width, 4 * mm)
    return same_place(frame, other, mm) or (beside and abs(frame.y - other.y) < 4 * mm)


def _box(frame: Frame, shape: tuple[int, ...]) -> Box:
    slope = math.radians(abs(frame.slope_deg))
    half_x = (frame.width * math.cos(slope) + frame.height * math.sin(slope)) / 2
    half_y = (frame.width * math.sin(slope) + frame.height * math.cos(slope)) / 2
    height, width = shape[:2]
    return Box(
        max(0.0, (frame.x - half_x) / width), max(0.0, (frame.y - half_y) / height),
        min(1.0, (frame.x + half_x) / width), min(1.0, (frame.y + half_y) / height),
    )  # fmt: skip
