"""What a key and its certificate must be before a batch is signed with it. Pure."""

from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from schemas.errors import SettingsRejected
from schemas.language import _

Extension = TypeVar("Extension", bound=x509.ExtensionType)

RSA_BITS = 2048
ECDSA_BITS = 256
WEAK_HASHES = frozenset(["md5", "sha1"])
RULE = "NĐ 30/2020/NĐ-CP: RSA ≥ 2048, ECDSA ≥ 256, SHA-256"


def check_certificate(certificate: x509.Certificate, named: str, now: datetime) -> None:
    """SettingsRejected when a signature made with this certificate at *now* would not hold; *named*: its file or token.

    Refused: not valid at *now*, RSA below 2048 bits, ECDSA below 256, a certificate signed with MD5 or SHA-1, one whose
    key usage excludes signing (RFC 5280, 4.2.1.3), and one that is an issuer's own.
    """
    if now < certificate.not_valid_before_utc:
        raise SettingsRejected(
            _("{key}: the certificate is not valid before {when}; check the clock, or use the key that is valid now")
            .format(key=named, when=_day(certificate.not_valid_before_utc))
        )  # fmt: skip
    if now > certificate.not_valid_after_utc:
        raise SettingsRejected(
            _("{key}: the certificate expired on {when}; ask its issuer for a new one and name it in the settings")
            .format(key=named, when=_day(certificate.not_valid_after_utc))
        )  # fmt: skip
    _check_strength(certificate, named)
    _check_usage(certificate, named)


def strength(certificate: x509.Certificate) -> str:
    """The kind and size of the key, as people name it: ``RSA 3072``."""
    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"ECDSA {key.key_size}"
        case _:
            return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def common_name(certificate: x509.Certificate) -> str:
    """Whom the certificate names, as people read it."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in certificate.subject.get_attributes_for_oid(oid):
            value = attribute.value
            return value if isinstance(value, str) else value.decode("utf-8", errors="replace")
    return certificate.subject.rfc4514_string()


def issuer_name(certificate: x509.Certificate) -> str:
    """Who issued the certificate, as people read it."""
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in certificate.issuer.get_attributes_for_oid(oid):
            return str(attribute.value)
    return certificate.issuer.rfc4514_string()


def _check_strength(certificate: x509.Certificate, named: str) -> None:
    key = certificate.public_key()
    enough = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= ECDSA_BITS
    )
    if not enough:
        raise SettingsRejected(
            _("{key}: the key is too weak ({strength}; {rule}); ask its issuer for a stronger one").format(
                key=named, strength=strength(certificate), rule=RULE
            )
        )
    used = certificate.signature_hash_algorithm
    if used is not None and used.name in WEAK_HASHES:
        raise SettingsRejected(
            _("{key}: its certificate was issued with {hash} ({rule}); ask its issuer for a new one").format(
                key=named, hash=used.name.upper(), rule=RULE
            )
        )


def _check_usage(certificate: x509.Certificate, named: str) -> None:
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise SettingsRejected(
            _("{key}: the certificate is not meant for signing; use the one that is").format(key=named)
        )
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise SettingsRejected(
            _("{key}: an issuer's certificate, not a signer's; use the key of a person or an agency").format(key=named)
        )


def _extension(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _day(moment: datetime) -> str:
    return moment.strftime("%d/%m/%Y")
