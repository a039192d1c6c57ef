"""Work in hand: batches, the state of each scan, and what waits for a person."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.documents import Cut, Field, Kind, Metadata
from schemas.pages import Scan, Turn


class ScanState(StrEnum):
    TAKEN = "taken"
    """In work: a run that stopped here is gone on with."""
    DONE = "done"
    """Each of its documents is deposited or held."""
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Batch:
    """The scans of one run of ``ingest``."""

    id: str
    operator: str
    started_at: datetime
    finished_at: datetime | None = None


def document_id(sha256: str, first_page: int) -> str:
    """Names a document before it has a record: twelve hex digits, the same in every run over the same scan."""
    return hashlib.sha256(f"{sha256}:{first_page}".encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Hold:
    """A document that waits for a person, with the reasons and what to look at.

    ``submission`` is the JSON form of everything needed to deposit it once decided; its signed PDF lies at
    ``pdf_path``, relative to the workspace.
    """

    id: str
    batch: str
    scan_sha256: str
    scan_path: str
    first_page: int
    unit: str
    opened_at: datetime
    reasons: tuple[str, ...]
    submission: dict[str, Any]
    pdf_path: str
    original_path: str = ""
    """A copy of the scan, relative to the workspace, where it was signed already and so must be kept unchanged."""
    decided_at: datetime | None = None
    decision: str | None = None
    """``accepted`` or ``rejected``."""
    operator: str | None = None


@dataclass(frozen=True, slots=True)
class HoldHead:
    """What a list shows of a hold: without its submission, which is a thousand times as long."""

    id: str
    batch: str
    scan_path: str
    pages: tuple[int, ...]
    unit: str
    opened_at: datetime
    reasons: tuple[str, ...]
    fields: dict[str, Field]
    """Each field by its name, without its evidence."""
    procedure: str = ""


class Outcome(StrEnum):
    """Where a decision left a document."""

    WAITS = "waits"
    ARCHIVED = "archived"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a document stood before or after a person's decision: all of it that a decision can change."""

    hold: str
    outcome: Outcome
    pages: tuple[int, ...]
    """From 1, in the scan."""
    turns: tuple[Turn, ...]
    cut: Cut
    doubtful_cuts: tuple[int, ...]
    kind: Kind
    metadata: Metadata
    reasons: tuple[str, ...]
    procedure: str | None = None
    """The code of its procedure; None: not kept, by a release before this one."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a person decided, and how the documents that it is about stood before and after.

    A hold that stood before and not after was put together with another; the other way round, it was cut off.
    """

    who: str
    at: datetime
    what: str
    """In a word or two: ``accept``, ``split at 3``."""
    before: tuple[Standing, ...]
    after: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A change as the catalogue keeps it. ``position`` grows with every decision."""

    position: int
    change: Change


@dataclass(frozen=True, slots=True)
class SecretScan:
    """A scan on which a secrecy stamp was seen: an incident. Nothing of what it says is kept, here or anywhere."""

    scan: Scan
    page: int
    """From 1, in the scan: where the stamp was seen."""


@dataclass(frozen=True, slots=True)
class RejectedScan:
    """A file or path that cannot be taken, with the reason a person can act on. ``sha256`` is empty if unreadable."""

    path: str
    sha256: str
    reason: str
