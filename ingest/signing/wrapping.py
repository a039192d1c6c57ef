# mypy: disable-error-code="no-untyped-call"
"""What comes with a signature and no signature covers: it must be what its other parts call for, or prove itself."""

import asyncio
import re
from collections.abc import Iterator

from asn1crypto import cms, core  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import message_imprint_checker, validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from ingest.signing.dialects import FieldValidator

NULL = b"\x05\x00"
STAMP = "signature_time_stamp_token"
OTHER_STAMPS = frozenset([
    "1.2.840.113549.1.9.16.2.25", "1.2.840.113549.1.9.16.2.26", "1.2.840.113549.1.9.16.2.27",
    "1.2.840.113549.1.9.16.2.48", "0.4.0.1733.2.4", "1.3.6.1.4.1.311.3.3.1",
])  # fmt: skip
"""Unsigned attributes whose values are timestamps too, over something else (ETSI TS 101 733, EN 319 122-1, Microsoft);
nothing here relies on them."""


def altered_wrapping(content: bytes, signed: cms.SignedData, signer: cms.SignerInfo, owner: asn1.Certificate) -> bool:
    """Whether the CMS object (RFC 5652) says something else than its own parts call for.

    *content* begins with the object; *signer* is its one signer, *owner* its certificate. The bytes are looked at:
    parsers pass over wrong tags of values that they do not need, and compare names without regard to case.
    ValueError when the object cannot be taken apart.
    """
    identifier = signer["sid"]
    by_issuer = identifier.name == "issuer_and_serial_number"
    plain = signed["encap_content_info"]["content_type"].native == "data"
    digests = [*signed["digest_algorithms"], signer["digest_algorithm"]]
    return (
        len(core.Sequence.load(content)) != 2  # RFC 5652, 3: a longer length would take the padding in
        or _first(signed) != _integer(1 if by_issuer and plain else 3)  # RFC 5652, 5.1
        or _first(signer) != _integer(1 if by_issuer else 3)  # RFC 5652, 5.3
        or (by_issuer and identifier.chosen["issuer"].dump() != owner.issuer.dump())
        or any(_parameters(algorithm) not in (b"", NULL) for algorithm in digests)  # RFC 5754, 2
    )


def _first(value: core.Sequence) -> bytes:
    return bytes(core.Sequence.load(value.untag().dump())[0].dump())


def _integer(value: int) -> bytes:
    return bytes(core.Integer(value).dump())


def _parameters(algorithm: core.Sequence) -> bytes:
    stated = core.Sequence.load(algorithm.dump())
    return bytes(stated[1].dump()) if len(stated) > 1 else b""


def altered_timestamp(signer: cms.SignerInfo) -> bool:
    """Whether a timestamp among the signer's unsigned attributes is not one over this signature, whole as it was given;
    one that stands under the name of another attribute is hidden so. Who gave it, and whether a trusted root vouches
    for him, is not asked. ValueError when it cannot be taken apart."""
    for attribute in _unsigned(signer):
        name = attribute["type"]
        for value in attribute["values"]:
            if name.native == STAMP:
                if not _is_whole(value, signer):
                    return True
            elif name.dotted not in OTHER_STAMPS and _is_timestamp(value.dump()):
                return True
    return False


def _unsigned(signer: cms.SignerInfo) -> Iterator[cms.CMSAttribute]:
    attributes = signer["unsigned_attrs"]
    yield from () if isinstance(attributes, core.Void) else attributes


def _is_timestamp(value: bytes) -> bool:
    try:
        object_ = cms.ContentInfo.load(value)
        return bool(object_["content"]["encap_content_info"]["content_type"].native == "tst_info")
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def _is_whole(token: cms.ContentInfo, stamped: cms.SignerInfo) -> bool:
    signed = token["content"]
    [signer] = signed["signer_infos"]
    nobody = ValidationContext(trust_roots=[], allow_fetching=False, signature_validator=FieldValidator())
    try:
        found = asyncio.run(validate_tst_signed_data(signed, nobody, message_imprint_checker(stamped)))
    except SignatureValidationError:
        return False
    hashes = {algorithm["algorithm"].native for algorithm in signed["digest_algorithms"]}
    return (
        bool(found["intact"] and found["valid"])
        and signer["digest_algorithm"]["algorithm"].native in hashes
        and not altered_wrapping(token.dump(), signed, signer, extract_certificate_info(signed).signer_cert)
        and not altered_timestamp(signer)
    )


def certificates_in(signed: cms.SignedData) -> list[asn1.Certificate]:
    """The certificates that come with a signature and with its timestamps."""
    bags = [signed, *_tokens(signed)]
    return [one.chosen.untag() for bag in bags for one in bag["certificates"] if one.name == "certificate"]


def _tokens(signed: cms.SignedData) -> Iterator[cms.SignedData]:
    for signer in signed["signer_infos"]:
        for attribute in _unsigned(signer):
            if attribute["type"].native == STAMP:
                yield from (value["content"] for value in attribute["values"])


def left_out(reader: PdfFileReader, signature: EmbeddedPdfSignature) -> bytes | None:
    """What stands between the two ranges that the signature covers: a hexadecimal string and nothing else."""
    start, end = int(signature.byte_range[1]), int(signature.byte_range[2])
    reader.stream.seek(start)
    found = re.fullmatch(rb"<([0-9A-Fa-f]*)>", reader.stream.read(max(end - start, 0)))
    return bytes.fromhex(found[1].decode()) if found and len(found[1]) % 2 == 0 else None
