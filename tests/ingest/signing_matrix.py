"""Signed outputs of every level × kind of key × its place × profile × number of signers, for judges to look at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
from PIL import Image, ImageDraw

from ingest.signing import Proven, lift, lifted, open_seals, sign
from ingest.signing.timestamps import Services
from schemas.documents import LEVELS, ComposedPdf, SignedPdf
from schemas.pages import Box
from schemas.settings import Office, Signing
from tests.services.pki import Pki
from tests.services.softhsm import PIN, Key, put

KEYS = {"rsa": "operator", "rsa-pss": "operator", "p256": "p256", "p384": "p384"}
PLACES = ("pkcs12", "pem", "token")
PROFILES = ("text", "seal")
SIGNERS = (1, 2)
SEAL_RED = (200, 20, 30, 255)


@dataclass(frozen=True, slots=True)
class Case:
    level: str
    key: str
    place: str
    profile: str
    signers: int

    @property
    def name(self) -> str:
        return f"{self.level}-{self.key}-{self.place}-{self.profile}-{self.signers}"


def every_case() -> list[Case]:
    """All 192."""
    return [Case(*values) for values in product(LEVELS, KEYS, PLACES, PROFILES, SIGNERS)]


def pairs() -> list[Case]:
    """So few that each two values of any two of the five stand together at least once."""
    chosen: list[Case] = []
    wanted = {pair for case in every_case() for pair in _pairs_of(case)}
    while wanted:
        best = max(every_case(), key=lambda case: (len(wanted & _pairs_of(case)), case.name))
        chosen.append(best)
        wanted -= _pairs_of(best)
    return chosen


def _pairs_of(case: Case) -> set[tuple[tuple[int, object], tuple[int, object]]]:
    values = list(enumerate((case.level, case.key, case.place, case.profile, case.signers)))
    return {(one, other) for one in values for other in values if one[0] < other[0]}


def drawn_seal(file: Path) -> Path:
    """A picture of a seal at *file*: rings and a star."""
    image = Image.new("RGBA", (500, 500), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.ellipse((5, 5, 495, 495), outline=SEAL_RED, width=10)
    points = [(250 + math.sin(math.pi * i / 5) * r, 250 - math.cos(math.pi * i / 5) * r)
              for i, r in enumerate((110, 42) * 5)]  # fmt: skip
    draw.polygon(points, fill=SEAL_RED)
    image.save(file)
    return file


@dataclass
class Maker:
    """Makes them, with a public-key infrastructure and a token named ``pki``."""

    pki: Pki
    softhsm: str
    folder: Path

    @cached_property
    def seal_image(self) -> Path:
        return drawn_seal(self.folder / "seal.png")

    @cached_property
    def on_token(self) -> str:
        put(self.softhsm, "pki", {name: self._held(name) for name in ("operator", "p256", "p384")})
        return self.softhsm

    def make(self, case: Case, composed: ComposedPdf, occupied: Sequence[Box] = ()) -> SignedPdf:
        key = self._named(KEYS[case.key], case.place)
        settings = Signing(
            operator_key=key, agency_key=key if case.signers == 2 else "", level=case.level,  # type: ignore[arg-type]
            rsa_padding="pss" if case.key == "rsa-pss" else "pkcs1",
            agency_profile=case.profile, seal_image=str(self.seal_image),  # type: ignore[arg-type]
            timestamp_urls=(self.pki.timestamps,), trust_roots=str(self.pki.roots), ask_revocation=False,
        )  # fmt: skip
        secrets = {"SOHOA_OPERATOR_PASSWORD": PIN, "SOHOA_AGENCY_PASSWORD": PIN}
        seals = open_seals(settings, Office(agency="UBND XÃ MẪU"), environment=secrets)
        signed = sign(composed, seals, self.folder / f"{case.name}.pdf", occupied=occupied)
        return lift(signed, seals[0].lasting)

    def renew(self, signed: SignedPdf) -> SignedPdf:
        way = Proven(Services((self.pki.timestamps,)), self.pki.roots, "B-LTA")
        return lifted(signed, signed.path.with_suffix(".renewed.pdf"), way)

    def _named(self, name: str, place: str) -> str:
        match place:
            case "pem":
                return self.pki.key(name)
            case "pkcs12":
                return str(self._pkcs12(name))
            case _:
                return f"pkcs11:token=pki;object={name}?module-path={self.on_token}"

    def _held(self, name: str) -> tuple[Key, list[x509.Certificate]]:
        content = Path(self.pki.key(name)).read_bytes()
        key = load_pem_private_key(content, None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        return key, x509.load_pem_x509_certificates(content)

    def _pkcs12(self, name: str) -> Path:
        file = self.folder / f"{name}.p12"
        if not file.exists():
            key, [own, *above] = self._held(name)
            file.write_bytes(pkcs12.serialize_key_and_certificates(
                name.encode(), key, own, above, BestAvailableEncryption(PIN.encode())))  # fmt: skip
            file.chmod(0o600)
        return file
