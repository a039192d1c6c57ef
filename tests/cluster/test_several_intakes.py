"""Several runs take scans from one inbox into one catalogue on a real PostgreSQL: each scan once, as on one machine."""

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from archive.catalogue import Catalogue
from archive.claims import claims_on
from archive.inventory import Register
from commands.workspace import Workspace
from ingest.pipeline import Deposited, Event, Held, ScanDone
from ingest.signing import Seal
from samples.keys import make_demo_keys
from schemas.errors import ServiceUnavailable
from schemas.pages import PageImage, PageText, ReadingOptions
from schemas.work import RejectedScan
from tests.archive.test_catalogue import HOLD
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import Reader, blank, decision, line
from tests.ingest.signed import seals as opened_seals
from tests.ingest.test_pipeline import cover_sheet
from tests.services.postgres import Server, emptied, postgres_server

pytestmark = pytest.mark.service("postgresql")
forked = multiprocessing.get_context("fork")
WAIT_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ...]:
    return tuple(opened_seals(make_demo_keys(tmp_path_factory.mktemp("keys"))))


@pytest.fixture
def office(tmp_path: Path, seals: tuple[Seal, ...], server: Server) -> Iterator[Office]:
    (tmp_path / "shared").mkdir()
    office = opened(tmp_path / "shared", seals)
    office.url = server.url
    yield office
    catalogue = Catalogue.open(server.url)
    emptied(catalogue.engine)
    catalogue.close()


def fill(office: Office) -> None:
    """Folders as scanners make them: with sheets that stand over the files behind them, and with what is no scan."""
    office.scan("1/a.tif", cover_sheet("D-1"))
    office.scan("1/b.tif", paper("1"), blank())
    office.scan("1/c.tif", paper("2"))
    office.scan("2/a.tif", paper("77", number_confidence=0.3), paper("78"))
    (office.inbox / "2" / "b.pdf").write_bytes(b"not a PDF")
    office.scan("3/a.tif", paper("4"))


def paper(number: str, number_confidence: float = 0.97) -> PageText:
    """A decision that says more than others made from its form."""
    text = decision(number, number_confidence=number_confidence)
    own = (line(" ".join(f"{number}{row}{word}" for word in range(12)), 0.15, 0.36 + 0.02 * row, 0.75, 30 + row)
           for row in range(8))  # fmt: skip
    return replace(text, lines=(*text.lines, *own))


class Together(Reader):
    """A reader whose first page waits until the other run has a first page in hand too."""

    meet: Callable[[], object]

    def __call__(self, page: PageImage, options: ReadingOptions, /) -> PageText:
        if not self.asked:
            self.meet()
        return Reader.__call__(self, page, options)


def taken_in(office: Office, at_step: Callable[[str], None] = lambda step: None) -> list[Event]:
    desk = office.desk(at_step)
    with claims_on(desk.catalogue.engine) as claims:
        return list(office.run(replace(desk, claims=claims)))


def in_a_process(office: Office, barrier: Any, told: Connection) -> None:
    reader = Together(office.reader.texts)
    reader.meet = partial(barrier.wait, WAIT_S)
    office.reader = reader
    told.send([(type(event).__name__, _path(event)) for event in taken_in(office)])


def _path(event: Event) -> str:
    return event.path if isinstance(event, RejectedScan) else str(event.scan.path)


def test_two_runs_share_an_inbox_and_each_scan_is_done_once_as_on_one_machine(
    office: Office, tmp_path: Path, seals: tuple[Seal, ...]
) -> None:
    fill(office)
    barrier = forked.Barrier(2)
    runs, ears = [], []
    for _number in range(2):
        ear, mouth = forked.Pipe(duplex=False)
        runs.append(forked.Process(target=in_a_process, args=(office, barrier, mouth)))
        ears.append(ear)
    for run in runs:
        run.start()
    events = [ear.recv() if ear.poll(WAIT_S) else [] for ear in ears]
    for run in runs:
        run.join(WAIT_S)
        assert run.exitcode == 0
    done = [[path for kind, path in told if kind == "ScanDone"] for told in events]
    assert all(done), "both took part"
    ended = Counter(path for told in events for kind, path in told if kind in ("ScanDone", "RejectedScan"))
    assert set(ended.values()) == {1}
    assert len(ended) == 6
    for told in done:  # a folder is one run's
        assert not {Path(path).parent for path in told} & {
            Path(p).parent for other in done if other is not told for p in other
        }

    assert _state(office) == on_one_machine(tmp_path, seals)
    assert office.catalogue().log_faults() == []
    assert Register(office.catalogue().engine).catch_up() == len(list(office.catalogue().deposits()))


@pytest.mark.parametrize("step", ["content written", "ready"])
def test_what_a_killed_run_had_in_work_the_other_brings_to_its_end(
    office: Office, tmp_path: Path, seals: tuple[Seal, ...], step: str
) -> None:
    fill(office)
    at_work = forked.Event()
    killed = forked.Process(target=killed_at, args=(office, step, at_work))
    killed.start()
    assert at_work.wait(WAIT_S)
    others = taken_in(office)
    killed.join(WAIT_S)
    assert killed.exitcode == -signal.SIGKILL
    assert "1/c.tif" in [_path(event)[-7:] for event in others if isinstance(event, ScanDone)]
    assert _state(office) == on_one_machine(tmp_path, seals)


def killed_at(office: Office, step: str, at_work: Any) -> None:
    def dies(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    office.reader = reader = Together(office.reader.texts)
    reader.meet = at_work.set
    taken_in(office, dies)


def test_a_database_that_crashes_and_comes_back_costs_a_run_its_time_only(
    office: Office, tmp_path: Path, seals: tuple[Seal, ...], server: Server
) -> None:
    fill(office)
    crashes = iter([1])

    def crash(name: str) -> None:
        if name == "content written" and next(crashes, None):
            server.restart()

    taken_in(office, crash)
    assert _state(office) == on_one_machine(tmp_path, seals)
    assert office.catalogue().log_faults() == []


def test_of_one_paper_scanned_for_two_runs_at_once_the_second_waits_for_a_person(office: Office) -> None:
    office.scan("1/a.tif", decision("1"))
    office.scan("2/a.tif", decision("1"))
    others: list[Event] = []
    beside = threading.Thread(target=lambda: others.extend(taken_in(office)))
    looked = threading.Event()

    def while_the_first_is_put_in(name: str) -> None:
        if name == "content written" and not looked.is_set():
            looked.set()
            beside.start()
            beside.join(1.0)  # it has made its paper, and waits to put it in

    mine = taken_in(office, while_the_first_is_put_in)
    beside.join(WAIT_S)
    ended = [type(event) for event in [*mine, *others] if isinstance(event, Deposited | Held)]
    assert sorted(kind.__name__ for kind in ended) == ["Deposited", "Held"]
    [hold] = office.catalogue().holds()
    assert any("the same number, symbol, agency and date as record" in reason for reason in hold.reasons)


def test_who_must_be_alone_waits_for_every_intake_and_is_told_of_them(office: Office) -> None:
    (office.workspace / "sohoa.toml").write_text(f'[catalogue]\nurl = "{office.url}"\n')
    workspace, other = Workspace.open(office.workspace), Workspace.open(office.workspace)
    with workspace.only_intake(), other.only_intake():  # side by side
        busy = pytest.raises(ServiceUnavailable, match=f"process {os.getpid()} on ")
        with busy, other.only_writer():
            pass
    with workspace.only_writer():
        pass


def on_one_machine(folder: Path, seals: tuple[Seal, ...]) -> dict[str, object]:
    (folder / "alone").mkdir()
    alone = opened(folder / "alone", seals)
    fill(alone)
    list(alone.run())
    return _state(alone)


def _state(office: Office) -> dict[str, object]:
    state = office.state()
    state["scans"] = [(str(Path(path).relative_to(office.inbox)), kind) for path, kind in state["scans"]]  # type: ignore[attr-defined]
    state["rejected"] = sorted(Path(rejected.path).name for rejected in office.catalogue().rejected())
    return state


def test_a_run_is_told_where_a_newer_release_has_changed_a_table_in_its_midst(server: Server) -> None:
    catalogue = Catalogue.open(server.url)
    there, changed = (
        "ALTER TABLE holds RENAME COLUMN pdf_path TO pdf",
        "ALTER TABLE holds RENAME COLUMN pdf TO pdf_path",
    )
    with catalogue.engine.begin() as connection:
        connection.execute(text(there))
    try:
        with pytest.raises(ServiceUnavailable, match=r"a newer sohoa may have changed its tables; update this one"):
            catalogue.open_hold(HOLD)
    finally:
        with catalogue.engine.begin() as connection:
            connection.execute(text(changed))
    catalogue.open_hold(HOLD)
    emptied(catalogue.engine)
    catalogue.close()
