"""One computed value, and the same figures in every form."""

import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pypdfium2
import pytest
from python_calamine import CalamineWorkbook
from rich.console import Console

from reports.document import SCHEMA_FILE, ProgressOut, render_json, schema_text
from reports.page import render_html
from reports.paper import render_pdf
from reports.progress import Count, Progress, Waiting, progress, with_details
from reports.tables import render_csv
from reports.terminal import render_terminal
from reports.words import level_name, needed, percent, projected, tenths_down, whole
from reports.workbook import MET_WIDTH, TWO_LINES, render_xlsx
from schemas.procedures import Procedure
from schemas.units import DayCount, Level, Made, ProcedureCount, Target, Unit
from tests.services import verapdf

AS_OF = date(2023, 9, 15)
UNITS = [
    Unit("H29.1", "Sở Xây dựng", Level.DEPARTMENT),
    Unit("760", "Quận 1", Level.DISTRICT),
    Unit("761", "=HYPERLINK(\"x\")", Level.DISTRICT),
    Unit("1", "Phường <b>Bến Nghé</b>", Level.WARD, "760"),
    Unit("2", "Phường Trống", Level.WARD, "760"),
]  # fmt: skip
TARGETS = [
    Target(level, 2023, share)
    for level, share in zip(Level, (Fraction(1, 2), Fraction(2, 5), Fraction(7, 20)), strict=True)
]


@pytest.fixture(scope="module")
def report() -> Progress:
    counts = [
        DayCount("H29.1", AS_OF - timedelta(days=80), 10_000, 4_000),
        DayCount("H29.1", AS_OF - timedelta(days=3), 0, 999),  # 49.99 %
        DayCount("760", AS_OF - timedelta(days=80), 3000, 1201),  # 40.03 %
        DayCount("761", AS_OF - timedelta(days=80), 7, 2),  # 28.57 %
        DayCount("1", AS_OF - timedelta(days=80), 12_345, 4_321),  # 35.002… %
    ]
    return progress(AS_OF, UNITS, TARGETS, counts)


def expected(report: Progress) -> list[tuple[str, int, int, int | None]]:
    """Name, done, in force and rate of every unit."""
    return [(u.full_name, u.now.count.done, u.now.count.rows, u.now.count.hundredths) for u in report.units]


def test_the_schema_beside_the_code_is_the_one_that_the_json_follows(report: Progress) -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
    assert ProgressOut.model_validate_json(render_json(report)).form == "sohoa-progress/1"


def test_json_has_the_figures_and_null_where_there_is_no_data(report: Progress) -> None:
    found = json.loads(render_json(report))
    assert [(u["now"]["digitised"], u["now"]["in_force"]) for u in found["units"]] == [e[1:3] for e in expected(report)]
    assert [u["now"]["percent"] for u in found["units"]] == ["49.99", "40.03", "28.57", "35.00", None]
    assert [u["reached"] for u in found["units"]] == [False, True, False, True, None]


def test_csv_has_the_figures_and_no_formula(report: Progress) -> None:
    content = render_csv(report)
    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    units = lines[1 + len(report.levels) :]
    assert [(int(line[5]), int(line[4])) for line in units] == [e[1:3] for e in expected(report)]
    assert [line[6] for line in units] == ["49.99", "40.03", "28.57", "35.00", "no data"]
    assert not any(cell.startswith("=") for line in lines for cell in line)


def test_the_workbook_has_numbers_as_numbers(report: Progress) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(render_xlsx(report)))
    rows = book.get_sheet_by_name("Units").to_python()
    assert [(row[6], row[7]) for row in rows[1:]] == [(float(e[1]), float(e[2])) for e in expected(report)]
    assert [row[3] for row in rows[1:]] == [0.4999, 0.4003, 0.2857, 0.35, "no data"]
    levels = book.get_sheet_by_name("Levels").to_python()
    assert [row[1] for row in levels[1:] if row[0] in ("Departments", "District level", "Ward level")] == [
        0.4999, 0.4, 0.35]  # fmt: skip


def test_a_row_of_the_workbook_is_as_high_as_what_is_wrapped_in_it(report: Progress) -> None:
    units = ElementTree.fromstring(zipfile.ZipFile(io.BytesIO(render_xlsx(report))).read("xl/worksheets/sheet2.xml"))
    high = [float(row.get("ht", "15")) for row in units.iterfind(".//{*}sheetData/{*}row")][1:]
    long = [unit.now.left is not None and len(projected(unit.outlook)) > MET_WIDTH for unit in report.units]
    assert any(long)
    assert high == [TWO_LINES if two else 15 for two in long]


@pytest.fixture(scope="module")
def detailed(report: Progress) -> Progress:
    """The report beside that of an earlier day, with its procedures and operators."""
    earlier = progress(AS_OF - timedelta(days=30), UNITS[:-1], TARGETS, [
        DayCount("H29.1", AS_OF - timedelta(days=80), 9_000, 3_000),
    ])  # fmt: skip
    procedures = [ProcedureCount("1.004211", 100, 29), ProcedureCount("=1+1", 3, 0),
                  ProcedureCount("1.004222.000.00.00.H29", 40, 11)]  # fmt: skip
    known = [Procedure("1.004211", "Cấp giấy phép xây dựng", "Xây dựng"),
             Procedure("1.004222", "Sửa giấy phép xây dựng", "Xây dựng")]  # fmt: skip
    made = [Made("An", "b1", AS_OF, 12), Made("@Bình", "b2", AS_OF, 7)]
    return with_details(replace(report, compared=earlier), procedures, made, known)


def test_csv_has_the_earlier_day_beside_and_the_details_below(detailed: Progress) -> None:
    lines = list(csv.reader(io.StringIO(render_csv(detailed).decode("utf-8-sig"))))
    assert lines[0][22:27] == ["field of procedures", "in force on 2023-08-16", "digitised on 2023-08-16",
                               "rate on 2023-08-16, %", "change since 2023-08-16"]  # fmt: skip
    [works] = [line for line in lines if line[1] == "H29.1"]
    assert works[22:27] == ["", "9000", "3000", "33.33", "1999"]
    [new] = [line for line in lines if line[1] == "2"]
    assert new[22:27] == ["", "", "", "", ""]
    assert [line[1:7] + line[22:] for line in lines if line[0] == "procedure"] == [
        ["1.004211", "Cấp giấy phép xây dựng", "2023-09-15", "100", "29", "29.00", "Xây dựng"],
        ["1.004222.000.00.00.H29", "Sửa giấy phép xây dựng", "2023-09-15", "40", "11", "27.50", "Xây dựng"],
        ["'=1+1", "", "2023-09-15", "3", "0", "0.00", ""],
    ]
    assert [line[2:7] for line in lines if line[0] == "field of procedures"] == [
        ["Xây dựng", "2023-09-15", "140", "40", "28.57"], ["(none given)", "2023-09-15", "3", "0", "0.00"]]  # fmt: skip
    assert [(line[1], line[2], line[5]) for line in lines if line[0] == "operator, batch"] == [
        ("b2", "'@Bình", "7"), ("b1", "An", "12")]  # fmt: skip


def test_the_workbook_has_a_sheet_for_each_of_the_details(detailed: Progress) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(render_xlsx(detailed)))
    days = {row[1] or row[0]: row[3:] for row in book.get_sheet_by_name("Two days").to_python()[1:]}
    assert days["H29.1"] == [3000, 9000, 0.3333, 4999, 10_000, 0.4999, 1999]
    assert days["2"][:3] == ["", "", ""]
    assert book.get_sheet_by_name("Procedures").to_python()[1:] == [
        ["1.004211", "Cấp giấy phép xây dựng", "Xây dựng", 29, 100, 0.29, 71],
        ["1.004222.000.00.00.H29", "Sửa giấy phép xây dựng", "Xây dựng", 11, 40, 0.275, 29],
        ["=1+1", "", "", 0, 3, 0, 3],
    ]
    assert book.get_sheet_by_name("Fields").to_python()[1:] == [
        ["Xây dựng", 40, 140, 0.2857, 100], ["(none given)", 0, 3, 0, 3]]  # fmt: skip
    assert book.get_sheet_by_name("Operators").to_python()[1:] == [["@Bình", "b2", AS_OF, 7], ["An", "b1", AS_OF, 12]]


def test_every_form_calls_procedures_by_their_names_and_sums_their_fields(detailed: Progress) -> None:
    found = json.loads(render_json(detailed))
    assert [(one["procedure"], one["name"], one["field"]) for one in found["procedures"]] == [
        ("1.004211", "Cấp giấy phép xây dựng", "Xây dựng"),
        ("1.004222.000.00.00.H29", "Sửa giấy phép xây dựng", "Xây dựng"), ("=1+1", None, None)]  # fmt: skip
    assert [(one["field"], one["now"]["digitised"], one["now"]["in_force"]) for one in found["fields"]] == [
        ("Xây dựng", 40, 140), (None, 0, 3)]  # fmt: skip
    page = Seen()
    page.feed(render_html(detailed).decode())
    console = Console(width=200, record=True, file=io.StringIO(), color_system=None)
    console.print(render_terminal(detailed))
    paper = pypdfium2.PdfDocument(render_pdf(detailed))
    for shown in (" ".join(page.text), console.export_text(),
                  " ".join(one.get_textpage().get_text_range() for one in paper)):  # fmt: skip
        flat = re.sub(r"\s+", " ", shown)
        assert "Cấp giấy phép xây dựng" in flat
        assert "Xây dựng 28.57% 40 140" in flat


def test_csv_says_what_waits_and_what_is_in_no_rate(report: Progress) -> None:
    said = replace(report, waiting=Waiting(7, AS_OF - timedelta(days=9)), homeless=Count(12, 3))
    lines = list(csv.reader(io.StringIO(render_csv(said).decode("utf-8-sig"))))
    assert ["", "", "units that no longer stand, in no rate", "2023-09-15", "12", "3"] in lines
    assert ["waiting for a person, since", "", "", "2023-09-06", "", "7"] in lines


def weeks_of(report: Progress) -> list[tuple[date, list[Count]]]:
    """The days of the weekly line, and the count of each level."""
    lines = [level.line for level in report.levels]
    return [(points[0].day, [point.count for point in points]) for points in zip(*lines, strict=True)]


def test_csv_has_the_outlook_and_the_weekly_line_of_each_level_and_unit(report: Progress) -> None:
    head, *lines = csv.reader(io.StringIO(render_csv(report).decode("utf-8-sig")))
    found = json.loads(render_json(report))
    for line, one in zip(lines, [*found["levels"], *found["units"]], strict=True):
        cells = dict(zip(head, line, strict=True))
        never = "" if one["still_to_do"] is None else "not at this pace"
        assert [cells["met on"], cells["met at the earliest"], cells["met at the latest"]] == [
            one[name] or never for name in ("met_on", "met_earliest", "met_latest")]  # fmt: skip
        assert 0 <= Fraction(one["pace_a_day"]) - Fraction(cells["pace a day"]) < Fraction(1, 10)
        assert cells["target of the year"] == ("" if one["target"] is None else str(one["target"]["year"]))
        weeks = [(f"week to {week['day']}: ", week) for week in one["weeks"]]
        assert [(int(cells[name + "in force"]), int(cells[name + "digitised"])) for name, _week in weeks] == [
            (week["in_force"], week["digitised"]) for _name, week in weeks]  # fmt: skip
    columns = [head.index(name) for name in ("units", "units with data", "units reached")]
    names = ("units", "units_with_data", "units_reached")
    for line, one in zip(lines, found["levels"], strict=False):
        assert [line[column] for column in columns] == [str(one[name]) for name in names]


def test_the_weekly_line_is_the_same_in_every_form(report: Progress) -> None:
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(render_xlsx(report))).get_sheet_by_name("Weeks").to_python()
    page = Seen()
    page.feed(render_html(report).decode())
    console = Console(width=200, record=True, file=io.StringIO(), color_system=None)
    console.print(render_terminal(report))
    paper = pypdfium2.PdfDocument(render_pdf(report))
    text = " ".join(one.get_textpage().get_text_range() for one in paper)
    shown = {"page": " ".join(page.text), "terminal": console.export_text(), "paper": text}
    flat = {form: re.sub(r"\s+", " ", words) for form, words in shown.items()}
    for number, (day, counts) in enumerate(weeks_of(report), 1):
        assert sheet[number] == [day, *(value for count in counts for value in (
            count.done, count.rows, "" if count.hundredths is None else count.hundredths / 10_000))]  # fmt: skip
        said = " ".join(f"{percent(count.hundredths)} {whole(count.done)} {whole(count.rows)}" for count in counts)
        for form, words in flat.items():
            assert f"{day.isoformat()} {said}" in words, form


def test_the_outlook_is_the_same_in_every_form(report: Progress) -> None:
    page = Seen()
    page.feed(render_html(report).decode())
    paper = pypdfium2.PdfDocument(render_pdf(report))
    console = Console(width=250, record=True, file=io.StringIO(), color_system=None)
    console.print(render_terminal(report))
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(render_xlsx(report))).get_sheet_by_name("Levels").to_python()
    flat = {
        form: re.sub(r"\s+", " ", words)
        for form, words in {
            "page": " ".join(page.text),
            "paper": " ".join(one.get_textpage().get_text_range() for one in paper),
            "terminal": console.export_text(),
            "sheet": " ".join(str(cell) for row in sheet for cell in row),
        }.items()
    }
    for level in report.levels:
        said = projected(level.outlook)
        assert all(said in words for words in flat.values()), said
        [row] = [row for row in sheet if row[0] == level_name(level.level)]
        assert [row[6], f"{row[8]:.1f}"] == [level.now.left, tenths_down(level.outlook.pace_a_day)]
        assert (f"{row[9]:.1f}", row[10]) == (needed(level.outlook), level.outlook.due)
        for words in (flat["page"], flat["paper"], flat["terminal"]):
            assert {tenths_down(level.outlook.pace_a_day), needed(level.outlook)} <= set(words.split())


class Seen(HTMLParser):
    """A page's text, its headings in order, and everything that it would ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.headings: list[int] = []
        self.requests: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.requests += [
            f"{tag} {name}" for name, _value in attrs if name in ("src", "href", "srcset", "data", "action")
        ]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_has_the_figures_asks_for_nothing_and_is_in_order(report: Progress) -> None:
    page = render_html(report).decode()
    seen = Seen()
    seen.feed(page)
    cells = [text.strip() for text in seen.text if text.strip()]
    for name, done, rows, hundredths in expected(report):
        if rows:
            assert {name, whole(done), whole(rows), percent(hundredths)} <= set(cells)
    assert any("Phường Trống" in cell and "Without data (1)" in cell for cell in cells)
    assert seen.requests == []
    assert "url(" not in page
    assert "@import" not in page
    assert seen.headings[0] == 1
    assert seen.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(seen.headings, seen.headings[1:], strict=False))


def test_a_page_before_any_data_and_any_target_says_so_once_a_level() -> None:
    seen = Seen()
    seen.feed(render_html(progress(date(2020, 1, 1), UNITS, TARGETS, [])).decode())
    said = [text.strip() for text in seen.text]
    assert (said.count("no data"), said.count("no target set"), said.count("0 / 0")) == (3, 3, 3)


def test_the_pdf_has_the_figures_and_the_head_of_an_agencys_report(report: Progress) -> None:
    document = pypdfium2.PdfDocument(render_pdf(report, agency="UBND Quận 1"))
    text = " ".join(page.get_textpage().get_text_range() for page in document)
    flat = re.sub(r"\s+", " ", text)
    assert "UBND QUẬN 1" in flat
    assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in flat
    for _name, done, rows, hundredths in expected(report):
        if rows:
            assert whole(done) in flat
            assert whole(rows) in flat
            assert percent(hundredths) in flat


def test_the_terminal_has_the_figures(report: Progress) -> None:
    console = Console(width=200, record=True, file=io.StringIO(), color_system=None)
    console.print(render_terminal(report))
    shown = console.export_text()
    for _name, done, rows, hundredths in expected(report):
        if rows:
            assert re.search(rf"\b{whole(done)} +{whole(rows)} ", shown)
            assert percent(hundredths) in shown
    assert "1 units have no data" in shown


@pytest.mark.service("veraPDF")
def test_the_pdf_is_pdf_a_2b_so_that_it_can_be_signed_and_kept(report: Progress, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(render_pdf(report, agency="UBND Quận 1"))
    assert verapdf.faults([file]) == {}
