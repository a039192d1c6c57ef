"""What a person is offered for a number by pen: the inventory's results, the best first, then the register's order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from ingest.extract import describe, with_fields
from ingest.offers import Neighbour, with_offers, with_result_code
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


def row(number: str, title: str = "", day: date = DAY, code: str = "") -> InventoryRow:
    return InventoryRow("H29.17", number, "QĐ-UBND", day, result_code=code, title=title)


def offered(rows: Sequence[InventoryRow], *neighbours: Neighbour) -> tuple[str, ...]:
    return with_offers(by_pen(), rows, neighbours).metadata.number.candidates


def test_the_result_whose_title_is_the_papers_abstract_comes_first() -> None:
    title = "Cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi"
    rows = [row("9999", "Thu hồi giấy chứng nhận đăng ký hộ kinh doanh"), row("2001", title, date(2023, 8, 10))]
    assert offered(rows) == ("2001", "9999", "316")


def test_of_results_of_one_day_the_one_that_reads_alike_comes_first() -> None:
    assert offered([row("4711"), row("3165")])[:2] == ("3165", "4711")


def test_a_number_between_those_of_the_papers_beside_it_comes_before_one_that_is_not() -> None:
    beside = Neighbour(5000, before=True), Neighbour(5009, before=False)
    assert offered([row("8004"), row("5004")], *beside)[0] == "5004"


def test_without_an_inventory_the_number_that_the_register_leaves_open_is_offered() -> None:
    assert offered([], Neighbour(3164, before=True), Neighbour(3166, before=False)) == ("3165", "316")


def test_a_number_is_only_ever_offered_and_an_accepted_one_left_alone() -> None:
    document = with_offers(by_pen(), [row("3165")], ())
    assert (document.metadata.number.value, document.metadata.number.state) == ("316", FieldState.HELD)
    sure = Field("77", FieldState.ACCEPTED, 0.99, ("77",))
    assert with_offers(by_pen(number=sure), [row("3165")], ()).metadata.number == sure


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
