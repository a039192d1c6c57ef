"""Records: what the archive holds of a document, and what the index is made from."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schemas.documents import Document, FoundSignature, Kind, SignedPdf
from schemas.retention import Retention


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who made a record, when, from what and with which programs; kept in the archive beside it."""

    operator: str
    made_at: datetime
    programs: dict[str, str]
    """Program or model → version."""
    settings: dict[str, Any]
    """The settings that bear on the result (never a secret)."""
    decisions: tuple[str, ...] = ()
    """What people decided on the way, by name and time."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A record that no longer stands, by a person's decision: found by nobody, counted from ``at`` on no more."""

    reason: str
    decision: str
    """The paper that orders it, as ``12/QĐ-UBND of 2026-03-01``; empty where there is none."""
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """One version of a dossier's object in which something of a record changed."""

    number: int
    made_at: datetime
    by: str
    what: str
    files: tuple[str, ...]
    """The names of the files that came, changed or went."""
    earlier: bool = False
    """It was a version in another archive, from which a package brought the record here; its files are not known."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed document on its way into the archive. Nothing unsigned fits here."""

    dossier: str
    """Dossier code; for a paper without one, a provisional code made from its scan."""
    unit: str
    procedure: str
    document: Document
    signed: SignedPdf
    provenance: Provenance
    retention: str = ""
    """Code of how long the record is kept (``schemas.retention``); empty: not said yet."""
    found_signatures: tuple[FoundSignature, ...] = ()
    """Those that the scan bore already."""
    certified: SignedPdf | None = None
    """The signed scan itself with the agency's certification as an increment, where that was wished."""


@dataclass(frozen=True, slots=True)
class Record:
    """A deposited document as search and reports see it. ``id`` is dossier code ``.`` serial (three digits)."""

    id: str
    dossier: str
    serial: int
    version: int
    unit: str
    procedure: str
    kind: Kind
    number: str | None
    symbol: str | None
    issued_on: date | None
    issuer: str | None
    parent_issuer: str | None
    type: str | None
    abstract: str | None
    urgency: str | None
    signer: str | None
    signer_title: str | None
    pages: tuple[str, ...]
    """The text of each page, in order."""
    deposited_at: datetime
    scan_sha256: str
    pdf_sha256: str
    retention: Retention | None = None
    withdrawn: Withdrawal | None = None
    result_code: str | None = None
    """The digital code of the result (``KQ.G15.000031``), where the inventory or a person gave one."""
    looks: tuple[str, ...] = ()
    """What each page that is not blank looks like, where it says little; see ``archive/looks.py``."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """What the archive now holds of one submission."""

    record: Record
    object_path: str
    """The OCFL object's folder, relative to the archive root."""
    pdf_path: str
    """The signed PDF, relative to the archive root."""
    new: bool
    """False when the archive already held this document of this scan."""
    inventory_sha512: str = ""
    """Hash of the object's inventory in the record's version, which covers every file up to it: kept elsewhere as well,
    it shows a change that was covered up in the object."""
