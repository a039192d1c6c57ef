"""Tesseract as a program, one run a page: where no wheel of tesserocr exists."""

import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytesseract
from PIL import Image

from ingest.ocr.engine import (
    VARIABLES,
    EngineLine,
    EngineWord,
    GreyImage,
    Layout,
    clean_word,
    inverted_below,
    model_identity,
    within,
)
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _
from schemas.pages import EngineIdentity

MIN_SIDE_PX = 8
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class PytesseractEngine:
    """``OcrEngine`` over pytesseract. ServiceUnavailable when the program is not installed."""

    def __init__(self, languages: tuple[str, ...], tessdata: Path, timeout_s: float) -> None:
        try:
            version = str(pytesseract.get_tesseract_version())
        except (pytesseract.TesseractNotFoundError, SystemExit) as error:
            raise ServiceUnavailable(_("tesseract is missing; apt-get install tesseract-ocr")) from error
        self._languages = "+".join(languages)
        self._tessdata = tessdata
        self._timeout_s = timeout_s
        self.identity = EngineIdentity("pytesseract", version, model_identity(tessdata, languages))

    def read(self, image: GreyImage, dpi: float, layout: Layout = Layout.AUTO) -> tuple[EngineLine, ...]:
        if min(image.shape) < MIN_SIDE_PX:
            return ()
        config = (
            f"--tessdata-dir {shlex.quote(str(self._tessdata))} --oem 1 --psm {layout.value} "
            f"--dpi {max(70, round(dpi))} -c invert_threshold={inverted_below(image, dpi)} "
            + " ".join(f"-c {name}={value}" for name, value in VARIABLES.items())
        )
        try:
            hocr = pytesseract.image_to_pdf_or_hocr(
                Image.fromarray(image), lang=self._languages, config=config, extension="hocr", timeout=self._timeout_s
            )
        except pytesseract.TesseractNotFoundError as error:
            raise ServiceUnavailable(_("tesseract is missing; apt-get install tesseract-ocr")) from error
        except (pytesseract.TesseractError, RuntimeError) as error:  # RuntimeError: its time was up
            raise InputRejected(_("Tesseract gave up ({error})").format(error=str(error)[:200])) from error
        return lines_of_hocr(hocr, image)


def lines_of_hocr(hocr: bytes, image: GreyImage) -> tuple[EngineLine, ...]:
    """The lines of an hOCR page (hOCR 1.2: ``bbox``, ``baseline``, ``x_size``, ``x_wconf``). Bytes that are not UTF-8
    and characters that XML forbids are left out; InputRejected when the rest is no XML."""
    text = _NOT_XML.sub("", hocr.decode("utf-8", errors="replace"))
    try:
        page = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise InputRejected(_("Tesseract gave up ({error})").format(error=error)) from error
    lines: list[EngineLine] = []
    paragraph = -1
    for block, area in enumerate(_of_class(page, "ocr_carea")):
        for part in _of_class(area, "ocr_par"):
            paragraph += 1
            for row in part:
                line = _line(row, image, block, paragraph)
                if line is not None:
                    lines.append(line)
    return tuple(lines)


def _of_class(node: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in node.iter() if child.get("class") == name]


def _line(row: ElementTree.Element, image: GreyImage, block: int, paragraph: int) -> EngineLine | None:
    stated = _properties(row)
    box = within(image, *stated["bbox"]) if len(stated.get("bbox", ())) == 4 else None
    if box is None:
        return None
    slope, offset = (*stated.get("baseline", ()), 0.0, 0.0)[:2]
    foot = stated["bbox"][3] + offset
    words: list[EngineWord] = []
    for node in _of_class(row, "ocrx_word"):
        of_word = _properties(node)
        word_box = within(image, *of_word["bbox"]) if len(of_word.get("bbox", ())) == 4 else None
        text = clean_word("".join(node.itertext()))
        if not text or word_box is None:
            continue
        y0, y1 = (foot + slope * (x - stated["bbox"][0]) for x in (word_box.x0, word_box.x1))
        confidence = min(1.0, max(0.0, of_word.get("x_wconf", (0.0,))[0] / 100))
        words.append(EngineWord(text, word_box, confidence, (float(word_box.x0), y0, float(word_box.x1), y1)))
    if not words:
        return None
    return EngineLine(tuple(words), box, stated.get("x_size", (float(box.height),))[0], block, paragraph)


def _properties(node: ElementTree.Element) -> dict[str, tuple[float, ...]]:
    """The numbers of an hOCR title: ``bbox 1 2 3 4; x_wconf 93``."""
    found: dict[str, tuple[float, ...]] = {}
    for part in node.get("title", "").split(";"):
        name, *values = part.split()
        try:
            found[name] = tuple(float(value) for value in values)
        except ValueError:  # the name of the image file
            continue
    return found
