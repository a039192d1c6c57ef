"""A paper's issuer is checked against the unit that it was declared for."""

from dataclasses import replace

import pytest

from ingest.declared import issued_by_another
from ingest.pipeline import Deposited, Held
from samples.keys import make_demo_keys
from schemas.documents import Kind, Metadata
from schemas.units import Level, Unit
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
