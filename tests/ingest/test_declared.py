"""A paper's issuer is checked against the unit that it was declared for, its procedure against the office's lists."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from ingest.declared import issued_by_another, not_listed
from ingest.pipeline import Deposited, Held
from ingest.signing import Seal
from samples.keys import make_demo_keys
from schemas.documents import Kind, Metadata
from schemas.procedures import Procedure
from schemas.units import InventoryRow, Level, Unit
from tests import values
from tests.ingest.office import opened
from tests.ingest.papers_read import decision
from tests.ingest.signed import seals

UNITS = (
    Unit("H29.13", "Sở Xây dựng", Level.DEPARTMENT, "H29"),
    Unit("H29.17", "Sở Tư pháp", Level.DEPARTMENT, "H29"),
    Unit("H29.21", "Quận 1", Level.DISTRICT, "H29"),
    Unit("H29.22", "Thành phố Thủ Đức", Level.DISTRICT, "H29"),
    Unit("H29.21.05", "Phường Bến Thành", Level.WARD, "H29.21"),
    Unit("H29.21.06", "Phường 1", Level.WARD, "H29.21", successor="H29.21.05"),
    Unit("H29.30.06", "Phường 1", Level.WARD, "H29.30"),
)


def told(issuer: str, unit: str) -> tuple[str, ...]:
    return issued_by_another(values.document(1, metadata=Metadata(issuer=values.accepted(issuer))), unit, UNITS)


def test_a_paper_of_another_unit_is_told_with_both() -> None:
    assert told("SỞ TƯ PHÁP", "H29.13") == (
        "the paper was issued by SỞ TƯ PHÁP (H29.17 Sở Tư pháp), but was declared for H29.13 Sở Xây dựng",
    )


@pytest.mark.parametrize(
    ("issuer", "unit"),
    [
        ("SỞ XÂY DỰNG", "H29.13"),
        ("SỞ XÂY DỰNG", "000.00.13.H29"),
        ("ỦY BAN NHÂN DÂN QUẬN 1", "H29.21"),
        ("UBND TP THỦ ĐỨC", "H29.22"),
        ("ỦY BAN NHÂN DÂN QUẬN 1", "H29.21.05"),
        ("ỦY BAN NHÂN DÂN PHƯỜNG BẾN THÀNH", "H29.21"),
        ("ỦY BAN NHÂN DÂN PHƯỜNG 1", "H29.21.05"),
        ("ỦY BAN NHÂN DÂN PHƯỜNG 1", "H29.30.06"),
    ],
)
def test_the_unit_itself_and_those_above_below_and_merged_may_issue_it(issuer: str, unit: str) -> None:
    assert told(issuer, unit) == ()


def test_a_name_that_several_units_bear_speaks_against_a_unit_akin_to_none_of_them() -> None:
    [reason] = told("UBND PHƯỜNG 1", "H29.13")
    assert "H29.21.06 Phường 1, H29.30.06 Phường 1" in reason


def test_an_agency_that_does_not_report_and_a_unit_that_is_not_known_say_nothing() -> None:
    assert told("BỘ TƯ PHÁP", "H29.13") == ()
    assert told("SỞ TƯ PHÁP", "H29.99") == ()


def test_an_unsure_issuer_and_a_paper_that_is_no_result_say_nothing() -> None:
    unsure = values.document(1, metadata=Metadata(issuer=values.held("SỞ TƯ PHÁP")))
    assert issued_by_another(unsure, "H29.13", UNITS) == ()
    component = replace(
        values.document(1, metadata=Metadata(issuer=values.accepted("SỞ TƯ PHÁP"))), kind=Kind.COMPONENT
    )
    assert issued_by_another(component, "H29.13", UNITS) == ()


def test_a_paper_of_another_unit_waits_and_one_of_the_units_own_does_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    office = opened(tmp_path_factory.mktemp("office"), tuple(seals(make_demo_keys(tmp_path_factory.mktemp("keys")))))
    office.scan("a.tif", decision("3165"))
    desk = replace(office.desk(), units=lambda: UNITS)
    [held, _done] = office.run(desk)
    assert isinstance(held, Held)
    assert held.hold.reasons == (
        "the paper was issued by ỦY BAN NHÂN DÂN QUẬN 1 (H29.21 Quận 1), but was declared for H29.17 Sở Tư pháp",
    )
    office.scan("b.tif", decision("3166", street="Pasteur"))
    [deposited] = [event for event in office.run(replace(desk, unit="H29.21")) if isinstance(event, Deposited)]
    assert deposited.deposit.record.number == "3166"


PROCEDURES = (
    Procedure("1.001193", "Cấp giấy phép xây dựng"),
    Procedure("1.001193", "Cấp giấy phép xây dựng nhà ở riêng lẻ", valid_from=date(2023, 1, 1)),
    Procedure("2.000815", "Chứng thực bản sao"),
    Procedure("1.000494.000.00.00.H29", "Thủ tục riêng của thành phố"),
)


@pytest.mark.parametrize("code", ["1.001193", "1.001193.000.00.00.H29", "1.000494.000.00.00.H29", ""])
def test_a_procedure_that_the_list_has_in_whichever_form_says_nothing(code: str) -> None:
    assert not_listed(code, PROCEDURES) == ()


def test_a_procedure_that_the_list_lacks_is_told_with_those_that_may_be_meant() -> None:
    assert not_listed("1.001139", PROCEDURES) == (
        "the list of procedures has no 1.001139; near it: 1.001193 Cấp giấy phép xây dựng nhà ở riêng lẻ",
    )
    assert not_listed("1.000495", PROCEDURES) == (
        "the list of procedures has no 1.000495; near it: 1.000494.000.00.00.H29 Thủ tục riêng của thành phố",
    )
    assert not_listed("3.777777", PROCEDURES) == ("the list of procedures has no 3.777777",)


def test_an_office_without_a_list_of_procedures_is_asked_nothing() -> None:
    assert not_listed("3.777777", ()) == ()


@pytest.fixture(scope="module")
def own_seals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ...]:
    return tuple(seals(make_demo_keys(tmp_path_factory.mktemp("keys"))))


def outcome(folder: Path, own_seals: tuple[Seal, ...], declared: str, *rows: InventoryRow) -> tuple[str, ...] | str:
    """Why the decision waits that was declared for this procedure, or under which it was archived."""

    def listed(unit: str, number: str, symbol: str, day: date) -> Sequence[InventoryRow]:
        return [row for row in rows if (row.number, row.symbol, row.issued_on) == (number, symbol, day)]

    office = opened(folder, own_seals)
    office.scan("a.tif", decision("3165"))
    desk = replace(office.desk(), procedure=declared, procedures=lambda: PROCEDURES, listed=listed)
    [event, _done] = office.run(desk)
    return event.hold.reasons if isinstance(event, Held) else event.deposit.record.procedure  # type: ignore[union-attr]


def result(procedure: str, number: str = "3165") -> InventoryRow:
    return InventoryRow("H29.17", number, "QĐ-UBND", date(2023, 8, 15), procedure=procedure)


def test_a_paper_declared_for_a_procedure_that_the_list_lacks_waits(
    tmp_path: Path, own_seals: tuple[Seal, ...]
) -> None:
    assert outcome(tmp_path, own_seals, "3.777777") == ("the list of procedures has no 3.777777",)


def test_a_result_that_the_inventory_has_under_another_procedure_waits(
    tmp_path: Path, own_seals: tuple[Seal, ...]
) -> None:
    assert outcome(tmp_path, own_seals, "1.001193", result("2.000815")) == (
        "the inventory has this result under procedure 2.000815, but the paper was declared for 1.001193",
    )


def test_a_result_of_the_same_procedure_in_the_citys_form_does_not(tmp_path: Path, own_seals: tuple[Seal, ...]) -> None:
    assert outcome(tmp_path, own_seals, "1.001193", result("1.001193.000.00.00.H29")) == "1.001193"


def test_a_paper_that_nobody_declared_gets_the_procedure_that_the_inventory_has_it_under(
    tmp_path: Path, own_seals: tuple[Seal, ...]
) -> None:
    assert outcome(tmp_path, own_seals, "", result("2.000815"), result("1.001193", "3166")) == "2.000815"


def test_where_the_inventory_has_it_under_two_it_gets_none(tmp_path: Path, own_seals: tuple[Seal, ...]) -> None:
    assert outcome(tmp_path, own_seals, "", result("2.000815"), result("1.001193")) == ""
