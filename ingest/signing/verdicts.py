"""What can be said of a signature."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    VALID = "valid"
    ISSUER_UNKNOWN = "issuer_unknown"
    """Whole, but no trusted root vouches for the signer."""
    EXPIRED = "expired"
    """Whole; the certificate has expired since, and no timestamp proves that it signed before."""
    REVOKED = "revoked"
    NOT_TRUSTED = "not_trusted"
    """Whole, but the key, its algorithm or its certificate's purpose is not good enough."""
    AMENDED = "amended"
    """What was signed is whole; more than signatures was added afterwards, and a later signer signed the result. So
    agencies number and stamp what a leader has signed."""
    CHANGED = "changed"
    """What was signed is whole, but more than signatures was added afterwards, and nobody signed that."""
    BROKEN = "broken"


class TimeSource(StrEnum):
    CLAIMED = "claimed"
    """By the signer's own clock: proves nothing."""
    TIMESTAMP = "timestamp"
    """By a timestamp on the signature itself."""
    BEFORE_TIMESTAMP = "before_timestamp"
    """By the signer's own clock; a later timestamp over the whole document proves that it was not after that."""
    NONE = "none"


class Revocation(StrEnum):
    """Whether the certificate was revoked, by what the file itself holds: nothing is fetched."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"
    """The file holds no proof, or only such for whose makers no trusted root vouches."""
    NOT_APPLICABLE = "not_applicable"
    """The certificate says that nobody answers for it (RFC 9608)."""


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """What is known of one signature of a PDF."""

    field: str
    kind: str
    """``signature`` or ``timestamp`` (one of the whole document)."""
    verdict: Verdict
    reason: str
    """Why it is not valid, for a person; empty when it is."""
    signer: str
    organization: str
    issuer: str
    certificate_sha256: str
    signed_at: str
    """ISO 8601; empty when nothing says when."""
    time_source: TimeSource
    existed_at: str
    """The earliest moment at which a trusted timestamp proves that it was there; empty when none does."""
    level: str
    """``B-B``, ``B-T``, ``B-LT``, ``B-LTA``; ``CMS`` for a signature that is not PAdES."""
    algorithm: str
    intact: bool
    """The bytes it covers are those that were signed, and the signature over them is the certificate's."""
    covers_whole: bool
    """It covers the whole file as it is now."""
    modified_after: str
    """``none``, ``validation_data`` (timestamps too), ``signatures`` (and the former), ``other`` or ``unknown``."""
    trusted: bool | None
    """None when there are no roots to judge by."""
    trust_path: tuple[str, ...]
    """The names from the root down to the signer; empty when no trusted root vouches for it."""
    revocation: Revocation
