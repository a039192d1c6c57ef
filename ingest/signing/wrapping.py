# mypy: disable-error-code="no-untyped-call"
"""The wrapping of a signature, which no signature covers: what stands there must be what its other parts call for."""

import re

from asn1crypto import cms, core  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import EmbeddedPdfSignature

NULL = b"\x05\x00"


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


def left_out(reader: PdfFileReader, signature: EmbeddedPdfSignature) -> bytes | None:
    """What stands between the two ranges that the signature covers: a hexadecimal string and nothing else."""
    start, end = int(signature.byte_range[1]), int(signature.byte_range[2])
    reader.stream.seek(start)
    found = re.fullmatch(rb"<([0-9A-Fa-f]*)>", reader.stream.read(max(end - start, 0)))
    return bytes.fromhex(found[1].decode()) if found and len(found[1]) % 2 == 0 else None
