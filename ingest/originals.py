"""Scans that an agency signed already: kept unchanged, their signatures checked, and certified where that is wished."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ingest.fencedlook import first_look
from ingest.signing import Role, Seal, SignatureVerdict, Verdict, sign
from schemas.documents import ComposedPdf, FoundSignature, SignedPdf
from schemas.errors import InputRejected
from schemas.language import _

UNFIT = (Verdict.BROKEN, Verdict.CHANGED, Verdict.REVOKED)
"""What a person must look at before such a paper is archived. An issuer unknown here is none of these: trust lists
differ, and the signature is kept whole for whoever has the right one."""


Verifies = Callable[[Path, Path | None], list[SignatureVerdict]]
"""``ingest.signing.verify`` of a file by a folder of roots, in this process or in another."""


def found_signatures(scan: Path, roots: Path | None, verify: Verifies) -> tuple[FoundSignature, ...]:
    """What stands of each signature of a signed scan, the oldest first; InputRejected when it cannot be read."""
    return tuple(
        FoundSignature(one.signer, one.organization, one.signed_at, one.verdict, one.reason, one.certificate_sha256)
        for one in verify(scan, roots)
        if one.kind == "signature"
    )


def reasons_of(found: Iterable[FoundSignature]) -> tuple[str, ...]:
    """Why a paper with these signatures must wait for a person; empty when it need not."""
    return tuple(
        _("a signature of the original does not hold: {signer}: {reason}").format(
            signer=one.signer or "?", reason=one.reason
        )
        for one in found
        if one.verdict in UNFIT
    )


def certified(
    scan: Path, pages: int, seals: Sequence[Seal], target: Path, roots: Path | None, verify: Verifies
) -> SignedPdf | None:
    """The signed scan with the agency's ``SAO Y`` as an increment, at *target*; earlier signatures stay as they were.

    None, with a line in the log, where that cannot be: no free paper on a page that is signed, a signature that forbids
    further ones, or no key of the agency.
    """
    agency = [seal for seal in seals if seal.role is Role.AGENCY]
    if not agency:
        return None
    before = verify(scan, roots)
    try:
        made = sign(ComposedPdf(scan, pages), agency, target, occupied=first_look(scan).ink)
    except InputRejected as error:
        _log(str(error))
        return None
    if not _still_hold(before, verify(target, roots)):
        target.unlink()
        _log(_("{file}: its signatures allow no further one").format(file=scan))
        return None
    return made


def _still_hold(before: Sequence[SignatureVerdict], after: Sequence[SignatureVerdict]) -> bool:
    """Each earlier signature has the verdict that it had."""
    now = {one.field: one.verdict for one in after}
    return all(now.get(one.field) is one.verdict for one in before)


def _log(why: str) -> None:
    logging.getLogger("sohoa.signing").warning("%s", why)
