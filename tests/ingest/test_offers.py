"""What a person is offered for a number by pen: the inventory's results, the best first, then the register's order."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from ingest.extract import describe, with_fields
from ingest.intake import natural_order
from ingest.offers import Neighbour, Place, nearest, offered_in_scan, with_offers, with_result_code
from schemas.documents import Cut, CutState, Document, Field, FieldState, Paper
from schemas.units import InventoryRow
from tests.ingest.papers_read import decision
from tests.values import scan

DAY = date(2023, 8, 15)


def by_pen(**fields: Field) -> Document:
    """The decision with its number by pen, of which two digits were read."""
    document = describe(Paper(scan(), (decision(),), Cut(CutState.ACCEPTED, 1.0)))
    number = Field("316", FieldState.HELD, 0.1, ("316",))
    return replace(document, metadata=replace(document.metadata, **{"number": number} | fields))


def row(number: str, title: str = "", day: date = DAY, code: str = "", symbol: str = "QĐ-UBND") -> InventoryRow:
    return InventoryRow("H29.17", number, symbol, day, result_code=code, title=title)


@dataclass(frozen=True)
class Listed:
    """A unit's list of results, and the numbers that it has on both sides of the paper's day."""

    rows: Sequence[InventoryRow] = ()
    beside: tuple[int | None, int | None] = (None, None)

    def candidates(
        self, unit: str, *, suits: Callable[[InventoryRow], float], years: Collection[int], limit: int
    ) -> Sequence[InventoryRow]:
        of_years = [row for row in self.rows if suits(row) > 0 and (not years or row.issued_on.year in years)]
        return sorted(of_years, key=suits, reverse=True)[:limit]

    def numbers_beside(self, unit: str, symbol: str, day: date) -> tuple[int | None, int | None]:
        return self.beside


def offered(rows: Sequence[InventoryRow], *neighbours: Neighbour, **fields: Field) -> tuple[str, ...]:
    return with_offers(by_pen(**fields), "H29.17", Listed(rows), neighbours).metadata.number.candidates


def test_the_result_whose_title_is_the_papers_abstract_comes_first() -> None:
    title = "Cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi"
    rows = [row("9999", "Thu hồi giấy chứng nhận đăng ký hộ kinh doanh"), row("2001", title, date(2023, 8, 10))]
    assert offered(rows) == ("2001", "9999", "316")


def test_a_title_that_is_only_the_beginning_of_the_abstract_tells_as_well() -> None:
    begins = row("2001", "Cấp giấy phép xây dựng", date(2023, 2, 10))
    assert offered([row("3999", "Thu hồi đất", date(2023, 2, 10)), begins]) == ("2001", "3999", "316")


def test_of_results_of_one_day_the_one_that_reads_alike_comes_first() -> None:
    assert offered([row("4711"), row("3165")])[:2] == ("3165", "4711")


def test_a_result_with_the_papers_symbol_comes_before_one_of_another_type() -> None:
    rows = [row("4712", symbol="GP-UBND"), row("4711")]
    assert offered(rows)[:2] == ("4711", "4712")


def test_a_result_of_the_papers_procedure_comes_before_one_of_another() -> None:
    other, own = (replace(row(number), procedure=code) for number, code in (("4711", "2.000815"), ("4712", "1.000494")))
    assert offered([other, own])[:2] == ("4711", "4712")
    document = with_offers(by_pen(), "H29.17", Listed([other, own]), (), "1.000494.000.00.00.H29")
    assert document.metadata.number.candidates[:2] == ("4712", "4711")


def test_of_a_paper_whose_symbol_is_not_known_the_type_tells() -> None:
    title = "Cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi"
    other_day = date(2023, 8, 10)
    rows = [row("4712", title, other_day, symbol="GP-SXD"), row("4711", title, other_day, symbol="QĐ-SXD")]
    assert offered(rows, symbol=Field(None, FieldState.HELD, 0.0)) == ("4711", "316")


def test_a_result_of_another_day_symbol_and_text_is_not_offered() -> None:
    assert offered([row("4711", "Thu hồi đất", date(2023, 8, 10), symbol="QĐ-SXD")]) == ("316",)


def test_a_paper_whose_day_nobody_could_read_is_offered_what_its_words_say() -> None:
    unread = Field(None, FieldState.HELD, 0.1)
    title = "Cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi"
    document = with_offers(
        by_pen(issued_on=unread), "H29.17", Listed([row("7", "Thu hồi đất"), row("2001", title)]), ()
    )
    assert document.metadata.number.candidates[0] == "2001"
    assert document.metadata.issued_on.candidates == ("2023-08-15",)


def test_a_year_that_was_misread_hides_no_result() -> None:
    title = "Cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi"
    assert offered([row("2001", title, date(2018, 8, 15))]) == ("2001", "316")


def test_a_number_between_those_of_the_papers_beside_it_comes_before_one_that_is_not() -> None:
    beside = Neighbour(5000, before=True), Neighbour(5009, before=False)
    assert offered([row("8004"), row("5004")], *beside)[0] == "5004"


def test_a_number_between_those_of_the_registers_days_comes_before_one_that_is_not() -> None:
    document = with_offers(by_pen(), "H29.17", Listed([row("8004"), row("5004")], beside=(5000, 5009)), ())
    assert document.metadata.number.candidates[0] == "5004"


def test_without_an_inventory_the_number_that_the_papers_beside_it_leave_open_is_offered() -> None:
    assert offered([], Neighbour(3164, before=True), Neighbour(3166, before=False)) == ("3165", "316")


def test_all_numbers_of_a_narrow_gap_in_the_register_are_offered() -> None:
    document = with_offers(by_pen(), "H29.17", Listed(beside=(3163, 3166)), ())
    assert document.metadata.number.candidates == ("3164", "3165", "316")


def test_the_papers_right_before_and_right_behind_it_are_its_neighbours() -> None:
    def at(scan: str, page: int) -> Place:
        return natural_order(Path(f"inbox/{scan}.pdf")), page

    numbers = [(at("2", 1), 20), (at("10", 1), 100), (at("9", 1), 90), (at("9", 4), 94), (at("9", 8), 98)]
    assert nearest(numbers, at("9", 6)) == [Neighbour(94, before=True), Neighbour(98, before=False)]
    assert nearest(numbers, at("9", 9)) == [Neighbour(98, before=True), Neighbour(100, before=False)]
    assert nearest(numbers, at("1", 1)) == [Neighbour(20, before=False)]


def test_papers_of_one_scan_offer_each_other_what_lies_between_them() -> None:
    def sure(number: str, page: int) -> Document:
        field = Field(number, FieldState.ACCEPTED, 0.97, (number,))
        return replace(by_pen(number=field), pages=(replace(decision(), number=page),))

    between = replace(by_pen(), pages=(replace(decision(), number=2),))
    first, second, third = offered_in_scan([sure("3164", 1), between, sure("3166", 3)], "", None)
    assert second.metadata.number.candidates == ("3165", "316")
    assert (first, third) == (sure("3164", 1), sure("3166", 3))


def test_a_number_is_only_ever_offered_and_an_accepted_one_left_alone() -> None:
    document = with_offers(by_pen(), "H29.17", Listed([row("3165")]), ())
    assert (document.metadata.number.value, document.metadata.number.state) == ("316", FieldState.HELD)
    sure = Field("77", FieldState.ACCEPTED, 0.99, ("77",))
    assert with_offers(by_pen(number=sure), "H29.17", Listed([row("3165")]), ()).metadata.number == sure


@pytest.mark.parametrize(("state", "code"), [(FieldState.ACCEPTED, "KQ.G15.000031"), (FieldState.HELD, None)])
def test_the_result_code_is_taken_from_the_inventory_once_the_paper_is_known(
    state: FieldState, code: str | None
) -> None:
    number = Field("3165", state, 0.99, ("3165",))
    document = with_result_code(by_pen(number=number), "H29.17", lambda *known: [row("3165", code="KQ.G15.000031")])
    assert document.metadata.result_code.value == code


def test_of_several_results_with_its_number_and_day_a_person_says_which_one_a_paper_is() -> None:
    rows = [row("3165", "Thu hồi đất", code="KQ.G15.000012"), row("3165", "Cấp giấy phép", code="KQ.G15.000031")]
    sure = by_pen(number=Field("3165", FieldState.ACCEPTED, 0.99, ("3165",)))
    waits = with_result_code(sure, "H29.17", lambda *known: rows)
    asked = waits.metadata.result_code
    assert (asked.value, asked.state, asked.candidates) == (None, FieldState.HELD, ("KQ.G15.000012", "KQ.G15.000031"))
    assert "Thu hồi đất" in asked.reason
    assert any("several results" in reason for reason in waits.reasons)
    said = with_fields(waits, {"result_code": Field("KQ.G15.000031", FieldState.ACCEPTED, 1.0)})
    assert with_result_code(said, "H29.17", lambda *known: rows) == said
