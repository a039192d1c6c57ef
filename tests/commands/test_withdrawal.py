"""A record that is withdrawn or destroyed: gone from search and counts, told by ``show``, also after a rebuild."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.catalogue import Catalogue
from archive.inventory import Register
from cli import run
from commands.workspace import Workspace
from schemas.days import VIETNAM
from schemas.records import Withdrawal
from schemas.units import Standing
from tests.archive import submission
from tests.archive.test_store import assert_valid

TODAY = datetime.now(VIETNAM).date()
ROW = "unit,number,symbol,issued_on\nH29.17,3165,QĐ-UBND,2023-08-15\n"
ID = "H29.17-230815-0001.001"


class Office:
    """A workspace with one record, which counts for the only row of the inventory."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace, self.capsys = Workspace.open(folder / "w"), capsys
        (folder / "units.csv").write_text("code,name,level\nH29.17,Quận 1,district\n", encoding="utf-8")
        (folder / "rows.csv").write_text(ROW, encoding="utf-8")
        deposit = self.workspace.archive.deposit(submission(folder))
        self.workspace.catalogue.note_deposit(deposit, who="An")
        self.does("units", "import", str(folder / "units.csv"))
        self.does("inventory", "import", str(folder / "rows.csv"))
        self.does("index", "rebuild")

    def does(self, *arguments: str, code: int = 0) -> str:
        self.capsys.readouterr()
        assert run(["--workspace", str(self.workspace.folder), *arguments]) == code
        return self.capsys.readouterr().out

    def finds(self) -> int:
        return int(json.loads(self.does("search", "quyet dinh", "--json").splitlines()[-1])["total"])

    def counts(self, day: date) -> tuple[int, int]:
        register = Register(self.workspace.catalogue.engine)
        register.catch_up()
        [found] = register.day_counts(day)
        return found.rows, found.done

    def why(self, day: date) -> Standing:
        [row] = Register(self.workspace.catalogue.engine).explain("H29.17", day)
        return row.standing

    def shows(self) -> Any:
        return json.loads(self.does("show", ID, "--json"))


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def withdraw(office: Office) -> None:
    said = office.does("withdraw", ID, "--reason", "ban hành nhầm", "--decision", "12/QĐ-UBND", "--operator", "Bình")
    assert said == f"{ID}: withdrawn\n"


@pytest.mark.parametrize("after", ["withdraw", "rebuild"])
def test_a_withdrawn_record_is_found_no_more_and_counts_no_more(office: Office, after: str) -> None:
    assert (office.finds(), office.counts(TODAY)) == (1, (1, 1))
    withdraw(office)
    if after == "rebuild":
        office.does("rebuild")
    assert (office.finds(), office.counts(TODAY), office.why(TODAY)) == (0, (1, 0), Standing.WITHDRAWN)
    assert office.does("audit", "--signatures", code=6)  # the drawn PDF bears no signature
    assert office.counts(TODAY) == (1, 0)
    shown = office.shows()
    assert (shown["withdrawn"]["reason"], shown["withdrawn"]["by"]) == ("ban hành nhầm", "Bình")
    assert [(version["number"], version["by"]) for version in shown["history"]] == [(1, "An"), (2, "Bình")]
    assert "withdrawn before" in office.does("withdraw", ID, "--reason", "again")
    assert_valid(office.workspace.archive.root)


def test_it_counted_until_the_day_of_its_withdrawal(office: Office) -> None:
    at = datetime.now(UTC) + timedelta(days=2)
    deposit = office.workspace.archive.withdrawn(ID, Withdrawal("nhầm", "", "An", at))
    office.workspace.catalogue.note_deposit(deposit, who="An")
    day = at.astimezone(VIETNAM).date()
    assert [office.counts(day + timedelta(days=n)) for n in (-1, 0)] == [(1, 1), (1, 0)]


def test_destruction_waits_for_the_term_and_leaves_a_certificate(office: Office) -> None:
    destroy = ("destroy", ID, "--decision", "15/QĐ-UBND", "--operator", "Bình", "--yes")
    office.does(*destroy, code=4)
    office.does("retention", "set", "05", ID)
    office.does(*destroy, code=4)
    assert office.does("retention", "list", "--due", "--json") == ""
    office.does("retention", "set", "07", ID, code=4)
    office.does("retention", "set", "07", ID, "--until", TODAY.isoformat())
    assert json.loads(office.does("retention", "list", "--due", "--json"))["id"] == ID
    office.does(*destroy)
    certificate = office.shows()
    assert (certificate["by"], certificate["decision"], certificate["number"]) == ("Bình", "15/QĐ-UBND", "3165")
    assert (office.finds(), office.counts(TODAY)) == (0, (1, 0))
    assert office.does("retention", "list", "--json") == ""
    assert json.loads(office.does("audit", "--json"))["whole"]
    assert json.loads(office.does(*destroy, "--json")) == certificate
    assert "destroy: 15/QĐ-UBND" in [entry.what for entry in office.workspace.catalogue.log()]
    assert_valid(office.workspace.archive.root)
    office.does("get", ID, code=4)


def test_a_destruction_that_was_killed_before_it_was_noted_is_ended_by_the_same_command(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.does("retention", "set", "07", ID, "--until", TODAY.isoformat())
    destroy = ("destroy", ID, "--decision", "15/QĐ-UBND", "--operator", "Bình", "--yes")

    def killed(*_arguments: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Catalogue, "note_destruction", killed)
        office.does(*destroy, code=130)
    assert json.loads(office.does("audit", "--json", code=6).splitlines()[-1])["whole"] is False
    office.does(*destroy)
    assert json.loads(office.does("audit", "--json"))["whole"]
    assert (office.finds(), office.counts(TODAY)) == (0, (1, 0))
    assert "destroy: 15/QĐ-UBND" in [entry.what for entry in office.workspace.catalogue.log()]
    told = len(list(office.workspace.catalogue.log()))
    office.does(*destroy)
    assert len(list(office.workspace.catalogue.log())) == told


def test_what_is_not_there_or_not_said_is_rejected(office: Office) -> None:
    office.does("withdraw", "none.001", "--reason", "x", code=4)
    office.does("withdraw", ID, "none.001", "--reason", "x", code=3)
    office.does("withdraw", ID, "--reason", " ", code=4)
    office.does("retention", "set", "01", ID, "--until", "2030-01-01", code=4)


def test_what_a_repair_set_aside_of_a_destroyed_record_is_named(office: Office) -> None:
    archive = office.workspace.archive
    old = archive.root.with_name(f"{archive.root.name}.damaged") / "20261129T101500Z"
    (old / archive.place(ID)).mkdir(parents=True)
    (old / "another" / "object").mkdir(parents=True)
    office.does("retention", "set", "07", ID, "--until", TODAY.isoformat())
    office.capsys.readouterr()
    assert run(["--workspace", str(office.workspace.folder), "destroy", ID, "--decision", "15/QĐ-UBND", "--yes"]) == 0
    [said] = [line for line in office.capsys.readouterr().err.splitlines() if "damaged" in line]
    assert said.startswith(f"{old / archive.place(ID)}: was set aside")
