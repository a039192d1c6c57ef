"""The folder of root certificates that are trusted."""

from pathlib import Path

from asn1crypto import x509 as asn1  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.errors import SettingsRejected
from schemas.language import _


def read_roots(folder: Path) -> list[asn1.Certificate]:
    """The certificates in the folder. SettingsRejected when it is missing or one of them cannot be read."""
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() in {".pem", ".crt", ".cer"})
        loaded = [certificate for file in files for certificate in _certificates(file)]
    except OSError as error:
        raise SettingsRejected(
            _("signing.trust_roots: {folder}: {error}").format(folder=folder, error=error.strerror)
        ) from error
    return loaded


def _certificates(file: Path) -> list[asn1.Certificate]:
    content = file.read_bytes()
    try:
        if b"-----BEGIN" in content:
            read = x509.load_pem_x509_certificates(content)
        else:
            read = [x509.load_der_x509_certificate(content)]
    except ValueError as error:
        raise SettingsRejected(_("signing.trust_roots: {file}: not a certificate").format(file=file)) from error
    return [asn1.Certificate.load(certificate.public_bytes(Encoding.DER)) for certificate in read]
