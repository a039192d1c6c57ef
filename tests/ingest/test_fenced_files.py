"""Spreadsheets, and PDFs to sign or to check, are parsed by processes that can do no harm, and say the same."""

import multiprocessing
import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from archive.imports import UNIT_COLUMNS
from archive.rowfiles import RowFile, open_rows
from ingest.fencedchecks import FencedChecks
from ingest.fencedlook import first_look
from ingest.fencedrows import open_fenced_rows
from ingest.signing import sign, verify
from samples.keys import DemoKeys, make_demo_keys
from samples.scans import write_pdf
from schemas.documents import ComposedPdf
from schemas.errors import InputRejected
from tests.ingest.drawn import small_page
from tests.ingest.signed import seals as opened_seals

HEADINGS = ("Mã", "Tên", "Cấp", "Từ ngày")


def all_of(rows: RowFile) -> tuple[object, ...]:
    return rows.headings, rows.places, rows.ignored, rows.merged, [(line, list(cells)) for line, cells in rows.rows]


def workbook(file: Path, rows: int) -> Path:
    with xlsxwriter.Workbook(str(file)) as book:
        sheet = book.add_worksheet()
        sheet.merge_range(0, 0, 1, 3, "Danh sách đơn vị")
        sheet.write_row(2, 0, HEADINGS)
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for row in range(3, 3 + rows):
            sheet.write_row(row, 0, (f"H29.{row}", f"Phường {row}", 3))
            sheet.write_number(row, 3, 45_000.0 + row % 9, day)
    return file


def parquet(file: Path) -> Path:
    import duckdb

    duckdb.sql(
        "COPY (SELECT 'H29' AS ma, 'Sở' AS ten, 1.50::DECIMAL(4,2) AS cap, DATE '2023-08-15' AS tu_ngay, NULL AS x "
        f"FROM range(30)) TO '{file}' (FORMAT parquet)"
    )
    return file


def test_rows_come_out_of_the_fence_as_they_are(tmp_path: Path) -> None:
    for file in (workbook(tmp_path / "a.xlsx", 2_500), parquet(tmp_path / "a.parquet")):
        with open_rows(file, UNIT_COLUMNS) as here, open_fenced_rows(file, UNIT_COLUMNS) as there:
            assert all_of(there) == all_of(here)


def test_a_spreadsheet_that_swells_or_is_none_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(workbook(tmp_path / "a.xlsx", 10).read_bytes()[:2000])
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(tmp_path / "a.xlsx") as good, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in good.namelist():
            if name.endswith("sheet1.xml"):
                cells = "".join(f'<c r="A{row}" t="inlineStr"><is><t>x' + "</t></is></c>" for row in range(1, 9))
                far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
                packed.writestr(name, f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
                                      f'<sheetData><row r="1">{cells}</row>{far}</sheetData></worksheet>')  # fmt: skip
            else:
                packed.writestr(name, good.read(name))
    for file, says in ((broken, "not readable as a spreadsheet"), (bomb, "memory|crashes")):
        with pytest.raises(InputRejected, match=says) as refused, open_fenced_rows(file, UNIT_COLUMNS):
            pass
        assert str(file) in str(refused.value)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


def test_a_pdf_is_looked_at_and_checked_behind_the_fence_as_before_it(tmp_path: Path, keys: DemoKeys) -> None:
    plain = write_pdf(tmp_path / "plain.pdf", [small_page(1), small_page(2)], dpi=100)
    seen = first_look(plain)
    assert seen.pages == 2
    assert seen.ink
    signed = sign(ComposedPdf(plain, 2), opened_seals(keys), tmp_path / "signed.pdf", occupied=seen.ink)
    checks = FencedChecks()
    try:
        for file, roots in ((signed.path, keys.roots), (signed.path, None), (plain, None)):
            assert checks(file, roots) == verify(file, roots)
        for bytes_ in (b"%PDF-1.7\nnothing", b""):
            (tmp_path / "bad.pdf").write_bytes(bytes_)
            with pytest.raises(InputRejected, match="not a readable PDF"):
                checks(tmp_path / "bad.pdf", None)
            with pytest.raises(InputRejected, match="not a readable PDF"):
                first_look(tmp_path / "bad.pdf")
        assert checks(signed.path, None) == verify(signed.path, None)
    finally:
        checks.close()
    assert multiprocessing.active_children() == []
