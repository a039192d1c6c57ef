# mypy: disable-error-code="no-untyped-call"
"""Checking signatures: who signed what, is it whole, what came after it, and does a trusted root vouch for the signer.

What a signature looks like on the page is not believed: only the bytes it covers are.
"""

import logging
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from asn1crypto import cms, core, parser  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    XrefStreamRule,
)
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation import (
    DocumentTimestampStatus,
    EmbeddedPdfSignature,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    validate_pdf_signature,
    validate_pdf_timestamp,
)
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from ingest.signing.dialects import FieldValidator, restate_algorithm
from ingest.signing.rules import strength
from ingest.signing.seals import common_name
from schemas.errors import InputRejected, SettingsRejected
from schemas.language import _

for name in ("pyhanko", "pyhanko_certvalidator"):
    # What they would print of a broken signature is in the verdict, in words for people.
    logging.getLogger(name).setLevel(logging.CRITICAL)

UNREADABLE = (PdfError, ValidationError, PathError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
              ArithmeticError, RuntimeError, EOFError, OSError, MemoryError, struct.error, zlib.error)  # fmt: skip
"""What pyHanko and asn1crypto raise on hostile or damaged files."""
USAGES = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
"""ETSI EN 319 412-2 wants non-repudiation; certificates of Vietnamese issuers bear either."""

ALLOWED = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),
        XrefStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        ObjectStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        DSSCompareRule().as_qualified(ModificationLevel.LTA_UPDATES),
        DocInfoRule().as_qualified(ModificationLevel.FORM_FILLING),
        MetadataUpdateRule().as_qualified(ModificationLevel.FORM_FILLING),
    ],
    form_rule=FormUpdatingRule([SigFieldCreationRule(), SigFieldModificationRule(), GenericFieldModificationRule()]),
)
"""What may come after a signature: pyHanko's policy, but for title and XMP. A later signer's program may change them,
and signs that it did; where no signature covers the change, anybody may have made it."""


class Verdict(StrEnum):
    VALID = "valid"
    ISSUER_UNKNOWN = "issuer_unknown"
    """Whole, but no trusted root vouches for the signer."""
    EXPIRED = "expired"
    """Whole; the certificate has expired since, and no timestamp proves that it signed before."""
    REVOKED = "revoked"
    NOT_TRUSTED = "not_trusted"
    """Whole, but the key, its algorithm or its certificate's purpose is not good enough."""
    AMENDED = "amended"
    """What was signed is whole; more than signatures was added afterwards, and a later signer signed the result. So
    agencies number and stamp what a leader has signed."""
    CHANGED = "changed"
    """What was signed is whole, but more than signatures was added afterwards, and nobody signed that."""
    BROKEN = "broken"


class TimeSource(StrEnum):
    CLAIMED = "claimed"
    """By the signer's own clock: proves nothing."""
    TIMESTAMP = "timestamp"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """What is known of one signature of a PDF."""

    field: str
    kind: str
    """``signature`` or ``timestamp`` (one of the whole document)."""
    verdict: Verdict
    reason: str
    """Why it is not valid, for a person; empty when it is."""
    signer: str
    organization: str
    issuer: str
    certificate_sha256: str
    signed_at: str
    """ISO 8601; empty when nothing says when."""
    time_source: TimeSource
    level: str
    """``B-B``, ``B-T``, ``B-LT``, ``B-LTA``; ``CMS`` for a signature that is not PAdES."""
    algorithm: str
    intact: bool
    """The bytes it covers are those that were signed, and the signature over them is the certificate's."""
    covers_whole: bool
    """It covers the whole file as it is now."""
    modified_after: str
    """``none``, ``validation_data`` (timestamps too), ``signatures`` (and the former), ``other`` or ``unknown``."""
    trusted: bool | None
    """None when there are no roots to judge by."""


def verify(path: Path, roots: Path | None) -> list[SignatureVerdict]:
    """A verdict on each signature of a PDF, the oldest first; none when it bears no signature.

    *roots* is a folder of root certificates (PEM or DER; ``.pem``, ``.crt``, ``.cer``); without one, nobody is trusted
    and ``trusted`` is None. Nothing is fetched from the network. InputRejected when the file is not a readable PDF;
    SettingsRejected when a root cannot be read.
    """
    trusted = read_roots(roots) if roots is not None else None
    with path.open("rb") as file:
        try:
            reader = PdfFileReader(file, strict=False)
            fields = list(enumerate_sig_fields(reader, filled_status=True))
        except UNREADABLE as error:
            raise InputRejected(
                _("{file}: not a readable PDF ({error})").format(file=path, error=_first_line(error))
            ) from error
        return _with_later_changes(list(_judged(reader, fields, trusted)))


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
    return [asn1.Certificate.load(_der(certificate)) for certificate in read]


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


# -- one signature ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judged:
    revision: int
    verdict: SignatureVerdict


def _judged(
    reader: PdfFileReader, fields: Sequence[tuple[str, Any, Any]], roots: Sequence[asn1.Certificate] | None
) -> Iterator[_Judged]:
    for name, _value, field in fields:
        try:
            signature = EmbeddedPdfSignature(reader, field, name)
            restate_algorithm(signature.signer_info)
            yield _Judged(signature.signed_revision, _verdict(reader, signature, roots))
        except UNREADABLE as error:
            yield _Judged(0, _broken(str(name), _("cannot be read: {error}").format(error=_first_line(error))))


def _broken(field: str, reason: str) -> SignatureVerdict:
    return SignatureVerdict(
        field=field, kind="signature", verdict=Verdict.BROKEN, reason=reason, signer="", organization="", issuer="",
        certificate_sha256="", signed_at="", time_source=TimeSource.NONE, level="", algorithm="", intact=False,
        covers_whole=False, modified_after="unknown", trusted=None,
    )  # fmt: skip


def _verdict(
    reader: PdfFileReader, signature: EmbeddedPdfSignature, roots: Sequence[asn1.Certificate] | None
) -> SignatureVerdict:
    stamp = signature.sig_object_type == "/DocTimeStamp"
    status = _status(signature, roots, None, stamp)
    proven = _proven_time(signature, status, stamp)
    if not status.trusted and proven is not None and _expired(status):
        # ETSI EN 319 102-1, 5.6.2: what counts is whether the certificate was valid when the timestamp was made
        status = _status(signature, roots, proven, stamp)
    claimed = signature.self_reported_timestamp
    moment = proven or claimed
    source = TimeSource.TIMESTAMP if proven else TimeSource.CLAIMED if claimed else TimeSource.NONE
    certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
    flaw = _flaw(reader, signature)
    intact = bool(status.intact and status.valid) and not flaw
    after = _after(status)
    verdict, reason = _decided(status, intact, flaw, after, roots is not None)
    return SignatureVerdict(
        field=str(signature.field_name),
        kind="timestamp" if stamp else "signature",
        verdict=verdict,
        reason=reason,
        signer=common_name(certificate),
        organization=_organization(certificate.subject),
        issuer=_named(certificate.issuer),
        certificate_sha256=signature.signer_cert.sha256.hex(),
        signed_at=moment.isoformat() if moment else "",
        time_source=source,
        level=_level(reader, signature, stamp),
        algorithm=_algorithm(status, certificate),
        intact=intact,
        covers_whole=status.coverage == SignatureCoverageLevel.ENTIRE_FILE,
        modified_after=after,
        trusted=bool(status.trusted) if roots is not None else None,
    )


Status = PdfSignatureStatus | DocumentTimestampStatus


def _status(
    signature: EmbeddedPdfSignature, roots: Sequence[asn1.Certificate] | None, moment: datetime | None, stamp: bool
) -> Status:
    context = _context(signature.reader, roots, moment)
    if stamp:
        return validate_pdf_timestamp(signature, context, diff_policy=ALLOWED)
    return validate_pdf_signature(signature, context, diff_policy=ALLOWED, key_usage_settings=USAGES)


def _context(
    reader: PdfFileReader, roots: Sequence[asn1.Certificate] | None, moment: datetime | None
) -> ValidationContext:
    """The roots, and what the file itself holds of certificates and proofs (ISO 32000-2, 12.8.4.3)."""
    settings: dict[str, Any] = {
        "trust_roots": list(roots or ()), "allow_fetching": False, "revocation_mode": "soft-fail", "moment": moment,
        "signature_validator": FieldValidator(),
    }  # fmt: skip
    try:
        return DocumentSecurityStore.read_dss(reader).as_validation_context(settings)
    except NoDSSFoundError:
        return ValidationContext(**settings)


def _proven_time(signature: EmbeddedPdfSignature, status: Status, stamp: bool) -> datetime | None:
    if stamp:
        return status.timestamp if isinstance(status, DocumentTimestampStatus) else None
    token = getattr(status, "timestamp_validity", None)
    if token is not None and token.valid and token.intact and token.trusted:
        moment: datetime = token.timestamp
        return moment
    return None


def _expired(status: Status) -> bool:
    return "OUT_OF_BOUNDS" in str(getattr(status.trust_problem_indic, "name", ""))


def _flaw(reader: PdfFileReader, signature: EmbeddedPdfSignature) -> str:
    """What is wrong around the signature itself that no hash covers; empty when nothing is."""
    content = signature.pkcs7_content
    if _gap(reader, signature) != content:
        return _("what stands in the place that is left out is not the signature alone")
    if content[parser.peek(content) :].strip(b"\0"):
        return _("there is something behind the signature that it does not cover")
    named = {algorithm["algorithm"].native for algorithm in signature.signed_data["digest_algorithms"]}
    if named and signature.md_algorithm not in named:  # RFC 5652, 5.1
        return _("the signature names other hash algorithms than it uses")
    return ""


def _gap(reader: PdfFileReader, signature: EmbeddedPdfSignature) -> bytes | None:
    """What stands between the two ranges that the signature covers: a hexadecimal string and nothing else."""
    start, end = int(signature.byte_range[1]), int(signature.byte_range[2])
    reader.stream.seek(start)
    found = re.fullmatch(rb"<([0-9A-Fa-f]*)>", reader.stream.read(max(end - start, 0)))
    return bytes.fromhex(found[1].decode()) if found and len(found[1]) % 2 == 0 else None


def _after(status: Status) -> str:
    match status.modification_level:
        case ModificationLevel.NONE:
            return "none"
        case ModificationLevel.LTA_UPDATES:
            return "validation_data"
        case ModificationLevel.FORM_FILLING:
            return "signatures"
        case None:
            return "unknown"
        case _:
            return "other"


def _decided(status: Status, intact: bool, flaw: str, after: str, roots_given: bool) -> tuple[Verdict, str]:
    if not intact:
        return Verdict.BROKEN, flaw or _("the file is not what was signed")
    if status.coverage is None or status.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return Verdict.BROKEN, _("the signature leaves out a part of what was there when it was made")
    if after in ("other", "unknown") or getattr(status, "docmdp_ok", True) is False:
        return Verdict.CHANGED, _("the file was changed after it was signed")
    problem = str(getattr(status.trust_problem_indic, "name", ""))
    if status.revoked:
        return Verdict.REVOKED, _("the certificate was revoked")
    if not roots_given:
        return Verdict.ISSUER_UNKNOWN, _("no roots to judge by; name their folder in signing.trust_roots")
    if status.trusted:
        return Verdict.VALID, ""
    if _expired(status):
        return Verdict.EXPIRED, _(
            "the certificate is not valid now, and no timestamp proves that it was when it signed"
        )
    if "NO_CERTIFICATE_CHAIN" in problem or not problem:
        return Verdict.ISSUER_UNKNOWN, _("no trusted root vouches for the signer")
    return Verdict.NOT_TRUSTED, _("the certificate or its algorithm is not good enough ({problem})").format(
        problem=problem
    )


def _with_later_changes(judged: list[_Judged]) -> list[SignatureVerdict]:
    """The verdicts, the oldest first.

    Behind the newest signature only timestamps and validation data may stand, as they are checked by themselves; a new
    form field, with an appearance that nobody signed, could cover the page.
    """
    judged.sort(key=lambda one: one.revision)
    verdicts = [one.verdict for one in judged]
    if not any(verdict.covers_whole or verdict.modified_after == "validation_data" for verdict in verdicts):
        return [_uncovered(verdict) for verdict in verdicts]
    for number, verdict in enumerate(verdicts):
        resigned = [later for later in verdicts[number + 1 :] if later.intact and later.verdict is not Verdict.CHANGED]
        if verdict.verdict is Verdict.CHANGED and resigned:
            reason = _("the file was changed after it, and then signed by {signer}").format(signer=resigned[-1].signer)
            verdicts[number] = replace(verdict, verdict=Verdict.AMENDED, reason=reason)
    return verdicts


def _uncovered(verdict: SignatureVerdict) -> SignatureVerdict:
    if verdict.verdict is Verdict.BROKEN:
        return verdict
    return replace(verdict, verdict=Verdict.CHANGED, reason=_("something was added that no signature covers"))


# -- what is said of it -------------------------------------------------------------------------------------------


def _organization(name: x509.Name) -> str:
    for attribute in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME):
        return str(attribute.value)
    return ""


def _named(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(oid):
            return str(attribute.value)
    return name.rfc4514_string()


def _algorithm(status: Status, certificate: x509.Certificate) -> str:
    padding = " PSS" if "pss" in status.pkcs7_signature_mechanism.lower() else ""
    return f"{strength(certificate)}{padding}, {status.md_algorithm.upper().replace('SHA', 'SHA-')}"


def _level(reader: PdfFileReader, signature: EmbeddedPdfSignature, stamp: bool) -> str:
    """The PAdES baseline level that the parts at hand make up (ETSI EN 319 142-1, 6.2)."""
    if stamp:
        return "DocTimeStamp"
    if signature.sig_object.get("/SubFilter") != "/ETSI.CAdES.detached":
        return "CMS"
    if not _has_timestamp(signature.signer_info):
        return "B-B"
    if "/DSS" not in reader.root:
        return "B-T"
    later = any(
        value is not None
        and value.get_object().get("/Type") == "/DocTimeStamp"
        and reader.xrefs.get_last_change(value.reference) > signature.signed_revision
        for _name, value, _field in _raw_values(reader)
    )
    return "B-LTA" if later else "B-LT"


def _raw_values(reader: PdfFileReader) -> Iterator[tuple[str, Any, Any]]:
    for name, _value, field in enumerate_sig_fields(reader, filled_status=True):
        yield name, field.get_object().raw_get("/V"), field


def _has_timestamp(signer_info: cms.SignerInfo) -> bool:
    unsigned = signer_info["unsigned_attrs"]
    if isinstance(unsigned, core.Void):
        return False
    return any(attribute["type"].native == "signature_time_stamp_token" for attribute in unsigned)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
