"""What people type, and what it is taken to ask for."""

from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search.index import Request
from search.memory_index import MemoryIndex
from search.parsing import QueryRejected, dates, parse
from search.plan import plan
from search.query import (
    All,
    And,
    Code,
    Dated,
    InField,
    Not,
    Number,
    OfUnit,
    Or,
    Phrase,
    Prefix,
    Query,
    TextField,
    Word,
    both,
)
from search.tantivy_index import TantivyIndex
from tests.search.records import ALL, fill

PIECES = ["giấy", "phép", "-", '"', "OR", "*", "so:", "ngay:", "2023-01..", "12/QĐ-UBND", "15/8/2023", "tháng", "số",
          "(", "\\", "{", "}", "[", "TO", "~2", "^5", "AND", "NOT", "/.*/", "exact:", "loai:", "donvi:*", "\x00", "||",
          "ngày", "năm", "8", "qd", "ubnd", "<", "&", "'", "99999999999999999999", "٣", "ß", "İ"]  # fmt: skip
TYPED = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join),
                  st.lists(st.sampled_from(PIECES), max_size=8).map("".join))  # fmt: skip


@pytest.fixture(scope="module")
def both_indexes(tmp_path_factory: pytest.TempPathFactory) -> tuple[MemoryIndex, TantivyIndex]:
    memory, tantivy = MemoryIndex(), TantivyIndex.open(tmp_path_factory.mktemp("index"))
    fill(memory, ALL)
    fill(tantivy, ALL)
    return memory, tantivy


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("", All()),
        ("…", All()),
        ("Giấy", Word("giấy")),
        ("giấy phép", And((Word("giấy"), Word("phép")))),
        ('"giấy phép"', Phrase(("giấy", "phép"))),
        ('"giấy"', Word("giấy")),
        ("giấy -phép", And((Word("giấy"), Not(Word("phép"))))),
        ('giấy -"tạm thời"', And((Word("giấy"), Not(Phrase(("tạm", "thời")))))),
        ("a OR b c", Or((Word("a"), And((Word("b"), Word("c")))))),
        ("xây*", Prefix("xây")),
        ("QĐ-UBND", Code(("qđ", "ubnd"))),
        ("12/QĐ-UBND", Number("12", ("qd", "ubnd"))),
        ("012/2023/QĐ-UBND", Number("12", ("2023", "qd", "ubnd"))),
        ("12 qd ubnd", Number("12", ("qd", "ubnd"))),
        ("12 QĐ SXD", Number("12", ("qd", "sxd"))),
        ("số 012", Number("12")),
        ("so:3165", Number("3165", in_text=False)),
        ("so: 3165/QĐ-UBND", Number("3165", ("qd", "ubnd"), in_text=False)),
        ("30/2020", Code(("30", "2020"))),
        ("H29.17-230815-0001", Code(("h29", "17", "230815", "0001"))),
        ("loai:QĐ", InField(TextField.TYPE, ("quyet", "dinh"))),
        ('coquan:"bến nghé"', InField(TextField.ISSUER, ("ben", "nghe"))),
        ("nguoiky:Ngu*", InField(TextField.SIGNER, ("ngu",), prefix=True)),
        ("donvi:H29.17", OfUnit(frozenset({"H29.17"}))),
        ("ngay:8/2023", Dated(date(2023, 8, 1), date(2023, 8, 31))),
        ("ngay:2023-01..2023-06", Dated(date(2023, 1, 1), date(2023, 6, 30))),
        ("Kính gửi: Sở", And((Word("kính"), Word("gửi"), Word("sở")))),
    ],
)  # fmt: skip
def test_what_is_typed_is_taken_as_meant(typed: str, query: Query) -> None:
    assert parse(typed) == query


@pytest.mark.parametrize(
    ("vietnamese", "english"),
    [
        ("so", "number"), ("kyhieu", "symbol"), ("coquan", "issuer"), ("loai", "type"), ("donvi", "unit"),
        ("ngay", "date"), ("nguoiky", "signer"), ("trichyeu", "abstract"), ("hoso", "dossier"),
        ("thutuc", "procedure"),
    ],
)  # fmt: skip
def test_a_field_has_a_vietnamese_and_an_english_name(vietnamese: str, english: str) -> None:
    asked = parse(f"{vietnamese}:2023")
    assert asked == parse(f"{english}:2023")
    assert asked not in (parse("2023"), parse("gui:2023"))


@pytest.mark.parametrize(
    "typed", ["15/8/2023", "ngày 15/8/2023", "ngày 15 tháng 8 năm 2023", "15-08-2023", "15.8.2023"]
)
def test_a_day_is_a_day_however_it_is_written(typed: str) -> None:
    query = parse(typed)
    assert isinstance(query, Dated)
    assert query.first == query.last == date(2023, 8, 15)
    assert ("15", "thang", "08", "nam", "2023") in query.spoken


@pytest.mark.parametrize("typed", ["31/2/2023", "0/0/0000", "99/99/2023", "1/13/2023"])
def test_no_day_is_words(typed: str) -> None:
    assert isinstance(parse(typed), Code)


@pytest.mark.parametrize(
    ("typed", "at", "meant"),
    [
        ('giấy "phép', "6", '"phép"'),
        ("giấy coqan:sở", "6", "coquan:"),
        ("OR giấy", "1", "left"),
        ("giấy OR", "6", "right"),
        ("-giấy", "1", "what to find"),
        ("a ngay:mai", "3", "15/8/2023"),
        ("ngay:2023-06..2023-01", "1", "before it begins"),
        ("so:", "1", "so:3165"),
        ("x*", "1", "xây*"),
    ],
)
def test_what_cannot_be_understood_is_said_with_its_place_and_what_may_be_meant(
    typed: str, at: str, meant: str
) -> None:
    with pytest.raises(QueryRejected) as error:
        parse(typed)
    assert f"at character {at} " in str(error.value)
    assert meant in str(error.value)


def test_a_paste_by_mistake_is_refused() -> None:
    with pytest.raises(QueryRejected, match="at most"):
        parse("a" * 5000)
    with pytest.raises(QueryRejected, match="more than"):
        parse("a " * 500)


@pytest.mark.parametrize(
    ("typed", "first", "last"),
    [("2023", date(2023, 1, 1), date(2023, 12, 31)), ("2/2024", date(2024, 2, 1), date(2024, 2, 29)),
     ("2023-08-15", date(2023, 8, 15), date(2023, 8, 15)), ("..2023", date.min, date(2023, 12, 31)),
     ("1/1/2023..", date(2023, 1, 1), date.max)],
)  # fmt: skip
def test_dates_months_years_and_ranges(typed: str, first: date, last: date) -> None:
    assert dates(typed) == (first, last)


def test_all_of_several_queries_is_one() -> None:
    assert both(All(), Word("a"), And((Word("b"), Word("c")))) == And((Word("a"), Word("b"), Word("c")))
    assert both() == All()


@settings(deadline=None, max_examples=400)
@given(TYPED)
@example("ngày ٣ tháng 8 năm 2023")
@example("tháng 99999999999999999999 năm 2023")
@example("a" * 1999)
@example("donvi:0<")
def test_nothing_typed_breaks_out_of_the_query(both_indexes: tuple[MemoryIndex, TantivyIndex], typed: str) -> None:
    memory, tantivy = both_indexes
    try:
        query = parse(typed)
    except QueryRejected:
        return
    one, other = memory.search(Request(query, counts=True)), tantivy.search(Request(query, counts=True))
    assert {hit.record.id for hit in one.hits} == {hit.record.id for hit in other.hits}
    assert [hit.tier for hit in one.hits] == [hit.tier for hit in other.hits]


@settings(deadline=None, max_examples=200)
@given(TYPED)
def test_the_last_tier_holds_all_the_others(both_indexes: tuple[MemoryIndex, TantivyIndex], typed: str) -> None:
    from search.memory_index import _holds

    try:
        planned = plan(parse(typed))
    except QueryRejected:
        return
    for held in both_indexes[0]._held.values():
        assert _holds(held, planned.whole) or not any(_holds(held, tier) for tier in planned.tiers)
