"""The office's list of procedures speaks wherever a code is given or shown."""

import json
import subprocess
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from ingest.reviewsheet import COLUMNS, FIELD, WHOLE
from samples.keys import DemoKeys, make_demo_keys
from schemas.work import Hold
from tests.commands.test_review import Desk, doubtful
from tests.commands.test_reviewnext import sitting
from tests.ingest.papers_read import decision

CODE, OTHER, NAME = "1.001193", "2.000815", "Cấp giấy phép xây dựng"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def desk(tmp_path: Path, keys: DemoKeys, capsys: pytest.CaptureFixture[str]) -> Desk:
    (tmp_path / "sohoa").mkdir()
    settings = keys.settings() + f'[archive]\nretention_by_procedure = ["{CODE}=02", "{OTHER}=05"]\n'
    (tmp_path / "sohoa" / "sohoa.toml").write_text(settings, encoding="utf-8")
    desk = Desk(tmp_path, capsys)
    (tmp_path / "procedures.csv").write_text(f"Mã,Tên\n{CODE},{NAME}\n{OTHER},Chứng thực bản sao\n", encoding="utf-8")
    assert desk.sohoa("procedures", "import", str(tmp_path / "procedures.csv")) == 0
    desk.shown()
    return desk


def waiting(desk: Desk, procedure: str, sure: bool = False) -> Hold:
    [hold] = desk.ingested([decision() if sure else doubtful()], procedure=procedure)
    return hold


def test_list_and_show_say_what_the_procedure_is_called(desk: Desk) -> None:
    hold = waiting(desk, CODE)
    assert desk.sohoa("review", "list") == 0
    assert f"{CODE} {NAME}" in desk.shown()
    assert desk.sohoa("review", "show", hold.id) == 0
    assert f"procedure {CODE} {NAME}" in desk.shown()
    for command in (["list"], ["show", hold.id]):
        assert desk.sohoa("review", *command, "--json") == 0
        told = json.loads(desk.shown())
        assert (told["procedure"], told["procedure_name"]) == (CODE, NAME)


def test_the_sheet_and_the_sitting_say_it_too(desk: Desk) -> None:
    waiting(desk, CODE)
    sheet = desk.folder / "holds.xlsx"
    assert desk.sohoa("review", "export", str(sheet)) == 0
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    [whole] = [row for row in rows if row[FIELD] == WHOLE]
    assert str(whole[COLUMNS.index("what")]).endswith(f"procedure {CODE} {NAME}")
    with sitting(desk) as clerk:
        clerk.expect(f"procedure {CODE} {NAME}")
        clerk.expect(r"q quit")
        clerk.send("q")


def test_a_code_that_the_list_lacks_waits_and_the_right_one_set_by_hand_lets_it_go_on(desk: Desk) -> None:
    hold = waiting(desk, "1.001139", sure=True)
    assert hold.reasons == (f"the list of procedures has no 1.001139; near it: {CODE} {NAME}",)
    assert desk.sohoa("review", "set", hold.id, "procedure=3.777777") == 4
    assert [one.id for one in desk.holds()] == [hold.id]
    assert desk.sohoa("review", "set", hold.id, f"procedure={CODE}", "--operator", "Bình") == 0
    [record] = desk.archive().records()
    assert record.procedure == CODE
    assert record.retention is not None
    assert record.retention.code == "02"
    [decided] = desk.archive().provenance(record.id).decisions
    assert decided.endswith(f"Bình: set procedure={CODE}")


def test_a_procedure_set_by_hand_is_taken_back_with_its_term(desk: Desk) -> None:
    hold = waiting(desk, CODE)
    assert desk.sohoa("review", "set", hold.id, f"procedure={OTHER}") == 0
    assert desk.holds()[0].submission["procedure"] == OTHER
    assert desk.sohoa("review", "undo", hold.id) == 0
    [again] = desk.holds()
    assert (again.submission["procedure"], again.submission["retention"]) == (CODE, "02")
    assert any(f"procedure '{CODE}' → '{OTHER}'" in entry.what for entry in desk.catalogue().log())


def test_an_operator_who_mistypes_a_code_is_told_before_anything_is_read(desk: Desk) -> None:
    (desk.folder / "inbox").mkdir()
    assert desk.sohoa("ingest", str(desk.folder / "inbox"), "--procedure", "1.001139") == 2
    assert desk.sohoa("cover", "--procedure", "1.001139", "-o", str(desk.folder / "cover.pdf")) == 2
    assert not (desk.folder / "cover.pdf").exists()
    assert desk.capsys.readouterr().err.count(f"near it: {CODE} {NAME}") == 2


def test_a_cover_sheet_names_the_procedure(desk: Desk) -> None:
    file = desk.folder / "cover.pdf"
    assert desk.sohoa("cover", "--procedure", CODE, "-o", str(file)) == 0
    said = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    assert f"{CODE} {NAME}" in " ".join(said.split())


def test_cover_sheets_are_drawn_without_a_workspace_and_make_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = Desk(tmp_path / "elsewhere", capsys)
    assert elsewhere.sohoa("cover", "--procedure", "1.001139", "-o", str(tmp_path / "cover.pdf")) == 0
    assert not elsewhere.workspace.exists()
