# mypy: disable-error-code="no-untyped-call"
"""The signature's text as a PDF form that PDF/A allows: one embedded font, black, nothing see-through.

NĐ 30/2020, Phụ lục I asks for Times New Roman, upright, 10 pt, black. Tinos has its metrics and may be embedded freely.
"""

import hashlib
import io
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from ingest.signing.stamp import Stamp, painted, resources_of
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.pages import Turn

SIZE_PT = 10.0
LEADING = 1.15
FONT_FOLDERS = (Path.home() / ".local/share/fonts", Path("/usr/local/share/fonts"), Path("/usr/share/fonts"))
FONT_FILES = ("Tinos-Regular.ttf", "times.ttf", "Times_New_Roman.ttf", "LiberationSerif-Regular.ttf")
"""The same metrics all four."""
TIME_LETTERS = "0123456789-:+TZ "


@dataclass(frozen=True, slots=True)
class Face:
    """A subset of the font with the letters of one signature. Widths, ascent and descent in thousandths of its size."""

    name: str
    program: bytes
    """TrueType, compressed for a PDF stream."""
    length: int
    glyphs: dict[str, int]
    widths: tuple[int, ...]
    ascent: int
    descent: int
    bounds: tuple[int, int, int, int]

    def width(self, text: str) -> float:
        """In points at ``SIZE_PT``."""
        return sum(self.widths[self._glyph(letter)] for letter in composed(text)) * SIZE_PT / 1000

    def codes(self, text: str) -> str:
        """The text as the hexadecimal digits of its glyphs."""
        return "".join(f"{self._glyph(letter):04X}" for letter in composed(text))

    def _glyph(self, letter: str) -> int:
        # ISO 19005-2, 6.2.11.8: the glyph for what is missing must not be shown
        return self.glyphs.get(letter, self.glyphs["?"])


def composed(text: str) -> str:
    """Precomposed letters, as the font has them."""
    return unicodedata.normalize("NFC", text)


def face_for(texts: Iterable[str]) -> Face:
    """A face with the letters of *texts* and of a time. ServiceUnavailable when no such font is installed."""
    return _subset("".join(sorted({*composed("".join(texts)), *TIME_LETTERS, "?"})))


@cache
def _subset(letters: str) -> Face:
    """Takes 0.15 s, so it is done once for all documents that are signed by one key."""
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.name_IDs = []
    options.notdef_outline = True
    with TTFont(_font_file(), lazy=True) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=letters)
        subsetter.subset(font)
        font.recalcTimestamp = False
        written = io.BytesIO()
        font.save(written)
        scale = 1000 / font["head"].unitsPerEm
        order: list[str] = font.getGlyphOrder()
        cmap: dict[int, str] = font.getBestCmap()
        return Face(
            name=f"{_tag(letters)}+Tinos",
            program=zlib.compress(written.getvalue(), 9),
            length=len(written.getvalue()),
            glyphs={chr(code): order.index(name) for code, name in cmap.items()},
            widths=tuple(round(font["hmtx"][name][0] * scale) for name in order),
            ascent=round(font["hhea"].ascent * scale),
            descent=round(font["hhea"].descent * scale),
            bounds=tuple(round(getattr(font["head"], side) * scale) for side in ("xMin", "yMin", "xMax", "yMax")),
        )


def _tag(letters: str) -> str:
    """ISO 32000-1, 9.6.4: six capitals that tell this subset from others."""
    return "".join(chr(ord("A") + byte % 26) for byte in hashlib.sha256(letters.encode()).digest()[:6])


@cache
def _font_file() -> Path:
    for name in FONT_FILES:
        for folder in FONT_FOLDERS:
            for file in folder.rglob(name):
                return file
    raise ServiceUnavailable(_("the font Tinos is missing; apt-get install fonts-croscore"))


@dataclass(frozen=True, slots=True)
class Lettering:
    """Lines of text, left-aligned, in a box of ``width`` by ``height`` points."""

    face: Face
    lines: tuple[str, ...]
    scale: float = 1.0
    """Below 1 on a sheet narrower than the text."""

    @property
    def width(self) -> float:
        return (max(self.face.width(line) for line in self.lines) + 2) * self.scale

    @property
    def height(self) -> float:
        return (len(self.lines) * SIZE_PT * LEADING + 2) * self.scale

    def content(self) -> bytes:
        """Content stream operators; the origin is the box's lower left corner."""
        size = SIZE_PT * self.scale
        leading = size * LEADING
        first = self.height - self.scale - size * 0.891  # Times' ascent
        shown = " T* ".join(f"<{self.face.codes(line)}> Tj" for line in self.lines)
        return f"q BT 0 g /T {size:.3f} Tf {leading:.3f} TL {self.scale:.3f} {first:.3f} Td {shown} ET Q".encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal in its real size, and lines of text under it."""

    stamp: Stamp
    lettering: Lettering

    @property
    def width(self) -> float:
        return max(self.stamp.width, self.lettering.width)

    @property
    def height(self) -> float:
        return self.stamp.height + self.lettering.height

    def content(self) -> bytes:
        """Content stream operators; the origin is the box's lower left corner."""
        left = (self.width - self.stamp.width) / 2
        return painted(self.stamp, left, self.lettering.height) + b" " + self.lettering.content()


Appearance = Lettering | Sealed


def fitted(face: Face, lines: Sequence[str], room: float) -> Lettering:
    """The lines at 10 pt, or smaller where the sheet has less *room* (points) than they need."""
    natural = Lettering(face, tuple(lines))
    return natural if natural.width <= room else Lettering(face, tuple(lines), max(room, 1.0) / natural.width)


def add_form(writer: BasePdfFileWriter, shown: Appearance, turn: Turn) -> generic.IndirectObject:
    """Add the appearance to the PDF as a form XObject that stands upright on a page displayed with that /Rotate."""
    lettering = shown.lettering if isinstance(shown, Sealed) else shown
    font = generic.DictionaryObject({pdf_name("/T"): _add_font(writer, lettering.face)})
    resources: dict[generic.NameObject, generic.PdfObject] = {pdf_name("/Font"): font}
    if isinstance(shown, Sealed):
        resources |= resources_of(writer, shown.stamp)
    form = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): _numbers(0, 0, shown.width, shown.height),
            pdf_name("/Matrix"): _numbers(*_upright(turn, shown.width, shown.height)),
            pdf_name("/Resources"): generic.DictionaryObject(resources),
        },
        stream_data=shown.content(),
    )
    return writer.add_object(form)


def _upright(turn: Turn, width: float, height: float) -> tuple[float, ...]:
    return {
        0: (1, 0, 0, 1, 0, 0),
        90: (0, 1, -1, 0, height, 0),
        180: (-1, 0, 0, -1, width, height),
        270: (0, -1, 1, 0, 0, width),
    }[turn]


def _numbers(*values: float) -> generic.ArrayObject:
    return generic.ArrayObject(generic.FloatObject(f"{value:.3f}") for value in values)


def _add_font(writer: BasePdfFileWriter, face: Face) -> generic.IndirectObject:
    """A Type 0 font whose codes are the subset's own glyph numbers."""
    program = generic.StreamObject(
        {pdf_name("/Filter"): pdf_name("/FlateDecode"), pdf_name("/Length1"): generic.NumberObject(face.length)},
        encoded_data=face.program,
    )
    descriptor = _dictionary(
        Type=pdf_name("/FontDescriptor"), FontName=pdf_name(f"/{face.name}"), Flags=generic.NumberObject(4),
        FontBBox=generic.ArrayObject(generic.NumberObject(bound) for bound in face.bounds),
        ItalicAngle=generic.NumberObject(0), Ascent=generic.NumberObject(face.ascent),
        Descent=generic.NumberObject(face.descent), CapHeight=generic.NumberObject(662),
        StemV=generic.NumberObject(80), FontFile2=writer.add_object(program),
    )  # fmt: skip
    descendant = _dictionary(
        Type=pdf_name("/Font"), Subtype=pdf_name("/CIDFontType2"), BaseFont=pdf_name(f"/{face.name}"),
        CIDSystemInfo=_dictionary(
            Registry=generic.TextStringObject("Adobe"), Ordering=generic.TextStringObject("Identity"),
            Supplement=generic.NumberObject(0),
        ),
        FontDescriptor=writer.add_object(descriptor), CIDToGIDMap=pdf_name("/Identity"),
        W=generic.ArrayObject(
            [generic.NumberObject(0), generic.ArrayObject(generic.NumberObject(width) for width in face.widths)]
        ),
    )  # fmt: skip
    to_unicode = generic.StreamObject(stream_data=_to_unicode(face))
    font = _dictionary(
        Type=pdf_name("/Font"), Subtype=pdf_name("/Type0"), BaseFont=pdf_name(f"/{face.name}"),
        Encoding=pdf_name("/Identity-H"), DescendantFonts=generic.ArrayObject([writer.add_object(descendant)]),
        ToUnicode=writer.add_object(to_unicode),
    )  # fmt: skip
    return writer.add_object(font)


def _dictionary(**entries: Any) -> generic.DictionaryObject:
    return generic.DictionaryObject({pdf_name(f"/{name}"): value for name, value in entries.items()})


def _to_unicode(face: Face) -> bytes:
    rows = [f"<{glyph:04X}> <{letter.encode('utf-16-be').hex().upper()}>" for letter, glyph in face.glyphs.items()]
    blocks = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    mapped = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n" + mapped + "\n"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()
