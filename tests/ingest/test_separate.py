"""Where papers begin in a stack: by sheets and labels, and where there are none by the pages themselves."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.pages import open_pages
from ingest.reading import read_page
from ingest.separate import last_sheet, separate
from ingest.sheets import Form, write
from schemas.documents import Cut, CutState, Kind, Paper, Sheet
from schemas.pages import Box, Code, Line, MediaType, PageState, PageText, ReadingOptions, Scan, Word
from tests import services

SCAN = Scan(Path("stack.pdf"), "0" * 64, 1, MediaType.PDF)
A4 = (1654, 2339)

HEAD = [
    (0.06, 0.12, "ỦY BAN NHÂN DÂN QUẬN 5 CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
    (0.08, 0.55, "Độc lập - Tự do - Hạnh phúc"),
    (0.11, 0.15, "Số: 120/QĐ-UBND Quận 5, ngày 03 tháng 4 năm 2023"),
]
MISREAD_HEAD = [
    (0.06, 0.12, "ỦY BAN NHÂN DAN QUẬN 5 CỌNG HOÀ XÃ HỌI CHÚ NGHIA VIẸT NAM"),
    (0.08, 0.55, "Đôc lâp - Tư do — Hanh phúc"),
    (0.11, 0.15, "Sế: †20/QĐ-UBND Quận 5, ngày03tháng 4 năm 2023"),
]
TITLE = [(0.16, 0.4, "QUYẾT ĐỊNH"), (0.19, 0.25, "Về việc cấp giấy phép xây dựng nhà ở riêng lẻ")]
BODY = [
    (0.3 + i * 0.05, 0.14, "Căn cứ Luật Xây dựng và đề nghị của Trưởng phòng Quản lý đô thị quận;") for i in range(8)
]
FILLED = [
    (0.3 + i * 0.05, 0.14, "theo quy định của pháp luật về xây dựng và về quản lý đô thị của thành phố")
    for i in range(12)
]
CLOSING = [(0.75, 0.12, "Nơi nhận: TM. ỦY BAN NHÂN DÂN"), (0.8, 0.12, "- Lưu: VT, QLĐT."), (0.86, 0.6, "Nguyễn Văn An")]


def line(top: float, left: float, text: str) -> Line:
    words, width = [], 0.011
    for word in text.split():
        box = Box(left, top, min(1.0, left + width * len(word)), top + 0.015)
        words.append(Word(word, box, 0.95, (box.x0, box.y1, box.x1, box.y1)))
        left = min(0.98, box.x1 + width)
    return Line(tuple(words), Box(words[0].box.x0, top, words[-1].box.x1, top + 0.015), 0.015, 0, 0)


def page(*rows: tuple[float, float, str], size: tuple[int, int] = A4) -> PageText:
    return PageText(1, *size, 200.0, lines=tuple(line(*row) for row in rows))


DECISION = page(*HEAD, *TITLE, *BODY, *CLOSING)
FIRST_OF_TWO = page(*HEAD, *TITLE, *FILLED)
SECOND_OF_TWO = page(
    (0.04, 0.5, "2"), (0.08, 0.14, "quận và các đơn vị có liên quan chịu trách nhiệm thi hành."), *CLOSING
)
ANNEX = page((0.06, 0.45, "Phụ lục I"), (0.08, 0.3, "(Kèm theo Quyết định số 120/QĐ-UBND ngày 03/4/2023)"), *BODY)
FORM = page(
    (0.06, 0.3, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"), (0.08, 0.36, "Độc lập - Tự do - Hạnh phúc"),
    (0.14, 0.3, "ĐƠN ĐỀ NGHỊ CẤP GIẤY PHÉP XÂY DỰNG"), (0.2, 0.14, "Kính gửi: Ủy ban nhân dân quận 5"), *BODY,
)  # fmt: skip
DRAWING = page((0.2, 0.5, "MẶT BẰNG TẦNG TRỆT"), (0.9, 0.6, "Tỷ lệ 1/100"), size=(3307, 2339))
BLANK = PageText(1, *A4, 200.0, state=PageState.BLANK)
NOT_READ = PageText(1, *A4, 200.0, state=PageState.NOT_READ, reason="crashed")


def coded(text: str, *rows: tuple[float, float, str]) -> PageText:
    return replace(page(*rows), codes=(Code(text, "QR Code", Box(0.2, 0.2, 0.7, 0.6)),))


def cover(sheet: Sheet) -> PageText:
    return coded(write(sheet), (0.1, 0.3, "TỜ PHÂN CÁCH"))


def label(sheet: Sheet) -> PageText:
    return replace(DECISION, codes=(Code(write(sheet, Form.LABEL), "QR Code", Box(0.7, 0.1, 0.85, 0.2)),))


def stack(*pages: PageText) -> list[PageText]:
    return [replace(each, number=number) for number, each in enumerate(pages, start=1)]


def parted(*pages: PageText) -> Sequence[Paper]:
    return separate(SCAN, stack(*pages))


def numbers(papers: Sequence[Paper]) -> list[tuple[int, ...]]:
    return [paper.page_numbers for paper in papers]


# -- sheets and labels ------------------------------------------------------------------------------------------------

ONE = Sheet("H29-240101-0001", "1.001193", "H29", Kind.RESULT)
TWO = Sheet("H29-240101-0002")


def test_a_cover_sheet_is_no_page_of_a_record_and_speaks_for_what_lies_behind_it() -> None:
    papers = parted(cover(ONE), FIRST_OF_TWO, SECOND_OF_TWO, DECISION, cover(TWO), DECISION)
    assert numbers(papers) == [(2, 3), (4,), (6,)]
    assert [paper.sheet for paper in papers] == [ONE, ONE, TWO]
    assert [paper.cut.state for paper in papers] == [CutState.ACCEPTED] * 3


def test_a_patch_sheet_parts_what_the_pages_alone_would_not() -> None:
    papers = parted(cover(ONE), DRAWING, coded("PATCHT"), DRAWING)
    assert numbers(papers) == [(2,), (4,)]
    assert [paper.sheet for paper in papers] == [ONE, ONE]


def test_a_labelled_page_is_the_first_of_its_record() -> None:
    papers = parted(DECISION, label(TWO), ANNEX)
    assert numbers(papers) == [(1,), (2, 3)]
    assert papers[1].sheet == TWO


def test_a_damaged_sheet_parts_the_stack_and_the_paper_behind_it_is_held() -> None:
    papers = parted(cover(ONE), DECISION, coded("SOHOA1|S|H29-240101-0O02||||11"), DECISION)
    assert numbers(papers) == [(2,), (4,)]
    assert papers[1].cut.state is CutState.HELD


def test_the_blank_back_of_a_sheet_goes_with_it_in_a_pile_scanned_on_both_sides() -> None:
    assert numbers(parted(cover(ONE), BLANK, DECISION, BLANK, cover(TWO), BLANK, DECISION)) == [(3, 4), (7,)]


def test_sheets_alone_are_no_paper_and_speak_for_the_next_scan() -> None:
    alone = stack(cover(ONE), BLANK)
    assert separate(SCAN, alone) == []
    standing = last_sheet(alone)
    assert [paper.sheet for paper in separate(SCAN, stack(DECISION), standing)] == [ONE]


# -- blank pages ------------------------------------------------------------------------------------------------------


def test_blank_pages_stay_with_the_paper_before_them() -> None:
    assert numbers(parted(FIRST_OF_TWO, BLANK, SECOND_OF_TWO, BLANK, DECISION, BLANK)) == [(1, 2, 3, 4), (5, 6)]
    assert numbers(parted(BLANK, DECISION, BLANK, cover(TWO), BLANK)) == [(1, 2, 3, 5)]


def test_a_scan_of_blank_pages_is_one_paper() -> None:
    assert numbers(parted(BLANK, BLANK)) == [(1, 2)]


# -- without sheets ---------------------------------------------------------------------------------------------------


def test_papers_begin_where_a_head_stands() -> None:
    papers = parted(FIRST_OF_TWO, SECOND_OF_TWO, DECISION, ANNEX, DECISION)
    assert numbers(papers) == [(1, 2), (3, 4), (5,)]
    assert [paper.cut.state for paper in papers] == [CutState.ACCEPTED] * 3
    assert [paper.doubtful_cuts for paper in papers] == [()] * 3


def test_a_head_that_is_read_badly_is_a_head() -> None:
    papers = parted(DECISION, page(*MISREAD_HEAD, *TITLE, *BODY, *CLOSING))
    assert numbers(papers) == [(1,), (2,)]
    assert papers[1].cut.state is CutState.ACCEPTED


def test_the_motto_within_a_sentence_is_no_head() -> None:
    quoting = page(
        (0.08, 0.14, "nước Cộng hòa xã hội chủ nghĩa Việt Nam và các đơn vị có liên quan thi hành."), *CLOSING
    )
    papers = parted(FIRST_OF_TWO, quoting)
    assert numbers(papers) == [(1, 2)]
    assert papers[0].doubtful_cuts == ()


def test_a_form_without_number_and_date_is_parted_and_held() -> None:
    papers = parted(DECISION, FORM)
    assert numbers(papers) == [(1,), (2,)]
    assert papers[1].cut.state is CutState.HELD
    assert 0.5 <= papers[1].cut.confidence < 0.97


def test_a_paper_that_was_sent_with_the_one_before_is_asked_about() -> None:
    letter = page(
        *HEAD, (0.2, 0.3, "Kính gửi: Các phòng, ban"),
        (0.3, 0.14, "gửi kèm Thông báo số 77/TB-SXD ngày 01/4/2023 của Sở Xây dựng (đính kèm Thông báo)"), *CLOSING,
    )  # fmt: skip
    sent = page(
        *HEAD[:2], (0.11, 0.15, "Số: 77/TB-SXD Thành phố, ngày 01 tháng 4 năm 2023"),
        (0.16, 0.4, "THÔNG BÁO"), *BODY, *CLOSING,
    )  # fmt: skip
    papers = parted(letter, sent)
    assert numbers(papers) == [(1,), (2,)]
    assert papers[1].cut.state is CutState.HELD


def test_a_drawing_behind_a_finished_paper_is_asked_about() -> None:
    [paper] = parted(DECISION, DRAWING)
    assert paper.doubtful_cuts == (2,)


def test_a_page_that_was_not_read_is_asked_about_and_never_cut_off() -> None:
    [paper] = parted(DECISION, NOT_READ)
    assert paper.doubtful_cuts == (2,)


def test_page_numbers_that_go_on_hold_a_paper_together() -> None:
    papers = parted(FIRST_OF_TWO, *(page((0.04, 0.5, str(n)), *FILLED) for n in range(2, 30)))
    assert len(papers) == 1
    assert papers[0].doubtful_cuts == ()


ANY_PAGE = st.sampled_from(
    [DECISION, FIRST_OF_TWO, SECOND_OF_TWO, ANNEX, FORM, DRAWING, BLANK, NOT_READ, label(TWO), cover(ONE), cover(TWO)]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(ANY_PAGE, min_size=1, max_size=12))
def test_every_page_is_in_one_paper_in_order_but_sheets_and_their_backs(drawn: list[PageText]) -> None:
    pages = stack(*drawn)
    papers = separate(SCAN, pages)
    covers = {p.number for p in pages if p.codes and p.codes[0].text.startswith("SOHOA1|S")}
    backs = {q.number for p, q in pairwise(pages) if p.number in covers and p.number % 2 and q.state is PageState.BLANK}
    kept = [number for paper in papers for number in paper.page_numbers]
    assert kept == [p.number for p in pages if p.number not in covers | backs]
    assert all(paper.pages for paper in papers)
    assert all(set(paper.doubtful_cuts) <= set(paper.page_numbers[1:]) for paper in papers)
    assert all(paper.cut.state is CutState.HELD or paper.cut.confidence >= 0.97 for paper in papers)


@pytest.mark.scans
def test_a_real_days_stack_is_parted_without_a_silent_error(tmp_path: Path) -> None:
    batch = services.scans() / "batches" / "dev_bgd.pdf"
    truth = json.loads(batch.with_suffix(".json").read_text())
    pages_read = 8
    begin = {document["first_page"] for document in truth["documents"]} & set(range(1, pages_read + 1))
    scan = Scan(batch, "0" * 64, batch.stat().st_size, MediaType.PDF)
    options = ReadingOptions(fast=True)
    with open_pages(scan, spool=tmp_path) as pages:
        texts = [read_page(pages.image(number), options) for number in range(1, pages_read + 1)]
    papers = separate(scan, texts)
    cut = {paper.pages[0].number: paper.cut.state for paper in papers}
    asked = {number for paper in papers for number in paper.doubtful_cuts}
    assert len(begin & set(cut)) >= 0.95 * len(begin)
    assert begin <= set(cut) | asked
    assert {number for number, state in cut.items() if state is CutState.ACCEPTED} <= begin


def test_the_first_paper_of_a_scan_is_no_question() -> None:
    assert parted(DRAWING)[0].cut == Cut(CutState.ACCEPTED, 1.0)
