"""The main job from end to end: a day's drawn scans become signed, searchable, counted records, and stay so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pikepdf
import pytest

import cli
from commands.demo import PHRASE
from samples import papers
from samples.papers import RESULTS, SamplePaper
from samples.scans import FOLDERS, write_day

TOP = Path(cli.__file__).parent
DOCUMENTS = 8
"""Seven results and the form behind the second cover sheet."""
PAGES_OF_STACK = {"result": 1, "component": 2}


def program(*words: str | Path, cwd: Path) -> str:
    """What the command prints; it must have ended as one that did its work."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *map(str, words)],
        cwd=cwd, env=os.environ | {"SOHOA_LANG": "en", "PYTHONPATH": str(TOP)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def shown(home: Path) -> str:
    """What a newcomer sees who runs the demonstration."""
    return program("demo", cwd=home)


def rows(home: Path, *words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program("--workspace", "demo/sohoa", *words, cwd=home).splitlines()]


@pytest.fixture(scope="module")
def records(home: Path, shown: str) -> dict[str, dict[str, Any]]:
    """The archived records, by number and symbol."""
    found = rows(home, "search", "--json", "--from", "2000", "--limit", "100")[:-1]
    return {f"{row['number']}/{row['symbol']}": row for row in found}


@pytest.fixture(scope="module")
def waiting(home: Path, shown: str) -> list[dict[str, Any]]:
    return rows(home, "review", "list", "--json")


def drawn(number_symbol: str) -> tuple[str, SamplePaper]:
    [found] = [(unit, paper) for unit, day in RESULTS.items() for paper in day
               if f"{paper.number}/{paper.symbol}" == number_symbol]  # fmt: skip
    return found


def test_every_paper_is_archived_or_waits(records: dict[str, Any], waiting: list[dict[str, Any]]) -> None:
    assert len(records) + len(waiting) == DOCUMENTS
    assert all(hold["reasons"] for hold in waiting)


def test_what_is_archived_is_what_stands_on_the_paper(records: dict[str, dict[str, Any]]) -> None:
    assert records
    for number_symbol, record in records.items():
        unit, paper = drawn(number_symbol.removeprefix("0"))
        assert record["unit"] == unit
        assert record["issued_on"] == paper.issued_on.isoformat()
        assert record["abstract"] == paper.abstract
        assert record["type"] == (paper.type.capitalize() or "Công văn")


def test_a_number_written_by_pen_is_not_guessed(shown: str) -> None:
    before_the_person, _set, _after = shown.partition("number=3172")
    assert _set
    assert "3172/QĐ-UBND" not in before_the_person.replace("3172?", "")


def test_a_paper_is_found_by_words_typed_without_marks(home: Path, records: dict[str, Any]) -> None:
    [hit, summary] = rows(home, "search", "--json", *PHRASE.split())
    assert (hit["number"], hit["symbol"]) == (papers.PERMIT.number, papers.PERMIT.symbol)
    assert summary["total"] == 1


def test_the_report_counts_exactly_what_is_archived(home: Path, records: dict[str, dict[str, Any]]) -> None:
    report = json.loads(program("--workspace", "demo/sohoa", "report", "--format", "json", cwd=home))
    for level, unit in zip(report["levels"], FOLDERS, strict=True):
        assert level["now"]["digitised"] == sum(record["unit"] == unit for record in records.values())
        assert level["now"]["in_force"] == {"department": 4, "district": 4, "ward": 6}[level["level"]]


def test_a_cover_sheet_parts_the_stack_and_labels_what_lies_behind_it(
    home: Path, records: dict[str, dict[str, Any]], waiting: list[dict[str, Any]]
) -> None:
    stack = [hold for hold in waiting if hold["scan"].endswith("chong-ho-so.pdf")]
    pages = sorted((*hold["pages"],) for hold in stack)
    assert (4,) in pages or (4, 5) in pages
    assert not {1, 3} & {page for each in pages for page in each}  # the sheets themselves are no page of a record
    for record in records.values():
        if record["number"] == papers.LAND.number:
            assert record["dossier"] == papers.STACK_DOSSIER


def test_a_page_upside_down_is_read_upright(home: Path, waiting: list[dict[str, Any]]) -> None:
    [held] = [hold for hold in waiting if hold["scan"].endswith("chong-ho-so.pdf") and 4 in hold["pages"]]
    [form] = rows(home, "review", "show", held["id"], "--json")
    assert "Ngô Văn Phúc" in " ".join(form["text"])


def test_each_record_is_a_pdf_with_two_signatures(home: Path, records: dict[str, dict[str, Any]]) -> None:
    for record in records.values():
        [row] = rows(home, "show", record["id"], "--json")
        with pikepdf.open(home / row["pdf"]) as pdf:
            assert len(pdf.Root.AcroForm.Fields) == 2
            assert len(pdf.pages) == record["pages"]


def test_the_archive_is_what_was_deposited(home: Path, records: dict[str, Any]) -> None:
    program("--workspace", "demo/sohoa", "audit", cwd=home)


def test_the_scans_are_as_they_were(home: Path, shown: str, tmp_path: Path) -> None:
    for file in write_day(tmp_path):
        assert (home / "demo" / "scans" / file.relative_to(tmp_path)).read_bytes() == file.read_bytes()


def test_it_ends_with_a_signed_pdf_and_what_to_try_next(shown: str, home: Path) -> None:
    [line] = [line for line in shown.splitlines() if line.startswith("A signed, searchable PDF/A: ")]
    assert (home / line.removeprefix("A signed, searchable PDF/A: ")).read_bytes().startswith(b"%PDF-")
    assert "sohoa --workspace demo/sohoa verify" in shown


def test_a_second_time_reads_nothing_and_repeats_no_record(
    home: Path, records: dict[str, dict[str, Any]], waiting: list[dict[str, Any]]
) -> None:
    again = program("demo", cwd=home)
    assert again.count(" 0 pages in ") == len(FOLDERS)
    assert {row["id"] for row in rows(home, "search", "--json", "--from", "2000", "--limit", "100")[:-1]} == {
        record["id"] for record in records.values()
    }
    assert {hold["id"] for hold in rows(home, "review", "list", "--json")} == {hold["id"] for hold in waiting}
