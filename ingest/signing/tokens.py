"""Keys on tokens and HSMs, by PKCS #11: named by a URI (RFC 7512), one session for the whole batch.

``pkcs11:token=LABEL;object=KEY LABEL?module-path=/path/of/the/vendor's/library.so``; ``id=%01`` may stand beside or for
``object``, ``serial`` beside or for ``token``. The PIN comes from where passwords come from, never from the URI.
"""

import ctypes
import hashlib
import hmac
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import MGF, Attribute, KeyType, Mechanism, ObjectClass, TokenFlag
from pkcs11.exceptions import (
    MultipleObjectsReturned,
    MultipleTokensReturned,
    NoSuchKey,
    NoSuchToken,
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
)

from ingest.signing.secrets import Ask, Secret, Typed, ask_nobody
from ingest.signing.signers import Padding
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.language import _

SCHEME = "pkcs11:"
SIGN_TIMEOUT_S = 60.0
"""Tokens sign in a tenth of a second to three; an HSM that others use too may let one wait."""
PSS = (Mechanism.SHA256, MGF.SHA256, 32)
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
"""RFC 8017, 9.2, note 1: what stands before a SHA-256 where the token only pads and does not hash."""


@dataclass(frozen=True, slots=True)
class TokenName:
    """What a PKCS #11 URI says."""

    uri: str
    module: str
    token: str | None
    serial: bytes | None
    label: str | None
    id: bytes | None


def parse_uri(uri: str) -> TokenName:
    """SettingsRejected when the URI names no module, or neither token nor key, or bears a PIN."""
    path, _mark, query = uri.removeprefix(SCHEME).partition("?")
    named = dict(part.partition("=")[::2] for part in path.split(";") if part)
    asked = dict(parse_qsl(query))
    if {"pin-value", "pin-source"} & (named.keys() | asked.keys()):
        raise SettingsRejected(
            _("a PKCS#11 URI must not hold the PIN; put it where passwords are put (docs/operator.md, section 5)")
        )
    if "module-path" not in asked:
        raise SettingsRejected(
            _("{uri}: add ?module-path= with the library of the token's vendor").format(uri=uri)
        )  # fmt: skip
    if not {"token", "serial"} & named.keys():
        raise SettingsRejected(_("{uri}: name the token: token=LABEL or serial=NUMBER").format(uri=uri))
    return TokenName(
        uri=uri,
        module=asked["module-path"],
        token=unquote(named["token"]) if "token" in named else None,
        serial=unquote_to_bytes(named["serial"]) if "serial" in named else None,
        label=unquote(named["object"]) if "object" in named else None,
        id=unquote_to_bytes(named["id"]) if "id" in named else None,
    )


class _Signing(Protocol):
    """What python-pkcs11 makes of a private key that may sign; its own types leave it out."""

    def sign(self, data: bytes, *, mechanism: Mechanism, mechanism_param: object = None) -> bytes: ...


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key that never leaves its token; the session stays open as long as the batch."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    name: TokenName
    _key: _Signing = field(repr=False)
    _mechanism: Mechanism
    padding: Padding = "pkcs1"

    def sign(self, message: bytes) -> bytes:
        """ServiceUnavailable where the token is gone, or hangs: its driver is foreign code that cannot be ended, so
        it works in a thread that is left to itself then."""
        signed: Future[bytes] = Future()

        def work() -> None:
            try:
                signed.set_result(self._signed(message))
            except BaseException as error:  # noqa: BLE001 - raised where the signature is waited for
                signed.set_exception(error)

        threading.Thread(target=work, name="token", daemon=True).start()
        try:
            return signed.result(SIGN_TIMEOUT_S)
        except TimeoutError as error:
            _never_closed(self.name)
            raise ServiceUnavailable(
                _("{uri}: the token does not answer; pull it out and plug it in again, then run the same command again")
                .format(uri=self.name.uri)
            ) from error  # fmt: skip

    def _signed(self, message: bytes) -> bytes:
        try:
            match self._mechanism:
                case Mechanism.ECDSA:
                    raw = bytes(self._key.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA))
                    half = len(raw) // 2
                    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
                case Mechanism.RSA_PKCS:
                    digest = SHA256_PREFIX + hashlib.sha256(message).digest()
                    return bytes(self._key.sign(digest, mechanism=Mechanism.RSA_PKCS))
                case Mechanism.RSA_PKCS_PSS:
                    digest = hashlib.sha256(message).digest()
                    return bytes(self._key.sign(digest, mechanism=Mechanism.RSA_PKCS_PSS, mechanism_param=PSS))
                case Mechanism.SHA256_RSA_PKCS_PSS:
                    return bytes(self._key.sign(message, mechanism=self._mechanism, mechanism_param=PSS))
                case _:
                    return bytes(self._key.sign(message, mechanism=self._mechanism))
        except PKCS11Error as error:
            raise ServiceUnavailable(
                _("{uri}: the token does not sign ({error}); is it still plugged in? Run the same command again")
                .format(uri=self.name.uri, error=type(error).__name__)
            ) from error  # fmt: skip


def open_token(uri: str, pin: Secret, padding: Padding = "pkcs1", *, ask: Ask = ask_nobody) -> TokenKey:
    """The key that *uri* names, the token unlocked with one try of *pin*: a second could lock it.

    Where a wrong PIN was given since the token was last unlocked, a stored one, which may be the wrong one, is not
    tried: a person is *asked* for it. SettingsRejected: wrong PIN, or none that may be tried, no such key, several that
    fit. ServiceUnavailable: the library or token is not there.
    """
    name = parse_uri(uri)
    token = _token(name)
    session = _unlocked(token, name, pin, ask)
    try:
        return _found(session, token, name, padding)
    except (NoSuchKey, MultipleObjectsReturned) as error:
        raise SettingsRejected(
            _("{uri}: the token holds no such key, or several; name one by object=LABEL or id=%01").format(uri=uri)
        ) from error
    except PKCS11Error as error:
        raise ServiceUnavailable(
            _("{uri}: the token fails ({error})").format(uri=uri, error=type(error).__name__)
        ) from error


def _token(name: TokenName) -> pkcs11.Token:
    try:
        library = _LOADED[name.module] = pkcs11.lib(name.module)
        return library.get_token(token_label=name.token, token_serial=name.serial)
    except (NoSuchToken, MultipleTokensReturned) as error:
        raise ServiceUnavailable(
            _("{uri}: no such token, or several of that name; plug it in").format(uri=name.uri)
        ) from error
    except (PKCS11Error, RuntimeError, OSError) as error:
        raise ServiceUnavailable(
            _("{uri}: the library {module} cannot be loaded ({error}); install the vendor's driver").format(
                uri=name.uri, module=name.module, error=str(error) or type(error).__name__
            )
        ) from error


def _never_closed(name: TokenName) -> None:
    """Let nothing of a driver that hangs be closed or unloaded, not even when the program ends: closing hangs too, and
    what is unloaded under a thread that is in it ends the program with SIGSEGV in place of its exit code."""
    held: list[object] = [session for (module, _), (session, _print) in _OPENED.items() if module == name.module]
    for one in (*held, _LOADED.get(name.module)):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))


_LOADED: dict[str, object] = {}
"""The drivers, by their files."""
_OPENED: dict[tuple[str, bytes], tuple[pkcs11.Session, bytes]] = {}
"""A program is logged in to a token once, whatever number of its keys it uses: the session of each, with a print of its
PIN that means nothing outside this process."""
_PRINT_KEY = os.urandom(32)


def _unlocked(token: pkcs11.Token, name: TokenName, pin: Secret, ask: Ask) -> pkcs11.Session:
    place = (name.module, bytes(token.serial))
    if place not in _OPENED:
        pin = pin_to_try(token.flags, name.uri, pin, ask)
    print_ = hashlib.blake2b(pin.value.encode(), key=_PRINT_KEY).digest()
    if place in _OPENED:
        session, expected = _OPENED[place]
        if hmac.compare_digest(print_, expected):
            return session
        raise SettingsRejected(
            _("{uri}: the PIN is wrong: another one has unlocked this token already").format(uri=name.uri)
        )
    session = _logged_in(token, name, pin.value)
    _OPENED[place] = (session, print_)
    return session


def pin_to_try(flags: TokenFlag, uri: str, pin: Secret, ask: Ask) -> Secret:
    """The PIN that a token in this state may be tried with. SettingsRejected where none may be (PKCS #11, 4.3:
    ``CKF_USER_PIN_COUNT_LOW``, ``CKF_USER_PIN_FINAL_TRY``)."""
    if TokenFlag.USER_PIN_FINAL_TRY in flags:
        raise SettingsRejected(
            _("{uri}: wrong PINs were given before, and one more would lock the token; sohoa leaves that try alone: "
              "enter the right PIN once in the vendor's program").format(uri=uri)
        )  # fmt: skip
    if TokenFlag.USER_PIN_COUNT_LOW not in flags or isinstance(pin, Typed):
        return pin
    typed = ask(_("{uri} (a wrong PIN was given before)").format(uri=uri))
    if typed is None:
        raise SettingsRejected(
            _("{uri}: a wrong PIN was given since the token was last unlocked, and the stored one may be it: it is not "
              "tried without a person. Mend it, then enter the PIN once: run the command at a terminal, or use the "
              "vendor's program").format(uri=uri)
        )  # fmt: skip
    return Typed(typed)


def _logged_in(token: pkcs11.Token, name: TokenName, pin: str) -> pkcs11.Session:
    try:
        return token.open(user_pin=pin)
    except (PinIncorrect, PinInvalid, PinLenRange) as error:
        raise SettingsRejected(
            _("{uri}: the PIN is wrong. It was tried once and is not tried again, as that can lock the token; mend it "
              "first").format(uri=name.uri)
        ) from error  # fmt: skip
    except (PinLocked, PinExpired) as error:
        raise SettingsRejected(
            _("{uri}: the PIN is locked or has expired; its issuer can unlock the token").format(uri=name.uri)
        ) from error
    except PKCS11Error as error:
        raise ServiceUnavailable(
            _("{uri}: the token fails ({error})").format(uri=name.uri, error=type(error).__name__)
        ) from error


def _found(session: pkcs11.Session, token: pkcs11.Token, name: TokenName, padding: Padding) -> TokenKey:
    key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=name.label, id=name.id)
    assert isinstance(key, pkcs11.PrivateKey)
    held = [
        (bytes(found[Attribute.ID] or b""), x509.load_der_x509_certificate(bytes(found[Attribute.VALUE])))
        for found in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})
    ]
    own = [certificate for id_, certificate in held if id_ == bytes(key.id)]
    if len(own) != 1:
        raise SettingsRejected(
            _("{uri}: the token holds no certificate with the key's id; ask its issuer").format(uri=name.uri)
        )
    others: Sequence[x509.Certificate] = [certificate for _id, certificate in held if certificate != own[0]]
    return TokenKey(own[0], tuple(others), name, cast("_Signing", key), _mechanism(key, token, name, padding),
                    padding)  # fmt: skip


def _mechanism(key: pkcs11.PrivateKey, token: pkcs11.Token, name: TokenName, padding: Padding) -> Mechanism:
    """What the token can do: tokens that hash themselves are asked to, the others get the hash."""
    can = token.slot.get_mechanisms()
    wanted: tuple[Mechanism, ...] = (Mechanism.ECDSA,)
    if key.key_type is KeyType.RSA:
        by_pss = (Mechanism.SHA256_RSA_PKCS_PSS, Mechanism.RSA_PKCS_PSS)
        wanted = by_pss if padding == "pss" else (Mechanism.SHA256_RSA_PKCS, Mechanism.RSA_PKCS)
    for mechanism in wanted:
        if mechanism in can:
            return mechanism
    if padding == "pss" and key.key_type is KeyType.RSA:
        raise SettingsRejected(
            _('{uri}: the token cannot sign by RSASSA-PSS; set signing.rsa_padding = "pkcs1"').format(uri=name.uri)
        )
    raise SettingsRejected(_("{uri}: the token can sign neither by RSA nor by ECDSA").format(uri=name.uri))
