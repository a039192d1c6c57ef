# mypy: disable-error-code="no-untyped-call"
"""Whether certificates, revocation lists and OCSP answers are what their issuers signed, as far as those are at hand.

Whether anybody trusts the issuers is not asked here. ValueError, or another of ``dialects.UNREADABLE``, where something
is none of the three.
"""

from collections.abc import Collection, Iterable, Iterator

from asn1crypto import algos, core, crl, ocsp  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko.pdf_utils.reader import PdfFileReader

from ingest.signing.dialects import FieldValidator


def contradicted(certificates: Iterable[asn1.Certificate], others: Iterable[asn1.Certificate] = ()) -> bool:
    """Whether one of *certificates* is not as it was made: its issuer is among them or *others* and did not sign it so,
    or another copy of it says something else."""
    known = {one.dump(): one for one in certificates}
    at_hand = known | {one.dump(): one for one in others}
    named = {(one.subject.dump(), one.serial_number, one.public_key.dump()) for one in at_hand.values()}
    return len(named) < len(at_hand) or any(_is_contradicted(one, at_hand.values()) for one in known.values())


def proofs_hold(reader: PdfFileReader, others: Collection[asn1.Certificate]) -> bool:
    """Whether all that a PDF's document security store holds is what its issuers signed, where these are in it or among
    *others*; also when there is no such store."""
    answers = [ocsp.OCSPResponse.load(one, strict=True).basic_ocsp_response for one in _held(reader, "/OCSPs")]
    lists = [crl.CertificateList.load(one, strict=True) for one in _held(reader, "/CRLs")]
    brought = [asn1.Certificate.load(one, strict=True) for one in _held(reader, "/Certs")]
    brought += [certificate for answer in answers for certificate in answer["certs"] or ()]
    at_hand = [*brought, *others]
    return (
        not contradicted(brought, others)
        and all(_holds(one, [c for c in at_hand if c.subject == one.issuer or _has_key_of(c, one)]) for one in lists)
        and all(_holds(one, list(_responders(one, at_hand))) for one in answers)
    )


def _held(reader: PdfFileReader, kind: str) -> Iterator[bytes]:
    """Each one that is there, for all signatures or for one (ISO 32000-2, 12.8.4.3): pyHanko's view of the store keeps
    one certificate for a number, and what stands for one signature alone is not in it."""
    if "/DSS" not in reader.root:
        return
    store = reader.root["/DSS"]
    for_one = [one.get_object() for one in store["/VRI"].values()] if "/VRI" in store else []
    for place, name in [(store, kind), *((one, kind.removesuffix("s")) for one in for_one)]:
        if name in place:
            for reference in place[name]:
                yield reference.get_object().data


def _is_contradicted(certificate: asn1.Certificate, at_hand: Iterable[asn1.Certificate]) -> bool:
    """An issuer that renewed its key bears the same name; the keys' identifiers tell them apart (RFC 5280, 4.2.1.1)."""
    named = (one for one in at_hand if one.subject == certificate.issuer)
    has_none = certificate.authority_key_identifier is None
    issuers = [one for one in named if has_none or not one.key_identifier or _has_key_of(one, certificate)]
    return not _holds(certificate, issuers)


def _has_key_of(one: asn1.Certificate, issued: asn1.Certificate | crl.CertificateList) -> bool:
    return bool(one.key_identifier) and one.key_identifier == issued.authority_key_identifier


def _responders(answer: ocsp.BasicOCSPResponse, at_hand: Iterable[asn1.Certificate]) -> Iterator[asn1.Certificate]:
    """Those who may have given it: whom it names, and whose certificates it brings (RFC 6960, 4.2.1)."""
    yield from answer["certs"] or ()
    named = answer["tbs_response_data"]["responder_id"]
    for one in at_hand:
        if named.chosen == one.subject if named.name == "by_name" else named.native == one.public_key.sha1:
            yield one


def _holds(signed: core.Sequence, issuers: Collection[asn1.Certificate]) -> bool:
    """One of *issuers* signed it, or none is at hand, so that nobody knows. Certificates, lists and answers alike are
    what is signed, by which algorithm, and the signature (RFC 5280, 4.1.1, 5.1.1; RFC 6960, 4.2.1)."""
    content, algorithm, signature = signed[0], signed[1], signed[2].native
    says_it_twice = not isinstance(signed, ocsp.BasicOCSPResponse)
    return not issuers or (
        (not says_it_twice or content["signature"].dump() == algorithm.dump())
        and any(_signed(content.dump(), signature, algorithm, issuer) for issuer in issuers)
    )


def _signed(content: bytes, signature: bytes, algorithm: algos.SignedDigestAlgorithm, by: asn1.Certificate) -> bool:
    try:
        FieldValidator().validate_signature(signature, content, by.public_key, algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
