"""Seals: whose signatures a batch bears, with which keys, and the checks that come before the batch."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from ingest.signing.cms import CmsSigner
from ingest.signing.lettering import Face, face_for
from ingest.signing.lifting import BasicOnly, Lasting, Proven, Stamped
from ingest.signing.placing import Corner
from ingest.signing.rules import check_certificate, common_name
from ingest.signing.secrets import Ask, SecretPlaces, ask_nobody, check_private, keep_out_of_core_dumps, secret_of
from ingest.signing.signers import Signer, read_key_file
from ingest.signing.stamp import Stamp, read_stamp
from ingest.signing.standing import check_standing
from ingest.signing.timestamps import services_of
from ingest.signing.tokens import SCHEME, open_token
from schemas.errors import SettingsRejected
from schemas.language import _
from schemas.settings import Office, Signing


class Role(StrEnum):
    OPERATOR = "operator"
    AGENCY = "agency"


CORNERS = {Role.OPERATOR: Corner.LEFT, Role.AGENCY: Corner.RIGHT}
"""TT 01/2023, Điều 8: the operator at the top left of page 1; NĐ 30/2020, Phụ lục I: the agency at its top right."""


@dataclass(frozen=True, slots=True)
class Seal:
    """One signature that every document of a batch gets: who signs, and what is shown above the time of signing."""

    role: Role
    signer: Signer
    cms: CmsSigner
    name: str
    """Whom the certificate names."""
    shown: tuple[str, ...]
    face: Face
    lasting: Lasting
    stamp: Stamp | None = None
    """The agency's red seal, where the profile shows it."""

    @property
    def corner(self) -> Corner:
        return CORNERS[self.role]


def open_seals(
    signing: Signing,
    office: Office,
    *,
    environment: Mapping[str, str] = os.environ,
    ask: Ask = ask_nobody,
    now: datetime | None = None,
) -> Sequence[Seal]:
    """The operator's seal and, where a key for it is set, the agency's, in the order in which they are put.

    Everything that would spoil a batch is found here: SettingsRejected names the setting, what is wrong and what to do
    when no key is set, a file is missing, open to others or no key, a password is missing or wrong, a certificate is
    expired, not valid yet, too weak, not meant for signing, revoked, or vouched for by no root in signing.trust_roots.
    *ask* is for passwords that are nowhere else. ServiceUnavailable when the font of the appearance is missing.
    """
    moment = now or datetime.now(UTC)
    keep_out_of_core_dumps()
    if not signing.operator_key:
        raise SettingsRejected(
            _("signing.operator_key is not set: TT 01/2023 asks for the operator's signature; name the PKCS#12 file in "
              "sohoa.toml (docs/operator.md, section 5), or try out with the keys that `sohoa demo` makes")
        )  # fmt: skip
    lasting = lasting_from(signing, signing.level)
    operator = _signer(Role.OPERATOR, signing, moment, environment, ask)
    seals = [_seal(Role.OPERATOR, operator, (common_name(operator.certificate),), lasting)]
    if signing.agency_key:
        agency = _signer(Role.AGENCY, signing, moment, environment, ask)
        named = office.agency or common_name(agency.certificate)
        if signing.agency_profile == "seal":
            stamp = read_stamp(Path(signing.seal_image).expanduser(), signing.seal_width_mm)
            seals.append(replace(_seal(Role.AGENCY, agency, (named,), lasting), stamp=stamp))
        else:
            seals.append(_seal(Role.AGENCY, agency, (signing.copy_form, named), lasting))
    return tuple(seals)


def _seal(role: Role, signer: Signer, shown: tuple[str, ...], lasting: Lasting) -> Seal:
    return Seal(role, signer, CmsSigner(signer), common_name(signer.certificate), shown, face_for(shown), lasting)


def lasting_of(seals: Sequence[Seal]) -> Lasting:
    """Up to which level a document that these seals sign is brought."""
    return seals[0].lasting if seals else BasicOnly()


def lasting_from(signing: Signing, level: str) -> Lasting:
    """What that level takes. SettingsRejected where the settings lack it."""
    if level == "B-B":
        return BasicOnly()
    services = services_of(signing.timestamp_urls, signing.timestamp_timeout_s, signing.timestamp_tries)
    if services is None:
        raise SettingsRejected(
            _("signatures of level {level} need a timestamp service: name it in signing.timestamp_urls").format(
                level=level
            )
        )
    if level == "B-T":
        return Stamped(services)
    if not signing.trust_roots:
        raise SettingsRejected(
            _("signatures of level {level} need roots to judge by: name their folder in signing.trust_roots").format(
                level=level
            )
        )
    return Proven(services, Path(signing.trust_roots).expanduser(), level)


def _signer(role: Role, signing: Signing, now: datetime, environment: Mapping[str, str], ask: Ask) -> Signer:
    """The key of a role, with everything looked at that would spoil a batch."""
    match role:
        case Role.OPERATOR:
            key = signing.operator_key
            places = SecretPlaces(role, signing.operator_password_env, signing.operator_password_file,
                                  signing.operator_password_keyring)  # fmt: skip
        case Role.AGENCY:
            key = signing.agency_key
            places = SecretPlaces(role, signing.agency_password_env, signing.agency_password_file,
                                  signing.agency_password_keyring)  # fmt: skip
    signer: Signer
    if key.startswith(SCHEME):
        signer = open_token(key, secret_of(key, places, environment, ask), signing.rsa_padding, ask=ask)
    else:
        file = Path(key).expanduser()
        check_private(file, f"signing.{role}_key")
        signer = read_key_file(file, secret_of(str(file), places, environment, ask).value, signing.rsa_padding)
    check_certificate(signer.certificate, key, now)
    if signing.trust_roots:
        roots = Path(signing.trust_roots).expanduser()
        check_standing(signer.certificate, signer.chain, key, roots, now, ask_issuers=signing.ask_revocation)
    return signer
