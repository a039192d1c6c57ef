"""What befalls paper before it is read: ink over print, folds, copiers, poor light, cheap scanners.

Each takes a page (RGB) and gives it back worn, at the same size; the same seed gives the same pixels. Lengths are in
millimetres, by the page's dpi.
"""

import io
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from samples.drawing import PEN_BLUE, SEAL_RED, seal, stamp, tinos

Page = Image.Image
Tones = NDArray[np.float32]
BLACK_INK = (30, 30, 34)


def _tones(page: Page) -> Tones:
    return np.asarray(page.convert("RGB"), dtype=np.float32)


def _page(tones: NDArray[np.floating]) -> Page:
    return Image.fromarray(np.clip(tones, 0, 255).astype(np.uint8))


def _cloud(size: tuple[int, int], cells: int, rng: np.random.Generator) -> Tones:
    """A smooth random field of -1 to 1, with *cells* hills along the width; rows × columns × 1."""
    width, height = size
    coarse = rng.uniform(-1, 1, (max(2, round(cells * height / width)), max(2, cells))).astype(np.float32)
    field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(field, np.float32)[:, :, None]


# -- ink over print -------------------------------------------------------------------------------------------------


def sealed(page: Page, dpi: int, seed: int, places: Sequence[tuple[float, float]] = ((0.55, 0.6),)) -> Page:
    """A round red seal over the text at each place (its middle, in page fractions), a blue signature through it."""
    rng = np.random.default_rng(seed)
    worn = page.copy()
    for x, y in places:
        mark = seal("ỦY BAN NHÂN DÂN HUYỆN", dpi, rng)
        left, top = round(x * page.width) - mark.width // 2, round(y * page.height) - mark.height // 2
        stamp(worn, mark, left, top)
        _scrawl(worn, (left + mark.width * 0.6, top + mark.height * 0.5), dpi, PEN_BLUE, rng)
    return worn


def arrived(page: Page, dpi: int, seed: int, place: tuple[float, float] = (0.2, 0.2),
            ink: tuple[int, int, int] = SEAL_RED) -> Page:  # fmt: skip
    """A stamp of arrival, a frame of 60 × 28 mm with words of its own, askew, its top left corner at *place*."""
    rng = np.random.default_rng(seed)
    width, height = round(60 * dpi / 25.4), round(28 * dpi / 25.4)
    mark = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mark)
    line = max(2, round(0.5 * dpi / 25.4))
    draw.rectangle([0, 0, width - 1, height - 1], outline=255, width=line)
    draw.line([(0, height * 0.36), (width, height * 0.36)], fill=255, width=line)
    for row, text in (
        (0.27, "CÔNG VĂN ĐẾN"),
        (0.6, "Số: ........................"),
        (0.88, "Ngày ....../....../........"),
    ):
        draw.text((width / 2, height * row), text, fill=255, font=tinos(12, dpi, "Bold"), anchor="ms")
    mark = mark.rotate(float(rng.uniform(-5, 5)), Image.Resampling.BICUBIC, expand=True)
    worn_ink = Image.fromarray(rng.integers(110, 255, (mark.height // 5, mark.width // 5), dtype=np.uint8))
    alpha = np.asarray(mark, np.float32) * np.asarray(worn_ink.resize(mark.size, Image.Resampling.BICUBIC)) / 255
    coloured = Image.composite(
        Image.new("RGB", mark.size, ink), Image.new("RGB", mark.size, "white"), Image.fromarray(alpha.astype(np.uint8))
    )
    worn = page.copy()
    stamp(worn, coloured, round(place[0] * page.width), round(place[1] * page.height))
    return worn


def scribbled(page: Page, dpi: int, seed: int, ink: tuple[int, int, int] = PEN_BLUE, strokes: int = 6) -> Page:
    """Pen over print: underlining, a ring round some words, ticks in the margin and a signature."""
    rng = np.random.default_rng(seed)
    worn = page.copy()
    draw = ImageDraw.Draw(worn)
    width = max(1, round(0.45 * dpi / 25.4))
    for _stroke in range(strokes):
        x, y = rng.uniform(0.15, 0.6) * page.width, rng.uniform(0.25, 0.85) * page.height
        long, wave = rng.uniform(0.1, 0.3) * page.width, rng.uniform(1, 2.2) * dpi / 25.4
        points = [(x + long * t, y + wave * math.sin(5 * t + x)) for t in np.linspace(0, 1, 30)]
        draw.line(points, fill=ink, width=width, joint="curve")
    x, y = rng.uniform(0.25, 0.6) * page.width, rng.uniform(0.3, 0.7) * page.height
    draw.ellipse([x, y, x + 0.22 * page.width, y + 9 * dpi / 25.4], outline=ink, width=width)
    _scrawl(worn, (0.55 * page.width, rng.uniform(0.4, 0.8) * page.height), dpi, ink, rng)
    return worn


def _scrawl(page: Page, start: tuple[float, float], dpi: int, ink: tuple[int, int, int],
            rng: np.random.Generator) -> None:  # fmt: skip
    """A signature of loops, 45 mm long."""
    mm = dpi / 25.4
    t = np.linspace(0, 1, 160)
    x = start[0] + mm * (42 * t + 6 * np.sin(t * 31 + rng.uniform(0, 6)))
    y = start[1] + mm * (7 * np.sin(t * 23 + rng.uniform(0, 6)) * (1 - 0.5 * t) + rng.uniform(-3, 3) * t)
    ImageDraw.Draw(page).line(
        [(float(a), float(b)) for a, b in zip(x, y, strict=True)],
        fill=ink,
        width=max(2, round(0.6 * mm)),
        joint="curve",
    )


# -- paper ------------------------------------------------------------------------------------------------------------


def creased(page: Page, dpi: int, seed: int) -> Page:
    """Folded in three and crumpled: shaded folds with a worn, pale line each, and fine dark creases across the text."""
    rng = np.random.default_rng(seed)
    tones = _tones(page)
    height, width, _colours = tones.shape
    mm = dpi / 25.4
    rows = np.arange(height, dtype=np.float32)[:, None, None]
    for fold in (0.33, 0.66):
        middle = fold * height + rng.uniform(-10, 10) * mm
        away = (rows - middle) / mm
        tones *= 1 - 0.28 * np.exp(-np.abs(away) / 7) * (away > 0) - 0.10 * np.exp(-np.abs(away) / 5) * (away <= 0)
        tones += (255 - tones) * 0.5 * np.exp(-((away / 0.35) ** 2))
    lines = np.zeros((height, width), np.uint8)
    for _crease in range(7):
        x, y, turn = rng.uniform(0, width), rng.uniform(0.1, 0.9) * height, rng.uniform(-0.5, 0.5)
        points = [(x, y)]
        for _step in range(12):
            turn += rng.normal(0, 0.25)
            x, y = x + 9 * mm * math.cos(turn), y + 9 * mm * math.sin(turn)
            points.append((x, y))
        cv2.polylines(lines, [np.array(points, np.int32)], False, 255, max(1, round(0.3 * mm)), cv2.LINE_AA)
    dark = np.asarray(cv2.GaussianBlur(lines, (0, 0), 0.25 * mm), np.float32)[:, :, None] / 255
    return _page(tones * (1 - 0.6 * dark) + 6 * _cloud(page.size, 9, rng))


def shown_through(page: Page, back: Page, strength: float = 0.3) -> Page:
    """The print of the *back*, mirrored and soft, seen through thin paper."""
    mirrored = ImageOps.mirror(back.resize(page.size)).filter(ImageFilter.GaussianBlur(page.width / 1654 * 1.3))
    return _page(_tones(page) * (1 - strength * (1 - _tones(mirrored) / 255)))


def on_paper(page: Page, paper: tuple[int, int, int], seed: int, spread: float = 5.0) -> Page:
    """Print on recycled or yellowed paper: its colour, blotches and fibres."""
    rng = np.random.default_rng(seed)
    tones = _tones(page) * (np.array(paper, np.float32) / 255)
    fibres = cv2.GaussianBlur(rng.standard_normal(tones.shape[:2]).astype(np.float32), (0, 0), 1.2)[:, :, None] * 12
    return _page(tones + fibres + spread * _cloud(page.size, 14, rng))


def punched(page: Page, dpi: int, seed: int) -> Page:
    """Two punch holes and a staple at the left, the scanner's black lid beyond two edges, a torn corner."""
    rng = np.random.default_rng(seed)
    worn = page.copy()
    draw = ImageDraw.Draw(worn)
    mm = dpi / 25.4
    for y in (page.height / 2 - 40 * mm, page.height / 2 + 40 * mm):
        draw.ellipse([11 * mm, y, 17 * mm, y + 6 * mm], fill=(25, 25, 25))
    draw.line([(9 * mm, 12 * mm), (19 * mm, 8 * mm)], fill=(90, 90, 90), width=max(1, round(0.7 * mm)))
    edge = round(rng.uniform(2, 5) * mm)
    draw.rectangle([page.width - edge, 0, page.width, page.height], fill=(15, 15, 15))
    draw.rectangle([0, page.height - edge, page.width, page.height], fill=(15, 15, 15))
    draw.polygon([(0, 0), (14 * mm, 0), (0, 11 * mm)], fill=(20, 20, 20))
    return worn


# -- print and copy -----------------------------------------------------------------------------------------------


def faint(page: Page, strength: float, seed: int) -> Page:
    """Print by an empty toner, *strength* of its blackness left, uneven."""
    share = strength * (1 + 0.35 * _cloud(page.size, 10, np.random.default_rng(seed)))
    return _page(255 - (255 - _tones(page)) * share)


def lit_unevenly(page: Page, darkest: float = 0.45) -> Page:
    """Photographed or scanned with the lid open: light falls off to one corner, down to *darkest*."""
    width, height = page.size
    across, down = np.meshgrid(np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32))
    return _page(_tones(page) * (1 - (1 - darkest) * ((0.6 * across + 0.4 * down) ** 1.5))[:, :, None])


def photocopied(page: Page, dpi: int, seed: int, *, generations: int = 2, toner: float = 0.0) -> Page:
    """An old copy of a copy: letters broken or filled (*toner* below or above 0), specks, a streak, a dark edge."""
    rng = np.random.default_rng(seed)
    mm = dpi / 25.4
    tones: NDArray[np.floating] = _tones(page).mean(axis=2)
    for _generation in range(generations):
        tones = np.asarray(cv2.GaussianBlur(tones, (0, 0), 0.10 * mm), np.float32)
        grain = np.asarray(
            cv2.GaussianBlur(rng.standard_normal(tones.shape).astype(np.float32), (0, 0), 0.9), np.float32
        )
        level = 150 + 25 * toner + 14 * _cloud(page.size, 6, rng)[:, :, 0] + 38 * grain
        tones = 255 / (1 + np.exp(np.clip((level - tones) / 14, -30, 30)))
    specks = rng.random(tones.shape) < 0.00012
    grown = cv2.dilate(specks.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    tones[grown > 0] = 30
    streak = round(rng.uniform(0.2, 0.8) * page.width)
    tones[:, streak : streak + max(1, round(0.15 * mm))] *= 0.75
    edge = np.minimum(np.arange(page.width), 6 * mm) / (6 * mm)
    tones = tones * (0.25 + 0.75 * edge[None, :] ** 0.5)
    soft = cv2.GaussianBlur(tones.astype(np.float32), (0, 0), 0.06 * mm)
    return Image.fromarray(np.clip(soft, 0, 255).astype(np.uint8)).convert("RGB")


# -- scanner ------------------------------------------------------------------------------------------------------


def bilevel(page: Page, level: int = 150) -> Page:
    """Black and white: what is darker than *level* is black."""
    return page.convert("L").point(lambda value: 255 * (value > level)).convert("1")


def pressed(page: Page, quality: int) -> Page:
    """Once through JPEG of that quality."""
    packed = io.BytesIO()
    page.convert("RGB").save(packed, "JPEG", quality=quality)
    return Image.open(io.BytesIO(packed.getvalue())).convert("RGB")
