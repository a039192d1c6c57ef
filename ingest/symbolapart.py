"""The symbol of a number row read once more by itself, where pen stands before its slash.

``Số:2062/SYT-NVY`` with the digits by hand comes out as one word, and its confidence is that of the pen. What is
printed behind the slash reads as well as any other print once it is cut off.
"""

from dataclasses import dataclass

import numpy as np

from ingest.extract.grammar import tidy_symbol
from ingest.extract.numberrow import NumberRow
from ingest.images import Grey, line_strip
from ingest.ocr.engine import Layout, OcrEngine
from schemas.pages import Box, Word

SURELY = 0.9
"""A symbol read with more confidence is not read again."""
STARTS = (0.4, 1.2, -0.4, 2.0)
"""Where to begin, in widths of a letter to the right of where the slash should end: pen is wider and narrower than
print, and a piece of it spoils the first letter."""
SIDE_PX = 4
ABOVE, BELOW = 0.25, 0.15
"""Room for marks and descenders, in heights of the line."""
CAPITALS = 0.62
"""Of the line's height, which runs from ascender to descender."""


def symbol_apart(page: Grey, dpi: float, row: NumberRow, engine: OcrEngine) -> Word | None:
    """The symbol of *row* read by itself, with the confidence it has there; *page* is the upright scan.

    None where it was read surely, or where it now reads otherwise: which of the two is right is not known.
    """
    place = _place(row)
    if place is None or min(word.confidence for word in place.words) > SURELY:
        return None
    read = [found for start in STARTS if (found := _read(page, dpi, row.row.height, place, start, engine)) is not None]
    return max(read, key=lambda word: word.confidence, default=None)


@dataclass(frozen=True, slots=True)
class _Place:
    """A symbol as it was read, the words it is of, where it begins and how wide a letter of it is."""

    symbol: str
    words: tuple[Word, ...]
    begins: float
    letter: float


def _place(row: NumberRow) -> _Place | None:
    if not row.parts.slash or not row.symbol_words:
        return None
    first = row.symbol_words[0]
    _number, slash, behind = first.text.rpartition("/")
    letter = first.box.width / max(len(first.text), 1)
    begins = first.box.x1 - letter * len(behind) if slash else first.box.x0
    return _Place(row.parts.symbol, row.symbol_words, begins, letter)


def _read(page: Grey, dpi: float, tall: float, place: _Place, start: float, engine: OcrEngine) -> Word | None:
    height, width = page.shape
    last = place.words[-1]
    x0, y0, x1, y1 = (value * size for value, size in zip(last.baseline, (width, height) * 2, strict=True))
    slope = (y1 - y0) / (x1 - x0) if x1 - x0 > 2 * tall * height else 0.0
    foot = y1 - slope * x1
    tall *= height
    begins = place.begins + start * place.letter
    strip = line_strip(
        page, (round(begins * width), round(last.box.x1 * width) + SIDE_PX), slope, foot,
        (-CAPITALS * tall, 0.0), (ABOVE * tall, BELOW * tall),
    )  # fmt: skip
    if strip is None:
        return None
    words = [word for read in engine.read(strip.image, dpi, Layout.STRIP) for word in read.words]
    if tidy_symbol("".join(word.text for word in words).lstrip("/|\\")) != place.symbol.rpartition("/")[2]:
        return None
    box = Box(max(begins, 0.0), last.box.y0, last.box.x1, last.box.y1)
    return Word(place.symbol, box, float(np.min([word.confidence for word in words])), last.baseline)
