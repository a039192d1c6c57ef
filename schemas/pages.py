"""What is known of a scan and its pages: from the file on disk to words with their places."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

Turn = Literal[0, 90, 180, 270]
"""Degrees clockwise."""


class MediaType(StrEnum):
    """What a file is by its content, never by its name."""

    PDF = "application/pdf"
    TIFF = "image/tiff"
    PNG = "image/png"
    JPEG = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Scan:
    """One file from the scanner, known by the SHA-256 of its bytes (64 lower-case hex digits)."""

    path: Path
    sha256: str
    size_bytes: int
    media_type: MediaType


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions of the upright page, origin at its top left; ``0 ≤ x0 ≤ x1 ≤ 1``."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    def joined(self, other: "Box") -> "Box":
        """The smallest box that holds both."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def overlap(self, other: "Box") -> float:
        """The shared area, in fractions of the page."""
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        return max(width, 0.0) * max(height, 0.0)


def box_around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of *boxes*. ValueError where there are none."""
    x0, y0, x1, y1 = zip(*((box.x0, box.y0, box.x1, box.y1) for box in boxes), strict=True)
    return Box(min(x0), min(y0), max(x1), max(y1))


@dataclass(frozen=True, slots=True)
class Word:
    """One word where it stands on the upright page. ``baseline`` is x0, y0, x1, y1 in page fractions."""

    text: str
    box: Box
    confidence: float
    """0 to 1."""
    baseline: tuple[float, float, float, float]
    raw: str = ""
    """What the first reading had here, where a second one or the language decided otherwise."""


@dataclass(frozen=True, slots=True)
class Line:
    """Words of one line, left to right. Lines of a paragraph share ``block`` and ``paragraph``."""

    words: tuple[Word, ...]
    box: Box
    height: float
    """Ascender to descender, in fractions of the page height: the size to typeset it at."""
    block: int
    paragraph: int

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def confidence(self) -> float:
        return sum(word.confidence for word in self.words) / len(self.words) if self.words else 0.0


@dataclass(frozen=True, slots=True)
class OwnText:
    """What a PDF says of a page itself, in the frame of the page as displayed."""

    lines: tuple[Line, ...]
    typed: bool
    """The page shows these words: it was made from text. Else they lie unseen over a picture of paper, as some other
    program read it."""


@dataclass(frozen=True, slots=True)
class PageImage:
    """One side of paper as an encoded image that Pillow can open by itself.

    ``turn`` is what the scan file itself asks a viewer to turn the image by (PDF ``/Rotate``, EXIF); width, height and
    dpi are those of the image before that turn.
    """

    number: int
    """From 1, in the scan."""
    content: bytes
    width_px: int
    height_px: int
    dpi: float
    turn: Turn = 0
    lossless: bool = True
    """Taken out of the scan as it stood there; else rendered."""
    released: bool = False
    """A person has decided that no secrecy stamp is on this scan: none is looked for."""
    settled: bool = False
    """A person has turned it: it is read as ``turn`` lays it, whatever way up it seems to be."""
    own: OwnText | None = None
    """The text that the scan's file has of this page, as displayed."""


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """Which program read a page, in which version, with which model: for the provenance."""

    name: str
    version: str
    model: str


@dataclass(frozen=True, slots=True)
class Code:
    """A printed code (QR, Code 128, …) found on a page."""

    text: str
    symbology: str
    box: Box


@dataclass(frozen=True, slots=True)
class DigitsSeen:
    """The digits of a word beside those that the page prints elsewhere: how alike they are.

    ``likeness`` is that of the least alike of the ``compared`` ones (1 the same; of print it is 0.7 and more, of pen
    less); a digit that is printed nowhere else on the page cannot be compared.
    """

    box: Box
    digits: str
    likeness: float
    compared: int


class PageState(StrEnum):
    READ = "read"
    BLANK = "blank"
    NOT_READ = "not_read"
    SECRET = "secret"
    """A secrecy stamp was seen on the image: nothing was read, and nothing of the scan may be kept."""


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page says: its lines in reading order, where each word stands, and what else was seen on it.

    The page is upright: ``turn`` is the whole clockwise turn applied to the scan's image, ``width_px`` and
    ``height_px`` are those after it. ``skew_deg`` is the slope of the text lines of the upright scan
    (counter-clockwise positive); boxes and baselines are in the frame of the upright, *not* straightened scan, over
    which the text layer lies.
    """

    number: int
    width_px: int
    height_px: int
    dpi: float
    turn: Turn = 0
    skew_deg: float = 0.0
    lines: tuple[Line, ...] = ()
    state: PageState = PageState.READ
    reason: str = ""
    """Why the page was not read."""
    codes: tuple[Code, ...] = ()
    unread_ink: tuple[Box, ...] = ()
    """Marks of ink over which no word was read (pen, seals, figures), and the black beside the paper, band by band."""
    engine: EngineIdentity | None = None
    digits: tuple[DigitsSeen, ...] = ()
    """Of the rows of number and date, beside the page's own print."""
    typed: bool = False
    """Nothing was read: the words are those that the scan's own file shows here, letter by letter."""
    apart: tuple[Word, ...] = ()
    """Symbols behind the slash of a number, read once more without what pen has put before it."""
    look: str = ""
    """What a page that says little looks like (``ingest/look.py``); empty for one that says more."""

    @property
    def text(self) -> str:
        """The lines in reading order; an empty line between paragraphs."""
        parts: list[str] = []
        last: tuple[int, int] | None = None
        for line in self.lines:
            here = (line.block, line.paragraph)
            if last is not None and here != last:
                parts.append("")
            parts.append(line.text)
            last = here
        return "\n".join(parts)

    @property
    def confidence(self) -> float:
        """Mean confidence of the page's words, weighted by their length; 0 without words."""
        weights = [(word.confidence, len(word.text)) for line in self.lines for word in line.words]
        total = sum(weight for _, weight in weights)
        return sum(value * weight for value, weight in weights) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How pages are read; travels with each page to whatever machine reads it."""

    languages: tuple[str, ...] = ("vie",)
    engine: Literal["auto", "tesserocr", "pytesseract"] = "auto"
    fast: bool = False
    """One reading only; else doubtful lines are read again."""
    page_timeout_s: float = 25.0
    extra: dict[str, str] = field(default_factory=dict)
