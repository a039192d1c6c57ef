# mypy: disable-error-code="no-untyped-call"
"""Whether a signature's appearance ever covers print of a real scan.

``python -m bench.placing FOLDER…``: the first page of every scan below is read, composed and signed by two as a batch
does, once with the agency's three lines and once with its seal. Prints a JSON object: how many pages, on how many the
paper had to grow, and each appearance whose rectangle lies over ink that is larger than a speck (2 mm), with the size
of it. Ends with 1 if there is one.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pdf2image
import pikepdf

from ingest.compose import compose
from ingest.intake import find_scans
from ingest.pages import open_pages
from ingest.pipeline import occupied
from ingest.reading import load_engine, read_page
from ingest.signing import Seal, open_seals, sign
from ingest.signing.ink import DARKER_BY
from samples.keys import make_demo_keys
from schemas.documents import ComposedPdf, Cut, CutState, Paper
from schemas.errors import InputRejected
from schemas.pages import Box, ReadingOptions, Scan
from schemas.settings import Office
from tests.ingest.signed import signing
from tests.ingest.signing_matrix import drawn_seal

DPI = 144
SPECK_MM = 2.0
"""Dust, holes of staples: what is larger may be a letter."""


def main() -> None:
    options = ReadingOptions()
    load_engine(options)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        profiles = dict(_profiles(folder))
        pages = grown = 0
        over: list[str] = []
        for composed, print_ in composed_pages(list(map(Path, sys.argv[1:])), folder, options):
            pages += 1
            for profile, seals in profiles.items():
                signed = sign(composed, seals, folder / "signed.pdf", occupied=print_)
                grown += height(signed.path) > height(composed.path) + 1
                over += [f"{composed.path.stem}: {profile}: {found}" for found in inked(signed.path)]
            print(f"{pages} read", end="\r", file=sys.stderr, flush=True)
    print(json.dumps({"pages": pages, "signed": pages * len(profiles), "grown": grown, "over_ink": over}, indent=1,
                     ensure_ascii=False))  # fmt: skip
    sys.exit(1 if over else 0)


def _profiles(folder: Path) -> Iterator[tuple[str, tuple[Seal, ...]]]:
    settings = signing(make_demo_keys(folder / "keys"))
    image = drawn_seal(folder / "seal.png")
    office = Office(agency="ỦY BAN NHÂN DÂN PHƯỜNG MẪU")
    yield "text", tuple(open_seals(settings, office, environment={}))
    sealed = settings.model_copy(update={"agency_profile": "seal", "seal_image": str(image)})
    yield "seal", tuple(open_seals(sealed, office, environment={}))


def composed_pages(
    folders: list[Path], into: Path, options: ReadingOptions
) -> Iterator[tuple[ComposedPdf, tuple[Box, ...]]]:
    """The first page of each scan as a PDF/A of its own, and where it bears print."""
    for scan in (scan for scan in find_scans(folders) if isinstance(scan, Scan)):
        try:
            with open_pages(scan, spool=into / "spool") as opened:
                text = read_page(opened.image(1), options)
                made = compose(opened, [text], into / f"{scan.path.stem}.pdf", title="-", made_at=datetime.now(UTC))
        except InputRejected as error:
            print(error, file=sys.stderr)
            continue
        yield made, occupied(Paper(scan, (text,), Cut(CutState.ACCEPTED, 1.0)))
        made.path.unlink()


def height(pdf: Path) -> float:
    """Of page 1 as displayed, in points."""
    with pikepdf.open(pdf) as opened:
        x0, y0, x1, y1 = map(float, opened.pages[0].mediabox)
        return x1 - x0 if int(opened.pages[0].obj.get("/Rotate", 0)) % 180 else y1 - y0


def inked(signed: Path) -> Iterator[str]:
    """The appearances on page 1 under which there is ink, with the size of its largest piece."""
    [page] = pdf2image.convert_from_path(
        signed, dpi=DPI, last_page=1, grayscale=True, use_cropbox=True, hide_annotations=True
    )
    pixels: npt.NDArray[np.uint8] = np.asarray(page)
    dark = np.less(pixels, int(np.median(pixels)) - DARKER_BY)
    _count, pieces, sizes, _centres = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    longest = sizes[:, cv2.CC_STAT_WIDTH : cv2.CC_STAT_HEIGHT + 1].max(axis=1) * 25.4 / DPI
    longest[0] = 0.0  # the paper itself
    for name, box in appearances(signed):
        left, top = int(box.x0 * dark.shape[1]), int(box.y0 * dark.shape[0])
        under = pieces[top : int(box.y1 * dark.shape[0]), left : int(box.x1 * dark.shape[1])]
        if longest[under].max() >= SPECK_MM:
            yield f"{name}: {longest[under].max():.1f} mm"


def appearances(signed: Path) -> Iterator[tuple[str, Box]]:
    """Where on page 1 as displayed each signature is shown, in page fractions."""
    with pikepdf.open(signed) as pdf:
        page = pdf.pages[0]
        x0, y0, x1, y1 = map(float, page.mediabox)
        turn = int(page.obj.get("/Rotate", 0)) % 360
        for widget in page.obj.get("/Annots", ()):
            a, b, c, d = map(float, widget.Rect)
            across, down = ((a - x0, c - x0), (y1 - d, y1 - b))
            if turn == 90:
                across, down = (b - y0, d - y0), (a - x0, c - x0)
            elif turn == 180:
                across, down = (x1 - c, x1 - a), (b - y0, d - y0)
            elif turn == 270:
                across, down = (y1 - d, y1 - b), (x1 - c, x1 - a)
            wide, high = (y1 - y0, x1 - x0) if turn % 180 else (x1 - x0, y1 - y0)
            yield str(widget.T), Box(across[0] / wide, down[0] / high, across[1] / wide, down[1] / high)


if __name__ == "__main__":
    main()
