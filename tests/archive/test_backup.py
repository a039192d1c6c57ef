"""A machine is lost: what the archive gives back alone, and what a backup gives back besides."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, select

from archive.backup import restore, write_backup
from archive.catalogue import Catalogue
from archive.inventory import Register
from cli import run
from commands.workspace import Workspace
from schemas.days import VIETNAM
from schemas.errors import InputRejected, IntegrityBroken
from schemas.records import Withdrawal
from schemas.work import Hold, document_id
from tests.archive import NOON, sha256, submission
from tests.services.postgres import emptied, postgres

UNITS = "code,name,level\nH29.17,Quận 1,district\n"
ROWS = "unit,number,symbol,issued_on\n" + "".join(f"H29.17,{n},QĐ-UBND,2023-08-15\n" for n in range(1, 6))


class Office:
    """A workspace with records (one withdrawn, one decided on by a person), an inventory, a hold that waits, a log."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder / "w", capsys
        (folder / "units.csv").write_text(UNITS, encoding="utf-8")
        (folder / "rows.csv").write_text(ROWS, encoding="utf-8")
        self.does("units", "import", str(folder / "units.csv"))
        self.does("inventory", "import", str(folder / "rows.csv"))
        opened = Workspace.open(self.folder)
        for n in range(1, 5):
            given = submission(folder, scan=f"s{n}", dossier=f"D{n % 2}", number=str(n), text=f"quyết định số {n}")
            opened.catalogue.note_deposit(opened.archive.deposit(given), who="An")
        opened.catalogue.note_deposit(opened.archive.withdrawn("D1.002", Withdrawal("nhầm", "", "An", NOON)), who="An")
        hold = Hold(document_id(sha256(b"s1"), 1), "b", sha256(b"s1"), "s1.pdf", 1, "H29.17", NOON, ("number",), {}, "",
                    decided_at=NOON, decision="accepted", operator="An")  # fmt: skip
        opened.catalogue.keep_decided(hold)
        opened.catalogue.open_hold(
            Hold(
                "waits",
                "b",
                sha256(b"w"),
                "/inbox/w.pdf",
                1,
                "H29.17",
                NOON,
                ("number",),
                {"a": 1},
                "waiting/waits.pdf",
            )
        )
        (self.folder / "waiting" / "waits.pdf").write_bytes(b"%PDF-1.7 waits")
        opened.catalogue.close()
        self.does("index", "catch-up")

    def does(self, *arguments: str, code: int = 0, folder: Path | None = None) -> str:
        self.capsys.readouterr()
        assert run(["--workspace", str(folder or self.folder), *arguments]) == code
        return self.capsys.readouterr().out

    def state(self, folder: Path | None = None) -> dict[str, Any]:
        """All that a person can ask for."""
        opened = Workspace.open(folder or self.folder)
        found = self.does("search", "quyet dinh", "--limit", "50", "--json", folder=folder).splitlines()
        register = Register(opened.catalogue.engine)
        register.catch_up()
        told = {
            "records": [r.id for r in opened.archive.records()],
            "history": [opened.archive.history(r.id) for r in opened.archive.records()],
            "listed": sorted(
                tuple(row._mapping[name] for name in ("id", "version", "pdf_sha256", "withdrawn_at"))
                for row in opened.catalogue.deposits()
            ),
            "decided": (h := opened.catalogue.find_hold(document_id(sha256(b"s1"), 1))) and h.decision,
            "found": sorted(hit["id"] for hit in map(json.loads, found) if "id" in hit),
            "counts": register.day_counts(NOON.astimezone(VIETNAM).date().replace(year=2100)),
            "units": register.units(),
            "targets": register.targets(),
            "waiting": [hold.id for hold in opened.catalogue.holds()],
        }
        opened.catalogue.close()
        return told


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def test_the_archive_alone_gives_back_records_versions_decisions_search_and_counts(
    office: Office, tmp_path: Path
) -> None:
    before = office.state()
    assert (before["found"], before["decided"]) == (["D0.001", "D0.002", "D1.001"], "accepted")
    [count] = before["counts"]
    assert (count.rows, count.done) == (5, 3)
    new = tmp_path / "new"
    new.mkdir()
    shutil.copytree(office.folder / "archive", new / "archive")
    office.does("rebuild", folder=new)
    office.does("units", "import", str(tmp_path / "units.csv"), folder=new)
    office.does("inventory", "import", str(tmp_path / "rows.csv"), folder=new)
    after = office.state(new)
    lost = {"waiting"}  # in no record: a backup has it
    assert {k: v for k, v in after.items() if k not in lost} == {k: v for k, v in before.items() if k not in lost}
    assert office.does("audit", folder=new)


def test_a_backup_and_the_archive_give_back_everything(office: Office, tmp_path: Path) -> None:
    before = office.state()
    said = json.loads(office.does("backup", str(tmp_path / "b.tar"), "--json"))
    assert (tmp_path / "b.tar.sha256").read_text() == f"{said['sha256']}  b.tar\n"
    assert said["sha256"] == sha256((tmp_path / "b.tar").read_bytes())
    new = tmp_path / "new"
    new.mkdir()
    shutil.copytree(office.folder / "archive", new / "archive")
    office.does("restore", str(tmp_path / "b.tar"), folder=new)
    assert office.state(new) == before
    assert (new / "waiting" / "waits.pdf").read_bytes() == b"%PDF-1.7 waits"
    office.does("audit", "--log", folder=new)
    opened = Workspace.open(new)
    assert "restore" in [entry.what for entry in opened.catalogue.log()]
    opened.catalogue.close()
    office.does("restore", str(tmp_path / "b.tar"), code=4, folder=new)
    assert office.state(new) == before


def test_without_the_archive_a_restore_says_where_it_belongs(office: Office, tmp_path: Path) -> None:
    office.does("backup", str(tmp_path / "b.tar"))
    office.does("restore", str(tmp_path / "b.tar"), code=3, folder=tmp_path / "new")


def test_a_damaged_backup_or_what_is_none_changes_nothing(office: Office, tmp_path: Path) -> None:
    office.does("backup", str(tmp_path / "b.tar"))
    with tarfile.open(tmp_path / "b.tar") as tar:
        tar.extractall(tmp_path / "parts")
    (tmp_path / "parts/files/waiting/waits.pdf").write_bytes(b"%PDF-1.7 forged")
    with tarfile.open(tmp_path / "forged.tar", "w") as tar:
        tar.add(tmp_path / "parts", "")
    (tmp_path / "cut.tar").write_bytes((tmp_path / "b.tar").read_bytes()[:5000])
    new = Workspace.open(tmp_path / "new")
    engine = create_engine(new.catalogue_url)
    for name, error in (("forged.tar", IntegrityBroken), ("cut.tar", InputRejected), ("rows.csv", InputRejected)):
        with pytest.raises(error, match=name.split(".")[0]):
            restore(engine, new.folder, tmp_path / name)
    assert list((new.folder / "waiting").iterdir()) == []
    assert list((new.folder / "tmp").iterdir()) == []


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.mark.service("postgresql")
def test_a_backup_goes_from_one_database_to_the_other_and_back(office: Office, tmp_path: Path, server: str) -> None:
    def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
        engine, known = create_engine(url), MetaData()
        known.reflect(engine)
        with engine.connect() as connection:
            return {t.name: sorted((tuple(row) for row in connection.execute(select(t))), key=str)
                    for t in known.sorted_tables if t.name != "alembic_version"}  # fmt: skip

    sqlite = Workspace.open(office.folder)
    write_backup(create_engine(sqlite.catalogue_url), office.folder, tmp_path / "one.tar")
    there = Workspace.open(tmp_path / "there")
    restore(create_engine(server), there.folder, tmp_path / "one.tar")
    assert rows(server) == rows(sqlite.catalogue_url)
    write_backup(create_engine(server), there.folder, tmp_path / "two.tar")
    opened = Catalogue.open(server)
    assert opened.log_faults() == []
    Register(opened.engine).import_units(tmp_path / "units.csv", rejects=tmp_path / "bad.csv")  # a sequence goes on
    (tmp_path / "more.csv").write_text(UNITS + "H29.18,Quận 3,district\n", encoding="utf-8")
    assert Register(opened.engine).import_units(tmp_path / "more.csv", rejects=tmp_path / "bad.csv").new == 1
    opened.close()
    back = Workspace.open(tmp_path / "back")
    restore(create_engine(back.catalogue_url), back.folder, tmp_path / "two.tar")
    assert rows(back.catalogue_url) == rows(sqlite.catalogue_url)
    emptied(create_engine(server))
