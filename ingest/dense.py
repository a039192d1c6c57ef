"""Where a page is as dense as a printed code: half of a code is dark, of the lines of a text a fifth to a quarter."""

import cv2
import numpy as np

from ingest.images import Grey, resized

LOOK_DPI = 75.0
"""So much of the page is enough: a code's modules and bars need not be told apart."""
REACH_MM = 5.0
"""In squares of this side a code is dense and print is not; a code that is smaller or lower is found only by luck."""
LEAST_DARK = 0.3
"""Of what the darkest point of such a square would make of it, so that faded codes are as dense as black ones. Of 638
drawn codes of 5 mm and more, whole, faded, thinned, askew and stamped over, each had 0.34 and more."""
FAINTEST = 40
"""How dark that point is at least: the grain of the paper is no code."""
BESIDE_MM = 6.5
"""The white round a code belongs to it, and the ends of a thin one, which are less dense than the rest."""
STEP_PX = 32
"""Parts begin at multiples of it: brought down to 3/4 or 1/2 they have the pixels of the whole page brought down."""


def dense_parts(page: Grey, dpi: float) -> list[tuple[slice, slice]]:
    """Rows and columns of the parts of the page that are as dense as a code, with what is beside them: a twelfth of
    a page, of 43 real ones. Parts may overlap. Every code of 5 mm and more lies within one."""
    factor = min(1.0, LOOK_DPI / dpi)
    dark = 255 - resized(page, factor)
    mm = dpi * factor / 25.4
    reach, beside = round(REACH_MM * mm), 2 * round(BESIDE_MM * mm) + 1
    darkest = np.maximum(cv2.dilate(dark, np.ones((reach, reach), np.uint8)), FAINTEST)
    dense = cv2.compare(cv2.blur(dark, (reach, reach)), cv2.convertScaleAbs(darkest, alpha=LEAST_DARK), cv2.CMP_GE)
    joined = cv2.dilate(dense, np.ones((beside, beside), np.uint8))
    outlines, _tree = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [cv2.boundingRect(outline) for outline in outlines]
    return [(_part(y, high, factor), _part(x, wide, factor)) for x, y, wide, high in boxes]


def _part(start: int, length: int, factor: float) -> slice:
    return slice(int(start / factor) // STEP_PX * STEP_PX, round((start + length) / factor))
