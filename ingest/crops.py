"""The piece of paper behind what is doubtful, cut out for the person who decides."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pdf2image
from PIL import Image

from ingest.extract import NEEDED
from schemas.documents import Document, FieldState
from schemas.pages import Box

CROP_DPI = 150
MARGIN = 0.02
"""Round the evidence, in fractions of the page: what a person needs to see beside it."""
HEAD = Box(0.0, 0.0, 1.0, 0.42)
"""Where the elements stand that a paper begins with (NĐ 30/2020): shown where one of them was not found."""
TOGETHER = 8
"""Pages drawn by one poppler: each is 6 MB of memory at ``CROP_DPI``."""
SIDE_HEIGHT_PX = 620
GAP_PX = 16


def write_crops(pdf: Path, document: Document, folder: Path, prefix: str) -> dict[str, Path]:
    """PNGs ``<prefix>-<field>.png`` in *folder*, by field, of the paper behind each held field: its evidence, or the
    head of the first page where a needed one was not found.

    *pdf* is the composed document; each of its pages is drawn once, and pages that follow each other together.
    """
    wanted: dict[int, list[tuple[str, Box]]] = {}
    for name, page, box in _doubtful(document):
        wanted.setdefault(page, []).append((name, box))
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for page, image in _drawn_all(pdf, sorted(wanted)):
        for name, box in wanted[page]:
            around = (
                max(box.x0 - MARGIN, 0) * image.width,
                max(box.y0 - MARGIN, 0) * image.height,
                min(box.x1 + MARGIN, 1) * image.width,
                min(box.y1 + MARGIN, 1) * image.height,
            )
            written[name] = folder / f"{prefix}-{name}.png"
            image.crop((round(around[0]), round(around[1]), round(around[2]), round(around[3]))).save(written[name])
    return written


def write_neighbours(pages: Sequence[tuple[Path, int]], file: Path) -> Path:
    """The pages (each of a PDF, from 1 in it) side by side as the PNG *file*: is there a boundary between them?"""
    views = []
    for pdf, number in pages:
        image = _drawn(pdf, number)
        views.append(image.resize((max(1, round(image.width * SIDE_HEIGHT_PX / image.height)), SIDE_HEIGHT_PX)))
    width = sum(view.width for view in views) + GAP_PX * (len(views) - 1)
    together = Image.new("RGB", (width, SIDE_HEIGHT_PX), "#607080")
    left = 0
    for view in views:
        together.paste(view, (left, 0))
        left += view.width + GAP_PX
    file.parent.mkdir(parents=True, exist_ok=True)
    together.save(file)
    return file


def _doubtful(document: Document) -> Iterator[tuple[str, int, Box]]:
    """Each held field that can be shown, with its page in the composed document and its place there."""
    for name, field in document.metadata.items():
        if field.state is not FieldState.HELD:
            continue
        if field.evidence is not None and field.evidence.page in document.page_numbers:
            yield name, document.page_numbers.index(field.evidence.page) + 1, field.evidence.box
        elif name in NEEDED:
            yield name, 1, HEAD


def _drawn_all(pdf: Path, pages: Sequence[int]) -> Iterator[tuple[int, Image.Image]]:
    """The pages with their pictures; *pages* are in order. One poppler draws each run of them, ``TOGETHER`` at most."""
    at = 0
    while at < len(pages):
        end = at + 1
        while end < len(pages) and pages[end] == pages[end - 1] + 1 and end - at < TOGETHER:
            end += 1
        first, last = pages[at], pages[end - 1]
        images = pdf2image.convert_from_path(pdf, dpi=CROP_DPI, first_page=first, last_page=last, use_pdftocairo=True)
        yield from zip(pages[at:end], images, strict=True)
        at = end


def _drawn(pdf: Path, page: int) -> Image.Image:
    [(_page, image)] = _drawn_all(pdf, [page])
    return image
