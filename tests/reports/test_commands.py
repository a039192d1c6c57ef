"""The commands as a person types them, over a workspace of their own."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

import cli
from archive.catalogue import Catalogue
from archive.tables import records
from samples.keys import make_demo_keys
from tests.archive.test_catalogue import HOLD
from tests.reports.test_publishing import receiver
from tests.services import verapdf

Typed = Callable[[str], tuple[int, str, str]]
"""Types a command line; gives exit code, what was printed and what was said beside it."""


@pytest.fixture
def typed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Typed:
    def run(line: str) -> tuple[int, str, str]:
        code = cli.run(["--workspace", str(tmp_path / "ws"), *line.replace("FOLDER", str(tmp_path)).split()])
        out = capfd.readouterr()
        return code, out.out, out.err

    (tmp_path / "units.csv").write_text("Mã,Tên,Cấp\n760,Quận 1,quận\n26734,Phường Tân Định,phường\n", encoding="utf-8")
    (tmp_path / "rows.csv").write_text(
        'Đơn vị,"Số, ký hiệu",Ngày cấp,Tên kết quả\n'
        "760,1/QĐ-UBND,1/6/2023,Một\n760,2/QĐ-UBND,1/6/2023,Hai\n999,3/QĐ-UBND,1/6/2023,Ba\n",
        encoding="utf-8",
    )
    return run


FIRST_BYTES = {"csv": b"\xef\xbb\xbf", "html": b"<!DOCTYPE", "xlsx": b"PK", "pdf": b"%PDF"}


def deposit(folder: Path) -> None:
    catalogue = Catalogue.open(f"sqlite:///{folder / 'ws' / 'catalogue.db'}")
    row = {c.name: "" for c in records.columns if not c.nullable} | {
        "id": "D.001", "serial": 1, "version": 1, "unit": "760", "kind": "result", "number": "01", "symbol": "QĐ-UBND",
        "deposited_at": "2023-07-01T03:00:00.000000+00:00", "position": 1,
    }  # fmt: skip
    with catalogue.engine.begin() as connection:
        connection.execute(records.insert().values(issued_on=date(2023, 6, 1), **row))
    catalogue.close()


def test_from_units_and_inventory_to_a_rate_and_its_reasons(typed: Typed, tmp_path: Path) -> None:
    assert typed("units import FOLDER/units.csv")[:2] == (0, "2 new, 0 changed, 0 known already, 0 rejected\n")
    code, out, err = typed("inventory import FOLDER/rows.csv")
    assert (code, out) == (3, "2 new, 0 changed, 0 known already, 1 rejected\n")
    assert "row 4, Đơn vị: no unit '999'" in err
    deposit(tmp_path)
    code, out, _err = typed("report --as-of 2023-12-31 --format json")
    found = {unit["code"]: unit for unit in json.loads(out)["units"]}
    assert found["760"]["now"] == {"in_force": 2, "digitised": 1, "percent": "50.00"}
    assert found["26734"]["now"]["percent"] is None
    code, out, _err = typed("report --as-of 2023-12-31 --why 760")
    assert "1 of 2 results in force have a record: 50.00%" in out
    assert "no record" in out
    assert typed("report --as-of 2023-06-30 --json")[1].count('"digitised": 1') == 0


def test_the_reasons_are_a_table_whose_sum_is_the_rates_numerator(typed: Typed, tmp_path: Path) -> None:
    typed("units import FOLDER/units.csv")
    typed("inventory import FOLDER/rows.csv")
    deposit(tmp_path)
    assert typed("report --as-of 2023-12-31 --why 760 --format csv -o FOLDER/why.csv")[0] == 0
    with (tmp_path / "why.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["number"], row["counts"], row["records"]) for row in rows] == [("1", "1", "D.001"), ("2", "0", "")]
    assert [row["why"] for row in rows] == ["✓ counts since 2023-07-01", "✗ no record"]
    assert typed("report --as-of 2023-12-31 --why 760 --format xlsx -o FOLDER/why.xlsx")[0] == 0
    book = CalamineWorkbook.from_path(str(tmp_path / "why.xlsx")).get_sheet_by_index(0).to_python()
    assert [(row[1], row[6], row[8]) for row in book[1:]] == [("1", date(2023, 6, 1), 1), ("2", date(2023, 6, 1), 0)]
    assert typed("report --why 760 --format pdf -o FOLDER/why.pdf")[0] == 2


def test_what_is_exported_can_be_imported_and_changes_nothing(typed: Typed, tmp_path: Path) -> None:
    typed("units import FOLDER/units.csv")
    typed("inventory import FOLDER/rows.csv")
    (tmp_path / "names.csv").write_text("code,name,field\n1.001193,Khai sinh,Hộ tịch\n", encoding="utf-8")
    typed("procedures import FOLDER/names.csv")
    for what in ("units", "inventory", "targets", "procedures"):
        assert typed(f"{what} export -o FOLDER/{what}.out.csv")[0] == 0
        code, out, err = typed(f"{what} import FOLDER/{what}.out.csv")
        assert (code, out.split(",")[:2], err) == (0, ["0 new", " 0 changed"], ""), what


@pytest.mark.parametrize(("line", "said"), [
    ("report --why 760 --procedure P", "--why and --procedure"), ("report --why 760 --unit 760", "--why and --unit"),
    ("report --handled FOLDER/rows.csv --level ward", "--handled and --level"),
    ("report --watch 1 --as-of 2023-06-30", "--watch and --as-of"), ("report --from 2023-01-01", "--handled only"),
])  # fmt: skip
def test_options_that_would_be_left_out_are_refused(typed: Typed, line: str, said: str) -> None:
    typed("units import FOLDER/units.csv")
    code, out, err = typed(line)
    assert (code, out, said in err) == (2, "", True)


def test_a_procedure_without_results_is_said(typed: Typed) -> None:
    typed("units import FOLDER/units.csv")
    typed("inventory import FOLDER/rows.csv")
    assert "No result of procedure 9.999999" in typed("report --procedure 9.999999")[2]


def test_wrong_asking_is_answered_with_what_to_do(typed: Typed) -> None:
    typed("units import FOLDER/units.csv")
    assert typed("report --unit 999")[0] == 4
    code, _out, err = typed("report --as-of 2023-06-30 --compare 2023-06-30")
    assert (code, "not before" in err) == (2, True)
    assert typed("inventory import FOLDER/none.csv")[0] == 4
    code, _out, err = typed("report --format xlsx -o FOLDER/no/such/folder.xlsx")
    assert (code, "cannot be written" in err) == (5, True)


@pytest.mark.parametrize(("form", "begins"), FIRST_BYTES.items())
def test_every_form_goes_to_a_file(typed: Typed, tmp_path: Path, form: str, begins: bytes) -> None:
    typed("units import FOLDER/units.csv")
    assert typed(f"report --format {form} -o FOLDER/report.{form}")[0] == 0
    assert (tmp_path / f"report.{form}").read_bytes().startswith(begins)


@pytest.mark.parametrize("table", ["units", "targets", "inventory", "procedures"])
def test_an_export_that_cannot_be_written_names_the_file(typed: Typed, table: str) -> None:
    code, _out, error = typed(f"{table} export -o FOLDER/nowhere/x.csv")
    assert code == 5
    assert "nowhere/x.csv: cannot be written" in error


def test_a_day_before_the_first_data_and_one_to_come_are_said(typed: Typed) -> None:
    typed("units import FOLDER/units.csv")
    typed("inventory import FOLDER/rows.csv")
    code, out, err = typed("report --as-of 2023-05-31 --json")
    assert (code, json.loads(out)["levels"][1]["now"]["percent"]) == (0, None)
    assert "Nothing is known of 2023-05-31: the first result came into force on 2023-06-01." in err
    assert typed("report --as-of 2023-06-01 --json")[2] == ""
    assert "2999-01-01 is still to come" in typed("report --as-of 2999-01-01")[2]


def test_two_days_stand_side_by_side(typed: Typed, tmp_path: Path) -> None:
    typed("units import FOLDER/units.csv")
    typed("inventory import FOLDER/rows.csv")
    deposit(tmp_path)
    code, out, _err = typed("report --as-of 2023-12-31 --compare 2023-06-30 --json")
    found = json.loads(out)
    assert (code, found["compared"]["as_of"]) == (0, "2023-06-30")
    assert [found["levels"][1]["now"]["digitised"], found["compared"]["levels"][1]["now"]["digitised"]] == [1, 0]
    shown = typed("report --as-of 2023-12-31 --compare 30/6/2023")[1]
    assert re.search(r"Since 2023-06-30\n(?:.*\n){2}District level +0.00% +50.00% +\+50.00 +\+1 +±0", shown)


def test_a_site_is_published_and_the_report_sent_once_with_its_receipt_in_the_workspace(
    typed: Typed, tmp_path: Path
) -> None:
    typed("units import FOLDER/units.csv")
    typed("inventory import FOLDER/rows.csv")
    code, out, _err = typed("report --as-of 2023-12-31 --publish FOLDER/site")
    assert (code, out) == (0, f"8 files written to {tmp_path}/site\n")
    assert json.loads((tmp_path / "site" / "data.json").read_text())["as_of"] == "2023-12-31"
    with receiver(503) as (url, got):
        assert typed(f"report --as-of 2023-12-31 --post {url}")[0] == 0
        code, out, _err = typed(f"report --as-of 2023-12-31 --post {url}")
    [receipt] = (tmp_path / "ws" / "receipts").iterdir()
    assert (code, out) == (0, f"sent to {url}; receipt: {receipt}\n")
    assert len(got) == 2  # refused for now, then taken; the second command found the receipt
    assert {json.loads(body)["schema"] for _key, body in got} == {"sohoa-progress/1"}
    assert typed("report --post http://example.vn/")[0] == 2


def test_the_sheet_on_the_wall_follows_what_is_deposited(typed: Typed, tmp_path: Path) -> None:
    typed("units import FOLDER/units.csv")
    typed("inventory import FOLDER/rows.csv")
    command = ["--workspace", str(tmp_path / "ws"), "report", "--watch", "1"]
    interruptible = (
        "signal.signal(signal.SIGINT, signal.default_int_handler)"  # which a shell's background jobs are not
    )
    with subprocess.Popen(
        [sys.executable, "-c", f"import cli, signal, sys; {interruptible}; sys.exit(cli.run({command}))"],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "160"},
    ) as screen:  # fmt: skip
        try:
            assert screen.stdout is not None
            rates = (line.split()[2] for line in screen.stdout if line.startswith("District level") and "%" in line)
            assert next(rates) == "0.00%"
            deposit(tmp_path)
            assert next(rate for rate in rates if rate != "0.00%") == "50.00%"
            screen.send_signal(signal.SIGINT)
            assert screen.wait(60) == 130
        finally:
            screen.kill()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report's PDF that ``sohoa sign`` has signed, in the folder of its workspace."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "sohoa.toml").write_text(make_demo_keys(folder / "keys").settings(), encoding="utf-8")
    for line in (f"report --format pdf -o {folder}/report.pdf", f"sign {folder}/report.pdf -o {folder}/out"):
        assert cli.run(["--workspace", str(folder), *line.split()]) == 0
    return folder / "out" / "report.pdf"


def test_the_pdf_can_be_signed_and_is_valid_then(signed: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--workspace", str(signed.parents[1]), "verify", str(signed)]) == 0
    assert "valid: every signature holds" in capfd.readouterr().out


@pytest.mark.service("veraPDF")
def test_the_signed_pdf_is_pdf_a_2b_still(signed: Path) -> None:
    assert verapdf.faults([signed]) == {}


def test_what_waits_is_told_with_its_age_and_of_the_units_that_are_asked_for(typed: Typed, tmp_path: Path) -> None:
    typed("units import FOLDER/units.csv")
    catalogue = Catalogue.open(f"sqlite:///{tmp_path / 'ws' / 'catalogue.db'}")
    late = datetime(2023, 7, 1, 18, tzinfo=UTC)  # the next day in Vietnam
    for id, unit, opened_at in (("a", "760", late), ("b", "760", late + timedelta(days=3)), ("c", "26734", late)):
        catalogue.open_hold(replace(HOLD, id=id, unit=unit, opened_at=opened_at))
    catalogue.close()

    def waiting(more: str) -> object:
        return json.loads(typed(f"report --json {more}")[1])["waiting"]

    assert waiting("") == {"count": 3, "oldest": "2023-07-02"}
    assert waiting("--unit 26734") == waiting("--level ward") == {"count": 1, "oldest": "2023-07-02"}
    assert waiting("--level department") == {"count": 0, "oldest": None}
    assert waiting("--as-of 2023-07-02") is None  # what waited on a past day is not known
    assert "3 documents wait for a person, the oldest since 2023-07-02" in typed("report")[1]
