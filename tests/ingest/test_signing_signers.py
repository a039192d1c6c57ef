"""One contract for every signer, wherever its key lies; and what goes wrong with tokens."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from pkcs11 import TokenFlag

from ingest.signing import Signer, open_seals
from ingest.signing.secrets import Secret, Stored, Typed
from ingest.signing.tokens import open_token, parse_uri, pin_to_try
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.settings import Office, Signing
from tests.services.softhsm import PIN, Key, put

SECRET = PIN


def issued(
    key: Key, name: str, issuer: x509.Certificate | None = None, issuer_key: Key | None = None
) -> x509.Certificate:
    """A certificate for *key*; a root of its own where no issuer is given."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    root = issuer is None
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(not root, not root, False, False, False, root, root, False, False), critical=True)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00"), critical=False)
        .sign(issuer_key or key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def root_key() -> Key:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def root(root_key: Key) -> x509.Certificate:
    return issued(root_key, "Gốc thử")


@pytest.fixture(scope="module")
def keys(root: x509.Certificate, root_key: Key) -> dict[str, tuple[Key, x509.Certificate]]:
    made: dict[str, Key] = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
    }
    return {name: (key, issued(key, f"Người ký {name}", root, root_key)) for name, key in made.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signers")


@pytest.fixture(scope="module")
def token(softhsm: str, keys: dict[str, tuple[Key, x509.Certificate]]) -> str:
    """The module, with each key and its certificate on the token."""
    put(softhsm, "ban-hanh", {name: (key, [certificate]) for name, (key, certificate) in keys.items()})
    return softhsm


def in_pkcs12(folder: Path, name: str, key: Key, certificate: x509.Certificate) -> str:
    file = folder / f"{name}.p12"
    file.write_bytes(pkcs12.serialize_key_and_certificates(
        name.encode(), key, certificate, None, BestAvailableEncryption(SECRET.encode())))  # fmt: skip
    file.chmod(0o600)
    return str(file)


def in_pem(folder: Path, name: str, key: Key, certificate: x509.Certificate) -> str:
    file = folder / f"{name}.pem"
    encryption = BestAvailableEncryption(SECRET.encode())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
                     + certificate.public_bytes(Encoding.PEM))  # fmt: skip
    file.chmod(0o600)
    return str(file)


PLACES = ("pkcs12", "pem", "token")


@pytest.fixture(params=[f"{place} {kind}" for place in PLACES for kind in ("rsa", "p256", "p384")])
def named(
    request: pytest.FixtureRequest, folder: Path, keys: dict[str, tuple[Key, x509.Certificate]]
) -> tuple[str, x509.Certificate]:
    """What the setting says, and the certificate that it should lead to."""
    place, name = str(request.param).split()
    key, certificate = keys[name]
    match place:
        case "pkcs12":
            return in_pkcs12(folder, name, key, certificate), certificate
        case "pem":
            return in_pem(folder, name, key, certificate), certificate
        case _:
            library = request.getfixturevalue("token")
            return f"pkcs11:token=ban-hanh;object={name}?module-path={library}", certificate


def opened(named: str, secret: str = SECRET) -> Signer:
    settings = Signing(operator_key=named)
    [seal] = open_seals(settings, Office(), environment={"SOHOA_OPERATOR_PASSWORD": secret})
    return seal.signer


def test_a_signer_has_the_certificate_of_its_key(named: tuple[str, x509.Certificate]) -> None:
    assert opened(named[0]).certificate == named[1]


def test_what_a_signer_signs_its_certificate_confirms(named: tuple[str, x509.Certificate]) -> None:
    signer = opened(named[0])
    signature = signer.sign(b"message")
    public = named[1].public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())
    else:
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(signature, b"message", ec.ECDSA(hashes.SHA256()))


def test_a_wrong_secret_is_refused_and_not_repeated(named: tuple[str, x509.Certificate]) -> None:
    with pytest.raises(SettingsRejected, match="is wrong") as refused:
        opened(named[0], "135791")
    assert "135791" not in str(refused.value)


def test_a_signer_shows_no_secret(named: tuple[str, x509.Certificate]) -> None:
    assert SECRET not in repr(opened(named[0]))


def test_a_wrong_pin_is_tried_once_and_after_it_only_what_a_person_types(token: str) -> None:
    named = f"pkcs11:token=khac;object=rsa?module-path={token}"
    with pytest.raises(SettingsRejected, match="tried once and is not tried again"):
        open_token(named, Stored("000000"))
    for stored in ("000000", PIN):  # the token counts wrong ones, and says so
        with pytest.raises(SettingsRejected, match=r"not tried without a person.*at a terminal"):
            open_token(named, Stored(stored))
    asked: list[str] = []

    def ask(what: str) -> str:
        asked.append(what)
        return PIN

    with pytest.raises(SettingsRejected, match="no such key"):  # unlocked, then: it holds none
        open_token(named, Stored("000000"), ask=ask)
    assert len(asked) == 1
    assert "a wrong PIN was given before" in asked[0]


def test_operator_and_agency_may_have_a_token_each(token: str, keys: dict[str, tuple[Key, x509.Certificate]]) -> None:
    put(token, "co-quan", {"dau": (keys["p384"][0], [keys["p384"][1]])})
    named = Signing(
        operator_key=f"pkcs11:token=ban-hanh;object=rsa?module-path={token}",
        agency_key=f"pkcs11:token=co-quan;object=dau?module-path={token}",
    )
    pins = {"SOHOA_OPERATOR_PASSWORD": PIN, "SOHOA_AGENCY_PASSWORD": PIN}
    operator, agency = open_seals(named, Office(), environment=pins)
    assert (operator.signer.certificate, agency.signer.certificate) == (keys["rsa"][1], keys["p384"][1])
    assert operator.signer.sign(b"message")
    assert agency.signer.sign(b"message")


@pytest.mark.parametrize("pin", [Stored(PIN), Typed(PIN)], ids=["stored", "typed"])
def test_the_last_try_that_a_token_has_is_left_alone(pin: Secret) -> None:
    flags = TokenFlag.TOKEN_INITIALIZED | TokenFlag.USER_PIN_COUNT_LOW | TokenFlag.USER_PIN_FINAL_TRY
    with pytest.raises(SettingsRejected, match=r"one more would lock .* in the vendor's program"):
        pin_to_try(flags, "pkcs11:token=a", pin, lambda _what: PIN)


def test_a_missing_token_a_missing_key_and_a_missing_library_are_named(token: str) -> None:
    with pytest.raises(ServiceUnavailable, match="no such token"):
        open_token(f"pkcs11:token=nowhere?module-path={token}", Stored(SECRET))
    with pytest.raises(SettingsRejected, match="no such key"):
        open_token(f"pkcs11:token=ban-hanh;object=nobody?module-path={token}", Stored(SECRET))
    with pytest.raises(ServiceUnavailable, match="cannot be loaded"):
        open_token("pkcs11:token=ban-hanh?module-path=/nowhere/driver.so", Stored(SECRET))


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("pkcs11:token=a", "module-path"),
        ("pkcs11:object=a?module-path=/x.so", "name the token"),
        ("pkcs11:token=a?module-path=/x.so&pin-value=1234", "must not hold the PIN"),
    ],
)
def test_a_token_is_named_whole_and_without_its_pin(uri: str, said: str) -> None:
    with pytest.raises(SettingsRejected, match=said) as refused:
        parse_uri(uri)
    assert "1234" not in str(refused.value)
