"""What an engine that reads page images promises, and how the configured one is opened."""

import hashlib
import importlib.util
import os
import shutil
import sys
import unicodedata
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ingest.images import MM_PER_INCH, resized
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.pages import EngineIdentity, ReadingOptions

GreyImage = NDArray[np.uint8]
"""Rows by columns, 0 black to 255 white."""

DEBIAN_TESSDATA = Path("/usr/share/tesseract-ocr/5/tessdata")


class Layout(Enum):
    """What an engine may suppose of the places of the text; the values are Tesseract's page segmentation modes."""

    AUTO = 3
    """Columns and blocks as it finds them."""
    COLUMN = 4
    """One column of text of several sizes."""
    BLOCK = 6
    """One even block of text."""
    LINE = 7
    """One line."""
    SPARSE = 11
    """Words anywhere, in no order."""
    STRIP = 13
    """One line that fills the image; no layout is looked for."""


@dataclass(frozen=True, slots=True)
class PixelBox:
    """A rectangle in pixels of the image that was read, origin at its top left; right and bottom edges lie outside."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0


@dataclass(frozen=True, slots=True)
class EngineWord:
    """One word: NFC without white space, confidence 0 to 1, baseline as x0, y0, x1, y1 in pixels."""

    text: str
    box: PixelBox
    confidence: float
    baseline: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class EngineLine:
    """Words of one line, left to right. ``height_px`` runs from ascender to descender."""

    words: tuple[EngineWord, ...]
    box: PixelBox
    height_px: float
    block: int
    paragraph: int

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        """Mean of the words, weighted by their length."""
        return sum(w.confidence * len(w.text) for w in self.words) / sum(len(w.text) for w in self.words)


class OcrEngine(Protocol):
    """Reads grey page images. One object a process; not to be shared by threads."""

    @property
    def identity(self) -> EngineIdentity: ...

    def read(self, image: GreyImage, dpi: float, layout: Layout = Layout.AUTO) -> tuple[EngineLine, ...]:
        """The lines of an upright, straightened image, in the engine's reading order; none on a blank one.

        Every line has words, every word has text, and every box lies within the image.
        """
        ...


def open_engine(options: ReadingOptions) -> OcrEngine:
    """The engine that *options* ask for; ``auto`` is in-process Tesseract where its wheel is installed.

    ServiceUnavailable when the program or a language model is missing, with the command that installs it.
    """
    folder = tessdata_folder(options)
    _require_models(folder, options.languages)
    if _is_in_process(options):
        from ingest.ocr.tesserocr_engine import TesserocrEngine

        return TesserocrEngine(options.languages, folder)
    from ingest.ocr.pytesseract_engine import PytesseractEngine

    return PytesseractEngine(options.languages, folder, options.page_timeout_s)


def _is_in_process(options: ReadingOptions) -> bool:
    if options.engine == "auto":
        return importlib.util.find_spec("tesserocr") is not None
    return options.engine == "tesserocr"


def programs_of(options: ReadingOptions) -> tuple[Path, ...]:
    """The programs that the engine runs for every page; none where it reads in the process."""
    found = None if _is_in_process(options) else shutil.which("tesseract")
    return (Path(found),) if found else ()


def tessdata_folder(options: ReadingOptions) -> Path:
    """Where the language models lie: as the options say, else ``TESSDATA_PREFIX``, else Debian's place."""
    return Path(options.extra.get("tessdata") or os.environ.get("TESSDATA_PREFIX") or DEBIAN_TESSDATA)


BEST_FOLDER = Path(sys.prefix) / "share" / "sohoa" / "tessdata"
"""Where setup/models puts the slower, better model (``best_int``) beside the environment that sohoa runs in."""


def best_tessdata(options: ReadingOptions) -> Path | None:
    """The folder of the better models for second opinions; None where one of them is not installed, and the second
    opinions then come from the first model."""
    folder = Path(options.extra.get("best_tessdata") or BEST_FOLDER)
    have = all((folder / f"{language}.traineddata").is_file() for language in options.languages)
    return folder if have else None


def open_second(options: ReadingOptions, first: OcrEngine) -> OcrEngine:
    """The engine that reads doubtful lines again: the better model where it is installed, else *first*."""
    folder = best_tessdata(options)
    if folder is None or first.identity.name != "tesserocr":  # a run of the program for every line costs too much
        return first
    from ingest.ocr.tesserocr_engine import TesserocrEngine

    return TesserocrEngine(options.languages, folder)


def _require_models(folder: Path, languages: tuple[str, ...]) -> None:
    for language in languages:
        if not (folder / f"{language}.traineddata").is_file():
            raise ServiceUnavailable(
                _("{folder}: no Tesseract model of the language {language}; apt-get install tesseract-ocr-{language}, "
                  "or name the folder in reading.tessdata").format(folder=folder, language=language)
            )  # fmt: skip


@cache
def model_identity(folder: Path, languages: tuple[str, ...]) -> str:
    """The models by name and the start of their SHA-256: ``vie:1f2e3d4c5b6a``; models of one name differ much."""
    return "+".join(
        f"{language}:{hashlib.sha256((folder / f'{language}.traineddata').read_bytes()).hexdigest()[:12]}"
        for language in languages
    )


VARIABLES = {"textord_all_prop": "1"}
"""Of Tesseract: no search for letters of one width, which takes 3.5 % of a page. Words come from the network;
of 224 pages three come out otherwise: boxes of a typewriter's words are closer, strokes taken for words are gone."""
INVERTED_BELOW = 0.7
"""Tesseract's own: a line read with less confidence is read once more as white on black. On a page without a dark
ground what that reading sees is no print, takes 2 % of the time, and was yet preferred to words read rightly."""
GROUND_MM, DARK_GROUND = (12.0, 3.0), 100
"""White print stands on a ground that is darker than this on the mean of such a piece: drawn in four typefaces and five
sizes below 50; of 43 scanned pages 38 have no such piece."""
GROUND_DPI = 50.0


def inverted_below(image: GreyImage, dpi: float) -> float:
    """Tesseract's ``invert_threshold`` for the image: 0 where no print can be white."""
    factor = min(1.0, GROUND_DPI / dpi)
    wide, high = (max(1, round(side * dpi * factor / MM_PER_INCH)) for side in GROUND_MM)
    darkest = cv2.minMaxLoc(cv2.blur(resized(image, factor), (wide, high)))[0]
    return INVERTED_BELOW if darkest < DARK_GROUND else 0.0


@lru_cache(1 << 15)
def clean_word(text: str) -> str:
    """NFC without white space and control characters; what cannot be decoded is left out."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(c for c in composed if c.isprintable() and not c.isspace() and c != "\N{REPLACEMENT CHARACTER}")


def within(image: GreyImage, x0: float, y0: float, x1: float, y1: float) -> PixelBox | None:
    """The box cut to the image, or None where nothing of it is left."""
    height, width = image.shape[:2]
    left, top, right, bottom = round(x0), round(y0), round(x1), round(y1)
    if left < 0 or top < 0 or right > width or bottom > height:
        left, right = max(0, left), min(width, right)
        top, bottom = max(0, top), min(height, bottom)
    return PixelBox(left, top, right, bottom) if left < right and top < bottom else None
