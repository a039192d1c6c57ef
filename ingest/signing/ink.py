"""Where page 1 of any PDF bears ink, for signing PDFs that sohoa did not read."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pdf2image
from pdf2image.exceptions import PDFInfoNotInstalledError, PDFPageCountError, PDFPopplerTimeoutError, PDFSyntaxError

from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _
from schemas.pages import Box

DPI = 72
CELL_PT = 6
DARKER_BY = 48
"""Of 255, than the paper: its median. Below it lies the noise of scanned paper."""
TIMEOUT_S = 60


def ink_on_first_page(pdf: Path) -> tuple[Box, ...]:
    """Boxes that hold all ink of page 1 as displayed, in page fractions. InputRejected when it cannot be drawn."""
    try:
        [page] = pdf2image.convert_from_path(
            pdf, dpi=DPI, first_page=1, last_page=1, grayscale=True, use_cropbox=True, timeout=TIMEOUT_S
        )
    except PDFInfoNotInstalledError as error:
        raise ServiceUnavailable(_("poppler is missing; apt-get install poppler-utils")) from error
    except (PDFPageCountError, PDFSyntaxError, PDFPopplerTimeoutError, ValueError, OSError) as error:
        raise InputRejected(_("{file}: page 1 cannot be drawn; export the PDF again").format(file=pdf)) from error
    pixels: npt.NDArray[np.uint8] = np.asarray(page.convert("L"))
    dark: npt.NDArray[np.bool_] = np.less(pixels, int(np.median(pixels)) - DARKER_BY)
    return boxes_of(dark)


def boxes_of(ink: npt.NDArray[np.bool_]) -> tuple[Box, ...]:
    """The ink of a page (rows of pixels, True where dark) as boxes: runs of cells, a row of cells each."""
    height, width = ink.shape
    boxes = []
    for top in range(0, height, CELL_PT):
        band: npt.NDArray[np.bool_] = np.any(ink[top : top + CELL_PT], axis=0)
        cells = [bool(np.any(band[left : left + CELL_PT])) for left in range(0, width, CELL_PT)]
        for first, last in _runs(cells):
            boxes.append(Box(first * CELL_PT / width, top / height, min((last + 1) * CELL_PT / width, 1.0),
                             min((top + CELL_PT) / height, 1.0)))  # fmt: skip
    return tuple(boxes)


def _runs(cells: list[bool]) -> list[tuple[int, int]]:
    """First and last of each run of True."""
    runs = []
    first: int | None = None
    for place, dark in enumerate([*cells, False]):
        if dark and first is None:
            first = place
        elif not dark and first is not None:
            runs.append((first, place - 1))
            first = None
    return runs
