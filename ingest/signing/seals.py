"""Seals: whose signatures a batch bears, with which keys, and the checks that come before the batch."""

import os
import resource
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from ingest.signing.cms import CmsSigner
from ingest.signing.lettering import Face, face_for
from ingest.signing.lifting import BasicOnly, Lasting, Proven, Stamped
from ingest.signing.placing import Corner
from ingest.signing.rules import check_certificate, common_name
from ingest.signing.signers import Signer, read_key_file
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

    @property
    def corner(self) -> Corner:
        return CORNERS[self.role]


def open_seals(
    signing: Signing,
    office: Office,
    *,
    environment: Mapping[str, str] = os.environ,
    now: datetime | None = None,
) -> Sequence[Seal]:
    """The operator's seal and, where a key for it is set, the agency's, in the order in which they are put.

    Everything that would spoil a batch is found here: SettingsRejected names the setting, what is wrong and what to do
    when no key is set, a file is missing, open to others or no key, a password is missing or wrong, a certificate is
    expired, not valid yet, or too weak. ServiceUnavailable when the font of the appearance is missing.
    """
    moment = now or datetime.now(UTC)
    _keep_out_of_core_dumps()
    if not signing.operator_key:
        raise SettingsRejected(
            _("signing.operator_key is not set: TT 01/2023 asks for the operator's signature; name the PKCS#12 file in "
              "sohoa.toml (docs/operator.md, section 5), or try out with the keys that `sohoa demo` makes")
        )  # fmt: skip
    lasting = lasting_from(signing, signing.level)
    seals = []
    operator = _key("operator", signing.operator_key, signing.operator_password_env, signing.operator_password_file,
                    environment, moment)  # fmt: skip
    seals.append(_seal(Role.OPERATOR, operator, (common_name(operator.certificate),), lasting))
    if signing.agency_key:
        agency = _key("agency", signing.agency_key, signing.agency_password_env, signing.agency_password_file,
                      environment, moment)  # fmt: skip
        named = office.agency or common_name(agency.certificate)
        seals.append(_seal(Role.AGENCY, agency, (signing.copy_form, named), lasting))
    return tuple(seals)


def _keep_out_of_core_dumps() -> None:
    """From here on keys and PINs are in memory: a crash must not write them to disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


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


def _key(
    role: str, key: str, password_env: str, password_file: str, environment: Mapping[str, str], now: datetime
) -> Signer:
    signer: Signer
    if key.startswith(SCHEME):
        signer = open_token(key, _password(role, key, password_env, password_file, environment))
    else:
        file = Path(key).expanduser()
        _check_private(file, f"signing.{role}_key")
        signer = read_key_file(file, _password(role, str(file), password_env, password_file, environment))
    check_certificate(signer.certificate, key, now)
    return signer


def _password(role: str, key: str, variable: str, named: str, environment: Mapping[str, str]) -> str:
    given = environment.get(variable) if variable else None
    if given is not None:
        return given
    if named:
        file = Path(named).expanduser()
        _check_private(file, f"signing.{role}_password_file")
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    raise SettingsRejected(
        _("{key}: no password; put it into the environment variable {variable}, or into a file (mode 600) named by "
          "signing.{role}_password_file").format(key=key, variable=variable, role=role)
    )  # fmt: skip


def _check_private(file: Path, setting: str) -> None:
    """The file is there, can be read, and by nobody else."""
    try:
        mode = file.stat().st_mode
        with file.open("rb"):
            pass
    except OSError as error:
        raise SettingsRejected(
            _("{setting}: {file}: {error}; mend the path or the file's permissions").format(
                setting=setting, file=file, error=error.strerror
            )
        ) from error
    if not stat.S_ISREG(mode):
        raise SettingsRejected(_("{setting}: {file}: not a file; mend the path").format(setting=setting, file=file))
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsRejected(
            _("{setting}: {file}: other users of this machine may read it (mode {mode}); chmod 600 {file}").format(
                setting=setting, file=file, mode=f"{stat.S_IMODE(mode):03o}"
            )
        )
