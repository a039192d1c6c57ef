# mypy: disable-error-code="no-untyped-call"
"""Until when a signed PDF proves itself: what holds up all the rest is its newest timestamp, else each signature.

What can fail with time: a certificate expires, or the hash or key that was signed with is no longer believed.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from asn1crypto import cms  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter

from ingest.signing.dialects import UNREADABLE
from ingest.signing.rules import common_name, strength
from schemas.errors import InputRejected
from schemas.language import _

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
LONG_PAST = datetime(2012, 8, 1, tzinfo=UTC)
HASH_AGES = {"md5": LONG_PAST, "sha1": LONG_PAST, "sha224": datetime(2029, 1, 1, tzinfo=UTC)}
SHORT_RSA = datetime(2029, 1, 1, tzinfo=UTC)
"""ETSI TS 119 312 V1.5.1 (as in EU DSS 6.4): RSA of 1900 to 2999 bits, and all RSA by PKCS #1 v1.5, until 2029; SHA-256
and better, RSASSA-PSS from 3000 bits on, and ECDSA from 256 bits on have no end yet."""
LONG_RSA_BITS = 3000


class Why(StrEnum):
    """What makes a record due for renewal."""

    WAITS = "waits"
    """*Chờ dấu thời gian*: it never reached the level that the settings want."""
    CERTIFICATE = "certificate"
    TIMESTAMP = "timestamp"
    """The certificate of its newest timestamp's service."""
    ALGORITHM = "algorithm"


@dataclass(frozen=True, slots=True)
class Holds:
    """Until when, what ends then, and whose it is."""

    until: datetime
    why: Why
    of: str


def holds_until(pdf: Path, signers: Collection[str] = ()) -> Holds | None:
    """What fails first of that which holds a PDF's signatures up; None when it bears none.

    *signers*, where they are named by the SHA-256 of their certificates: only theirs count, and what came after; others
    may have signed before. InputRejected when it cannot be read.
    """
    with pdf.open("rb") as file:
        try:
            reader = PdfFileReader(file, strict=False)
            signatures = from_the_first_of(signers, reader.embedded_signatures)
            stamps = [one for one in signatures if one.sig_object_type == "/DocTimeStamp"]
            newest = max(stamps, key=lambda one: one.signed_revision, default=None)
            standing = [
                one for one in signatures if newest is None or one.signed_revision > newest.signed_revision
            ]  # fmt: skip
            found = [_of_signature(one) for one in standing]
            if newest is not None:
                found.append(token_holds(newest.signed_data))
            return min(found, key=lambda holds: holds.until, default=None)
        except UNREADABLE as error:
            raise InputRejected(_("{file}: not a readable PDF ({error})").format(file=pdf, error=error)) from error


def from_the_first_of(
    signers: Collection[str], signatures: Iterable[EmbeddedPdfSignature]
) -> list[EmbeddedPdfSignature]:
    """The first signature by one of *signers* (SHA-256 of their certificates) and all that followed; all, where none is
    theirs."""
    every = sorted(signatures, key=lambda one: one.signed_revision)
    theirs = (place for place, one in enumerate(every) if one.signer_cert.sha256.hex() in signers)
    return every[next(theirs, 0) :]


def token_holds(signed_data: cms.SignedData) -> Holds:
    """Until when a timestamp proves anything."""
    return _of_signed(signed_data, Why.TIMESTAMP)


def _of_signature(signature: EmbeddedPdfSignature) -> Holds:
    tokens = [token_holds(token) for token in extract_tst_data_iter(signature.signer_info, signed=False)]
    return max(tokens, key=lambda holds: holds.until) if tokens else _of_signed(signature.signed_data, Why.CERTIFICATE)


def _of_signed(signed_data: cms.SignedData, why: Why) -> Holds:
    held = extract_certificate_info(signed_data)
    chain = list(_chain(held.signer_cert, held.other_certs))
    signer = x509.load_der_x509_certificate(held.signer_cert.dump())
    [signer_info] = signed_data["signer_infos"]
    first = min(chain, key=lambda certificate: certificate.not_valid_after)
    ends = Holds(first.not_valid_after, why, common_name(x509.load_der_x509_certificate(first.dump())))
    broken = _algorithm_ends(signer, signer_info)
    return Holds(broken, Why.ALGORITHM, f"{strength(signer)} ({ends.of})") if broken < ends.until else ends


def _chain(signer: asn1.Certificate, others: Iterable[asn1.Certificate]) -> Iterable[asn1.Certificate]:
    """The signer's certificate and those above it that are at hand, but for the root: whoever trusts it decides."""
    by_name = {certificate.subject.hashable: certificate for certificate in others}
    current: asn1.Certificate | None = signer
    seen: Sequence[str] = []
    while current is not None and current.subject.hashable not in seen and current.self_issued is False:
        yield current
        seen = [*seen, current.subject.hashable]
        current = by_name.get(current.issuer.hashable)


def _algorithm_ends(signer: x509.Certificate, signer_info: cms.SignerInfo) -> datetime:
    digest = HASH_AGES.get(signer_info["digest_algorithm"]["algorithm"].native, NEVER)
    key = signer.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        by_pss = signer_info["signature_algorithm"]["algorithm"].native == "rsassa_pss"
        return min(digest, NEVER if by_pss and key.key_size >= LONG_RSA_BITS else SHORT_RSA)
    return digest if isinstance(key, ec.EllipticCurvePublicKey) else LONG_PAST
