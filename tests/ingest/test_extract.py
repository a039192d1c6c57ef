"""What a paper says of itself, on pages put together word by word; the traps are those of real scans."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.extract import OF_HEAD, READ, describe, reasons_to_hold
from ingest.extract.shown import shown
from schemas.documents import (
    FIELD_NAMES,
    Cut,
    CutState,
    Document,
    Evidence,
    Field,
    FieldState,
    Kind,
    Paper,
    Sheet,
)
from schemas.pages import Box, DigitsSeen, Line, PageState, PageText
from tests.ingest.papers_read import blank, decision, line
from tests.values import scan

SURE = Cut(CutState.ACCEPTED, 1.0)


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOHOA_LANG", "en")


def described(*pages: PageText, sheet: Sheet | None = None) -> Document:
    return describe(Paper(scan(), pages, SURE, sheet=sheet or Sheet()))


def page(lines: Sequence[Line], **changes: object) -> PageText:
    return replace(PageText(1, 1654, 2339, 200.0, lines=tuple(lines)), **changes)  # type: ignore[arg-type]


def replaced(text: PageText, old: str, new: Line | None) -> PageText:
    """*text* with the line that begins with *old* put otherwise, or left out."""
    lines = [new if row.text.startswith(old) else row for row in text.lines]
    assert lines != list(text.lines)
    return replace(text, lines=tuple(row for row in lines if row is not None))


def with_lines(text: PageText, *more: Line) -> PageText:
    return replace(text, lines=(*text.lines, *more))


def letter(*extra: Line, number: Line | None = None) -> PageText:
    """A department's letter: two agencies, ``V/v`` below the number, no heading."""
    return page([
        line("UBND TỈNH KIÊN GIANG", 0.15, 0.05, 0.22, 1),
        line("SỞ Y TẾ", 0.22, 0.067, 0.07, 1),
        line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 0.45, 0.05, 0.45, 2),
        line("Độc lập - Tự do - Hạnh phúc", 0.53, 0.067, 0.29, 2),
        number or line("Số: 342/SYT-NVY", 0.15, 0.10, 0.17, 3),
        line("Kiên Giang, ngày 27 tháng 3 năm 2018", 0.50, 0.10, 0.34, 4),
        line("V/v tổ chức Tháng hành động về", 0.12, 0.125, 0.26, 5),
        line("an toàn, vệ sinh lao động năm 2018", 0.12, 0.142, 0.26, 5),
        line("Kính gửi: Đơn vị trực thuộc Sở Y tế.", 0.31, 0.20, 0.35, 6),
        line("Thực hiện Công văn số 1239/BYT-TCCB ngày 08/3/2018 của Bộ Y tế về", 0.2, 0.25, 0.7, 7),
        line("việc tổ chức Tháng hành động, Sở Y tế đề nghị các đơn vị thực hiện năm 2018.", 0.14, 0.27, 0.75, 7),
        line("Nơi nhận:", 0.13, 0.60, 0.1, 20),
        line("- Lưu: VT, NVY.", 0.13, 0.63, 0.14, 20),
        line("KT. GIÁM ĐỐC", 0.62, 0.60, 0.14, 21),
        line("PHÓ GIÁM ĐỐC", 0.62, 0.62, 0.14, 21),
        line("Hà Văn Phúc", 0.62, 0.72, 0.13, 22),
        *extra,
    ])  # fmt: skip


def values(document: Document) -> dict[str, str | None]:
    """Of the elements of NĐ 30/2020."""
    named = dict(document.metadata.items())
    return {name: named[name].value for name in (*OF_HEAD, "signer", "signer_title")}


def test_a_printed_decision_is_described_whole_and_needs_nobody() -> None:
    document = described(decision())
    assert document.reasons == ()
    assert document.kind is Kind.RESULT
    assert values(document) == {
        "number": "3165", "symbol": "QĐ-UBND", "issued_on": "2023-08-15", "issuer": "ỦY BAN NHÂN DÂN QUẬN 1",
        "parent_issuer": None, "type": "Quyết định",
        "abstract": "Về việc cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi",
        "urgency": None, "signer": "Nguyễn Thị Hồng", "signer_title": "CHỦ TỊCH",
    }  # fmt: skip
    assert document.metadata.parent_issuer.state is FieldState.ABSENT
    assert document.metadata.urgency.state is FieldState.ABSENT


def test_a_letter_has_no_heading_and_its_abstract_stands_below_the_number() -> None:
    document = described(letter())
    assert document.reasons == ()
    assert values(document) == {
        "number": "342", "symbol": "SYT-NVY", "issued_on": "2018-03-27", "issuer": "SỞ Y TẾ",
        "parent_issuer": "UBND TỈNH KIÊN GIANG", "type": "Công văn",
        "abstract": "V/v tổ chức Tháng hành động về an toàn, vệ sinh lao động năm 2018", "urgency": None,
        "signer": "Hà Văn Phúc", "signer_title": "KT. GIÁM ĐỐC PHÓ GIÁM ĐỐC",
    }  # fmt: skip


def test_every_value_that_was_read_says_where() -> None:
    for name, field in described(decision()).metadata.items():
        if field.value is not None:
            assert field.evidence is not None, name
            assert field.evidence.page == 1
    number = described(decision()).metadata.number.evidence
    assert number is not None
    assert number.box.x0 < 0.35
    assert 0.08 < number.box.y0 < 0.12


def test_a_number_left_to_the_pen_is_held_and_shows_the_gap() -> None:
    written = replaced(decision(), "Số:", line("Số: /QĐ-UBND", 0.14, 0.10, 0.18, 3))
    field = described(replace(written, unread_ink=(Box(0.17, 0.09, 0.24, 0.115),))).metadata.number
    assert field.state is FieldState.HELD
    assert field.value is None
    assert field.evidence is not None
    assert field.reason


@pytest.mark.parametrize("pen", ["43Éf", "{É8†", "4 6957", "?b5", "2/622", "c901"])
def test_pen_read_as_print_is_never_accepted(pen: str) -> None:
    written = replaced(decision(), "Số:", line(f"Số: {pen}/QĐ-UBND", 0.14, 0.10, 0.18, 3, 0.97))
    document = described(written)
    assert document.metadata.number.state is FieldState.HELD
    assert "the number is doubtful" in document.reasons


def test_digits_that_tower_over_the_print_beside_them_are_pen() -> None:
    row = line("Số: 445 /QĐ-UBND", 0.14, 0.10, 0.18, 3)
    label, number, symbol = row.words
    tall = replace(number, box=Box(number.box.x0, 0.093, number.box.x1, 0.117))
    low = described(replaced(decision(), "Số:", replace(row, words=(label, tall, symbol))))
    assert low.metadata.number.state is FieldState.HELD
    assert low.metadata.number.value == "445"


def test_ink_over_the_number_or_the_day_makes_them_doubtful() -> None:
    document = described(replace(decision(), unread_ink=(Box(0.16, 0.098, 0.24, 0.115), Box(0.6, 0.09, 0.65, 0.12))))
    assert document.metadata.number.state is FieldState.HELD
    assert document.metadata.issued_on.state is FieldState.HELD


def typed_decision(number: Line) -> PageText:
    misprinted = replaced(decision(), "Về việc", line("Về việc cấp giấy phép trên địa bản quận", 0.2, 0.17, 0.6, 6))
    misprinted = replaced(misprinted, "QUẬN 1", line("QUÂN 1", 0.18, 0.066, 0.09, 1))
    misprinted = replaced(misprinted, "Nguyễn", line("Nguyên Thị Hồngg", 0.60, 0.72, 0.18, 22))
    return replace(replaced(misprinted, "Số:", number), typed=True)


def test_a_typed_page_is_taken_at_its_word_misprints_and_all() -> None:
    row = line("Số: 445 /QĐ-UBNN", 0.14, 0.10, 0.18, 3)
    label, number, symbol = row.words
    tall = replace(number, box=Box(number.box.x0, 0.093, number.box.x1, 0.117))
    document = described(typed_decision(replace(row, words=(label, tall, symbol))))
    said = values(document)
    assert said["abstract"] == "Về việc cấp giấy phép trên địa bản quận"
    assert said["issuer"] == "ỦY BAN NHÂN DÂN QUÂN 1"
    assert said["symbol"] == "QĐ-UBNN"
    assert said["signer"] == "Nguyên Thị Hồngg"
    assert document.metadata.number.state is FieldState.ACCEPTED
    assert document.metadata.abstract.state is FieldState.ACCEPTED
    assert document.metadata.signer.state is FieldState.ACCEPTED
    assert document.reasons == ()


def test_a_misprint_that_was_read_surely_is_asked_about_with_what_was_read() -> None:
    misprinted = line("Về việc phòng chống dịch bệnh trên địa bản tỉnh", 0.2, 0.17, 0.6, 6)
    abstract = described(replaced(decision(), "Về việc", misprinted)).metadata.abstract
    assert abstract.state is FieldState.HELD
    assert abstract.candidates == (
        "Về việc phòng chống dịch bệnh trên địa bàn tỉnh", "Về việc phòng chống dịch bệnh trên địa bản tỉnh"
    )  # fmt: skip


def test_a_word_of_another_line_in_a_typed_agencys_name_is_asked_about() -> None:
    astray = replaced(decision(), "QUẬN 1", line("CỘNG QUẬN 1", 0.16, 0.066, 0.16, 1))
    assert described(replace(astray, typed=True)).metadata.issuer.state is FieldState.HELD


def test_pen_beside_a_typed_number_makes_it_doubtful() -> None:
    row = line("Số: 44 /QĐ-UBND", 0.14, 0.10, 0.18, 3)
    number, symbol = row.words[1:]
    beside = Box(number.box.x1 + 0.001, 0.1, symbol.box.x0 - 0.001, 0.11)
    document = described(replace(typed_decision(row), unread_ink=(beside,)))
    assert document.metadata.number.state is FieldState.HELD


def test_a_day_left_to_the_pen_is_held() -> None:
    written = replaced(decision(), "Quận 1, ngày", line("Quận 1, ngày tháng 8 năm 2023", 0.50, 0.10, 0.32, 4))
    field = described(written).metadata.issued_on
    assert field.state is FieldState.HELD
    assert field.value is None


def test_the_stamp_of_arrival_lends_neither_number_nor_date() -> None:
    stamp = (
        line("CÔNG VĂN ĐẾN", 0.55, 0.13, 0.2, 30),
        line("Số: 8812", 0.55, 0.15, 0.1, 30),
        line("Ngày 28 tháng 3 năm 2018", 0.55, 0.165, 0.2, 30),
    )
    assert values(described(letter(*stamp))) == values(described(letter()))


def test_numbers_of_papers_that_are_cited_are_not_this_ones() -> None:
    unnumbered = replaced(decision(), "Số:", None)
    cited = with_lines(
        unnumbered, line("Căn cứ Quyết định số 1675/QĐ-UBND ngày 09 tháng 8 năm 2017", 0.15, 0.25, 0.7, 9)
    )
    document = described(cited)
    assert document.metadata.number.value is None
    assert document.metadata.number.state is FieldState.HELD
    assert document.metadata.issued_on.value == "2023-08-15"


def test_both_columns_read_as_one_line_are_parted_at_the_motto() -> None:
    merged = page([
        line("BỘ GIÁO DỤC VÀ ĐÀO TẠO CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 0.12, 0.05, 0.80, 1),
        line("Độc lập - Tự do - Hạnh phúc", 0.55, 0.07, 0.28, 2),
        Line(
            (
                *line("Số: 2827/QĐ-BGDĐT", 0.17, 0.11, 0.18, 3).words,
                *line("Hà Nội, ngày 14 tháng 10 năm 2025", 0.53, 0.11, 0.3, 3).words,
            ),
            Box(0.17, 0.11, 0.83, 0.124), 0.014, 3, 1,
        ),
        line("QUYẾT ĐỊNH", 0.44, 0.16, 0.15, 4),
        line("Về việc công bố thủ tục hành chính nội bộ được chuẩn hóa", 0.25, 0.18, 0.55, 4),
        line("BỘ TRƯỞNG BỘ GIÁO DỤC VÀ ĐÀO TẠO", 0.31, 0.24, 0.45, 5),
    ])  # fmt: skip
    got = values(described(merged))
    assert got["issuer"] == "BỘ GIÁO DỤC VÀ ĐÀO TẠO"
    assert got["parent_issuer"] is None
    assert (got["number"], got["symbol"], got["issued_on"]) == ("2827", "QĐ-BGDĐT", "2025-10-14")
    assert got["abstract"] == "Về việc công bố thủ tục hành chính nội bộ được chuẩn hóa"


def test_an_agencys_marks_come_back_from_the_body() -> None:
    misread = replaced(letter(), "SỞ Y", line("SỞ Y TÉ", 0.22, 0.067, 0.07, 1, 0.5))
    field = described(misread).metadata.issuer
    assert field.value == "SỞ Y TẾ"
    assert field.state is FieldState.ACCEPTED


def test_an_agency_that_nothing_bears_out_is_held_when_it_was_read_badly() -> None:
    misread = replaced(letter(), "SỞ Y", line("SỠ VŨ TRỤ", 0.22, 0.067, 0.07, 1, 0.5))
    assert described(misread).metadata.issuer.state is FieldState.HELD


def test_two_agencies_that_issue_together_are_asked_about() -> None:
    joint = replaced(letter(), "SỞ Y", line("SỞ TÀI CHÍNH", 0.20, 0.067, 0.12, 1))
    joint = with_lines(joint, line("SỞ NỘI VỤ", 0.21, 0.083, 0.09, 1))
    assert described(joint).metadata.parent_issuer.state is FieldState.HELD


def test_a_name_over_two_lines_is_one_agency() -> None:
    council = replaced(decision(), "QUẬN 1", line("THÀNH PHỐ HỒ CHÍ MINH", 0.13, 0.066, 0.2, 1))
    got = values(described(council))
    assert got["issuer"] == "ỦY BAN NHÂN DÂN THÀNH PHỐ HỒ CHÍ MINH"
    assert got["parent_issuer"] is None


def test_an_abstract_ends_where_the_authority_begins() -> None:
    long = with_lines(decision(), line("và việc sử dụng tạm thời lòng đường, vỉa hè", 0.3, 0.188, 0.4, 6))
    abstract = described(long).metadata.abstract.value
    assert abstract is not None
    assert abstract.endswith("vỉa hè")
    assert "CHỦ TỊCH" not in abstract


@pytest.mark.parametrize("stamp", ["HỎA TỐC", "HOA TỐC", "THƯỢNG KHẨN", "KHẨN"])
def test_a_stamp_of_urgency_is_read_where_it_stands(stamp: str) -> None:
    field = described(letter(line(stamp, 0.14, 0.21, 0.12, 9))).metadata.urgency
    assert field.value in ("HỎA TỐC", "THƯỢNG KHẨN", "KHẨN")
    assert field.value[:2] in ("HỎ", "TH", "KH")


def test_ink_the_size_of_a_stamp_is_asked_about_and_not_said_to_be_absent() -> None:
    field = described(replace(letter(), unread_ink=(Box(0.14, 0.20, 0.31, 0.245),))).metadata.urgency
    assert field.state is FieldState.HELD
    assert field.candidates


@pytest.mark.parametrize("mark", ["BẢN SAO", "SAO Y BẢN CHÍNH", "SAO Y", "BAN SAO"])
def test_a_copy_is_told_by_its_mark(mark: str) -> None:
    assert described(with_lines(decision(), line(mark, 0.7, 0.02, 0.15, 40))).kind is Kind.COPY


def test_a_paper_that_speaks_of_copies_is_none() -> None:
    speaks = with_lines(decision(), line("Điều 3. Bản sao quyết định này được gửi Sở Xây dựng.", 0.15, 0.4, 0.6, 40))
    assert described(speaks).kind is Kind.RESULT


def test_an_application_is_a_component_and_a_cover_sheet_overrules() -> None:
    asked = replaced(decision(), "QUYẾT ĐỊNH", line("ĐƠN ĐỀ NGHỊ", 0.41, 0.15, 0.18, 5))
    assert described(asked).kind is Kind.COMPONENT
    assert described(asked, sheet=Sheet(kind=Kind.RESULT)).kind is Kind.RESULT


def test_the_signer_stands_on_the_last_page_of_the_body_and_not_of_the_annex() -> None:
    first = replace(decision(), lines=tuple(row for row in decision().lines if row.box.y0 < 0.55))
    second = replace(page([row for row in decision().lines if row.box.y0 > 0.55]), number=2)
    annex = replace(page([line("PHỤ LỤC", 0.4, 0.1, 0.1, 1), line("NGƯỜI LẬP BIỂU", 0.6, 0.7, 0.2, 2),
                          line("Trần Văn An", 0.6, 0.8, 0.15, 3)]), number=3)  # fmt: skip
    field = described(first, second, annex).metadata.signer
    assert field.value == "Nguyễn Thị Hồng"
    assert field.evidence is not None
    assert field.evidence.page == 2


def test_a_page_that_was_not_read_and_a_doubtful_cut_hold_the_document() -> None:
    unread = PageText(2, 1654, 2339, 200.0, state=PageState.NOT_READ, reason="timed out")
    doubtful = describe(Paper(scan(), (decision(), unread), Cut(CutState.HELD, 0.7), doubtful_cuts=(2,)))
    assert doubtful.reasons == (
        "a page could not be read",
        "whether a new paper begins here is doubtful",
        "another paper may begin within it",
    )


def test_a_paper_without_any_text_is_held_with_every_field_open() -> None:
    document = described(blank())
    assert "there is no text on it" in document.reasons
    assert all(field.state is FieldState.HELD for name, field in document.metadata.items() if name in READ)


def test_reasons_follow_what_a_person_decides() -> None:
    document = described(decision(number_confidence=0.4))
    assert document.reasons == ("the number is doubtful",)
    settled = replace(document.metadata.number, state=FieldState.ACCEPTED)
    assert reasons_to_hold(replace(document, metadata=replace(document.metadata, number=settled))) == ()


def test_the_printed_object_has_the_shape_that_is_promised() -> None:
    document = described(decision(), replace(blank(), number=2))
    got = shown(document)
    assert list(got) == [
        "scan",
        "sha256",
        "pages",
        "blank_pages",
        "state",
        "reasons",
        "kind",
        "cut",
        "doubtful_cuts",
        "text",
        "fields",
    ]
    assert got["pages"] == [1, 2]
    assert got["blank_pages"] == [2]
    assert got["state"] == "ready"
    assert got["kind"] == "result"
    assert got["cut"] == {"state": "accepted", "confidence": 1.0}
    texts, fields = got["text"], got["fields"]
    assert isinstance(texts, list)
    assert len(texts) == 2
    assert "QUYẾT ĐỊNH" in texts[0]
    assert isinstance(fields, dict)
    assert tuple(fields) == FIELD_NAMES
    assert fields["result_code"]["state"] == "absent"
    assert set(fields["number"]) == {"value", "state", "confidence", "candidates", "evidence"}
    assert fields["urgency"]["value"] is None
    assert fields["urgency"]["state"] == "absent"


def test_a_held_field_is_printed_as_held() -> None:
    document = described(decision())
    held = Field("3185", FieldState.HELD, 0.4, ("3165", "3185"), Evidence(1, Box(0.06, 0.08, 0.12, 0.1)), "unsure")
    got = shown(replace(document, metadata=replace(document.metadata, number=held), reasons=("x",)))
    assert got["state"] == "held"
    assert isinstance(got["fields"], dict)
    assert got["fields"]["number"] == {
        "value": "3185", "state": "held", "confidence": 0.4, "candidates": ["3165", "3185"],
        "evidence": {"page": 1, "box": [0.06, 0.08, 0.12, 0.1]},
    }  # fmt: skip


def signed_as(*rows: str) -> Document:
    """A decision whose signature's column holds these rows."""
    body = [row for row in decision().lines if not (row.box.x0 > 0.5 and row.box.y0 > 0.55)]
    return described(page([*body, *(line(text, 0.6, 0.60 + 0.018 * i, 0.16, 21) for i, text in enumerate(rows)),
                           line("Nguyễn Văn Phúc", 0.6, 0.72, 0.16, 22)]))  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (("KT. BỘ TRƯỞNG", "THỨ TRƯỞNG"), "KT. BỘ TRƯỞNG THỨ TRƯỞNG"),
        (("KT. BỘ TRƯỞNG",), "KT. BỘ TRƯỞNG THỨ TRƯỞNG"),
        (("GIÁM ĐỐC", "PHÓ GIÁM ĐỐC"), "KT. GIÁM ĐỐC PHÓ GIÁM ĐỐC"),
        (("PHÓ GIÁM ĐỐC",), "KT. GIÁM ĐỐC PHÓ GIÁM ĐỐC"),
        (("TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH"), "TM. ỦY BAN NHÂN DÂN CHỦ TỊCH"),
    ],
)
def test_what_the_seal_hides_of_a_title_follows_from_what_it_leaves(rows: tuple[str, ...], title: str) -> None:
    document = signed_as(*rows)
    assert document.metadata.signer_title.value == title
    assert document.metadata.signer.value == "Nguyễn Văn Phúc"


def test_a_title_that_was_not_wholly_read_is_held() -> None:
    assert signed_as("KT. BỘ TRƯỞNG").metadata.signer_title.state is FieldState.HELD


@pytest.mark.parametrize("read", ["Nguy“n Văn Phúc", "Nguyê4 Văn Phúc", "No» yên Văn Phúc"])
def test_a_family_name_under_the_seal_is_guessed_and_held(read: str) -> None:
    field = described(replaced(decision(), "Nguyễn Thị", line(read, 0.6, 0.72, 0.18, 22))).metadata.signer
    assert field.value == "Nguyễn Văn Phúc"
    assert field.state is FieldState.HELD


def test_an_agencys_own_electronic_copy_is_a_copy_by_the_words_of_its_signature() -> None:
    mark = line("SAO Y; ỦY BAN NHÂN DÂN THÀNH PHỐ CẦN THƠ; 01/11/2023 14:22:35 +07:00", 0.5, 0.012, 0.45, 40)
    assert described(with_lines(decision(), mark)).kind is Kind.COPY


@pytest.mark.parametrize("read", ["PGS.TS. Trần Minh Triết", "NGND.PGS.TS. Trần Minh Triết", "Đại tá Trần Minh Triết"])
def test_degrees_and_ranks_are_no_part_of_a_signers_name(read: str) -> None:
    field = described(replaced(decision(), "Nguyễn Thị", line(read, 0.58, 0.72, 0.2, 22))).metadata.signer
    assert (field.value, field.state) == ("Trần Minh Triết", FieldState.ACCEPTED)


@pytest.mark.parametrize("read", ["Nguyễn Thị Yên Chỉ", "Trần Văn"])
def test_a_name_of_which_a_mark_is_unusual_or_a_word_is_missing_is_held(read: str) -> None:
    field = described(replaced(decision(), "Nguyễn Thị", line(read, 0.6, 0.72, 0.18, 22))).metadata.signer
    assert (field.value, field.state) == (read, FieldState.HELD)


def test_a_name_with_room_for_a_hidden_word_is_held() -> None:
    family, given = line("Nguyễn", 0.6, 0.72, 0.06, 22), line("Mạnh", 0.72, 0.72, 0.04, 22)
    row = replace(family, words=(*family.words, *given.words), box=family.box.joined(given.box))
    assert described(replaced(decision(), "Nguyễn Thị", row)).metadata.signer.state is FieldState.HELD


def reread(row: Line, *raws: str) -> Line:
    """*row* as a second reading has it, with what the first one had at its words."""
    words = tuple(replace(word, raw=raw) for word, raw in zip(row.words, raws, strict=True))
    return replace(row, words=words)


def test_an_element_lost_in_the_second_reading_is_found_in_the_first() -> None:
    row = reread(line("SẾ3165/QĐ-UBND", 0.14, 0.10, 0.18, 3), "Số:3165/QĐ-UBND")
    field = described(replaced(decision(), "Số:", row)).metadata.symbol
    assert field.value == "QĐ-UBND"


def test_digits_on_which_two_readings_differ_are_never_accepted() -> None:
    row = reread(line("Số: 3165/QĐ-UBND", 0.14, 0.10, 0.18, 3), "", "3185/QĐ-UBND")
    field = described(replaced(decision(), "Số:", row)).metadata.number
    assert field.state is FieldState.HELD
    assert set(field.candidates) == {"3165", "3185"}


def test_an_issuer_that_the_symbol_does_not_name_is_held() -> None:
    """The issuer's own line was not read: what is left is its parent's name, which alone looks whole."""
    document = described(replaced(letter(), "SỞ Y", None))
    assert document.metadata.issuer.state is FieldState.HELD
    assert document.metadata.parent_issuer.state is FieldState.HELD


def test_a_code_that_was_read_well_is_not_put_right() -> None:
    """Cục Quản lý Dược signs as QLD; its initials are no better witness than what was read."""
    other = replaced(letter(), "SỞ Y", line("CỤC QUẢN LÝ DƯỢC", 0.17, 0.067, 0.17, 1))
    other = replaced(other, "Số:", line("Số: 342/QLD-ĐK", 0.15, 0.10, 0.17, 3))
    assert described(other).metadata.symbol.value == "QLD-ĐK"


def test_an_annex_alone_is_a_component_and_lends_no_number_from_its_tables() -> None:
    annex = page([line("Phụ lục", 0.45, 0.06, 0.1, 1), line("DANH MỤC THỦ TỤC HÀNH CHÍNH", 0.3, 0.08, 0.4, 1),
                  line("Số 19/2011/NĐ-CP ngày 21/3/2011", 0.15, 0.3, 0.4, 2)])  # fmt: skip
    document = described(annex)
    assert document.kind is Kind.COMPONENT
    assert document.metadata.symbol.value is None
    assert document.metadata.symbol.state is FieldState.HELD


TEXTS = st.sampled_from(
    ["Số:", "3165", "/QĐ-UBND", "Hà", "Nội,", "ngày", "15", "tháng", "8", "năm", "2023", "QUYẾT", "ĐỊNH", "V/v", "UBND",
     "CỘNG", "HÒA", "XÃ", "HỘI", "CHỦ", "NGHĨA", "VIỆT", "NAM", "Kính", "gửi:", "KT.", "GIÁM", "ĐỐC", "-", "|", "†",
     "Nơi", "nhận:", "HỎA", "TỐC", "Nguyễn", "Văn", "An", "/", ".", "PHÓ", "BẢN", "SAO"]
)  # fmt: skip


@st.composite
def scattered_pages(draw: st.DrawFn) -> PageText:
    """Words of heads and signatures anywhere, in any order."""
    lines = []
    for block in range(draw(st.integers(0, 12))):
        texts = draw(st.lists(TEXTS, min_size=1, max_size=8))
        x, y = draw(st.floats(0, 0.7)), draw(st.floats(0, 0.98))
        lines.append(line(" ".join(texts), x, y, draw(st.floats(0.05, 0.3)), block, draw(st.floats(0, 1))))
    return page(lines)


@given(st.lists(scattered_pages(), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_words_in_any_disorder_are_described_without_failing(pages: list[PageText]) -> None:
    numbered = [replace(text, number=number) for number, text in enumerate(pages, 1)]
    document = described(*numbered)
    for name, field in document.metadata.items():
        assert 0.0 <= field.confidence <= 1.0, name
        if field.state is FieldState.ACCEPTED:
            assert field.value
            assert field.evidence is not None, name
            assert field.evidence.page in document.page_numbers
        if field.state is FieldState.ABSENT:
            assert field.value is None
    shown(document)


def test_a_slanted_stamp_of_urgency_may_come_in_pieces() -> None:
    pieces = (Box(0.16, 0.154, 0.21, 0.165), Box(0.07, 0.19, 0.13, 0.23))
    field = described(replace(letter(), unread_ink=pieces)).metadata.urgency
    assert field.state is FieldState.HELD
    assert field.evidence is not None
    assert field.evidence.box == pieces[0].joined(pieces[1])


def test_specks_are_no_stamp() -> None:
    field = described(replace(letter(), unread_ink=(Box(0.2, 0.2, 0.21, 0.205),))).metadata.urgency
    assert field.state is FieldState.ABSENT


# -- agencies never seen, and papers of other kinds --------------------------------------------------------------------


def headed(*agencies: str, number: str, heading: str = "QUYẾT ĐỊNH", abstract: str = "Về việc thu hồi đất") -> PageText:
    """A paper of *agencies*, a line each, the number right below them."""
    return page([
        *(line(name, 0.12, 0.05 + 0.0165 * row, 0.24, 1) for row, name in enumerate(agencies)),
        line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 0.45, 0.05, 0.45, 2),
        line("Độc lập - Tự do - Hạnh phúc", 0.53, 0.067, 0.29, 2),
        line(number, 0.14, 0.065 + 0.0165 * len(agencies), 0.2, 3),
        line("Ninh Kiều, ngày 15 tháng 8 năm 2023", 0.50, 0.11, 0.34, 4),
        line(heading, 0.42, 0.16, 0.2, 5),
        line(abstract, 0.37, 0.18, 0.3, 5),
        line("Thực hiện kế hoạch năm 2023, đơn vị thông báo như sau.", 0.16, 0.24, 0.7, 6),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("agencies", "number", "parent", "issuer"),
    [
        (("TÒA ÁN NHÂN DÂN", "THÀNH PHỐ CẦN THƠ", "TÒA ÁN NHÂN DÂN", "QUẬN NINH KIỀU"), "Số: 412/TB-TA",
         "TÒA ÁN NHÂN DÂN THÀNH PHỐ CẦN THƠ", "TÒA ÁN NHÂN DÂN QUẬN NINH KIỀU"),
        (("KHO BẠC NHÀ NƯỚC", "KHO BẠC NHÀ NƯỚC", "PHÚ YÊN"), "Số: 388/TB-KBPY",
         "KHO BẠC NHÀ NƯỚC", "KHO BẠC NHÀ NƯỚC PHÚ YÊN"),
        (("SỞ GIÁO DỤC VÀ ĐÀO TẠO", "TRƯỜNG THPT", "LÊ QUÝ ĐÔN"), "Số: 162/TB-LQĐ",
         "SỞ GIÁO DỤC VÀ ĐÀO TẠO", "TRƯỜNG THPT LÊ QUÝ ĐÔN"),
        (("ĐẢNG BỘ THÀNH PHỐ HỒ CHÍ", "MINH", "QUẬN ỦY QUẬN 10"), "Số: 258/TB-QU",
         "ĐẢNG BỘ THÀNH PHỐ HỒ CHÍ MINH", "QUẬN ỦY QUẬN 10"),
        (("SỞ Y TẾ CẦN THƠ", "BỆNH VIỆN NHI ĐỒNG 1"), "Số: 87/TB-BVNĐ1",
         "SỞ Y TẾ CẦN THƠ", "BỆNH VIỆN NHI ĐỒNG 1"),
    ],
)  # fmt: skip
def test_an_agency_in_no_list_is_taken_as_read_where_no_line_can_have_been_missed(
    agencies: tuple[str, ...], number: str, parent: str, issuer: str
) -> None:
    metadata = described(headed(*agencies, number=number, heading="THÔNG BÁO")).metadata
    assert (metadata.parent_issuer.value, metadata.issuer.value) == (parent, issuer)
    assert metadata.issuer.state is FieldState.ACCEPTED


@pytest.mark.parametrize(
    ("agencies", "number", "parent", "issuer"),
    [
        (("TRƯỜNG ĐẠI HỌC", "CÔNG NGHỆ THÔNG TIN", "KHOA HỆ THỐNG THÔNG TIN"), "Số: 17/TB-HTTT",
         "TRƯỜNG ĐẠI HỌC CÔNG NGHỆ THÔNG TIN", "KHOA HỆ THỐNG THÔNG TIN"),
        (("UBND THÀNH PHỐ ĐÀ LẠT", "TRUNG TÂM PHÁT TRIỂN", "QUỸ ĐẤT"), "Số: 77/TB-TTPTQĐ",
         "UBND THÀNH PHỐ ĐÀ LẠT", "TRUNG TÂM PHÁT TRIỂN QUỸ ĐẤT"),
        (("NGÂN HÀNG NHÀ NƯỚC", "VIỆT NAM", "NGÂN HÀNG NHÀ NƯỚC", "CHI NHÁNH TỈNH AN GIANG"), "Số: 31/TB-ANG",
         "NGÂN HÀNG NHÀ NƯỚC VIỆT NAM", "NGÂN HÀNG NHÀ NƯỚC CHI NHÁNH TỈNH AN GIANG"),
        (("TẬP ĐOÀN", "BƯU CHÍNH VIỄN THÔNG", "VIỆT NAM", "VIỄN THÔNG LÂM ĐỒNG"), "Số: 90/TB-VNPT",
         "TẬP ĐOÀN BƯU CHÍNH VIỄN THÔNG VIỆT NAM", "VIỄN THÔNG LÂM ĐỒNG"),
        (("VĂN PHÒNG ĐOÀN ĐẠI BIỂU", "QUỐC HỘI", "VÀ HỘI ĐỒNG NHÂN DÂN TỈNH", "KON TUM"), "Số: 46/TB-VP",
         None, "VĂN PHÒNG ĐOÀN ĐẠI BIỂU QUỐC HỘI VÀ HỘI ĐỒNG NHÂN DÂN TỈNH KON TUM"),
    ],
)  # fmt: skip
def test_the_lines_at_the_head_are_parted_where_one_agencys_name_ends(
    agencies: tuple[str, ...], number: str, parent: str | None, issuer: str
) -> None:
    metadata = described(headed(*agencies, number=number, heading="THÔNG BÁO")).metadata
    assert (metadata.parent_issuer.value, metadata.issuer.value) == (parent, issuer)


def test_an_agency_of_which_the_body_speaks_alone_is_not_joined_to_the_line_above_it() -> None:
    own = headed("ĐẠI HỌC ĐÀ NẴNG", "TRUNG TÂM KHẢO THÍ", number="Số: 8/TB-TTKT", heading="THÔNG BÁO")
    said = line("Trung tâm Khảo thí thông báo kết quả kỳ thi.", 0.16, 0.27, 0.6, 7)
    metadata = described(with_lines(own, said)).metadata
    assert (metadata.parent_issuer.value, metadata.issuer.value) == ("ĐẠI HỌC ĐÀ NẴNG", "TRUNG TÂM KHẢO THÍ")


def test_a_hyphen_that_the_head_lost_comes_back_from_the_body() -> None:
    head = headed("TRƯỜNG ĐẠI HỌC", "KỸ THUẬT CÔNG NGHỆ CẦN THƠ", number="Số: 873/TB-ĐHKTCN", heading="THÔNG BÁO")
    said = line("Trường Đại học Kỹ thuật - Công nghệ Cần Thơ thông báo.", 0.16, 0.27, 0.6, 7)
    assert described(with_lines(head, said)).metadata.issuer.value == "TRƯỜNG ĐẠI HỌC KỸ THUẬT - CÔNG NGHỆ CẦN THƠ"


@pytest.mark.parametrize("name", ["CÔNG AN QUẬN", "XÍ NGHIỆP KHAITHÁC THỦYLỢI"])
def test_an_agency_of_which_a_part_is_missing_or_runs_together_is_held(name: str) -> None:
    metadata = described(headed("UBND TỈNH LONG AN", name, number="Số: 12/TB-VP", heading="THÔNG BÁO")).metadata
    assert metadata.issuer.state is FieldState.HELD


def test_a_joint_circular_keeps_the_year_and_all_agencies_in_its_symbol_and_is_asked_about() -> None:
    joint = headed("BỘ TƯ PHÁP - BỘ CÔNG AN", number="Số: 05/2018/TTLT-BTP-BCA", heading="THÔNG TƯ LIÊN TỊCH")
    metadata = described(joint).metadata
    assert (metadata.number.value, metadata.symbol.value) == ("05", "2018/TTLT-BTP-BCA")
    assert metadata.type.value == "Thông tư liên tịch"
    assert metadata.issuer.value == "BỘ TƯ PHÁP - BỘ CÔNG AN"


def form(*rows: Line) -> PageText:
    """A citizen's form: the motto in the middle, no agency."""
    return page([
        line("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 0.27, 0.06, 0.48, 1),
        line("Độc lập - Tự do - Hạnh phúc", 0.35, 0.078, 0.32, 1),
        line("GIẤY ỦY QUYỀN", 0.42, 0.13, 0.18, 2),
        line("Tôi là Hà Quốc Việt, sinh ngày 03/4/1980", 0.15, 0.2, 0.5, 3),
        *rows,
    ])  # fmt: skip


def test_a_citizens_form_has_no_number_no_symbol_and_no_issuer() -> None:
    document = described(form(line("Số định danh cá nhân/CCCD: 079010458489, ngày cấp 12/4/2021", 0.15, 0.22, 0.6, 4)))
    named = dict(document.metadata.items())
    assert [named[name].state for name in ("number", "symbol", "issuer", "parent_issuer")] == [FieldState.ABSENT] * 4
    assert document.kind is Kind.COMPONENT


def test_a_certificate_with_the_motto_in_the_middle_keeps_its_number() -> None:
    document = described(form(line("Số: 15/GP-SKHCN", 0.43, 0.15, 0.16, 2)))
    assert (document.metadata.number.value, document.metadata.symbol.value) == ("15", "GP-SKHCN")
    assert document.kind is Kind.RESULT


def test_a_line_of_the_abstract_that_begins_with_a_department_is_no_row_of_number() -> None:
    abstract = "Về việc công bố thủ tục thuộc thẩm quyền giải quyết của"
    wide = replaced(
        decision(), "Về việc", line(abstract, 0.2, 0.17, 0.6, 6)
    )  # fmt: skip
    metadata = described(with_lines(wide, line("Sở Giáo dục và Đào tạo thành phố Huế", 0.3, 0.187, 0.4, 6))).metadata
    assert metadata.abstract.value == f"{abstract} Sở Giáo dục và Đào tạo thành phố Huế"


def test_an_abstract_ends_where_an_indented_paragraph_begins_close_below_it() -> None:
    short = headed("SỞ CÔNG THƯƠNG", number="Số: 12/TB-SCT", heading="THÔNG BÁO", abstract="Kết quả thẩm định giá")
    close = replaced(
        short, "Thực hiện", line("Quỹ tín dụng nhân dân lập hồ sơ theo quy định khoản 1", 0.2, 0.199, 0.68, 6)
    )
    assert described(close).metadata.abstract.value == "Kết quả thẩm định giá"


# -- digits beside the page's own print --------------------------------------------------------------------------


def _with_digits(text: PageText, start: str, likeness: float, compared: int) -> PageText:
    row = next(row for row in text.lines if row.text.startswith(start))
    word = row.words[-1]
    return replace(text, digits=(DigitsSeen(word.box, "3165", likeness, compared),))


def test_a_number_read_badly_is_accepted_when_its_digits_are_those_printed_elsewhere() -> None:
    text = _with_digits(decision(number_confidence=0.4), "Số:", 0.9, 4)
    assert described(text).metadata.number.state is FieldState.ACCEPTED


@pytest.mark.parametrize(("likeness", "compared"), [(0.7, 4), (0.75, 1), (0.4, 4)])
def test_a_number_read_badly_is_held_when_they_are_not_surely_so(likeness: float, compared: int) -> None:
    text = _with_digits(decision(number_confidence=0.4), "Số:", likeness, compared)
    assert described(text).metadata.number.state is FieldState.HELD


def test_a_number_read_well_is_held_when_its_digits_are_unlike_the_pages_print() -> None:
    assert described(_with_digits(decision(), "Số:", 0.4, 4)).metadata.number.state is FieldState.HELD


def test_a_month_of_a_single_one_may_have_lost_a_digit_and_is_held() -> None:
    text = replaced(decision(), "Quận 1,", line("Quận 1, ngày 15 tháng 1 năm 2023", 0.50, 0.10, 0.32, 4))
    assert described(text).metadata.issued_on.state is FieldState.HELD


# -- validity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("Điều 2. Quyết định này có hiệu lực kể từ ngày ký.", "2023-08-15", None),
        ("Điều 2. Quyết định này có hiệu lực thi hành kể từ ngày 01/9/2023.", "2023-09-01", None),
        ("Điều 2. Giấy phép này có giá trị đến hết ngày 30 tháng 6 năm 2026.", None, "2026-06-30"),
        ("Điều 2. Quyết định này có hiệu lực kể từ ngày ký và có giá trị 05 năm.", "2023-08-15", "2028-08-15"),
        ("Điều 2. Thời hạn của chứng chỉ là 12 tháng.", None, "2024-08-15"),
        ("Điều 2. Thay thế Quyết định số 12/QĐ-UBND có hiệu lực từ ngày 01/01/2020.", None, None),
    ],
)
def test_validity_is_what_the_paper_says_of_itself(said: str, first: str | None, last: str | None) -> None:
    metadata = described(replaced(decision(), "Điều 2", line(said, 0.15, 0.32, 0.75, 12))).metadata
    assert (metadata.valid_from.value, metadata.valid_until.value) == (first, last)


def test_where_a_paper_is_valid_is_kept_in_its_words() -> None:
    said = line("Điều 2. Giấy phép này có giá trị trên địa bàn tỉnh Long An.", 0.15, 0.32, 0.75, 12)
    assert described(replaced(decision(), "Điều 2", said)).metadata.scope.value == "trên địa bàn tỉnh Long An"
