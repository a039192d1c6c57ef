# mypy: disable-error-code="no-untyped-call"
"""Making PAdES signatures: each an incremental update, so that no byte that is signed before ever changes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO, cast

from cryptography.hazmat.primitives import hashes
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import cms_embedder, pdf_byterange

from ingest.signing.cms import HASH
from ingest.signing.lettering import Appearance, Sealed, add_form, fitted
from ingest.signing.placing import EDGE, Places, Rect, Wanted, place, place_within
from ingest.signing.seals import Seal, lasting_of
from ingest.signing.writing import QuietWriter, rewritten, sha256_of
from schemas.documents import ComposedPdf, SignatureNote, SignedPdf
from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import Box, Turn

VIETNAM = timezone(timedelta(hours=7))
SPARE_BYTES = 64
"""An ECDSA signature's length varies by a few bytes."""
CHUNK_BYTES = 1 << 20


def vietnam_now() -> datetime:
    """The time that a signature shows: Vietnamese zone, whole seconds."""
    return datetime.now(VIETNAM).replace(microsecond=0)


def sign(
    composed: ComposedPdf,
    seals: Sequence[Seal],
    target: Path,
    *,
    occupied: Sequence[Box],
    now: Callable[[], datetime] = vietnam_now,
) -> SignedPdf:
    """*composed* with a PAdES signature by each of *seals*, in their order, at *target*.

    No service is asked: the level is B-B, and ``lifting.lift`` brings it to the one that the seals want. *occupied* is
    where page 1 bears print: no appearance covers any of it. The file is written beside *target*, synced and renamed.
    InputRejected when the PDF cannot be read.
    """
    with rewritten(composed.path, target) as file:
        notes = _sign_in_place(file, composed.path, seals, occupied, now)
    return SignedPdf(target, composed.pages, sha256_of(target), notes, lasting_of(seals).level)


def _sign_in_place(
    file: BinaryIO, named: Path, seals: Sequence[Seal], occupied: Sequence[Box], now: Callable[[], datetime]
) -> tuple[SignatureNote, ...]:
    try:
        return _signed_by_each(file, named, seals, occupied, now)
    except (PdfError, SigningError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputRejected(
            _("{file}: cannot be signed ({error}); export the PDF again").format(file=named, error=first_line)
        ) from error


def _signed_by_each(
    file: BinaryIO, named: Path, seals: Sequence[Seal], occupied: Sequence[Box], now: Callable[[], datetime]
) -> tuple[SignatureNote, ...]:
    notes: list[SignatureNote] = []
    layout: _Layout | None = None
    for number, seal in enumerate(seals):
        moment = now()
        writer = QuietWriter(file, strict=False)
        if writer.prev.encrypted:
            raise InputRejected(_("{file}: encrypted; save it without a password first").format(file=named))
        if layout is None:
            layout = _planned(writer, seals, moment, occupied, named)
        _put(writer, seal, layout, number, moment)
        fingerprint = seal.signer.certificate.fingerprint(hashes.SHA256()).hex()
        notes.append(SignatureNote(seal.role.value, seal.name, moment.isoformat(), "B-B", fingerprint))
    return tuple(notes)


# -- the place on page 1 ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layout:
    """The texts of all seals, planned before the first is put: a page must not change once it is signed."""

    turn: Turn
    visible: tuple[float, float, float, float]
    """The page's visible box in its own coordinates, after it grew."""
    places: Places

    def rect(self, number: int) -> tuple[float, float, float, float]:
        """The place of a text in the page's own coordinates."""
        x0, y0, x1, y1 = self.visible
        on_page: Rect = self.places.rects[number]
        match self.turn:
            case 0:
                return x0 + on_page.x0, y1 - on_page.y1, x0 + on_page.x1, y1 - on_page.y0
            case 90:
                return x0 + on_page.y0, y0 + on_page.x0, x0 + on_page.y1, y0 + on_page.x1
            case 180:
                return x1 - on_page.x1, y0 + on_page.y0, x1 - on_page.x0, y0 + on_page.y1
            case 270:
                return x1 - on_page.y1, y1 - on_page.x1, x1 - on_page.y0, y1 - on_page.x0


def _planned(
    writer: IncrementalPdfFileWriter, seals: Sequence[Seal], moment: datetime, occupied: Sequence[Box], named: Path
) -> _Layout:
    page = writer.find_page_for_modification(0)[0].get_object()
    turn = _turn(page)
    visible = _visible(page)
    x0, y0, x1, y1 = visible
    width, height = (x1 - x0, y1 - y0) if turn in (0, 180) else (y1 - y0, x1 - x0)
    texts = [_appearance(seal, moment, width) for seal in seals]
    wanted = [Wanted(text.width, text.height, seal.corner) for text, seal in zip(texts, seals, strict=True)]
    if next(iter(enumerate_sig_fields(writer, filled_status=True)), None) is not None:  # it must not change
        within = place_within(wanted, width, height, occupied)
        if within is None:
            raise InputRejected(
                _("{file}: page 1 has no free paper for a signature, and is signed already, so that none can be added")
                .format(file=named)
            )  # fmt: skip
        return _Layout(turn, visible, within)
    places = place(wanted, width, height, occupied)
    if places.added:
        visible = _grown(visible, turn, places.added)
        for name in ("/MediaBox", "/CropBox"):
            if name == "/MediaBox" or name in page:
                page[pdf_name(name)] = generic.ArrayObject(generic.FloatObject(f"{edge:.3f}") for edge in visible)
        writer.update_container(page)
    return _Layout(turn, visible, places)


def _appearance(seal: Seal, moment: datetime, width: float) -> Appearance:
    text = fitted(seal.face, (*seal.shown, moment.isoformat()), width - 2 * EDGE)
    return Sealed(seal.stamp, text) if seal.stamp is not None else text


def _grown(visible: tuple[float, float, float, float], turn: Turn, by: float) -> tuple[float, float, float, float]:
    """The box with a strip at what is displayed as its top."""
    x0, y0, x1, y1 = visible
    match turn:
        case 0:
            return x0, y0, x1, y1 + by
        case 90:
            return x0 - by, y0, x1, y1
        case 180:
            return x0, y0 - by, x1, y1
        case 270:
            return x0, y0, x1 + by, y1


def _visible(page: generic.DictionaryObject) -> tuple[float, float, float, float]:
    box = _inherited(page, "/CropBox") or _inherited(page, "/MediaBox")
    if not isinstance(box, generic.ArrayObject) or len(box) != 4:
        raise ValueError("page 1 has no size")
    a, b, c, d = (float(edge.get_object()) for edge in box)
    return min(a, c), min(b, d), max(a, c), max(b, d)


def _turn(page: generic.DictionaryObject) -> Turn:
    degrees = int(cast("int", _inherited(page, "/Rotate") or 0)) % 360
    return cast("Turn", degrees) if degrees in (0, 90, 180, 270) else 0


def _inherited(page: generic.DictionaryObject, key: str) -> object:
    node: object = page
    for _level in range(50):
        if not isinstance(node, generic.DictionaryObject):
            return None
        if key in node:
            return node[key]
        node = node.get("/Parent")
    return None


# -- one signature ------------------------------------------------------------------------------------------------


def _put(writer: IncrementalPdfFileWriter, seal: Seal, layout: _Layout, number: int, moment: datetime) -> None:
    name = _free_field_name(writer, seal.role)
    spec = SigFieldSpec(name, on_page=0, box=cast("tuple[int, int, int, int]", layout.rect(number)))
    steps = cms_embedder.PdfCMSEmbedder(spec).write_cms(name, writer)
    field = next(steps).get_object()
    width = layout.places.rects[number].width
    shown = _appearance(seal, moment, width + 2 * EDGE + 1e-6)
    field[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): add_form(writer, shown, layout.turn)})
    placeholder = pdf_byterange.SignatureObject(
        timestamp=moment, subfilter=SigSeedSubFilter.PADES, bytes_reserved=2 * (seal.cms.length + SPARE_BYTES)
    )
    steps.send(cms_embedder.SigObjSetup(placeholder))
    digest, output = steps.send(cms_embedder.SigIOSetup(HASH, in_place=True, chunk_size=CHUNK_BYTES))
    steps.send(seal.cms.signature(digest.document_digest))
    output.seek(0)


def _free_field_name(writer: IncrementalPdfFileWriter, role: str) -> str:
    taken = {name for name, _value, _field in enumerate_sig_fields(writer)}
    names = (role if count == 1 else f"{role}-{count}" for count in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
