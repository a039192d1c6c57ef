"""Numbers, symbols, dates and words as they are written, and as a reader leaves them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.extract.folding import distance, folded, likeness
from ingest.extract.grammar import date_in, digits_in, number_line, tidy_symbol
from ingest.extract.names import EVERY_TYPE, TYPES, type_code, type_named
from ingest.extract.wording import keys_of, pairs_of, weighed

numbers = st.integers(1, 99999).map(lambda n: f"{n:02d}")
codes = st.sampled_from([code for code in TYPES if len(code) > 1])
agencies = st.sampled_from(["UBND", "HĐND", "SYT", "BGDĐT", "VPCP", "SNV", "SQHKT"])
words = st.text(alphabet="abcđeêghiklmnoôơpqrstuưvxyàáảãạếộỹ ", max_size=20)


@given(
    numbers,
    codes,
    agencies,
    st.sampled_from(["Số: {}/{}-{}", "Số:{}/{}-{}", "Số {}/{}-{}", "Số: {} /{}-{}", "Số: {}/{} - {}"]),
)
def test_a_printed_number_line_comes_apart_as_it_was_put_together(
    number: str, code: str, agency: str, form: str
) -> None:
    parts = number_line(form.format(number, code, agency))
    assert parts is not None
    assert (parts.number, parts.symbol, parts.slash) == (number, f"{code}-{agency}", True)


@given(numbers, agencies, st.sampled_from(["NVY", "VX", "TCCB", "ĐT"]))
def test_a_letters_symbol_has_no_code_of_a_type(number: str, agency: str, desk: str) -> None:
    parts = number_line(f"Số: {number}/{agency}-{desk}")
    assert parts is not None
    assert parts.symbol == f"{agency}-{desk}"


def test_the_year_of_a_legal_document_stays_with_its_symbol() -> None:
    parts = number_line("Số: 21/2026/TT-BCT")
    assert parts is not None
    assert (parts.number, parts.symbol) == ("21", "2026/TT-BCT")


@pytest.mark.parametrize(
    ("read", "symbol"),
    [("QĐÐ-BGDĐT", "QĐ-BGDĐT"), ("QÐ- -TTg", "QĐ-TTg"), ("QD-UBND", "QĐ-UBND"), ("TTR-HĐND", "TTr-HĐND"),
     ("TB-SYT.", "TB-SYT")],
)  # fmt: skip
def test_misread_strokes_of_a_symbol_are_mended(read: str, symbol: str) -> None:
    assert tidy_symbol(read) == symbol


def test_a_slash_read_as_a_seven_still_ends_the_number() -> None:
    parts = number_line("Số: 1695 7QĐ-SYT")
    assert parts is not None
    assert parts.symbol == "QĐ-SYT"
    assert not parts.slash


def test_a_line_without_a_label_is_no_number_line() -> None:
    assert number_line("Căn cứ Quyết định số 1675/QĐ-UBND ngày 09 tháng 8 năm 2017") is None


@given(st.text(max_size=60))
def test_no_text_breaks_the_grammar(text: str) -> None:
    number_line(text)
    date_in(text)
    digits_in(text)
    tidy_symbol(text)


@given(st.dates(date(1946, 1, 1), date(2099, 12, 31)), st.booleans())
def test_every_printed_date_is_read(day: date, padded: bool) -> None:
    written = f"{day.day:02d} tháng {day.month:02d}" if padded else f"{day.day} tháng {day.month}"
    read = date_in(f"Thành phố Hồ Chí Minh, ngày {written} năm {day.year}")
    assert read is not None
    assert read.iso == day.isoformat()
    assert read.exact


@pytest.mark.parametrize(
    "text", ["Hà Nội, ngày l6 tháng 9 năm 2025", "Hà Nội, ngàyl6 tháng 9 năm 2025", "Hà Nội, ngày 16 tháng9năm 2025"]
)
def test_a_date_is_read_through_what_print_is_taken_for(text: str) -> None:
    read = date_in(text)
    assert read is not None
    assert read.iso == "2025-09-16"


def test_a_day_left_to_the_pen_is_no_date() -> None:
    read = date_in("Kiên Giang, ngày     tháng 10 năm 2017")
    assert read is not None
    assert read.iso is None
    assert read.month is not None
    assert read.month.value == "10"


def test_there_is_no_thirtieth_of_february() -> None:
    read = date_in("Hà Nội, ngày 30 tháng 02 năm 2023")
    assert read is not None
    assert read.iso is None


@given(words, words)
def test_likeness_is_symmetric_and_within_bounds(one: str, other: str) -> None:
    assert 0.0 <= likeness(one, other) == likeness(other, one) <= 1.0
    assert distance(one, other) == distance(other, one)


def test_folding_leaves_letters_alone_and_takes_every_mark() -> None:
    assert folded("  QUYẾT   ĐỊNH ỷ") == "quyet dinh y"


@given(st.sampled_from(EVERY_TYPE))
def test_every_type_is_named_by_itself_in_capitals(name: str) -> None:
    assert type_named(name.upper()) == (name, 1.0)


def test_types_that_fold_alike_keep_their_code() -> None:
    assert [type_code("HD"), type_code("HĐ"), type_code("ttr"), type_code("SYT")] == ["HD", "HĐ", "TTr", None]


def test_marks_that_were_lost_come_back_from_what_the_paper_says_below() -> None:
    body = pairs_of(["Sở Y tế tổng kết công tác tổ chức cán bộ năm 2017 và phương hướng nhiệm vụ"] * 2)
    assert weighed("Kêt quả công tác Tô chức cán bộ năm 2017", body).text == "Kết quả công tác Tổ chức cán bộ năm 2017"


def test_codes_and_numbers_of_an_abstract_stay_as_they_were_read() -> None:
    text = "V/v thực hiện Quyết định số 5659/QĐ-BYT ngày 19/12/2017 của Bộ Y tế"
    assert weighed(text, pairs_of([])).text == text


@given(st.text(max_size=80))
def test_weighing_changes_marks_and_nothing_else(text: str) -> None:
    assert folded(weighed(text, pairs_of([])).text) == folded(text)


def test_a_syllable_that_there_is_is_not_left_for_another_without_a_doubt() -> None:
    assert weighed("ứng phó với áp thấp nhiệt đới và mưa lũ", pairs_of([])).overruled == 1
    assert weighed("sửa đối, bổ sung", pairs_of([])).overruled == 0


def test_a_syllable_that_was_read_surely_is_not_left_without_a_doubt() -> None:
    text = "Về việc phòng chống dịch bệnh trên địa bản tỉnh"
    assert weighed(text, pairs_of([])).overruled == 0
    assert weighed(text, pairs_of([]), keys_of(text)).overruled == 1
