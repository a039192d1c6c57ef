"""Demonstration keys: a root, an operator and an agency, made on this machine and good for trying out only.

The root's private key is thrown away, so that nobody can issue a third certificate under a root that was once trusted.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

OPERATOR = "Nguyễn Thị Minh Thử"
AGENCY = "ỦY BAN NHÂN DÂN PHƯỜNG MẪU"
ROOT = "sohoa – chứng thư gốc dùng thử"
LIFE = timedelta(days=3650)
KEY_BITS = 3072
"""BSI TR-02102 asks for 3000 bits from 2024 on; a signature takes 3 ms where 2048 bits take 1."""
MAIL_PROTECTION = ExtendedKeyUsageOID.EMAIL_PROTECTION

__all__ = ["AGENCY", "OPERATOR", "DemoKeys", "make_demo_keys"]


@dataclass(frozen=True, slots=True)
class DemoKeys:
    """Where the demonstration keys lie: PKCS#12 files, files with their passwords (mode 600), a folder of roots."""

    folder: Path

    @property
    def operator_key(self) -> Path:
        return self.folder / "operator.p12"

    @property
    def operator_password_file(self) -> Path:
        return self.folder / "operator.password"

    @property
    def agency_key(self) -> Path:
        return self.folder / "agency.p12"

    @property
    def agency_password_file(self) -> Path:
        return self.folder / "agency.password"

    @property
    def roots(self) -> Path:
        return self.folder / "roots"

    @property
    def root(self) -> Path:
        return self.roots / "demo-root.pem"

    def settings(self) -> str:
        """The section ``[signing]`` of ``sohoa.toml`` that signs with these keys and trusts their root."""
        named = {
            "operator_key": self.operator_key,
            "operator_password_file": self.operator_password_file,
            "agency_key": self.agency_key,
            "agency_password_file": self.agency_password_file,
            "trust_roots": self.roots,
        }
        return "[signing]\n" + "".join(f"{name} = {_toml(str(path.resolve()))}\n" for name, path in named.items())


def make_demo_keys(folder: Path, *, operator: str = OPERATOR, agency: str = AGENCY) -> DemoKeys:
    """Demonstration keys in *folder*, made (mode 700) if they are not there whole, else those that lie there.

    OSError when the folder cannot be written.
    """
    keys = DemoKeys(folder)
    if _whole(keys):
        return keys
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys.roots.mkdir(mode=0o700, exist_ok=True)
    now = datetime.now(UTC)
    root_key = _key()
    root = _root(root_key, now)
    for key_file, password_file, subject in (
        (keys.operator_key, keys.operator_password_file, _person(operator, agency)),
        (keys.agency_key, keys.agency_password_file, _agency(agency)),
    ):
        key = _key()
        certificate = _issued(subject, key, root, root_key, now)
        password = secrets.token_urlsafe(24)
        _write(password_file, password.encode() + b"\n")
        _write(key_file, pkcs12.serialize_key_and_certificates(
            b"sohoa", key, certificate, [root], BestAvailableEncryption(password.encode())))  # fmt: skip
    _write(keys.root, root.public_bytes(Encoding.PEM))  # last: its presence says that the rest is there
    return keys


def _whole(keys: DemoKeys) -> bool:
    files = (keys.root, keys.operator_key, keys.operator_password_file, keys.agency_key, keys.agency_password_file)
    if not all(file.exists() for file in files):
        return False
    root = x509.load_pem_x509_certificate(keys.root.read_bytes())
    return root.not_valid_after_utc > datetime.now(UTC)


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, KEY_BITS)


def _person(name: str, agency: str) -> x509.Name:
    return _name((NameOID.ORGANIZATION_NAME, agency), (NameOID.COMMON_NAME, name))


def _agency(name: str) -> x509.Name:
    return _name((NameOID.ORGANIZATION_NAME, name), (NameOID.COMMON_NAME, name))


def _name(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    country = x509.NameAttribute(NameOID.COUNTRY_NAME, "VN")
    return x509.Name([country, *(x509.NameAttribute(oid, value) for oid, value in parts)])


def _root(key: rsa.RSAPrivateKey, now: datetime) -> x509.Certificate:
    name = _name((NameOID.COMMON_NAME, ROOT))
    subject_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # clocks differ
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(issues=True), critical=True)
        .add_extension(subject_id, critical=False)
        .sign(key, hashes.SHA256())
    )


def _issued(
    subject: x509.Name, key: rsa.RSAPrivateKey, root: x509.Certificate, root_key: rsa.RSAPrivateKey, now: datetime
) -> x509.Certificate:
    issuer_id = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFE - timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(issues=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([MAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_id), critical=False
        )
        # RFC 9608: nobody answers for the revocation of a demonstration key, and the certificate says so
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00"), critical=False)
        .sign(root_key, hashes.SHA256())
    )  # fmt: skip


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues, content_commitment=not issues, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=issues, crl_sign=issues, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _write(file: Path, content: bytes) -> None:
    """Readable by its owner only from its first byte on."""
    unfinished = file.with_name(f"{file.name}.part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    unfinished.replace(file)


def _toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
