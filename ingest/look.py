"""What a page that says little looks like, in 256 bits: a drawing or a photograph scanned a second time has nearly the
same. ``archive/looks.py`` compares them.

The bits are the signs of the lowest frequencies of the page's darkness (after pHash: Zauner, *Implementation and
benchmarking of perceptual image hash functions*, 2010), laid so that its middle of weight is the middle of the picture:
a paper lies on the glass a little elsewhere each time.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from archive.looks import SIDE
from ingest.images import Grey, Mask

CELLS = 64
"""Of these each way the mean darkness is taken: the grain of a scan is gone, and the lines of a plan are left."""
PAPER_PERCENTILE, GRAIN = 90, 25
"""What is darker than the page's paper by less is grain."""


def look_of(page: Grey, black: Mask) -> str:
    """The look of a *page* (at about 75 dpi) as hex digits; empty where there is nothing to see.

    What is solid *black* from the edge on is the scanner's lid, which no two scans show alike.
    """
    tones = page.astype(np.float32)
    dark = np.clip(np.percentile(tones, PAPER_PERCENTILE) - GRAIN - tones, 0, None)
    dark[_lid(black)] = 0
    weight = float(dark.sum())
    if weight == 0:
        return ""
    height, width = dark.shape
    x = float(dark.sum(axis=0) @ np.arange(width)) / weight
    y = float(dark.sum(axis=1) @ np.arange(height)) / weight
    middled = cv2.warpAffine(dark, np.array([[1, 0, width / 2 - x], [0, 1, height / 2 - y]]), (width, height))
    cells = cv2.GaussianBlur(cv2.resize(middled, (CELLS, CELLS), interpolation=cv2.INTER_AREA), (0, 0), 1.0)
    signs = cv2.dct(cells)[:SIDE, :SIDE] > 0
    return np.packbits(signs).tobytes().hex()


def _lid(black: Mask) -> NDArray[np.bool_]:
    """What of *black* runs to the page's edge."""
    _count, parts = cv2.connectedComponents(black)
    edge = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return np.asarray(np.isin(parts, edge[edge > 0]), np.bool_)
