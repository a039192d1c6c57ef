"""Pages: each side of paper in a scan as one image, taken out as it stands there where that can be, else rendered."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import pdf2image
import pikepdf
from pdf2image.exceptions import PDFInfoNotInstalledError, PDFPageCountError, PDFPopplerTimeoutError, PDFSyntaxError
from pikepdf import Name
from PIL import Image, ImageFile, UnidentifiedImageError

from ingest.owntext import own_text
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _
from schemas.pages import MediaType, OwnText, PageImage, Scan, Turn

MAX_PIXELS = 200_000_000
"""A0 at 300 dpi is 140 million; more is a fault or a bomb."""
MAX_SIDE_PX = 30_000
MAX_PAGES = 10_000
MAX_FIELD_DEPTH = 20
"""Form fields may nest, and in a hostile file without end."""
RENDER_DPI = 300
RENDER_TIMEOUT_S = 20
"""A scan's page takes poppler 0.2 s, a drawing with many lines a few; ``fencedpages`` ends all else that hangs."""
COVERED = 0.9
"""A page is its image when the image covers this share of it: scanners' own PDFs leave thin margins."""
DPI_BELIEVED = range(60, 2401)
A4_RATIO = 297 / 210
A4_WIDTH_IN = 210 / 25.4

Image.MAX_IMAGE_PIXELS = None  # our own limit is checked before anything is decoded
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of odd tags: nothing a clerk can act on


@dataclass(frozen=True, slots=True)
class PlainImage:
    """A PDF page that is one image: the image, and where it lies on the page as displayed before /Rotate, in points."""

    image: pikepdf.Stream
    width_px: int
    height_px: int
    dpi: float


@dataclass(frozen=True, slots=True)
class G4Strip:
    """One bilevel image as CCITT Group 4 bytes, just as a TIFF holds them."""

    content: bytes
    black_is_1: bool


class ScanPages:
    """The pages of one open scan, numbered from 1. Close it when done; nothing of the scan is held in memory but what
    is asked for. Rendered pages are kept in the spool folder until then."""

    def __init__(self, scan: Scan, spool: Path) -> None:
        self.scan = scan
        self.spool = spool

    @property
    def count(self) -> int:
        raise NotImplementedError

    @property
    def signed(self) -> bool:
        """The scan is a PDF that somebody signed already."""
        return False

    def image(self, number: int) -> PageImage:
        """The page as one image. InputRejected names the page, the cause and the remedy."""
        raise NotImplementedError

    def turn(self, number: int) -> Turn:
        """The turn of ``image``, which need not be taken out once more to know it."""
        return self.image(number).turn

    def plain_image(self, number: int) -> PlainImage | None:
        """The PDF image that the page is, if it is one and nothing else."""
        del number
        return None

    def g4_strip(self, number: int) -> G4Strip | None:
        """The page's own CCITT Group 4 bytes, where a TIFF holds it as one strip."""
        del number
        return None

    def size_pt(self, number: int) -> tuple[float, float]:
        """Width and height as displayed (after /Rotate), in points."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> "ScanPages":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _checked_size(self, number: int, width: int, height: int) -> None:
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
            raise InputRejected(
                _("{file}, page {page}: {width} × {height} pixels, more than sohoa takes ({limit} million); scan it at "
                  "a lower resolution").format(file=self.scan.path, page=number, width=width, height=height,
                                             limit=MAX_PIXELS // 1_000_000)
            )  # fmt: skip
        if width < 1 or height < 1:
            raise InputRejected(
                _("{file}, page {page}: no pixels; scan the page again").format(file=self.scan.path, page=number)
            )


def open_pages(scan: Scan, *, passwords: Sequence[str] = (), spool: Path) -> ScanPages:
    """The pages of *scan*. *passwords* are tried on an encrypted PDF; *spool* is a folder for rendered pages.

    InputRejected when the file cannot be opened: cut off, encrypted, without pages, or with more than 10,000.
    """
    pages: ScanPages = (
        _PdfPages(scan, spool, passwords) if scan.media_type is MediaType.PDF else _ImagePages(scan, spool)
    )
    if not 0 < pages.count <= MAX_PAGES:
        pages.close()
        raise InputRejected(
            _("{file}: no pages; scan it again").format(file=scan.path)
            if pages.count == 0
            else _("{file}: {count} pages, more than the {limit} that one scan may have; split it").format(
                file=scan.path, count=pages.count, limit=MAX_PAGES
            )
        )
    return pages


_UNREADABLE = (pikepdf.PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError)
"""What pikepdf raises on objects that are not what they should be."""

# -- PDF ----------------------------------------------------------------------------------------------------------


class _PdfPages(ScanPages):
    def __init__(self, scan: Scan, spool: Path, passwords: Sequence[str]) -> None:
        super().__init__(scan, spool)
        self._password = ""
        self._turns: dict[int, Turn] = {}
        self.pdf = self._opened(passwords)

    def _opened(self, passwords: Sequence[str]) -> pikepdf.Pdf:
        for password in ("", *passwords):
            try:
                pdf = pikepdf.open(self.scan.path, password=password)
            except pikepdf.PasswordError:
                continue
            except (pikepdf.PdfError, OSError, RuntimeError) as error:
                raise self._damaged(_first_line(error)) from error
            self._password = password
            if pdf.get_warnings() and not _whole(pdf):
                pdf.close()
                raise self._damaged(_("parts of its pages are missing"))
            return pdf
        raise InputRejected(
            _("{file}: the PDF is encrypted and none of the known passwords opens it; add its password to "
              "reading.pdf_passwords, or save it without one").format(file=self.scan.path)
        )  # fmt: skip

    @cached_property
    def _count(self) -> int:
        with self._damage(None):
            return len(self.pdf.pages)

    @property
    def count(self) -> int:
        return self._count

    @cached_property
    def _signed(self) -> bool:
        with self._damage(None):
            form = self.pdf.Root.get("/AcroForm")
            return isinstance(form, pikepdf.Dictionary) and any(_is_signed(field) for field in _array(form, "/Fields"))

    @property
    def signed(self) -> bool:
        return self._signed

    def plain_image(self, number: int) -> PlainImage | None:
        """The page's one image where the page is nothing else; None where it must be rendered."""
        with self._damage(number):
            page = self.pdf.pages[number - 1]
        try:
            return _plain_image(page)
        except _UNREADABLE:  # a renderer may make more of it than we do
            return None

    def turn(self, number: int) -> Turn:
        return self._turns[number] if number in self._turns else self.image(number).turn

    def image(self, number: int) -> PageImage:
        image = self._image(number)
        self._turns[number] = image.turn
        return image

    def _image(self, number: int) -> PageImage:
        with self._damage(number):
            page = self.pdf.pages[number - 1]
        try:
            plain = _plain_image(page)
        except _UNREADABLE:  # poppler may make more of it; but if it complains too, paper would come out empty
            return self._rendered(number, strict=True)
        if plain is not None:
            self._checked_size(number, plain.width_px, plain.height_px)
            content = _standalone(plain.image)
            if content is not None:
                return PageImage(number, content, plain.width_px, plain.height_px, plain.dpi, _turn(page), True,
                                 own=self._own_text(number))  # fmt: skip
        return replace(self._rendered(number), own=self._own_text(number))

    def _own_text(self, number: int) -> OwnText | None:
        try:
            return own_text(self.pdf.pages[number - 1], self.scan.path, number, self._password)
        except _UNREADABLE:  # its picture is read
            return None

    def _rendered(self, number: int, *, strict: bool = False) -> PageImage:
        """The page by poppler, upright as displayed, at 300 dpi; JPEG in the spool, so that it is rendered once.

        *strict*: rejected where poppler finds a fault in its syntax.
        """
        width_pt, height_pt = self.size_pt(number)
        dpi = float(RENDER_DPI)
        while dpi > 50 and width_pt * height_pt * (dpi / 72) ** 2 > MAX_PIXELS / 4:  # a poster: smaller, but whole
            dpi /= 2
        self._checked_size(number, round(width_pt * dpi / 72), round(height_pt * dpi / 72))
        file = self.spool / f"{self.scan.sha256}-{number:05d}.jpg"
        if not file.exists():
            self._render(number, dpi, file, strict)
        with Image.open(file) as image:
            return PageImage(number, file.read_bytes(), image.width, image.height, dpi, 0, False)

    def _render(self, number: int, dpi: float, file: Path, strict: bool) -> None:
        try:
            [image] = pdf2image.convert_from_path(
                self.scan.path, dpi=round(dpi), first_page=number, last_page=number, use_cropbox=True,
                userpw=self._password, ownerpw=self._password, timeout=RENDER_TIMEOUT_S, strict=strict,
                use_pdftocairo=True, fmt="tiff",  # three times as fast as pdftoppm on scans: 0.2 s for 0.6
            )  # fmt: skip
        except PDFInfoNotInstalledError as error:
            raise ServiceUnavailable(_("poppler is missing; apt-get install poppler-utils")) from error
        except PDFPopplerTimeoutError as error:
            raise self._page_rejected(
                number, _("takes longer than {seconds:g} s").format(seconds=RENDER_TIMEOUT_S)
            ) from error
        except PDFPageCountError as error:  # poppler does not get as far as the page
            raise self._damaged(_last_line(error)) from error
        except (PDFSyntaxError, ValueError, OSError) as error:
            raise self._page_rejected(number, _last_line(error)) from error
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        image.save(unfinished, "JPEG", quality=90, subsampling=0, dpi=(dpi, dpi))
        unfinished.replace(file)

    def size_pt(self, number: int) -> tuple[float, float]:
        with self._damage(number):
            page = self.pdf.pages[number - 1]
            x0, y0, x1, y1 = _visible(page)
            unit = _number(page.obj.get("/UserUnit"), 1.0)
            width, height = (x1 - x0) * unit, (y1 - y0) * unit
            return (height, width) if _turn(page) in (90, 270) else (width, height)

    def close(self) -> None:
        self.pdf.close()
        for file in self.spool.glob(f"{self.scan.sha256}-*"):
            file.unlink(missing_ok=True)

    @contextmanager
    def _damage(self, number: int | None) -> Iterator[None]:
        """Turn what pikepdf says of a damaged file into our own words."""
        try:
            yield
        except _UNREADABLE as error:
            if number is None:
                raise self._damaged(_first_line(error)) from error
            raise self._page_rejected(number, _first_line(error)) from error

    def _damaged(self, cause: str) -> InputRejected:
        return InputRejected(
            _("{file}: the PDF is damaged or cut off ({error}); scan or export it again").format(
                file=self.scan.path, error=cause
            )
        )

    def _page_rejected(self, number: int, cause: str) -> InputRejected:
        return InputRejected(
            _("{file}, page {page}: cannot be drawn ({error}); scan or export the page again").format(
                file=self.scan.path, page=number, error=cause
            )
        )


def _whole(pdf: pikepdf.Pdf) -> bool:
    """Of a PDF that had to be repaired: nothing that its pages name is missing. A cut-off one keeps pages whose images
    are gone, which would be drawn as empty paper."""
    try:
        for page in pdf.pages:
            named = _named_objects(page)
            if "/Contents" not in page.obj:  # qpdf leaves out what leads to nothing
                return False
            for instruction in pikepdf.parse_content_stream(page, "Do"):
                if not isinstance(instruction, pikepdf.ContentStreamInlineImage) and (
                    str(instruction.operands[0]) not in named
                ):
                    return False
        count: object = pdf.Root.Pages.get("/Count")
        return not isinstance(count, int) or count <= len(pdf.pages)
    except _UNREADABLE:
        return False


def _is_signed(field: object, depth: int = 0) -> bool:
    if not isinstance(field, pikepdf.Dictionary) or depth > MAX_FIELD_DEPTH:
        return False
    if field.get("/FT") == Name.Sig and "/V" in field:
        return True
    return any(_is_signed(kid, depth + 1) for kid in _array(field, "/Kids"))


def _array(holder: pikepdf.Dictionary, key: str) -> Sequence[object]:
    found: object = holder.get(key)
    return cast("Sequence[object]", found) if isinstance(found, pikepdf.Array) else ()


def _visible(page: pikepdf.Page) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(edge) for edge in page.cropbox)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _turn(page: pikepdf.Page) -> Turn:
    degrees = int(_number(page.obj.get("/Rotate", _inherited(page, "/Rotate")), 0.0)) % 360
    return cast("Turn", degrees) if degrees in (0, 90, 180, 270) else 0


def _inherited(page: pikepdf.Page, key: str) -> object:
    node = page.obj.get("/Parent")
    for _level in range(50):
        if not isinstance(node, pikepdf.Dictionary):
            return None
        if key in node:
            return node[key]
        node = node.get("/Parent")
    return None


def _number(value: object, default: float) -> float:
    try:
        return float(value) if value is not None else default  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return default


_HARMLESS = frozenset(
    "q Q cm gs BT ET Tf Td TD Tm T* Tc Tw Tz TL Ts Tr BMC BDC EMC MP DP w J j M d ri i BX EX".split()  # noqa: SIM905
)
_COLOURS = frozenset("CS cs SC SCN sc scn G g RG rg K k".split())  # noqa: SIM905
_SHOWS_TEXT = frozenset(["Tj", "TJ", "'", '"'])


def _plain_image(page: pikepdf.Page) -> PlainImage | None:
    """The one image that the page is: drawn upright over at least 90 % of what is visible, no mark beside it."""
    if _number(page.obj.get("/UserUnit"), 1.0) != 1.0:
        return None
    matrix: tuple[float, ...] = (1, 0, 0, 1, 0, 0)
    stack: list[tuple[tuple[float, ...], int]] = []
    mode = 0
    found: tuple[pikepdf.Stream, tuple[float, ...]] | None = None
    images = _named_objects(page)
    for instruction in pikepdf.parse_content_stream(page):
        if isinstance(instruction, pikepdf.ContentStreamInlineImage):
            return None
        operator = str(instruction.operator)
        operands = instruction.operands
        if operator == "q":
            stack.append((matrix, mode))
        elif operator == "Q":
            if stack:
                matrix, mode = stack.pop()
        elif operator == "cm":
            matrix = _times(tuple(float(v) for v in operands), matrix)
        elif operator == "Tr":
            mode = int(operands[0])
        elif operator in _SHOWS_TEXT:
            if mode != 3:
                return None
        elif operator == "Do":
            drawn = images.get(str(operands[0]))
            if found is not None or not isinstance(drawn, pikepdf.Stream) or drawn.get("/Subtype") != Name.Image:
                return None
            found = (drawn, matrix)
        elif operator not in _HARMLESS and operator not in _COLOURS:
            return None
    if found is None:
        return None
    image, (a, b, c, d, e, f) = found
    if abs(b) > 0.01 or abs(c) > 0.01 or a <= 0 or d <= 0 or "/Mask" in image or "/SMask" in image:
        return None
    if image.get("/ImageMask", False):
        return None
    x0, y0, x1, y1 = _visible(page)
    width, height = max(0.0, min(x1, e + a) - max(x0, e)), max(0.0, min(y1, f + d) - max(y0, f))
    if width * height < COVERED * (x1 - x0) * (y1 - y0) or a * d * COVERED > width * height:
        return None  # margins too wide, or the image reaches far beyond what is visible
    width_px, height_px = int(image.Width), int(image.Height)
    # What lies beside the image is empty paper: the image stands for the whole page only if it fills it to a point.
    if max(abs(e - x0), abs(f - y0), abs(e + a - x1), abs(f + d - y1)) > 3:
        return None
    return PlainImage(image, width_px, height_px, _believed(width_px * 72 / a, width_px, height_px))


def _named_objects(page: pikepdf.Page) -> pikepdf.Dictionary:
    """The images and forms that the page's content may call by name."""
    resources = page.obj.get("/Resources", _inherited(page, "/Resources"))
    named = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    return named if isinstance(named, pikepdf.Dictionary) else pikepdf.Dictionary()


def _times(m: tuple[float, ...], n: tuple[float, ...]) -> tuple[float, ...]:
    return (
        m[0] * n[0] + m[1] * n[2], m[0] * n[1] + m[1] * n[3],
        m[2] * n[0] + m[3] * n[2], m[2] * n[1] + m[3] * n[3],
        m[4] * n[0] + m[5] * n[2] + n[4], m[4] * n[1] + m[5] * n[3] + n[5],
    )  # fmt: skip


def _standalone(image: pikepdf.Stream) -> bytes | None:
    """The image as a file of its own that Pillow can open, as it stands where that can be; None: render the page."""
    picture = pikepdf.PdfImage(image)
    if picture.filters == ["/DCTDecode"] and picture.colorspace in ("/DeviceRGB", "/DeviceGray", "/ICCBased") and (
        "/Decode" not in image
    ):  # fmt: skip
        return image.read_raw_bytes()
    try:
        unpacked = io.BytesIO()
        picture.extract_to(stream=unpacked)
        with Image.open(io.BytesIO(unpacked.getbuffer())) as opened:
            if opened.size != (int(image.Width), int(image.Height)):
                return None
        return unpacked.getvalue()
    except (
        pikepdf.PdfError,
        pikepdf.DependencyError,
        NotImplementedError,
        ValueError,
        UnidentifiedImageError,
        OSError,
    ):
        return None  # a filter that only a renderer knows (JBIG2), or an odd colour space


# -- images -------------------------------------------------------------------------------------------------------


class _ImagePages(ScanPages):
    """A TIFF with a page a frame, a PNG or a JPEG."""

    def __init__(self, scan: Scan, spool: Path) -> None:
        super().__init__(scan, spool)
        try:
            self._image = Image.open(scan.path)
            self._frames = int(getattr(self._image, "n_frames", 1)) if scan.media_type is MediaType.TIFF else 1
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise InputRejected(
                _("{file}: the image is damaged or cut off ({error}); scan it again").format(
                    file=scan.path, error=_first_line(error)
                )
            ) from error

    @property
    def count(self) -> int:
        return self._frames

    def image(self, number: int) -> PageImage:
        frame = self._frame(number)
        width, height = frame.size
        self._checked_size(number, width, height)
        dpi = self._dpi(frame)
        try:
            with _cut_off_is_an_error():
                if self.scan.media_type is MediaType.JPEG:
                    frame.draft("L", (width // 8, height // 8))
                    frame.load()  # a cut-off JPEG is found here, not by a worker; an eighth is enough to reach its end
                    content = self.scan.path.read_bytes()
                    self._image = Image.open(self.scan.path)
                else:
                    content = _as_png(frame)
        except (OSError, ValueError, SyntaxError) as error:
            raise InputRejected(
                _("{file}, page {page}: the image is damaged or cut off ({error}); scan it again").format(
                    file=self.scan.path, page=number, error=_first_line(error)
                )
            ) from error
        return PageImage(number, content, width, height, dpi, _exif_turn(frame), True)

    def size_pt(self, number: int) -> tuple[float, float]:
        frame = self._frame(number)
        dpi = self._dpi(frame)
        width, height = frame.width * 72 / dpi, frame.height * 72 / dpi
        return (height, width) if _exif_turn(frame) in (90, 270) else (width, height)

    def g4_strip(self, number: int) -> G4Strip | None:
        tags = getattr(self._frame(number), "tag_v2", None)
        if tags is None or tags.get(259) != 4 or tags.get(266, 1) != 1 or tags.get(262) not in (0, 1):
            return None
        offsets, lengths = tags.get(273, ()), tags.get(279, ())
        if len(offsets) != 1 or len(lengths) != 1:
            return None
        with self.scan.path.open("rb") as file:
            file.seek(offsets[0])
            return G4Strip(file.read(lengths[0]), black_is_1=tags[262] == 1)

    def _frame(self, number: int) -> Image.Image:
        try:
            self._image.seek(number - 1)
        except (EOFError, OSError, ValueError, SyntaxError) as error:
            raise InputRejected(
                _("{file}, page {page}: the image is damaged or cut off ({error}); scan it again").format(
                    file=self.scan.path, page=number, error=_first_line(error)
                )
            ) from error
        return self._image

    @staticmethod
    def _dpi(frame: Image.Image) -> float:
        stated = frame.info.get("dpi", (0, 0))
        return _believed(float(stated[0] or 0), frame.width, frame.height)

    def close(self) -> None:
        self._image.close()


@contextmanager
def _cut_off_is_an_error() -> Iterator[None]:
    """Pillow fills cut-off images up with grey for all of a process in which WeasyPrint was loaded; not here."""
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _as_png(frame: Image.Image) -> bytes:
    """The frame without loss, as PNG; alpha lies on white paper, CMYK becomes RGB."""
    image = frame
    if "A" in image.getbands() or "transparency" in image.info:
        over = image.convert("RGBA")
        paper = Image.new("RGB", over.size, "white")
        paper.paste(over, mask=over.getchannel("A"))
        image = paper
    elif image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    elif image.mode not in ("1", "L", "RGB", "P"):
        image = image.convert("RGB")
    packed = io.BytesIO()
    image.save(packed, "PNG", compress_level=1)
    return packed.getvalue()


def _exif_turn(frame: Image.Image) -> Turn:
    """The clockwise turn that EXIF or TIFF asks of a viewer (tag 274); mirrored forms do not come from scanners."""
    turns: dict[int, Turn] = {3: 180, 6: 90, 8: 270}
    return turns.get(int(frame.getexif().get(274, 1)), 0)


def _believed(stated: float, width_px: int, height_px: int) -> float:
    """The stated resolution if it can be true; else that of an A4 sheet if the shape is one, else 200 dpi, the least
    that NĐ 30/2020 allows."""
    if round(stated) in DPI_BELIEVED and round(stated) != 72:  # 72 is what programs write when they do not know
        return stated
    long, short = max(width_px, height_px), min(width_px, height_px)
    if abs(long / short - A4_RATIO) < 0.03 and short / A4_WIDTH_IN > 60:
        return short / A4_WIDTH_IN
    return stated if round(stated) == 72 else 200.0


def _last_line(error: BaseException) -> str:
    """What poppler says comes last; what pdf2image says of it first."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
