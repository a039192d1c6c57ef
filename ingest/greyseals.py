"""Seals on scans without colour: their ink is grey where print is black, and is lifted to the paper for reading.

Pure functions over ``Grey`` images (0 black to 255 white), as in ``ingest.images``.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ingest.images import MM_PER_INCH, Grey, Mask

RADIUS_MM = (14.0, 22.0)
"""Round seals of agencies; those on real scans measured 15 to 19."""
LEAST_CONTRAST = 120
"""Grey levels between print and paper; with less, no third tone can be told from both."""
LEAST_INK_MM2 = 12.0
"""Grey ink of a seal; on most pages blurred letters leave less, and no more than this count is spent on them."""
EVEN = (0.18, 0.75)
"""Grey ink lies between these shares of the way from print to paper."""
PX_PER_MM, VOTES = 3.0, 28
"""Circles are looked for (Hough) at this size, and are there from so many votes on: on 224 pages of real scans, turned
grey, each circle found was a seal."""


@dataclass(frozen=True, slots=True)
class Tones:
    """Grey levels of a page's print and of its paper."""

    print_: float
    paper: float

    def at(self, share: float) -> float:
        """The tone at *share* of the way from print to paper."""
        return self.print_ + share * (self.paper - self.print_)


def without_grey_seals(page: Grey, dpi: float) -> Grey:
    """The page without its round seals in a grey between print and paper; print under and beside them stays. A page
    without such a seal is given back as it is: tables and figures in grey are no circle, black seals no grey."""
    tones = _tones(page)
    if tones is None:
        return page
    mm = dpi / MM_PER_INCH
    even = _even_grey(page, tones)
    if cv2.countNonZero(even) < LEAST_INK_MM2 * mm * mm:
        return page
    discs = _discs(even, mm)
    if discs is None:
        return page
    # Uneven inking leaves seals paler in places, never darker than this.
    darkest = float(np.percentile(page[(discs > 0) & (even > 0)], 10))
    inked = Tones(tones.print_, darkest)
    small = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    print_ = cv2.dilate(cv2.inRange(page, 0, inked.at(0.62)), small)
    grey = cv2.bitwise_and(cv2.inRange(page, 0, tones.at(0.85)), cv2.bitwise_and(discs, cv2.bitwise_not(print_)))
    seal = _strokes(np.asarray(grey, np.uint8), even, mm)
    edge = cv2.dilate(seal, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    edge = cv2.bitwise_and(cv2.subtract(edge, seal), discs)
    steps = np.interp(np.arange(256), [0, inked.at(0.45), inked.at(0.9), 255],
                      [0, 0.6 * inked.at(0.45), tones.paper, 255]).astype(np.uint8)  # fmt: skip
    lifted = page.copy()
    lifted[seal > 0] = round(tones.paper)
    lifted[edge > 0] = steps[page[edge > 0]]
    return lifted


def _tones(page: Grey) -> Tones | None:
    """None on a page too empty or too pale to tell, or of black and white only."""
    paper = float(np.median(page[::4, ::4]))
    sample = page[::3, ::3]
    dark = sample[sample < paper - LEAST_CONTRAST / 2.5]
    if dark.size < 200:
        return None
    print_ = float(np.percentile(dark, 5))
    if paper - print_ < LEAST_CONTRAST:
        return None
    tones = Tones(print_, paper)
    between = (sample >= tones.at(EVEN[0])) & (sample <= tones.at(EVEN[1]))
    return tones if between.any() else None


def _even_grey(page: Grey, tones: Tones) -> Mask:
    """The middle of grey strokes: neither print nor paper within a pixel, as there is beside the edge of a letter."""
    around = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    darkest, palest = cv2.erode(page, around), cv2.dilate(page, around)
    even = cv2.bitwise_and(cv2.inRange(darkest, tones.at(EVEN[0]), 255), cv2.inRange(palest, 0, tones.at(EVEN[1])))
    return np.asarray(cv2.morphologyEx(even, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.uint8)


def _discs(even: Mask, mm: float) -> Mask | None:
    """The round seals as filled circles; None where there is none."""
    size = PX_PER_MM / mm
    whole = cv2.dilate(even, np.ones((3, 3), np.uint8))
    low = cv2.resize(whole, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    low = cv2.GaussianBlur(cv2.threshold(low, 60, 255, cv2.THRESH_BINARY)[1], (3, 3), 0)
    least, most = (round(radius * PX_PER_MM) for radius in RADIUS_MM)
    found = cv2.HoughCircles(
        low, cv2.HOUGH_GRADIENT, 1, least / 1.5, param1=100, param2=VOTES, minRadius=least, maxRadius=most
    )
    if found is None:
        return None
    discs = np.zeros(even.shape, np.uint8)
    for x, y, radius in found.reshape(-1, 3):
        cv2.circle(discs, (round(x / size), round(y / size)), round(radius / size + mm), 255, cv2.FILLED)
    return discs


def _strokes(grey: Mask, even: Mask, mm: float) -> Mask:
    """The pieces of *grey* that are rings, letters and star of a seal; what is small is a hairline of print."""
    count, labels, stats, _centres = cv2.connectedComponentsWithStats(grey, connectivity=8)
    middles = np.bincount(labels[even > 0], minlength=count)
    large = (stats[:, cv2.CC_STAT_AREA] > mm * mm) | (middles > 0.3 * mm * mm)
    large[0] = False
    return np.where(large[labels], np.uint8(255), np.uint8(0))
