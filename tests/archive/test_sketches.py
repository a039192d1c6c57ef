"""Papers that say nearly the same are found, and those made from one form are told apart."""

import random

from archive.sketches import LEAST_SHARED, identity, nearly_the_same, sketch

FORM = "quyết định cấp giấy phép xây dựng nhà ở riêng lẻ tại phường quận thành phố theo đề nghị của trưởng phòng"
WORDS = FORM.split()
rng = random.Random(7)
PAPER = [" ".join(rng.choices(WORDS, k=120)) + " số nhà 135 ngày 15 tháng 08 năm 2023 diện tích 120"]


def misread(pages: list[str], every: int) -> list[str]:
    """As a second scan is read: every so many words another one."""
    return [" ".join(f"{w}x" if n % every == 0 else w for n, w in enumerate(page.split())) for page in pages]


def test_a_second_scan_shares_hashes_and_words() -> None:
    again = misread(PAPER, 25)
    assert len(set(sketch(PAPER)) & set(sketch(again))) >= LEAST_SHARED
    assert nearly_the_same(PAPER, again)


def test_capitals_marks_and_page_breaks_make_no_difference() -> None:
    half = PAPER[0].split()
    pages = [" ".join(half[:60]).upper(), " ".join(half[60:])]
    assert sketch(pages) == sketch(PAPER)


def test_another_paper_shares_none() -> None:
    other = [" ".join(rng.choices(WORDS, k=120))]
    assert not set(sketch(PAPER)) & set(sketch(other))
    assert not nearly_the_same(PAPER, other)


def test_a_form_filled_in_for_somebody_else_is_told_by_its_figures() -> None:
    other = [PAPER[0].replace("135", "48").replace("15 tháng 08", "21 tháng 11").replace("120", "77")]
    assert len(set(sketch(PAPER)) & set(sketch(other))) >= LEAST_SHARED
    assert not nearly_the_same(PAPER, other)


SHORT = ["BẢN VẼ HOÀN CÔNG Nhà ông Nguyễn Văn An, số 12 đường Lê Lợi, phường Bến Thành"]


def test_two_scans_of_a_drawing_that_says_little_are_alike() -> None:
    again = [
        SHORT[0].replace("Thành", "Thanh").replace("Nguyễn", "Nguyển").replace("HOÀN", "HOAN").replace("ông", "6ng")
    ]
    assert len(set(sketch(SHORT)) & set(sketch(again))) >= LEAST_SHARED
    assert nearly_the_same(SHORT, again)


def test_drawings_of_two_houses_are_not() -> None:
    assert not nearly_the_same(SHORT, [SHORT[0].replace("12", "14")])
    assert not nearly_the_same(SHORT, [SHORT[0].replace("Lê Lợi", "Nguyễn Huệ")])


def test_what_says_nothing_is_like_nothing() -> None:
    stamp = ["Mặt bằng tầng trệt"]
    assert sketch(stamp) == ()
    assert not nearly_the_same(stamp, stamp)


def test_a_paper_is_named_by_number_symbol_and_day_however_written() -> None:
    assert identity("09", "TB-UBND", "2023-05-05") == identity("9", "tb ubnd", "2023-05-05") != ()
    assert identity("9", "TB-UBND", "2023-05-06") != identity("9", "TB-UBND", "2023-05-05")
    assert identity(None, "TB-UBND", "2023-05-05") == ()
