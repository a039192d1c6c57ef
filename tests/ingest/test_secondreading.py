"""Which words are read a second time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.ocr.engine import EngineLine, EngineWord, PixelBox
from ingest.secondreading import BUDGET, spans


def line(confidences: list[float]) -> EngineLine:
    words = tuple(
        EngineWord(f"chữ{place}", PixelBox(place * 50, 0, place * 50 + 40, 20), confidence, (0.0, 20.0, 40.0, 20.0))
        for place, confidence in enumerate(confidences)
    )
    return EngineLine(words, PixelBox(0, 0, len(words) * 50, 20), 20.0, 0, 0)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=12), min_size=1, max_size=4))
def test_each_doubtful_word_is_read_again_at_most_once_and_no_other(pages: list[list[float]]) -> None:
    lines = [line(confidences) for confidences in pages]
    found = spans(lines, lambda of, place: of.words[place].confidence < 0.5)
    for number, of in enumerate(lines):
        here = sorted((span.start, span.end) for span in found if span.line == number)
        assert all(before[1] < after[0] for before, after in pairwise(here))
        assert all(of.words[place].confidence < 0.5 for start, end in here for place in range(start, end))
    assert sum(span.width for span in found) <= BUDGET * sum(of.box.width for of in lines)


def test_neighbours_are_read_together_the_most_doubtful_first() -> None:
    found = spans([line([0.9, 0.4, 0.3, 0.9, 0.9, 0.1, 0.9, 0.9])], lambda of, place: of.words[place].confidence < 0.5)
    assert [(span.start, span.end) for span in found] == [(5, 6), (1, 3)]
