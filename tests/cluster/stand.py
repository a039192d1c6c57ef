"""The whole cluster on this machine, each part a process of its own that can be killed, and runs of the program on it.

PostgreSQL, an S3 server, three OpenSearch nodes, a Dask scheduler and four readers of pages; before each service stands
a gate, which cuts or stalls what goes through. A run is two ``sohoa ingest`` on one inbox; what stands at its end is
compared with that of one machine, or of a run that nothing disturbed.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from archive.bucket import open_bucket
from cli import run as sohoa
from commands.workspace import Workspace
from samples.inventory import write_inventory, write_units
from samples.keys import make_demo_keys
from samples.scans import FOLDERS, write_day
from schemas.settings import ArchiveSection
from tests.services.dask import PROJECT, DaskProcesses, dask
from tests.services.gate import Gate
from tests.services.opensearch import Node, running_nodes
from tests.services.postgres import Server, postgres_server
from tests.services.s3 import KEYS, S3Server, s3_server

READERS = 4
NODES = 3
INTAKES = 2
RUN_TIMEOUT_S = 900.0
ENDED_WELL = {0, 3}
"""Exit codes of a run that came to its end; 3: papers wait for a person."""
OFFICE = '[intake]\nfolders = "{unit}"\n'
"""The folders of the inbox are named by their units."""
QUERIES = ("giay phep", "quyet dinh", "uy ban nhan dan", "le loi", "1")
STALL_S = 5.0
STARTED_ANEW_AFTER_S = 2.0
"""As whatever starts services does it (systemd's ``RestartSec``)."""


@dataclass
class Run:
    """Two ``ingest`` at work on one inbox."""

    processes: list[subprocess.Popen[str]]
    _lines: list[str] = field(default_factory=list)
    _ears: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for process in self.processes:
            self._ears.append(threading.Thread(target=self._hear, args=(process,), daemon=True))
            self._ears[-1].start()

    def _hear(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines.extend(process.stdout)

    def wait_for(self, documents: int) -> None:
        """Return when so many documents were put in or held, or the run has ended."""
        end = time.monotonic() + RUN_TIMEOUT_S
        while any(process.poll() is None for process in self.processes) and time.monotonic() < end:
            if sum('"event": "deposited"' in line or '"event": "held"' in line for line in self._lines) >= documents:
                return
            time.sleep(0.05)

    def end(self) -> list[int]:
        """The exit codes, when both have ended."""
        codes = [process.wait(RUN_TIMEOUT_S) for process in self.processes]
        for ear in self._ears:
            ear.join(10)
        return codes

    def kill(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(10)


@dataclass
class Stand:
    """The cluster; tests kill its parts."""

    folder: Path
    dask: DaskProcesses
    database: Server
    s3: S3Server
    nodes: list[Node]
    gates: dict[str, Gate]

    def workspace(self, name: str, office: str = OFFICE) -> Path:
        """A new workspace with everything of its own on the cluster, and the lists of the drawn day's units and
        results."""
        made = self.settings(name, office)
        listed(made)
        return made

    def settings(self, name: str, office: str = OFFICE) -> Path:
        """A folder with nothing but the settings of a workspace that has everything of its own on the cluster: a
        database, a place in the bucket, an index."""
        engine = create_engine(self.database.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        database = make_url(self.database.url).set(port=self.gates["PostgreSQL"].port, database=name)
        others = ", ".join(f'"{node.url}"' for node in self.nodes[1:])
        made = self.folder / name
        made.mkdir()
        (made / "sohoa.toml").write_text(
            f'[catalogue]\nurl = "{database.render_as_string(hide_password=False)}"\n'
            f'[archive]\nroot = "s3://records/{name}"\ns3_endpoint = "http://127.0.0.1:{self.gates["S3"].port}"\n'
            f'[search]\nengine = "opensearch"\nurl = "http://127.0.0.1:{self.gates["OpenSearch"].port}"\n'
            f'more_urls = [{others}]\nindex = "{name}"\nshards = 2\nreplicas = "1"\n'
            f'[reading]\nworkers = "{self.readers_address}"\n' + office + signing(self.folder)
        )
        return made

    @property
    def readers_address(self) -> str:
        return f"dask://127.0.0.1:{self.gates['Dask'].port}"

    def start_reader(self) -> subprocess.Popen[bytes]:
        return self.dask.start_worker(["cli", "worker", self.readers_address, "--threads", "1"])

    def kill_reader(self) -> None:
        """The first that still lives; another is started in its place, as on a machine that comes back."""
        reader = next(reader for reader in self.dask.workers if reader.poll() is None)
        reader.kill()
        reader.wait(10)
        self.start_reader()

    def kill_scheduler(self) -> None:
        self.dask.kill_scheduler()
        time.sleep(STARTED_ANEW_AFTER_S)
        self.dask.start_scheduler()

    def kill_database(self) -> None:
        self.database.kill()
        time.sleep(STARTED_ANEW_AFTER_S)
        self.database.start_anew()

    def kill_s3(self) -> None:
        self.s3.kill()
        time.sleep(STARTED_ANEW_AFTER_S)
        self.s3.start()

    def kill_node(self) -> None:
        """The one that is asked first; it stays dead until ``mend``."""
        self.nodes[0].kill()

    def mend(self) -> None:
        """All nodes run again, and hold all copies."""
        for node in self.nodes:
            if not node.runs:
                node.start()
        self.nodes[0].wait(f"wait_for_nodes={NODES}&wait_for_status=green")

    def stall_and_cut(self, *names: str) -> None:
        """Nothing goes through to these services for a while; then what was open is cut, and new ways are open."""
        gates = [self.gates[name] for name in names or self.gates]
        for gate in gates:
            gate.hang()
        time.sleep(STALL_S)
        for gate in gates:
            gate.cut()


@contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """The whole cluster, its readers at work; everything is gone when the block ends."""
    os.environ.update(KEYS)
    with ExitStack() as stack, ThreadPoolExecutor(1) as beside:
        (folder / "dask").mkdir()
        nodes_running = running_nodes(NODES)
        starting = beside.submit(nodes_running.__enter__)  # the slowest of them
        scheduler = stack.enter_context(dask(folder / "dask"))
        database = stack.enter_context(postgres_server())
        s3 = stack.enter_context(s3_server())
        bucket = open_bucket("s3://records/archive", ArchiveSection(s3_endpoint=s3.endpoint))
        bucket.store.call_s3("create_bucket", Bucket="records")
        nodes = starting.result()
        stack.push(nodes_running.__exit__)
        ports = {"Dask": scheduler.port, "PostgreSQL": make_url(database.url).port, "S3": s3.port,
                 "OpenSearch": urlsplit(nodes[0].url).port}  # fmt: skip
        gates = {name: Gate(port) for name, port in ports.items() if port is not None}
        for gate in gates.values():
            stack.callback(gate.shut)
        whole = Stand(folder, scheduler, database, s3, nodes, gates)
        for _number in range(READERS):
            whole.start_reader()
        yield whole


def drawn_day(inbox: Path) -> None:
    """Drawn scans of three units, each in a folder of its unit's code."""
    write_day(inbox)
    for unit, name in FOLDERS.items():
        (inbox / name).rename(inbox / unit)


def listed(workspace: Path) -> None:
    """Let the workspace know the units and the results in force of the drawn day."""
    for what, write in (("units", write_units), ("inventory", write_inventory)):
        assert sohoa(["--workspace", str(workspace), what, "import", str(write(workspace / f"{what}.csv"))]) == 0


def on_one_machine(folder: Path, inbox: Path, office: str = OFFICE) -> "Ended":
    """A run of *inbox* by one ``ingest`` on a workspace that is a folder of this machine."""
    alone = folder / f"{inbox.name}-alone"
    alone.mkdir()
    (alone / "sohoa.toml").write_text(office + signing(folder))
    listed(alone)
    return ingested(alone, inbox, intakes=1)


def signing(folder: Path) -> str:
    """The part of ``sohoa.toml`` that signs with keys made for these tests."""
    return make_demo_keys(folder / "keys").settings()


def begun(workspace: Path, inbox: Path, *, intakes: int = INTAKES) -> Run:
    """So many ``ingest`` on *inbox*, as on so many machines that share what they must."""
    command = [sys.executable, "-m", "cli", "--workspace", str(workspace), "ingest", str(inbox), "--operator", "An",
               "--fast", "--json"]  # fmt: skip
    environment = dict(os.environ) | {"PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1", "SOHOA_LANG": "en"}
    processes = []
    for number in range(intakes):
        with (workspace / f"ingest-{number}.log").open("ab") as log:
            processes.append(subprocess.Popen(
                command, env=environment, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                text=True,
            ))  # fmt: skip
    return Run(processes)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: after how many seconds, with which exit codes, and after how many more by hand."""

    seconds: float
    codes: Sequence[int]
    again: int
    state: Mapping[str, object]


def ingested(
    workspace: Path, inbox: Path, *, fault: Callable[[Run], None] = lambda run: None, after_documents: int = 1,
    intakes: int = INTAKES,
) -> Ended:  # fmt: skip
    """A run of *inbox*, which *fault* disturbs when so many documents are done; to its end, by the same command again
    where it was stopped, as its message says."""
    started = time.monotonic()
    run = begun(workspace, inbox, intakes=intakes)
    try:
        run.wait_for(after_documents)
        fault(run)
        codes = run.end()
        again = 0
        while not ENDED_WELL & set(codes[-1:] if again else codes):
            again += 1
            assert again < 5, (codes, (workspace / "ingest-0.log").read_text()[-2000:])
            codes += begun(workspace, inbox, intakes=1).end()
        caught_up = sohoa(["--workspace", str(workspace), "index", "catch-up"])
        seconds = time.monotonic() - started
        assert caught_up == 0
    finally:
        run.kill()
    return Ended(seconds, codes, again, state(workspace, inbox))


def state(workspace: Path, inbox: Path) -> dict[str, object]:
    """What stands at the end: records, what waits, scans, the report and what searches find. The audit, which reads
    every file where it lies, must find nothing."""
    assert sohoa(["--workspace", str(workspace), "audit"]) == 0
    opened = Workspace.open(workspace)
    catalogue = opened.catalogue
    assert catalogue.log_faults() == []
    records = sorted((r.id, r.scan_sha256, r.number, r.pages) for r in opened.archive.records())
    found = {
        "records": records,
        "listed": sorted(row.id for row in catalogue.deposits()),
        "scans": sorted((Path(path).relative_to(inbox).as_posix(), kind) for _sha256, path, kind in catalogue.scans()),
        "holds": sorted((hold.id, hold.reasons) for hold in catalogue.holds()),
        "report": json.loads(_said(workspace, "report", "--format", "json", "--as-of", "2026-01-01")),
        "found": {query: sorted(json.loads(line).get("id", "") for line in
                                _said(workspace, "search", query, "--json").splitlines()) for query in QUERIES},
    }  # fmt: skip
    catalogue.close()
    return found


def _said(workspace: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--workspace", str(workspace), *arguments],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout
