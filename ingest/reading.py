"""Reading a page: from the bytes of its image to its words, their places, codes and marks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import zxingcpp

from ingest import images
from ingest.dense import dense_parts
from ingest.greyseals import without_grey_seals
from ingest.headrows import with_head_rows
from ingest.images import Grey, Mask, Picture, Straightened
from ingest.look import look_of
from ingest.measures import squared
from ingest.missed import with_missed
from ingest.ocr.engine import (
    EngineLine,
    EngineWord,
    Layout,
    OcrEngine,
    best_tessdata,
    open_engine,
    open_second,
    tessdata_folder,
)
from ingest.owntext import is_better, is_sound
from ingest.relining import relined
from ingest.rules import without_rules
from ingest.secondreading import Span, read_span, slots, spans
from ingest.secrecy import names_secrecy, secrecy_mark
from ingest.syllables import counted
from ingest.wording import Worded, decided, grounds_closed, is_doubtful
from schemas.errors import InputRejected
from schemas.pages import (
    Box,
    Code,
    EngineIdentity,
    Line,
    OwnText,
    PageImage,
    PageState,
    PageText,
    ReadingOptions,
    Turn,
    Word,
    box_around,
)

MOST_DPI = 220.0
"""Pages of more are read at this resolution: above it Tesseract takes time by the pixel, and reads worse. Of seven
pages worn in ten ways and scanned with 300 dpi 5.2 % of the characters are wrong at 200, 5.3 % at 240, 7.0 % at 300."""
LEAST_DPI, MOST_LARGER = 180.0, 1.5
"""Pages of less are enlarged to this, but not by more: on pages of 150 dpi it takes a third of the errors away, on
those of 100 dpi too."""
LEVEL_DEG = 0.8
"""A slope that Tesseract's own baselines follow without loss; it is left alone."""
POOR = 0.6
"""Pages that stand on their head come out with a mean confidence of 0.2 to 0.5, faint ones with 0.7 and more."""
COVERED = 0.75
"""A page's own text must lie over this share of its letters to stand for the page."""
LAYER = EngineIdentity("text layer", "own", "none")
"""Where nothing was read, because the scan's own file says it."""
CODE_DPI = 150.0
"""Codes on separator sheets are read at this resolution: 13 ms for all of a page, where 300 dpi and all kinds take 90;
5 ms for what is as dense as a code."""
FEW_WORDS = 40
"""A page with no more may be a separator whose code was smeared, which is looked for twice; or a drawing, which is
known again by what it looks like."""
CODES = zxingcpp.BarcodeFormats(
    [getattr(zxingcpp.BarcodeFormat, kind) for kind in ("QRCode", "DataMatrix", "Code128", "Code39", "EAN13")]
)


@dataclass(frozen=True, slots=True)
class Engines:
    """What a worker reads with: each page, and again what was doubtful there."""

    first: OcrEngine
    second: OcrEngine


_engines: dict[tuple[object, ...], Engines] = {}


def load_engine(options: ReadingOptions) -> Engines:
    """The engines for these options, loaded once a process. ServiceUnavailable when one or a model is missing."""
    key = (options.engine, options.languages, tessdata_folder(options), best_tessdata(options), options.page_timeout_s)
    if key not in _engines:
        cv2.setNumThreads(1)  # the pages are what runs in parallel
        first = open_engine(options)
        _engines[key] = Engines(first, open_second(options, first))
    return _engines[key]


def engine_identity(options: ReadingOptions) -> EngineIdentity:
    """With which program and models pages are read here. ServiceUnavailable when the engine or a model is missing."""
    return _identity(load_engine(options))


def not_read(image: PageImage, reason: str) -> PageText:
    """The page without words, and why."""
    width, height = _upright(image.width_px, image.height_px, image.turn)
    return PageText(
        image.number, width, height, image.dpi, image.turn, state=PageState.NOT_READ, reason=reason
    )  # fmt: skip


def _secret(image: PageImage) -> PageText:
    """The page without anything that it says."""
    width, height = _upright(image.width_px, image.height_px, image.turn)
    return PageText(image.number, width, height, image.dpi, image.turn, state=PageState.SECRET)


def read_page(page: PageImage, options: ReadingOptions) -> PageText:
    """What the page says: turned upright, straightened and cleaned for reading only; places are those of the upright
    scan. A pure function of its arguments and the installed models.

    A page without writing is BLANK; one that cannot be decoded is NOT_READ with the reason; one with a stamp of secrecy
    is SECRET, and nothing of it is kept. ServiceUnavailable when the engine or a model is missing.
    """
    engines = load_engine(options)
    engine = engines.first
    try:
        picture = images.turned(images.decoded(page.content), page.turn)
    except InputRejected as error:
        return not_read(page, str(error))
    seen = _Seen.of(picture, page.dpi)
    codes = codes_on(seen.page, seen.dpi)
    if images.is_blank(seen.ink, seen.letters, seen.ink_dpi) and not codes:
        height, width = picture.shape[:2]
        return PageText(
            page.number, width, height, page.dpi, page.turn, state=PageState.BLANK, engine=_identity(engines)
        )
    if page.own is not None and page.own.typed and not page.settled:
        typed = _typed(page, page.own, picture, seen, codes, engine)
        if typed is not None:
            return typed
    turn: Turn = 0
    if not page.settled and images.lies_on_its_side(seen.letters, seen.ink_dpi):
        seen, turn = seen.turned(90), 90
    read = _read(seen, engine)
    if read.is_poor and not page.settled:
        seen, turn, read = _other_way_up(seen, turn, read, engine)
    if not page.released and _is_secret(images.turned(picture, turn), page.dpi, read, engine):
        return _secret(page)
    if turn:
        codes = codes_on(seen.page, seen.dpi)
    if not codes and sum(len(line.words) for line in read.lines) <= FEW_WORDS:
        codes = codes_on(seen.page, seen.dpi, thoroughly=True)
    worded = _worded(read, seen.dpi, None if options.fast else engines.second)
    text = _page_text(page, seen, turn, worded, read, codes, engines)
    if page.own is not None and not turn and not page.settled and _keeps_layer(page.own, text, seen):
        return replace(text, lines=page.own.lines, engine=LAYER)
    return with_head_rows(text, seen.page, seen.dpi, None if options.fast else engines.second)


def _typed(page: PageImage, own: OwnText, picture: Picture | Grey, seen: "_Seen", codes: tuple[Code, ...],
           engine: OcrEngine) -> PageText | None:  # fmt: skip
    """The page as its own file has it, nothing read; None where the file's letters are not to be believed, or where
    more is printed on the page than it says (a picture of paper with a note typed over it)."""
    boxes = [word.box for line in own.lines for word in line.words]
    if not is_sound(own.lines) or images.covered(seen.letters, boxes) < COVERED:
        return None
    if not page.released and (
        names_secrecy(line.text for line in own.lines)
        or secrecy_mark(picture[: picture.shape[0] // 2], page.dpi, engine) is not None
    ):
        return _secret(page)
    height, width = picture.shape[:2]
    taken = boxes + [code.box for code in codes]
    return PageText(
        page.number, width, height, page.dpi, page.turn, lines=own.lines, codes=codes,
        unread_ink=seen.unread(taken), engine=LAYER, typed=True, look=seen.look(own.lines),
    )  # fmt: skip


def _keeps_layer(own: OwnText, read: PageText, seen: "_Seen") -> bool:
    """Another program's layer lies over the print and says more that is language than was read."""
    boxes = [word.box for line in own.lines for word in line.words]
    return is_better(own.lines, read.lines) and images.covered(seen.letters, boxes) >= COVERED


def _is_secret(upright: Picture | Grey, dpi: float, read: "_Read", engine: OcrEngine) -> bool:
    """A degree of secrecy was read, or its stamp is on the page: by NĐ 30/2020 a fifth down the left side. So the upper
    half is looked at, which takes half the time, and all of a page that was read poorly: it may lie on its head."""
    if names_secrecy(line.text for line in read.lines):
        return True
    seen = upright if read.is_poor else upright[: upright.shape[0] // 2]
    return secrecy_mark(seen, dpi, engine) is not None


# -- what is seen before reading ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Seen:
    """A page prepared for reading: without coloured ink, at the resolution to read it at."""

    page: Grey
    dpi: float
    ink: Mask
    """All ink, seals and pen too, at a low resolution."""
    letters: Mask
    """Of it the marks of the size of letters."""
    ink_dpi: float
    black: Mask
    """What is solid black, at the same resolution."""
    plain: Grey
    """The page with all that is on it, at the same resolution."""

    @classmethod
    def of(cls, picture: Picture | Grey, dpi: float) -> "_Seen":
        plain = images.grey(picture)
        coloured = images.coloured_ink(picture, dpi) if picture.ndim == 3 else None
        page = images.without_ink(picture, coloured) if coloured is not None else plain
        read_dpi = _read_at(dpi)
        page = images.resized(images.on_white(images.despeckled(page)), read_dpi / dpi)
        if coloured is None:
            page = without_grey_seals(page, read_dpi)
        low_dpi = min(dpi, images.SKEW_DPI)
        small = images.resized(plain, low_dpi / dpi)
        ink = images.ink_mask(small)
        letters = images.letters_of(ink, low_dpi / images.MM_PER_INCH)
        return cls(page, read_dpi, ink, letters, low_dpi, images.solid_black(small, low_dpi), small)

    def turned(self, turn: Turn) -> "_Seen":
        return _Seen(images.turned(self.page, turn), self.dpi,
                     images.turned(self.ink, turn), images.turned(self.letters, turn), self.ink_dpi,
                     images.turned(self.black, turn), images.turned(self.plain, turn))  # fmt: skip

    def look(self, lines: Sequence[Line]) -> str:
        """What it looks like, where its *lines* say little."""
        return look_of(self.plain, self.black) if sum(len(line.words) for line in lines) <= FEW_WORDS else ""

    def unread(self, taken: list[Box]) -> tuple[Box, ...]:
        """Where ink lies outside the *taken* boxes, and where the page is black."""
        beside = images.without_black(self.ink, self.black, self.ink_dpi)
        return images.marks(beside, taken, self.ink_dpi) + images.bands(self.black, self.ink_dpi)


def _read_at(dpi: float) -> float:
    """The resolution at which a page is read."""
    if dpi > MOST_DPI * 1.1:
        return MOST_DPI
    return min(LEAST_DPI, MOST_LARGER * dpi) if dpi < 0.9 * LEAST_DPI else dpi


@dataclass(frozen=True, slots=True)
class _Read:
    """One reading of a page: the engine's lines, and the straightened image they are of."""

    lines: tuple[EngineLine, ...]
    level: Straightened
    slope_deg: float

    @property
    def confidence(self) -> float:
        weights = [(w.confidence, len(w.text)) for line in self.lines for w in line.words]
        total = sum(weight for _value, weight in weights)
        return sum(value * weight for value, weight in weights) / total if total else 0.0

    @property
    def is_poor(self) -> bool:
        return self.confidence < POOR


def _read(seen: _Seen, engine: OcrEngine, layout: Layout = Layout.AUTO) -> _Read:
    slope = images.skew_deg(seen.letters)
    level = images.straightened(seen.page, slope if abs(slope) >= LEVEL_DEG else 0.0)
    level = replace(level, page=without_rules(level.page, seen.dpi))
    return _Read(with_missed(engine.read(level.page, seen.dpi, layout), level.page, seen.dpi, engine), level, slope)


def _other_way_up(seen: _Seen, turn: Turn, read: _Read, engine: OcrEngine) -> tuple[_Seen, Turn, _Read]:
    """The page as it is read best: a page upside down is read without sense, and so poorly."""
    flipped = seen.turned(180)
    again = _read(flipped, engine)
    if again.confidence > read.confidence + 0.1:
        return flipped, _sum(turn, 180), again
    return seen, turn, read


def _worded(read: _Read, dpi: float, second: OcrEngine | None) -> list[tuple[EngineLine, list[Worded]]]:
    """The lines with their words as decided: after a second look at what was doubtful where *second* is given."""
    syllables = counted()
    again: dict[int, list[tuple[Span, list[tuple[EngineWord, ...]]]]] = {}
    lines = read.lines
    if second is not None:
        page = read.level.page
        lines = relined(page, lines, dpi, second)
        for span in spans(lines, lambda line, place: is_doubtful(line, place, syllables)):
            words = read_span(page, lines[span.line], span, second, dpi)
            again.setdefault(span.line, []).append((span, [words]))
    words_of = [decided(line, slots(line, again.get(number, ())), syllables) for number, line in enumerate(lines)]
    return list(zip(lines, squared(grounds_closed(words_of)), strict=True))


def codes_on(page: Grey, dpi: float, *, thoroughly: bool = False) -> tuple[Code, ...]:
    """The printed codes on a page, from its top down, looked for at ``CODE_DPI`` where it is as dense as they are;
    *thoroughly* looks everywhere and takes smeared ones too, and longer."""
    height, width = page.shape
    factor = min(1.0, CODE_DPI / dpi)
    found: list[Code] = []
    for rows, columns in [(slice(0, height), slice(0, width))] if thoroughly else dense_parts(page, dpi):
        part = images.resized(page[rows, columns], factor)
        for read in zxingcpp.read_barcodes(part, formats=CODES, try_invert=False, try_downscale=thoroughly):
            if not read.valid or not read.text:
                continue
            corners = (read.position.top_left, read.position.top_right,
                       read.position.bottom_right, read.position.bottom_left)  # fmt: skip
            xs = [(columns.start + p.x / factor) / width for p in corners]
            ys = [(rows.start + p.y / factor) / height for p in corners]
            code = Code(read.text, str(read.format).removeprefix("BarcodeFormat."), _box(xs, ys))
            if not any(code.text == other.text and code.box.overlap(other.box) for other in found):
                found.append(code)
    return tuple(sorted(found, key=lambda code: (code.box.y0, code.box.x0)))


# -- the result ---------------------------------------------------------------------------------------------------


def _page_text(
    page: PageImage, seen: _Seen, turn: Turn, worded: Sequence[tuple[EngineLine, list[Worded]]], read: _Read,
    codes: tuple[Code, ...], engines: Engines,
) -> PageText:  # fmt: skip
    whole: Turn = _sum(page.turn, turn)
    width, height = _upright(page.width_px, page.height_px, whole)
    back = _way_back(read.level, seen.page.shape)
    lines = tuple(_line(line, words, back, seen.page.shape[0]) for line, words in worded if words)
    taken = [word.box for line in lines for word in line.words] + [code.box for code in codes]
    return PageText(
        page.number, width, height, page.dpi, whole, read.slope_deg, lines,
        codes=codes, unread_ink=seen.unread(taken), engine=_identity(engines), look=seen.look(lines),
    )  # fmt: skip


def _identity(engines: Engines) -> EngineIdentity:
    first, second = engines.first.identity, engines.second.identity
    models = first.model if second.model == first.model else f"{first.model},{second.model}"
    return EngineIdentity(first.name, first.version, models)


WayBack = Callable[[float, float], tuple[float, float]]
"""From a point of the straightened image to fractions of the upright page."""


def _way_back(level: Straightened, shape: tuple[int, ...]) -> WayBack:
    (a, b, c), (d, e, f) = level.back.tolist()  # in plain numbers: for four points that takes a fifth of the time
    height, width = shape[:2]

    def back(x: float, y: float) -> tuple[float, float]:
        return (a * x + b * y + c) / width, (d * x + e * y + f) / height

    return back


def _line(line: EngineLine, words: Sequence[Worded], back: WayBack, height: int) -> Line:
    placed = tuple(_word(word, back) for word in words)
    box = box_around(word.box for word in placed)
    return Line(placed, box, line.height_px / height, line.block, line.paragraph)


def _word(worded: Worded, back: WayBack) -> Word:
    word, box = worded.word, worded.word.box
    xs, ys = zip(
        back(box.x0, box.y0), back(box.x1, box.y0), back(box.x1, box.y1), back(box.x0, box.y1), strict=True
    )  # fmt: skip
    x0, y0, x1, y1 = word.baseline
    return Word(word.text, _box(xs, ys), word.confidence, (*back(x0, y0), *back(x1, y1)), worded.raw)


def _box(xs: Sequence[float], ys: Sequence[float]) -> Box:
    x0, y0, x1, y1 = min(xs), min(ys), max(xs), max(ys)
    if x0 < 0 or y0 < 0 or x1 > 1 or y1 > 1:
        x0, y0, x1, y1 = (min(1.0, max(0.0, v)) for v in (x0, y0, x1, y1))
    return Box(x0, y0, x1, y1)


def _upright(width: int, height: int, turn: Turn) -> tuple[int, int]:
    return (height, width) if turn in (90, 270) else (width, height)


def _sum(first: Turn, second: Turn) -> Turn:
    turns: dict[int, Turn] = {0: 0, 90: 90, 180: 180, 270: 270}
    return turns[(first + second) % 360]
