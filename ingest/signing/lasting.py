# mypy: disable-error-code="no-untyped-call"
"""What makes a signature outlive its certificate: certificates and proofs of non-revocation in the file (B-LT), and a
timestamp over the whole (B-LTA), each an incremental update."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from asn1crypto import x509  # type: ignore[import-untyped]
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.signers.pdf_signer import TimestampDSSContentSettings
from pyhanko.sign.validation import collect_validation_info
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend
from pyhanko_certvalidator.path import ValidationPath

from ingest.signing.checking import read_roots
from ingest.signing.cms import HASH
from ingest.signing.timestamps import Services, Stamper
from ingest.signing.writing import QuietWriter
from schemas.errors import ServiceUnavailable
from schemas.language import _

FETCH_TIMEOUT_S = 20


def add_proofs(file: BinaryIO, roots: Path) -> None:
    """Put the certificates, OCSP answers and revocation lists of all signatures and their timestamps into the file.

    ServiceUnavailable when the issuer's services do not answer, or the chain does not end at one of *roots*; the file
    is whole then, and lacks the rest.
    """
    reader = PdfFileReader(file, strict=False)
    context = _context(read_roots(roots))
    try:
        paths = asyncio.run(_paths(reader, context))
        writer = QuietWriter.from_reader(reader)
        DocumentSecurityStore.supply_dss_in_writer(writer, None, validation_context=context, paths=paths)
        writer.write_in_place()
    except (ValidationError, PathError, PdfError, SigningError, ValueError, OSError) as error:
        raise ServiceUnavailable(
            _("no proofs that the certificates are not revoked: {error}").format(error=_first_line(error))
        ) from error


async def _paths(reader: PdfFileReader, context: ValidationContext) -> list[ValidationPath]:
    paths: list[ValidationPath] = []
    for signature in reader.embedded_regular_signatures:
        paths += await collect_validation_info(signature, context)
    return paths


def add_timestamp(file: BinaryIO, roots: Path, services: Services) -> None:
    """Put a timestamp over the whole file, with its own proofs. ServiceUnavailable when none is given."""
    writer = QuietWriter(file, strict=False)
    before = TimestampDSSContentSettings(include_vri=False, update_before_ts=True)  # so that it covers its own proofs
    try:
        PdfTimeStamper(Stamper(services)).timestamp_pdf(
            writer, HASH, validation_context=_context(read_roots(roots)), dss_settings=before, in_place=True
        )
    except (ValidationError, PathError, PdfError, SigningError, ValueError, OSError) as error:
        raise ServiceUnavailable(_("no timestamp: {failures}").format(failures=_first_line(error))) from error


def _context(trusted: Sequence[x509.Certificate]) -> ValidationContext:
    return ValidationContext(
        trust_roots=list(trusted), allow_fetching=True, revocation_mode="hard-fail",
        fetcher_backend=RequestsFetcherBackend(per_request_timeout=FETCH_TIMEOUT_S),
    )  # fmt: skip


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
