# mypy: disable-error-code="no-untyped-call"
"""Every way we know of changing a signed PDF. Each is a name and what comes of it; one that the file has no place for
(no second page, no form) is left out."""

import random
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pikepdf
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError

from bench.shadows import BY_TABLE, SHADOWS
from ingest.signing import Seal, sign
from schemas.documents import ComposedPdf
from schemas.errors import InputRejected
from tests.ingest.test_signing_tampering import INCREMENTAL, contents, incremental, page, paint_over

Changed = Iterator[tuple[str, bytes]]
IN_SIGNATURES = 4
BETWEEN_OBJECTS = 4
NOT_POSSIBLE = (PdfError, IndexError, KeyError, TypeError, AttributeError, ValueError, StopIteration, AssertionError,
                InputRejected)  # fmt: skip
"""What an attack ends with that the file has no place for."""
BYTE_RANGE = re.compile(rb"/ByteRange ?\[ ?0 (\d+) (\d+) (\d+) ?\]")


def tampered(content: bytes, other: bytes, forger: Sequence[Seal], folder: Path, chance: random.Random) -> Changed:
    """Each change of *content* by its name; *other* is another signed file, *forger* a key that nobody vouches for."""
    yield from _flipped(content, chance)
    yield from _added(content)
    yield from _saved_incrementally(content)
    yield from _hollowed(content)
    yield from _moved(content, other)
    yield from _signed_by(forger, content, folder)
    yield "bytes behind", content + b"\n% more\n"
    yield "bytes before", b"\n" + content
    try:
        yield "saved anew", _saved_anew(content)
    except pikepdf.PdfError:
        return


# -- flipped bits ---------------------------------------------------------------------------------------------------


def _flipped(content: bytes, chance: random.Random) -> Changed:
    """In each object, between them, and in the signatures, which no hash covers."""
    objects = [found.span(1) for found in re.finditer(rb"\n\d+ 0 obj(.*?)endobj", content, re.S)]
    for start, end in objects:
        yield "bit flipped in an object", flip(content, chance.randrange(start, end), chance)
    gaps = contents(content)
    inside = sorted([*objects, *gaps])
    between = [place for (_s, a), (b, _e) in pairwise(inside) for place in range(a, b)]
    for place in chance.sample(between, min(BETWEEN_OBJECTS, len(between))):
        yield "bit flipped between objects", flip(content, place, chance)
    for start, end in gaps:
        for place in chance.sample(range(start, end), IN_SIGNATURES):
            yield "bit flipped in a signature", flip(content, place, chance)


def flip(content: bytes, place: int, chance: random.Random) -> bytes:
    bit = 1 << chance.choice([0, 1, 2, 4, 7])  # bit 5 would only change a hexadecimal digit's case
    return content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :]


# -- what is added behind the signatures ------------------------------------------------------------------------------


def exchange_an_image(writer: IncrementalPdfFileWriter) -> None:
    """The page stays, the object that it shows is another."""
    objects = page(writer)["/Resources"]["/XObject"]
    name = next(iter(objects))
    reference = objects.raw_get(name)
    other = generic.StreamObject(dict(objects[name]), encoded_data=b"\0" * 32)
    writer.objects[reference.generation, reference.idnum] = other


def exchange_an_appearances_font(writer: IncrementalPdfFileWriter) -> None:
    """The codes stay, the letters that they show are others."""
    form = page(writer)["/Annots"][-1].get_object()["/AP"]["/N"].get_object()
    font = form["/Resources"]["/Font"]["/T"]
    font[pdf_name("/BaseFont")] = pdf_name("/Courier")
    writer.update_container(font)


def _blank(writer: IncrementalPdfFileWriter) -> generic.IndirectObject:
    return writer.add_object(generic.DictionaryObject({
        pdf_name("/Type"): pdf_name("/Page"),
        pdf_name("/MediaBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
    }))  # fmt: skip


def exchange_the_pages(writer: IncrementalPdfFileWriter) -> None:
    """The catalogue leads to another tree of pages."""
    tree = generic.DictionaryObject({
        pdf_name("/Type"): pdf_name("/Pages"), pdf_name("/Count"): generic.NumberObject(1),
        pdf_name("/Kids"): generic.ArrayObject([_blank(writer)]),
    })  # fmt: skip
    writer.root[pdf_name("/Pages")] = writer.add_object(tree)
    writer.update_root()


def add_a_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    pages["/Kids"].append(_blank(writer))
    pages[pdf_name("/Count")] = generic.NumberObject(int(pages["/Count"]) + 1)
    writer.update_container(pages["/Kids"])
    writer.update_container(pages)


def exchange_the_proofs(writer: IncrementalPdfFileWriter) -> None:
    """The certificates and answers that the file holds give way to nonsense."""
    store = writer.root["/DSS"]
    for name in ("/Certs", "/OCSPs", "/CRLs"):
        if name in store:
            junk = writer.add_object(generic.StreamObject(stream_data=b"nonsense"))
            store[pdf_name(name)] = generic.ArrayObject([junk])
    writer.update_container(store)


ADDED = (*INCREMENTAL, add_a_page, exchange_an_image, exchange_an_appearances_font, exchange_the_pages,
         exchange_the_proofs)  # fmt: skip


def _added(content: bytes) -> Changed:
    for group, changes in (("", ADDED), ("shadow: ", SHADOWS)):
        for change in changes:
            try:
                yield group + change.__name__.replace("_", " "), incremental(content, change)
            except NOT_POSSIBLE:
                continue
    for by_table in BY_TABLE:
        try:
            yield "shadow: " + by_table.__name__.replace("_", " "), by_table(content)
        except NOT_POSSIBLE:
            continue


def _saved_incrementally(content: bytes) -> Changed:
    """Incremental saving attacks (Mladenov and others: *1 Trillion Dollar Refund*, CCS 2019): what is added has no
    table of places, or no trailer, or a copy of the signature beside it, so that a program does not see an update."""
    whole = incremental(content, paint_over)[len(content) :]
    table = max(whole.rfind(b"\nxref"), whole.rfind(b"/Type /XRef"), whole.rfind(b"/Type/XRef"))
    body = whole[: whole.rfind(b"\n", 0, table)]
    yield "incremental save: objects alone", content + body
    yield "incremental save: objects and an end", content + body + b"\n%%EOF\n"
    yield "incremental save: objects, a trailer, no table", content + body + b"\ntrailer\n<<>>\n%%EOF\n"
    found = re.search(rb"\n\d+ 0 obj\s*<<[^<>]*/(?:ByteRange|Contents).*?endobj", content, re.S)
    if found is not None:
        yield "incremental save: and a copy of the signature", content + body + found[0] + b"\n%%EOF\n"


# -- signatures that are hollow, or from elsewhere ------------------------------------------------------------------


def _hollowed(content: bytes) -> Changed:
    """Universal signature forgery: a byte range or contents that say nothing, or leave out more than the signature."""
    for found in BYTE_RANGE.finditer(content):
        first, start, length = map(int, found.groups())
        for name, written in {
            "wider byte range": b"[0 %d %d %d]" % (first - 8, start + 8, length - 8),
            "empty byte range": b"[]", "no byte range": b"null", "byte range of nothing": b"[0 0 0 0]",
            "negative byte range": b"[0 %d -%d %d]" % (first, start, length),
            "byte range beyond the end": b"[0 %d %d %d]" % (first, start, length * 9),
        }.items():  # fmt: skip
            yield name, _over(content, found.span(), b"/ByteRange " + written)
    for span in contents(content):
        for name, written in {"empty contents": b"<>", "contents null": b"null", "contents zero": b"<00>"}.items():
            yield name, _over(content, span, written)
        yield "contents of zeros", _over(content, span, b"<" + b"0" * (span[1] - span[0] - 2) + b">")


def _over(content: bytes, span: tuple[int, int], written: bytes) -> bytes:
    length = span[1] - span[0]
    return content[: span[0]] + written[:length].ljust(length) + content[span[1] :]


def _moved(content: bytes, other: bytes) -> Changed:
    own = contents(content)
    for (a0, a1), (b0, b1) in zip(own, contents(other), strict=False):
        yield "signature of another file", _over(content, (a0, a1), _fitting(other[b0:b1], a1 - a0))
    for (a0, a1), (b0, b1) in pairwise(own):
        exchanged = _over(content, (a0, a1), _fitting(content[b0:b1], a1 - a0))
        yield "signatures exchanged", _over(exchanged, (b0, b1), _fitting(content[a0:a1], b1 - b0))


def _fitting(signature: bytes, length: int) -> bytes:
    return signature[: length - 1].rstrip(b">").ljust(length - 1, b"0") + b">"


def _signed_by(forger: Sequence[Seal], content: bytes, folder: Path) -> Changed:
    """He changes the page, and signs the result with a key that bears the same names."""
    painted = folder / "painted.pdf"
    for name, changed in (("signed over by a forger", content), ("changed and signed by a forger", None)):
        try:
            painted.write_bytes(changed or incremental(content, paint_over))
            yield name, sign(ComposedPdf(painted, 1), forger, folder / "forged.pdf", occupied=()).path.read_bytes()
        except NOT_POSSIBLE:
            continue


def _saved_anew(content: bytes) -> bytes:
    written = BytesIO()
    with pikepdf.open(BytesIO(content)) as pdf:
        pdf.save(written)
    return written.getvalue()
