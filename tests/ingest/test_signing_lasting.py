"""Signatures that outlive their certificates, with a real timestamp service, OCSP and CRL; and services that fail."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from ingest.intake import find_scans
from ingest.signing import Proven, Verdict, lift, lifted, open_seals, sign, verify
from ingest.signing.lifting import Stamped
from ingest.signing.timestamps import Services
from samples.keys import make_demo_keys
from schemas.documents import ComposedPdf, SignedPdf
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.pages import Scan
from schemas.settings import Office, Signing
from tests.ingest.signed import KINDS, composed_from
from tests.services.gate import Gate
from tests.services.pki import SECRET, Pki

LEVELS = ("B-B", "B-T", "B-LT", "B-LTA")
ENVIRONMENT = {"SOHOA_OPERATOR_PASSWORD": SECRET, "SOHOA_AGENCY_PASSWORD": SECRET}


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> ComposedPdf:
    folder = tmp_path_factory.mktemp("composed")
    (folder / "scan.png").write_bytes(KINDS["png-bilevel.png"]())
    [scan] = find_scans([folder / "scan.png"])
    assert isinstance(scan, Scan)
    return composed_from(scan, folder)[0]


def signed_at(
    level: str, pki: Pki, composed: ComposedPdf, target: Path, *, operator: str = "operator",
    urls: tuple[str, ...] | None = None, timeout_s: float = 10.0,
    ask_revocation: bool = True,
) -> SignedPdf:  # fmt: skip
    settings = Signing(
        operator_key=pki.key(operator), agency_key=pki.key("agency"), level=level,  # type: ignore[arg-type]
        timestamp_urls=(pki.timestamps,) if urls is None else urls, timestamp_timeout_s=timeout_s, timestamp_tries=1,
        trust_roots=str(pki.roots), ask_revocation=ask_revocation,
    )  # fmt: skip
    seals = open_seals(settings, Office(), environment=ENVIRONMENT)
    return lift(sign(composed, seals, target, occupied=()), seals[0].lasting)


def renew(signed: SignedPdf, target: Path, pki: Pki, url: str = "") -> SignedPdf:
    return lifted(signed, target, Proven(Services((url or pki.timestamps,), 5, 1), pki.roots, "B-LTA"))


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_is_reached_and_valid(level: str, pki: Pki, composed: ComposedPdf, tmp_path: Path) -> None:
    signed = signed_at(level, pki, composed, tmp_path / "signed.pdf")
    assert [note.level for note in signed.signatures] == [level, level]
    verdicts = verify(signed.path, pki.roots)
    assert {one.verdict for one in verdicts} == {Verdict.VALID}
    assert [one.level for one in verdicts if one.kind == "signature"] == [level, level]


def test_renewing_keeps_every_byte_and_every_signature(pki: Pki, composed: ComposedPdf, tmp_path: Path) -> None:
    signed = signed_at("B-B", pki, composed, tmp_path / "signed.pdf")
    renewed = renew(signed, tmp_path / "renewed.pdf", pki)
    again = renew(renewed, tmp_path / "again.pdf", pki)
    assert again.path.read_bytes().startswith(renewed.path.read_bytes())
    assert renewed.path.read_bytes().startswith(signed.path.read_bytes())
    verdicts = verify(again.path, pki.roots)
    assert {one.verdict for one in verdicts} == {Verdict.VALID}
    assert [one.kind for one in verdicts] == ["signature", "signature", "timestamp", "timestamp"]


def test_renewing_without_a_service_leaves_nothing(pki: Pki, composed: ComposedPdf, tmp_path: Path) -> None:
    signed = signed_at("B-B", pki, composed, tmp_path / "signed.pdf")
    with pytest.raises(ServiceUnavailable, match="no timestamp"):
        renew(signed, tmp_path / "renewed.pdf", pki, f"{pki.url}/nonsense")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["signed.pdf"]


@pytest.mark.parametrize("bad", ["nonsense", "other", "nowhere"])
def test_a_service_that_answers_wrongly_is_passed_over(
    bad: str, pki: Pki, composed: ComposedPdf, tmp_path: Path
) -> None:
    urls = (f"{pki.url}/{bad}", pki.timestamps)
    assert {n.level for n in signed_at("B-T", pki, composed, tmp_path / "s.pdf", urls=urls).signatures} == {"B-T"}


def test_a_slow_service_is_waited_for(pki: Pki, composed: ComposedPdf, tmp_path: Path) -> None:
    signed = signed_at("B-T", pki, composed, tmp_path / "s.pdf", urls=(f"{pki.url}/slow",))
    assert {note.level for note in signed.signatures} == {"B-T"}


def test_one_that_takes_five_seconds_is_waited_for_as_long_as_the_limit_allows(pki: Pki) -> None:
    url = f"{pki.url}/slow?seconds=5"
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable, match=r"timed out|more than"):
        Services((url,), 1, 1).stamp(b"\1" * 32, "sha256")
    assert time.monotonic() - begun < 4
    assert Services((url,), 30, 1).stamp(b"\1" * 32, "sha256")["content_type"].native == "signed_data"
    assert time.monotonic() - begun > 5


@contextmanager
def counting_service(answer: Callable[[str, bytes], tuple[int, bytes]]) -> Iterator[str]:
    """A timestamp service that *answer* speaks for: status and body, by path and query."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def passed_on(pki: Pki, query: bytes) -> tuple[int, bytes]:
    answer = requests.post(pki.timestamps, query, headers={"Content-Type": "application/timestamp-query"}, timeout=10)
    return answer.status_code, answer.content


def test_no_more_than_four_timestamps_are_asked_for_at_once(pki: Pki) -> None:
    """Twelve documents want one; the service answers only when four wait for it together."""
    four = threading.Barrier(4)
    lock, waiting, most = threading.Lock(), 0, 0

    def answer(_path: str, query: bytes) -> tuple[int, bytes]:
        nonlocal waiting, most
        with lock:
            waiting += 1
            most = max(most, waiting)
        four.wait(30)
        with lock:
            waiting -= 1
        return passed_on(pki, query)

    with counting_service(answer) as url, ThreadPoolExecutor(12) as threads:
        services = Services((url,), 60, 1)
        tokens = list(threads.map(lambda number: services.stamp(bytes([number]) * 32, "sha256"), range(12)))
    assert len(tokens) == 12
    assert most == 4


def test_services_are_asked_in_their_order_and_tried_again(pki: Pki) -> None:
    asked: list[str] = []

    def answer(path: str, query: bytes) -> tuple[int, bytes]:
        asked.append(path)
        return passed_on(pki, query) if len(asked) == 4 else (503, b"busy")

    with counting_service(answer) as url:
        Services((f"{url}/first", f"{url}/second"), 10, 2).stamp(b"\1" * 32, "sha256")
    assert asked == ["/first", "/second", "/first", "/second"]


def test_between_tries_clients_wait_ever_longer_and_not_all_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("ingest.signing.timestamps.time.sleep", waited.append)
    with counting_service(lambda path, query: (503, b"busy")) as url:
        for _client in range(6):
            with pytest.raises(ServiceUnavailable, match="503"):
                Services((url,), 10, 3).stamp(b"\1" * 32, "sha256")
    first, second = waited[0::2], waited[1::2]
    assert all(0.5 <= pause <= 1.5 for pause in first)
    assert all(1.0 <= pause <= 3.0 for pause in second)
    assert len({*first, *second}) == 12


def test_when_no_service_answers_in_time_the_document_is_signed_without(
    pki: Pki, composed: ComposedPdf, tmp_path: Path
) -> None:
    """And the second signature does not wait for the dead service again."""
    begun = time.monotonic()
    signed = signed_at("B-LTA", pki, composed, tmp_path / "s.pdf", urls=(f"{pki.url}/hang",), timeout_s=1.0)
    assert time.monotonic() - begun < 8
    assert [note.level for note in signed.signatures] == ["B-B", "B-B"]
    assert {one.verdict for one in verify(signed.path, pki.roots)} == {Verdict.VALID}


def test_a_timestamp_of_something_else_is_refused(pki: Pki) -> None:
    with pytest.raises(ServiceUnavailable, match="stamped something else"):
        Services((f"{pki.url}/other",), 5, 1).stamp(b"\1" * 32, "sha256")


def test_a_signer_revoked_since_the_batch_began_gets_no_proofs(pki: Pki, composed: ComposedPdf, tmp_path: Path) -> None:
    signed = signed_at("B-LT", pki, composed, tmp_path / "s.pdf", operator="revoked", ask_revocation=False)
    assert {note.level for note in signed.signatures} == {"B-T"}
    assert signed.waits_for_timestamp


@pytest.mark.parametrize("level", ["B-LT", "B-LTA"])
def test_where_the_issuers_services_do_not_answer_it_is_stamped_marked_and_lifted_later(
    level: str, pki: Pki, composed: ComposedPdf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revocation lists and OCSP are out of reach, the timestamp service is not."""
    where = urlsplit(pki.timestamps)
    assert where.port is not None
    stamps = Gate(where.port)
    with monkeypatch.context() as cut_off:
        cut_off.setenv("http_proxy", "http://127.0.0.1:9")  # nothing listens there
        cut_off.setenv("no_proxy", "localhost")
        url = f"http://localhost:{stamps.port}{where.path}"
        signed = signed_at(level, pki, composed, tmp_path / "s.pdf", urls=(url,), ask_revocation=False)
    assert {note.level for note in signed.signatures} == {"B-T"}
    assert signed.waits_for_timestamp
    later = lifted(signed, tmp_path / "later.pdf", Proven(Services((pki.timestamps,)), pki.roots, level))
    assert not later.waits_for_timestamp
    assert {one.level for one in verify(later.path, pki.roots) if one.kind == "signature"} == {level}


def test_a_level_without_what_it_takes_is_refused_before_the_batch(pki: Pki) -> None:
    key = pki.key("operator")
    with pytest.raises(SettingsRejected, match=r"name it in signing.timestamp_urls"):
        open_seals(Signing(operator_key=key, level="B-T"), Office(), environment=ENVIRONMENT)
    with pytest.raises(SettingsRejected, match=r"name their folder in signing.trust_roots"):
        open_seals(
            Signing(operator_key=key, level="B-LT", timestamp_urls=("http://x",)), Office(), environment=ENVIRONMENT
        )


def test_in_ten_years_what_was_stamped_in_time_still_holds_and_what_was_not_has_expired(
    composed: ComposedPdf, pki: Pki, tmp_path: Path
) -> None:
    """The signer's certificate ends after ten years; the service's, and the root's, go on."""
    keys = make_demo_keys(tmp_path / "keys")
    roots = tmp_path / "roots"
    roots.mkdir()
    (roots / "demo.pem").write_bytes(keys.root.read_bytes())
    (roots / "pki.pem").write_bytes(pki.root.read_bytes())
    signing = Signing(operator_key=str(keys.operator_key), operator_password_file=str(keys.operator_password_file))
    seals = open_seals(signing, Office(), environment={})
    plain = sign(composed, seals, tmp_path / "plain.pdf", occupied=())
    stamped = lifted(plain, tmp_path / "stamped.pdf", Stamped(Services((pki.timestamps,))))
    later = datetime.now(UTC) + timedelta(days=3649, hours=12)  # the root of the demonstration lives a day longer
    assert [one.verdict for one in verify(plain.path, roots, at=later)] == [Verdict.EXPIRED]
    signature, stamp = verify(stamped.path, roots, at=later)
    assert (signature.verdict, stamp.verdict) == (Verdict.VALID, Verdict.VALID)
    assert signature.existed_at == stamp.signed_at


def test_a_seal_that_is_no_picture_or_shows_none_is_refused_before_the_batch(pki: Pki, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), "white").save(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("no picture")
    for name, said in (("white.png", "shows no seal"), ("text.png", "not a readable image")):
        named = Signing(
            operator_key=pki.key("operator"), agency_key=pki.key("agency"), agency_profile="seal",
            seal_image=str(tmp_path / name),
        )  # fmt: skip
        with pytest.raises(SettingsRejected, match=said):
            open_seals(named, Office(), environment=ENVIRONMENT)
