"""Signing: the operator's and the agency's signatures on a composed PDF, and the checking of signatures."""

from ingest.signing.checking import SignatureVerdict, Verdict, verify
from ingest.signing.making import renew, sign
from ingest.signing.seals import Role, Seal, open_seals
from ingest.signing.signers import Signer

__all__ = ["Role", "Seal", "SignatureVerdict", "Signer", "Verdict", "open_seals", "renew", "sign", "verify"]
