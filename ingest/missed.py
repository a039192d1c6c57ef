"""Rows of print that the engine's layout left out (a title, a signer's name beside a seal), read once more by
themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from ingest import images
from ingest.images import MM_PER_INCH, SKEW_DPI, Grey
from ingest.ocr.engine import EngineLine, EngineWord, Layout, OcrEngine, PixelBox

CONFIDENCE = 0.6
"""Below it what was read apart from the lines is pen and seal."""
MOST_ROWS = 6
"""Of more rows the layout lost a good part of the page: what is left is read as words anywhere, which takes as long as
15 rows do."""
LEAST_ROW_MM = 12.0
GAP_MM = 6.0
"""As far apart words of a row may stand (``Điều 1.  Cấp``)."""
BESIDE_MM, ABOVE = 3.0, 0.35
"""How much more than a row's letters is cut out with it, ``ABOVE`` by its height: letters that hang together with a
seal or a pen are not seen as such, and marks stand apart."""


def with_missed(lines: tuple[EngineLine, ...], page: Grey, dpi: float, engine: OcrEngine) -> tuple[EngineLine, ...]:
    """The lines, and between them those that the engine's layout left out: rows that look like print and bear no
    words."""
    words = [word for line in lines for word in line.words]
    taken = [(word.box.x0, word.box.y0, word.box.x1, word.box.y1) for word in words]
    rows = unread_rows(page, taken, dpi)
    if not rows:
        return lines
    found = [
        line for line in _read(_without(page, taken, dpi), rows, dpi, engine)
        if line.confidence >= CONFIDENCE and not _is_piece(line, words)
    ]  # fmt: skip
    merged = list(lines)
    for line in found:
        middle = (line.box.y0 + line.box.y1) / 2
        place = next(
            (n for n, other in enumerate(merged) if other.box.y0 > middle and _share_column(other, line)), len(merged)
        )
        before = merged[place - 1] if place else None
        near = before is not None and line.box.y0 - before.box.y1 < line.box.height
        block, paragraph = (before.block, before.paragraph) if before is not None and near else (-1, -1)
        merged.insert(place, replace(line, block=block, paragraph=paragraph))
    return tuple(merged)


def unread_rows(page: Grey, taken: Sequence[tuple[int, int, int, int]], dpi: float) -> list[PixelBox]:
    """Where rows of letters, 12 mm long and more, lie outside the *taken* boxes (x0, y0, x1, y1); from the top down."""
    low = min(1.0, SKEW_DPI / dpi)
    mm = dpi * low / MM_PER_INCH
    pad = _pad(dpi)
    ink = images.ink_mask(images.resized(page, low))
    for x0, y0, x1, y1 in taken:
        ink[_cut(y0 - pad, low) : _cut(y1 + pad, low) + 1, _cut(x0 - pad, low) : _cut(x1 + pad, low) + 1] = 0
    across = np.ones((1, images.odd(2.5 * mm)), np.uint8)
    joined = np.asarray(cv2.morphologyEx(images.letters_of(ink, mm), cv2.MORPH_CLOSE, across), np.uint8)
    _count, _labels, stats, _centres = cv2.connectedComponentsWithStats(joined, connectivity=8)
    pieces = [
        (PixelBox(x, y, x + width, y + height), width > LEAST_ROW_MM * mm and area > 0.35 * width * height)
        for x, y, width, height, area in stats[1:].tolist()
        if 1.2 * mm < height < 7 * mm
    ]
    rows = dict.fromkeys(_whole(row, [piece for piece, _long in pieces], GAP_MM * mm) for row, long in pieces if long)
    return [PixelBox(*(round(edge / low) for edge in (row.x0, row.y0, row.x1, row.y1))) for row in rows]


def _whole(row: PixelBox, pieces: Sequence[PixelBox], gap: float) -> PixelBox:
    """The *row* with those *pieces* that go on with it to its left or right, at most *gap* apart."""
    for piece in sorted(pieces, key=lambda piece: max(piece.x0 - row.x1, row.x0 - piece.x1)):
        shared = min(row.y1, piece.y1) - max(row.y0, piece.y0)
        if max(piece.x0 - row.x1, row.x0 - piece.x1) < gap and shared > 0.5 * min(row.height, piece.height):
            row = PixelBox(min(row.x0, piece.x0), min(row.y0, piece.y0), max(row.x1, piece.x1), max(row.y1, piece.y1))
    return row


def _without(page: Grey, taken: Sequence[tuple[int, int, int, int]], dpi: float) -> Grey:
    """The page with the *taken* boxes painted over."""
    pad = _pad(dpi)
    rest = page.copy()
    for x0, y0, x1, y1 in taken:
        rest[_cut(y0 - pad, 1) : _cut(y1 + pad, 1), _cut(x0 - pad, 1) : _cut(x1 + pad, 1)] = 255
    return rest


def _pad(dpi: float) -> float:
    return 0.2 * dpi / MM_PER_INCH


def _cut(place: float, factor: float) -> int:
    return max(0, round(place * factor))


def _read(rest: Grey, rows: Sequence[PixelBox], dpi: float, engine: OcrEngine) -> Iterator[EngineLine]:
    """What the *rows* say; of many rows, what all of the *rest* says."""
    if len(rows) > MOST_ROWS:
        yield from engine.read(rest, dpi, Layout.SPARSE)
        return
    beside = BESIDE_MM * dpi / MM_PER_INCH
    for row in rows:
        x0, y0 = _cut(row.x0 - beside, 1), _cut(row.y0 - ABOVE * row.height, 1)
        piece = rest[y0 : round(row.y1 + ABOVE * row.height), x0 : round(row.x1 + beside)]
        for line in engine.read(np.ascontiguousarray(piece), dpi, Layout.BLOCK):
            yield _moved(line, x0, y0)


def _moved(line: EngineLine, x: int, y: int) -> EngineLine:
    """The line in the pixels of the page that its piece was cut out of at *x*, *y*."""

    def box(of: PixelBox) -> PixelBox:
        return PixelBox(of.x0 + x, of.y0 + y, of.x1 + x, of.y1 + y)

    words = (
        EngineWord(
            word.text, box(word.box), word.confidence,
            (word.baseline[0] + x, word.baseline[1] + y, word.baseline[2] + x, word.baseline[3] + y),
        )
        for word in line.words
    )  # fmt: skip
    return replace(line, words=tuple(words), box=box(line.box))


def _is_piece(line: EngineLine, words: Sequence[EngineWord]) -> bool:
    """A single sign close beside a word: a stroke of its letters that its box, drawn too narrow, left out."""
    return len(line.text) == 1 and any(
        max(word.box.x0 - line.box.x1, line.box.x0 - word.box.x1) < 0.15 * line.box.height
        and min(word.box.y1, line.box.y1) - max(word.box.y0, line.box.y0) > 0.5 * line.box.height
        for word in words
    )


def _share_column(first: EngineLine, second: EngineLine) -> bool:
    return min(first.box.x1, second.box.x1) > max(first.box.x0, second.box.x0)
