"""One run at a time writes to a workspace, and what the catalogue lists can be had again from the archive."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import update

from archive.schema import SCHEMA_VERSION, schema
from cli import run
from commands.workspace import Workspace
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.pages import MediaType, Scan
from schemas.work import Hold, ScanState
from tests import values
from tests.archive import NOON, submission

HOLDER = """
import sys, time
from pathlib import Path
from commands.workspace import Workspace

with Workspace.open(Path(sys.argv[1])).only_writer():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "sohoa")


def holder_of(workspace: Workspace) -> "subprocess.Popen[str]":
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workspace.folder)], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert holding.stdout is not None
    assert holding.stdout.readline() == "held\n"
    return holding


def test_a_second_run_is_refused_at_once_and_told_who_has_it(workspace: Workspace) -> None:
    holding = holder_of(workspace)
    try:
        started = time.monotonic()
        with pytest.raises(ServiceUnavailable, match=f"process {holding.pid} on .* since "), workspace.only_writer():
            pass
        assert time.monotonic() - started < 1
    finally:
        holding.kill()
        holding.wait()
    with workspace.only_writer():  # what the killed run left in the file is stale
        pass


def test_two_writers_in_one_process_are_refused_too_and_the_first_keeps_its_lock(workspace: Workspace) -> None:
    with workspace.only_writer():
        with pytest.raises(ServiceUnavailable, match="this process"), workspace.only_writer():
            pass
        other = subprocess.run(
            [sys.executable, "-c", HOLDER, str(workspace.folder)], capture_output=True, text=True, check=False
        )
        assert "in use by process" in other.stderr
    with workspace.only_writer():
        pass


def test_the_lock_is_free_after_an_error(workspace: Workspace) -> None:
    with pytest.raises(KeyError), workspace.only_writer():
        raise KeyError
    with workspace.only_writer():
        pass


def test_what_a_killed_run_left_of_papers_is_swept_up_by_the_next(workspace: Workspace) -> None:
    done, taken, unknown = ("1" * 64, "2" * 64, "3" * 64)
    for sha256, state in ((done, ScanState.DONE), (taken, ScanState.TAKEN)):
        workspace.catalogue.take_scan("batch", Scan(Path("a.pdf"), sha256, 1, MediaType.PDF))
        workspace.catalogue.finish_scan(sha256, state)
    for id in ("decided", "waits"):
        workspace.catalogue.open_hold(
            Hold(id, "batch", taken, "a.pdf", 1, "", NOON, ("?",), {}, f"waiting/{id}.pdf"))  # fmt: skip
    workspace.catalogue.decide("decided", "accepted", values.change("accept"))
    kept = ["tmp/readings/" + sha256 for sha256 in (taken, unknown)] + ["waiting/waits.pdf", "waiting/unheard-of.pdf"]
    left = [f"tmp/readings/{done}", "tmp/page.jpg", "waiting/decided.pdf", "waiting/waits.pdf.part"]
    for name in kept + left:
        file = workspace.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if "readings" in name:
            file.mkdir()
            file /= "careful-auto-00001.json"
        file.write_text("a piece of a paper")
    with workspace.only_writer():
        assert [name for name in left if (workspace.folder / name).exists()] == []
        assert [name for name in kept if not (workspace.folder / name).exists()] == []


def filled(workspace: Workspace, folder: Path) -> None:
    for scan, dossier in (("a", "one"), ("b", "one"), ("c", "two")):
        deposit = workspace.archive.deposit(submission(folder, scan=scan, dossier=dossier))
        workspace.catalogue.note_deposit(deposit, who="An")


def listed(workspace: Workspace) -> list[tuple[object, ...]]:
    """The list of deposits but for the positions, which only ever grow."""
    return [tuple(row)[:-1] for row in workspace.catalogue.deposits()]


def test_rebuild_makes_the_same_list_from_the_archive_alone(workspace: Workspace, tmp_path: Path) -> None:
    filled(workspace, tmp_path)
    before = listed(workspace)
    assert len(before) == 3
    workspace.catalogue.close()
    for file in workspace.folder.glob("catalogue.db*"):
        file.unlink()
    assert run(["--workspace", str(workspace.folder), "rebuild"]) == 0
    assert listed(Workspace.open(workspace.folder)) == before
    assert run(["--workspace", str(workspace.folder), "audit"]) == 0


def test_rebuild_makes_the_index_that_finds_what_the_old_one_found(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace, tmp_path)
    command = ["--workspace", str(workspace.folder)]
    assert run([*command, "index", "rebuild"]) == 0

    def found() -> list[str]:
        capsys.readouterr()
        run([*command, "search", "quyet dinh", "--json"])
        return sorted(line["id"] for line in map(json.loads, capsys.readouterr().out.splitlines()) if "id" in line)

    before = found()
    assert before == ["one.001", "one.002", "two.001"]
    workspace.catalogue.close()
    for path in (*workspace.folder.glob("catalogue.db*"), *(workspace.folder / "index").rglob("*")):
        if path.is_file():
            path.unlink()
    assert run([*command, "rebuild"]) == 0
    assert found() == before


def test_rebuild_goes_on_past_a_damaged_object_and_says_so(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace, tmp_path)
    (workspace.archive.pdf("one.001").parent / "metadata.json").write_text("{}")
    assert run(["--workspace", str(workspace.folder), "rebuild"]) == 6
    said = capsys.readouterr()
    assert "document 001" in said.err
    assert "1 records in the archive are in the catalogue again" in said.out
    assert [row.id for row in workspace.catalogue.deposits()] == ["one.001", "one.002", "two.001"]


def test_audit_ends_with_6_and_names_the_file(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(workspace, tmp_path)
    command = ["--workspace", str(workspace.folder), "audit"]
    assert run(command) == 0
    assert "all as deposited" in capsys.readouterr().out
    workspace.archive.pdf("two.001").write_bytes(b"%PDF-1.7 another")
    assert run([*command, "--json"]) == 6
    *findings, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [(finding["fault"], finding["path"][-26:]) for finding in findings] == [
        ("altered", "v1/content/001/document.pdf"[-26:])
    ]
    assert (summary["whole"], summary["objects"], summary["faults"]) == (False, 2, {"altered": 1})
    assert run([*command, "--log"]) == 0
    assert "The log is whole" in capsys.readouterr().out


WAY = "postgresql+psycopg://sohoa@"


@pytest.mark.parametrize(
    "url",
    [
        f"{WAY}192.0.2.1/sohoa",
        f"{WAY}192.0.2.1/sohoa?sslmode=require",  # encrypted, for whoever answers
        f"{WAY}/sohoa?host=127.0.0.1,192.0.2.1",
        f"{WAY}127.0.0.1/sohoa?hostaddr=192.0.2.1",
    ],
)
def test_a_database_on_another_machine_is_asked_over_verified_tls_only(workspace: Workspace, url: str) -> None:
    settings = f'[catalogue]\nurl = "{url}"\n'
    (workspace.folder / "sohoa.toml").write_text(settings)
    with pytest.raises(SettingsRejected, match=r"192\.0\.2\.1 is another machine"):
        _ = Workspace.open(workspace.folder).catalogue
    for allowed in (f'[catalogue]\nurl = "{url}{"&" if "?" in url else "?"}sslmode=verify-full"\n'.replace(
                        "sslmode=require&", ""), f"{settings}allow_plain = true\n"):  # fmt: skip
        (workspace.folder / "sohoa.toml").write_text(allowed)
        assert Workspace.open(workspace.folder).catalogue_url


@pytest.mark.parametrize("url", [f"{WAY}127.0.0.1/sohoa", f"{WAY}/sohoa?host=/run/postgresql", f"{WAY}/sohoa"])
def test_a_database_on_this_machine_needs_no_tls(
    workspace: Workspace, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    (workspace.folder / "sohoa.toml").write_text(f'[catalogue]\nurl = "{url}"\n')
    assert Workspace.open(workspace.folder).catalogue_url == url


def test_a_run_whose_tables_a_newer_release_has_changed_is_told_before_it_takes_or_writes_anything(
    tmp_path: Path,
) -> None:
    workspace = Workspace.open(tmp_path / "sohoa")
    with workspace.only_intake():
        pass
    with workspace.catalogue.engine.begin() as connection:
        connection.execute(update(schema).values(version=SCHEMA_VERSION + 1))
    for alone in (workspace.only_intake, workspace.only_writer, workspace.only_reviewer):
        with pytest.raises(SettingsRejected, match=r"made by a newer version .*update sohoa"), alone():
            pass
