"""The words of a line are decided among its readings by sureness and by which syllables follow each other."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.ocr.engine import EngineLine, EngineWord, PixelBox
from ingest.secondreading import BUDGET, Slot, Span, slots, spans
from ingest.syllables import counted, marks, skeleton, tokens
from ingest.wording import Worded, decided, grounds_closed

WIDTH = 100


def line_of(*words: tuple[str, float]) -> EngineLine:
    placed = tuple(
        EngineWord(text, PixelBox(n * WIDTH, 0, n * WIDTH + 80, 30), sure, (n * WIDTH, 25.0, n * WIDTH + 80, 25.0))
        for n, (text, sure) in enumerate(words)
    )
    return EngineLine(placed, PixelBox(0, 0, WIDTH * len(placed), 30), 30.0, 0, 0)


def text_of(words: list[Worded]) -> str:
    return " ".join(worded.word.text for worded in words)


def read_once(*words: tuple[str, float]) -> str:
    line = line_of(*words)
    return text_of(decided(line, slots(line, ()), counted()))


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("tông kêt công tác", "tổng kết công tác"),
        ("sửa đồi, bỗ sung", "sửa đổi, bổ sung"),
        ("QUYÉT ĐỊNH:", "QUYẾT ĐỊNH:"),
        ("đại điện lãnh đạo", "đại diện lãnh đạo"),
        ("có hiệulực thi hành", "có hiệu lực thi hành"),
    ],
)
def test_marks_that_the_engine_doubted_are_mended(seen: str, meant: str) -> None:
    assert read_once(*((word, 0.7) for word in seen.split())) == meant


@pytest.mark.parametrize("text", ["Đề ngị cơ quan", "Phòng Ngiệp vụ", "bà H'Mlô Êban", "số 3165/QĐ-UBND ngày 12/7"])
def test_what_the_engine_was_sure_of_stands(text: str) -> None:
    assert read_once(*((word, 0.99) for word in text.split())) == text


@given(st.from_regex(r"[0-9]{1,4}(/[0-9]{4})?[.,]?", fullmatch=True), st.floats(0.1, 0.99))
def test_numbers_are_never_changed(number: str, sure: float) -> None:
    assert read_once(("số", 0.99), (number, sure), ("ngày", 0.99)) == f"số {number} ngày"


def test_the_tone_may_stand_on_either_vowel() -> None:
    assert read_once(("Cộng", 0.7), ("hoà", 0.7), ("xã", 0.7), ("hội", 0.7)) == "Cộng hoà xã hội"
    assert marks("hoà") == marks("hòa")


def test_a_second_reading_that_agrees_is_believed_against_the_language() -> None:
    line = line_of(("vụ", 0.99), ("Ngiệp", 0.6))
    again = (EngineWord("Ngiệp", line.words[1].box, 0.95, line.words[1].baseline),)
    first = Slot((line.words[:1],))
    assert text_of(decided(line, [first, Slot((line.words[1:], again))], counted())) == "vụ Ngiệp"


def test_a_second_reading_that_was_surer_wins() -> None:
    line = line_of(("số", 0.99), ("64/2023QH", 0.3))
    again = (EngineWord("64/2025/QH15", line.words[1].box, 0.93, line.words[1].baseline),)
    words = decided(line, [Slot((line.words[:1],)), Slot((line.words[1:], again))], counted())
    assert text_of(words) == "số 64/2025/QH15"
    assert words[1].raw == "64/2023QH", "what the first reading had is kept"
    assert words[1].word.confidence > 0.6


def test_dust_is_no_word() -> None:
    assert read_once(("`", 0.5), ("Điều", 0.99), ("_Thực", 0.99)) == "Điều Thực"


@pytest.mark.parametrize(
    ("seen", "held"),
    [("123/ITr-SXD", "123/TTr-SXD"), ("10/71Y-HĐND", "10/TTr-HĐND"), ("61/2018/ND-CP", "61/2018/NĐ-CP"),
     ("3/HD-SXD", "3/HD-SXD"), ("12/UBND-VX", "12/UBND-VX"), ("87/2025/QH15", "87/2025/QH15")],
)  # fmt: skip
def test_codes_are_held_by_their_grammar(seen: str, held: str) -> None:
    assert read_once(("số", 0.99), (seen, 0.99)) == f"số {held}"


def test_a_legal_ground_ends_in_a_semicolon_where_another_follows() -> None:
    def row(text: str) -> list[Worded]:
        return [Worded(word) for word in line_of(*((word, 0.9) for word in text.split())).words]

    closed = grounds_closed([row("Căn cứ Luật Xây dựng,"), row("Căn cứ Luật Đất đai,"), row("Điều 1. Cấp phép,")])
    assert [text_of(line)[-1] for line in closed] == [";", ",", ","]


def test_no_more_is_read_again_than_the_budget() -> None:
    lines = [line_of(*(("chữ", 0.1) for _word in range(8))) for _line in range(10)]
    again = spans(lines, lambda line, place: True)
    assert 0 < sum(span.width for span in again) <= BUDGET * sum(line.box.width for line in lines)


@given(st.text(max_size=40))
def test_any_text_parts_into_tokens_in_order(text: str) -> None:
    found = tokens(text)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(skeleton(token.key) == skeleton(skeleton(token.key)) for token in found)


@given(st.lists(st.tuples(st.sampled_from(["tông", "kêt", "-", "12", "QĐ-UBND", "`", "Ÿ"]), st.floats(0, 1)),
                min_size=1, max_size=8))  # fmt: skip
def test_words_stay_in_order_apart_and_honest(words: list[tuple[str, float]]) -> None:
    line = line_of(*words)
    found = [worded.word for worded in decided(line, slots(line, ()), counted())]
    assert all(a.box.x1 < b.box.x0 for a, b in pairwise(found))
    assert all(0 <= word.confidence <= 1 for word in found)


def test_a_short_word_under_the_box_of_its_neighbour_is_kept() -> None:
    first, second, third = line_of(("Sở", 0.93), ("Y", 0.93), ("tế", 0.97)).words
    wide = replace(first, box=replace(first.box, x1=second.box.x1 + 2))
    line = EngineLine((wide, second, third), PixelBox(0, 0, 3 * WIDTH, 30), 30.0, 0, 0)
    words = decided(line, slots(line, ()), counted())
    assert text_of(words) == "Sở Y tế"
    assert all(a.word.box.x1 < b.word.box.x0 for a, b in pairwise(words))
    assert words[1].word.box == second.box


def test_a_word_read_twice_is_kept_once() -> None:
    first, second = line_of(("Sở", 0.93), ("Sô", 0.9)).words
    line = EngineLine((first, replace(second, box=first.box)), PixelBox(0, 0, WIDTH, 30), 30.0, 0, 0)
    assert text_of(decided(line, slots(line, ()), counted())) == "Sở"


@pytest.mark.parametrize(("seen", "meant"), [("đênghị", "đề nghị"), ("Yté", "Y tế"), ("banhành", "ban hành")])
def test_a_lost_space_comes_back_with_the_marks_that_suit(seen: str, meant: str) -> None:
    assert read_once(("của", 0.97), (seen, 0.7)) == f"của {meant}"


def beside(gap: int, *texts: str) -> str:
    """The words read at 0.93, *gap* pixels apart on a line of 30."""
    words, x0 = [], 0
    for text in texts:
        x1 = x0 + 14 * len(text)
        words.append(EngineWord(text, PixelBox(x0, 0, x1, 30), 0.93, (float(x0), 25.0, float(x1), 25.0)))
        x0 = x1 + gap
    line = EngineLine(tuple(words), PixelBox(0, 0, x0, 30), 30.0, 0, 0)
    found = decided(line, slots(line, ()), counted())
    assert all(a.word.box.x1 < b.word.box.x0 for a, b in pairwise(found))
    return text_of(found)


@pytest.mark.parametrize(
    ("pieces", "meant"),
    [(("Trưởng", "Phò", "ng"), "Trưởng Phòng"), (("số", "1", "93/2025/NĐ-CP"), "số 193/2025/NĐ-CP")],
)
def test_the_pieces_of_a_word_are_put_together_where_they_stand_close(pieces: tuple[str, ...], meant: str) -> None:
    assert beside(6, *pieces) == meant
    assert beside(20, *pieces) == " ".join(pieces)


@pytest.mark.parametrize("text", ["điểm a", "khoản 1 Điều", "ban hành", "Sở Y tế", "1 2/2025"])
def test_words_that_stand_close_stay_words(text: str) -> None:
    assert beside(6, *text.split()) == text


def test_pieces_put_together_keep_what_was_read_and_the_lesser_sureness() -> None:
    first, second = line_of(("Phò", 0.93), ("ng", 0.95)).words
    second = replace(second, box=PixelBox(85, 2, 120, 31), baseline=(85, 26.0, 120, 26.0))
    line = EngineLine((first, second), PixelBox(0, 0, 120, 31), 30.0, 0, 0)
    [one] = decided(line, slots(line, ()), counted())
    assert (one.word.text, one.raw, one.word.confidence) == ("Phòng", "Phò ng", 0.93)
    assert (one.word.box, one.word.baseline) == (PixelBox(0, 0, 120, 31), (0, 25.0, 120, 26.0))


def read_twice(*words: str, sure: float) -> str:
    line = line_of(*((word, sure) for word in words))
    return text_of(decided(line, [Slot(((word,), (word,))) for word in line.words], counted()))


def test_marks_on_capitals_that_two_readings_saw_alike_are_weighed_by_the_language() -> None:
    assert read_twice("MỘT", "SÓ", "ĐIỀU", sure=0.92) == "MỘT SỐ ĐIỀU"
    assert read_twice("XÃ", "TÂN", "HIỆP", sure=0.92) == "XÃ TÂN HIỆP"
    assert read_twice("một", "só", "liệt", sure=0.97) == "một só liệt"


def test_readings_of_as_many_words_are_compared_word_by_word() -> None:
    def words(*texts: str, sure: float) -> tuple[EngineWord, ...]:
        return tuple(
            EngineWord(text, PixelBox(50 * n, 0, 50 * n + 90, 30), sure, (50.0 * n, 25.0, 50.0 * n + 90, 25.0))
            for n, text in enumerate(texts)
        )

    line = EngineLine(words("MỘT", "SÓ", "ĐIỀU", sure=0.7), PixelBox(0, 0, 190, 30), 30.0, 0, 0)
    span = Span(0, 0, 3, 0.7, 190)
    alike = slots(line, [(span, [words("MỘT", "SỐ", "ĐIỀU", sure=0.8)])])
    assert [[word.text for words in slot.readings for word in words or ()] for slot in alike] == [
        ["MỘT", "MỘT"], ["SÓ", "SỐ"], ["ĐIỀU", "ĐIỀU"]]  # fmt: skip
    [together] = slots(line, [(span, [words("MỘT", "SỐĐIỀU", sure=0.8)])])
    assert len(together.first) == 3, "one that saw a word less is compared as a whole"


def test_a_dash_is_printed_once_and_a_quotation_mark_at_a_words_end_is_dirt() -> None:
    assert read_once(("-", 0.9), ("—", 0.9), ("Như", 0.97), ("'trên;", 0.97)) == "- Như trên;"
    assert read_once(("=", 0.9), ("Như", 0.97)) == "= Như"


def test_a_sign_read_for_an_eight_makes_no_sure_number() -> None:
    line = line_of(("số", 0.99), ("§3/TTr-UBND", 0.95))
    [_so, number] = decided(line, slots(line, ()), counted())
    assert (number.word.text, number.raw) == ("83/TTr-UBND", "§3/TTr-UBND")
    assert number.word.confidence <= 0.5
