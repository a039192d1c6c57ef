"""Documents: what a run of pages is, what is known of it and how sure that is."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path

from schemas.pages import Box, PageText, Scan


class FieldState(StrEnum):
    ACCEPTED = "accepted"
    HELD = "held"
    ABSENT = "absent"
    """Asserted: the paper has no such element."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where on the paper a value was read; ``page`` from 1 in the scan."""

    page: int
    box: Box


@dataclass(frozen=True, slots=True)
class Field:
    """One element of the metadata, how sure it is, and what else it might be (best first)."""

    value: str | None
    state: FieldState
    confidence: float
    candidates: tuple[str, ...] = ()
    evidence: Evidence | None = None
    reason: str = ""
    """Why it is held, for the person who decides."""


DECIDED = 1.0
"""The confidence of what a person has decided; no reading is as sure."""
HELD_UNREAD = Field(None, FieldState.HELD, 0.0)
NOT_LOOKED_FOR = Field(None, FieldState.ABSENT, 0.0)
"""Of records made before the element was asked for, and of what only the inventory knows."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """The elements of a paper by NĐ 30/2020, Phụ lục I, and the rest of what TT 01/2023/TT-VPCP, Điều 9 asks for."""

    number: Field = HELD_UNREAD
    symbol: Field = HELD_UNREAD
    issued_on: Field = HELD_UNREAD
    issuer: Field = HELD_UNREAD
    parent_issuer: Field = HELD_UNREAD
    type: Field = HELD_UNREAD
    abstract: Field = HELD_UNREAD
    urgency: Field = HELD_UNREAD
    signer: Field = HELD_UNREAD
    signer_title: Field = HELD_UNREAD
    valid_from: Field = NOT_LOOKED_FOR
    """ISO, as the paper says it of itself; so is the last day."""
    valid_until: Field = NOT_LOOKED_FOR
    scope: Field = NOT_LOOKED_FOR
    """Where it is valid, in the paper's words."""
    result_code: Field = NOT_LOOKED_FOR
    """The digital code of the result, ``KQ.G15.000031``: no paper bears it, the inventory knows it."""

    def items(self) -> Iterator[tuple[str, Field]]:
        """Name and field, in the order above."""
        return ((f.name, getattr(self, f.name)) for f in fields(self))


FIELD_NAMES = tuple(f.name for f in fields(Metadata))


class Kind(StrEnum):
    RESULT = "result"
    COMPONENT = "component"
    COPY = "copy"
    """A photocopy or certified paper copy: kept, flagged, never counted (TT 01/2023)."""


class CutState(StrEnum):
    ACCEPTED = "accepted"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Cut:
    """The boundary before a document: made for sure, or to be asked about."""

    state: CutState
    confidence: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a cover sheet says of the documents behind it; empty where it says nothing."""

    dossier: str = ""
    procedure: str = ""
    unit: str = ""
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """A run of pages taken to be one document, before its metadata is known."""

    scan: Scan
    pages: tuple[PageText, ...]
    cut: Cut
    doubtful_cuts: tuple[int, ...] = ()
    """Pages (from 1 in the scan) where another document may begin."""
    sheet: Sheet = Sheet()

    @property
    def page_numbers(self) -> tuple[int, ...]:
        return tuple(page.number for page in self.pages)


@dataclass(frozen=True, slots=True)
class ComposedPdf:
    """A searchable PDF/A-2b on disk, not signed yet."""

    path: Path
    pages: int


LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")
"""PAdES baseline levels (ETSI EN 319 142-1), each with all that the one before it has."""


@dataclass(frozen=True, slots=True)
class SignatureNote:
    """One signature that was put on a PDF."""

    role: str
    """``operator`` or ``agency``."""
    name: str
    """The certificate's subject, as people read it."""
    signed_at: str
    """ISO 8601 with offset."""
    level: str
    """One of ``LEVELS``."""
    certificate_sha256: str


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """What was found of a signature that a scan bore already, when it came."""

    signer: str
    organization: str
    signed_at: str
    """As the signature says; ISO 8601, empty where it says nothing."""
    verdict: str
    """As ``sohoa verify`` names it: ``valid``, ``issuer_unknown``, ``broken``, …"""
    reason: str
    certificate_sha256: str


@dataclass(frozen=True, slots=True)
class SignedPdf:
    """A signed PDF/A-2b on disk: the only thing the archive takes."""

    path: Path
    pages: int
    sha256: str
    signatures: tuple[SignatureNote, ...]
    level_wanted: str = "B-B"
    """The PAdES level that the settings ask for."""

    @property
    def waits_for_timestamp(self) -> bool:
        """*Chờ dấu thời gian*: a service did not answer in time, and ``sohoa renew`` lifts it to its level later."""
        return any(LEVELS.index(note.level) < LEVELS.index(self.level_wanted) for note in self.signatures)


@dataclass(frozen=True, slots=True)
class Document:
    """One paper with what is known of it."""

    scan: Scan
    pages: tuple[PageText, ...]
    cut: Cut
    kind: Kind
    metadata: Metadata
    doubtful_cuts: tuple[int, ...] = ()
    reasons: tuple[str, ...] = field(default_factory=tuple)
    """Why it waits for a person; empty when it may be deposited."""
    sheet: Sheet = Sheet()
    like: tuple[str, ...] = ()
    """The records, and documents that wait, which it may be a second scan or copy of."""

    @property
    def page_numbers(self) -> tuple[int, ...]:
        return tuple(page.number for page in self.pages)
