"""From the level that needs no service to the one that is wanted, and from there on through the years.

A signature is made at B-B at once; everything that a service has to answer comes afterwards, as increments over the
whole file: one timestamp for all its signatures (B-T; ETSI EN 319 142-1, 6.3 takes a document timestamp for it), proofs
that the certificates are not revoked (B-LT), a timestamp over these proofs (B-LTA).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from ingest.signing.lasting import add_proofs, add_timestamp
from ingest.signing.timestamps import Services
from ingest.signing.writing import rewritten, sha256_of
from schemas.documents import LEVELS, SignedPdf
from schemas.errors import ServiceUnavailable


@dataclass(frozen=True, slots=True)
class BasicOnly:
    """B-B: no service is asked."""

    level = "B-B"


@dataclass(frozen=True, slots=True)
class Stamped:
    """B-T."""

    services: Services
    level = "B-T"


@dataclass(frozen=True, slots=True)
class Proven:
    """B-LT, or B-LTA."""

    services: Services
    roots: Path
    level: str


Lasting = BasicOnly | Stamped | Proven
"""Up to which PAdES level documents are brought, and what that takes."""


def lift(signed: SignedPdf, lasting: Lasting) -> SignedPdf:
    """*signed*, brought to the level that is wanted as far as the services answer now; the file grows in its place.

    What was reached stands in the notes; *chờ dấu thời gian* where that is less than wanted.
    """
    match lasting:
        case BasicOnly():
            return signed
        case Stamped():
            return _as_far_as_possible(signed, lambda: stamped(signed, signed.path, lasting.services))
        case Proven(level="B-LTA"):
            whole = _as_far_as_possible(signed, lambda: renewed(signed, signed.path, lasting))
            return whole if whole is not signed else lift(signed, Stamped(lasting.services))
        case Proven():
            first = lift(signed, Stamped(lasting.services))
            return _as_far_as_possible(first, lambda: proven(first, lasting.roots)) if first is not signed else signed
        case _:
            assert_never(lasting)


def _as_far_as_possible(signed: SignedPdf, step: Callable[[], SignedPdf]) -> SignedPdf:
    try:
        return step()
    except ServiceUnavailable as error:
        logging.getLogger("sohoa.signing").warning("%s", error)
        return signed


def stamped(signed: SignedPdf, target: Path, services: Services) -> SignedPdf:
    """*signed* with a timestamp over the whole, at *target*. ServiceUnavailable when none is given."""
    with rewritten(signed.path, target) as file:
        add_timestamp(file, services)
    return _noted(signed, target, "B-T")


def proven(signed: SignedPdf, roots: Path) -> SignedPdf:
    """*signed* with the proofs of validity that are to be had, in its place. ServiceUnavailable when there are none."""
    with rewritten(signed.path, signed.path) as file:
        add_proofs(file, roots)
    return _noted(signed, signed.path, "B-LT")


def renewed(signed: SignedPdf, target: Path, lasting: Proven) -> SignedPdf:
    """*signed* with the proofs of validity that are to be had today and a new timestamp over the whole, at *target*.

    What ages (certificates, hashes, earlier timestamps) is held up by the newer timestamp; every earlier byte stays.
    ServiceUnavailable when no proofs or no timestamp are to be had: *target* is as it was then.
    """
    with rewritten(signed.path, target) as file:
        add_proofs(file, lasting.roots)
        add_timestamp(file, lasting.services, lasting.roots)
    return _noted(signed, target, "B-LTA")


def _noted(signed: SignedPdf, path: Path, level: str) -> SignedPdf:
    notes = tuple(replace(note, level=max(note.level, level, key=LEVELS.index)) for note in signed.signatures)
    return replace(signed, path=path, sha256=sha256_of(path), signatures=notes)
