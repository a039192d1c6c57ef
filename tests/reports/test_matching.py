"""Which deposit counts for which result, from which day, told one rule at a time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from archive.catalogue import Catalogue
from archive.inventory import Register
from archive.tables import batches, records, scans
from reports.progress import Count, progress
from schemas.errors import InputRejected
from schemas.units import Made, ProcedureCount, Standing
from tests.services.postgres import emptied, postgres

ISSUED = date(2023, 6, 1)
UNITS = """code,name,level,valid_to,successor
000.00.17.H29,Quận 1,district,,
W1,Phường Một,ward,2024-12-31,W3
W2,Phường Hai,ward,2024-12-31,W3
W3,Phường Ba,ward,,
"""


class Office:
    """A register with a few units, rows and deposits, written as short as they are said."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.catalogue = Catalogue.open(url)
        self.register = Register(self.catalogue.engine)
        self.position = 0
        (folder / "units.csv").write_text(UNITS, encoding="utf-8")
        self.register.import_units(folder / "units.csv", rejects=folder / "bad.csv")

    def rows(self, *lines: str, heading: str = "unit,number,symbol,issued_on,procedure,result_code") -> None:
        (self.folder / "rows.csv").write_text("\n".join([heading, *lines]), encoding="utf-8")
        done = self.register.import_inventory(self.folder / "rows.csv", rejects=self.folder / "bad.csv")
        assert done.rejects.count == 0, done.rejects.faults

    def deposit(self, id: str, unit: str, number: str, day: date, *, symbol: str = "QĐ-UBND", kind: str = "result",
                procedure: str = "", code: str = "", hour: int = 5, taken_in: bool = True) -> None:  # fmt: skip
        self.position += 1
        values = {c.name: "" for c in records.columns} | {
            "serial": 1, "version": 1, "unit": unit, "procedure": procedure, "kind": kind, "number": number,
            "symbol": symbol, "issued_on": ISSUED, "position": self.position, "result_code": code,
            "deposited_at": datetime(day.year, day.month, day.day, hour, tzinfo=UTC).isoformat(timespec="microseconds"),
        }  # fmt: skip
        del values["id"]
        with self.register.engine.begin() as connection:
            if connection.execute(update(records).where(records.c.id == id).values(values)).rowcount == 0:
                connection.execute(insert(records).values(id=id, **values))
        if taken_in:
            self.register.catch_up()

    def counts(self, day: date) -> dict[str, tuple[int, int]]:
        return {c.unit: (c.rows, c.done) for c in self.register.day_counts(day)}

    def why(self, unit: str, day: date) -> list[Standing]:
        return [row.standing for row in self.register.explain(unit, day)]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    on_server = request.param == "postgresql"
    opened = Office(tmp_path, request.getfixturevalue("server") if on_server else f"sqlite:///{tmp_path}/catalogue.db")
    yield opened
    if on_server:
        emptied(opened.register.engine)
    opened.catalogue.close()


def test_leading_zeros_case_spaces_and_the_form_of_the_agencys_code_do_not_matter(office: Office) -> None:
    office.rows("H29.17,0012,QĐ-UBND,01/06/2023,,")
    office.deposit("D.001", "H29.17", "12", date(2023, 7, 1), symbol="qđ - ubnd")
    assert office.counts(date(2023, 7, 1)) == {"000.00.17.H29": (1, 1)}


def test_a_deposit_belongs_to_its_day_in_vietnam(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1), hour=17)
    assert office.counts(date(2023, 7, 1))["W1"] == (1, 0)
    assert office.counts(date(2023, 7, 2))["W1"] == (1, 1)


def test_two_records_of_one_result_count_once_and_a_copy_never(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,", "W1,2,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    office.deposit("E.001", "W1", "1", date(2023, 7, 2))
    office.deposit("F.001", "W1", "2", date(2023, 7, 2), kind="copy")
    assert office.counts(date(2023, 8, 1)) == {"W1": (2, 1)}
    assert office.why("W1", date(2023, 8, 1)) == [Standing.COUNTS, Standing.ONLY_COPY]


def test_a_record_counts_for_its_own_unit_before_one_merged_with_it(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,P,", "W2,1,QĐ-UBND,2023-06-01,Q,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1), procedure="Q")
    assert office.counts(date(2023, 8, 1)) == {"W1": (1, 1), "W2": (1, 0)}


def test_a_record_of_the_new_unit_counts_for_the_row_of_the_one_merged_into_it(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W3", "1", date(2025, 2, 1))
    assert office.counts(date(2025, 2, 1)) == {"W1": (1, 1)}
    assert office.why("W3", date(2025, 2, 1)) == [Standing.COUNTS]
    assert office.why("W3", date(2024, 2, 1)) == []


def test_a_record_never_counts_for_a_row_of_another_unit_that_ended_in_the_same_one(office: Office) -> None:
    office.rows("W2,2,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "2", date(2023, 7, 1))
    assert office.counts(date(2025, 7, 1)) == {"W2": (1, 0)}
    assert office.why("W2", date(2024, 7, 1)) == [Standing.NO_RECORD]
    assert office.register.unmatched("W1", date(2024, 7, 1)) == ["D.001"]
    assert office.register.unmatched("W3", date(2025, 7, 1)) == ["D.001"]
    assert office.register.listed("W1", "2", "QĐ-UBND", ISSUED) == []


def test_what_the_successor_deposited_before_the_merger_is_its_own(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W3", "1", date(2024, 12, 31), hour=16)
    assert office.counts(date(2025, 7, 1)) == {"W1": (1, 0)}


def test_a_paper_of_the_old_unit_counts_in_the_new_units_list_from_the_merger_on(office: Office) -> None:
    (office.folder / "new.csv").write_text(
        "code,name,level,valid_from,valid_to,successor\nW4,Phường Bốn,ward,2025-07-01,,\n"
        "W3,Phường Ba,ward,,2025-06-30,W4\n", encoding="utf-8")  # fmt: skip
    office.register.import_units(office.folder / "new.csv", rejects=office.folder / "bad.csv")
    office.rows("W4,1,QĐ-UBND,2023-06-01,,", "W3,2,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    office.deposit("D.002", "W1", "2", date(2023, 7, 1))  # W3 stood then, and had a paper 2 of its own
    assert office.counts(date(2025, 6, 30)) == {"W3": (1, 0), "W4": (1, 0)}
    assert office.counts(date(2025, 7, 1)) == {"W3": (1, 0), "W4": (1, 1)}
    assert office.why("W4", date(2025, 7, 1)) == [Standing.COUNTS, Standing.NO_RECORD]
    office.register.note_faults({"D.001": "its PDF has changed"}, date(2024, 1, 1))
    office.register.mend_faults(["D.001"], date(2024, 2, 1))
    assert [office.counts(date(2025, month, 1))["W4"] for month in (6, 7)] == [(1, 0), (1, 1)]


def test_a_past_report_stays_what_it_was_when_units_are_merged_later(office: Office) -> None:
    (office.folder / "apart.csv").write_text(
        "code,name,level\nA,Phường A,ward\nB,Phường B,ward\nC,Phường C,ward\n", encoding="utf-8")  # fmt: skip
    office.register.import_units(office.folder / "apart.csv", rejects=office.folder / "bad.csv")
    office.rows("A,1,QĐ-UBND,2023-06-01,,", "B,1,QĐ-UBND,2023-06-01,,", "C,2,QĐ-UBND,2023-06-01,,",
                "B,3,QĐ-UBND,2023-06-01,,")  # fmt: skip
    for id, unit, number in (("D.001", "A", "1"), ("D.002", "A", "2"), ("D.003", "C", "3"), ("D.004", "B", "2")):
        office.deposit(id, unit, number, date(2023, 7, 1))
    days = [date(2023, 7, 1), date(2024, 12, 31)]

    def told() -> list[object]:
        units = office.register.units()
        reports = [progress(day, units, office.register.targets(), office.register.day_counts(day)) for day in days]
        return [(unit.unit.code, unit.now, unit.line) for report in reports for unit in report.units] + [
            office.why(unit, day) for unit in "ABC" for day in days]  # fmt: skip

    before = told()
    (office.folder / "merged.csv").write_text(
        "code,name,level,valid_to,successor\nA,Phường A,ward,2024-12-31,C\nB,Phường B,ward,2024-12-31,C\n",
        encoding="utf-8")  # fmt: skip
    office.register.import_units(office.folder / "merged.csv", rejects=office.folder / "bad.csv")
    assert told() == before
    day = date(2025, 1, 1)
    made = progress(day, office.register.units(), office.register.targets(), office.register.day_counts(day))
    assert [(u.unit.code, u.now.count) for u in made.units if u.now.count.rows] == [("C", Count(4, 1))]


def test_what_was_deposited_before_its_unit_was_known_counts_once_it_is_by_either_form_of_its_code(
    office: Office,
) -> None:
    office.deposit("D.001", "H29.33", "1", date(2023, 7, 1))
    (office.folder / "late.csv").write_text("code,name,level\n000.00.33.H29,Quận 3,district\n", encoding="utf-8")
    office.register.import_units(office.folder / "late.csv", rejects=office.folder / "bad.csv")
    office.rows("H29.33,1,QĐ-UBND,2023-06-01,,")
    assert office.counts(date(2023, 7, 1)) == {"000.00.33.H29": (1, 1)}
    assert office.register.unmatched("000.00.33.H29", date(2023, 7, 1)) == []


def test_what_an_earlier_release_counted_by_other_rules_is_counted_anew(office: Office) -> None:
    office.rows("W2,2,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "2", date(2023, 7, 1))
    with office.register.engine.begin() as connection:  # as the rules before had it
        connection.execute(text("DELETE FROM register_state WHERE name = 'matching_rules'"))
        connection.execute(text("UPDATE counted_records SET row = (SELECT id FROM inventory), fits = 1"))
        connection.execute(text("INSERT INTO digitised_spans SELECT row, day, 3652059 FROM counted_records"))
        connection.execute(text("INSERT INTO unit_days SELECT 'W2', day, 0, 1 FROM counted_records"))
    assert office.counts(date(2024, 1, 1)) == {"W2": (1, 1)}
    again = Register(office.register.engine)
    assert [(c.unit, c.rows, c.done) for c in again.day_counts(date(2024, 1, 1))] == [("W2", 1, 0)]


def test_where_two_rows_fit_the_procedure_decides_and_without_it_neither_counts(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,P,X", "W1,1,QĐ-UBND,2023-06-01,Q,Y")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    assert office.counts(date(2023, 8, 1)) == {"W1": (2, 0)}
    assert office.why("W1", date(2023, 8, 1)) == [Standing.AMBIGUOUS, Standing.AMBIGUOUS]
    assert office.register.unmatched("W1", date(2023, 8, 1)) == ["D.001"]
    office.deposit("E.001", "W1", "1", date(2023, 7, 1), procedure="Q")
    assert office.counts(date(2023, 8, 1)) == {"W1": (2, 1)}


def test_of_two_results_with_one_number_and_day_a_record_counts_for_that_of_its_code(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,KQ.G15.000031", "W1,1,QĐ-UBND,2023-06-01,,KQ.G15.000032")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    assert office.why("W1", date(2023, 7, 1)) == [Standing.AMBIGUOUS, Standing.AMBIGUOUS]
    assert office.register.unmatched("W1", date(2023, 7, 1)) == ["D.001"]
    office.deposit("D.001", "W1", "1", date(2023, 7, 1), code="KQ.G15.000032")
    assert office.why("W1", date(2023, 7, 1)) == [Standing.NO_RECORD, Standing.COUNTS]


def test_a_record_of_another_code_counts_for_no_row_and_one_without_a_code_for_the_only_one(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,KQ.G15.000031")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1), code="KQ.G15.000099")
    assert office.why("W1", date(2023, 7, 1)) == [Standing.NO_RECORD]
    office.deposit("D.002", "W1", "1", date(2023, 7, 2))
    assert office.why("W1", date(2023, 7, 2)) == [Standing.COUNTS]


def test_a_broken_record_counts_until_that_is_known_and_again_once_mended(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    office.register.note_faults({"D.001": "its PDF has changed"}, date(2023, 8, 1))
    office.register.mend_faults(["D.001"], date(2023, 8, 5))
    done = [office.counts(date(2023, month, day))["W1"][1] for month, day in ((7, 31), (8, 1), (8, 4), (8, 5))]
    assert done == [1, 0, 0, 1]
    assert office.why("W1", date(2023, 8, 4)) == [Standing.BROKEN]


def test_an_audit_breaks_the_records_of_what_is_damaged_and_mends_the_others(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,", "W1,2,QĐ-UBND,2023-06-01,,", "W1,3,QĐ-UBND,2023-06-01,,")
    for number, path in (("1", "aa/o1"), ("2", "aa/o1"), ("3", "aa/o2")):
        office.deposit(f"D.00{number}", "W1", number, date(2023, 7, 1))
        with office.register.engine.begin() as connection:
            connection.execute(update(records).where(records.c.id == f"D.00{number}").values(
                object_path=path, pdf_path=f"{path}/v1/content/{number}.pdf"))  # fmt: skip
    audited = office.register.audited
    assert audited({"aa/o1/v1/content/1.pdf": "altered", "aa/o2/inventory.json": "altered"}, date(2023, 8, 1)) == (2, 0)
    assert office.counts(date(2023, 8, 1)) == {"W1": (3, 1)}
    assert audited({"aa/o2/inventory.json": "altered"}, date(2023, 8, 9)) == (0, 1)
    assert [office.counts(date(2023, 8, day))["W1"][1] for day in (8, 9)] == [1, 2]


def test_a_second_intact_record_stands_in_for_a_broken_one(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    office.deposit("E.001", "W1", "1", date(2023, 7, 9))
    office.register.note_faults({"D.001": "its PDF has changed"}, date(2023, 7, 5))
    done = [office.counts(date(2023, 7, day))["W1"][1] for day in (4, 5, 8, 9)]
    assert done == [1, 0, 0, 1]


def test_a_record_described_anew_keeps_the_day_from_which_it_counts(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,", "W1,2,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    office.deposit("D.001", "W1", "1", date(2023, 9, 1))
    assert office.counts(date(2023, 7, 1))["W1"] == (2, 1)
    office.deposit("D.001", "W1", "2", date(2023, 9, 2))
    assert office.counts(date(2023, 9, 1))["W1"] == (2, 0)
    assert office.counts(date(2023, 9, 2))["W1"] == (2, 1)


def test_a_past_report_stays_what_it_was_when_a_result_is_revoked(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    before = office.counts(date(2023, 12, 31))
    office.rows("W1,1,QĐ-UBND,2023-06-01,2024-01-01", heading="unit,number,symbol,issued_on,revoked_on")
    assert office.counts(date(2023, 12, 31)) == before == {"W1": (1, 1)}
    assert office.counts(date(2024, 1, 1)) == {}
    assert office.why("W1", date(2024, 1, 1)) == [Standing.NO_LONGER_IN_FORCE]


def test_a_merger_that_is_learnt_later_brings_rows_and_records_together(office: Office) -> None:
    office.rows("000.00.17.H29,1,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "H29.99", "1", date(2025, 7, 2))
    assert office.counts(date(2025, 7, 2)) == {"000.00.17.H29": (1, 0)}
    (office.folder / "merger.csv").write_text(
        "code,name,level,valid_from,valid_to,successor\n000.00.17.H29,Quận 1,district,,2025-06-30,H29.99\n"
        "H29.99,Phường Sài Gòn,ward,2025-07-01,,\n", encoding="utf-8")  # fmt: skip
    done = office.register.import_units(office.folder / "merger.csv", rejects=office.folder / "bad.csv")
    assert (done.new, done.changed) == (1, 1)
    assert office.counts(date(2025, 7, 2)) == {"000.00.17.H29": (1, 1)}
    assert office.why("H29.99", date(2025, 7, 2)) == [Standing.COUNTS]


def test_what_no_longer_is_in_the_list_of_deposits_no_longer_counts(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,,", "W1,2,QĐ-UBND,2023-06-01,,")
    office.deposit("D.001", "W1", "1", date(2023, 7, 1))
    with office.register.engine.begin() as connection:
        connection.execute(records.delete())
    office.deposit("E.001", "W1", "2", date(2023, 7, 1))
    assert office.why("W1", date(2023, 8, 1)) == [Standing.NO_RECORD, Standing.COUNTS]
    assert office.counts(date(2023, 8, 1)) == {"W1": (2, 1)}


def test_deposits_are_told_by_operator_and_batch_and_results_by_procedure(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2023-06-01,P,", "W1,2,QĐ-UBND,2023-06-01,P,", "W2,3,QĐ-UBND,2023-06-01,Q,")
    for number, unit, day in (("1", "W1", 1), ("2", "W1", 9), ("3", "W2", 2)):
        office.deposit(f"D.00{number}", unit, number, date(2023, 7, day))
    with office.register.engine.begin() as connection:
        connection.execute(insert(batches).values(id="b1", operator="An", started_at="2023-06-30T18:00:00+00:00"))
        connection.execute(insert(scans).values(
            sha256="", path="", size_bytes=1, media_type="", state="done", batch="b1"))  # fmt: skip
    assert office.register.made(date(2023, 7, 5)) == (Made("An", "b1", date(2023, 7, 1), 2),)
    assert set(office.register.by_procedure(date(2023, 7, 5))) == {
        ProcedureCount("P", 2, 1), ProcedureCount("Q", 1, 1)}  # fmt: skip
    assert office.register.by_procedure(date(2023, 7, 5), units=["W2"]) == (ProcedureCount("Q", 1, 1),)


def test_a_unit_that_is_not_in_the_tree_is_refused_by_name(office: Office) -> None:
    with pytest.raises(InputRejected, match="no unit 'W9'"):
        office.register.code_of("W9")


def test_a_paper_that_is_half_read_is_offered_the_results_it_may_be(office: Office) -> None:
    office.rows("W1,12,QĐ-UBND,2023-06-01,,", "W1,13,QĐ-UBND,2023-06-01,,", "W1,12,GPXD,2023-06-02,,",
                "W2,12,QĐ-UBND,2023-06-01,,")  # fmt: skip
    office.deposit("D.001", "W1", "13", date(2023, 7, 1))

    def offered(unit: str, wanted: str) -> list[tuple[str, str, str]]:
        found = office.register.candidates(unit, suits=lambda row: float(row.symbol == wanted))
        return [(row.unit, row.number, row.symbol) for row in found]

    assert offered("W1", "QĐ-UBND") == [("W1", "12", "QĐ-UBND")]
    assert offered("W3", "QĐ-UBND") == [("W1", "12", "QĐ-UBND"), ("W2", "12", "QĐ-UBND")]
    assert offered("W1", "GPXD") == [("W1", "12", "GPXD")]
    assert offered("W1", "CC") == []


def test_the_best_of_many_results_come_first(office: Office) -> None:
    office.rows(*(f"W1,{number},QĐ-UBND,2023-06-01,," for number in range(1, 60)))
    best = office.register.candidates("W1", suits=lambda row: float(row.number), limit=3)
    assert [row.number for row in best] == ["59", "58", "57"]


def test_results_are_looked_for_among_those_of_some_years(office: Office) -> None:
    office.rows("W1,1,QĐ-UBND,2021-12-31,,", "W1,2,QĐ-UBND,2022-01-01,,", "W1,3,QĐ-UBND,2022-12-31,,",
                "W1,4,QĐ-UBND,2023-01-01,,", "W1,5,QĐ-UBND,2024-01-01,,")  # fmt: skip
    of_years = office.register.candidates("W1", suits=lambda row: float(row.number), years=[2022, 2024])
    assert [row.number for row in of_years] == ["5", "3", "2"]


def test_the_register_tells_the_numbers_on_both_sides_of_a_day(office: Office) -> None:
    office.rows("W1,10,QĐ-UBND,2023-05-30,,", "W1,12,QĐ-UBND,2023-06-01,,", "W1,15,QĐ-UBND,2023-06-03,,",
                "W1,90,QĐ-UBND,2022-12-31,,", "W1,14,GPXD,2023-06-01,,", "W2,13,QĐ-UBND,2023-06-01,,")  # fmt: skip
    beside = office.register.numbers_beside
    assert beside("W1", "QĐ-UBND", date(2023, 6, 2)) == (12, 15)
    assert beside("W1", "QĐ-UBND", date(2023, 6, 1)) == (10, 15)
    assert beside("W1", "QĐ-UBND", date(2023, 5, 1)) == (None, 10)
    assert beside("W1", "QĐ-UBND", date(2024, 1, 5)) == (None, None)


def test_what_a_days_deposits_cost_the_database_does_not_grow_with_what_is_there_already(tmp_path: Path) -> None:
    def instructions(standing: int) -> int:
        (folder := tmp_path / str(standing)).mkdir()
        office = Office(folder, f"sqlite:///{folder}/catalogue.db")
        office.rows(*(f"W1,{n},QĐ-UBND,01/06/2023,," for n in range(1, standing + 1)))
        for n in range(1, standing):
            office.deposit(f"R{n}", "W1", str(n), date(2023, 7, 1), taken_in=n == standing - 1)
        counted: list[None] = []
        with office.register.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(lambda: counted.append(None), 10)
        office.deposit("fresh", "W1", str(standing), date(2023, 7, 2))
        assert office.counts(date(2023, 7, 2))["W1"] == (standing, standing)
        office.catalogue.close()
        return len(counted)

    assert instructions(2_000) < 1.2 * instructions(100)
