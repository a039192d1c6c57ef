# mypy: disable-error-code="no-untyped-call"
"""pyHanko's way to one of our signers: it builds the CMS object of PAdES, the signer gives the bare signature."""

import asyncio
from functools import cached_property

from asn1crypto import algos, cms  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import pdf_cms
from pyhanko_certvalidator.registry import SimpleCertificateStore

from ingest.signing.signers import Signer

HASH = "sha256"


class CmsSigner(pdf_cms.Signer):
    """Lives as long as the batch: pyHanko's own for keys in memory loads the key anew for every signature, which for
    RSA 3072 takes longer than the signature itself."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        chain = SimpleCertificateStore()
        chain.register_multiple(_asn1(certificate) for certificate in signer.chain)
        by_pss = signer.padding == "pss" and isinstance(signer.certificate.public_key(), rsa.RSAPublicKey)
        # The root stays out: whoever checks has it, or does not trust it; what no hash covers should be little.
        super().__init__(
            signing_cert=_asn1(signer.certificate), cert_registry=chain, embed_roots=False,
            signature_mechanism=_by_pss() if by_pss else None,
        )  # fmt: skip

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if digest_algorithm != HASH:
            raise SigningError(f"{digest_algorithm}: only {HASH} is made")
        return self._signer.sign(data)

    def signature(self, digest: bytes) -> bytes:
        """The CMS object over a document's SHA-256, DER: pyHanko's, with the two values in it that no two share.

        Made anew from its parts, each would take asn1crypto some 20 ms, many times what most keys need to sign.
        """
        made = cms.ContentInfo.load(self._mould)
        signed_by = made["content"]["signer_infos"][0]
        signed = signed_by["signed_attrs"]
        next(attribute for attribute in signed if attribute["type"].native == "message_digest")["values"] = [digest]
        signed_by["signature"] = self._signer.sign(signed.untag().dump())
        return bytes(made.dump())

    @cached_property
    def _mould(self) -> bytes:
        """Such an object, over the digest of no document."""
        return bytes(asyncio.run(self.async_sign(bytes(32), HASH, use_pades=True)).dump())

    @property
    def length(self) -> int:
        """The length of such an object by this key, found out by making one."""
        return len(self._mould)


def _by_pss() -> algos.SignedDigestAlgorithm:
    hash_ = algos.DigestAlgorithm({"algorithm": HASH})
    mask = algos.MaskGenAlgorithm({"algorithm": "mgf1", "parameters": hash_})
    parameters = algos.RSASSAPSSParams({"hash_algorithm": hash_, "mask_gen_algorithm": mask, "salt_length": 32})
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})


def _asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
