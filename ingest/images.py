"""Page images as arrays: decoding, turning, straightening, and the clean-up that reading needs.

Pure functions. ``Picture`` is rows × columns × 3 in the order blue, green, red; ``Grey`` is rows × columns, 0 black to
255 white. Lengths in millimetres are turned into pixels by the page's dpi.
"""

import io
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import Box, Turn

Picture = NDArray[np.uint8]
Grey = NDArray[np.uint8]
Mask = NDArray[np.uint8]
"""Rows × columns, 255 where something is and 0 elsewhere."""
Affine = NDArray[np.float64]
"""2 × 3: from the pixels of one image to those of another."""

MM_PER_INCH = 25.4
SKEW_LIMIT_DEG = 15.0
SKEW_DPI = 75.0
"""Skew is measured at this resolution: 0.05° are still seen there, and a page takes 15 ms instead of 100."""

BLACKER_THAN = 64
"""Grey levels: what is darker all over is the scanner's lid, or a bar."""

Image.MAX_IMAGE_PIXELS = None  # the limit is checked when the page is taken out of its scan


# -- decoding and turning -----------------------------------------------------------------------------------------


def decoded(content: bytes) -> Picture | Grey:
    """The encoded image as a picture, or as grey where it has no colours. InputRejected when it is damaged."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.format == "JPEG" and image.mode in ("L", "RGB"):  # OpenCV takes 38 ms a page where Pillow takes 99
                flags = cv2.IMREAD_GRAYSCALE if image.mode == "L" else cv2.IMREAD_COLOR
                read = cv2.imdecode(np.frombuffer(content, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
                if read is not None and read.shape[1::-1] == image.size:
                    return np.asarray(read, np.uint8)
            if image.mode == "1":  # converted first, the page takes 8 ms instead of 3
                grey = np.frombuffer(image.tobytes("raw", "L"), np.uint8)
                return grey.reshape(image.height, image.width)
            if image.mode in ("L", "I;16", "I", "F"):
                return np.asarray(image.convert("L"))
            return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
    except (OSError, ValueError, SyntaxError) as error:
        raise InputRejected(
            _("the image is damaged or cut off ({error}); scan it again").format(error=error)
        ) from error


def turned(image: Picture | Grey, turn: Turn) -> Picture | Grey:
    """The image turned clockwise by quarter turns; its pixels are only moved."""
    return image if turn == 0 else np.ascontiguousarray(np.rot90(image, -turn // 90))


def resized(image: Picture | Grey, factor: float) -> Picture | Grey:
    """The image at *factor* times its size; brought down by halves and a rest, a fifth of the time of ``INTER_AREA`` by
    an uneven factor."""
    if factor == 1:
        return image
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    while factor <= 0.5 and min(image.shape[:2]) > 1:
        image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        factor *= 2
    way = cv2.INTER_LINEAR if factor <= 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


# -- colour -------------------------------------------------------------------------------------------------------

CHROMA = 48
"""Difference of the strongest and weakest colour from which ink counts as coloured; JPEG leaves fringes of up to 40
beside black letters."""
COLOURED_SHARE = 0.0003
"""With less of it coloured, a page is read as it stands: no seal is that small."""
PRINT_HEIGHT_MM = 12.0
"""Coloured marks up to this height may be print (stamps of secrecy and urgency are 8 mm); seals and signatures are
higher."""


def coloured_ink(picture: Picture, dpi: float) -> Mask | None:
    """Where seals, signatures and pen strokes in colour lie; None on a page without. Red or blue print is no part of
    it: marks in colour that stand in a row of letters."""
    height, width = picture.shape[:2]
    half = resized(picture, 0.5)
    chroma = np.asarray(cv2.subtract(*_extremes(half)), np.uint8)
    mask = np.asarray(cv2.threshold(chroma, CHROMA, 255, cv2.THRESH_BINARY)[1], np.uint8)
    if cv2.countNonZero(mask) < COLOURED_SHARE * mask.size:
        return None
    mm = dpi / 2 / MM_PER_INCH
    if _tone(chroma, 0.5) > CHROMA:  # the paper itself is coloured
        return None
    # letters of one word grow together; lines of 12 points, 2 mm apart, do not
    clusters = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_RECT, (odd(1.6 * mm), odd(0.5 * mm))))
    count, labels, stats, _centres = cv2.connectedComponentsWithStats(clusters, connectivity=8)
    high = stats[:, cv2.CC_STAT_HEIGHT] > PRINT_HEIGHT_MM * mm
    high[0] = False
    drop = high.copy()
    boxes = stats[:, :4]
    for x, y, w, h in boxes[high]:  # what stands within a seal goes with it
        inside = (boxes[:, 0] >= x) & (boxes[:, 1] >= y)
        inside &= (boxes[:, 0] + boxes[:, 2] <= x + w) & (boxes[:, 1] + boxes[:, 3] <= y + h)
        drop |= inside
    drop[0] = False
    if not drop.any() or count < 2:
        return None
    dropped = np.where(drop[labels], np.uint8(255), np.uint8(0))
    dropped = cv2.dilate(dropped, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(dropped, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _extremes(picture: Picture) -> tuple[Grey, Grey]:
    """The strongest and the weakest of the three colours, pixel by pixel; numpy takes thirty times as long."""
    blue, green, red = cv2.split(picture)
    strongest, weakest = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
    return np.asarray(strongest, np.uint8), np.asarray(weakest, np.uint8)


def grey(image: Picture | Grey) -> Grey:
    """The image without its colours, all inks alike."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def without_ink(picture: Picture, ink: Mask) -> Grey:
    """The page in grey, where *ink* is with the strongest of its three colours only: there coloured ink is nearly as
    bright as paper, while black print under it stays dark."""
    plain = grey(picture)
    paper = _tone(plain[::8, ::8], 0.75)
    # ink at its palest channel lies between print (below 110) and paper: lift it to the paper
    lifted = np.interp(np.arange(256), [0, 90, 150, 255], [0, 90, max(paper, 150), 255]).astype(np.uint8)
    return np.where(ink > 0, cv2.LUT(_extremes(picture)[0], lifted), plain)


# -- noise --------------------------------------------------------------------------------------------------------

SPECKLED = 0.35
"""Of the dark points of a clean page a median of nine takes 5 to 20 %; where it takes more, most of them are dust, or
the letters are as thin as that."""
DUST_PX = 4
DUSTY = 0.15
"""Share of the dark points that stand in specks of up to ``DUST_PX``: below 3 % where thin letters are all there is."""
DARK = 128


def despeckled(page: Grey) -> Grey:
    """The page without specks of a pixel or two, where it is full of them; else the page as it stands.

    Tesseract takes minutes for a page of grains, each of which may be a letter. Faint print and letters of 100 dpi,
    which the same filter would take away, are no reason for it.
    """
    level = math.ceil(_ink_level(page))
    dark = np.asarray(cv2.inRange(page, 0, level - 1), np.uint8)
    count = cv2.countNonZero(dark)
    if not count:
        return page
    smooth = cv2.medianBlur(page, 3)
    left = np.asarray(cv2.inRange(smooth, 0, level - 1), np.uint8)
    gone = count - cv2.countNonZero(cv2.bitwise_and(dark, left, dst=left))
    if (gone > SPECKLED * count and _dust(dark) > DUSTY * count) or _grain(page) > GRAINY:
        return np.asarray(smooth, np.uint8)
    return page


def _ink_level(page: Grey) -> float:
    """What is darker is ink: half of the way from black to white, or on faint pages from their ink to their paper."""
    sample = page[::4, ::4]
    paper = _tone(sample, 0.5)
    return max(float(DARK), (_tone(sample, 0.01) + paper) / 2) if paper > 2 * DARK - 96 else DARK


def _tone(page: Grey, share: float, *, under: int = 256) -> int:
    """Of the points darker than *under*, the grey that this *share* is not lighter than; 255 where there are none.
    numpy's percentile takes ten times as long."""
    below = np.cumsum(_tones(page)[:under])
    return min(255, int(np.searchsorted(below, share * below[-1])) if below[-1] else 255)


def _tones(page: Grey) -> NDArray[np.float64]:
    """How many points of each of the 256 greys there are."""
    counts = cv2.calcHist([np.ascontiguousarray(page)], [0], None, [256], [0, 256])
    return np.asarray(counts, np.float64).ravel()


def _dust(dark: Mask) -> int:
    """How many of the dark points stand in specks."""
    count, _labels, stats, _centres = cv2.connectedComponentsWithStats(dark, connectivity=8)
    areas = stats[1:count, cv2.CC_STAT_AREA]
    return int(areas[areas <= DUST_PX].sum())


GRAINY = 6.0
"""Standard deviation of grey from pixel to pixel; scanners' own is below 2 after their JPEG."""


def _grain(page: Grey) -> float:
    """The noise of even paper (Immerkær's mask; the median leaves print out)."""
    middle = page.shape[0] // 2
    piece = page[max(0, middle - 150) : middle + 150]
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return _tone(np.asarray(cv2.convertScaleAbs(cv2.filter2D(piece, cv2.CV_16S, mask)), np.uint8), 0.5) / 6 * 1.48


PAPER_SPREAD = 24
"""Grey this much darker than the paper is paper still."""
FAINT = 80
"""Where not even the darkest twentieth of the print is darker, the page is faint."""


def on_white(page: Grey) -> Grey:
    """The page with its paper white, and its print black where it is faint. On a page with a line or two Tesseract's
    threshold (Otsu) would else part the paper's own grains instead of paper and ink."""
    paper = _tone(page[::4, ::4], 0.5)
    if paper < 2 * DARK - 96:  # dark for other reasons
        return page
    ink = _faintest(page, paper)
    if paper == 255 and ink == 0:
        return page
    white = paper if paper == 255 else max(1, paper - PAPER_SPREAD)
    steps = (np.arange(256, dtype=np.float32) - ink) * 255 / max(1, white - ink)
    return np.asarray(cv2.LUT(page, np.clip(steps, 0, 255).astype(np.uint8)), np.uint8)


def _faintest(page: Grey, paper: int) -> int:
    """How dark the print of a faint page is; 0 where print is black enough."""
    sample, under = page[::3, ::3], paper - 2 * PAPER_SPREAD
    if _tones(sample)[:under].sum() < 200:
        return 0
    darkest = _tone(sample, 0.05, under=under)
    return darkest if FAINT < darkest < under - 16 else 0


# -- ink, orientation, skew ---------------------------------------------------------------------------------------


def ink_mask(page: Grey) -> Mask:
    """Where the page is darker than its surroundings: letters, lines, pen. Even grey tones are no ink."""
    size = odd(max(15, min(page.shape) // 20))
    paper = cv2.blur(page, (size, size))
    darker = cv2.subtract(paper, page)
    return np.asarray(cv2.threshold(darker, 40, 255, cv2.THRESH_BINARY)[1], np.uint8)


def lies_on_its_side(letters: Mask, dpi: float) -> bool:
    """The lines of text run up or down the page. *letters* at about ``SKEW_DPI``."""
    mm = dpi / MM_PER_INCH
    across = np.asarray(cv2.morphologyEx(letters, cv2.MORPH_CLOSE, np.ones((1, odd(2 * mm)), np.uint8)), np.uint8)
    down = np.asarray(cv2.morphologyEx(letters, cv2.MORPH_CLOSE, np.ones((odd(2 * mm), 1), np.uint8)), np.uint8)
    wide = _long_runs(across, 12 * mm, 0)
    tall = _long_runs(down, 12 * mm, 1)
    return tall > 2 * wide and tall > 20


def _long_runs(mask: Mask, length: float, axis: int) -> float:
    kernel = (1, max(3, round(length))) if axis == 0 else (max(3, round(length)), 1)
    opened = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones(kernel, np.uint8))
    return cv2.countNonZero(opened) / length


def letters_of(ink: Mask, mm: float) -> Mask:
    """The marks of the size of letters: no rules, frames, figures, black borders or dust."""
    few = cv2.countNonZero(ink) < 1 << 16  # so are the marks: their numbers fit into 16 bits, which halves the time
    count, labels, stats, _centres = cv2.connectedComponentsWithStats(
        ink, connectivity=8, ltype=cv2.CV_16U if few else cv2.CV_32S
    )
    if count < 2:
        return ink
    width, height = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    keep = (np.maximum(width, height) >= 0.8 * mm) & (height <= 10 * mm) & (width <= 25 * mm)
    keep[0] = False
    places: NDArray[np.integer[Any]] = np.asarray(labels)
    return np.take(np.where(keep, np.uint8(255), np.uint8(0)), places)


def skew_deg(letters: Mask) -> float:
    """The slope of the text lines in degrees, counter-clockwise positive, within ±15; 0 where no lines are seen.

    The angle at which the rows of ink differ most from row to row (Postl's projection profile), first in steps of 1°,
    then 0.25° and 0.05°. *letters* at about ``SKEW_DPI``.
    """
    points = np.argwhere(letters > 0).astype(np.float32)
    if len(points) < 200:
        return 0.0
    if len(points) > 30000:
        points = points[:: len(points) // 30000 + 1]
    rows, columns = points[:, 0], points[:, 1]
    size = int(rows.max() + columns.max()) + 4

    def sharpness(angle: float) -> float:
        slope = math.tan(math.radians(angle))
        places = (rows + slope * columns * 1.0).astype(np.int32)
        counts = np.bincount(places - places.min(), minlength=size).astype(np.float64)
        return float(np.square(np.diff(counts)).sum())

    best = _best_of(np.arange(-SKEW_LIMIT_DEG, SKEW_LIMIT_DEG + 0.5, 1.0), sharpness)
    best = _best_of(np.arange(best - 1, best + 1.01, 0.25), sharpness)
    best = _best_of(np.arange(best - 0.25, best + 0.26, 0.05), sharpness)
    if sharpness(best) < 1.05 * sharpness(0.0):
        return 0.0
    return round(max(-SKEW_LIMIT_DEG, min(SKEW_LIMIT_DEG, best)), 2)


def _best_of(angles: NDArray[np.float64], sharpness: "object") -> float:
    return float(max(angles, key=sharpness))  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Straightened:
    """A page whose lines run level, and the way back from its pixels to those it was made of."""

    page: Grey
    back: Affine


def straightened(page: Grey, slope_deg: float) -> Straightened:
    """The page turned clockwise by *slope_deg*; it grows so that nothing is cut off, and what comes in is white."""
    if slope_deg == 0:
        return Straightened(page, np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    height, width = page.shape
    there = cv2.getRotationMatrix2D((width / 2, height / 2), -slope_deg, 1.0)
    cosine, sine = abs(there[0, 0]), abs(there[0, 1])
    new_width, new_height = round(height * sine + width * cosine), round(height * cosine + width * sine)
    there[0, 2] += (new_width - width) / 2
    there[1, 2] += (new_height - height) / 2
    level = cv2.warpAffine(
        page, there, (new_width, new_height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255
    )
    return Straightened(np.asarray(level, np.uint8), np.asarray(cv2.invertAffineTransform(there), np.float64))


# -- lines --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Strip:
    """A piece of a line, levelled: where its left edge lies in the page, and its top above the baseline (negative)."""

    image: Grey
    x0: int
    top: float


def line_strip(
    page: Grey,
    across: tuple[int, int],
    slope: float,
    foot: float,
    core: tuple[float, float],
    room: tuple[float, float],
) -> Strip | None:
    """The piece of a line between the pixels *across*, whose baseline is ``y = slope · x + foot``.

    *core* is where its letters begin and end, in pixels from the baseline, *room* how much more is taken above and
    below. Ink of the neighbouring lines that reaches into the room is painted white. None where nothing is left.
    """
    x0, x1 = max(0, across[0]), min(page.shape[1], across[1])
    top = core[0] - room[0]
    height = round(core[1] + room[1] - top)
    if x1 - x0 < 4 or height < 8:
        return None
    back = np.array([[1, 0, x0], [slope, 1, slope * x0 + foot + top]], float)
    strip = cv2.warpAffine(
        page, back, (x1 - x0, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=255,
    )  # fmt: skip
    _level, ink = cv2.threshold(strip, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    _count, labels, stats, _centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    first, last = stats[:, cv2.CC_STAT_TOP], stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT]
    from_above = (first == 0) & (last < room[0] - 0.35 * core[0])
    from_below = (last >= height) & (first > -top - 0.1 * (core[1] - core[0]))
    alien = from_above | from_below
    alien[0] = False
    if alien.any():
        strip[cv2.dilate(alien[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = 255
    return Strip(np.asarray(strip, np.uint8), x0, top)


# -- what is on a page --------------------------------------------------------------------------------------------

ACROSS, MOST_FOLDED = 0.8, 80
"""What runs over so much of a page's width or height is a fold, unless it goes through more squares of 10 mm than three
folds of A4 do."""


def is_blank(ink: Mask, letters: Mask, dpi: float) -> bool:
    """Nothing on the page that could be writing or a drawing: a few specks, shadows of edges, folds and punch holes at
    most."""
    mm = dpi / MM_PER_INCH
    margin = round(6 * mm)
    inner = np.s_[margin:-margin, margin:-margin] if min(ink.shape) > 4 * margin else np.s_[:]
    few = cv2.countNonZero(np.ascontiguousarray(letters[inner])) < 12 * mm * mm
    return few and not _is_drawn_on(np.ascontiguousarray(ink[inner]), mm)


def _is_drawn_on(ink: Mask, mm: float) -> bool:
    """Lines hang together to more than a letter, within the page; folds and streaks run across the whole of it, and the
    shadows of its edge from there."""
    height, width = ink.shape
    count, labels, stats, _centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    for label in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[label])
        if min(w, h) < 10 * mm or area < 20 * mm * mm:
            continue
        from_edge = x == 0 or y == 0 or x + w == width or y + h == height
        across = max(w / width, h / height) > ACROSS
        if not (from_edge or across):
            return True
        squares = cv2.resize((labels == label).astype(np.float32), None, fx=1 / (10 * mm), fy=1 / (10 * mm),
                             interpolation=cv2.INTER_AREA)  # fmt: skip
        if cv2.countNonZero(squares) > MOST_FOLDED:
            return True
    return False


def covered(letters: Mask, boxes: list[Box]) -> float:
    """The share of the ink of letters that lies in *boxes*; 1 on a page without any."""
    height, width = letters.shape
    every = cv2.countNonZero(letters)
    rest = letters.copy()
    for box in boxes:
        rest[int(box.y0 * height) : int(box.y1 * height) + 2, int(box.x0 * width) : int(box.x1 * width) + 2] = 0
    return 1 - cv2.countNonZero(rest) / every if every else 1.0


def marks(ink: Mask, taken: list[Box], dpi: float) -> tuple[Box, ...]:
    """Boxes of ink that lies outside the *taken* boxes: pen, seals, figures; rules and specks are left out."""
    height, width = ink.shape
    mm = dpi / MM_PER_INCH
    rest = ink.copy()
    pad = max(1, round(0.4 * mm))
    for box in taken:
        x0, y0 = max(0, int(box.x0 * width) - pad), max(0, int(box.y0 * height) - pad)
        rest[y0 : int(box.y1 * height) + pad + 1, x0 : int(box.x1 * width) + pad + 1] = 0
    grown = cv2.dilate(rest, np.ones((odd(2 * mm), odd(2 * mm)), np.uint8))
    few = cv2.countNonZero(rest) < 1 << 16  # so are the pieces: their numbers fit into 16 bits, a third of the time
    count, labels, stats, _centres = cv2.connectedComponentsWithStats(
        grown, connectivity=8, ltype=cv2.CV_16U if few else cv2.CV_32S
    )
    area = np.bincount(labels[rest > 0], minlength=count)
    grow = odd(2 * mm) // 2
    found = []
    for label in range(1, count):
        x, y, w, h = (int(value) for value in stats[label, :4])
        w, h = w - 2 * grow, h - 2 * grow
        if area[label] < 1.5 * mm * mm or min(w, h) < 1.5 * mm:
            continue
        x0, y0 = max(0, x + grow), max(0, y + grow)
        found.append(Box(x0 / width, y0 / height, min(1.0, (x0 + w) / width), min(1.0, (y0 + h) / height)))
    return tuple(found)


def solid_black(page: Grey, dpi: float) -> Mask:
    """Where the page is black over 3 mm and more each way, or along its edge: the scanner's lid beside the paper,
    holes, bars; no letter is so bold. *page* at about ``SKEW_DPI``."""
    black = cv2.threshold(page, BLACKER_THAN, 255, cv2.THRESH_BINARY_INV)[1]
    size = odd(3 * dpi / MM_PER_INCH)
    # Beyond the edge it is black too, so that the thinnest strip along it counts.
    framed = cv2.copyMakeBorder(black, size, size, size, size, cv2.BORDER_CONSTANT, value=255)
    opened = cv2.morphologyEx(framed, cv2.MORPH_OPEN, np.ones((size, size), np.uint8))
    return np.asarray(opened[size:-size, size:-size], np.uint8)


def without_black(ink: Mask, black: Mask, dpi: float) -> Mask:
    """*ink* without the edges of what is solid black: they run around the whole page where its scan has a frame."""
    if cv2.countNonZero(black) == 0:
        return ink
    size = odd(2 * dpi / MM_PER_INCH)
    return np.asarray(cv2.subtract(ink, cv2.dilate(black, np.ones((size, size), np.uint8))), np.uint8)


def bands(mask: Mask, dpi: float) -> tuple[Box, ...]:
    """*mask* as boxes of at most 5 mm height from the top down: one box around a frame would hold the whole page."""
    if cv2.countNonZero(mask) == 0:
        return ()
    height, width = mask.shape
    step = max(1, round(5 * dpi / MM_PER_INCH))
    found = []
    for top in range(0, height, step):
        there = np.pad(mask[top : top + step].any(axis=0), 1).astype(np.int8)
        ends = np.flatnonzero(np.diff(there))
        bottom = min(top + step, height)
        found += [Box(x0 / width, top / height, x1 / width, bottom / height)
                  for x0, x1 in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True)]  # fmt: skip
    return tuple(found)


def odd(value: float) -> int:
    """The nearest whole number of pixels that has a middle."""
    return max(1, round(value)) | 1
