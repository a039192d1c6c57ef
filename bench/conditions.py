"""How many characters are read wrong on pages worn in known ways: each condition a row, each way of reading a column.

    python -m bench.conditions [FOLDER] [--pages 8] [--only NAME…] [--ways bare careful] [--keep DIR] [--json FILE]

Truth is the text layer of born-digital PDFs under FOLDER (default: those beside the project): their portrait pages are
drawn without annotations, worn by ``samples.wear``, scanned by ``samples.scans`` and read. A word that was read belongs
to the line of truth at whose place it stands, so that the order of blocks costs nothing; what stands at the place of no
line counts as so many characters too many. ``bare`` is Tesseract with Debian's model over the page as scanned, which is
what OCRmyPDF does without cleaning; ``fast`` and ``careful`` are ``ingest.reading``. The last lines say how well the
pages' confidence orders them by their error (Spearman's rank correlation).
"""  # fmt: skip

import argparse
import io
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from html import unescape
from pathlib import Path

os.environ["OMP_THREAD_LIMIT"] = "1"

import numpy as np
import pikepdf
from pdf2image import convert_from_path
from PIL import Image
from rapidfuzz.distance import Levenshtein

from ingest import images
from ingest.reading import load_engine, read_page
from samples import wear
from samples.scans import scanned
from schemas.pages import PageImage, PageText, ReadingOptions, Turn

BORN_DIGITAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "born_digital"
DPI = 200
FEWEST_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class TrueLine:
    """A line as the PDF has it; its box in page fractions."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Original:
    """A page of a born-digital PDF, and what it says."""

    file: Path
    page: int
    lines: tuple[TrueLine, ...]

    def drawn(self, dpi: int) -> Image.Image:
        [image] = convert_from_path(self.file, dpi=dpi, first_page=self.page, last_page=self.page, use_pdftocairo=True)
        return image.convert("RGB")


@dataclass(frozen=True, slots=True)
class Worn:
    """A page as it comes from the scanner."""

    image: Image.Image
    dpi: int = DPI
    skew_deg: float = 0.0


Wearing = Callable[[Callable[[int], Image.Image], Image.Image, int], Worn]
"""From the page drawn at a resolution, the page that lies behind it, and a seed."""


def _conditions() -> dict[str, Wearing]:
    def plain(wearing: Callable[[Image.Image, int], Image.Image], dpi: int = DPI, skew: float = 0.0, turn: Turn = 0,
              after: Callable[[Image.Image], Image.Image] = lambda page: page) -> Wearing:  # fmt: skip
        def worn(drawn: Callable[[int], Image.Image], _back: Image.Image, seed: int) -> Worn:
            page = scanned(wearing(drawn(dpi), seed), seed=seed, skew_deg=skew, turn=turn)
            return Worn(after(page), dpi, skew)

        return worn

    def same(page: Image.Image, _seed: int) -> Image.Image:
        return page

    def shown_through(drawn: Callable[[int], Image.Image], back: Image.Image, seed: int) -> Worn:
        return Worn(scanned(wear.shown_through(drawn(DPI), back), seed=seed))

    def everything(drawn: Callable[[int], Image.Image], back: Image.Image, seed: int) -> Worn:
        page = wear.shown_through(wear.sealed(drawn(DPI), DPI, seed), back, 0.2)
        page = scanned(wear.creased(page, DPI, seed), seed=seed, skew_deg=4.0)
        return Worn(wear.pressed(page, 50), DPI, 4.0)

    seals = ((0.3, 0.3), (0.55, 0.62), (0.75, 0.2))
    return {
        "clean": plain(same),
        "100 dpi": plain(same, 100),
        "150 dpi": plain(same, 150),
        "300 dpi": plain(same, 300),
        "400 dpi": plain(same, 400),
        "skew 2°": plain(same, skew=2.0),
        "skew 5°": plain(same, skew=-5.0),
        "skew 15°": plain(same, skew=15.0),
        "turned 90°": plain(same, turn=90),
        "turned 180°": plain(same, turn=180),
        "turned 270°": plain(same, turn=270),
        "seal, signature": plain(lambda page, seed: wear.sealed(page, DPI, seed, seals)),
        "seal, 1 bit": plain(lambda page, seed: wear.sealed(page, DPI, seed, seals), after=wear.bilevel),
        "seal, grey": plain(
            lambda page, seed: wear.sealed(page, DPI, seed, seals), after=lambda page: page.convert("L")
        ),
        "arrival stamp": plain(lambda page, seed: wear.arrived(page, DPI, seed)),
        "arrival stamp, black": plain(lambda page, seed: wear.arrived(page, DPI, seed, ink=wear.BLACK_INK)),
        "blue pen": plain(lambda page, seed: wear.scribbled(page, DPI, seed)),
        "black pen": plain(lambda page, seed: wear.scribbled(page, DPI, seed, wear.BLACK_INK)),
        "creases": plain(lambda page, seed: wear.creased(page, DPI, seed)),
        "show-through": shown_through,
        "uneven light": plain(lambda page, _seed: wear.lit_unevenly(page)),
        "grey paper": plain(lambda page, seed: wear.on_paper(page, (176, 172, 158), seed)),
        "punch holes, lid": plain(lambda page, seed: wear.punched(page, DPI, seed)),
        "faint": plain(lambda page, seed: wear.faint(page, 0.35, seed)),
        "faint, 1 bit": plain(
            lambda page, seed: wear.faint(page, 0.5, seed), after=lambda page: wear.bilevel(page, 170)
        ),
        "1 bit": plain(same, after=wear.bilevel),
        "1 bit, heavy": plain(same, after=lambda page: wear.bilevel(page, 205)),
        "JPEG 20": plain(same, after=lambda page: wear.pressed(page, 20)),
        "copy, thin": plain(lambda page, seed: wear.photocopied(page, DPI, seed, toner=-1.0)),
        "copy, thick": plain(lambda page, seed: wear.photocopied(page, DPI, seed, toner=1.0)),
        "copy, 1 bit, 3°": plain(
            lambda page, seed: wear.photocopied(page, DPI, seed, generations=3), skew=3.0, after=wear.bilevel
        ),
        "everything, JPEG 50": everything,
    }  # fmt: skip


# -- truth --------------------------------------------------------------------------------------------------------

_PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)"')
_LINE = re.compile(r'<line xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</line>', re.S)
_WORD = re.compile(r"<word [^>]*>(.*?)</word>")


def originals(folder: Path, count: int, work: Path) -> list[Original]:
    """Portrait pages with text, evenly from all PDFs of *folder*; their annotations (signatures) are left out."""
    found = []
    for number, source in enumerate(sorted(folder.glob("*.pdf"))):
        file = work / f"{number}.pdf"
        with pikepdf.open(source) as pdf:
            for page in pdf.pages:
                if "/Annots" in page.obj:
                    del page.obj.Annots
            pdf.save(file)
            sizes = [(float(p.mediabox[2]), float(p.mediabox[3])) for p in pdf.pages][:3]
        for page_number, (width, height) in enumerate(sizes, start=1):
            lines = _true_lines(file, page_number) if height > width else ()
            if sum(len(line.text) for line in lines) >= FEWEST_CHARACTERS:
                found.append(Original(file, page_number, lines))
    return [found[round(place)] for place in np.linspace(0, len(found) - 1, min(count, len(found)))]


def _true_lines(file: Path, page: int) -> tuple[TrueLine, ...]:
    asked = ["pdftotext", "-bbox-layout", "-f", str(page), "-l", str(page), str(file), "-"]
    shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    size = _PAGE.search(shown)
    assert size is not None
    width, height = float(size[1]), float(size[2])
    lines = []
    for x0, y0, x1, y1, words in _LINE.findall(shown):
        text = _plain(" ".join(unescape(word) for word in _WORD.findall(words)))
        if text and text.strip("_.-–— "):
            lines.append(TrueLine(text, float(x0) / width, float(y0) / height, float(x1) / width, float(y1) / height))
    return tuple(lines)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).replace("\xad", "-").split())


# -- reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadWord:
    text: str
    x: float
    y: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A page read one way: characters wrong of so many, seconds of work, and the confidence stated."""

    condition: str
    way: str
    page: str
    wrong: float
    characters: int
    seconds: float
    confidence: float
    missed: int
    """Characters of lines of which nothing was read."""
    extra: int
    """Characters read where no line is."""


def _packed(worn: Worn) -> PageImage:
    content = io.BytesIO()
    if worn.image.mode == "1":
        worn.image.save(content, "TIFF", compression="group4", dpi=(worn.dpi, worn.dpi))
    else:
        worn.image.save(content, "JPEG", quality=80, dpi=(worn.dpi, worn.dpi))
    return PageImage(1, content.getvalue(), worn.image.width, worn.image.height, float(worn.dpi))


def _bare(page: PageImage) -> list[ReadWord]:
    grey = images.grey(images.decoded(page.content))
    lines = load_engine(ReadingOptions()).first.read(grey, page.dpi)
    height, width = grey.shape
    words = [word for line in lines for word in line.words]
    return [
        ReadWord(w.text, (w.box.x0 + w.box.x1) / 2 / width, (w.box.y0 + w.box.y1) / 2 / height, w.confidence)
        for w in words
    ]


def _words_of(text: PageText) -> list[ReadWord]:
    return [
        ReadWord(word.text, (word.box.x0 + word.box.x1) / 2, (word.box.y0 + word.box.y1) / 2, word.confidence)
        for line in text.lines for word in line.words
    ]  # fmt: skip


def _level(words: Sequence[ReadWord], worn: Worn) -> Iterator[ReadWord]:
    """The words where they stood before the page was laid askew."""
    width, height = worn.image.size
    turn = math.radians(worn.skew_deg)
    for word in words:
        x, y = (word.x - 0.5) * width, (word.y - 0.5) * height
        yield ReadWord(
            word.text, (x * math.cos(turn) - y * math.sin(turn)) / width + 0.5,
            (x * math.sin(turn) + y * math.cos(turn)) / height + 0.5, word.confidence,
        )  # fmt: skip


def _score(truth: Sequence[TrueLine], words: Sequence[ReadWord]) -> tuple[float, int, int]:
    """Characters wrong, those of lines left out, and those read where no line is."""
    by_line: dict[int, list[ReadWord]] = {}
    extra = 0
    for word in words:
        near = [
            (abs(word.y - (line.y0 + line.y1) / 2) + max(line.x0 - word.x, word.x - line.x1, 0.0), number)
            for number, line in enumerate(truth)
            if line.y0 - 0.3 * (line.y1 - line.y0) <= word.y <= line.y1 + 0.3 * (line.y1 - line.y0)
            and line.x0 - 0.01 <= word.x <= line.x1 + 0.01
        ]
        if near:
            by_line.setdefault(min(near)[1], []).append(word)
        else:
            extra += len(word.text)
    wrong = float(extra)
    missed = 0
    for number, line in enumerate(truth):
        got = " ".join(word.text for word in sorted(by_line.get(number, ()), key=lambda word: word.x))
        wrong += Levenshtein.distance(line.text, _plain(got))
        missed += len(line.text) if not got else 0
    return wrong, missed, extra


def outcomes(
    pages: Sequence[Original], conditions: dict[str, Wearing], ways: Sequence[str], keep: Path | None
) -> Iterator[Outcome]:
    for seed, page in enumerate(pages):
        drawn: dict[int, Image.Image] = {}

        def at(dpi: int, page: Original = page, drawn: dict[int, Image.Image] = drawn) -> Image.Image:
            if dpi not in drawn:
                drawn[dpi] = page.drawn(dpi)
            return drawn[dpi]

        back = pages[(seed + 1) % len(pages)].drawn(DPI)
        name = f"{page.file.stem}-{page.page}"
        for condition, wearing in conditions.items():
            worn = wearing(at, back, seed)
            packed = _packed(worn)
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                suffix = "tif" if worn.image.mode == "1" else "jpg"
                (keep / f"{condition.replace(' ', '_')}-{name}.{suffix}").write_bytes(packed.content)
            for way in ways:
                started = time.process_time()
                if way == "bare":
                    words = _bare(packed)
                    confidence = 0.0
                else:
                    text = read_page(packed, ReadingOptions(fast=way == "fast"))
                    words, confidence = _words_of(text), text.confidence
                spent = time.process_time() - started
                wrong, missed, extra = _score(page.lines, list(_level(words, worn)))
                characters = sum(len(line.text) for line in page.lines)
                yield Outcome(condition, way, name, wrong, characters, spent, confidence, missed, extra)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's: 1 where both order alike, -1 where in opposite ways. Equal values share their mean rank."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = np.sort(np.asarray(values))
    return [float(np.searchsorted(ordered, v, "left") + np.searchsorted(ordered, v, "right")) / 2 for v in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=BORN_DIGITAL)
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--ways", nargs="+", default=["bare", "careful"], choices=["bare", "fast", "careful"])
    parser.add_argument("--keep", type=Path, help="write the worn pages here")
    parser.add_argument("--json", type=Path, help="write every page's outcome here")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder}: not there; name a folder of born-digital PDFs")
    conditions = {name: way for name, way in _conditions().items() if not options.only or name in options.only}
    with tempfile.TemporaryDirectory() as work:
        pages = originals(options.folder, options.pages, Path(work))
        found = list(outcomes(pages, conditions, options.ways, options.keep))
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in found], indent=0))
    print(f"{len(pages)} pages, {sum(len(line.text) for page in pages for line in page.lines)} characters")
    print(f"| condition |{'|'.join(f' {way} ' for way in options.ways)}|")
    for condition in [*conditions, "all"]:
        cells = []
        for way in options.ways:
            here = [o for o in found if o.way == way and condition in (o.condition, "all")]
            cells.append(f" {sum(o.wrong for o in here) / sum(o.characters for o in here):.2%} ")
        print(f"| {condition} |{'|'.join(cells)}|")
    for way in options.ways:
        here = [o for o in found if o.way == way]
        print(f"{way}: {sum(o.seconds for o in here) / len(here):.2f} s a page", end="")
        if way != "bare" and len(here) > 2:
            errors = [-o.wrong / o.characters for o in here]
            print(f", confidence against error {rank_correlation([o.confidence for o in here], errors):.2f}", end="")
        print()


if __name__ == "__main__":
    main()
