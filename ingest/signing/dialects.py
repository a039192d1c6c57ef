# mypy: disable-error-code="no-untyped-call"
"""What signing programs in the field write otherwise than the standards have it, and is sound none the less.

Seen on 7 of 70 signatures of Vietnamese agencies; EU DSS takes them too.
"""

import struct
import zlib

from asn1crypto import algos, cms, core, keys  # type: ignore[import-untyped]
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyhanko.pdf_utils.misc import PdfError
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator, SignatureValidationContext

UNREADABLE = (PdfError, ValidationError, PathError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
              ArithmeticError, RuntimeError, EOFError, OSError, MemoryError, struct.error, zlib.error,
              x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
              UnsupportedAlgorithm)  # fmt: skip
"""What pyHanko, asn1crypto and cryptography raise on hostile or damaged files."""
RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
WITHOUT_NULL = {
    "sha256": bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20",
    "sha384": bytes.fromhex("303f300b0609608648016503040202") + b"\x04\x30",
    "sha512": bytes.fromhex("304f300b0609608648016503040203") + b"\x04\x40",
}
"""The DigestInfo of PKCS #1 v1.5 whose algorithm has no parameters. RFC 8017, A.2.4: a verifier must accept it beside
the one with NULL; OpenSSL does not."""
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()
}  # fmt: skip


class FieldValidator(DefaultSignatureValidator):
    """Checks a bare signature; a DigestInfo without NULL passes as well, if it is the expected one to the byte."""

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = SignatureValidationContext(),  # noqa: B008 a frozen value
    ) -> None:
        """InvalidSignature when it is not the key's signature over the data."""
        try:
            super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)
        except InvalidSignature:
            if context.prehashed or not _without_null(signature, signed_data, public_key_info, context):
                raise


def _without_null(
    signature: bytes, signed_data: bytes, public_key_info: keys.PublicKeyInfo, context: SignatureValidationContext
) -> bool:
    name = context.contextual_md_algorithm
    key = load_der_public_key(public_key_info.dump())
    if name not in WITHOUT_NULL or not isinstance(key, rsa.RSAPublicKey):
        return False
    digest = hashes.Hash(HASHES[name])
    digest.update(signed_data)
    try:
        found = key.recover_data_from_signature(signature, padding.PKCS1v15(), None)
    except InvalidSignature:
        return False
    return found == WITHOUT_NULL[name] + digest.finalize()


def restate_algorithm(signer_info: cms.SignerInfo) -> None:
    """Where parameters of PSS stand under the name of plain RSA, leave them out: such signers pad by PKCS #1 v1.5."""
    stated = core.Sequence.load(signer_info["signature_algorithm"].dump())
    if len(stated) == 2 and stated[0].native == RSA_ENCRYPTION and isinstance(stated[1], core.Sequence):
        signer_info["signature_algorithm"] = algos.SignedDigestAlgorithm({"algorithm": "rsassa_pkcs1v15"})
