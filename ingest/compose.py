"""Compose: a searchable PDF/A-2b from pages and what they say.

The scan's own image bytes are used where PDF/A allows them. Over each image lies an invisible text layer, word by
word at its place and angle (ISO 32000-1, 9.3.6, rendering mode 3). Nothing else of the source comes along: no script,
action, attachment, form or annotation.
"""

import io
import math
import os
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import cast

import pikepdf
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._g_l_y_f import Glyph
from pikepdf import Array, Dictionary, Name, Pdf, Stream
from PIL import Image, ImageCms, TiffImagePlugin

from ingest.pages import PlainImage, ScanPages
from schemas.documents import ComposedPdf
from schemas.pages import Line, PageText, Word

PROGRAM = "sohoa"
GLYPH_WIDTH = 500
"""Thousandths of the font size; every glyph of the invisible font has it."""
KEPT_FILTERS = frozenset(["/DCTDecode", "/CCITTFaxDecode", "/FlateDecode", "/JBIG2Decode", "/ASCII85Decode",
                          "/ASCIIHexDecode", "/RunLengthDecode"])  # fmt: skip
"""ISO 19005-2, 6.1.7.2 forbids LZWDecode; JPXDecode is bound by 6.2.8.3 and re-encoded instead of examined."""
KEPT_KEYS = frozenset(["/Width", "/Height", "/BitsPerComponent", "/ColorSpace", "/Filter", "/DecodeParms", "/Decode"])
SMALLEST_PT, LARGEST_PT = 3.0, 14_400.0


def compose(pages: ScanPages, texts: Sequence[PageText], target: Path, *, title: str, made_at: datetime) -> ComposedPdf:
    """Write a PDF/A-2b of the pages that *texts* speak of (by ``number``), in their order, to *target*.

    It is written beside *target*, synced and renamed, so that *target* is whole or not there. The same arguments give
    the same bytes. InputRejected when a page cannot be drawn.
    """
    pdf = Pdf.new()
    font = pdf.make_indirect(_invisible_font(pdf))
    for text in texts:
        _add_page(pdf, pages, text, font)
    _describe(pdf, title, made_at)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    with unfinished.open("wb") as file:
        pdf.save(file, min_version="1.7", deterministic_id=True, compress_streams=True,
                 object_stream_mode=pikepdf.ObjectStreamMode.generate)  # fmt: skip
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(target)
    return ComposedPdf(target, len(texts))


# -- a page -------------------------------------------------------------------------------------------------------


def _add_page(pdf: Pdf, pages: ScanPages, text: PageText, font: pikepdf.Object) -> None:
    picture, own_turn = _picture(pdf, pages, text.number)
    width, height = pages.size_pt(text.number)
    if (text.turn - own_turn) % 180:  # lying as displayed, turned upright by the reading
        width, height = height, width
    width, height = _allowed_size(width, height)
    content = b"q %s cm /Page Do Q\n" % _numbers(_placed(text.turn if own_turn is not None else 0, width, height))
    content += b"".join(_text_layer(text.lines, width, height))
    pdf.pages.append(
        pikepdf.Page(
            Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, _rounded(width), _rounded(height)]),
                Resources=Dictionary(XObject=Dictionary(Page=picture), Font=Dictionary(F=font)),
                Contents=pdf.make_stream(content),
            )
        )
    )


def _allowed_size(width: float, height: float) -> tuple[float, float]:
    """The page, smaller or larger as a whole where PDF/A does not allow its size (ISO 19005-2, 6.1.13)."""
    scale = min(1.0, LARGEST_PT / max(width, height))
    scale = max(scale, SMALLEST_PT / min(width, height))
    return min(width * scale, LARGEST_PT), min(height * scale, LARGEST_PT)


def _placed(turn: int, width: float, height: float) -> tuple[float, ...]:
    """The matrix that lays a unit image, turned clockwise, over a page of this size."""
    return {
        0: (width, 0, 0, height, 0, 0),
        90: (0, -height, width, 0, 0, height),
        180: (-width, 0, 0, -height, width, height),
        270: (0, height, -width, 0, width, 0),
    }[turn]


def _numbers(values: Sequence[float]) -> bytes:
    return b" ".join(f"{value:.4f}".rstrip("0").rstrip(".").encode() for value in values)


def _rounded(value: float) -> float:
    return round(value, 3)


def _text_layer(lines: Sequence[Line], width: float, height: float) -> Iterator[bytes]:
    if not lines:
        return
    yield b"BT 3 Tr\n"
    for line in lines:
        size = max(line.height * height, 1.0)
        words = [word for word in line.words if _shown(word.text)]
        for word, following in zip(words, (*words[1:], None), strict=True):
            yield from _shown_word(word, following, size, width, height)
    yield b"ET\n"


def _shown_word(word: Word, following: Word | None, size: float, width: float, height: float) -> Iterator[bytes]:
    """The word from its baseline's start to its end, and a space up to the next word of the line."""
    x0, y0, x1, y1 = word.baseline
    dx, dy = (x1 - x0) * width, (y0 - y1) * height
    length = math.hypot(dx, dy)
    cosine, sine = (dx / length, dy / length) if length else (1.0, 0.0)
    codes = _shown(word.text).encode("utf-16-be")
    yield b"/F %s Tf %s Tm %s Tz <%s> Tj\n" % (
        _numbers([size]),
        _numbers([cosine, sine, -sine, cosine, x0 * width, (1 - y0) * height]),
        _stretched(length or 1.0, len(codes) // 2, size),
        codes.hex().encode(),
    )
    if following is not None:
        gap = (following.baseline[0] - x1) * width * cosine + (y1 - following.baseline[1]) * height * sine
        yield b"%s Tz <0020> Tj\n" % _stretched(max(gap, size / 10), 1, size)


def _shown(text: str) -> str:
    """*text* without what is no character: its code would be the glyph for what is missing, or a number beyond PDF's
    (ISO 19005-2, 6.2.11.8 and 6.1.13)."""
    if text.isprintable():  # as nearly all is
        return text
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs") and c not in "\ufeff\ufffe\uffff")


def _stretched(length: float, glyphs: int, size: float) -> bytes:
    """The horizontal scaling, in per cent, that makes so many glyphs as long as that."""
    return _numbers([100 * length / max(glyphs * size * GLYPH_WIDTH / 1000, 1e-6)])


# -- its image ----------------------------------------------------------------------------------------------------


def _picture(pdf: Pdf, pages: ScanPages, number: int) -> tuple[pikepdf.Object, int]:
    """The page's image as an object of *pdf*, and the turn that the scan itself asks for."""
    plain = pages.plain_image(number)
    if plain is not None and _may_be_kept(plain):
        return _kept(pdf, plain), pages.turn(number)
    image = pages.image(number)
    strip = pages.g4_strip(number)
    if strip is not None:
        return _fax(pdf, strip.content, image.width_px, image.height_px, black_is_1=strip.black_is_1), image.turn
    return _encoded(pdf, image.content), image.turn


def _may_be_kept(plain: PlainImage) -> bool:
    image = plain.image
    filters = image.get("/Filter", Array([]))
    names = {str(name) for name in filters} if isinstance(filters, Array) else {str(filters)}
    return names <= KEPT_FILTERS and _is_allowed(image.get("/ColorSpace")) and not _bad_jpeg(image, names)


def _is_allowed(space: object) -> bool:
    """With our sRGB output intent, device grey and RGB are defined (ISO 19005-2, 6.2.4.3); CMYK is not."""
    if space in (Name.DeviceGray, Name.DeviceRGB):
        return True
    if not isinstance(space, Array) or len(space) < 2:
        return False
    if space[0] == Name.ICCBased:
        profile = cast("Stream", space[1])
        return int(profile.get("/N", 0)) in (1, 3) and _is_sound_profile(bytes(profile.read_bytes()))
    if space[0] == Name.Indexed:
        return _is_allowed(space[1])
    return space[0] in (Name.CalGray, Name.CalRGB)


def _is_sound_profile(profile: bytes) -> bool:
    try:
        opened = ImageCms.getOpenProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        return False
    return opened.profile.version < 5


def _bad_jpeg(image: Stream, names: set[str]) -> bool:
    """A JPEG whose number of colours is not that of its colour space would be drawn wrongly."""
    if names != {"/DCTDecode"}:
        return False
    try:
        with Image.open(io.BytesIO(image.read_raw_bytes())) as opened:
            bands = len(opened.getbands())
    except (OSError, ValueError, SyntaxError):
        return True
    space = image.get("/ColorSpace")
    expected = {str(Name.DeviceGray): 1, str(Name.DeviceRGB): 3}
    if isinstance(space, Array):
        return space[0] == Name.ICCBased and int(cast("Stream", space[1]).get("/N", 0)) != bands
    return expected.get(str(space)) != bands


def _kept(pdf: Pdf, plain: PlainImage) -> pikepdf.Object:
    """The source's own stream, with only the keys that say how its bytes are to be read."""
    copied = cast("Stream", pdf.copy_foreign(plain.image))
    for key in list(copied.keys()):
        if key not in KEPT_KEYS and key != "/Length":
            del copied[key]
    copied.Type, copied.Subtype = Name.XObject, Name.Image
    return copied


def _fax(pdf: Pdf, content: bytes, width: int, height: int, *, black_is_1: bool) -> pikepdf.Object:
    stream = Stream(pdf, content)
    stream.stream_dict = Dictionary(
        Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height, BitsPerComponent=1,
        ColorSpace=Name.DeviceGray, Filter=Name.CCITTFaxDecode,
        DecodeParms=Dictionary(K=-1, Columns=width, Rows=height, BlackIs1=black_is_1),
    )  # fmt: skip
    return pdf.make_indirect(stream)


def _encoded(pdf: Pdf, content: bytes) -> pikepdf.Object:
    """A stand-alone image: a JPEG as it is; all else without loss (Group 4 where bilevel, else Flate)."""
    with Image.open(io.BytesIO(content)) as image:
        if image.format == "JPEG" and image.mode in ("L", "RGB"):
            return _jpeg(pdf, content, image)
        if image.format == "JPEG":
            again = io.BytesIO()
            converted = image.convert("RGB")
            converted.save(again, "JPEG", quality=95, subsampling=0)
            return _jpeg(pdf, again.getvalue(), converted)
        if image.mode == "1":
            return _fax(pdf, _group4(image), image.width, image.height, black_is_1=False)
        flat = image if image.mode in ("L", "RGB") else image.convert("RGB")
        stream = Stream(pdf, flat.tobytes())
        stream.stream_dict = _image_dictionary(flat)
        return pdf.make_indirect(stream)


def _jpeg(pdf: Pdf, content: bytes, image: Image.Image) -> pikepdf.Object:
    stream = Stream(pdf, content)
    stream.stream_dict = _image_dictionary(image)
    stream.Filter = Name.DCTDecode
    return pdf.make_indirect(stream)


def _image_dictionary(image: Image.Image) -> Dictionary:
    space = Name.DeviceGray if image.mode == "L" else Name.DeviceRGB
    return Dictionary(Type=Name.XObject, Subtype=Name.Image, Width=image.width, Height=image.height,
                      BitsPerComponent=8, ColorSpace=space)  # fmt: skip


def _group4(image: Image.Image) -> bytes:
    """The bilevel image as one strip of Group 4, by libtiff."""
    packed = io.BytesIO()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[278] = image.height  # RowsPerStrip: all
    tags[262] = 0  # WhiteIsZero, as PDF's default reads it
    image.save(packed, "TIFF", compression="group4", tiffinfo=tags)
    with Image.open(packed) as written:
        directory = written.tag_v2  # type: ignore[attr-defined]
        [offset], [length] = directory[273], directory[279]
    return packed.getvalue()[offset : offset + length]


# -- font and description -----------------------------------------------------------------------------------------


def make_ready() -> None:
    """Make what is the same in every PDF, so that processes forked from this one have it."""
    with Pdf.new() as pdf:
        _invisible_font(pdf)
        _describe(pdf, "", datetime.fromtimestamp(0, UTC))


def _invisible_font(pdf: Pdf) -> Dictionary:
    """A font whose every code is drawn by one glyph and read as the Unicode character of the same number."""
    program = pdf.make_stream(_glyphless())
    program.Length1 = len(_glyphless())
    descriptor = pdf.make_indirect(
        Dictionary(
            Type=Name.FontDescriptor, FontName=Name("/SohoaInvisible"), Flags=4, FontBBox=Array([0, -250, 500, 750]),
            ItalicAngle=0, Ascent=750, Descent=-250, CapHeight=700, StemV=80, FontFile2=program,
        )
    )  # fmt: skip
    descendant = pdf.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name("/SohoaInvisible"), DW=GLYPH_WIDTH,
            CIDSystemInfo=Dictionary(Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"),
                                     Supplement=0),
            FontDescriptor=descriptor, CIDToGIDMap=pdf.make_stream(b"\x00\x01" * 65536),
        )
    )  # fmt: skip
    return Dictionary(
        Type=Name.Font, Subtype=Name.Type0, BaseFont=Name("/SohoaInvisible"), Encoding=Name("/Identity-H"),
        DescendantFonts=Array([descendant]), ToUnicode=pdf.make_stream(_to_unicode()),
    )  # fmt: skip


@cache
def _glyphless() -> bytes:
    """A TrueType font of one box for all characters, which rendering mode 3 never paints; PDF/A asks that the widths it
    states are those that the PDF states. The glyph is no empty one: PDFium drops words of one letter whose glyph has
    no extent, and viewers select by it."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "blank"])
    builder.setupCharacterMap({0x20: "blank"})
    box = TTGlyphPen(None)
    for place in ((0, -250), (0, 750), (GLYPH_WIDTH, 750), (GLYPH_WIDTH, -250)):
        (box.lineTo if place != (0, -250) else box.moveTo)(place)
    box.closePath()
    builder.setupGlyf({".notdef": Glyph(), "blank": box.glyph()})
    builder.setupHorizontalMetrics({".notdef": (GLYPH_WIDTH, 0), "blank": (GLYPH_WIDTH, 0)})
    builder.setupHorizontalHeader(ascent=750, descent=-250)
    builder.setupNameTable({"familyName": "SohoaInvisible", "styleName": "Regular", "psName": "SohoaInvisible"})
    builder.setupOS2(sTypoAscender=750, sTypoDescender=-250)
    builder.setupPost()
    builder.updateHead(created=0, modified=0)
    builder.font.recalcTimestamp = False
    written = io.BytesIO()
    builder.save(written)
    return written.getvalue()


@cache
def _to_unicode() -> bytes:
    """Each code is its own character. A range may not cross the last byte (Adobe Technical Note 5014): 256 of them."""
    blocks = []
    for start in range(0, 256, 64):
        rows = "\n".join(f"<{high:02X}00> <{high:02X}FF> <{high:02X}00>" for high in range(start, start + 64))
        blocks.append(f"64 beginbfrange\n{rows}\nendbfrange")
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n" + "\n".join(blocks) + "\n"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()


def _describe(pdf: Pdf, title: str, made_at: datetime) -> None:
    """What PDF/A-2b asks of the whole: XMP that agrees with the Info dictionary, output intent, language."""
    stamp = made_at.isoformat(timespec="seconds")
    with pdf.open_metadata(set_pikepdf_as_editor=False) as xmp:
        xmp["dc:title"] = title
        xmp["dc:language"] = {"vi-VN"}
        xmp["xmp:CreatorTool"] = PROGRAM
        xmp["xmp:CreateDate"] = stamp
        xmp["xmp:ModifyDate"] = stamp
        xmp["pdf:Producer"] = PROGRAM
        xmp["pdfaid:part"] = "2"
        xmp["pdfaid:conformance"] = "B"
    when = made_at.strftime("D:%Y%m%d%H%M%S") + _offset(made_at)
    pdf.docinfo["/Title"] = title
    pdf.docinfo["/Creator"] = PROGRAM
    pdf.docinfo["/Producer"] = PROGRAM
    pdf.docinfo["/CreationDate"] = when
    pdf.docinfo["/ModDate"] = when
    profile = pdf.make_stream(_srgb())
    profile.N = 3
    intent = Dictionary(
        Type=Name.OutputIntent, S=Name.GTS_PDFA1, OutputConditionIdentifier=pikepdf.String("sRGB IEC61966-2.1"),
        Info=pikepdf.String("sRGB IEC61966-2.1"), DestOutputProfile=profile,
    )  # fmt: skip
    pdf.Root.OutputIntents = Array([pdf.make_indirect(intent)])
    pdf.Root.Lang = pikepdf.String("vi-VN")


def _offset(moment: datetime) -> str:
    seconds = int((moment.utcoffset() or moment - moment).total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("+", seconds)
    return f"{sign}{seconds // 3600:02}'{seconds % 3600 // 60:02}'"


@cache
def _srgb() -> bytes:
    """An sRGB profile by littleCMS; its date is set to a fixed one, so that the same input gives the same file."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes([0x07, 0xE7, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])  # ICC.1:2010, 7.2.8: 2023-01-01
    profile[84:100] = bytes(16)  # 7.2.18: no profile ID, as it would cover the date
    return bytes(profile)
