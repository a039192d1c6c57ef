"""Files as offices have them: what is taken, what is said of the rest, and that nothing is half taken."""

import csv
import re
import threading
import unicodedata
from datetime import date
from fractions import Fraction
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from archive.catalogue import Catalogue
from archive.cells import day_of
from archive.imports import Imported
from archive.inventory import Register
from archive.keys import number_key, symbol_key, unit_key
from archive.rowfiles import OpensRows, open_rows
from ingest.fencedrows import open_fenced_rows
from schemas.errors import InputRejected
from schemas.units import InventoryRow, Level, Target

UNITS = "code,name,level\nH29.17,Quận 1,district\nW1,Phường Bến Nghé,ward\nW2,Phường 1,ward\nW3,Phường 1,ward\n"
HEADINGS = ("Đơn vị", "Số, ký hiệu", "Ngày ban hành", "Tên kết quả", "Ngày hết hiệu lực")


@pytest.fixture
def register(tmp_path: Path) -> Register:
    made = Register(Catalogue.open(f"sqlite:///{tmp_path / 'catalogue.db'}").engine)
    (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")
    made.import_units(tmp_path / "units.csv", rejects=tmp_path / "bad.csv")
    return made


def take(register: Register, file: Path, sheet: str | None = None) -> Imported:
    return register.import_inventory(file, rejects=file.with_name("rejected.csv"), sheet=sheet)


def lines(file: Path, *rows: tuple[str, ...], encoding: str = "utf-8") -> Path:
    with file.open("w", encoding=encoding, newline="") as out:
        csv.writer(out).writerows([HEADINGS, *rows])
    return file


def book(file: Path, rows: list[list[object]], *, second_sheet: bool = False, merged: str = "") -> Path:
    made = xlsxwriter.Workbook(file)
    sheet = made.add_worksheet("Danh mục")
    day = made.add_format({"num_format": "dd/mm/yyyy"})
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            if isinstance(cell, date):
                sheet.write_datetime(number, column, cell, day)
            else:
                sheet.write(number, column, cell)
    if merged:
        sheet.merge_range(merged, "Giấy phép")
    if second_sheet:
        made.add_worksheet("Khác").write(0, 0, "ghi chú")
    made.close()
    return file


def known(register: Register) -> list[tuple[str, str, str, date]]:
    return [(row.unit, row.number, row.symbol, row.issued_on) for row in register.inventory()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_is_read_with_or_without_a_byte_order_mark(register: Register, tmp_path: Path, encoding: str) -> None:
    file = lines(tmp_path / "a.csv", ("H29.17", "12/QĐ-UBND", "15/8/2023", "Giấy phép", ""), encoding=encoding)
    assert take(register, file).new == 1
    assert known(register) == [("H29.17", "12", "QĐ-UBND", date(2023, 8, 15))]


def test_windows_1258_is_converted(register: Register, tmp_path: Path) -> None:
    text = "Đơn vị;Số, ký hiệu;Ngày ban hành;Tên kết quả\nH29.17;12/QĐ-UBND;15/8/2023;Giấy phép xây dựng nhà ở\n"

    def as_windows(letter: str) -> str:
        # Windows-1258 keeps a vowel with its hook or hat as one letter and the tone after it
        parts = unicodedata.normalize("NFD", letter)
        tones = "\u0300\u0301\u0303\u0309\u0323"
        bare = unicodedata.normalize("NFC", "".join(c for c in parts if c not in tones))
        return bare + "".join(c for c in parts if c in tones)

    (tmp_path / "w.csv").write_bytes("".join(map(as_windows, text)).encode("cp1258"))
    assert take(register, tmp_path / "w.csv").new == 1
    assert [row.title for row in register.inventory()] == ["Giấy phép xây dựng nhà ở"]


def test_tcvn3_is_refused_by_its_name(register: Register, tmp_path: Path) -> None:
    # "Đơn vị", "Số, ký hiệu", "Ngày cấp" as the ABC fonts write them
    (tmp_path / "t.csv").write_bytes(b"\xa7\xacn v\xde,S\xe8 k\xfd hi\xd6u,Ng\xb5y c\xcap\nH29.17,12/Q\xa7,1/1/2023\n")
    with pytest.raises(InputRejected, match="TCVN3"):
        take(register, tmp_path / "t.csv")


def test_a_cell_in_tcvn3_inside_a_good_file_is_said_by_row(register: Register, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.csv", ("W1", "1/QĐ", "1/1/2023", "GiÊy phÐp x©y dùng ®Êt", ""))
    done = take(register, file)
    assert (done.new, done.rejects.count) == (0, 1)
    assert "TCVN3" in done.rejects.faults[0].reason


def test_a_title_above_the_headings_and_days_in_every_style_are_taken(register: Register, tmp_path: Path) -> None:
    file = book(tmp_path / "a.xlsx", [
        ["DANH MỤC KẾT QUẢ CÒN HIỆU LỰC"], [], ["Mã đơn vị", "Số", "Ký hiệu", "Ngày cấp", "Hiệu lực đến hết ngày"],
        ["H29.17", 12, "GPXD", date(2023, 8, 15), date(2024, 8, 14)],
        ["Quận 1", "1 234", "GPXD", "15.8.2023", ""],
        ["Phường Bến Nghé", 13.0, "GPXD", "ngày 15 tháng 8 năm 2023", ""],
    ])  # fmt: skip
    assert take(register, file).new == 3
    rows = {row.number: row for row in register.inventory()}
    assert {row.issued_on for row in rows.values()} == {date(2023, 8, 15)}
    assert rows["12"].in_force_until == date(2024, 8, 15)
    assert (rows["1234"].unit, rows["13"].unit) == ("H29.17", "W1")


def test_a_table_that_stands_far_down_its_sheet_is_found_and_its_rows_are_told_as_the_sheet_counts_them(
    register: Register, tmp_path: Path
) -> None:
    rows: list[list[object]] = [["Đơn vị", "Số ký hiệu", "Ngày cấp"], ["W1", "1/QĐ", "1/1/2023"], ["W1", "2/QĐ", "?"]]
    done = take(register, book(tmp_path / "a.xlsx", [[]] * 40 + rows))
    assert (done.new, [fault.line for fault in done.rejects.faults]) == (1, [43])


def test_bad_rows_are_said_by_row_column_and_reason_and_go_in_once_mended(register: Register, tmp_path: Path) -> None:
    file = lines(
        tmp_path / "a.csv",
        ("H29.17", "1/QĐ", "1/1/2023", "good", ""),
        ("H29.99", "2/QĐ", "1/1/2023", "no such unit", ""),
        ("Phường 1", "3/QĐ", "1/1/2023", "two units bear this name", ""),
        ("W1", "4/QĐ", "30/2/2023", "no such day", ""),
        ("W1", "QĐ", "1/1/2023", "no number", ""),
        ("W1", "6/QĐ", "1/1/2023", "ends before it begins", "1/1/2022"),
    )
    done = take(register, file)
    assert (done.new, done.rejects.count) == (1, 5)
    assert [(fault.line, fault.column) for fault in done.rejects.faults] == [
        (3, "Đơn vị"), (4, "Đơn vị"), (5, "Ngày ban hành"), (6, "Số, ký hiệu"), (7, "Ngày hết hiệu lực")]  # fmt: skip
    mended = done.rejects.path.read_text(encoding="utf-8-sig")
    for wrong, right in (
        ("H29.99", "H29.17"),
        ("Phường 1", "W2"),
        ("30/2", "28/2"),
        (",QĐ,", ",5/QĐ,"),
        ("1/1/2022", ""),
    ):
        mended = mended.replace(wrong, right)
    (tmp_path / "mended.csv").write_text(mended, encoding="utf-8")
    again = take(register, tmp_path / "mended.csv")
    assert (again.new, again.rejects.count, again.ignored) == (5, 0, ())


def test_the_same_file_twice_changes_nothing(register: Register, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.csv", ("W1", "1/QĐ", "1/1/2023", "a", ""), ("W1", "01/qđ", "2023-01-01", "a", ""))
    assert (take(register, file).new, take(register, file).new) == (1, 0)
    assert take(register, file).changed == 0


def test_two_lines_that_contradict_each_other_are_both_set_aside(register: Register, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.csv", ("W1", "1/QĐ", "1/1/2023", "a", ""), ("W1", "1/QĐ", "1/1/2023", "b", ""),
                 ("W1", "2/QĐ", "1/1/2023", "c", ""))  # fmt: skip
    done = take(register, file)
    assert (done.new, done.rejects.count) == (1, 2)
    assert "lines 2, 3" in done.rejects.faults[0].reason


def test_a_change_keeps_the_old_form_beside_it(register: Register, tmp_path: Path) -> None:
    from sqlalchemy import text

    take(register, lines(tmp_path / "a.csv", ("W1", "1/QĐ", "1/1/2023", "Giấy phép", "")))
    done = take(register, lines(tmp_path / "b.csv", ("W1", "1/QĐ", "1/1/2023", "", "1/6/2023")))
    assert (done.new, done.changed) == (0, 1)
    assert list(register.inventory()) == [
        InventoryRow("W1", "1", "QĐ", date(2023, 1, 1), "", "", "Giấy phép", date(2023, 1, 1), date(2023, 6, 1))
    ]
    with register.engine.connect() as connection:
        kept = connection.execute(text("SELECT superseded_at IS NULL FROM inventory ORDER BY id")).scalars().all()
    assert kept == [0, 1]


def test_an_import_that_is_stopped_leaves_nothing_half_taken(register: Register, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.csv", *((("W1", f"{n}/QĐ", "1/1/2023", "", "")) for n in range(1, 30_000)))

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        register.import_inventory(file, rejects=tmp_path / "bad.csv", on_rows=stop)
    assert known(register) == []
    assert register.day_counts(date(2023, 6, 1)) == ()


def test_a_report_can_be_asked_while_an_import_runs(register: Register, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.csv", ("W1", "1/QĐ", "1/1/2023", "", ""))
    seen: list[object] = []

    def ask(count: int) -> None:
        other = threading.Thread(target=lambda: seen.append(register.day_counts(date(2023, 6, 1))))
        other.start()
        other.join(20)

    register.import_inventory(file, rejects=tmp_path / "bad.csv", on_rows=ask)
    assert seen == [()]


def test_two_filled_sheets_ask_for_the_name_of_one(register: Register, tmp_path: Path) -> None:
    rows: list[list[object]] = [["Đơn vị", "Số ký hiệu", "Ngày cấp"], ["W1", "1/QĐ", "1/1/2023"]]
    file = book(tmp_path / "a.xlsx", rows, second_sheet=True)
    with pytest.raises(InputRejected, match="--sheet"):
        take(register, file)
    assert take(register, file, "Danh mục").new == 1


@pytest.mark.parametrize(("merged", "said"), [
    ("D2:D3", [(3, "Tên kết quả")]), ("B3:C3", [(3, "Ngày cấp")]), ("C2:D3", [(2, "Tên kết quả"), (3, "Ngày cấp")]),
    ("E2:E3", []),  # a column that means nothing here
])  # fmt: skip
@pytest.mark.parametrize("left", [0, 2])
@pytest.mark.parametrize("opened", [open_rows, open_fenced_rows])
def test_a_row_under_a_merged_cell_is_set_aside_by_its_cell(
    register: Register, tmp_path: Path, merged: str, said: list[tuple[int, str]], left: int, opened: OpensRows
) -> None:
    rows: list[list[object]] = [["Đơn vị", "Số ký hiệu", "Ngày cấp", "Tên kết quả", "Ghi chú"],
                                ["W1", "1/QĐ", "1/1/2023", "", ""], ["W1", "2/QĐ", "1/1/2023", "", ""]]  # fmt: skip
    shifted = re.sub("[A-E]", lambda letter: chr(ord(letter[0]) + left), merged)
    file = book(tmp_path / "a.xlsx", [[None] * left + row for row in rows], merged=shifted)
    done = register.import_inventory(file, rejects=tmp_path / "rejected.csv", open_with=opened)
    assert [(fault.line, fault.column) for fault in done.rejects.faults] == said
    assert (done.new, done.ignored) == (2 - len(said), ("Ghi chú",))
    assert all("merged" in fault.reason for fault in done.rejects.faults)


@pytest.mark.parametrize(("content", "said"), [
    (b"", "no column for unit"),
    (b"a,b\n1,2\n", "a | b"),
    (b"PAR1 cut off", "not readable as Parquet"),
    (b"%PDF-1.7", "save it as CSV or XLSX"),
    (b"PK\x03\x04broken", "not readable as a spreadsheet"),
    (b"\x00\x01\x02", "neither CSV nor a spreadsheet"),
])  # fmt: skip
def test_a_file_that_is_no_inventory_is_refused_with_the_reason(
    register: Register, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputRejected) as refused:
        take(register, tmp_path / "x.csv")
    assert said in str(refused.value)
    assert "x.csv" in str(refused.value)


def test_parquet_is_taken_with_its_types_and_whatever_its_name(register: Register, tmp_path: Path) -> None:
    file = tmp_path / "danh muc [2023] *.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"""
            COPY (SELECT 'W1' AS "Đơn vị", number::DECIMAL(9, 2) AS "Số", 'QĐ-UBND' AS "Ký hiệu",
                         DATE '2023-05-15' AS "Ngày ban hành", NULL::DATE AS "Ngày hết hiệu lực"
                  FROM range(1, 25002) AS numbers(number))
            TO '{tmp_path}/plain.parquet' (FORMAT parquet)
        """)
    (tmp_path / "plain.parquet").rename(file)
    assert take(register, file).new == 25_001
    assert take(register, file).same == 25_001
    assert ("W1", "7", "QĐ-UBND", date(2023, 5, 15)) in known(register)


def test_a_row_of_parquet_that_cannot_be_taken_is_named_and_can_be_mended(register: Register, tmp_path: Path) -> None:
    with duckdb.connect() as engine:
        engine.execute(f"""
            COPY (SELECT unit, '3/QĐ' AS number, DATE '2023-05-16' AS issued_on
                  FROM (VALUES ('W1'), ('no')) AS rows(unit))
            TO '{tmp_path}/a.parquet' (FORMAT parquet)
        """)
    done = take(register, tmp_path / "a.parquet")
    assert (done.new, [fault.line for fault in done.rejects.faults]) == (1, [3])
    assert "2023-05-16" in (tmp_path / "rejected.csv").read_text(encoding="utf-8-sig")


def test_a_result_in_the_lists_of_two_units_is_found(register: Register, tmp_path: Path) -> None:
    file = lines(
        tmp_path / "a.csv",
        ("W1", "12/QĐ-UBND", "1/6/2023", "Cấp phép cho ông A", ""),
        ("W2", "012/qđ-ubnd", "2023-06-01", "Cấp phép cho ông A", ""),
        ("W3", "12/QĐ-UBND", "1/6/2023", "Cấp phép cho bà B", ""),  # numbered alike, another result
        ("W3", "13/QĐ-UBND", "1/6/2023", "", ""),
        ("W2", "13/QĐ-UBND", "1/6/2023", "", ""),
    )
    done = take(register, file)
    assert [(fault.line, fault.column) for fault in done.doubled] == [(2, "Đơn vị"), (3, "Đơn vị")]
    assert "list of W2 too" in done.doubled[0].reason
    assert [(row.unit, row.title) for row in register.in_two_units()] == [
        ("W1", "Cấp phép cho ông A"), ("W2", "Cấp phép cho ông A")]  # fmt: skip
    later = take(register, lines(tmp_path / "b.csv", ("W1", "30/QĐ-UBND", "1/6/2023", "Cấp phép cho ông C", "")))
    assert later.doubled == ()
    later = take(register, lines(tmp_path / "c.csv", ("W3", "31/QĐ-UBND", "1/6/2023", "Cấp phép cho ông C", ""),
                                 ("W3", "30/QĐ-UBND", "1/6/2023", "cấp phép cho ông C", "")))  # fmt: skip
    assert (later.new, [fault.line for fault in later.doubled]) == (2, [3])


def listed_by(count: int, *more: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Rows of W1, each of its own, and *more*."""
    return [*(("W1", f"{n}/QĐ", "1/6/2023", f"Giấy phép số {n}", "") for n in range(1, count + 1)), *more]


@pytest.mark.parametrize("known", [3, 400], ids=["sorted with what is known", "sought in what is known"])
def test_results_in_two_lists_are_found_whatever_is_known_and_whatever_is_new(
    register: Register, tmp_path: Path, known: int
) -> None:
    take(register, lines(tmp_path / "a.csv", *listed_by(known)))
    done = take(register, lines(
        tmp_path / "b.csv",
        ("W2", "2/QĐ", "1/6/2023", "GIẤY PHÉP SỐ 2", ""),  # in the list of W1, in capitals
        ("W2", "3/QĐ", "1/6/2023", "Giấy khai sinh", ""),  # another result of the same number and day
        ("W2", "9000/QĐ", "1/6/2023", "Giấy khai tử", ""),
        ("W3", "9000/QĐ", "1/6/2023", "Giấy khai tử", ""),  # both in this file
        ("W1", "9001/QĐ", "1/6/2023", "Giấy khai tử", ""),
        ("W1", "1/QĐ", "1/6/2023", "Giấy phép số 1", ""),  # known already, in this list
    ))  # fmt: skip
    assert (done.new, done.same, done.doubled_count) == (5, 1, 3)
    assert [(fault.line, fault.reason.split(" of ")[-1][:2]) for fault in done.doubled] == [
        (2, "W1"), (4, "W3"), (5, "W2")]  # fmt: skip
    assert [(row.unit, row.number) for row in register.in_two_units()] == [
        ("W1", "2"), ("W2", "2"), ("W2", "9000"), ("W3", "9000")]  # fmt: skip


def test_of_many_results_in_two_lists_the_first_are_said_and_all_are_counted(
    register: Register, tmp_path: Path
) -> None:
    twice = [("W2", *row[1:]) for row in listed_by(70)]
    done = take(register, lines(tmp_path / "a.csv", *listed_by(90, *twice)))
    assert (done.new, done.doubled_count, [fault.line for fault in done.doubled]) == (160, 140, [*range(2, 22)])


def test_a_new_form_of_a_unit_ends_the_one_before(register: Register, tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("Mã,Tên đơn vị,Cấp,Từ ngày\nW1,Phường Sài Gòn,phường,1/7/2025\n", encoding="utf-8")
    register.import_units(tmp_path / "u.csv", rejects=tmp_path / "bad.csv")
    forms = [(u.name, u.valid_from, u.valid_to) for u in register.units() if u.code == "W1"]
    assert forms == [("Phường Bến Nghé", None, date(2025, 6, 30)), ("Phường Sài Gòn", date(2025, 7, 1), None)]


def test_the_targets_of_2023_are_there_and_later_ones_are_rows(register: Register, tmp_path: Path) -> None:
    assert [(t.level, t.share) for t in register.targets()] == [
        (Level.DEPARTMENT, Fraction(1, 2)), (Level.DISTRICT, Fraction(2, 5)),
        (Level.WARD, Fraction(7, 20)),
    ]  # fmt: skip
    (tmp_path / "t.csv").write_text(
        'Cấp,Năm,Đơn vị,Chỉ tiêu\nphường,2024,,"47,5%"\nphường,2024,W1,60\nphường,2024,W2,"0,5"\n', encoding="utf-8"
    )
    done = register.import_targets(tmp_path / "t.csv", rejects=tmp_path / "bad.csv")
    assert (done.new, done.rejects.count) == (2, 1)
    assert register.targets()[3:] == (
        Target(Level.WARD, 2024, Fraction(19, 40)), Target(Level.WARD, 2024, Fraction(3, 5), "W1"))  # fmt: skip


def test_a_unit_that_is_not_in_the_tree_is_said_by_cell_for_targets_parents_and_successors(
    register: Register, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(
        "Cấp,Năm,Đơn vị,Chỉ tiêu\nphường,2024,W9,60\nquận,2024,W1,60\nquận,2024,000.00.17.H29,60\n", encoding="utf-8"
    )
    done = register.import_targets(tmp_path / "t.csv", rejects=tmp_path / "bad.csv")
    assert [(fault.line, fault.column) for fault in done.rejects.faults] == [(2, "Đơn vị"), (3, "Cấp")]
    assert register.targets()[3:] == (Target(Level.DISTRICT, 2024, Fraction(3, 5), "H29.17"),)
    (tmp_path / "u.csv").write_text(
        "Mã,Tên đơn vị,Cấp,Đơn vị cấp trên,Đến hết ngày,Sáp nhập vào\n"
        "N1,Phường Mới,phường,000.00.17.H29,,\n"
        "N2,Phường Hai,phường,Quận 9,,\n"
        "W1,Phường Bến Nghé,phường,,31/12/2024,N1\n"
        "W2,Phường 1,phường,,31/12/2024,N2\n"
        "W3,Phường 1,phường,,,N1\n"
        "N3,Phường Ba,phường,,31/12/2024,N3\n", encoding="utf-8")  # fmt: skip
    done = register.import_units(tmp_path / "u.csv", rejects=tmp_path / "bad.csv")
    assert [(fault.line, fault.column) for fault in done.rejects.faults] == [
        (3, "Đơn vị cấp trên"), (6, "Sáp nhập vào"), (7, "Sáp nhập vào"), (5, "Sáp nhập vào")]  # fmt: skip
    assert {unit.code: (unit.parent, unit.successor) for unit in register.units()} == {
        "H29.17": (None, None), "N1": ("H29.17", None), "W1": (None, "N1"), "W2": (None, None), "W3": (None, None),
    }  # fmt: skip


def test_a_unit_imported_again_by_the_other_form_of_its_code_is_the_same_unit(
    register: Register, tmp_path: Path
) -> None:
    (tmp_path / "u.csv").write_text("code,name,level\n000.00.17.H29,Quận 1,district\n", encoding="utf-8")
    done = register.import_units(tmp_path / "u.csv", rejects=tmp_path / "bad.csv")
    assert (done.new, done.changed, done.same) == (0, 0, 1)


@pytest.mark.parametrize(("text", "day"), [
    ("29/2/2024", date(2024, 2, 29)), ("29-02-2024", date(2024, 2, 29)), ("2024-02-29 00:00:00", date(2024, 2, 29)),
    ("Ngày 29 tháng 02 năm 2024", date(2024, 2, 29)), ("29/2/2023", None), ("29/2/24", None), ("2/29/2024", None),
    ("", None), ("45000", None),
])  # fmt: skip
def test_days_are_read_in_vietnamese_order_and_never_guessed(text: str, day: date | None) -> None:
    assert day_of(text) == (day.toordinal() if day else None)


def test_numbers_symbols_and_codes_are_folded_for_matching() -> None:
    assert number_key("0012") == number_key(" 12 ")
    assert number_key("000") == "0"
    assert symbol_key("qđ – ubnd") == symbol_key("QĐ-UBND")
    assert unit_key("000.00.17.H29") == unit_key("h29.17") == "H29.17"
    assert unit_key("760") == "760"
