"""Services that vanish, hang and come back while scans are taken in."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from archive import answering, database
from archive.catalogue import Catalogue
from archive.database import Database, engine_of
from archive.store import Archive
from cli import run as sohoa
from commands.indexing import index_or_say
from commands.workspace import Workspace
from ingest.pipeline import ScanDone
from ingest.signing import Seal
from samples.inventory import write_units
from samples.keys import make_demo_keys
from schemas.errors import ServiceUnavailable
from schemas.work import ScanState
from search.index import Request
from search.parsing import parse
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals as opened_seals
from tests.services.gate import Gate
from tests.services.opensearch import running
from tests.services.postgres import emptied, postgres

FAULTS: dict[str, Callable[[Gate], None]] = {"vanishes": Gate.shut, "hangs": Gate.hang}
faults = pytest.mark.parametrize("fault", FAULTS)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def seals(tmp_path: Path) -> tuple[Seal, ...]:
    return tuple(opened_seals(make_demo_keys(tmp_path / "keys")))


@pytest.fixture
def gate(server: str) -> Iterator[Gate]:
    where = make_url(server)
    assert where.port is not None
    gate = Gate(where.port)
    yield gate
    gate.shut()
    catalogue = Catalogue.open(server)
    emptied(catalogue.engine)
    catalogue.close()


def office_of(folder: Path, seals: tuple[Seal, ...]) -> Office:
    """Three papers to archive."""
    folder.mkdir()
    office = opened(folder, seals)
    for number in range(3):
        office.scan(f"{number}.tif", decision(str(number + 1), street=f"Số {number}"))
    return office


def behind(gate: Gate, server: str) -> str:
    """The database's URL through the gate."""
    return make_url(server).set(port=gate.port).render_as_string(hide_password=False)


def assert_all_is_there_once(office: Office) -> None:
    catalogue = office.catalogue()
    assert {state for _sha256, _path, state in catalogue.scans()} == {ScanState.DONE}
    assert len(catalogue.scans()) == len(list(Archive.open(office.workspace / "archive").records())) == 3
    assert catalogue.log_faults() == []
    office.state()  # the audit finds archive and catalogue at one
    catalogue.close()


@pytest.mark.service("PostgreSQL")
@faults
def test_a_database_that_comes_back_in_the_middle_is_waited_for(
    tmp_path: Path, server: str, gate: Gate, seals: tuple[Seal, ...], fault: str
) -> None:
    office = office_of(tmp_path / "office", seals)
    office.url = behind(gate, server)
    done = 0
    for event in office.run():
        if isinstance(event, ScanDone):
            done += 1
            if done == 1:
                FAULTS[fault](gate)
                threading.Timer(1.5, gate.open).start()
                began = time.monotonic()
    assert done == 3
    assert time.monotonic() - began > 1
    assert_all_is_there_once(office)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is waited for is waited for a second or two."""
    monkeypatch.setattr(database, "SERVER_BACK_S", 1.0)
    monkeypatch.setattr(database, "CONNECT_TIMEOUT_S", 2)
    monkeypatch.setattr(answering, "ASK_AFTER_S", 1.0)


@pytest.mark.service("PostgreSQL")
@pytest.mark.usefixtures("soon")
@faults
def test_a_database_that_stays_away_stops_the_batch_which_later_goes_on(
    tmp_path: Path, server: str, gate: Gate, seals: tuple[Seal, ...], fault: str
) -> None:
    office = office_of(tmp_path / "office", seals)
    office.url = behind(gate, server)
    events = office.run()
    next(event for event in events if isinstance(event, ScanDone))
    FAULTS[fault](gate)
    with pytest.raises(ServiceUnavailable, match="run the same command again when it is back"):
        list(events)
    gate.open()
    assert 0 < len([event for event in office.run() if isinstance(event, ScanDone)]) < 3
    assert_all_is_there_once(office)


@pytest.mark.service("PostgreSQL")
@pytest.mark.usefixtures("soon")
def test_a_database_that_lets_nobody_in_is_given_up_in_time(server: str, gate: Gate) -> None:
    gate.hang()
    with pytest.raises(ServiceUnavailable, match="timeout expired"):
        Catalogue.open(behind(gate, server))


@pytest.mark.service("PostgreSQL")
@pytest.mark.usefixtures("soon")
def test_a_database_that_hangs_ends_the_command_with_5(
    tmp_path: Path, server: str, gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sohoa"
    folder.mkdir()
    (folder / "sohoa.toml").write_text(f'[catalogue]\nurl = "{behind(gate, server)}"\n')
    write_units(tmp_path / "units.csv")
    command = ["--workspace", str(folder), "units", "import", str(tmp_path / "units.csv")]
    gate.fails = b"INSERT INTO", gate.hang
    assert sohoa(command) == 5
    told = capsys.readouterr().err
    assert "the server has said nothing for" in told
    assert "run the same command again when it is back" in told
    gate.open()
    assert sohoa(command) == 0


@pytest.mark.service("PostgreSQL")
@pytest.mark.usefixtures("soon")
def test_a_connection_that_is_lost_without_a_word_is_replaced_and_a_long_statement_is_waited_for(
    server: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STATEMENT_TIMEOUT_S", 3.0)
    slow = Database(engine_of(behind(gate, server)))
    assert slow.rows(text("SELECT pg_sleep(2)"))
    gate.forget()
    assert slow.rows(text("SELECT 1")) == [(1,)]


# -- the search engine --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opensearch() -> Iterator[int]:
    with running() as url:
        port = urlsplit(url).port
        assert port is not None
        yield port


def searched_by(office: Office, gate: Gate) -> Workspace:
    """The office's workspace with OpenSearch behind the gate; which index it is, the gate's port says."""
    (office.workspace / "sohoa.toml").write_text(
        f'[search]\nengine = "opensearch"\nurl = "http://127.0.0.1:{gate.port}"\nindex = "t-{gate.port}"\n'
        "timeout_s = 10\n"
    )
    return Workspace.open(office.workspace)


def found(workspace: Workspace) -> int:
    return workspace.index.search(Request(parse("quyet dinh"))).total


@pytest.mark.service("opensearch")
@faults
def test_archiving_goes_on_without_its_search_engine_and_the_index_is_caught_up_later(
    tmp_path: Path, opensearch: int, seals: tuple[Seal, ...], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = Gate(opensearch)
    office = office_of(tmp_path / "office", seals)
    workspace = searched_by(office, gate)
    assert index_or_say(workspace) == 0
    for event in office.run():
        if isinstance(event, ScanDone):
            FAULTS[fault](gate)
            break
    assert len([event for event in office.run() if isinstance(event, ScanDone)]) == 2
    assert index_or_say(workspace) is None
    assert "The records are safe in the archive" in capsys.readouterr().err
    assert_all_is_there_once(office)
    gate.open()
    assert index_or_say(workspace) == 3
    assert found(workspace) == 3
    gate.shut()


@pytest.mark.service("opensearch")
@faults
def test_a_search_engine_that_comes_back_in_the_middle_of_indexing_has_all_records_once(
    tmp_path: Path, opensearch: int, seals: tuple[Seal, ...], fault: str
) -> None:
    gate = Gate(opensearch)
    office = office_of(tmp_path / "office", seals)
    workspace = searched_by(office, gate)
    list(office.run())
    failed = threading.Event()

    def fail() -> None:
        FAULTS[fault](gate)
        failed.set()
        threading.Timer(3, gate.open).start()

    gate.fails = b"/_bulk", fail
    assert index_or_say(workspace) == 3
    assert failed.is_set()
    assert (found(workspace), workspace.index.status().position) == (3, workspace.catalogue.last_position())
    gate.shut()
