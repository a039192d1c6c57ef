"""The page and the line that are shown, and the words marked in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.excerpts import LONGEST_LINE, excerpt, marked_words
from search.folding import composed
from search.parsing import parse


def shown(typed: str, *pages: str) -> tuple[int | None, str, list[str]]:
    found = excerpt(pages, parse(typed))
    return found.page, found.line, [found.line[a:b] for a, b in found.marks]


def test_the_line_with_most_of_the_words_is_shown() -> None:
    pages = ("giấy tờ\nphép tắc", "trang hai\nGiấy phép xây dựng số 5\nhết")
    assert shown("giay phep", *pages) == (2, "Giấy phép xây dựng số 5", ["Giấy", "phép"])


def test_the_marks_typed_decide_between_lines_with_as_many_words() -> None:
    assert shown("má", "ma\nmà", "xin\nmá")[:2] == (2, "má")


@pytest.mark.parametrize(
    ("typed", "line", "marked"),
    [
        ("12/QĐ-UBND", "Số: 012/QĐ-UBND ngày", ["012/QĐ-UBND"]),
        ("15/8/2023", "ngày 15 tháng 08 năm 2023", ["15 tháng 08 năm 2023"]),
        ('"xây dựng"', "xây nhà, xây  dựng", ["xây  dựng"]),
        ("xây*", "xây xâydựng say", ["xây", "xâydựng"]),
        ("nghiệp", "hành nghlệp vụ", ["nghlệp"]),
        ("hòa", "hoà bình hoa", ["hoà", "hoa"]),
        ("duong", "ĐƯỜNG đường", ["ĐƯỜNG", "đường"]),
        ("漢字", "chữ 漢字", ["漢字"]),
    ],
)
def test_what_answers_the_query_is_marked(typed: str, line: str, marked: list[str]) -> None:
    assert shown(typed, line) == (1, line, marked)


def test_a_phrase_over_a_line_end_is_shown_whole() -> None:
    assert shown('"giấy phép"', "đầu\ncấp giấy\nphép cho ông\ncuối") == (1, "cấp giấy phép cho ông", ["giấy phép"])


def test_a_long_line_is_cut_round_its_first_mark() -> None:
    page, line, marked = shown("đích", "chữ " * 500 + "đích " + "khác " * 500)
    assert (page, marked) == (1, ["đích"])
    assert len(line) <= LONGEST_LINE


def test_where_no_page_speaks_of_it_the_first_line_is_shown_without_a_page() -> None:
    assert shown("khác", "", "  dòng đầu\nhai") == (None, "dòng đầu", [])
    assert shown("khác") == (None, "", [])


@given(st.lists(st.text(max_size=80), max_size=3), st.text(alphabet="abđéoà 12\n", max_size=20))
def test_marks_lie_in_the_line(pages: list[str], typed: str) -> None:
    found = excerpt(pages, parse(typed))
    assert all(0 <= a < b <= len(found.line) for a, b in found.marks)


@given(st.text(max_size=80))
def test_marked_spans_lie_in_the_composed_text(text: str) -> None:
    assert all(0 <= a < b <= len(composed(text)) for a, b in marked_words(text, parse("giấy 12 nghiep*")))
