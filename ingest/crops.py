"""The piece of paper behind a doubtful field, cut out for the person who decides."""

from pathlib import Path

import pdf2image

from schemas.documents import Document, FieldState
from schemas.pages import Box

CROP_DPI = 150
MARGIN = 0.02
"""Round the evidence, in fractions of the page: what a person needs to see beside it."""


def write_crops(pdf: Path, document: Document, folder: Path, prefix: str) -> dict[str, Path]:
    """PNGs ``<prefix>-<field>.png`` in *folder*, by field, of the paper behind each held field that has evidence.

    *pdf* is the composed document; each of its pages is drawn once.
    """
    wanted: dict[int, list[tuple[str, Box]]] = {}
    for name, field in document.metadata.items():
        if field.state is FieldState.HELD and field.evidence is not None:
            page = document.page_numbers.index(field.evidence.page) + 1
            wanted.setdefault(page, []).append((name, field.evidence.box))
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    for page, boxes in wanted.items():
        [image] = pdf2image.convert_from_path(pdf, dpi=CROP_DPI, first_page=page, last_page=page)
        for name, box in boxes:
            around = (
                max(box.x0 - MARGIN, 0) * image.width,
                max(box.y0 - MARGIN, 0) * image.height,
                min(box.x1 + MARGIN, 1) * image.width,
                min(box.y1 + MARGIN, 1) * image.height,
            )
            written[name] = folder / f"{prefix}-{name}.png"
            image.crop((round(around[0]), round(around[1]), round(around[2]), round(around[3]))).save(written[name])
    return written
