"""Cover sheets, labels and separators of others: which are read, by resolution and by how they were scanned.

    .venv/bin/python -m bench.sheets [--sheets "cover sheet" …] [--dpis 150 …] [--json]

Each sheet is printed as ``sohoa cover`` does, scanned with the grain of a sensor, and its code looked for as in a page
that is read. Of each condition there are three scans, askew by other amounts.
"""

import argparse
import json
from collections.abc import Iterator

import numpy as np
import zxingcpp
from pdf2image import convert_from_bytes
from PIL import Image, ImageDraw

from ingest.images import Grey
from ingest.reading import codes_on
from ingest.sheetprint import cover_pdf, labels_pdf
from ingest.sheets import mark_of
from samples.scans import scanned
from schemas.documents import Kind, Sheet
from schemas.pages import PageText, Turn

DPIS = (150, 200, 300, 600)
WHOLE = Sheet("000.00.17.H29-230815-0001234", "1.000494.000.00.00.H29", "000.00.17.H29", Kind.COMPONENT)
SKEWS_DEG = (-6.0, 0.4, 3.0)
SHEETS = ("cover sheet", "label", "PATCHT in Code 128", "dossier in Code 128")
CONDITIONS = ("straight", "askew", "upside down", "stamped over", "black and white", "faded", "all of it")


def printed(what: str, dpi: int) -> Image.Image:
    """A4 with the code as it comes from the printer."""
    if what == "cover sheet":
        return convert_from_bytes(cover_pdf([WHOLE]), dpi=dpi)[0].convert("RGB")
    page = Image.new("RGB", (round(210 * dpi / 25.4), round(297 * dpi / 25.4)), "white")
    if what == "label":
        labels = convert_from_bytes(labels_pdf([WHOLE]), dpi=dpi)[0].convert("RGB")
        label = labels.crop((0, 0, round(70 * dpi / 25.4), round(37 * dpi / 25.4)))
        page.paste(label, (page.width // 2, page.height // 9))
        return page
    text = "PATCHT" if what == "PATCHT in Code 128" else "H29.17-230815-0001"
    bars = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    drawn = Image.fromarray(np.asarray(zxingcpp.write_barcode_to_image(bars, scale=4), np.uint8))
    page.paste(drawn.resize((round(110 * dpi / 25.4), round(30 * dpi / 25.4)), Image.Resampling.NEAREST).convert("RGB"),
               (round(50 * dpi / 25.4), round(60 * dpi / 25.4)))  # fmt: skip
    return page


def as_scanned(page: Image.Image, dpi: int, condition: str) -> Iterator[Grey]:
    """Three scans of the page under the condition, grey."""

    def has(name: str) -> bool:
        return condition in (name, "all of it")

    for seed, skew_deg in enumerate(SKEWS_DEG):
        image = page.copy()
        if has("stamped over"):
            draw = ImageDraw.Draw(image)
            middle, radius = (image.width * 0.5, image.height * 0.3), 18 * dpi / 25.4
            box = [middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius]
            draw.ellipse(box, outline=(60, 40, 120), width=round(1.2 * dpi / 25.4))
        if has("faded"):
            image = Image.blend(image, Image.new("RGB", image.size, "white"), 0.6)
        turn: Turn = 180 if has("upside down") else 0
        seen = scanned(image, seed=seed, skew_deg=skew_deg if has("askew") else 0.0, turn=turn)
        grey = np.asarray(seen.convert("L"))
        threshold = 200 if has("faded") else 150
        yield np.where(grey > threshold, 255, 0).astype(np.uint8) if has("black and white") else grey


def read(grey: Grey, dpi: int) -> bool:
    """The page's code parts a stack, for sure."""
    height, width = grey.shape
    mark = mark_of(PageText(1, width, height, float(dpi), codes=codes_on(grey, float(dpi), thoroughly=True)))
    return mark is not None and mark.sure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", nargs="+", choices=SHEETS, default=SHEETS)
    parser.add_argument("--dpis", nargs="+", type=int, default=DPIS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    as_json, dpis = given.json, given.dpis
    rows = []
    for what in given.sheets:
        pages = {dpi: printed(what, dpi) for dpi in dpis}
        for condition in CONDITIONS:
            counts = [sum(read(grey, dpi) for grey in as_scanned(pages[dpi], dpi, condition)) for dpi in dpis]
            rows.append({"sheet": what, "condition": condition, "read": dict(zip(dpis, counts, strict=True)), "of": 3})
            if not as_json:
                print(f"{what:22s}{condition:18s}" + "".join(f"{count:4d}/3" for count in counts), flush=True)
    if as_json:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
