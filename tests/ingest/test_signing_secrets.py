"""Before a batch: secrets come from where they may lie and show nowhere; keys that would spoil it are refused."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

import cli
from ingest.signing import open_seals
from samples.keys import DemoKeys, make_demo_keys
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.settings import Office, Signing
from tests.services.pki import Pki

PASSWORD = "mật khẩu chỉ để thử 4711"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


def signing(keys: DemoKeys, **more: str) -> Signing:
    return Signing(operator_key=str(keys.operator_key), operator_password_env="", **more)  # type: ignore[arg-type]


def password(keys: DemoKeys) -> str:
    return keys.operator_password_file.read_text().strip()


def test_where_nobody_is_asked_a_missing_password_names_every_place_for_it(keys: DemoKeys) -> None:
    with pytest.raises(SettingsRejected, match=r"file \(mode 600\).*keyring.*terminal"):
        open_seals(signing(keys), Office(), environment={})


def test_the_person_at_the_terminal_is_asked_once_for_each_key(keys: DemoKeys) -> None:
    asked: list[str] = []

    def ask(key: str) -> str:
        asked.append(key)
        return password(keys)

    [seal] = open_seals(signing(keys), Office(), environment={}, ask=ask)
    assert seal.name
    assert asked == [str(keys.operator_key)]
    with pytest.raises(SettingsRejected, match="is wrong"):
        open_seals(signing(keys), Office(), environment={}, ask=lambda _key: "wrong")
    assert len(asked) == 1


class HeldInMemory(KeyringBackend):
    """A keyring as a desktop has one, for a test."""

    priority = 1

    def __init__(self, held: dict[tuple[str, str], str], locked: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held, self.locked = held, locked

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password


def test_the_systems_keyring_is_asked_where_the_settings_say(keys: DemoKeys) -> None:
    named = signing(keys, operator_password_keyring="sohoa/an")
    before = keyring.get_keyring()
    try:
        keyring.set_keyring(HeldInMemory({("sohoa", "an"): password(keys)}))
        assert open_seals(named, Office(), environment={})
        keyring.set_keyring(HeldInMemory({}))
        with pytest.raises(SettingsRejected, match="keyring set sohoa an"):
            open_seals(named, Office(), environment={})
        keyring.set_keyring(HeldInMemory({}, locked=True))
        with pytest.raises(ServiceUnavailable, match="unlock it"):
            open_seals(named, Office(), environment={})
    finally:
        keyring.set_keyring(before)
    with pytest.raises(SettingsRejected, match="SERVICE/USER"):
        open_seals(signing(keys, operator_password_keyring="sohoa"), Office(), environment={})


CRASH = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
from ingest.signing import open_seals
from schemas.settings import Office, Signing
open_seals(Signing(operator_key=sys.argv[1], operator_password_file=sys.argv[2]), Office(), environment={})
print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True)
import ctypes
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)  # PR_GET_DUMPABLE
os.abort()
"""


def test_a_crash_writes_no_secret_to_disk(keys: DemoKeys, tmp_path: Path) -> None:
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH, str(keys.operator_key), str(keys.operator_password_file)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parent)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert crashed.returncode == -6, crashed.stderr
    assert crashed.stdout.split() == ["0", "0"]
    assert list(tmp_path.iterdir()) == []


def test_no_secret_is_in_what_is_logged_said_or_left_behind(
    keys: DemoKeys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """With right and wrong secrets, at the most talkative level, through the command line."""
    caplog.set_level(logging.DEBUG)
    workspace = tmp_path / "sohoa"
    workspace.mkdir()
    right = password(keys)
    for given in (right, PASSWORD):
        (workspace / "sohoa.toml").write_text(f'[signing]\noperator_key = "{keys.operator_key}"\n')
        (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nnothing")
        monkeypatch.setenv("SOHOA_OPERATOR_PASSWORD", given)
        assert cli.run(["--workspace", str(workspace), "sign", str(tmp_path / "a.pdf")]) in (2, 4)
        with pytest.raises(SettingsRejected) as refused:
            open_seals(
                Signing(operator_key=str(keys.operator_key), agency_key=str(keys.agency_key)), Office(),
                environment={"SOHOA_OPERATOR_PASSWORD": given, "SOHOA_AGENCY_PASSWORD": PASSWORD},
            )  # fmt: skip
        shown = capfd.readouterr()
        said = [shown.out, shown.err, str(refused.value), repr(refused.value), caplog.text]
        said += [file.read_bytes().decode("utf-8", "replace") for file in tmp_path.rglob("*") if file.is_file()]
        assert not [text for text in said if given in text or PASSWORD in text]


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("revoked", "Phạm Thị Thu Hồi was revoked; ask its issuer for a new one"),
        ("expired", "expired on 01/01/2022; ask its issuer for a new one"),
        ("future", "not valid before 01/01/2090; check the clock"),
        ("encrypting", "not meant for signing; use the one that is"),
    ],
)
def test_a_certificate_that_would_spoil_the_batch_is_refused_before_it(pki: Pki, who: str, said: str) -> None:
    named = Signing(operator_key=pki.key(who), trust_roots=str(pki.roots))
    with pytest.raises(SettingsRejected, match=said):
        open_seals(named, Office(), environment={"SOHOA_OPERATOR_PASSWORD": ""})


def test_a_key_unknown_to_the_trust_list_is_refused_with_what_to_do(pki: Pki, keys: DemoKeys) -> None:
    named = Signing(operator_key=pki.key("operator"), trust_roots=str(keys.roots))
    with pytest.raises(SettingsRejected, match=r"no root in signing.trust_roots vouches .* issued by CA thử"):
        open_seals(named, Office(), environment={"SOHOA_OPERATOR_PASSWORD": ""})


def test_an_issuer_that_does_not_answer_stops_no_batch(
    pki: Pki, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("no_proxy", "")
    named = Signing(operator_key=pki.key("operator"), trust_roots=str(pki.roots))
    assert open_seals(named, Office(), environment={"SOHOA_OPERATOR_PASSWORD": ""})
    assert "revoked could not be asked" in caplog.text
