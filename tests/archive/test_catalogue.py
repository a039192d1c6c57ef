"""The catalogue's contract, on SQLite and on a real PostgreSQL, and what is particular to a file."""

import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from archive.catalogue import Catalogue
from archive.database import engine_of
from archive.schema import SCHEMA_VERSION, schema
from archive.tables import counters, log, records
from schemas.documents import Kind
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable, SettingsRejected
from schemas.pages import MediaType, Scan
from schemas.records import Deposit, Record
from schemas.work import Hold, RejectedScan, ScanState
from tests import values
from tests.archive import NOON, sha256
from tests.services.postgres import emptied, postgres

SCAN = Scan(Path("/inbox/a.pdf"), sha256(b"a"), 3_000_000_000, MediaType.PDF)
HOLD = Hold(
    "abc123", "batch", SCAN.sha256, "/inbox/a.pdf", 1, "H29.17", NOON, ("no number",), {"a": 1}, "waiting/a.pdf"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("server") if request.param == "postgresql" else f"sqlite:///{tmp_path}/catalogue.db"


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    opened = Catalogue.open(url)
    yield opened
    if not url.startswith("sqlite"):
        emptied(opened.engine)
    opened.close()


def deposit(id: str = "D.001", version: int = 1, issuer: str | None = "UBND Quận 1", scan: str = "b") -> Deposit:
    record = Record(
        id=id, dossier=id[:-4], serial=int(id[-3:]), version=version, unit="H29.17", procedure="1.001193",
        kind=Kind.RESULT, number="3165", symbol="QĐ-UBND", issued_on=date(2023, 8, 15), issuer=issuer,
        parent_issuer=None, type="Quyết định", abstract=None, urgency=None, signer=None, signer_title=None,
        pages=("QUYẾT ĐỊNH",), deposited_at=NOON + timedelta(seconds=version), scan_sha256=sha256(scan.encode()),
        pdf_sha256=sha256(id.encode()),
    )  # fmt: skip
    return Deposit(record, f"objects/{record.dossier}", f"objects/{id}/document.pdf", True, "f" * 128)


def test_a_batch_is_open_until_it_is_finished(catalogue: Catalogue) -> None:
    batch = catalogue.begin_batch("An", NOON)
    assert catalogue.batches() == [batch]
    catalogue.finish_batch(batch.id, NOON + timedelta(hours=1))
    assert catalogue.batches() == [replace(batch, finished_at=NOON + timedelta(hours=1))]


def test_a_scan_is_in_work_until_it_is_finished_and_can_be_taken_again(catalogue: Catalogue) -> None:
    assert catalogue.scan_state(SCAN.sha256) is None
    catalogue.take_scan("one", SCAN)
    assert catalogue.scan_state(SCAN.sha256) == (ScanState.TAKEN, "one")
    catalogue.finish_scan(SCAN.sha256, ScanState.DONE)
    assert catalogue.scan_state(SCAN.sha256) == (ScanState.DONE, "one")
    catalogue.take_scan("two", SCAN)
    assert catalogue.scans(ScanState.TAKEN) == [(SCAN.sha256, "/inbox/a.pdf", ScanState.TAKEN)]


def test_a_rejected_scan_stands_on_the_list_with_its_reason(catalogue: Catalogue) -> None:
    catalogue.take_scan("one", SCAN)
    odd = RejectedScan("/inbox/b\udcff\0.pdf", "", "an empty file")
    catalogue.reject_scan("one", RejectedScan(str(SCAN.path), SCAN.sha256, "encrypted"))
    catalogue.reject_scan("two", odd)
    assert catalogue.scan_state(SCAN.sha256) == (ScanState.REJECTED, "one")
    assert [rejected.reason for rejected in catalogue.rejected()] == ["encrypted", "an empty file"]
    assert [rejected.path for rejected in catalogue.rejected("two")] == ["/inbox/b\\udcff\\0.pdf"]


def test_a_hold_waits_until_a_person_decides(catalogue: Catalogue) -> None:
    catalogue.open_hold(HOLD)
    assert catalogue.holds() == catalogue.holds(unit="H29.17") == [HOLD]
    assert catalogue.holds(unit="H29.18") == []
    catalogue.update_hold(HOLD.id, ["no date"], {"a": 2}, values.change("set"))
    assert catalogue.hold(HOLD.id) == replace(HOLD, reasons=("no date",), submission={"a": 2})
    catalogue.decide(HOLD.id, "accepted", values.change("accept", at=NOON), {"a": 3})
    assert catalogue.holds() == []
    decided = replace(
        HOLD, reasons=("no date",), submission={"a": 3}, decided_at=NOON, decision="accepted", operator="An"
    )
    assert catalogue.hold(HOLD.id) == decided


def test_a_document_held_again_is_described_anew_but_a_decision_stands(catalogue: Catalogue) -> None:
    catalogue.open_hold(HOLD)
    catalogue.open_hold(replace(HOLD, reasons=("seal over the number",)))
    assert [hold.reasons for hold in catalogue.holds()] == [("seal over the number",)]
    catalogue.decide(HOLD.id, "rejected: not ours", values.change("reject"))
    catalogue.open_hold(HOLD)
    assert catalogue.holds() == []
    with pytest.raises(InputRejected, match="does not wait any more"):
        catalogue.decide(HOLD.id, "accepted", values.change("accept", who="Bình"))


def test_a_hold_is_found_by_the_beginning_of_its_id_if_only_one_begins_so(catalogue: Catalogue) -> None:
    catalogue.open_hold(HOLD)
    catalogue.open_hold(replace(HOLD, id="abd_99"))
    assert catalogue.hold("abc").id == "abc123"
    assert catalogue.hold("abd_").id == "abd_99"
    for prefix, words in (
        ("ab", "more than one"),
        ("", "more than one"),
        ("ab_", "nothing waits"),
        ("x", "nothing waits"),
    ):
        with pytest.raises(InputRejected, match=words):
            catalogue.hold(prefix)


def test_a_deposit_is_noted_once_and_a_new_version_moves_to_the_end(catalogue: Catalogue) -> None:
    for _twice in range(2):
        catalogue.note_deposit(deposit("D.001"), who="An")
    catalogue.note_deposit(deposit("E.001"), who="An")
    assert catalogue.deposited_after(0, 10) == [(1, "D.001"), (2, "E.001")]
    catalogue.note_deposit(deposit("D.001", version=2), who="An")
    assert catalogue.deposited_after(1, 10) == [(2, "E.001"), (3, "D.001")]
    assert catalogue.deposited_after(1, 1) == [(2, "E.001")]
    assert catalogue.last_position() == 3
    assert [(row.id, row.version, row.issued_on) for row in catalogue.deposits()] == [
        ("E.001", 1, date(2023, 8, 15)), ("D.001", 2, date(2023, 8, 15)),
    ]  # fmt: skip
    assert [entry.what for entry in catalogue.log()] == ["deposit"] * 3


def test_the_list_is_made_anew_with_positions_that_an_index_takes_for_new(catalogue: Catalogue) -> None:
    catalogue.note_deposit(deposit("gone.001"), who="An")
    later, earlier = deposit("D.001", version=5), deposit("E.001", version=2)
    assert catalogue.replace_deposits([later, earlier], who="An") == 2
    assert catalogue.deposited_after(1, 10) == [(2, "E.001"), (3, "D.001")]


@pytest.mark.parametrize(
    ("issuer", "issued_on", "found"),
    [
        ("UBND Quận 1", "2023-08-15", ["D.001"]),
        ("ubnd  quận 1", "2023-08-15", ["D.001"]),
        (None, "2023-08-15", ["D.001"]),
        ("UBND Quận 3", "2023-08-15", []),
        ("UBND Quận 1", "2023-08-16", []),
        ("UBND Quận 1", "not a date", []),
    ],
)
def test_a_record_of_the_same_paper_is_found(
    catalogue: Catalogue, issuer: str | None, issued_on: str, found: list[str]
) -> None:
    catalogue.note_deposit(deposit("D.001"), who="An")
    assert [id for id, _sha256 in catalogue.duplicates("3165", "QĐ-UBND", issuer, issued_on)] == found


def test_the_log_is_whole_after_everything_that_is_logged(catalogue: Catalogue) -> None:
    catalogue.open_hold(HOLD)
    catalogue.note_deposit(deposit(), who="An")
    catalogue.decide(HOLD.id, "accepted", values.change("accept"))
    catalogue.note_access("Bình \udcff\0", "search", "giay phep")
    assert [entry.what for entry in catalogue.log()] == ["deposit", "review accept", "search"]
    assert catalogue.log_faults() == []


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        (update(log).where(log.c.position == 2).values(subject="someone else's"), "entry 2 .* was changed"),
        (update(log).where(log.c.position == 2).values(at="2020-01-01T00:00:00+00:00"), "entry 2 .* was changed"),
        (delete(log).where(log.c.position == 2), "entries 2 to 2 are missing"),
        (delete(log).where(log.c.position >= 3), "entries 3 to 4 are missing"),
        (delete(log), "entries 1 to 4 are missing"),
        (insert(log).values(position=5, at="x", who="x", what="x", subject="x", hash="x"), "entry 5"),
        (update(counters).where(counters.c.name == "log").values(hash="0" * 64), "its end"),
    ],
)
def test_an_edit_a_removal_and_a_cut_off_end_of_the_log_are_found(
    catalogue: Catalogue, tampering: object, said: str
) -> None:
    for subject in ("one", "two", "three", "four"):
        catalogue.note_access("An", "show", subject)
    with catalogue.engine.begin() as connection:
        connection.execute(tampering)  # type: ignore[call-overload]
    assert any(re.search(said, fault) for fault in catalogue.log_faults()), catalogue.log_faults()


def test_many_may_write_at_once_and_the_log_stays_whole(url: str, catalogue: Catalogue) -> None:
    def write(number: int) -> None:
        own = Catalogue.open(url)
        for turn in range(10):
            own.note_access(f"reader {number}", "show", str(turn))
        own.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(list(catalogue.log())) == 40
    assert catalogue.log_faults() == []


def test_it_can_be_opened_by_many_at_once_when_it_is_not_there_yet(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def open_it(turn: int) -> None:
        try:
            Catalogue.open(f"sqlite:///{tmp_path}/{turn}.db").note_access("An", "show", "x")
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failed.append(error)

    for turn in range(5):
        threads = [threading.Thread(target=open_it, args=(turn,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []


def test_a_run_killed_while_the_tables_are_made_leaves_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/catalogue.db"
    script = """
import os, signal, sys
from sqlalchemy import Table, event
from archive.catalogue import Catalogue

def kill(table, *_arguments, **_named):
    if table.name == "records":
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(Table, "after_create", kill)
Catalogue.open(sys.argv[1])
"""
    killed = subprocess.run([sys.executable, "-c", script, url], check=False)
    assert killed.returncode == -9
    Catalogue.open(url).note_access("An", "show", "x")


def test_readers_go_on_while_a_deposit_is_written(url: str, catalogue: Catalogue) -> None:
    catalogue.note_deposit(deposit("D.001"), who="An")
    reader = Catalogue.open(url)
    with catalogue.engine.begin() as writing:
        writing.execute(update(records).values(unit="elsewhere"))
        assert reader.last_position() == 1
    reader.close()


def test_a_catalogue_of_a_newer_program_is_refused(url: str, catalogue: Catalogue) -> None:
    with catalogue.engine.begin() as connection:
        connection.execute(update(schema).values(version=SCHEMA_VERSION + 1))
    with pytest.raises(SettingsRejected, match="newer version"):
        Catalogue.open(url)


def test_its_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db").note_access("An", "show", "D.001")
    assert {oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()} == {"0o600"}


def test_a_catalogue_that_another_program_keeps_locked_says_so(tmp_path: Path) -> None:
    opened = Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db?timeout=0.1")
    other = sqlite3.connect(tmp_path / "catalogue.db")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ServiceUnavailable, match="keeps it locked"):
        opened.note_access("An", "show", "D.001")
    other.rollback()
    opened.note_access("An", "show", "D.001")
    other.close()


def test_what_is_no_database_or_a_damaged_one_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database at all " * 100)
    with pytest.raises(IntegrityBroken, match="rebuild"):
        Catalogue.open(f"sqlite:///{tmp_path}/text.db")


def test_to_open_it_once_more_gives_up_no_lock_of_this_process(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.db"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("CREATE TABLE held (x)")
    holder.execute("BEGIN IMMEDIATE")
    engine_of(f"sqlite:///{file}").dispose()
    another = f"import sqlite3; sqlite3.connect({str(file)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    tried = subprocess.run([sys.executable, "-c", another], capture_output=True, text=True, check=False)
    assert "database is locked" in tried.stderr
    holder.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ServiceUnavailable, match="permissions"):
        Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db")


@pytest.mark.parametrize("url_", ["no url", "nosuchdatabase://localhost/x"])
def test_a_url_that_is_none_is_said_to_be_so(url_: str) -> None:
    with pytest.raises(SettingsRejected, match=r"catalogue\.url"):
        Catalogue.open(url_)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ServiceUnavailable, match="catalogue"):
        Catalogue.open("postgresql+psycopg://sohoa@127.0.0.1:1/postgres")
