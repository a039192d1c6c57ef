"""Papers that say nothing: plans of houses within a drawing office's frame, and photographs."""

import cv2
import numpy as np
from PIL import Image, ImageDraw

DPI = 100
SIZE = 827, 1169
"""A4."""
PAPER, INK = 250, 20


def plan(seed: int) -> Image.Image:
    """A house's rooms and fittings; frame and title block are those of every plan."""
    rng = np.random.default_rng(seed)
    page = Image.new("L", SIZE, PAPER)
    draw = ImageDraw.Draw(page)
    width, height = SIZE
    draw.rectangle((30, 30, width - 30, height - 30), outline=INK, width=3)
    for top in (160, 130, 100, 60):
        draw.rectangle((width - 330, height - top, width - 30, height - 30), outline=INK, width=2)
    x0, y0, x1, y1 = 100, 100, 740, 920
    outer = (
        int(rng.integers(x0, 160)),
        int(rng.integers(y0, 200)),
        int(rng.integers(700, x1)),
        int(rng.integers(840, y1)),
    )
    _rooms(draw, outer, 4, rng)
    for _fitting in range(8):
        x, y = rng.uniform(x0 + 20, x1 - 40), rng.uniform(y0 + 20, y1 - 40)
        radius = rng.uniform(8, 40)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=INK, width=1)
    return page.convert("RGB")


def _rooms(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], deep: int, rng: np.random.Generator) -> None:
    x0, y0, x1, y1 = box
    draw.rectangle(box, outline=INK, width=3)
    if deep == 0 or min(x1 - x0, y1 - y0) < 60:
        return
    share = rng.uniform(0.3, 0.7)
    if x1 - x0 > y1 - y0:
        wall = int(x0 + share * (x1 - x0))
        parts = ((x0, y0, wall, y1), (wall, y0, x1, y1))
    else:
        wall = int(y0 + share * (y1 - y0))
        parts = ((x0, y0, x1, wall), (x0, wall, x1, y1))
    for part in parts:
        _rooms(draw, part, deep - 1, rng)


def photograph(seed: int) -> Image.Image:
    """Light and dark without any edge, in the upper half of a sheet."""
    rng = np.random.default_rng(seed)
    tones = np.zeros((450, 600), np.float32)
    for cells in (3, 6, 12, 25, 50):
        coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        tones = (
            tones + np.asarray(cv2.resize(coarse, (600, 450), interpolation=cv2.INTER_CUBIC), np.float32) / cells**0.7
        )
    tones = (tones - tones.min()) / np.ptp(tones) * 220 + 10
    page = Image.new("L", SIZE, PAPER)
    page.paste(Image.fromarray(tones.astype(np.uint8)), (110, 150))
    return page.convert("RGB")


def laid_again(page: Image.Image, seed: int) -> Image.Image:
    """The page as another scan sees it: up to 1.2° askew, 1.5 % of its width off, 0.6 % larger or smaller, softer,
    brighter or darker, with grain."""
    rng = np.random.default_rng(seed)
    tones = np.asarray(page.convert("L"))
    height, width = tones.shape
    moved = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-1.2, 1.2), 1 + rng.uniform(-0.006, 0.006))
    moved[:, 2] += rng.uniform(-0.015, 0.015, 2) * width
    lying = cv2.warpAffine(tones, moved, (width, height), borderValue=PAPER)
    soft = cv2.GaussianBlur(lying, (0, 0), rng.uniform(0.3, 1)).astype(np.float32)
    seen = soft * rng.uniform(0.75, 1.0) + rng.uniform(-10, 25) + rng.normal(0, 8, soft.shape)
    return Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8)).convert("RGB")
