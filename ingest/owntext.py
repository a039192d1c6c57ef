"""The text that a PDF has of its own pages: typed there, or laid unseen over a picture of paper by another program."""

import re
import subprocess
import unicodedata
from collections.abc import Sequence
from html import unescape
from pathlib import Path

import pikepdf

from ingest.syllables import counted
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.pages import Box, Line, OwnText, Word, box_around

SHOWS_TEXT = frozenset(["Tj", "TJ", "'", '"'])
UNSEEN = 3
"""Rendering mode of text that is neither filled nor stroked (ISO 32000-1, 9.3.6)."""
TIMEOUT_S = 8
BASELINE = 0.78
"""Where the baseline lies between top and bottom of poppler's boxes, which run from ascender to descender."""
TYPED, KNOWN, UNKNOWN = 0.99, 0.95, 0.5
"""Confidence of words that were typed, and of another program's: syllables that there are, and all else."""
HIDES = 0.5
"""A picture over more of the page lies over what was set before it: some programs put what they read under the scan."""
FEWEST_LETTERS = 40
SOUND = 0.6
"""Of a typed page's letters at least as many stand in syllables that there are; in fonts of before Unicode (TCVN3, VNI)
or without a table of their letters, fewer do."""
BETTER = 1.02
"""Another program's layer must be as much better as this."""

_PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)"')
_PART = re.compile(
    r"<(?P<kind>block|line|word) xMin=\"(?P<x0>[-\d.]+)\" yMin=\"(?P<y0>[-\d.]+)\" xMax=\"(?P<x1>[-\d.]+)\" "
    r"yMax=\"(?P<y1>[-\d.]+)\">(?:(?P<text>[^<]*)</word>)?"
)
_LETTERS = re.compile(r"[^\W\d_]+")


def own_text(page: pikepdf.Page, file: Path, number: int, password: str = "") -> OwnText | None:
    """What the page of the PDF *file* says itself; None where it has no text. ServiceUnavailable without poppler."""
    seen, unseen = _text_shown(page)
    if not seen and not unseen:
        return None
    lines = _placed_lines(file, number, password, typed=seen)
    return OwnText(lines, typed=seen) if sum(len(line.text) for line in lines) >= FEWEST_LETTERS else None


def is_sound(lines: Sequence[Line]) -> bool:
    """The letters make syllables: the fonts say rightly which letters they draw."""
    known, letters = _known(lines)
    return letters > 0 and known >= SOUND * letters


def is_better(own: Sequence[Line], read: Sequence[Line]) -> bool:
    """*own* says more that is language than *read* does: letters in syllables, less those in none."""

    def worth(lines: Sequence[Line]) -> int:
        known, letters = _known(lines)
        return 2 * known - letters

    return is_sound(own) and worth(own) > BETTER * max(0, worth(read))


def _known(lines: Sequence[Line]) -> tuple[int, int]:
    """Letters in known syllables, and all letters; capitals standing alone are codes and count for neither."""
    syllables = counted()
    known = letters = 0
    for line in lines:
        for word in line.words:
            for part in _LETTERS.findall(word.text):
                if part.isupper() and not syllables.same_letters(part):
                    continue
                letters += len(part)
                known += len(part) if syllables.count(part.lower()) else 0
    return known, letters


def _text_shown(page: pikepdf.Page) -> tuple[bool, bool]:
    """Whether the page's content shows text, and whether it places unseen text: without ink, or under a picture."""
    seen = unseen = False
    x0, y0, x1, y1 = (float(edge) for edge in page.cropbox)
    images = page.get_images(recursive=False)
    pictures = {name for name, drawn in images.items() if "/SMask" not in drawn and "/Mask" not in drawn}
    mode, area = 0, 1.0
    kept: list[tuple[int, float]] = []
    for instruction in pikepdf.parse_content_stream(page, "q Q cm Do Tr Tj TJ ' \""):
        operator = str(instruction.operator)
        if isinstance(instruction, pikepdf.ContentStreamInlineImage):
            continue
        if operator == "q":
            kept.append((mode, area))
        elif operator == "Q":
            mode, area = kept.pop() if kept else (mode, area)
        elif operator == "cm":
            a, b, c, d = (float(value) for value in instruction.operands[:4])
            area *= abs(a * d - b * c)
        elif operator == "Do" and str(instruction.operands[0]) in pictures and area > HIDES * (x1 - x0) * (y1 - y0):
            seen, unseen = False, seen or unseen
        elif operator == "Tr":
            mode = int(instruction.operands[0])
        elif operator in SHOWS_TEXT:
            seen |= mode != UNSEEN
            unseen |= mode == UNSEEN
    return seen, unseen


def _placed_lines(file: Path, number: int, password: str, *, typed: bool) -> tuple[Line, ...]:
    """What poppler finds, block by block in reading order; its boxes are those of the page as displayed."""
    asked = ["pdftotext", "-bbox-layout", "-cropbox", "-f", str(number), "-l", str(number), "-upw", password,
             str(file), "-"]  # fmt: skip
    try:
        found = subprocess.run(asked, capture_output=True, check=True, timeout=TIMEOUT_S)
    except FileNotFoundError as error:
        raise ServiceUnavailable(_("poppler is missing; apt-get install poppler-utils")) from error
    except subprocess.SubprocessError:  # a layer that cannot be taken out is none: the picture is read
        return ()
    shown = found.stdout.decode(errors="replace")
    size = _PAGE.search(shown)
    if size is None or float(size[1]) <= 0 or float(size[2]) <= 0:
        return ()
    width, height = float(size[1]), float(size[2])
    lines: list[Line] = []
    words: list[Word] = []
    block = -1

    def finish() -> None:
        if words:
            box = box_around(word.box for word in words)
            lines.append(Line(tuple(words), box, max(word.box.height for word in words), block, block))
            words.clear()

    for part in _PART.finditer(shown):
        if part["kind"] != "word":
            finish()
            block += part["kind"] == "block"
            continue
        text = "".join(unicodedata.normalize("NFC", unescape(part["text"] or "")).replace("\xad", "-").split())
        x0, x1 = (min(1.0, max(0.0, float(part[edge]) / width)) for edge in ("x0", "x1"))
        y0, y1 = (min(1.0, max(0.0, float(part[edge]) / height)) for edge in ("y0", "y1"))
        if text and text.isprintable() and x1 > x0 and y1 > y0:
            foot = y0 + BASELINE * (y1 - y0)
            words.append(Word(text, Box(x0, y0, x1, y1), _confidence(text, typed=typed), (x0, foot, x1, foot)))
    finish()
    return tuple(lines)


def _confidence(text: str, *, typed: bool) -> float:
    if typed:
        return TYPED
    syllables = counted()
    return KNOWN if all(syllables.count(part.lower()) for part in _LETTERS.findall(text)) else UNKNOWN
