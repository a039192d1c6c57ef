# mypy: disable-error-code="no-untyped-call"
"""Timestamps over the end of the log: from then on it cannot be cut off below that entry without showing.

The log's entries are chained by hash, and the catalogue keeps the hash of the last one; who can write to the database
can cut the end off and mend that too. A timestamp token over the hash of an entry, kept as a file in ``anchors/`` (and
so in every backup), says that the entry was there at that time; any program that reads RFC 3161 can check it.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from asn1crypto import cms, tsp  # type: ignore[import-untyped]
from pyhanko.sign.general import CMSExtractionError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from ingest.signing.timestamps import Services
from schemas.language import _

HASH = "sha256"


def write_anchor(folder: Path, position: int, entry_hash: str, services: Services) -> Path:
    """A timestamp over the entry at *position*, as a file below *folder*; one that is there already stays.

    ServiceUnavailable when no service gives one.
    """
    file = folder / f"{position:012d}.tst"
    if not file.exists():
        token = services.stamp(bytes.fromhex(entry_hash), HASH)
        folder.mkdir(mode=0o700, exist_ok=True)
        beside = file.with_suffix(".part")
        beside.touch(mode=0o600)
        beside.write_bytes(token.dump())
        beside.replace(file)
    return file


def anchor_faults(folder: Path, hash_at: Callable[[int], str | None]) -> Iterator[str]:
    """What the timestamps below *folder* say against the log; *hash_at*: the hash of its entry at a position."""
    for file in sorted(folder.glob("*.tst")):
        try:
            position = int(file.stem)
            token = cms.ContentInfo.load(file.read_bytes())["content"]
            stamp = token["encap_content_info"]["content"].parsed
            stamped = stamp["message_imprint"]["hashed_message"].native.hex()
            at = stamp["gen_time"].native
            whole = _is_whole(token, stamp)
        except (ValueError, TypeError, KeyError, AttributeError, CMSExtractionError) as error:
            yield _("log: {file} is no timestamp ({error})").format(file=file.name, error=error)
            continue
        found = hash_at(position)
        if not whole:
            yield _("log: the timestamp {file} was changed").format(file=file.name)
        elif found is None:
            yield _("log: cut off: entry {position} was there on {at}, says the timestamp {file}").format(
                position=position, at=at, file=file.name)  # fmt: skip
        elif found != stamped:
            yield _("log: entry {position} is not the one of {at}, says the timestamp {file}").format(
                position=position, at=at, file=file.name)  # fmt: skip


def _is_whole(token: cms.SignedData, stamp: tsp.TSTInfo) -> bool:
    """The token's own signature holds over what it says; who signed it is for ``openssl ts -verify`` to weigh."""
    [signer] = token["signer_infos"]
    certificates = [choice.chosen for choice in token["certificates"]]
    serial = signer["sid"].chosen["serial_number"].native
    own = [certificate for certificate in certificates if certificate.serial_number == serial]
    if not own:
        return True  # a service that sends no certificate: nothing to check with here
    algorithm = signer["digest_algorithm"]["algorithm"].native

    digest = hashlib.new(algorithm, token["encap_content_info"]["content"].contents).digest()
    try:
        intact, valid = validate_sig_integrity(signer, own[0], expected_content_type="tst_info", actual_digest=digest)
    except SignatureValidationError:
        return False
    return bool(intact and valid)
