"""Before a batch: secrets come from where they may lie and show nowhere; keys that would spoil it are refused."""

import logging
import os
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import keyring
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

import cli
from ingest.signing import open_seals
from ingest.signing.signers import read_key_file
from samples.keys import DemoKeys, make_demo_keys
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.settings import Office, Signing
from tests.ingest.signed import KINDS
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
from ingest.signing.signers import read_key_file
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
        told = "".join(traceback.format_exception(refused.value))  # with all that it was raised from
        said = [shown.out, shown.err, str(refused.value), repr(refused.value), told, caplog.text]
        said += [file.read_bytes().decode("utf-8", "replace") for file in tmp_path.rglob("*") if file.is_file()]
        assert not [text for text in said if given in text or PASSWORD in text]


def sohoa(*arguments: object, at: Path, **environment: str) -> tuple[str, set[str]]:
    """All that a run says, and the command lines of all processes of the machine while it runs."""
    seen: set[str] = set()
    run = subprocess.Popen(
        [sys.executable, "-m", "cli", "--workspace", "sohoa", *map(str, arguments)], cwd=at, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parent), "TMPDIR": str(at)} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    while run.poll() is None:
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                seen.add(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        time.sleep(0.1)
    assert run.stdout is not None
    return run.stdout.read(), seen


def test_a_batch_shows_no_secret_anywhere(keys: DemoKeys, tmp_path: Path) -> None:
    """Command lines of its processes, JSON, logs, errors, workspace and temporary files: neither password nor key."""
    (tmp_path / "sohoa").mkdir()
    (tmp_path / "a.pdf").write_bytes(KINDS["pdf-typed.pdf"]())
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    agency = keys.agency_password_file
    settings = (
        f'[signing]\noperator_key = "{keys.operator_key}"\nagency_key = "{keys.agency_key}"\n'
        f'agency_password_file = "{agency}"\ntrust_roots = "{keys.roots}"\n'
    )
    (tmp_path / "sohoa" / "sohoa.toml").write_text(settings)
    lines: set[str] = set()
    said = ""
    for given, arguments in (
        (PASSWORD, ("ingest", "a.pdf", "--json")),
        (password(keys), ("ingest", "a.pdf", "broken.pdf", "--json", "--workers", "1", "--fast", "--unit", "H29.1")),
    ):
        told, seen = sohoa(*arguments, at=tmp_path, SOHOA_OPERATOR_PASSWORD=given)
        said, lines = said + told, lines | seen
    assert '"pages": 1' in said
    assert "broken.pdf" in said
    assert any("multiprocessing" in line for line in lines), "its worker processes were seen"
    secret = [password(keys), PASSWORD, agency.read_text().strip()]
    assert not [one for one in secret if one in said or any(one in line for line in lines)]
    key = read_key_file(keys.operator_key, password(keys)).key
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    hidden = [one.encode() for one in secret] + [n.to_bytes(192) for n in (numbers.p, numbers.q)]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".db" for file in files)
    assert not [(file.name, one) for file in files for one in hidden if one in file.read_bytes()]


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
