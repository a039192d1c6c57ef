"""From one machine to many: a workspace is copied to PostgreSQL and a folder or a bucket, and the copy is checked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.bucket import open_bucket
from archive.catalogue import Catalogue
from cli import run as sohoa
from commands.workspace import Workspace
from schemas.settings import ArchiveSection
from tests.archive import submission
from tests.archive.test_catalogue import HOLD
from tests.services.postgres import emptied, postgres
from tests.services.s3 import KEYS, s3_server

pytestmark = pytest.mark.service("postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def database(server: str) -> Iterator[str]:
    yield server
    catalogue = Catalogue.open(server)
    emptied(catalogue.engine)
    catalogue.close()


@pytest.fixture
def old(tmp_path: Path) -> Workspace:
    workspace = Workspace.open(tmp_path / "old")
    for number in range(3):
        deposit = workspace.archive.deposit(submission(tmp_path, dossier=f"D-{number}", scan=f"scan {number}"))
        workspace.catalogue.note_deposit(deposit, who="An")
    (workspace.folder / HOLD.pdf_path).write_bytes(b"%PDF")
    workspace.catalogue.open_hold(HOLD)
    workspace.catalogue.close()
    return workspace


def target(folder: Path, database: str, archive: str = "") -> Path:
    made = folder / "new"
    made.mkdir()
    (made / "sohoa.toml").write_text(f'[catalogue]\nurl = "{database}"\n{archive}')
    return made


def moved(old: Workspace, new: Path) -> int:
    return sohoa(["--workspace", str(old.folder), "move", str(new), "--operator", "An"])


def test_a_workspace_is_on_postgresql_as_it_was_and_a_second_move_changes_nothing(
    old: Workspace, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = target(tmp_path, database)
    assert moved(old, new) == 0
    assert "3 records in 3 objects" in capsys.readouterr().out
    there = Workspace.open(new)
    assert [row.id for row in there.catalogue.deposits()] == [f"D-{number}.001" for number in range(3)]
    assert [hold.id for hold in there.catalogue.holds()] == [HOLD.id]
    assert sohoa(["--workspace", str(new), "audit"]) == 0
    assert moved(old, new) == 0


def test_what_is_not_as_it_was_is_named(
    old: Workspace, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = target(tmp_path, database)
    assert moved(old, new) == 0
    pdf = Workspace.open(new).archive.pdf("D-1.001")
    pdf.write_bytes(b"%PDF-1.7 forged")
    assert moved(old, new) == 6
    assert "is not there as it is here" in capsys.readouterr().err


def test_an_archive_goes_into_a_bucket(
    old: Workspace, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with s3_server() as s3:
        bucket = open_bucket("s3://moved/archive", ArchiveSection(s3_endpoint=s3.endpoint))
        bucket.store.call_s3("create_bucket", Bucket="moved")
        new = target(tmp_path, database, f'[archive]\nroot = "{bucket.url}"\ns3_endpoint = "{s3.endpoint}"\n')
        assert moved(old, new) == 0
        assert len(list(bucket.object_paths())) == 3
