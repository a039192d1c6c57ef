"""A log whose end was cut off, and the catalogue mended to fit, is betrayed by the timestamps over its earlier ends."""

from pathlib import Path

import pytest
from sqlalchemy import delete, update

from archive.catalogue import Catalogue
from archive.tables import counters, log
from cli import run
from commands.workspace import Workspace
from tests.services.pki import Pki


@pytest.fixture
def workspace(tmp_path: Path, pki: Pki) -> Workspace:
    (tmp_path / "sohoa.toml").write_text(f'[signing]\ntimestamp_urls = ["{pki.timestamps}"]\n')
    opened = Workspace.open(tmp_path)
    for number in range(3):
        opened.catalogue.note_access("An", "show", f"D.00{number}")
    return opened


def audit_log(workspace: Workspace) -> int:
    return run(["--workspace", str(workspace.folder), "audit", "--log"])


def cut_off(catalogue: Catalogue, after: int) -> None:
    with catalogue.engine.begin() as connection:
        connection.execute(delete(log).where(log.c.position > after))
        kept = connection.execute(log.select().where(log.c.position == after)).one()
        connection.execute(update(counters).where(counters.c.name == "log").values(value=after, hash=kept.hash))


def test_a_cut_off_end_is_found_though_the_catalogue_was_mended(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit_log(workspace) == 0
    [anchor] = (workspace.folder / "anchors").iterdir()
    assert (anchor.name, oct(anchor.stat().st_mode & 0o777)) == ("000000000003.tst", "0o600")
    workspace.catalogue.note_access("An", "show", "D.004")
    assert audit_log(workspace) == 0
    cut_off(workspace.catalogue, after=2)
    assert workspace.catalogue.log_faults() == []  # by itself it fits
    capsys.readouterr()
    assert audit_log(workspace) == 6
    assert "cut off: entry 3" in capsys.readouterr().out
    for subject in ("x", "y", "z"):  # other entries in their place
        workspace.catalogue.note_access("An", "show", subject)
    assert audit_log(workspace) == 6
    assert "entry 3 is not the one" in capsys.readouterr().out


def test_a_timestamp_that_was_changed_is_found(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit_log(workspace) == 0
    [anchor] = (workspace.folder / "anchors").iterdir()
    whole = anchor.read_bytes()
    entry = bytes.fromhex(workspace.catalogue.log_hash(3) or "")
    other = bytes.fromhex(workspace.catalogue.log_hash(2) or "")
    anchor.write_bytes(whole.replace(entry, other))
    assert audit_log(workspace) == 6
    anchor.write_bytes(b"no timestamp")
    assert audit_log(workspace) == 6
    anchor.write_bytes(whole)
    assert audit_log(workspace) == 0


def test_without_a_service_nothing_is_asked(tmp_path: Path) -> None:
    assert run(["--workspace", str(tmp_path), "audit", "--log"]) == 0
    assert not (tmp_path / "anchors").exists()


def test_a_log_cut_off_together_with_its_timestamps_is_betrayed_by_the_replicas(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with (workspace.folder / "sohoa.toml").open("a") as settings:
        settings.write(f'[archive]\nreplicas = ["{workspace.folder / "second"}"]\n')
    assert run(["--workspace", str(workspace.folder), "audit"]) == 0
    [anchor] = (workspace.folder / "anchors").iterdir()
    assert (workspace.folder / "second.anchors" / anchor.name).read_bytes() == anchor.read_bytes()
    cut_off(workspace.catalogue, after=2)
    anchor.unlink()
    capsys.readouterr()
    assert audit_log(workspace) == 6
    assert capsys.readouterr().out.count("cut off: entry 3") == 1
