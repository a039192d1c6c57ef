"""Who holds the private keys: the seam, and keys that lie in files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

from schemas.errors import SettingsRejected
from schemas.language import _

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Padding = Literal["pkcs1", "pss"]
"""How RSA keys sign: PKCS #1 v1.5, or RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 4055)."""
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)


class Signer(Protocol):
    """One private key, wherever it lies, and its certificate."""

    @property
    def certificate(self) -> x509.Certificate: ...

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        """The certificates above it that are at hand, in no particular order."""
        ...

    @property
    def padding(self) -> Padding:
        """What ``sign`` does where the key is an RSA key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over *message* with SHA-256: RSA with the padding, or ECDSA as a DER sequence (RFC 5753).

        ServiceUnavailable when the key's device does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key that was read from a file; it lives in this process's memory only."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey
    padding: Padding = "pkcs1"

    def __repr__(self) -> str:
        return f"KeyFile({self.certificate.subject.rfc4514_string()})"

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.key, rsa.RSAPrivateKey):
            padded = PSS if self.padding == "pss" else padding.PKCS1v15()
            return self.key.sign(message, padded, hashes.SHA256())
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))


def read_key_file(file: Path, password: str | None, padding: Padding = "pkcs1") -> KeyFile:
    """The key in a PKCS #12 file, or in a PEM file with its certificate (and those above it) in it.

    SettingsRejected when the password is wrong or there is no key in it.
    """
    content = file.read_bytes()
    if b"-----BEGIN" in content:
        return replace(_read_pem(file, content, password), padding=padding)
    return replace(_read_pkcs12(file, content, password), padding=padding)


def _read_pkcs12(file: Path, content: bytes, password: str | None) -> KeyFile:
    if content[:1] != b"\x30":
        raise SettingsRejected(
            _("{file}: neither a PKCS#12 nor a PEM file; ask whoever issued the key for a .p12 or .pfx").format(
                file=file
            )
        )
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(content, (password or "").encode())
    except ValueError as error:
        raise SettingsRejected(_("{file}: the password is wrong, or the file is damaged").format(file=file)) from error
    if key is None or certificate is None:
        raise SettingsRejected(_("{file}: holds no private key with its certificate").format(file=file))
    return KeyFile(certificate, tuple(others), _usable(file, key))


def _read_pem(file: Path, content: bytes, password: str | None) -> KeyFile:
    try:
        key = load_pem_private_key(content, password.encode() if password and b"ENCRYPTED" in content else None)
    except (ValueError, TypeError) as error:
        raise SettingsRejected(
            _("{file}: the password is wrong, or there is no private key in it").format(file=file)
        ) from error
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise SettingsRejected(_("{file}: holds no private key with its certificate").format(file=file)) from error
    own = [certificate for certificate in certificates if certificate.public_key() == key.public_key()]
    if not own:
        raise SettingsRejected(_("{file}: holds no private key with its certificate").format(file=file))
    return KeyFile(own[0], tuple(c for c in certificates if c != own[0]), _usable(file, key))


def _usable(file: Path, key: object) -> PrivateKey:
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise SettingsRejected(_("{file}: neither an RSA nor an ECDSA key").format(file=file))
    return key
