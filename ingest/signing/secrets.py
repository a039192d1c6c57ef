"""Where passwords and PINs come from, and how they are kept in: out of arguments, settings, logs, dumps, the workspace.

Asked in this order: the environment variable, the file (mode 600), the system's keyring, the person at the terminal.
"""

import ctypes
import logging
import resource
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.language import _

Ask = Callable[[str], str | None]
"""Asks the person at the terminal for the secret of a key; None where nobody is there."""
PR_SET_DUMPABLE = 4


def ask_nobody(what: str) -> str | None:
    """For runs that nobody watches."""
    return None


@dataclass(frozen=True, slots=True)
class SecretPlaces:
    """Where the settings say that the secret of one key may lie."""

    role: str
    variable: str
    file: str
    keyring: str
    """``service/user``"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A password or PIN that lies somewhere, and may be an old one."""

    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Typed:
    """One that a person typed just now."""

    value: str = field(repr=False)


Secret = Stored | Typed


def secret_of(key: str, places: SecretPlaces, environment: Mapping[str, str], ask: Ask) -> Secret:
    """The secret of *key*. SettingsRejected when it is nowhere, or others may read it; each place is asked once."""
    given = environment.get(places.variable) if places.variable else None
    if given is not None:
        return Stored(given)
    if places.file:
        file = Path(places.file).expanduser()
        check_private(file, f"signing.{places.role}_password_file")
        return Stored(file.read_text(encoding="utf-8").rstrip("\r\n"))
    if places.keyring:
        return Stored(_from_keyring(places))
    asked = ask(key)
    if asked is not None:
        return Typed(asked)
    raise SettingsRejected(
        _("{key}: no password; put it into the environment variable {variable}, into a file (mode 600) named by "
          "signing.{role}_password_file, or into the system's keyring (signing.{role}_password_keyring); at a terminal "
          "it is asked for").format(key=key, variable=places.variable, role=places.role)
    )  # fmt: skip


def _from_keyring(places: SecretPlaces) -> str:
    setting = f"signing.{places.role}_password_keyring"
    service, slash, user = places.keyring.partition("/")
    if not (service and slash and user):
        raise SettingsRejected(_("{setting}: write it as SERVICE/USER").format(setting=setting))
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as error:
        raise SettingsRejected(
            _("{setting}: the package keyring is not installed; pip install 'sohoa[keyring]'").format(setting=setting)
        ) from error
    try:
        found = keyring.get_password(service, user)
    except KeyringError as error:
        raise ServiceUnavailable(
            _("{setting}: the system's keyring does not answer ({error}); unlock it").format(
                setting=setting, error=type(error).__name__
            )
        ) from error
    if found is None:
        raise SettingsRejected(
            _("{setting}: the keyring holds nothing for it; keyring set {service} {user}").format(
                setting=setting, service=service, user=user
            )
        )
    return str(found)


def keep_out_of_core_dumps() -> None:
    """From here on keys and PINs are in memory: a crash must not write them to disk.

    The size limit alone does not stop a dump that the system pipes to a program (core(5)); a process that may not be
    dumped at all does.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, AttributeError) as error:  # not Linux
        logging.getLogger("sohoa.signing").debug("no prctl: %s", error)


def check_private(file: Path, setting: str) -> None:
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
