"""A site swapped in whole, and a report that reaches its receiver once, however often that fails."""

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread
from time import sleep

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commands.publishing import post, publish
from reports.page import render_html
from reports.progress import Count, Waiting, progress, with_details
from reports.site import page_name, render_site
from schemas.errors import InputRejected, ServiceUnavailable, SettingsRejected
from schemas.units import DayCount, Level, Made, ProcedureCount, Unit

AS_OF = date(2023, 9, 15)
UNITS = [Unit("760", "Quận 1", Level.DISTRICT), Unit("W/1", "Phường Bến Nghé", Level.WARD, "760")]
REPORT = progress(AS_OF, UNITS, [], [DayCount("760", AS_OF, 10, 4), DayCount("W/1", AS_OF, 5, 1)])


def test_the_site_has_a_page_for_each_level_and_unit_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    count = publish(tmp_path / "site", render_site(REPORT))
    files = {file.name for file in (tmp_path / "site").iterdir()}
    assert files >= {"index.html", "district.html", "ward.html", page_name("760"), page_name("W/1"), "data.json"}
    assert len(files) == count
    for page in (tmp_path / "site").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r'href="([^"]*)"', text)) <= files
        assert not re.search(r"src=|url\(|@import|https?://", text)


def test_the_names_of_operators_are_not_published() -> None:
    detailed = with_details(REPORT, [ProcedureCount("P", 10, 4)], [Made("Nguyễn Văn A", "b1", AS_OF, 4)])
    site = dict(render_site(detailed))
    assert not any("Nguyễn Văn A".encode() in content for content in site.values())
    assert b"By procedure" in site["index.html"]
    assert b"Nguy\xe1\xbb\x85n" in render_html(detailed)


def test_pages_are_told_apart_by_their_titles_and_nothing_is_published_that_only_the_office_can_act_on() -> None:
    at_the_office = replace(REPORT, waiting=Waiting(1284, AS_OF), homeless=Count(2912, 0))
    site = {name: content.decode() for name, content in render_site(at_the_office)}
    pages = {name: text for name, text in site.items() if name.endswith(".html")}
    assert len({re.search("<title>(.*)</title>", text)[1] for text in pages.values()}) == len(pages)  # type: ignore[index]
    assert not any("1,284" in text or "sohoa review" in text or "sohoa units" in text for text in pages.values())
    assert json.loads(site["data.json"])["waiting"] is None
    assert [name for name, text in pages.items() if "2,912 results in force" in text] == ["index.html"]
    office = render_html(at_the_office).decode()
    assert "1,284" in office
    assert "sohoa review list" in office
    assert "sohoa units import" in office


def test_a_new_site_takes_the_place_of_the_old_one_in_one_step(tmp_path: Path) -> None:
    publish(tmp_path / "site", [("a.html", b"old"), ("b.html", b"old")])
    publish(tmp_path / "site", [("a.html", b"new")])
    assert {file.name: file.read_bytes() for file in (tmp_path / "site").iterdir()} == {"a.html": b"new"}
    assert sorted(file.name[:6] for file in tmp_path.iterdir()) == [".site-", "site"]


def test_a_site_that_cannot_be_made_leaves_the_old_one(tmp_path: Path) -> None:
    publish(tmp_path / "site", [("a.html", b"old")])

    def broken() -> Iterator[tuple[str, bytes]]:
        yield "a.html", b"new"
        raise OSError(28, "No space left on device")

    with pytest.raises(ServiceUnavailable, match="No space"):
        publish(tmp_path / "site", broken())
    assert (tmp_path / "site" / "a.html").read_bytes() == b"old"


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("mine")
    with pytest.raises(SettingsRejected, match="other files"):
        publish(tmp_path / "home", [("a.html", b"")])
    assert (tmp_path / "home" / "letter.txt").read_text() == "mine"


@contextmanager
def receiver(*answers: int, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server that answers so (0: not at all, in time), then 200; and what it was sent, with the keys."""
    left = list(answers)
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["Idempotency-Key"], self.rfile.read(int(self.headers["Content-Length"]))))
            answer = left.pop(0) if left else 200
            if answer == 0:
                sleep(0.6)
                return
            self.send_response(answer)
            if 300 <= answer < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(b'{"taken": true}')

        def do_GET(self) -> None:
            got.append(("GET", b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/report", got
    finally:
        server.shutdown()
        server.server_close()


def test_a_receiver_that_fails_and_does_not_answer_gets_the_report_under_one_key(tmp_path: Path) -> None:
    with receiver(503, 0) as (url, got):
        receipt = post(url, b"{}", tmp_path, wait_s=0.01, timeout_s=0.3)
        again = post(url, b"{}", tmp_path, wait_s=0.01)
    assert receipt == again
    assert len(got) == 3
    assert len({key for key, _body in got}) == 1
    assert json.loads(receipt.read_text())["answer"] == '{"taken": true}'


def test_a_refusal_is_not_repeated_and_a_dead_receiver_is_said(tmp_path: Path) -> None:
    with receiver(422) as (url, got):
        with pytest.raises(InputRejected, match="422"):
            post(url, b"{}", tmp_path, wait_s=0.01)
        assert len(got) == 1
    with pytest.raises(ServiceUnavailable, match="4 tries"):
        post(url, b"{}", tmp_path, wait_s=0.01)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [301, 302, 303, 307, 308])
def test_a_receiver_that_sends_elsewhere_is_not_followed_and_no_receipt_is_kept(tmp_path: Path, answer: int) -> None:
    with receiver(answer) as (url, got), pytest.raises(InputRejected, match=str(answer)):
        post(url, b"{}", tmp_path, wait_s=0.01)
    assert [body for _key, body in got] == [b"{}"]
    assert list(tmp_path.iterdir()) == []


def test_a_report_is_sent_over_https_to_a_receiver_whose_certificate_is_trusted_and_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = own_certificate(tmp_path)
    tls.load_cert_chain(certificate)
    with receiver(503, tls=tls) as (url, got):
        with pytest.raises(ServiceUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            post(url, b"{}", tmp_path / "receipts", wait_s=0.01)
        assert got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        receipt = post(url, b"{}", tmp_path / "receipts", wait_s=0.01)
    assert len(got) == 2
    assert json.loads(receipt.read_text())["url"] == url


def own_certificate(folder: Path) -> Path:
    """A key, and a certificate for 127.0.0.1 that nobody else vouches for, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "receiver.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return file


def test_only_https_leaves_the_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match="https"):
        post("http://example.vn/report", b"{}", tmp_path)
