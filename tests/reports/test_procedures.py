"""What procedures are called: imported as files have it, dated, and used wherever a code alone says little."""

import json
from datetime import date
from pathlib import Path

import pytest

from archive.catalogue import Catalogue
from archive.imports import Imported
from archive.inventory import Register
from schemas.procedures import Procedure, procedure_finder
from tests.reports.test_commands import Typed, typed

__all__ = ["typed"]
HEADINGS = "Mã thủ tục,Tên thủ tục hành chính,Lĩnh vực,Áp dụng từ ngày\n"


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(Catalogue.open(f"sqlite:///{tmp_path / 'catalogue.db'}").engine)


def take(register: Register, file: Path, *lines: str, headings: str = HEADINGS) -> Imported:
    file.write_text(headings + "\n".join(lines) + "\n", encoding="utf-8")
    return register.import_procedures(file, rejects=file.with_name("rejected.csv"))


def test_procedures_are_taken_once_and_a_change_keeps_the_old_form(register: Register, tmp_path: Path) -> None:
    first = "1.001193,Đăng ký khai sinh,Hộ tịch,"
    assert take(register, tmp_path / "a.csv", first, "1.004211,Cấp giấy phép,Xây dựng,").new == 2
    again = take(register, tmp_path / "a.csv", first, "1.004211,Cấp giấy phép,,")
    assert (again.new, again.changed, again.same) == (0, 0, 2)
    done = take(register, tmp_path / "b.csv", "1.001193,Đăng ký khai sinh (sửa),Hộ tịch,1/7/2025",
                "1.004211,Cấp giấy phép xây dựng,,")  # fmt: skip
    assert (done.new, done.changed) == (1, 1)
    assert register.procedures() == (
        Procedure("1.001193", "Đăng ký khai sinh", "Hộ tịch"),
        Procedure("1.001193", "Đăng ký khai sinh (sửa)", "Hộ tịch", date(2025, 7, 1)),
        Procedure("1.004211", "Cấp giấy phép xây dựng", "Xây dựng"),
    )
    with register.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT name FROM procedures WHERE superseded_at IS NOT NULL").scalars().all()
    assert kept == ["Cấp giấy phép"]


def test_a_row_of_procedures_that_cannot_be_taken_is_said_by_its_cell(register: Register, tmp_path: Path) -> None:
    done = take(register, tmp_path / "a.csv", "1.001193,Đăng ký khai sinh,Hộ tịch,", "1.001193,Khai sinh,Hộ tịch,",
                "1.001193,Đăng ký khai sinh,Tư pháp,", "1 001193,Khai tử,,", ",Khai tử,,", "1.001194,,,",
                "1.001195,Kết hôn,,30/2/2025", "1.001193,Đăng ký khai sinh,Hộ tịch,")  # fmt: skip
    assert (done.new, done.rejects.count) == (1, 6)
    assert [(fault.line, fault.column) for fault in done.rejects.faults] == [
        (3, "Tên thủ tục hành chính"), (4, "Lĩnh vực"), (5, "Mã thủ tục"), (6, "Mã thủ tục"),
        (7, "Tên thủ tục hành chính"), (8, "Áp dụng từ ngày")]  # fmt: skip


def test_a_procedure_is_called_as_on_the_day_and_a_local_code_as_the_national_one() -> None:
    known = [Procedure("1.000494", "New", valid_from=date(2025, 7, 1)), Procedure("1.000494", "Old"),
             Procedure("2.000123", "Later", valid_from=date(2024, 1, 1))]  # fmt: skip

    def called(code: str, day: date) -> str | None:
        found = procedure_finder(known, day)(code)
        return found.name if found is not None else None

    assert called("1.000494", date(2025, 6, 30)) == "Old"
    assert called("1.000494.000.00.00.H29", date(2025, 7, 1)) == "New"
    assert called("2.000123", date(2023, 1, 1)) == "Later"  # no other name is known
    assert called("1.00049", date(2025, 7, 1)) is None
    assert called("", date(2025, 7, 1)) is None


def test_the_commands_list_export_and_name_procedures_in_a_report(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("code,name,field\n1.001193,Đăng ký khai sinh,Hộ tịch\n", encoding="utf-8")
    assert typed("procedures list")[1].startswith("No procedures")
    assert typed("procedures import FOLDER/p.csv")[:2] == (0, "1 new, 0 changed, 0 known already, 0 rejected\n")
    assert json.loads(typed("procedures list --json")[1]) == {
        "code": "1.001193", "name": "Đăng ký khai sinh", "field": "Hộ tịch", "valid_from": None}  # fmt: skip
    assert "Hộ tịch" in typed("procedures list")[1]
    assert typed("procedures export -o FOLDER/out.csv")[0] == 0
    assert typed("procedures import FOLDER/out.csv --json")[1].startswith('{"new": 0, "changed": 0, "same": 1')
    typed("units import FOLDER/units.csv")
    (tmp_path / "rows.csv").write_text(
        "Đơn vị,Số,Ký hiệu,Ngày cấp,Mã thủ tục\n760,1,QĐ,1/6/2023,1.001193\n760,2,QĐ,1/6/2023,9.9\n", encoding="utf-8"
    )
    typed("inventory import FOLDER/rows.csv")
    found = json.loads(typed("report --as-of 2023-12-31 --details --json")[1])
    assert [(one["procedure"], one["name"], one["field"]) for one in found["procedures"]] == [
        ("1.001193", "Đăng ký khai sinh", "Hộ tịch"), ("9.9", None, None)]  # fmt: skip
    of_one = typed("report --as-of 2023-12-31 --procedure 1.001193")[1]
    assert "procedure 1.001193 Đăng ký khai sinh" in of_one
