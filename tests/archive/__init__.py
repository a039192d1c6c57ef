"""Signed documents drawn for the archive's tests: no engine, no key, only values of the right types."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from schemas.documents import Cut, CutState, Document, Evidence, Field, FieldState, Kind, Metadata, SignedPdf
from schemas.pages import Box, Line, MediaType, PageText, Scan, Word
from schemas.records import Provenance, Submission

WHERE = Box(0.1, 0.2, 0.3, 0.25)
NOON = datetime(2023, 8, 15, 12, 0, tzinfo=UTC)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def page(number: int, text: str) -> PageText:
    words = tuple(Word(word, WHERE, 0.9, (0.1, 0.25, 0.3, 0.25)) for word in text.split())
    return PageText(number, 1654, 2339, 200.0, lines=(Line(words, WHERE, 0.02, 1, 1),) if words else ())


def read(value: str) -> Field:
    return Field(value, FieldState.ACCEPTED, 0.99, (value,), Evidence(1, WHERE))


def submission(
    folder: Path, *, dossier: str = "H29.17-230815-0001", scan: str = "scan one", first_page: int = 1,
    number: str = "3165", issuer: str = "UBND Quận 1", issued_on: str = "2023-08-15", unit: str = "H29.17",
    text: str = "QUYẾT ĐỊNH về việc cấp phép", operator: str = "An",
) -> Submission:  # fmt: skip
    """A document of two pages with its "signed PDF" written to *folder*; other words, another scan."""
    pdf = folder / f"{sha256(scan.encode())[:8]}-{first_page}.pdf"
    pdf.write_bytes(f"%PDF-1.7 {scan} {first_page} {text}".encode() * 40)
    document = Document(
        scan=Scan(folder / f"{scan}.pdf", sha256(scan.encode()), 5000, MediaType.PDF),
        pages=(page(first_page, text), page(first_page + 1, "")),
        cut=Cut(CutState.ACCEPTED, 1.0),
        kind=Kind.RESULT,
        metadata=Metadata(
            number=read(number), symbol=read("QĐ-UBND"), issued_on=read(issued_on), issuer=read(issuer),
            type=read("Quyết định"), urgency=Field(None, FieldState.ABSENT, 0.99),
        ),
    )  # fmt: skip
    signed = SignedPdf(pdf, 2, sha256(pdf.read_bytes()), ())
    made = Provenance(operator, NOON, {"tesserocr (vie)": "5.3"}, {"reading": {"fast": False}}, ("An: accept",))
    return Submission(dossier, unit, "1.001193", document, signed, made)
