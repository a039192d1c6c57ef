# mypy: disable-error-code="no-untyped-call"
"""The PAdES baseline level that the parts at hand make up (ETSI EN 319 142-1, 6.2 and 6.3)."""

from asn1crypto import cms, core  # type: ignore[import-untyped]
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import EmbeddedPdfSignature


def level_of(reader: PdfFileReader, signature: EmbeddedPdfSignature) -> str:
    """``B-B`` … ``B-LTA``, ``DocTimeStamp``, or ``CMS`` for a signature that is not PAdES."""
    if signature.sig_object_type == "/DocTimeStamp":
        return "DocTimeStamp"
    if signature.sig_object.get("/SubFilter") != "/ETSI.CAdES.detached":
        return "CMS"
    later = [revision for revision in _timestamps(reader) if revision > signature.signed_revision]
    if not later and not _has_timestamp(signature.signer_info):
        return "B-B"
    if "/DSS" not in reader.root:
        return "B-T"
    proofs_covered = any("/DSS" in reader.get_historical_root(revision) for revision in later)
    return "B-LTA" if proofs_covered else "B-LT"


def _timestamps(reader: PdfFileReader) -> list[int]:
    """The revisions in which timestamps over the whole document were added."""
    values = (field.get_object().raw_get("/V") for _name, _value, field in enumerate_sig_fields(reader, True))
    return [
        reader.xrefs.get_introducing_revision(value.reference)
        for value in values
        if value.get_object().get("/Type") == "/DocTimeStamp"
    ]


def _has_timestamp(signer_info: cms.SignerInfo) -> bool:
    unsigned = signer_info["unsigned_attrs"]
    if isinstance(unsigned, core.Void):
        return False
    return any(attribute["type"].native == "signature_time_stamp_token" for attribute in unsigned)
