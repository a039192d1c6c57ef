"""What a batch does when the token is pulled out or the timestamp service dies in the middle of it."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pkcs11 import Mechanism

from archive.store import Archive
from ingest.pipeline import Deposited
from ingest.renewal import Due, Renewed, look, renew
from ingest.signing import Seal, Verdict, open_seals, tokens, verify
from ingest.signing.cms import CmsSigner
from ingest.signing.timestamps import AT_ONCE
from schemas.errors import ServiceUnavailable
from schemas.settings import Office as OfficeSettings
from schemas.settings import Signing
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision
from tests.ingest.test_renewal import desk, settings, soon
from tests.services.gate import Gate
from tests.services.pki import SECRET, Pki
from tests.services.softhsm import PIN, Key, put

ENVIRONMENT = {"SOHOA_OPERATOR_PASSWORD": SECRET, "SOHOA_AGENCY_PASSWORD": SECRET}


@contextmanager
def unplugged(label: str) -> Iterator[None]:
    """SoftHSM's token of that label is not there in the block: its folder is elsewhere."""

    configuration = Path(os.environ["SOFTHSM2_CONF"]).read_text()
    tokens = Path(configuration.split("directories.tokendir = ")[1].splitlines()[0])
    [token] = [one for one in tokens.iterdir() if label.encode() in (one / "token.object").read_bytes()]
    away = tokens.parent / "away"
    token.rename(away)
    try:
        yield
    finally:
        away.rename(token)


def filled(office: Office, papers: int) -> Office:
    for number in range(1, papers + 1):
        office.scan(f"{number}.tif", decision(str(number), street=f"Đường số {number}"))
    return office


def seals_on_token(module: str) -> tuple[Seal, ...]:
    named = Signing(operator_key=f"pkcs11:token=rut-ra;object=an?module-path={module}")
    return tuple(open_seals(named, OfficeSettings(), environment={"SOHOA_OPERATOR_PASSWORD": PIN}))


def batch_that_loses_its_token(office: Office, module: str) -> None:
    """In a process of its own: SoftHSM sees no token any more, in that process, once one has gone."""
    events = office.run(replace(office.desk(), seals=seals_on_token(module)))
    next(event for event in events if isinstance(event, Deposited))
    with unplugged("rut-ra"):
        with pytest.raises(ServiceUnavailable, match="is it still plugged in"):
            list(events)
        with pytest.raises(ServiceUnavailable):
            seals_on_token(module)


def test_a_token_pulled_out_stops_the_batch_and_plugged_in_again_it_goes_on(
    tmp_path: Path, pki: Pki, softhsm: str
) -> None:
    content = Path(pki.key("operator")).read_bytes()
    key = load_pem_private_key(content, None)
    assert isinstance(key, Key)
    put(softhsm, "rut-ra", {"an": (key, x509.load_pem_x509_certificates(content))})
    office = filled(opened(tmp_path, ()), 3)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        elsewhere.submit(batch_that_loses_its_token, office, softhsm).result(60)
    archive = Archive.open(office.workspace / "archive")
    before = len(list(archive.records()))
    assert 1 <= before < 3
    events = list(office.run(replace(office.desk(), seals=seals_on_token(softhsm))))
    assert before + len([event for event in events if isinstance(event, Deposited)]) == 3
    assert len(list(archive.records())) == 3
    office.state()


@dataclass
class Sticking:
    """A token's key as python-pkcs11 gives it, whose driver returns no more while ``sticks`` is set."""

    key: rsa.RSAPrivateKey
    free: threading.Event

    def sign(self, data: bytes, *, mechanism: Mechanism, mechanism_param: object = None) -> bytes:
        del mechanism, mechanism_param
        self.free.wait()
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def test_a_token_that_hangs_stops_the_batch_and_when_it_answers_again_it_goes_on(
    tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Path(pki.key("operator")).read_bytes()
    key = load_pem_private_key(content, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    own, *above = x509.load_pem_x509_certificates(content)
    free = threading.Event()
    free.set()
    name = tokens.parse_uri("pkcs11:token=rut-ra?module-path=/vendor.so")
    token = tokens.TokenKey(own, tuple(above), name, Sticking(key, free), Mechanism.SHA256_RSA_PKCS)
    operator, *others = open_seals(settings(pki, "B-B"), OfficeSettings(), environment=ENVIRONMENT)
    seals = (replace(operator, signer=token, cms=CmsSigner(token)), *others)
    office = filled(opened(tmp_path, ()), 3)
    events = office.run(replace(office.desk(), seals=seals))
    next(event for event in events if isinstance(event, Deposited))
    monkeypatch.setattr(tokens, "SIGN_TIMEOUT_S", 1.0)
    free.clear()
    with pytest.raises(ServiceUnavailable, match="the token does not answer; pull it out"):
        list(events)
    before = len(list(Archive.open(office.workspace / "archive").records()))
    assert 1 <= before < 3
    free.set()
    events = office.run(replace(office.desk(), seals=seals))
    assert before + len([event for event in events if isinstance(event, Deposited)]) == 3
    office.state()


def test_a_timestamp_service_that_dies_midway_leaves_the_rest_at_b_b_marked_and_renewed_later(
    tmp_path: Path, pki: Pki
) -> None:
    where = urlsplit(pki.timestamps)
    assert where.port is not None
    gate = Gate(where.port)
    signing = settings(pki, "B-T", f"http://127.0.0.1:{gate.port}{where.path}")
    papers = 3 * AT_ONCE  # of which no more can have been stamped, when the first is archived, than were at once
    office = filled(opened(tmp_path, tuple(open_seals(signing, OfficeSettings(), environment=ENVIRONMENT))), papers)
    late = []
    for event in office.run():
        if isinstance(event, Deposited):
            late.append(event.waits_for_timestamp)
            gate.shut()
    assert (len(late), late[0], late[-1]) == (papers, False, True)
    archive = Archive.open(office.workspace / "archive")
    ids = [record.id for record in archive.records()]
    assert {one.verdict for id in ids for one in verify(archive.pdf(id), pki.roots)} == {Verdict.VALID}
    due = [found for id in ids if isinstance(found := look(archive, id, soon()), Due)]
    assert len(due) == sum(late)
    assert {type(outcome) for outcome in renew(due, desk(office, settings(pki, "B-T")))} == {Renewed}
    assert not [id for id in ids if archive.signed(id).waits_for_timestamp]
