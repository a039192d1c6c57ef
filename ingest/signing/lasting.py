# mypy: disable-error-code="no-untyped-call"
"""What makes a signature outlive its certificate: certificates and proofs of non-revocation in the file, and timestamps
over the whole, each an incremental update."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from asn1crypto import x509  # type: ignore[import-untyped]
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.signers.pdf_signer import TimestampDSSContentSettings
from pyhanko.sign.validation import EmbeddedPdfSignature, collect_validation_info
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend
from pyhanko_certvalidator.path import ValidationPath

from ingest.signing.ageing import from_the_first_of
from ingest.signing.cms import HASH
from ingest.signing.roots import read_roots
from ingest.signing.timestamps import Services, Stamper
from ingest.signing.writing import IdentifyingWriter, QuietWriter
from schemas.errors import ServiceUnavailable
from schemas.language import _

FETCH_TIMEOUT_S = 20
FAILURES = (ValidationError, PathError, PdfError, SigningError, ValueError, OSError)


def add_proofs(file: BinaryIO, roots: Path, signers: Collection[str]) -> None:
    """Put the certificates, OCSP answers and revocation lists of the signatures and timestamps into the file.

    Of those from the first signature by one of *signers* on (SHA-256 of their certificates) all must be had; others may
    have signed before, under roots that nobody here trusts: theirs are added where they can be. Those of a certificate
    that has expired meanwhile are not to be had any more; a timestamp made in its time, whose own proofs are added,
    stands for them. ServiceUnavailable when the issuer's services do not answer, or the chain does not end at one of
    *roots*.
    """
    reader = PdfFileReader(file, strict=False)
    context = fetching_context(read_roots(roots))
    try:
        paths = asyncio.run(_paths(reader, context, signers))
        writer = IdentifyingWriter.from_reader(reader)
        DocumentSecurityStore.supply_dss_in_writer(writer, None, validation_context=context, paths=paths)
        writer.write_in_place()
    except FAILURES as error:
        raise ServiceUnavailable(
            _("no proofs that the certificates are not revoked: {error}").format(error=first_line(error))
        ) from error


async def _paths(reader: PdfFileReader, context: ValidationContext, signers: Collection[str]) -> list[ValidationPath]:
    signatures: list[EmbeddedPdfSignature] = list(reader.embedded_signatures)
    begin = min((one.signed_revision for one in from_the_first_of(signers, signatures)), default=0)
    stamps = [one.signed_revision for one in signatures if one.sig_object_type == "/DocTimeStamp"]
    now = datetime.now(UTC)
    paths: list[ValidationPath] = []
    for signature in signatures:
        stamped = any(revision > signature.signed_revision for revision in stamps)
        if stamped and signature.signer_cert.not_valid_after < now:
            continue
        try:
            paths += await collect_validation_info(signature, context)
        except FAILURES:
            if signature.signed_revision >= begin:
                raise
    return paths


def add_timestamp(file: BinaryIO, services: Services, roots: Path | None = None) -> None:
    """Put a timestamp over the whole file; with its own proofs, which it covers, where *roots* are given.

    ServiceUnavailable when no service gives one.
    """
    writer = QuietWriter(file, strict=False)
    before = TimestampDSSContentSettings(include_vri=False, update_before_ts=True)  # so that it covers its own proofs
    context = fetching_context(read_roots(roots)) if roots is not None else None
    try:
        PdfTimeStamper(Stamper(services)).timestamp_pdf(
            writer, HASH, validation_context=context, dss_settings=before, in_place=True
        )
    except FAILURES as error:
        raise ServiceUnavailable(_("no timestamp: {failures}").format(failures=first_line(error))) from error


def fetching_context(trusted: Sequence[x509.Certificate]) -> ValidationContext:
    """To judge certificates by *trusted* roots now, asking their issuers whether they are revoked."""
    return ValidationContext(
        trust_roots=list(trusted), allow_fetching=True, revocation_mode="hard-fail",
        fetcher_backend=RequestsFetcherBackend(per_request_timeout=FETCH_TIMEOUT_S),
    )  # fmt: skip


def first_line(error: BaseException) -> str:
    """What a library says is wrong, in a line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
