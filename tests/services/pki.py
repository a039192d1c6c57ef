"""A real public-key infrastructure by certomancer: root, issuer, OCSP, CRL and timestamps over HTTP on 127.0.0.1.

Beside its timestamp service stand bad ones: ``/slow`` answers after ``SLOW_S`` (or ``?seconds=``), ``/hang`` never,
``/nonsense`` with what is no answer, ``/other`` with a timestamp of something else.
"""

import asyncio
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from asn1crypto import tsp  # type: ignore[import-untyped]
from certomancer.integrations.aiohttp_animator import build_animator_app
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.services import free_port

SECRET = "chỉ để thử"
SLOW_S = 1.0
ENTITIES = {
    "root": "Gốc thử", "issuer": "CA thử", "tsa": "Máy chủ dấu thời gian thử", "ocsp": "Máy chủ OCSP thử",
    "operator": "Lê Văn Thử", "agency": "UBND XÃ MẪU", "revoked": "Phạm Thị Thu Hồi",
    "p256": "Đỗ Thị Elip", "p384": "Bùi Văn Elip",
    "expired": "Trần Văn Hết Hạn", "future": "Ngô Thị Chưa Đến", "encrypting": "Vũ Văn Mã Hóa",
}  # fmt: skip
CANNOT_SIGN = ("revoked", "expired", "future", "encrypting")
CURVES: dict[str, ec.EllipticCurve] = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}
SIGNERS = ("operator", "agency", *CURVES, *CANNOT_SIGN)
USES = """
      - id: key_usage
        critical: true
        smart-value: {schema: key-usage, params: [%s]}"""
PROOFS = """
      - id: crl_distribution_points
        smart-value: {schema: crl-dist-url, params: {crl-repo-names: [%s]}}"""
ISSUES = """
      - {id: basic_constraints, critical: true, value: {ca: true}}"""
ANSWERS = """
      - id: authority_information_access
        smart-value: {schema: aia-urls, params: {ocsp-responder-names: [issuer]}}"""
ALWAYS = 'validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2100-01-01T00:00:00+0000"}'
SIGNER = USES % "digital_signature, non_repudiation" + PROOFS % "issuer" + ANSWERS
PAST = 'validity: {valid-from: "2020-01-01T00:00:00+0000", valid-to: "2022-01-01T00:00:00+0000"}'
FUTURE = 'validity: {valid-from: "2090-01-01T00:00:00+0000", valid-to: "2100-01-01T00:00:00+0000"}'
CERTIFICATES = {
    "root": ("root", ISSUES + USES % "key_cert_sign, crl_sign", ""),
    "issuer": ("root", ISSUES + USES % "key_cert_sign, crl_sign" + PROOFS % "root", ""),
    "tsa": ("root", USES % "digital_signature" + PROOFS % "root"
            + "\n      - {id: extended_key_usage, critical: true, value: [time_stamping]}", ""),
    "ocsp": ("issuer", USES % "digital_signature" + "\n      - {id: extended_key_usage, value: [ocsp_signing]}"
             + "\n      - {id: ocsp_no_check}", ""),
    "operator": ("issuer", SIGNER, ""),
    "agency": ("issuer", SIGNER, ""),
    "revoked": ("issuer", SIGNER,
                '\n    revocation: {revoked-since: "2021-01-01T00:00:00+0000", reason: key_compromise}'),
    "p256": ("issuer", SIGNER, ""),
    "p384": ("issuer", SIGNER, ""),
    "expired": ("issuer", SIGNER, ""),
    "future": ("issuer", SIGNER, ""),
    "encrypting": ("issuer", USES % "key_encipherment" + PROOFS % "issuer", ""),
}  # fmt: skip
VALIDITY = {"expired": PAST, "future": FUTURE}
SERVICES = """
services:
  ocsp: {issuer: {for-issuer: issuer, responder-cert: ocsp, signing-key: ocsp}}
  crl-repo:
    root: {for-issuer: root, signing-key: root, simulated-update-schedule: "P90D"}
    issuer: {for-issuer: issuer, signing-key: issuer, simulated-update-schedule: "P30D"}
  time-stamping: {tsa: {signing-key: tsa, signing-cert: tsa}}
"""


@dataclass(frozen=True, slots=True)
class Pki:
    url: str
    roots: Path
    folder: Path

    @property
    def root(self) -> Path:
        return self.roots / "root.pem"

    @property
    def timestamps(self) -> str:
        return f"{self.url}/pki/tsa/tsa"

    @property
    def lists(self) -> list[Path]:
        """The revocation lists of root and issuer, as files."""
        made = []
        for name in ("root", "issuer"):
            file = self.folder / f"{name}.crl"
            with urllib.request.urlopen(f"{self.url}/pki/crls/{name}/latest.crl", timeout=10) as answer:
                file.write_bytes(answer.read())
            made.append(file)
        return made

    def key(self, name: str) -> str:
        """The PEM file of a signer: its key, certificate and those above it."""
        return str(self.folder / f"{name}.pem")


def _configuration(url: str) -> str:
    keys = "".join(f"\n      {name}: {{path: {name}.key.pem}}" for name in ENTITIES)
    entities = "".join(f"\n  {name}: {{common-name: {common}}}" for name, common in ENTITIES.items())
    certificates = "".join(
        f"\n  {name}:\n    subject: {name}\n    issuer: {issuer}\n    {VALIDITY.get(name, ALWAYS)}{more}"
        f"\n    extensions:{extensions}"
        for name, (issuer, extensions, more) in CERTIFICATES.items()
    )
    architecture = (
        f"keyset: pki\nentity-defaults: {{country-name: VN}}\nentities:{entities}\ncerts:{certificates}{SERVICES}"
    )
    indented = "\n".join(f"    {line}" for line in architecture.splitlines())
    return f'external-url-prefix: "{url}"\nkeysets:\n  pki:\n    keys:{keys}\npki-architectures:\n  pki:\n{indented}\n'


@contextmanager
def running_pki(folder: Path, slow_s: float = SLOW_S) -> Iterator[Pki]:
    """The infrastructure, served from another thread until the end of the block; ``/slow`` answers after *slow_s*."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for name in ENTITIES:
        if name in CURVES:
            elliptic = ec.generate_private_key(CURVES[name])
            pem = elliptic.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        elif name not in CANNOT_SIGN:
            key = rsa.generate_private_key(65537, 2048)
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (folder / f"{name}.key.pem").write_bytes(pem)  # else the key before: making one takes time
    configuration = CertomancerConfig.from_yaml(_configuration(url), key_search_dir=str(folder))
    architecture = configuration.get_pki_arch(ArchLabel("pki"))
    pki = Pki(url, folder / "roots", folder)
    pki.roots.mkdir()
    _write_certificates(architecture, pki)
    app = build_animator_app({architecture.arch_label: architecture}, with_web_ui=False)
    app.router.add_post("/slow", _slow(pki.timestamps, slow_s))
    app.router.add_post("/hang", _hang)
    app.router.add_post("/nonsense", _nonsense)
    app.router.add_post("/other", _other(pki.timestamps))
    with _served(app, port):
        yield pki


def _write_certificates(architecture: Any, pki: Pki) -> None:
    from asn1crypto import pem

    def armoured(name: str) -> bytes:
        return bytes(pem.armor("certificate", architecture.get_cert(CertLabel(name)).dump()))

    pki.root.write_bytes(armoured("root"))
    for name in SIGNERS:
        file = Path(pki.key(name))
        file.write_bytes((pki.folder / f"{name}.key.pem").read_bytes() + armoured(name) + armoured("issuer"))
        file.chmod(0o600)


@contextmanager
def _served(app: web.Application, port: int) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def _slow(url: str, slow_s: float) -> Any:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.query.get("seconds", slow_s)))
        return await _passed_on(url, await request.read())

    return handler


def _other(url: str) -> Any:
    async def handler(request: web.Request) -> web.Response:
        asked = tsp.TimeStampReq.load(await request.read())
        asked["message_imprint"]["hashed_message"] = bytes(32)
        return await _passed_on(url, asked.dump(force=True))

    return handler


async def _passed_on(url: str, query: bytes) -> web.Response:
    from aiohttp import ClientSession

    headers = {"Content-Type": "application/timestamp-query"}
    async with ClientSession() as session, session.post(url, data=query, headers=headers) as answer:
        return web.Response(body=await answer.read(), content_type="application/timestamp-reply")


async def _hang(_request: web.Request) -> web.Response:
    await asyncio.sleep(600)
    return web.Response()


async def _nonsense(_request: web.Request) -> web.Response:
    return web.Response(body=b"<html>Please log in</html>", content_type="text/html")
