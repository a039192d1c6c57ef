"""Rows that the layout lost: where a seal, a pen or a fold runs through print, the first reading breaks its lines.

Its words left of the spot and right of it still say where the row runs. So the stretch between them, or up to the edge
of the column that the rows above and below keep, is cut out along the row and read by itself, and the better of both is
kept. Only stretches with print-like ink that no word covers are read again, with the doubted words beside it; doubted
words alone are left to ``ingest.secondreading``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import linear_regression, median

import numpy as np

from ingest.images import Grey, line_strip
from ingest.ocr.engine import EngineLine, EngineWord, Layout, OcrEngine, PixelBox
from ingest.secondreading import core

SURE = 0.8
"""Words from which a row's place is taken."""
DOUBTED, LOST = 0.6, 0.3
"""Words below the first beside a gap are read again with it; what is read with less than the second is no text."""
WORTH = 0.45
"""A letter counts for as much as its confidence lies above this; below, against the reading that has it."""
LEAST_GAIN = 0.5
"""In letters of full worth; a stretch read no better than that stays as it was."""
LEAST_GAP = 0.9
"""Width of a gap, in heights of the row, that may hide a word; spaces of justified lines stay below."""
PITCH = 4.5
"""Rows no farther apart than this, in heights, tell each other where their column begins and ends."""
INKED = (0.35, 0.07, 0.6)
"""Print: the least share of the columns of pixels that bear ink, and the least and greatest share of all pixels."""
BUDGET = 0.35
"""At most this part of the width of all rows is read again, the poorest first."""
ABOVE, BELOW = 0.42, 0.25
SIDE_PX = 3
DARK = 128


@dataclass(frozen=True, slots=True)
class Row:
    """Where a line of print runs: its baseline is ``y = slope · x + foot``; *core* is where its letters begin and end
    above and below that, *height* from ascender to descender; all in pixels."""

    line: int
    slope: float
    foot: float
    core: tuple[float, float]
    height: float
    x0: int
    x1: int

    def base(self, x: float) -> float:
        return self.slope * x + self.foot


@dataclass(frozen=True, slots=True)
class _Stretch:
    row: Row
    x0: int
    x1: int
    words: tuple[tuple[int, EngineWord], ...]
    """What the first reading has there, each with the number of its line."""


def relined(page: Grey, lines: Sequence[EngineLine], dpi: float, engine: OcrEngine) -> tuple[EngineLine, ...]:
    """The lines with their lost stretches read again by *engine*; the same lines where nothing was lost."""
    rows = _rows(lines)
    if not rows:
        return tuple(lines)
    found = [stretch for row in rows for stretch in _stretches(row, rows, lines, page)]
    left = BUDGET * sum(row.x1 - row.x0 for row in rows)
    current = [list(line.words) for line in lines]
    joined: dict[int, int] = {}
    for stretch in sorted(found, key=lambda stretch: _worth([word for _line, word in stretch.words])):
        left -= stretch.x1 - stretch.x0
        if left < 0:
            break
        again = _read(page, stretch, dpi, engine)
        before = [word for _line, word in stretch.words]
        if _worth(again) < _worth(before) + LEAST_GAIN or _letters(again) < _letters(before):
            continue
        for number, word in stretch.words:
            if word in current[number]:
                current[number].remove(word)
            if number != stretch.row.line and _same_row(stretch.row, lines[number]):
                joined[number] = stretch.row.line
        kept = [word for words in current for word in words]
        current[stretch.row.line] += [word for word in again if not _covered(word, kept)]
    return _put_together(lines, current, joined)


def _rows(lines: Sequence[EngineLine]) -> list[Row]:
    """The rows of those lines of which enough was read surely."""
    heights = [line.height_px for line in lines if line.height_px > 0]
    if not heights:
        return []
    common = median(heights)
    found = []
    for number, line in enumerate(lines):
        sure = [w for w in line.words if w.confidence >= SURE and w.box.height < 2.2 * common and len(w.text) > 1]
        if len(sure) < 2 or not 0.4 * common < line.height_px < 2.2 * common:
            continue
        slope, foot = _baseline(sure, line.height_px)
        most = core(sure, slope, foot)
        height = min(line.height_px, 1.6 * (most[1] - most[0]))
        found.append(Row(number, slope, foot, most, height, min(w.box.x0 for w in sure), max(w.box.x1 for w in sure)))
    return found


def _baseline(words: Sequence[EngineWord], height: float) -> tuple[float, float]:
    xs = [x for w in words for x in (w.baseline[0], w.baseline[2])]
    ys = [y for w in words for y in (w.baseline[1], w.baseline[3])]
    if max(xs) - min(xs) < 6 * height:
        return 0.0, median(ys)
    slope = linear_regression(xs, ys).slope
    return slope, median(y - slope * x for x, y in zip(xs, ys, strict=True))


def _stretches(row: Row, rows: Sequence[Row], lines: Sequence[EngineLine], page: Grey) -> list[_Stretch]:
    """The stretches of a row that were lost, left to right."""
    words = sorted(
        ((number, word) for number, line in enumerate(lines) if _reaches(row, line)
         for word in line.words if _stands_in(row, word)),
        key=lambda pair: pair[1].box.x0,
    )  # fmt: skip
    left, right = _edges(row, rows)
    left, right = min(left, row.x0), max(right, row.x1)
    words = [(number, word) for number, word in words if word.box.x1 > left and word.box.x0 < right]
    pieces: list[tuple[int, int, tuple[tuple[int, EngineWord], ...], bool]] = []
    end = left
    for number, word in words:
        gap = _inked_gap(row, end, word.box.x0, page)
        if gap is not None:
            pieces.append((*gap, (), True))
        tall = word.box.height > 1.5 * row.height
        pieces.append((word.box.x0, word.box.x1, ((number, word),), word.confidence < DOUBTED))
        end = max(end, word.box.x1 if not tall else word.box.x0)
    gap = _inked_gap(row, end, right, page)
    if gap is not None:
        pieces.append((*gap, (), True))
    found: list[_Stretch] = []
    run: list[tuple[int, int, tuple[tuple[int, EngineWord], ...], bool]] = []
    for piece in [*pieces, None]:
        if piece is not None and piece[3]:
            run.append(piece)
            continue
        if any(not held for _x0, _x1, held, _lost in run):
            x0, x1 = min(p[0] for p in run), max(p[1] for p in run)
            found.append(_Stretch(row, x0, x1, tuple(pair for p in run for pair in p[2])))
        run = []
    return found


def _reaches(row: Row, line: EngineLine) -> bool:
    """Words of the line may stand in the row: the rest need not be looked at one by one."""
    box = line.box
    left, right = row.base(box.x0), row.base(box.x1)
    high, low = (left, right) if left < right else (right, left)
    return box.y0 <= low + row.height and box.y1 >= high + row.core[0] - row.height


def _stands_in(row: Row, word: EngineWord) -> bool:
    """The word's middle lies between the row's ascenders and its baseline."""
    base = row.base((word.box.x0 + word.box.x1) / 2)
    middle = (word.box.y0 + word.box.y1) / 2
    return base + row.core[0] - 0.1 * row.height < middle < base + 0.15 * row.height


def _edges(row: Row, rows: Sequence[Row]) -> tuple[int, int]:
    """Where the rows just above and below begin and end, if they are of this row's column and size."""
    middle = (row.x0 + row.x1) / 2
    base, reach = row.base(middle), PITCH * row.height
    near = [o for o in rows if abs(o.base(middle) - base) < reach and o is not row and _in_column(row, o)]
    return min((o.x0 for o in near), default=row.x0), max((o.x1 for o in near), default=row.x1)


def _in_column(row: Row, other: Row) -> bool:
    """Of the same size, and over or under half of the shorter one."""
    shared = min(other.x1, row.x1) - max(other.x0, row.x0)
    return shared > 0.5 * min(other.x1 - other.x0, row.x1 - row.x0) and 0.7 < other.height / row.height < 1.4


def _inked_gap(row: Row, x0: int, x1: int, page: Grey) -> tuple[int, int] | None:
    """The part of the gap that bears ink like print's, None where there is none wide enough for a word."""
    if x1 - x0 < LEAST_GAP * row.height:
        return None
    base = row.base((x0 + x1) / 2)
    top, foot = max(0, round(base - 0.42 * row.height)), max(0, round(base - 0.04 * row.height))
    band = page[top:foot, x0:x1] < DARK
    if band.size == 0:
        return None
    inked = np.flatnonzero(band.any(axis=0))
    if inked.size == 0:
        return None
    first, last = int(inked[0]), int(inked[-1]) + 1
    if last - first < 0.7 * row.height:
        return None
    columns, least, most = INKED
    piece = band[:, first:last]
    if inked.size < columns * (last - first) or not least < float(piece.mean()) < most:
        return None
    return x0 + first, x0 + last


def _read(page: Grey, stretch: _Stretch, dpi: float, engine: OcrEngine) -> list[EngineWord]:
    row = stretch.row
    strip = line_strip(
        page, (stretch.x0 - SIDE_PX, stretch.x1 + SIDE_PX), row.slope, row.foot, row.core,
        (ABOVE * row.height, BELOW * row.height),
    )  # fmt: skip
    if strip is None:
        return []
    found = []
    for line in engine.read(strip.image, dpi, Layout.STRIP):
        for word in line.words:
            x0, x1 = word.box.x0 + strip.x0, word.box.x1 + strip.x0
            shift = strip.top + row.base((x0 + x1) / 2)
            y0 = max(round(word.box.y0 + shift), round(row.base(x0) + row.core[0] - ABOVE * row.height))
            y1 = min(round(word.box.y1 + shift), round(row.base(x0) + row.core[1] + BELOW * row.height))
            box = PixelBox(x0, y0, x1, max(y1, y0 + 1))
            found.append(EngineWord(word.text, box, word.confidence, (x0, row.base(x0), x1, row.base(x1))))
    return [word for word in found if word.confidence >= LOST and any(c.isalnum() for c in word.text)]


def _worth(words: Sequence[EngineWord]) -> float:
    return sum(len(word.text) * (word.confidence - WORTH) for word in words)


def _letters(words: Sequence[EngineWord]) -> int:
    return sum(len(word.text) for word in words)


def _covered(word: EngineWord, others: Sequence[EngineWord]) -> bool:
    """Most of the word lies where another stands already, of whichever line."""
    return any(
        min(word.box.x1, other.box.x1) - max(word.box.x0, other.box.x0) > 0.5 * word.box.width
        and min(word.box.y1, other.box.y1) - max(word.box.y0, other.box.y0) > 0.5 * word.box.height
        for other in others
    )


def _same_row(row: Row, line: EngineLine) -> bool:
    x = (line.box.x0 + line.box.x1) / 2
    feet = [y for word in line.words for y in (word.baseline[1], word.baseline[3])]
    return abs(median(feet) - row.base(x)) < 0.35 * row.height


def _put_together(
    lines: Sequence[EngineLine], current: list[list[EngineWord]], joined: dict[int, int]
) -> tuple[EngineLine, ...]:
    """The lines with their words as they are now; those that are one row in one, and none without words."""
    for number, home in joined.items():
        while home in joined and joined[home] != number:
            home = joined[home]
        if home != number:
            current[home] += [word for word in current[number] if not _covered(word, current[home])]
            current[number] = []
    found = []
    for line, words in zip(lines, current, strict=True):
        if tuple(words) == line.words:
            found.append(line)
        elif words:
            words.sort(key=lambda word: word.box.x0)
            box = PixelBox(min(w.box.x0 for w in words), min(w.box.y0 for w in words),
                           max(w.box.x1 for w in words), max(w.box.y1 for w in words))  # fmt: skip
            found.append(replace(line, words=tuple(words), box=box))
    return tuple(found)
