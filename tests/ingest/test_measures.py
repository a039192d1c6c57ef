"""A raised two behind a figure's unit comes back; questions and words stay."""

import pytest

from ingest.measures import squared
from ingest.wording import Worded
from tests.ingest.test_wording import line_of, text_of


def read(text: str) -> list[Worded]:
    [line] = squared([[Worded(word) for word in line_of(*((word, 0.9) for word in text.split())).words]])
    return line


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("sàn là 187,5 m? trên", "sàn là 187,5 m² trên"),
        ("nhà 60m? và", "nhà 60m² và"),
        ("rộng 5 km?.", "rộng 5 km²."),
        ("(1.250 m?);", "(1.250 m²);"),
    ],
)
def test_a_raised_two_behind_a_figure_comes_back(seen: str, meant: str) -> None:
    assert text_of(read(seen)) == meant


@pytest.mark.parametrize("text", ["là gì? Làm?", "theo m? nào", "30 m° nước", "250 m3.", "ông m?", "ngày 12 cm"])
def test_what_is_no_square_stays(text: str) -> None:
    assert text_of(read(text)) == text


def test_what_was_read_is_kept() -> None:
    [_figure, unit] = read("120 m?,")
    assert (unit.word.text, unit.raw) == ("m²,", "m?,")
