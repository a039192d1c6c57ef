"""SoftHSM2, a PKCS #11 token in software."""

import os
import shutil
import subprocess
from pathlib import Path

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pkcs11 import Attribute, ObjectClass
from pkcs11.util.ec import decode_ec_private_key
from pkcs11.util.rsa import decode_rsa_private_key

from tests.services import unavailable

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PIN = "246813"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
           "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so")  # fmt: skip


def made(folder: Path, *labels: str) -> str:
    """The module, with an empty token for each label. A process loads it once, so it is made once a session."""
    library = next((path for path in MODULES if Path(path).exists()), None)
    if library is None or shutil.which("softhsm2-util") is None:
        unavailable("SoftHSM2", "not installed (apt-get install softhsm2)")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    for label in labels:
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "97531"],
            check=True, capture_output=True,
        )  # fmt: skip
    return library


def put(module: str, token: str, keys: dict[str, tuple[Key, list[x509.Certificate]]]) -> None:
    """Put keys with their certificates (the key's own first, then those above it) on the token, each by its name."""
    with pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
        above: set[bytes] = set()
        for number, (name, (key, certificates)) in enumerate(keys.items(), start=1):
            identity = {Attribute.TOKEN: True, Attribute.LABEL: name, Attribute.ID: bytes([number])}
            der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            held = decode_rsa_private_key(der) if isinstance(key, rsa.RSAPrivateKey) else decode_ec_private_key(der)
            session.create_object(held | identity | {Attribute.PRIVATE: True, Attribute.SENSITIVE: True})
            for place, certificate in enumerate(certificates):
                content = certificate.public_bytes(Encoding.DER)
                if content in above:
                    continue
                if place:
                    above.add(content)
                    identity = identity | {Attribute.LABEL: "issuer", Attribute.ID: b"\xff"}
                session.create_object({
                    Attribute.CLASS: ObjectClass.CERTIFICATE, Attribute.VALUE: content,
                    Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    Attribute.SUBJECT: certificate.subject.public_bytes(), **identity,
                })  # fmt: skip
