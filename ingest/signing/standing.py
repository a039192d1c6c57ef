# mypy: disable-error-code="no-untyped-call"
"""Before a batch: does a trusted root vouch for the key's certificate, and has its issuer revoked it?"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from asn1crypto import x509 as asn1  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import ExpiredError, PathBuildingError, PathError, RevokedError, ValidationError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend

from ingest.signing.roots import read_roots
from ingest.signing.rules import common_name, issuer_name
from schemas.errors import SettingsRejected
from schemas.language import _

TIMEOUT_S = 5
"""For each of the issuer's services: whoever works without a network waits for it once a batch."""


def check_standing(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], named: str, roots: Path, now: datetime,
    *, ask_issuers: bool,
) -> None:  # fmt: skip
    """SettingsRejected when no root in the folder *roots* vouches for the certificate, or it has been revoked.

    *ask_issuers*: whether OCSP and revocation lists are fetched. Where these do not answer, that is logged and the
    batch goes on: a signature made meanwhile says itself when it was made.
    """
    context = ValidationContext(
        trust_roots=read_roots(roots), moment=now, allow_fetching=ask_issuers, revocation_mode="soft-fail",
        fetcher_backend=RequestsFetcherBackend(per_request_timeout=TIMEOUT_S),
    )  # fmt: skip
    validator = CertificateValidator(_asn1(certificate), [_asn1(one) for one in chain], validation_context=context)
    try:
        asyncio.run(validator.async_validate_usage(key_usage=set()))
    except RevokedError as error:
        raise SettingsRejected(
            _("{key}: the certificate of {name} was revoked; ask its issuer for a new one").format(
                key=named, name=common_name(certificate)
            )
        ) from error
    except PathBuildingError as error:
        raise SettingsRejected(
            _("{key}: no root in signing.trust_roots vouches for the certificate, issued by {issuer}; put its "
              "issuer's root there, or use another key").format(key=named, issuer=issuer_name(certificate))
        ) from error  # fmt: skip
    except ExpiredError as error:
        raise SettingsRejected(
            _("{key}: a certificate above it has expired ({error}); ask its issuer").format(
                key=named, error=_first_line(error)
            )
        ) from error
    except (PathError, ValidationError) as error:
        raise SettingsRejected(
            _("{key}: the certificate is not good for signing ({error}); ask its issuer").format(
                key=named, error=_first_line(error)
            )
        ) from error
    for failed in context.soft_fail_exceptions:
        logging.getLogger("sohoa.signing").warning(
            _("%s: whether the certificate was revoked could not be asked: %s"), named, _first_line(failed)
        )


def _asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
