"""What waits goes out as a spreadsheet and comes back cell by cell."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import xlsxwriter
from PIL import Image
from python_calamine import CalamineWorkbook

from ingest.reviewsheet import ABSENT, ACCEPT, COLUMNS, DECISION, FIELD, REJECT, WHOLE, read_sheet, write_sheet
from schemas.documents import Document, Metadata
from schemas.errors import InputRejected
from tests import values


def doubted() -> Document:
    metadata = Metadata(number=values.held("3165", "3165", "3185"), symbol=values.accepted("QĐ-UBND"),
                        signer=values.held("=HYPERLINK(\"http://x\")"))  # fmt: skip
    return values.document(1, metadata=metadata)


def rows(file: Path) -> Sequence[Sequence[object]]:
    return CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python(skip_empty_area=False)


def filled(file: Path, decisions: dict[int, object]) -> Path:
    """The sheet as an office saves it: the same rows, with decisions typed in."""
    target = file.with_name("filled.xlsx")
    with xlsxwriter.Workbook(str(target), {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows(file)):
            for column, value in enumerate(row):
                sheet.write(number, column, value)
            if number in decisions:
                sheet.write(number, DECISION, decisions[number])
    return target


def test_a_row_for_the_whole_and_one_for_each_doubtful_field(tmp_path: Path) -> None:
    write_sheet([(values.hold(), doubted(), {})], tmp_path / "holds.xlsx", tmp_path)
    fields = [row[FIELD] for row in rows(tmp_path / "holds.xlsx")[1:]]
    assert fields[:2] == [WHOLE, "number"]
    assert "symbol" not in fields


def test_text_from_paper_never_becomes_a_formula(tmp_path: Path) -> None:
    write_sheet([(values.hold(), doubted(), {})], tmp_path / "holds.xlsx", tmp_path)
    [row] = [row for row in rows(tmp_path / "holds.xlsx") if row[FIELD] == "signer"]
    assert row[COLUMNS.index("reading")] == '=HYPERLINK("http://x")'


def test_the_crop_stands_in_its_row(tmp_path: Path) -> None:
    crop = tmp_path / "crop.png"
    Image.new("L", (400, 60), 200).save(crop)
    write_sheet([(values.hold(), doubted(), {"number": crop})], tmp_path / "holds.xlsx", tmp_path)
    assert b"xl/media/image1.png" in (tmp_path / "holds.xlsx").read_bytes()


def test_what_is_typed_comes_back_as_typed(tmp_path: Path) -> None:
    write_sheet([(values.hold(), doubted(), {})], tmp_path / "holds.xlsx", tmp_path)
    decided, wrong = read_sheet(filled(tmp_path / "holds.xlsx", {1: ACCEPT, 2: 3185, 3: ABSENT}))
    assert [(cell.cell, cell.field, cell.value) for cell in decided[:2]] == [
        ("I2", WHOLE, ACCEPT),
        ("I3", "number", "3185"),
    ]
    assert decided[2].value == ABSENT
    assert wrong == ()


def test_an_untouched_sheet_decides_nothing(tmp_path: Path) -> None:
    write_sheet([(values.hold(), doubted(), {})], tmp_path / "holds.xlsx", tmp_path)
    assert read_sheet(tmp_path / "holds.xlsx") == ((), ())


def test_a_cell_that_cannot_be_taken_is_named(tmp_path: Path) -> None:
    write_sheet([(values.hold(), doubted(), {})], tmp_path / "holds.xlsx", tmp_path)
    decided, [wrong] = read_sheet(filled(tmp_path / "holds.xlsx", {1: "perhaps"}))
    assert decided == ()
    assert wrong.cell == "I2"
    assert REJECT in wrong.reason


@pytest.mark.parametrize("content", [b"", b"id;decision\n", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_workbook_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "holds.xlsx"
    file.write_bytes(content)
    with pytest.raises(InputRejected, match=r"holds\.xlsx"):
        read_sheet(file)
