"""What may still happen to a record: withdrawal, a term of retention, destruction; others can read each."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from archive.audit import audit
from archive.catalogue import Catalogue
from archive.store import Archive
from schemas.errors import InputRejected
from schemas.records import Withdrawal
from schemas.retention import Retention, retention
from tests.archive import NOON, submission
from tests.archive.test_store import assert_valid

WITHDRAWN = Withdrawal("ban hành nhầm", "12/QĐ-UBND", "Bình", NOON)
CERTIFICATE: dict[str, object] = {"record": "x", "by": "Bình", "decision": "13/QĐ-UBND"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive.open(tmp_path / "archive")
    made.deposit_all([(submission(tmp_path, scan="a", first_page=page, text=f"trang {page}"), None) for page in (1, 3)])
    made.deposit(submission(tmp_path, scan="b"))
    return made


DOSSIER = "H29.17-230815-0001"


def test_documents_that_come_together_are_one_version(archive: Archive) -> None:
    assert [record.version for record in archive.records()] == [1, 1, 2]
    [version] = archive.history(f"{DOSSIER}.002")
    assert (version.number, version.by, version.what) == (1, "An", "deposit 001-002")
    assert version.files == ("document.pdf", "metadata.json", "provenance.json", "text.json")
    assert_valid(archive.root)


def test_of_documents_that_come_together_those_that_stand_already_are_left(archive: Archive, tmp_path: Path) -> None:
    given = [(submission(tmp_path, scan="a", first_page=page), None) for page in (1, 3, 5)]
    deposits = archive.deposit_all(given)
    assert [(deposit.record.serial, deposit.new) for deposit in deposits] == [(1, False), (2, False), (4, True)]
    assert_valid(archive.root)


def test_a_withdrawn_record_says_so_and_keeps_every_file(archive: Archive) -> None:
    before = archive.record(f"{DOSSIER}.001")
    pdf = archive.pdf(before.id).read_bytes()
    deposit = archive.withdrawn(before.id, WITHDRAWN)
    assert deposit.record == replace(before, version=3, withdrawn=WITHDRAWN)
    assert archive.record(before.id) == deposit.record
    assert archive.pdf(before.id).read_bytes() == pdf
    assert "Bình: withdraw ban hành nhầm, 12/QĐ-UBND" in archive.provenance(before.id).decisions[-1]
    assert [(v.number, v.by) for v in archive.history(before.id)] == [(1, "An"), (3, "Bình")]
    assert archive.withdrawn(before.id, replace(WITHDRAWN, reason="other")) == replace(deposit, new=False)
    assert_valid(archive.root)


def test_a_withdrawn_document_is_not_deposited_again(archive: Archive, tmp_path: Path) -> None:
    archive.withdrawn(f"{DOSSIER}.003", WITHDRAWN)
    again = archive.deposit(submission(tmp_path, scan="b"))
    assert (again.new, again.record.withdrawn) == (False, WITHDRAWN)


@pytest.mark.parametrize(
    ("code", "begins", "until"),
    [
        ("01", date(2023, 8, 15), None), ("02", date(2023, 8, 15), date(2093, 8, 15)),
        ("06", date(2024, 2, 29), date(2034, 3, 1)), ("07", date(2023, 8, 15), None),
    ],
)  # fmt: skip
def test_a_term_follows_from_its_code_and_the_day_of_issue(code: str, begins: date, until: date | None) -> None:
    assert retention(code, begins) == Retention(code, until)


def test_a_record_keeps_its_term(archive: Archive, tmp_path: Path) -> None:
    given = replace(submission(tmp_path, scan="c"), retention="06")
    assert archive.deposit(given).record.retention == Retention("06", date(2033, 8, 15))
    term = Retention("07", date(2030, 1, 1))
    assert archive.retained(f"{DOSSIER}.001", term, operator="Bình").record.retention == term
    assert not archive.retained(f"{DOSSIER}.001", term, operator="Bình").new
    assert [term.is_over(day) for day in (date(2029, 12, 31), date(2030, 1, 1))] == [False, True]
    assert_valid(archive.root)


def test_of_a_destroyed_document_only_the_certificate_is_left(archive: Archive, tmp_path: Path) -> None:
    id, others = f"{DOSSIER}.001", [archive.record(f"{DOSSIER}.{serial}") for serial in ("002", "003")]
    archive.withdrawn(id, WITHDRAWN)
    secret = archive.pdf(id).read_bytes()
    left = archive.destroy(id, CERTIFICATE, operator="Bình")
    assert [deposit.record for deposit in left] == others == list(archive.records())
    assert all(file.read_bytes() != secret and b"trang 1" not in file.read_bytes()
               for file in archive.root.rglob("*") if file.is_file())  # fmt: skip
    with pytest.raises(InputRejected, match="destroyed"):
        archive.record(id)
    assert archive.certificate(id) == CERTIFICATE
    assert archive.history(id)[-1].by == "Bình"
    assert_valid(archive.root)
    catalogue = Catalogue.open(f"sqlite:///{tmp_path}/catalogue.db")
    catalogue.replace_deposits(archive.deposits(), who="An")
    assert audit(archive, catalogue).findings == []
    assert archive.deposit(submission(tmp_path, scan="d")).record.serial == 4


def killed_at(step: str, work: Callable[[Callable[[str], None]], object]) -> None:
    """Do *work* in a child that is killed at *step*; a fork costs milliseconds, not the start of an interpreter."""

    def stop(name: str) -> None:
        if name.startswith(step):
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        work(stop)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


@pytest.mark.parametrize("step", ["version built", "flushed", "ready", "set aside", "in place", "deposited"])
def test_a_kill_in_a_destruction_leaves_the_object_as_it_was_or_as_it_is_meant(archive: Archive, step: str) -> None:
    killed_at(step, lambda stop: Archive(archive.root, stop).destroy(f"{DOSSIER}.001", CERTIFICATE, operator="Bình"))
    opened = Archive.open(archive.root)
    assert_valid(opened.root)
    assert len(list(opened.records())) == (3 if step in ("version built", "flushed") else 2)
    assert not (opened.root / "extensions" / "sohoa-staging").exists()
