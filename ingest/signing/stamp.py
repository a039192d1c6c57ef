# mypy: disable-error-code="no-untyped-call"
"""The agency's red seal as its signature may show it (TT 02/2019/TT-BNV): real size, red, nothing see-through.

ISO 19005-2 allows transparency only with more around it; so the seal is a stencil of one bit through which red is
painted, in a colour space of its own that depends on no device.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from schemas.errors import SettingsRejected
from schemas.language import _

DPI = 600
POINTS_PER_MM = 72 / 25.4
INK_BELOW = 150
"""Of 255 in the green channel, where red ink is as dark as black."""
RED = (0.80, 0.05, 0.12)
SRGB = ("0.9505 1 1.089", "2.2 2.2 2.2", "0.4124 0.2126 0.0193 0.3576 0.7152 0.1192 0.1805 0.0722 0.9505")
"""White point, gamma and matrix of sRGB for a CalRGB space (ISO 32000-1, 8.6.5.3)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A seal, ready to be painted; sizes in points are the real ones."""

    width: float
    height: float
    width_px: int
    height_px: int
    stencil: bytes
    """A bit a pixel, 0 where there is ink; compressed."""


def read_stamp(file: Path, width_mm: float) -> Stamp:
    """The seal in an image file (on white or nothing), its ink *width_mm* wide from edge to edge.

    SettingsRejected when the file cannot be read, or shows no seal.
    """
    try:
        with Image.open(file) as image:
            pixels = image.convert("RGBA")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise SettingsRejected(
            _("signing.seal_image: {file}: not a readable image; give a PNG of the seal").format(file=file)
        ) from error
    paper = Image.new("RGBA", pixels.size, "white")
    paper.alpha_composite(pixels)
    green = paper.getchannel("G")
    box = green.point([255 * (level < INK_BELOW) for level in range(256)]).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 16:
        raise SettingsRejected(
            _("signing.seal_image: {file}: shows no seal; give a PNG of the seal in red on white").format(file=file)
        )
    seal = green.crop(box)
    width_px = round(width_mm / 25.4 * DPI)
    height_px = max(round(width_px * seal.height / seal.width), 1)
    drawn: npt.NDArray[np.uint8] = np.asarray(seal.resize((width_px, height_px), Image.Resampling.LANCZOS))
    stencil = np.packbits(np.greater_equal(drawn, INK_BELOW), axis=1).tobytes()
    width = width_mm * POINTS_PER_MM
    return Stamp(width, width * height_px / width_px, width_px, height_px, zlib.compress(stencil, 9))


def resources_of(writer: BasePdfFileWriter, stamp: Stamp) -> dict[generic.NameObject, generic.PdfObject]:
    """What ``painted`` needs in the resources of its form."""
    image = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Image"),
            pdf_name("/Width"): generic.NumberObject(stamp.width_px),
            pdf_name("/Height"): generic.NumberObject(stamp.height_px),
            pdf_name("/ImageMask"): generic.BooleanObject(True),
            pdf_name("/BitsPerComponent"): generic.NumberObject(1),
            pdf_name("/Filter"): pdf_name("/FlateDecode"),
        },
        encoded_data=stamp.stencil,
    )
    white, gamma, matrix = (
        generic.ArrayObject(generic.FloatObject(number) for number in numbers.split()) for numbers in SRGB
    )
    calibrated = generic.DictionaryObject(
        {pdf_name("/WhitePoint"): white, pdf_name("/Gamma"): gamma, pdf_name("/Matrix"): matrix}
    )
    space = generic.ArrayObject([pdf_name("/CalRGB"), calibrated])
    return {
        pdf_name("/XObject"): generic.DictionaryObject({pdf_name("/S"): writer.add_object(image)}),
        pdf_name("/ColorSpace"): generic.DictionaryObject({pdf_name("/R"): writer.add_object(space)}),
    }


def painted(stamp: Stamp, left: float, bottom: float) -> bytes:
    """Content stream operators that paint the seal with its lower left corner there."""
    colour = " ".join(f"{part:.2f}" for part in RED)
    return f"q /R cs {colour} scn {stamp.width:.3f} 0 0 {stamp.height:.3f} {left:.3f} {bottom:.3f} cm /S Do Q".encode()
