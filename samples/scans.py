"""A day's sample scans: drawn papers as a scanner delivers them, in PDF, TIFF, JPEG and PNG.

Same program, same bytes: a second run finds the scans of the first.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pikepdf
import segno
from pikepdf import Array, Dictionary, Name
from PIL import Image, ImageFilter

from ingest import sheets
from samples import papers
from samples.drawing import Sheet, blank_back, draw_paper
from schemas.documents import Kind
from schemas.documents import Sheet as CoverSheet
from schemas.pages import Turn

PAPER_WHITE = (250, 249, 245)
NOISE = 6.0
"""Standard deviation of grey, of 255: between the two sensors of the scans that this was drawn after."""
JPEG_QUALITY = 80

Page = Image.Image


def scanned(page: Page, *, seed: int = 0, skew_deg: float = 0.0, turn: Turn = 0, noise: float = NOISE) -> Page:
    """A clean page as a scanner sees it: off-white, a little soft, grainy, askew (counter-clockwise) and *turn*
    clockwise."""
    rng = np.random.default_rng(seed)
    image = page.convert("RGB")
    if skew_deg:
        image = image.rotate(skew_deg, Image.Resampling.BICUBIC, fillcolor="white")
    image = image.filter(ImageFilter.BoxBlur(page.width / 1654 * 0.6))
    seen = np.asarray(image, dtype=np.float32) * (np.array(PAPER_WHITE, dtype=np.float32) / 255)
    seen += rng.standard_normal((image.height, image.width, 1), dtype=np.float32) * noise
    image = Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))
    return image.transpose(_TURNS[turn]) if turn else image


_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


def cover_sheet(sheet: CoverSheet, *, dpi: int = 200) -> Page:
    """A printed separator whose QR code says what lies behind it."""
    drawn = Sheet(dpi)
    drawn.middle(105, 40, "TỜ PHÂN CÁCH", 34, "Bold")
    rows = segno.make_qr(sheets.write(sheet), error="h", boost_error=False).matrix_iter(border=4)
    cells = np.array([[0 if cell else 255 for cell in row] for row in rows], dtype=np.uint8)
    side = drawn.px(112)
    drawn.image.paste(
        Image.fromarray(cells).resize((side, side), Image.Resampling.NEAREST), (drawn.px(49), drawn.px(55))
    )
    drawn.middle(105, 190, f"Hồ sơ: {sheet.dossier}", 20, "Bold")
    drawn.middle(105, 202, f"Thủ tục: {sheet.procedure}", 20)
    drawn.middle(105, 214, f"Đơn vị: {sheet.unit}", 20)
    return drawn.image


# -- files ------------------------------------------------------------------------------------------------------------


def jpeg_bytes(page: Page, *, dpi: int = 200, quality: int = JPEG_QUALITY) -> bytes:
    """The page as a JPEG file that states its resolution."""
    packed = io.BytesIO()
    page.save(packed, "JPEG", quality=quality, dpi=(dpi, dpi))
    return packed.getvalue()


def write_jpeg(file: Path, page: Page, *, dpi: int = 200) -> Path:
    file.write_bytes(jpeg_bytes(page, dpi=dpi))
    return file


def write_png(file: Path, page: Page, *, dpi: int = 200) -> Path:
    page.save(file, "PNG", dpi=(dpi, dpi), compress_level=6)
    return file


def write_tiff(file: Path, pages: Sequence[Page], *, dpi: int = 300, bilevel: bool = True) -> Path:
    """A multi-page TIFF: black and white in CCITT Group 4 as office scanners write it, else colour with LZW."""
    frames = [page.convert("L").point(lambda value: 255 * (value > 160)).convert("1") for page in pages]
    if not bilevel:
        frames = list(pages)
    frames[0].save(file, "TIFF", compression="group4" if bilevel else "tiff_lzw", dpi=(dpi, dpi), save_all=True,
                   append_images=frames[1:])  # fmt: skip
    return file


def write_pdf(file: Path, pages: Sequence[Page], *, dpi: int = 200) -> Path:
    """A PDF as scanners write it: each page is one JPEG, nothing else."""
    with pikepdf.new() as pdf:
        for page in pages:
            image = pdf.make_stream(jpeg_bytes(page, dpi=dpi))
            image.Type, image.Subtype = Name.XObject, Name.Image
            image.Width, image.Height, image.BitsPerComponent = page.width, page.height, 8
            image.ColorSpace = Name.DeviceGray if page.mode == "L" else Name.DeviceRGB
            image.Filter = Name.DCTDecode
            width, height = page.width * 72 / dpi, page.height * 72 / dpi
            pdf.pages.append(pikepdf.Page(Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, round(width, 2), round(height, 2)]),
                Resources=Dictionary(XObject=Dictionary(Im0=image)),
                Contents=pdf.make_stream(f"q {width:.2f} 0 0 {height:.2f} 0 0 cm /Im0 Do Q".encode()),
            )))  # fmt: skip
        pdf.save(file, deterministic_id=True)
    return file


# -- the day ----------------------------------------------------------------------------------------------------------

FOLDERS = {papers.DEPARTMENT_UNIT: "so-xay-dung", papers.DISTRICT_UNIT: "quan-1", papers.WARD_UNIT: "phuong-tan-dinh"}
"""By unit: the folder that its scanner writes to."""


def write_day(folder: Path) -> list[Path]:
    """The scans of a day at three levels, in a folder for each unit; those that lie there already are left as they are.

    A department's permit of two pages, a certificate on black-and-white TIFF with an empty back and an urgent letter; a
    district's stack behind a cover sheet, one page of it upside down, and a decision with its number written by hand;
    a ward's two papers. ServiceUnavailable where the font is missing.
    """
    written = []
    for unit, name in FOLDERS.items():
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        for file_name, write in _DAY[unit].items():
            file = home / file_name
            if not file.exists():
                unfinished = file.with_name(f".{file_name}")
                write(unfinished)
                unfinished.replace(file)
            written.append(file)
    return written


def _permit(file: Path) -> None:
    pages = draw_paper(papers.PERMIT, seed=1)
    write_pdf(file, [scanned(page, seed=n, skew_deg=0.4 - n) for n, page in enumerate(pages)])


def _certificate(file: Path) -> None:
    front = scanned(draw_paper(papers.CERTIFICATE, dpi=300, seed=2)[0], seed=3, skew_deg=-0.3)
    write_tiff(file, [front, scanned(blank_back(dpi=300), seed=4)])


def _letter(file: Path) -> None:
    write_jpeg(file, scanned(draw_paper(papers.LETTER, seed=5)[0], seed=5))


def _stack(file: Path) -> None:
    sheet = CoverSheet(papers.STACK_DOSSIER, papers.STACK_PROCEDURE, papers.DISTRICT_UNIT, None)
    [result], [form] = draw_paper(papers.LAND, seed=6), draw_paper(papers.LAND_FORM, seed=7)
    write_pdf(file, [
        scanned(cover_sheet(replace(sheet, kind=Kind.RESULT)), seed=6),
        scanned(result, seed=7, skew_deg=0.6),
        scanned(cover_sheet(replace(sheet, kind=Kind.COMPONENT)), seed=8),
        scanned(form, seed=9, turn=180),
        scanned(blank_back(), seed=10),
    ])  # fmt: skip


def _business(file: Path) -> None:
    write_png(file, scanned(draw_paper(papers.BUSINESS, dpi=200, seed=11)[0], seed=11).convert("L"))


def _support(file: Path) -> None:
    write_pdf(file, [scanned(draw_paper(papers.SUPPORT, dpi=300, seed=12)[0], seed=12, skew_deg=-0.8)], dpi=300)


def _notice(file: Path) -> None:
    write_tiff(file, [scanned(draw_paper(papers.NOTICE, seed=13)[0], seed=13, noise=0)], dpi=200, bilevel=False)


_DAY = {
    papers.DEPARTMENT_UNIT: {"giay-phep.pdf": _permit, "chung-chi.tif": _certificate, "cong-van.jpg": _letter},
    papers.DISTRICT_UNIT: {"chong-ho-so.pdf": _stack, "dang-ky-kinh-doanh.png": _business},
    papers.WARD_UNIT: {"ho-tro.pdf": _support, "thong-bao.tif": _notice},
}
