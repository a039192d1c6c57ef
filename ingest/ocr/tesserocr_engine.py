"""Tesseract inside the process: the model is loaded once, not once a page."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tesserocr
from tesserocr import OEM, PSM, RIL

from ingest.ocr.engine import (
    VARIABLES,
    EngineLine,
    EngineWord,
    GreyImage,
    Layout,
    PixelBox,
    clean_word,
    inverted_below,
    model_identity,
    within,
)
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.pages import EngineIdentity

MIN_SIDE_PX = 8
"""Tesseract refuses or crashes on images a few pixels wide; nothing can be read there anyway."""


class TesserocrEngine:
    """``OcrEngine`` over tesserocr. ServiceUnavailable when the models cannot be loaded."""

    def __init__(self, languages: tuple[str, ...], tessdata: Path) -> None:
        try:
            self._api = tesserocr.PyTessBaseAPI(
                path=str(tessdata), lang="+".join(languages), psm=PSM.AUTO, oem=OEM.LSTM_ONLY, variables=VARIABLES
            )
        except RuntimeError as error:
            raise ServiceUnavailable(
                _("{folder}: Tesseract cannot load the models {languages}; apt-get install --reinstall "
                  "tesseract-ocr-{languages}").format(folder=tessdata, languages="+".join(languages))
            ) from error  # fmt: skip
        self._inverted_below = -1.0  # what Tesseract was told last: to tell it again takes 25 µs, for each strip
        version = tesserocr.tesseract_version().split()[1]
        self.identity = EngineIdentity("tesserocr", version, model_identity(tessdata, languages))

    def read(self, image: GreyImage, dpi: float, layout: Layout = Layout.AUTO) -> tuple[EngineLine, ...]:
        if min(image.shape) < MIN_SIDE_PX:
            return ()
        height, width = image.shape
        self._api.SetPageSegMode(layout.value)
        wanted = inverted_below(image, dpi)
        if wanted != self._inverted_below:
            self._api.SetVariable("invert_threshold", str(wanted))
            self._inverted_below = wanted
        # Of black and white only: Tesseract reads the same, and has no threshold to look for. Strips, drawn anew along
        # their line, hardly ever are.
        if layout is not Layout.STRIP and cv2.countNonZero(cv2.inRange(image, 1, 254)) == 0:
            bits = np.packbits(image, axis=1)
            self._api.SetImageBytes(bits.tobytes(), width, height, 0, bits.shape[1])
        else:
            self._api.SetImageBytes(np.ascontiguousarray(image).tobytes(), width, height, 1, width)
        self._api.SetSourceResolution(max(70, round(dpi)))  # below 70 Tesseract takes the value for a mistake
        try:
            if not self._api.Recognize():
                return ()
            return _lines(self._api.GetIterator(), image)
        finally:
            self._api.Clear()


def _lines(walk: Any, image: GreyImage) -> tuple[EngineLine, ...]:
    """The iterator's words by line. Whether a word begins its line is told by the line's box: each time that Tesseract
    is asked, it goes through all words of the page."""
    lines: list[EngineLine] = []
    words: list[EngineWord] = []
    block = paragraph = -1
    height_px = 0.0
    of_line: tuple[int, int, int, int] | None = None
    line_box: PixelBox | None = None
    if walk is None:
        return ()

    def finish() -> None:
        if words and line_box is not None:
            lines.append(EngineLine(tuple(words), line_box, height_px, max(block, 0), max(paragraph, 0)))
        words.clear()

    for found in tesserocr.iterate_level(walk, RIL.WORD):
        edges = found.BoundingBox(RIL.TEXTLINE)
        if edges is None:  # nothing was found on the page
            continue
        if edges != of_line:
            finish()
            block += found.IsAtBeginningOf(RIL.BLOCK)
            paragraph += found.IsAtBeginningOf(RIL.PARA)
            of_line = edges
            line_box = within(image, *edges)
            height_px = float(found.RowAttributes()["row_height"] or (line_box.height if line_box else 0))
        word = _word(found, image)
        if word is not None:
            words.append(word)
    finish()
    return tuple(lines)


def _word(found: Any, image: GreyImage) -> EngineWord | None:
    try:
        text = clean_word(found.GetUTF8Text(RIL.WORD))
    except (UnicodeDecodeError, RuntimeError):  # not UTF-8, or "no text returned": ink without letters
        return None
    edges = found.BoundingBox(RIL.WORD)
    box = within(image, *edges) if edges else None
    if not text or box is None:
        return None
    baseline = found.Baseline(RIL.WORD)
    (x0, y0), (x1, y1) = baseline or ((box.x0, box.y1), (box.x1, box.y1))
    confidence = min(1.0, max(0.0, found.Confidence(RIL.WORD) / 100))
    return EngineWord(text, box, confidence, (float(x0), float(y0), float(x1), float(y1)))
