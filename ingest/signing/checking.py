# mypy: disable-error-code="no-untyped-call"
"""Checking signatures: who signed what, is it whole, what came after it, and does a trusted root vouch for the signer.

What a signature looks like on the page is not believed: only the bytes it covers are.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from asn1crypto import parser  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.x509.oid import NameOID
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
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.validate import async_validate_path

from ingest.signing.dialects import UNREADABLE, FieldValidator, restate_algorithm
from ingest.signing.issuing import contradicted, proofs_hold
from ingest.signing.levels import level_of
from ingest.signing.roots import read_roots
from ingest.signing.rules import common_name, strength
from ingest.signing.tail import adds_only_proofs
from ingest.signing.verdicts import Revocation, SignatureVerdict, TimeSource, Verdict
from ingest.signing.wrapping import altered_timestamp, altered_wrapping, certificates_in, left_out
from schemas.errors import InputRejected
from schemas.language import _

for name in ("pyhanko", "pyhanko_certvalidator"):
    # What they would print of a broken signature is in the verdict, in words for people.
    logging.getLogger(name).setLevel(logging.CRITICAL)

NO_REVOCATION = "2.5.29.56"
"""RFC 9608: the issuer answers for no revocation of this certificate."""
USAGES = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
"""ETSI EN 319 412-2 wants non-repudiation; certificates of Vietnamese issuers bear either."""

WHERE_KNOWN = RevocationCheckingPolicy(
    RevocationCheckingRule.CHECK_IF_DECLARED_SOFT, RevocationCheckingRule.CHECK_IF_DECLARED_SOFT
)
"""What is proven counts; what is not proven is no fault."""
WITH_PROOF = replace(WHERE_KNOWN, ee_certificate_rule=RevocationCheckingRule.CRL_OR_OCSP_REQUIRED)

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


def verify(path: Path, roots: Path | None, *, at: datetime | None = None) -> list[SignatureVerdict]:
    """A verdict on each signature of a PDF, the oldest first; none when it bears no signature.

    *roots* is a folder of root certificates (PEM or DER; ``.pem``, ``.crt``, ``.cer``); without one, nobody is trusted
    and ``trusted`` is None. *at* is the moment of judging; now, where it is not given. Nothing is fetched from the
    network. InputRejected when the file is not a readable PDF; SettingsRejected when a root cannot be read.
    """
    with path.open("rb") as file:
        return verify_open(file, path, roots, at=at)


def verify_open(
    file: BinaryIO, named: Path, roots: Path | None, *, at: datetime | None = None
) -> list[SignatureVerdict]:
    """``verify`` of an open file; messages call it *named*."""
    trusted = read_roots(roots) if roots is not None else None
    try:
        reader = PdfFileReader(file, strict=False)
        fields = list(enumerate_sig_fields(reader, filled_status=True))
    except UNREADABLE as error:
        raise InputRejected(
            _("{file}: not a readable PDF ({error})").format(file=named, error=_first_line(error))
        ) from error
    judged = list(_judged(reader, fields, _Bench(trusted, at)))
    newest = max(judged, key=lambda one: one.revision, default=None)
    understood = (
        newest is not None
        and not newest.verdict.covers_whole
        and adds_only_proofs(file, reader, newest.revision, newest.end)
        and _proofs_hold(reader, trusted)
    )
    return _with_later_changes(judged, understood=understood)


# -- one signature ------------------------------------------------------------------------------------------------


Status = PdfSignatureStatus | DocumentTimestampStatus


@dataclass(frozen=True, slots=True)
class _Bench:
    """By what it is judged."""

    roots: Sequence[asn1.Certificate] | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class _Judged:
    revision: int
    end: int
    """How far it signs the file, in bytes."""
    verdict: SignatureVerdict


def _judged(reader: PdfFileReader, fields: Sequence[tuple[str, Any, Any]], bench: _Bench) -> Iterator[_Judged]:
    """From the newest to the oldest: a timestamp that holds shows what was there before it as of its own time
    (ETSI EN 319 102-1, 5.6.2)."""
    readable: list[EmbeddedPdfSignature] = []
    for name, _value, field in fields:
        try:
            signature = EmbeddedPdfSignature(reader, field, name)
            restate_algorithm(signature.signer_info)
            signature.signed_revision  # noqa: B018 it is found out here
            readable.append(signature)
        except UNREADABLE as error:
            yield _Judged(0, 0, _broken(str(name), _("cannot be read: {error}").format(error=_first_line(error))))
    existed_at: datetime | None = None
    for signature in sorted(readable, key=lambda one: one.signed_revision, reverse=True):
        try:
            verdict = _verdict(reader, signature, bench, existed_at)
        except UNREADABLE as error:
            name = str(signature.field_name)
            yield _Judged(0, 0, _broken(name, _("cannot be read: {error}").format(error=_first_line(error))))
            continue
        if verdict.kind == "timestamp" and verdict.verdict is Verdict.VALID:
            existed_at = datetime.fromisoformat(verdict.signed_at)
        end = int(signature.byte_range[2]) + int(signature.byte_range[3])
        yield _Judged(signature.signed_revision, end, verdict)


def _broken(field: str, reason: str) -> SignatureVerdict:
    return SignatureVerdict(
        field=field, kind="signature", verdict=Verdict.BROKEN, reason=reason, signer="", organization="", issuer="",
        certificate_sha256="", signed_at="", time_source=TimeSource.NONE, existed_at="", level="", algorithm="",
        intact=False, covers_whole=False, modified_after="unknown", trusted=None, trust_path=(),
        revocation=Revocation.UNKNOWN,
    )  # fmt: skip


def _verdict(
    reader: PdfFileReader, signature: EmbeddedPdfSignature, bench: _Bench, existed_at: datetime | None
) -> SignatureVerdict:
    """*existed_at*: when a later timestamp that holds shows that the signature was there."""
    stamp = signature.sig_object_type == "/DocTimeStamp"
    status = _status(signature, bench, existed_at, existed_at)
    own = None if stamp else _own_timestamp(status)
    proven = own or existed_at
    if not status.trusted and proven is not None:
        # What counts is whether the certificate was good when a timestamp shows the signature to have been there
        then = _status(signature, bench, proven, existed_at, then=True)
        status = then if then.trusted or _expired(then) or then.revoked else status
    moment, source = _time(signature, status, own, existed_at)
    certificate = x509.load_der_x509_certificate(signature.signer_cert.dump())
    flaw = _flaw(reader, signature, bench)
    intact = bool(status.intact and status.valid) and not flaw
    after = _after(status)
    verdict, reason = _decided(status, intact, flaw, after, bench.roots is not None)
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
        existed_at=proven.isoformat() if proven else "",
        level=level_of(reader, signature),
        algorithm=_algorithm(status, certificate),
        intact=intact,
        covers_whole=status.coverage == SignatureCoverageLevel.ENTIRE_FILE,
        modified_after=after,
        trusted=bool(status.trusted) if bench.roots is not None else None,
        trust_path=_path(status) if status.trusted else (),
        revocation=_revocation(reader, signature, status, bench, proven),
    )


def _time(
    signature: EmbeddedPdfSignature, status: Status, own: datetime | None, existed_at: datetime | None
) -> tuple[datetime | None, TimeSource]:
    if isinstance(status, DocumentTimestampStatus):
        return status.timestamp, TimeSource.TIMESTAMP
    if own is not None:
        return own, TimeSource.TIMESTAMP
    claimed = signature.self_reported_timestamp
    if existed_at is not None:
        return claimed or existed_at, TimeSource.BEFORE_TIMESTAMP
    return claimed, TimeSource.CLAIMED if claimed else TimeSource.NONE


def _status(
    signature: EmbeddedPdfSignature, bench: _Bench, moment: datetime | None, existed_at: datetime | None,
    *, then: bool = False,
) -> Status:  # fmt: skip
    """As of the moment of judging; *then*: as of *moment*. Its own timestamp is judged as of *existed_at*."""
    context = _context(signature.reader, bench, moment if then else None)
    if signature.sig_object_type == "/DocTimeStamp":
        return validate_pdf_timestamp(signature, context, diff_policy=ALLOWED)
    stamps = _context(signature.reader, bench, existed_at)
    return validate_pdf_signature(signature, context, stamps, diff_policy=ALLOWED, key_usage_settings=USAGES)


def _context(
    reader: PdfFileReader, bench: _Bench, moment: datetime | None, policy: RevocationCheckingPolicy = WHERE_KNOWN
) -> ValidationContext:
    """The roots, and what the file itself holds of certificates and proofs (ISO 32000-2, 12.8.4.3).

    Proofs that were collected after *moment* count for it as well: who was not revoked then was not revoked before.
    """
    settings: dict[str, Any] = {
        "trust_roots": list(bench.roots or ()), "allow_fetching": False, "moment": moment or bench.at,
        "revinfo_policy": CertRevTrustPolicy(policy, retroactive_revinfo=moment is not None),
        "signature_validator": FieldValidator(), "crls": [], "ocsps": [],
    }  # fmt: skip
    try:
        return DocumentSecurityStore.read_dss(reader).as_validation_context(settings)
    except NoDSSFoundError:
        return ValidationContext(**settings)


def _own_timestamp(status: Status) -> datetime | None:
    token = getattr(status, "timestamp_validity", None)
    if token is not None and token.valid and token.intact and token.trusted:
        moment: datetime = token.timestamp
        return moment
    return None


def _expired(status: Status) -> bool:
    return "OUT_OF_BOUNDS" in str(getattr(status.trust_problem_indic, "name", ""))


def _path(status: Status) -> tuple[str, ...]:
    names = (certificate for certificate in status.validation_path or () if isinstance(certificate, asn1.Certificate))
    return tuple(_named(x509.load_der_x509_certificate(certificate.dump()).subject) for certificate in names)


def _revocation(
    reader: PdfFileReader, signature: EmbeddedPdfSignature, status: Status, bench: _Bench, proven: datetime | None
) -> Revocation:
    """*proven*: when a timestamp shows that the signature was there. A proof counts only where those whom the roots
    vouch for made it, for that time."""
    if status.revoked:
        return Revocation.REVOKED
    extensions = signature.signer_cert["tbs_certificate"]["extensions"]
    if any(extension["extn_id"].dotted == NO_REVOCATION for extension in extensions):
        return Revocation.NOT_APPLICABLE
    if not status.trusted or status.validation_path is None:
        return Revocation.UNKNOWN
    try:
        asyncio.run(async_validate_path(_context(reader, bench, proven, WITH_PROOF), status.validation_path))
    except UNREADABLE:
        return Revocation.UNKNOWN
    return Revocation.GOOD


def _flaw(reader: PdfFileReader, signature: EmbeddedPdfSignature, bench: _Bench) -> str:
    """What is wrong around the signature itself that no hash covers; empty when nothing is."""
    content = signature.pkcs7_content
    if left_out(reader, signature) != content:
        return _("what stands in the place that is left out is not the signature alone")
    if content[parser.peek(content) :].strip(b"\0"):
        return _("there is something behind the signature that it does not cover")
    named = {algorithm["algorithm"].native for algorithm in signature.signed_data["digest_algorithms"]}
    if named and signature.md_algorithm not in named:  # RFC 5652, 5.1
        return _("the signature names other hash algorithms than it uses")
    if altered_wrapping(content, signature.signed_data, signature.signer_info, signature.signer_cert):
        return _("the wrapping of the signature was changed")
    if altered_timestamp(signature.signer_info):
        return _("the timestamp on the signature was changed")
    if contradicted(certificates_in(signature.signed_data), bench.roots or ()):
        return _("a certificate that comes with the signature was changed")
    return ""


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


def _proofs_hold(reader: PdfFileReader, roots: Sequence[asn1.Certificate] | None) -> bool:
    """What proves itself needs nobody to sign it: each proof is as its issuer signed it."""
    try:
        brought = [one for signature in reader.embedded_signatures for one in certificates_in(signature.signed_data)]
        return proofs_hold(reader, [*brought, *(roots or ())])
    except UNREADABLE:
        return False


def _with_later_changes(judged: list[_Judged], *, understood: bool) -> list[SignatureVerdict]:
    """The verdicts, the oldest first. *understood*: what stands behind the newest is updates that bring proofs.

    Behind the newest signature only timestamps and validation data may stand, as they are checked by themselves; a new
    form field, with an appearance that nobody signed, could cover the page.
    """
    judged.sort(key=lambda one: one.revision)
    verdicts = [one.verdict for one in judged]
    newest = verdicts[-1:]
    if not any(v.covers_whole or (v.modified_after == "validation_data" and understood) for v in newest):
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


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
