"""Composed and signed PDFs of drawn pages of every kind, made once a run and shared by the tests that judge them."""

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
from pikepdf import Array, Dictionary, Name
from PIL import Image, ImageCms, ImageDraw

from ingest.compose import compose
from ingest.intake import find_scans
from ingest.pages import open_pages
from ingest.pipeline import occupied
from ingest.signing import Seal, open_seals, sign
from samples.keys import DemoKeys
from schemas.documents import ComposedPdf, Cut, CutState, Paper, SignedPdf
from schemas.pages import Box, Line, PageText, Scan, Word
from schemas.settings import Office, Signing

A4_100_DPI = (827, 1169)


def signing(keys: DemoKeys) -> Signing:
    """The settings that sign with the demonstration keys."""
    return Signing(
        operator_key=str(keys.operator_key),
        operator_password_file=str(keys.operator_password_file),
        agency_key=str(keys.agency_key),
        agency_password_file=str(keys.agency_password_file),
        trust_roots=str(keys.roots),
    )


def seals(keys: DemoKeys) -> Sequence[Seal]:
    return open_seals(signing(keys), Office(agency="UBND PHƯỜNG MẪU"), environment={})


# -- drawn scans ----------------------------------------------------------------------------------------------------


def drawn(size: tuple[int, int] = A4_100_DPI) -> Image.Image:
    """A page of one's own: Pillow leaves notes on an image that it has saved, and trips over them at the next."""
    return _drawn(size).copy()


@cache
def _drawn(size: tuple[int, int]) -> Image.Image:
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for row in range(8):
        draw.rectangle([size[0] // 8, size[1] // 5 + row * size[1] // 20, size[0] * 3 // 4,
                        size[1] // 5 + row * size[1] // 20 + size[1] // 60], fill=(20, 20, 60))  # fmt: skip
    draw.ellipse([size[0] // 2, size[1] * 2 // 3, size[0] * 3 // 4, size[1] * 4 // 5], outline=(200, 0, 0))
    return page


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, form, **options)
    return written.getvalue()


def _pdf_of(image: Dictionary | pikepdf.Stream, pdf: pikepdf.Pdf, rotate: int = 0, extra: bytes = b"") -> bytes:
    resources = Dictionary(XObject=Dictionary(I=pdf.make_indirect(image)))
    pdf.pages.append(pikepdf.Page(Dictionary(
        Type=Name.Page, MediaBox=Array([0, 0, 595, 842]), Rotate=rotate, Resources=resources,
        Contents=pdf.make_stream(b"q 595 0 0 842 0 0 cm /I Do Q" + extra))))  # fmt: skip
    written = io.BytesIO()
    pdf.save(written)
    return written.getvalue()


def _in_pdf(content: bytes, rotate: int = 0, **entries: Any) -> bytes:
    pdf = pikepdf.Pdf.new()
    stream = pikepdf.Stream(pdf, content)
    stream.stream_dict = Dictionary(Type=Name.XObject, Subtype=Name.Image, **entries)
    return _pdf_of(stream, pdf, rotate)


def _jpeg_pdf(rotate: int = 0) -> bytes:
    width, height = A4_100_DPI
    return _in_pdf(_saved(drawn(), "JPEG"), rotate, Width=width, Height=height, BitsPerComponent=8,
                   ColorSpace=Name.DeviceRGB, Filter=Name.DCTDecode)  # fmt: skip


def _raw_pdf(mode: str, space: object, bits: int = 8, **entries: Any) -> bytes:
    width, height = A4_100_DPI
    image = drawn().convert(mode)
    return _in_pdf(image.tobytes(), Width=width, Height=height, BitsPerComponent=bits, ColorSpace=space, **entries)


def _indexed_pdf() -> bytes:
    image = drawn().convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    palette = bytes(image.getpalette() or [])
    width, height = image.size
    space = Array([Name.Indexed, Name.DeviceRGB, len(palette) // 3 - 1, pikepdf.String(palette)])
    return _in_pdf(image.tobytes(), Width=width, Height=height, BitsPerComponent=8, ColorSpace=space)


def _icc_pdf() -> bytes:
    pdf = pikepdf.Pdf.new()
    profile = pdf.make_stream(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile.N = 3
    width, height = A4_100_DPI
    stream = pikepdf.Stream(pdf, drawn().tobytes())
    stream.stream_dict = Dictionary(Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height,
                                    BitsPerComponent=8, ColorSpace=Array([Name.ICCBased, pdf.make_indirect(profile)]),
                                    Interpolate=True, Intent=Name.Perceptual)  # fmt: skip
    return _pdf_of(stream, pdf)


def _soft_masked_pdf() -> bytes:
    pdf = pikepdf.Pdf.new()
    width, height = A4_100_DPI
    mask = pikepdf.Stream(pdf, bytes(range(256)) * (width * height // 256) + bytes(width * height % 256))
    mask.stream_dict = Dictionary(Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height,
                                  BitsPerComponent=8, ColorSpace=Name.DeviceGray)  # fmt: skip
    stream = pikepdf.Stream(pdf, drawn().tobytes())
    stream.stream_dict = Dictionary(Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height,
                                    BitsPerComponent=8, ColorSpace=Name.DeviceRGB,
                                    SMask=pdf.make_indirect(mask))  # fmt: skip
    return _pdf_of(stream, pdf)


def _typed_pdf() -> bytes:
    """A page of visible text in a font that is not embedded, with a link, a script and an attachment."""
    pdf = pikepdf.Pdf.new()
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([10, 10, 50, 50]),
                      A=Dictionary(S=Name.URI, URI=pikepdf.String("http://example.invalid")))  # fmt: skip
    page = Dictionary(Type=Name.Page, MediaBox=Array([0, 0, 595, 842]), Resources=Dictionary(Font=Dictionary(F=font)))
    page.Annots = Array([pdf.make_indirect(link)])
    page.Contents = pdf.make_stream(b"BT /F 20 Tf 80 700 Td (So 12) Tj ET")
    pdf.pages.append(pikepdf.Page(page))
    pdf.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    pdf.attachments["note.txt"] = b"attached"
    written = io.BytesIO()
    pdf.save(written)
    return written.getvalue()


def _bilevel() -> Image.Image:
    return drawn().convert("1")


def _deep() -> Image.Image:
    grey = np.asarray(drawn().convert("L"), dtype=np.uint16) * 257
    return Image.fromarray(grey)


def _alpha() -> Image.Image:
    page = drawn().convert("RGBA")
    page.putalpha(Image.linear_gradient("L").resize(page.size))
    return page


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = 6
    return exif


KINDS: dict[str, Callable[[], bytes]] = {
    "jpeg-colour.jpg": lambda: _saved(drawn(), "JPEG", dpi=(100, 100)),
    "jpeg-progressive.jpg": lambda: _saved(drawn(), "JPEG", progressive=True, dpi=(100, 100)),
    "jpeg-grey.jpg": lambda: _saved(drawn().convert("L"), "JPEG", dpi=(100, 100)),
    "jpeg-cmyk.jpg": lambda: _saved(drawn().convert("CMYK"), "JPEG", dpi=(100, 100)),
    "jpeg-turned-by-exif.jpg": lambda: _saved(drawn(), "JPEG", exif=_turned(), dpi=(100, 100)),
    "tiff-g4.tif": lambda: _saved(_bilevel(), "TIFF", compression="group4", dpi=(100, 100)),
    "tiff-g4-black-is-one.tif": lambda: _saved(_bilevel(), "TIFF", compression="group4", tiffinfo={262: 0}),
    "tiff-lzw.tif": lambda: _saved(drawn(), "TIFF", compression="tiff_lzw", dpi=(100, 100)),
    "tiff-jpeg.tif": lambda: _saved(drawn(), "TIFF", compression="jpeg", dpi=(100, 100)),
    "tiff-two-pages.tif": lambda: _saved(_bilevel(), "TIFF", save_all=True, append_images=[drawn()]),
    "tiff-16-bit.tif": lambda: _saved(_deep(), "TIFF", dpi=(100, 100)),
    "tiff-cmyk.tif": lambda: _saved(drawn().convert("CMYK"), "TIFF", dpi=(100, 100)),
    "png-alpha.png": lambda: _saved(_alpha(), "PNG", dpi=(100, 100)),
    "png-palette.png": lambda: _saved(drawn().convert("P"), "PNG", dpi=(100, 100)),
    "png-16-bit.png": lambda: _saved(_deep(), "PNG", dpi=(100, 100)),
    "png-bilevel.png": lambda: _saved(_bilevel(), "PNG", dpi=(100, 100)),
    "tiny.png": lambda: _saved(drawn((40, 25)), "PNG", dpi=(100, 100)),
    "narrow.png": lambda: _saved(drawn((120, 2400)), "PNG", dpi=(100, 100)),
    "wide.png": lambda: _saved(drawn((3000, 90)), "PNG", dpi=(100, 100)),
    "pdf-jpeg.pdf": _jpeg_pdf,
    "pdf-jpeg-turned-90.pdf": lambda: _jpeg_pdf(90),
    "pdf-jpeg-turned-180.pdf": lambda: _jpeg_pdf(180),
    "pdf-jpeg-turned-270.pdf": lambda: _jpeg_pdf(270),
    "pdf-grey.pdf": lambda: _raw_pdf("L", Name.DeviceGray),
    "pdf-cmyk.pdf": lambda: _raw_pdf("CMYK", Name.DeviceCMYK),
    "pdf-bilevel.pdf": lambda: _raw_pdf("1", Name.DeviceGray, 1),
    "pdf-image-mask.pdf": lambda: _raw_pdf("1", Name.DeviceGray, 1, ImageMask=True),
    "pdf-calibrated.pdf": lambda: _raw_pdf("L", Array([Name.CalGray, Dictionary(WhitePoint=Array([0.95, 1, 1.09]))])),
    "pdf-indexed.pdf": _indexed_pdf,
    "pdf-icc.pdf": _icc_pdf,
    "pdf-jpeg2000.pdf": lambda: _in_pdf(_saved(drawn(), "JPEG2000"), Width=A4_100_DPI[0], Height=A4_100_DPI[1],
                                        Filter=Name.JPXDecode),
    "pdf-soft-mask.pdf": _soft_masked_pdf,
    "pdf-typed.pdf": _typed_pdf,
}  # fmt: skip

ODD_WORDS = ("Số", "12/QĐ-UBND", "Hồ\u0300", "😀", "\u0000\ufeff\uffff", "\ud800", " ", "", "(\\)")
"""What an engine may say: marks that stand alone, what lies beyond 16 bits, what is no character at all."""


def page_text(number: int, width: int, height: int, dpi: float, turn: int) -> PageText:
    """A page with a line of odd words, one of them upside down and one without length."""
    words = tuple(
        Word(text, Box(0.1 + i * 0.08, 0.2, 0.17 + i * 0.08, 0.22), 0.9,
             (0.17 + i * 0.08, 0.22, 0.1 + i * 0.08, 0.22) if i == 1 else (0.1, 0.22, 0.1, 0.22) if i == 2 else
             (0.1 + i * 0.08, 0.22, 0.17 + i * 0.08, 0.22))
        for i, text in enumerate(ODD_WORDS)
    )  # fmt: skip
    line = Line(words, Box(0.1, 0.2, 0.9, 0.22), 0.02, 0, 0)
    return PageText(number, width, height, dpi, turn, lines=(line,))  # type: ignore[arg-type]


def composed_from(scan: Scan, folder: Path) -> tuple[ComposedPdf, Paper]:
    """All pages of the scan as one PDF/A with a text layer of odd words."""
    with open_pages(scan, spool=folder / "spool") as pages:
        texts = []
        for number in range(1, pages.count + 1):
            image = pages.image(number)
            size = (image.width_px, image.height_px)
            width, height = size[::-1] if image.turn in (90, 270) else size
            texts.append(page_text(number, width, height, image.dpi, image.turn))
        target = folder / "composed" / f"{scan.path.name}.pdf"
        pdf = compose(pages, texts, target, title="Hồ sơ 12 & <3>", made_at=datetime(2023, 8, 15, 2, 30, tzinfo=UTC))
    return pdf, Paper(scan, tuple(texts), Cut(CutState.ACCEPTED, 1.0))


def made_scans(folder: Path) -> Iterator[ComposedPdf]:
    """Each kind of page composed, not signed."""
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    for name, content in KINDS.items():
        (inbox / name).write_bytes(content())
    for scan in find_scans([inbox]):
        assert isinstance(scan, Scan), scan
        yield composed_from(scan, folder)[0]


def made(folder: Path, keys: DemoKeys) -> dict[str, tuple[ComposedPdf, SignedPdf]]:
    """Each kind of page composed and signed by both."""
    both = seals(keys)
    inbox = folder / "inbox"
    inbox.mkdir(parents=True)
    result = {}
    for name, content in KINDS.items():
        (inbox / name).write_bytes(content())
    for scan in find_scans([inbox]):
        assert isinstance(scan, Scan), scan
        pdf, paper = composed_from(scan, folder)
        result[scan.path.name] = (
            pdf, sign(pdf, both, folder / "signed" / pdf.path.name, occupied=occupied(paper))
        )  # fmt: skip
    return result
