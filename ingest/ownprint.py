"""Digits compared with the page's own print: what pen has put into a form line is unlike every digit typed there.

A reader takes pen for digits, and is sure of it now and then (``9`` read as ``2`` with 0.96). Whether a digit is print
shows beside the many others of its page: set in one face, they are alike dot by dot, whatever the scanner did to them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.extract.layout import Run
from ingest.images import Grey
from schemas.pages import Box, DigitsSeen, Line, Word

WIDE, HIGH = 20, 28
"""The raster on which digits are compared."""
SURELY = 0.8
"""Words read with less confidence are no samples of print."""
LEAST_HIGH = 0.3
"""Ink lower than this part of its word is a dot or a comma."""
SLANT = 0.27
"""Of italics, across by up: what is set upright in a number stands in italics in a date and in many a citation."""
SLIMNESS = 0.3
"""What a difference in slimness costs, by its logarithm: a 1 fits into every upright stroke."""
LEAST_PX = 6
"""Less ink is a speck."""
STACKED = 0.6
"""Pieces of ink that share so much of the narrower one's width are parts of one letter."""
MOST_SAMPLES = 12
"""Of one digit; more tell nothing new."""

Glyph = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Sample:
    """A piece of ink on the raster; ``box`` is that of its word."""

    raster: Glyph
    slimness: float
    box: Box


def digits_seen(page: Grey, lines: Sequence[Line], rows: Sequence[Run]) -> tuple[DigitsSeen, ...]:
    """How like the page's own print the digits of *rows*, those of number and date, are; *page* is the upright scan.

    Nothing comes of words with more or fewer pieces of ink than letters.
    """
    if not rows:
        return ()
    samples = _samples(page, _sure_words(lines, {word.box for row in rows for word in row.words}))
    return tuple(found for row in rows for found in _seen(page, row.words, samples))


def _sure_words(lines: Sequence[Line], doubtful: set[Box]) -> Iterator[Word]:
    """The words that are samples of print: of the rows in question only the year."""
    for line in lines:
        for word in line.words:
            if word.confidence >= SURELY and (word.box not in doubtful or _YEAR.fullmatch(word.text)):
                yield word


_YEAR = re.compile(r"(?:19|20)\d\d\W?")
_NO_PIECE = ".,;:-–()\"'“”"


def _samples(page: Grey, words: Iterable[Word]) -> dict[str, list[_Sample]]:
    found: defaultdict[str, list[_Sample]] = defaultdict(list)
    for word in words:
        letters = [c for c in word.text if c not in _NO_PIECE]
        if not any(_is_digit(c) and len(found[c]) < MOST_SAMPLES for c in letters):
            continue
        pieces = _pieces(page, word.box)
        if len(pieces) != len(letters):
            continue
        for letter, piece in zip(letters, pieces, strict=True):
            if _is_digit(letter) and len(found[letter]) < MOST_SAMPLES:
                found[letter].append(_sample(piece, word.box))
    return dict(found)


def _is_digit(letter: str) -> bool:
    return letter.isdigit() and letter.isascii()


def _seen(page: Grey, words: Sequence[Word], samples: dict[str, list[_Sample]]) -> Iterator[DigitsSeen]:
    for word in words:
        digits = re.search(r"\d{1,6}", word.text)
        if digits is None:
            continue
        letters = [c for c in word.text if c not in _NO_PIECE]
        pieces = _pieces(page, word.box)
        at = next(i for i, c in enumerate(letters) if c.isdigit())
        known = []
        for letter, piece in zip(digits[0], pieces[at : at + len(digits[0])], strict=False):
            if others := [sample for sample in samples.get(letter, ()) if sample.box != word.box]:
                known.append(max(_likeness(way, other) for way in _ways(piece, word.box) for other in others))
        if known and len(pieces) == len(letters):  # else a digit may be lost: ``1`` where 11 stands
            yield DigitsSeen(word.box, digits[0], min(known), len(known))


def _pieces(page: Grey, box: Box) -> list[Grey]:
    """The pieces of ink of a word from left to right, without dots."""
    height, width = page.shape
    room = 0.15 * box.height
    crop = page[max(0, round((box.y0 - room) * height)) : round((box.y1 + room) * height) + 1,
                max(0, round(box.x0 * width)) : round(box.x1 * width) + 1]  # fmt: skip
    if min(crop.shape, default=0) < 6:
        return []
    _level, ink = cv2.threshold(crop, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    _count, labels, stats, _centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    pieces = [_Ink((number,), x, y, x + w, y + h)
              for number, (x, y, w, h, area) in enumerate(stats.tolist()) if number and area >= LEAST_PX]  # fmt: skip
    letters: list[_Ink] = []
    for piece in sorted(pieces, key=lambda found: found.x0):
        if letters and _one_above_the_other(letters[-1], piece):
            letters[-1] = letters[-1].joined(piece)
        else:
            letters.append(piece)
    least = LEAST_HIGH * box.height * height
    return [_cut(np.asarray(labels, np.int32), letter) for letter in letters if letter.y1 - letter.y0 >= least]


@dataclass(frozen=True, slots=True)
class _Ink:
    """A piece of ink, or several, by the numbers of their pixels."""

    numbers: tuple[int, ...]
    x0: int
    y0: int
    x1: int
    y1: int

    def joined(self, other: "_Ink") -> "_Ink":
        return _Ink(
            self.numbers + other.numbers,
            min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1),
        )  # fmt: skip


def _one_above_the_other(letter: _Ink, piece: _Ink) -> bool:
    """Parts of one letter: a mark over it, the flag of a 5 that the scan has torn off."""
    shared = min(letter.x1, piece.x1) - max(letter.x0, piece.x0)
    return shared >= STACKED * min(letter.x1 - letter.x0, piece.x1 - piece.x0)


def _cut(labels: NDArray[np.int32], letter: _Ink) -> Grey:
    crop = labels[letter.y0 : letter.y1, letter.x0 : letter.x1]
    own = crop == letter.numbers[0] if len(letter.numbers) == 1 else np.isin(crop, letter.numbers)
    return np.asarray(own * 255, np.uint8)


def _sample(piece: Grey, box: Box) -> _Sample:
    height, width = piece.shape
    wide = max(2, min(round(width * HIGH / height), WIDE))
    raster = np.zeros((HIGH, WIDE), np.float32)
    left = (WIDE - wide) // 2
    raster[:, left : left + wide] = cv2.resize(piece, (wide, HIGH), interpolation=cv2.INTER_AREA)
    soft = np.asarray(cv2.GaussianBlur(raster, (0, 0), 1.0), np.float32)
    soft -= soft.mean()
    return _Sample(np.asarray(soft / (np.linalg.norm(soft) + 1e-6), np.float32), width / height, box)


def _ways(piece: Grey, box: Box) -> tuple[_Sample, ...]:
    """The digit as it is, leaning as italics do, and set upright if it leans."""
    return tuple(_sample(_leaning(piece, slant), box) for slant in (0.0, SLANT, -SLANT))


def _leaning(piece: Grey, slant: float) -> Grey:
    if not slant:
        return piece
    height, width = piece.shape
    room = round(abs(slant) * height)
    move = np.array([[1, -slant, slant * height if slant > 0 else 0.0], [0, 1, 0]], float)
    leant = cv2.warpAffine(piece, move, (width + room, height), flags=cv2.INTER_LINEAR)
    inked = np.flatnonzero(leant.max(axis=0) > 127)
    return np.asarray(leant[:, inked[0] : inked[-1] + 1] if len(inked) else leant, np.uint8)


def _likeness(one: _Sample, other: _Sample) -> float:
    """1 the same, 0 nothing in common; slimness counts, for a 1 fits into every upright stroke."""
    slim = abs(float(np.log(one.slimness / other.slimness)))
    return float((one.raster * other.raster).sum()) - SLIMNESS * slim
