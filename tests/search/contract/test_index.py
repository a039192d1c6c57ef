"""What every index promises: the same queries find the same records in the same order, whichever engine it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from schemas.records import Record
from search.finding import find
from search.index import Hit, Request, SearchIndex, Sort
from search.parsing import QueryRejected, parse
from search.plan import Place
from search.projection import Entry
from tests.search.conftest import ENGINES
from tests.search.records import (
    ALL,
    BUT,
    GHOST,
    MISREAD,
    MOTHER,
    NOTICE,
    PERMIT,
    SHOES,
    fill,
    record,
)


@pytest.fixture(scope="module", params=ENGINES)
def library(request: pytest.FixtureRequest, made: Callable[[str], SearchIndex]) -> SearchIndex:
    """An index that holds ``ALL``; only read."""
    index = made(request.param)
    fill(index, ALL)
    return index


@pytest.fixture(params=ENGINES)
def index(request: pytest.FixtureRequest, made: Callable[[str], SearchIndex]) -> SearchIndex:
    """An empty index to write to."""
    return made(request.param)


def hits(index: SearchIndex, typed: str) -> tuple[Hit, ...]:
    found = index.search(Request(parse(typed)))
    assert found.total == len(found.hits)
    return found.hits


def found(index: SearchIndex, typed: str) -> list[Record]:
    return [hit.record for hit in hits(index, typed)]


@pytest.mark.parametrize(
    "typed",
    ["giấy phép xây dựng", "giay phep xay dung", "GIẤY PHÉP XÂY DỰNG",
     "gia\u0302\u0301y phe\u0301p xa\u0302y dư\u0323ng",
     '"giấy phép xây dựng"', '"giay phep" xay*', "le loi", "lê  lợi", "3165/QĐ-UBND -hoa -giai"],
)  # fmt: skip
def test_marks_or_none_capitals_or_decomposed_letters_find_the_permit(library: SearchIndex, typed: str) -> None:
    assert found(library, typed)[0] == PERMIT


@pytest.mark.parametrize("typed", ["hòa giải", "hoà giải", "hoa giai", "HOÀ GIẢI"])
def test_a_tone_mark_in_its_old_or_new_place_is_the_same(library: SearchIndex, typed: str) -> None:
    [hit] = hits(library, typed)
    assert (hit.record, hit.tier == 0 or typed == "hoa giai") == (NOTICE, True)


@pytest.mark.parametrize("typed", ["nguoiky:thúy", "nguoiky:thuý", "signer:Thuy", "duc OR thuý"])
def test_signers_are_found_however_their_names_are_marked(library: SearchIndex, typed: str) -> None:
    assert PERMIT in found(library, typed)


@pytest.mark.parametrize(("typed", "first"), [("má", MOTHER), ("ma", GHOST), ("mà", BUT)])
def test_the_marks_typed_rank_first_and_the_others_are_found(library: SearchIndex, typed: str, first: Record) -> None:
    ranked = found(library, typed)
    assert ranked[0] == first
    assert set(ranked) == {MOTHER, GHOST, BUT}


def test_d_finds_đ_and_đ_does_not_rank_d_first(library: SearchIndex) -> None:
    assert set(found(library, "don")) == set(found(library, "đơn")) == {MOTHER, SHOES}


def test_one_misread_letter_of_a_long_word_is_found_last(index: SearchIndex) -> None:
    clean, misread = record(1, "nghiệp vụ"), record(2, "nghlệp nghlệp nghlệp")
    fill(index, [misread, clean])
    assert found(index, "nghiệp") == [clean, misread]
    assert found(index, "nghiep") == [clean, misread]


def test_words_that_are_words_themselves_are_not_taken_for_misread_ones(index: SearchIndex) -> None:
    fill(index, [record(1, "phường trường thường")])
    assert found(index, "phương tướng") == []


@pytest.mark.parametrize("typed", ["3164", "3165/QD-UBN", "so:316", "0012345"])
def test_a_number_is_never_taken_for_another(library: SearchIndex, typed: str) -> None:
    assert found(library, typed) == []


@pytest.mark.parametrize(
    ("typed", "first", "others"),
    [
        ("3165/QĐ-UBND", PERMIT, {NOTICE}),
        ("3165/qđ-ubnd", PERMIT, {NOTICE}),
        ("3165 qd ubnd", PERMIT, {NOTICE}),
        ("3165 QD-UBND", PERMIT, {NOTICE}),
        ("so:3165/QĐ-UBND", PERMIT, set()),
        ("12/TB-UBND", NOTICE, set()),
        ("12 tb ubnd", NOTICE, set()),
        ("số 012 -TB", MOTHER, {PERMIT}),
        ("kyhieu:TTr", MOTHER, set()),
        ("symbol:TTr-SXD", MOTHER, set()),
    ],
)
def test_the_paper_that_bears_a_number_comes_before_those_that_speak_of_it(
    library: SearchIndex, typed: str, first: Record, others: set[Record]
) -> None:
    ranked = found(library, typed)
    assert ranked[0] == first
    assert set(ranked) == {first} | others


@pytest.mark.parametrize("typed", ["số 12", "số 012", "so: 012 OR trọ", "12"])
def test_leading_zeros_of_a_number_do_not_matter(library: SearchIndex, typed: str) -> None:
    ranked = found(library, typed)
    assert set(ranked[:2]) == {NOTICE, MOTHER}
    assert set(ranked[2:]) <= {PERMIT}


@pytest.mark.parametrize("typed", ["H29.17-230815-0003", "h29.17-230815-0003.001", "230815-0003", "hoso:0003", "0003"])
def test_a_dossier_is_found_by_its_code_or_the_tail_of_it(library: SearchIndex, typed: str) -> None:
    assert found(library, typed) == [MISREAD]


@pytest.mark.parametrize(
    "typed", ["15/8/2023", "15-08-2023", "ngày 15/8/2023", "ngày 15 tháng 8 năm 2023", "15.8.2023"]
)
def test_a_date_finds_what_was_issued_then_and_then_what_speaks_of_it(library: SearchIndex, typed: str) -> None:
    assert found(library, typed) == [PERMIT, NOTICE]


@pytest.mark.parametrize("typed", ["tháng 8/2023", "thang 8/2023", "tháng 8 năm 2023", "8/2023"])
def test_a_month_finds_what_was_issued_in_it_and_then_what_speaks_of_it(library: SearchIndex, typed: str) -> None:
    assert found(library, typed) == [PERMIT, NOTICE]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ngay:2023", {PERMIT, NOTICE}),
        ("ngay:15/8/2023", {PERMIT}),
        ("date:2023-08", {PERMIT}),
        ("ngay:2021-01..2022-06", {MISREAD, SHOES}),
        ("ngay:..2021", {SHOES}),
        ("ngay:2023-09..", {NOTICE}),
        ("loai:QĐ", {PERMIT, MISREAD}),
        ('loai:"quyết định"', {PERMIT, MISREAD}),
        ("type:tb", {NOTICE}),
        ("coquan:phuong", {NOTICE}),
        ('issuer:"bến nghé"', {NOTICE}),
        ("coquan:bến*", {NOTICE}),
        ("donvi:H29.17", {PERMIT, NOTICE, MISREAD, MOTHER, GHOST, BUT}),
        ("unit:H29.17.3", {NOTICE}),
        ("trichyeu:cấp", {PERMIT}),
        ("thutuc:1.001193 số", {PERMIT}),
        ("cấp OR má", {PERMIT, MOTHER, GHOST, BUT}),
        ("cấp HOẶC mầu đơn", {PERMIT, SHOES}),
        ("ma -mà", {MOTHER, GHOST}),
        ("ma -ma", set()),
        ('ma -"người làm đơn"', {GHOST, BUT}),
        ("xây*", {PERMIT}),
        ("khong*", {BUT}),
        ("(giấy phép) xây, dựng.", {PERMIT}),
    ],
)
def test_fields_ranges_or_not_and_prefixes(library: SearchIndex, typed: str, expected: set[Record]) -> None:
    assert set(found(library, typed)) == expected


def test_a_hit_shows_the_page_and_the_line_with_the_words_marked(library: SearchIndex) -> None:
    [hit, *_rest] = hits(library, "giay phep xay dung")
    assert (hit.excerpt.page, hit.excerpt.line) == (2, "Điều 1. Cấp giấy phép xây dựng nhà ở")
    marked = [hit.excerpt.line[start:end] for start, end in hit.excerpt.marks]
    assert marked == ["giấy", "phép", "xây", "dựng"]


def test_what_was_found_is_counted_by_unit_type_and_year(library: SearchIndex) -> None:
    counts = library.search(Request(parse("ngay:2000..2030"), limit=1, counts=True)).counts
    assert counts is not None
    assert counts.units == {"H29.17": 2, "H29.17.3": 1, "H29.99": 1}
    assert counts.types == {"Quyết định": 2, "Thông báo": 1}
    assert counts.years == {2023: 2, 2022: 1, 2021: 1}


def test_newest_first_papers_without_a_date_last(library: SearchIndex) -> None:
    ranked = library.search(Request(parse(""), sort=Sort.DATE)).hits
    days = [hit.record.issued_on or date.min for hit in ranked]
    assert days == sorted(days, reverse=True)
    assert len(days) == len(ALL)


@pytest.mark.parametrize("sort", list(Sort))
def test_pages_of_hits_have_no_gap_and_no_repetition(index: SearchIndex, sort: Sort) -> None:
    many = [record(n, "phép" if n % 3 else "phep", issued_on=date(2023, 1, 1 + n % 7)) for n in range(1, 101)]
    fill(index, many)
    query = parse("phép")
    whole = index.search(Request(query, limit=200, sort=sort))
    assert whole.total == len(whole.hits) == 100
    parts = [index.search(Request(query, limit=7, offset=offset, sort=sort)) for offset in range(0, 110, 7)]
    assert [hit.record.id for part in parts for hit in part.hits] == [hit.record.id for hit in whole.hits]
    assert {part.total for part in parts} == {100}


def test_nothing_is_shown_where_nothing_is_asked_for(library: SearchIndex) -> None:
    assert library.search(Request(parse("ma"), limit=0)).total == 3
    assert library.search(Request(parse("ma"), limit=5, offset=50)).hits == ()


def test_a_newer_version_takes_the_place_of_the_old_one(index: SearchIndex) -> None:
    old = record(1, "bản cũ")
    new = replace(old, version=2, pages=("bản mới",))
    fill(index, [old, record(2, "bản khác")])
    index.update([Entry(3, new)], (), 3)
    assert found(index, "cũ") == []
    assert found(index, "mới") == [new]
    assert index.status().records == 2


def test_a_record_given_twice_in_a_run_is_there_once(index: SearchIndex) -> None:
    old = record(1, "bản cũ")
    new = replace(old, version=2, pages=("bản mới",))
    index.update([Entry(1, old), Entry(2, new)], (), 2)
    assert found(index, "bản") == [new]


def test_what_is_gone_is_not_found(index: SearchIndex) -> None:
    fill(index, [record(1, "giữ lại"), record(2, "rút lại")])
    index.update((), ["H29.17-230815-0002.001", "never-there"], 2)
    assert found(index, "lại") == [record(1, "giữ lại")]


def test_indexing_again_changes_nothing(index: SearchIndex) -> None:
    fill(index, ALL)
    before = [found(index, typed) for typed in ("giấy phép", "ma", "3165/QĐ-UBND")]
    fill(index, ALL)
    assert index.status().records == len(ALL)
    assert [found(index, typed) for typed in ("giấy phép", "ma", "3165/QĐ-UBND")] == before


def test_the_place_reached_is_kept_and_never_goes_back(index: SearchIndex) -> None:
    assert index.status().position == 0
    index.update([Entry(5, GHOST)], (), 9)
    index.update([Entry(5, GHOST)], (), 5)
    assert index.status().position == 9


def test_what_is_owed_is_kept_until_it_is_paid(index: SearchIndex) -> None:
    index.update([Entry(5, GHOST)], (), 9, owed=["b", "a"])
    assert index.status().owed == ("a", "b")
    index.update((), (), 9, owed={"b"})
    assert index.status().owed == ("b",)
    with index.rebuilding() as fresh:
        fill(fresh, [GHOST])
    assert index.status().owed == ()


def test_searching_goes_on_while_an_index_is_made_anew(index: SearchIndex) -> None:
    fill(index, [record(1, "bản cũ")])
    with index.rebuilding() as fresh:
        fresh.update([Entry(7, record(2, "bản mới"))], (), 7)
        assert [r.id for r in found(index, "bản")] == [record(1).id]
    assert [r.id for r in found(index, "bản")] == [record(2).id]
    assert index.status().position == 7


def test_a_rebuild_that_fails_leaves_the_old_index(index: SearchIndex) -> None:
    fill(index, [record(1, "bản cũ")])

    def failing() -> None:
        with index.rebuilding() as fresh:
            fresh.update([Entry(7, record(2, "bản mới"))], (), 7)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert [r.id for r in found(index, "bản")] == [record(1).id]


def test_known_words_are_counted_by_records(index: SearchIndex) -> None:
    fill(index, [record(1, "giấy giấy"), record(2, "giấy"), record(3, "giay gay"), record(4, "khác")])
    assert index.known(Place.FOLDED, {"giay", "gay", "xyz"}) == {"giay": 3, "gay": 1}
    assert index.known(Place.EXACT, {"giấy", "giay", "gãy"}) == {"giấy": 2, "giay": 1}
    assert index.known(Place.EXACT, ()) == {}


def test_a_word_of_a_long_query_that_is_rare_beside_its_neighbour_is_taken_for_it(index: SearchIndex) -> None:
    others = [record(n, "kế hoạch khác") for n in range(10, 90)]
    right, noise = record(1, "trang", abstract="Kế hoạch thi đua khen thưởng"), record(2, "kế boạch thi đua khen " * 9)
    fill(index, [noise, *others, right])
    assert [hit.record for hit in find(index, Request(parse("kế boạch thi đua khen"))).found.hits] == [right, noise]
    assert [hit.record for hit in find(index, Request(parse("boạch"))).found.hits] == [noise]


def test_odd_texts_are_taken(index: SearchIndex) -> None:
    odd = record(1, "", "\x00\x07\x1b[31m đỏ\u200b \ufeff", "Ⅻ ½ ﬁ 漢字 😀 x̀", "dài" * 40_000, unit="", number="12a")
    fill(index, [odd])
    assert [r.id for r in found(index, "đỏ")] == [odd.id]
    assert [r.id for r in found(index, "12a")] == [odd.id]


def test_a_record_of_two_thousand_pages_is_found_by_its_last(index: SearchIndex) -> None:
    long = record(1, *(f"trang thứ {n} nói về việc này việc khác" for n in range(1999)), "trang cuối cùng")
    fill(index, [long])
    [hit] = hits(index, "cuối cùng")
    assert hit.excerpt.page == 2000


def test_a_remembered_title_with_one_word_wrong_is_found_behind_those_that_are_right(index: SearchIndex) -> None:
    right = record(1, "quyết định phê duyệt kế hoạch đào tạo")
    wrong = record(2, "quyết định phê duyệt kế hoạch thi đua")
    far = record(3, "quyết định khen thưởng")
    fill(index, [far, wrong, right])
    finding = find(index, Request(parse("phe duyet ke hoach dao")))
    assert [hit.record for hit in finding.found.hits] == [right, wrong]
    assert (finding.whole, finding.found.total) == (1, 2)
    assert find(index, Request(parse("phe duyet dao"))).whole is None


def test_a_misread_word_of_a_title_typed_finds_it(index: SearchIndex) -> None:
    titled = record(1, "trang một", abstract="Kế hoạch thanh toán chi phí")
    fill(index, [record(2, "thanh toán", "chi phí kế hoạch"), titled])
    assert found(index, "rhanh toán chi phí")[0] == titled


def test_a_number_amid_a_title_typed_finds_the_title_before_the_paper_of_that_number(index: SearchIndex) -> None:
    of_that_number = record(1, "chủ động ứng phó với bão", number="16")
    titled = record(2, "trang một", abstract="Chủ động ứng phó với bão số 16", number="1284")
    fill(index, [of_that_number, titled])
    assert found(index, "chủ động ứng phó với bão số 16") == [titled, of_that_number]
    assert found(index, "bão số 16") == [of_that_number, titled]


def test_what_stands_in_the_title_comes_before_what_stands_in_the_text(index: SearchIndex) -> None:
    in_text = record(1, "khai sinh " * 30 + "đăng ký " * 30)
    in_title = record(2, "trang một", abstract="Đăng ký khai sinh")
    fill(index, [in_text, in_title])
    assert found(index, "đăng ký khai sinh") == [in_title, in_text]


@pytest.mark.parametrize("typed", ['"không đóng', "-chỉ -phủ -định", "OR đầu", "cuối OR", "ngay:hôm", "so:", "x*"])
def test_a_query_that_cannot_be_understood_is_refused_before_any_index(library: SearchIndex, typed: str) -> None:
    with pytest.raises(QueryRejected):
        found(library, typed)
