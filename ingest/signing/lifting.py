"""From the level that needs no service to the one that is wanted, and from there on through the years.

A signature is made at B-B at once; everything that a service has to answer comes afterwards, as increments over the
whole file: one timestamp for all its signatures (B-T; ETSI EN 319 142-1, 6.3 takes a document timestamp for it), proofs
that the certificates are not revoked (B-LT), a timestamp over these proofs (B-LTA).
"""

import logging
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
        case Proven(level="B-LTA"):
            whole = _as_far_as_possible(signed, lasting)
            return whole if whole is not signed else lift(signed, Stamped(lasting.services))
        case Proven():
            first = lift(signed, Stamped(lasting.services))
            return _as_far_as_possible(first, lasting) if first is not signed else signed
        case _:
            return _as_far_as_possible(signed, lasting)


def _as_far_as_possible(signed: SignedPdf, lasting: Lasting) -> SignedPdf:
    try:
        return lifted(signed, signed.path, lasting)
    except ServiceUnavailable as error:
        logging.getLogger("sohoa.signing").warning("%s", error)
        return signed


def lifted(signed: SignedPdf, target: Path, lasting: Lasting) -> SignedPdf:
    """*signed* at the level that is wanted, at *target*; every earlier byte stays.

    What ages (certificates, hashes, earlier timestamps) is held up by the newer timestamp. ServiceUnavailable when no
    proofs or no timestamp are to be had: *target* is as it was then.
    """
    if isinstance(lasting, BasicOnly):
        return signed
    stamped = any(note.level != "B-B" for note in signed.signatures)
    signers = {note.certificate_sha256 for note in signed.signatures}
    with rewritten(signed.path, target) as file:
        match lasting:
            case Stamped():
                add_timestamp(file, lasting.services)
            case Proven(level="B-LTA"):
                add_proofs(file, lasting.roots, signers)
                add_timestamp(file, lasting.services, lasting.roots)
            case Proven():
                if not stamped:
                    add_timestamp(file, lasting.services)
                add_proofs(file, lasting.roots, signers)
            case _:
                assert_never(lasting)
    notes = tuple(replace(n, level=max(n.level, lasting.level, key=LEVELS.index)) for n in signed.signatures)
    return replace(signed, path=target, sha256=sha256_of(target), signatures=notes)
