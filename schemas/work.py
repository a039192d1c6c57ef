"""Work in hand: batches, the state of each scan, and what waits for a person."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from schemas.pages import Scan


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
