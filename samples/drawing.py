"""Papers drawn as NĐ 30/2020, Phụ lục I lays them out: A4, clean and upright, with seal, signature and pen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

from samples.papers import SamplePaper
from schemas.errors import ServiceUnavailable
from schemas.language import _

FONT_FOLDER = Path("/usr/share/fonts/truetype/croscore")
"""Where Debian's fonts-croscore puts Tinos, which has the widths of Times New Roman."""
A4_MM = (210.0, 297.0)
LEFT_MM, RIGHT_MM, TOP_MM, BOTTOM_MM = 30.0, 190.0, 20.0, 275.0
AGENCY_MIDDLE_MM, MOTTO_MIDDLE_MM, SIGNER_MIDDLE_MM = 62.0, 146.0, 150.0
"""The middles of the two columns of the head (.01–.44 and .52–.98 of the text frame) and of the signer's block."""
INDENT_MM = 10.0
LEADING = 1.2
SEAL_RED = (205, 30, 40)
PEN_BLUE = (35, 45, 130)

Point = tuple[float, float]
_RNG = np.random.Generator


@cache
def tinos(points: float, dpi: int, style: str = "Regular") -> ImageFont.FreeTypeFont:
    """The face at a size. ServiceUnavailable where its package is not installed."""
    file = FONT_FOLDER / f"Tinos-{style}.ttf"
    try:
        return ImageFont.truetype(str(file), round(points * dpi / 72))
    except OSError as error:
        raise ServiceUnavailable(
            _("{file}: the font of the sample papers is missing; apt-get install fonts-croscore").format(file=file)
        ) from error


@dataclass
class Sheet:
    """A white A4 sheet to set type on; places in millimetres from its top left."""

    dpi: int
    image: Image.Image = field(init=False)
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.px(A4_MM[0]), self.px(A4_MM[1])), "white")
        self.draw = ImageDraw.Draw(self.image)

    def px(self, mm: float) -> int:
        return round(mm * self.dpi / 25.4)

    def mm(self, px: float) -> float:
        return px * 25.4 / self.dpi

    def width_mm(self, text: str, points: float, style: str = "Regular") -> float:
        return self.mm(tinos(points, self.dpi, style).getlength(text))

    def text(self, x: float, baseline: float, text: str, points: float, style: str = "Regular", *,
             anchor: str = "ls", ink: tuple[int, int, int] = (20, 20, 20)) -> None:  # fmt: skip
        self.draw.text(
            (self.px(x), self.px(baseline)), text, fill=ink, font=tinos(points, self.dpi, style), anchor=anchor
        )

    def middle(self, x: float, baseline: float, text: str, points: float, style: str = "Regular") -> None:
        self.text(x, baseline, text, points, style, anchor="ms")

    def rule(self, x0: float, x1: float, y: float) -> None:
        self.draw.line(
            [(self.px(x0), self.px(y)), (self.px(x1), self.px(y))], fill=(20, 20, 20), width=max(1, self.px(0.25))
        )


def line_mm(points: float) -> float:
    """From one baseline to the next."""
    return points * 25.4 / 72 * LEADING


def draw_paper(paper: SamplePaper, *, dpi: int = 200, seed: int = 0) -> list[Image.Image]:
    """The paper's pages, clean, upright, RGB. The same arguments give the same pixels."""
    rng = np.random.default_rng(seed)
    sheets = [Sheet(dpi)]
    y = _agency_head(sheets[0], paper, rng) if paper.agency else _form_head(sheets[0], paper)
    for paragraph in paper.body:
        y = _paragraph(sheets, paragraph, y)
    if y > BOTTOM_MM - 62:
        y = _next_sheet(sheets)
    _closing(sheets[-1], paper, y, rng)
    return [sheet.image for sheet in sheets]


def blank_back(*, dpi: int = 200) -> Image.Image:
    """The empty back of a sheet."""
    return Sheet(dpi).image


# -- head -----------------------------------------------------------------------------------------------------------


def _motto(sheet: Sheet, x: float) -> float:
    sheet.middle(x, 24.5, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 12, "Bold")
    sheet.middle(x, 30.5, "Độc lập - Tự do - Hạnh phúc", 13, "Bold")
    half = sheet.width_mm("Độc lập - Tự do - Hạnh phúc", 13, "Bold") / 2
    sheet.rule(x - half, x + half, 32.5)
    return 32.5


def _agency_head(sheet: Sheet, paper: SamplePaper, rng: _RNG) -> float:
    _motto(sheet, MOTTO_MIDDLE_MM)
    y = 24.5
    for line in paper.parent.split("\n") if paper.parent else []:
        sheet.middle(AGENCY_MIDDLE_MM, y, line, 12)
        y += line_mm(12)
    for line in paper.agency.split("\n"):
        sheet.middle(AGENCY_MIDDLE_MM, y, line, 12, "Bold")
        y += line_mm(12)
    half = sheet.width_mm(paper.agency.split("\n")[-1], 12, "Bold") / 5
    sheet.rule(AGENCY_MIDDLE_MM - half, AGENCY_MIDDLE_MM + half, y - 3.2)
    y = max(y + 3.5, 43.0)
    _number_line(sheet, paper, y, rng)
    _place_and_date(sheet, paper, MOTTO_MIDDLE_MM, y, rng)
    if not paper.type:
        for line in _broken(sheet, paper.abstract, 12, "Regular", 62):
            y += line_mm(12)
            sheet.middle(AGENCY_MIDDLE_MM, y, line, 12)
    if paper.urgency:
        _urgency(sheet, paper.urgency, y + 12)
    if not paper.type:
        y = max(y + 22, 70.0)
        sheet.middle(108, y, f"Kính gửi: {paper.addressee}", 14)
        return y + 11
    return _title(sheet, paper, y + 14)


def _form_head(sheet: Sheet, paper: SamplePaper) -> float:
    y = _title(sheet, paper, _motto(sheet, 110) + 16)
    if paper.addressee:
        sheet.middle(110, y, f"Kính gửi: {paper.addressee}", 14)
        y += 11
    return y


def _title(sheet: Sheet, paper: SamplePaper, y: float) -> float:
    sheet.middle(110, y, paper.type, 14, "Bold")
    for line in _broken(sheet, paper.abstract, 14, "Bold", 130):
        y += line_mm(14)
        sheet.middle(110, y, line, 14, "Bold")
    if paper.abstract:
        sheet.rule(95, 125, y + 2.2)
    return y + 11


def _number_line(sheet: Sheet, paper: SamplePaper, y: float, rng: _RNG) -> None:
    gap = "              " if paper.handwritten_number else paper.number_text
    text = f"Số: {gap}/{paper.symbol}"
    start = AGENCY_MIDDLE_MM - sheet.width_mm(text, 13) / 2
    sheet.text(start, y, text, 13)
    if paper.handwritten_number:
        pen_digits(sheet, start + sheet.width_mm("Số: ", 13) + 0.5, y + 0.6, paper.number_text, 6.0, rng)


def _place_and_date(sheet: Sheet, paper: SamplePaper, x: float, y: float, rng: _RNG) -> None:
    day, month = f"{paper.issued_on.day:02}", paper.issued_on.month
    month_text = f"{month:02}" if month < 3 else str(month)  # NĐ 30/2020: only months 1 and 2 with a zero
    before = f"{paper.place}, ngày "
    text = f"{before}{'      ' if paper.handwritten_day else day} tháng {month_text} năm {paper.issued_on.year}"
    start = x - sheet.width_mm(text, 13, "Italic") / 2
    sheet.text(start, y, text, 13, "Italic")
    if paper.handwritten_day:
        pen_digits(sheet, start + sheet.width_mm(before, 13, "Italic") - 0.6, y + 0.4, day, 5.0, rng)


def _urgency(sheet: Sheet, word: str, y: float) -> None:
    """A single red border: 20 × 8 mm, 30 × 8 or 40 × 8 by the length of the word (NĐ 30/2020)."""
    width = 20 if len(word) < 6 else 30 if len(word) < 9 else 40
    x = LEFT_MM + 3
    edges = [sheet.px(x), sheet.px(y - 6), sheet.px(x + width), sheet.px(y + 2)]
    sheet.draw.rectangle(edges, outline=SEAL_RED, width=sheet.px(0.4))
    sheet.text(x + width / 2, y, word, 14, "Bold", anchor="ms", ink=SEAL_RED)


# -- body -----------------------------------------------------------------------------------------------------------


def _paragraph(sheets: list[Sheet], paragraph: str, y: float) -> float:
    middle = paragraph.startswith("^")
    bold = paragraph.lstrip("^").startswith("*")
    style = "Bold" if bold else "Regular"
    text = paragraph.lstrip("^*")
    lines = list(_broken(sheets[-1], text, 14, style, RIGHT_MM - LEFT_MM, indent=0 if middle else INDENT_MM))
    for number, line in enumerate(lines):
        if y > BOTTOM_MM:
            y = _next_sheet(sheets)
        if middle:
            sheets[-1].middle(110, y, line, 14, style)
        else:
            x = LEFT_MM + (INDENT_MM if number == 0 else 0)
            _justified(sheets[-1], x, y, line, style, spread=number < len(lines) - 1)
        y += line_mm(14)
    return y + 2


def _justified(sheet: Sheet, x: float, y: float, line: str, style: str, *, spread: bool) -> None:
    words = line.split(" ")
    widths = [sheet.width_mm(word, 14, style) for word in words]
    space = sheet.width_mm(" ", 14, style)
    if spread and len(words) > 1:
        space = (RIGHT_MM - x - sum(widths)) / (len(words) - 1)
    for word, width in zip(words, widths, strict=True):
        sheet.text(x, y, word, 14, style)
        x += width + space


def _next_sheet(sheets: list[Sheet]) -> float:
    sheets.append(Sheet(sheets[-1].dpi))
    sheets[-1].middle(110, 17, str(len(sheets)), 13)  # page numbers from the second page on, in the top margin
    return TOP_MM + 8


def _broken(sheet: Sheet, text: str, points: float, style: str, width: float, *, indent: float = 0) -> Iterator[str]:
    line = ""
    room = width - indent
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and sheet.width_mm(longer, points, style) > room:
            yield line
            line, room = word, width
        else:
            line = longer
    if line:
        yield line


# -- closing ----------------------------------------------------------------------------------------------------------


def _closing(sheet: Sheet, paper: SamplePaper, y: float, rng: _RNG) -> None:
    y += 4
    if paper.recipients:
        sheet.text(LEFT_MM, y, "Nơi nhận:", 12, "BoldItalic")
        for number, line in enumerate(paper.recipients, start=1):
            sheet.text(LEFT_MM, y + number * line_mm(11), line, 11)
    if not paper.agency:
        _place_and_date(sheet, paper, SIGNER_MIDDLE_MM, y, rng)
        y += line_mm(14)
    for line in paper.signer_title:
        sheet.middle(SIGNER_MIDDLE_MM, y, line, 14 if len(line) < 26 else 12, "Bold")
        y += line_mm(14)
    sheet.middle(SIGNER_MIDDLE_MM, y + 24, paper.signer, 14, "Bold")
    if paper.signer:
        _signature(sheet, SIGNER_MIDDLE_MM - 14, y + 8, rng)
    if paper.sealed and paper.agency:  # NĐ 30/2020, Điều 33: over about a third of the signature, on its left
        stamp(sheet.image, seal(paper.agency, sheet.dpi, rng), sheet.px(SIGNER_MIDDLE_MM - 38), sheet.px(y - 12))


# -- seal and pen -----------------------------------------------------------------------------------------------------


def seal(agency: str, dpi: int, rng: _RNG, *, diameter_mm: float = 36.0) -> Image.Image:
    """A round red seal on white, unevenly inked and a little turned: two rings, the agency's name, a star."""
    size = round(diameter_mm * dpi / 25.4)
    big = size * 2
    image = Image.new("L", (big, big), 0)
    draw = ImageDraw.Draw(image)
    for inset, width in ((0.01, 0.022), (0.06, 0.008), (0.27, 0.008)):
        draw.ellipse(
            [big * inset, big * inset, big * (1 - inset), big * (1 - inset)], outline=255, width=round(big * width)
        )
    _ring_text(image, agency.replace("\n", " "), big)
    star = [
        (big / 2 + big * radius * math.sin(turn), big / 2 - big * radius * math.cos(turn))
        for turn, radius in ((math.pi * n / 5, 0.16 if n % 2 == 0 else 0.065) for n in range(10))
    ]
    draw.polygon(star, fill=255)
    ink = image.rotate(float(rng.uniform(-12, 12)), Image.Resampling.BICUBIC).resize(
        (size, size), Image.Resampling.LANCZOS
    )
    worn = Image.fromarray(rng.integers(120, 255, (size // 6 + 1, size // 6 + 1), dtype=np.uint8))
    ink = ImageChops.multiply(ink, worn.resize((size, size), Image.Resampling.BICUBIC))
    return Image.composite(Image.new("RGB", ink.size, SEAL_RED), Image.new("RGB", ink.size, "white"), ink)


def _ring_text(image: Image.Image, text: str, big: int) -> None:
    """The letters of *text* round the seal, feet to the middle, with a gap below."""
    face = ImageFont.truetype(str(FONT_FOLDER / "Tinos-Bold.ttf"), round(big * 0.095))
    side, radius = round(big * 0.16), big * 0.325
    step = 260 / max(len(text) - 1, 1)
    for place, character in enumerate(text):
        tile = Image.new("L", (side, side), 0)
        ImageDraw.Draw(tile).text((side / 2, side * 0.65), character, fill=255, font=face, anchor="ms")
        turn = -130 + place * step
        x = big / 2 + radius * math.sin(math.radians(turn)) - side / 2
        y = big / 2 - radius * math.cos(math.radians(turn)) - side / 2
        image.paste(255, (round(x), round(y)), tile.rotate(-turn, Image.Resampling.BICUBIC))


def stamp(page: Image.Image, mark: Image.Image, x: int, y: int) -> None:
    """Ink over ink: *mark* darkens what lies under it."""
    box = (x, y, x + mark.width, y + mark.height)
    page.paste(ImageChops.multiply(page.crop(box), mark), box)


DIGIT_STROKES: dict[str, tuple[tuple[Point, ...], ...]] = {
    "0": (((0.5, 0.02), (0.12, 0.3), (0.15, 0.75), (0.5, 0.98), (0.85, 0.7), (0.82, 0.25), (0.45, 0.03)),),
    "1": (((0.25, 0.3), (0.55, 0.02), (0.5, 0.5), (0.45, 1.0)),),
    "2": (((0.12, 0.25), (0.45, 0.0), (0.8, 0.25), (0.45, 0.65), (0.08, 0.97), (0.5, 0.9), (0.95, 0.95)),),
    "3": (((0.12, 0.12), (0.55, 0.0), (0.75, 0.25), (0.35, 0.45), (0.8, 0.62), (0.6, 0.95), (0.05, 0.9)),),
    "4": (((0.6, 0.0), (0.3, 0.4), (0.05, 0.65), (0.5, 0.62), (0.95, 0.6)), ((0.65, 0.35), (0.6, 0.7), (0.55, 1.05))),
    "5": (((0.25, 0.05), (0.18, 0.4), (0.6, 0.4), (0.8, 0.7), (0.5, 0.98), (0.05, 0.92)), ((0.25, 0.05), (0.85, 0.0))),
    "6": (((0.7, 0.0), (0.25, 0.35), (0.12, 0.75), (0.45, 1.0), (0.8, 0.75), (0.5, 0.52), (0.15, 0.72)),),
    "7": (((0.08, 0.08), (0.5, 0.05), (0.92, 0.02), (0.6, 0.45), (0.35, 1.0)), ((0.25, 0.5), (0.75, 0.48))),
    "8": (
        ((0.75, 0.15), (0.4, 0.02), (0.25, 0.28), (0.7, 0.65), (0.5, 0.98), (0.15, 0.75), (0.55, 0.4), (0.75, 0.12)),
    ),
    "9": (((0.8, 0.2), (0.4, 0.02), (0.15, 0.3), (0.45, 0.5), (0.8, 0.2), (0.72, 0.6), (0.5, 1.0)),),
}
"""Each digit as strokes of a pen through points of a unit square, y downwards."""


def pen_digits(sheet: Sheet, x: float, baseline: float, digits: str, height_mm: float, rng: _RNG) -> None:
    """Digits written by hand: slanted, joined by nothing, never twice alike."""
    for digit in digits:
        width = height_mm * 0.55
        for stroke in DIGIT_STROKES[digit]:
            points = []
            for across, down in stroke:
                across += float(rng.normal(0, 0.05)) + (1 - down) * 0.3
                down += float(rng.normal(0, 0.035))
                points.append((x + across * width, baseline - (1 - down) * height_mm))
            _pen(sheet, points, 0.55)
        x += width * float(rng.uniform(1.05, 1.3))


def _signature(sheet: Sheet, x: float, y: float, rng: _RNG) -> None:
    points = [(x, y + 4)]
    for n in range(9):
        points.append((x + 3.4 * (n + 1) + float(rng.normal(0, 2)), y + (-1) ** n * float(rng.uniform(2, 7)) + 2))
    points += [(x + 12, y + 9), (x + 36, y + 5)]
    _pen(sheet, points, 0.5)


def _pen(sheet: Sheet, points: Sequence[Point], width_mm: float) -> None:
    curve = [(sheet.px(x), sheet.px(y)) for x, y in _smooth(points)]
    sheet.draw.line(curve, fill=PEN_BLUE, width=max(2, sheet.px(width_mm)), joint="curve")


def _smooth(points: Sequence[Point]) -> list[Point]:
    """A Catmull-Rom curve through the points."""
    padded = [points[0], *points, points[-1]]
    curve = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        for t in np.linspace(0, 1, 12):
            curve.append((
                _bent(before[0], start[0], end[0], after[0], float(t)),
                _bent(before[1], start[1], end[1], after[1], float(t)),
            ))  # fmt: skip
    return curve


def _bent(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
