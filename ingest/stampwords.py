"""Which of the words that stamps bear stands in a frame, by laying drawn ones over it.

The words are seven, so that a worn or crossed-out one is still told from the others where reading letter by letter
fails. Drawn in the typeface of NĐ 30/2020 and in one without serifs.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ingest.images import Grey

MATCH_DPI = 100.0
MATCH_MM = MATCH_DPI / 25.4
FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
FONT_FILES = (
    ("Tinos-Bold.ttf", "timesbd.ttf", "LiberationSerif-Bold.ttf"),
    ("Arimo-Bold.ttf", "arialbd.ttf", "LiberationSans-Bold.ttf"),
)
POINTS = (9.0, 10.0, 11.0, 12.0, 13.0, 14.0)
"""NĐ 30/2020 has 13 to 14; stamps bear smaller ones where the word is long."""
BLUR = (3, 3)
QUIET_PX = 15
"""The marks over and under the letters may reach the frame."""


def likeness(inside: Grey, words: Iterable[str]) -> dict[str, float]:
    """How like each word is to what stands in the frame (dark on light, 300 dpi), −1 to 1, either way up; 0 where it
    does not fit in, or where no typeface is there to draw it in."""
    factor = MATCH_DPI / 300.0
    quiet = cv2.copyMakeBorder(inside, QUIET_PX, QUIET_PX, QUIET_PX, QUIET_PX, cv2.BORDER_CONSTANT, value=255)
    ink = 255 - cv2.resize(quiet, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    seen = cv2.GaussianBlur(ink.astype(np.float32), BLUR, 0)
    best = dict.fromkeys(words, 0.0)
    for page in (seen, np.ascontiguousarray(seen[::-1, ::-1])):
        for word in best:
            for drawn in _drawn(word):
                high, wide = drawn.shape
                if high <= page.shape[0] and wide <= page.shape[1]:
                    found = float(cv2.matchTemplate(page, drawn, cv2.TM_CCOEFF_NORMED).max())
                    best[word] = max(best[word], found if np.isfinite(found) else 0.0)
    return best


def make_ready(words: Iterable[str]) -> None:
    """Draw the words, so that processes forked from this one have them."""
    for word in words:
        _drawn(word)


@cache
def _drawn(word: str) -> tuple[NDArray[np.float32], ...]:
    """Its ink in every typeface and size."""
    return tuple(_inked(word, font, points) for font in _fonts() for points in POINTS)


def _inked(word: str, font: Path, points: float) -> NDArray[np.float32]:
    fine = 4
    face = ImageFont.truetype(str(font), round(points * fine * MATCH_DPI / 72))
    left, top, right, bottom = face.getbbox(word)
    drawn = Image.new("L", (round(right - left) + 2 * fine, round(bottom - top) + 2 * fine), 0)
    ImageDraw.Draw(drawn).text((fine - left, fine - top), word, font=face, fill=255)
    small = drawn.resize((drawn.width // fine, drawn.height // fine), Image.Resampling.BOX)
    return np.asarray(cv2.GaussianBlur(np.asarray(small, np.float32), BLUR, 0), np.float32)


@cache
def _fonts() -> tuple[Path, ...]:
    found = []
    for names in FONT_FILES:
        files = (file for name in names for folder in FONT_FOLDERS for file in sorted(folder.rglob(name)))
        found += [file for file in [next(files, None)] if file is not None]
    return tuple(found)
