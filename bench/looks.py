"""How well pages that say little are known again by what they look like, and told from others.

    python -m bench.looks [--scans FOLDER]

Draws plans of houses within one frame and photographs, and scans each twice; with *--scans* also the first and last
page of each PDF there, as real pages that are many and unlike. Prints how many are known again, and how many pairs of
others are taken for one.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pdf2image import convert_from_path, pdfinfo_from_path
from PIL import Image

from archive.looks import look_alike, look_marks
from ingest import images
from ingest.look import look_of
from samples.pictures import DPI, laid_again, photograph, plan

DRAWN = 100


def look(page: Image.Image, dpi: float) -> str:
    """What *page* looks like."""
    grey = images.resized(np.asarray(page.convert("L")), images.SKEW_DPI / dpi)
    return look_of(grey, images.solid_black(grey, images.SKEW_DPI))


def tried(name: str, pages: Sequence[Image.Image], dpi: float) -> None:
    """Print how many of *pages* are known again, as they lay and turned by one to three quarters, and how many are
    taken for others."""
    first = [look(page, dpi) for page in pages]
    quarters = np.random.default_rng(1).integers(0, 4, len(pages))
    again = [look(laid_again(page, seed).rotate(90 * int(quarters[seed]), expand=True), dpi)
             for seed, page in enumerate(pages)]  # fmt: skip
    known = [look_alike([one], [other]) for one, other in zip(first, again, strict=True)]
    found = [bool(set(look_marks([one])) & set(look_marks([other], turned=True)))
             for one, other in zip(first, again, strict=True)]  # fmt: skip
    wrong = sum(look_alike([one], [other]) for at, one in enumerate(first) for other in again[:at] + again[at + 1 :])
    both = sum(map(all, zip(known, found, strict=True)))
    print(f"{name}: {both} of {len(pages)} known again; {wrong} of {len(pages) * (len(pages) - 1)} other pairs alike")


def ends(folder: Path) -> list[Image.Image]:
    """First and last page of each PDF below *folder*, at 75 dpi."""
    pages = []
    for file in sorted(folder.rglob("*.pdf")):
        count = pdfinfo_from_path(str(file))["Pages"]
        pages += [convert_from_path(file, dpi=75, first_page=n, last_page=n, grayscale=True)[0] for n in {1, count}]
    return pages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scans", type=Path)
    given = parser.parse_args()
    tried("plans", [plan(seed) for seed in range(DRAWN)], DPI)
    tried("photographs", [photograph(seed) for seed in range(DRAWN)], DPI)
    if given.scans is not None:
        tried("real pages", ends(given.scans), images.SKEW_DPI)
