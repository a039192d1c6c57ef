"""Signing: the operator's and the agency's signatures on a composed PDF, and the checking of signatures."""

from ingest.signing.checking import verify
from ingest.signing.lifting import Proven, lift, lifted
from ingest.signing.making import sign
from ingest.signing.seals import Role, Seal, open_seals
from ingest.signing.signers import Signer
from ingest.signing.verdicts import SignatureVerdict, Verdict

__all__ = [
    "Proven",
    "Role",
    "Seal",
    "SignatureVerdict",
    "Signer",
    "Verdict",
    "lift",
    "lifted",
    "open_seals",
    "sign",
    "verify",
]
