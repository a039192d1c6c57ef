"""What a number by pen may be is shown wherever a person decides on it: by the inventory, by the papers beside it."""

import json
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

import cli
from ingest.reviewsheet import CHOICES, COLUMNS, FIELD
from samples import papers
from samples.drawing import draw_paper
from samples.inventory import write_inventory, write_units
from samples.keys import DemoKeys, make_demo_keys
from samples.scans import scanned, write_png
from tests.commands.test_review import Desk, doubtful
from tests.commands.test_reviewnext import sitting
from tests.ingest.office import ALSO
from tests.ingest.papers_read import decision


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def desk(tmp_path: Path, keys: DemoKeys, capsys: pytest.CaptureFixture[str]) -> Desk:
    (tmp_path / "sohoa").mkdir()
    (tmp_path / "sohoa" / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    return Desk(tmp_path, capsys)


def listed(desk: Desk) -> None:
    """The unit's inventory, with the result that the paper is, and another of its day."""
    (desk.folder / "units.csv").write_text("Mã,Tên,Cấp\nH29.17,Quận 1,quận\n", encoding="utf-8")
    (desk.folder / "rows.csv").write_text(
        'Đơn vị,"Số, ký hiệu",Ngày cấp,Tên kết quả,Mã kết quả\n'
        "H29.17,4711/QĐ-UBND,15/8/2023,Thu hồi đất,KQ.G15.000012\n"
        "H29.17,1177/QĐ-UBND,15/8/2023,Cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi,KQ.G15.000031\n",
        encoding="utf-8",
    )
    assert desk.sohoa("units", "import", str(desk.folder / "units.csv")) == 0
    assert desk.sohoa("inventory", "import", str(desk.folder / "rows.csv")) == 0
    desk.shown()


def candidates(desk: Desk, id: str) -> list[str]:
    assert desk.sohoa("review", "show", id, "--json") == 0
    found: list[str] = json.loads(desk.shown())["fields"]["number"]["candidates"]
    return found


def test_the_results_that_it_may_be_are_shown_and_the_record_then_bears_its_code(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    listed(desk)
    assert candidates(desk, hold.id) == ["1177", "4711", "77"]
    assert desk.sohoa("review", "set", hold.id, "number=1177", "--operator", "Bình") == 0
    [record] = desk.archive().records()
    [kept] = (desk.workspace / "archive").rglob("metadata.json")
    fields = json.loads(kept.read_text(encoding="utf-8"))["fields"]
    assert (record.number, fields["result_code"]["value"]) == ("1177", "KQ.G15.000031")


def test_they_are_in_the_spreadsheets_row_and_its_drop_down(desk: Desk) -> None:
    desk.ingested([doubtful("77")])
    listed(desk)
    sheet = desk.folder / "holds.xlsx"
    assert desk.sohoa("review", "export", str(sheet)) == 0
    book = CalamineWorkbook.from_path(str(sheet))
    [number] = [row for row in book.get_sheet_by_index(0).to_python() if row[FIELD] == "number"]
    assert number[COLUMNS.index("or else")] == "1177 | 4711"
    assert any(row[-2:] == ["1177", "4711"] for row in book.get_sheet_by_name(CHOICES).to_python())


def test_a_key_takes_one_of_them(desk: Desk) -> None:
    desk.ingested([doubtful("77")])
    listed(desk)
    with sitting(desk) as clerk:
        clerk.expect(r"\(1/1\) number\?")
        clerk.expect(r"\[1\] 77")
        clerk.expect(r"\[2\] 1177")
        clerk.expect(r"\[3\] 4711")
        clerk.send("2")
        clerk.expect("archived as")
    assert [record.number for record in desk.archive().records()] == ["1177"]


@pytest.mark.parametrize("waits", [False, True], ids=["archived", "waiting"])
def test_papers_beside_it_in_other_scans_of_the_batch_leave_a_number_open(desk: Desk, waits: bool) -> None:
    number_confidence = 0.6 if waits else 0.97
    holds = desk.ingested(
        [decision("3164", street="Hàm Nghi", number_confidence=number_confidence)], [doubtful("8")],
        [decision("3166", street="Pasteur", number_confidence=number_confidence)],
    )  # fmt: skip
    [hold] = [hold for hold in holds if hold.scan_path.endswith("002.tif")]
    assert [record.number for record in desk.archive().records()] == ([] if waits else ["3164"])
    assert candidates(desk, hold.id) == ["3165", "8"]


def test_archived_papers_of_the_same_scan_are_its_neighbours_by_their_pages(desk: Desk) -> None:
    papers_of_scan = [decision("100", street="Hàm Nghi"), decision("3164"), doubtful("8"), decision("3166", also=ALSO)]
    [hold] = desk.ingested(papers_of_scan)
    assert candidates(desk, hold.id) == ["3165", "8"]


def test_reading_without_storing_offers_them_too(desk: Desk) -> None:
    [page] = draw_paper(papers.BUSINESS, seed=11)
    scan = write_png(desk.folder / "by-pen.png", scanned(page, seed=11))
    (desk.folder / "lists").mkdir()
    units, rows = desk.folder / "lists" / "units.csv", desk.folder / "lists" / "rows.csv"
    assert desk.sohoa("units", "import", str(write_units(units))) == 0
    assert desk.sohoa("inventory", "import", str(write_inventory(rows))) == 0
    desk.shown()
    assert cli.run(["--workspace", str(desk.workspace), "read", "--json", "--fast", "--workers", "1", "--unit",
                    papers.DISTRICT_UNIT, str(scan)]) == 0  # fmt: skip
    number = json.loads(desk.shown())["fields"]["number"]
    assert number["state"] == "held"
    assert number["candidates"][0] == papers.BUSINESS.number
