"""Whether digits are print or pen: by how they look beside the page's own print, else by how high they stand."""

from collections.abc import Sequence
from enum import Enum

from ingest.extract.folding import folded
from ingest.extract.grammar import digits_in, is_label
from ingest.extract.layout import Run
from schemas.pages import DigitsSeen, Word

LIKE_PRINT, UNLIKE_PRINT = 0.79, 0.62
"""On 62 papers digits in print reached 0.79 to 0.98 and pen at most 0.57, a single digit 0.75."""
ALIKE_ALONE = 0.85
"""Where a single digit could be compared, or only 1s, that any stroke is like."""
BY_HAND = 0.7
"""Factor where digits stand as pen does: higher than print, or apart from one another."""
PEN = 0.6
"""Factor where the digits are unlike the page's print: pen, or misread."""
PRINTED = 0.97
"""Digits that are alike the page's own print are print, and are what they were read as."""


class Print(Enum):
    PROVED = "proved"
    """The digits, half of them at least, are alike those printed elsewhere: print, and read right."""
    LIKELY = "likely"
    """Those that could be compared are alike: print, but some were not compared."""
    UNLIKE = "unlike"
    """One of them is unlike what it was read as: pen, or misread."""
    UNKNOWN = "unknown"


def print_of(seen: Sequence[DigitsSeen], words: Sequence[Word], digits: str) -> Print:
    """What is known of *words*, read as *digits*, by those of *seen* that are of them."""
    theirs = [one for word in words for one in seen if one.box == word.box]
    if not digits or "".join(one.digits for one in theirs) != digits:
        return Print.UNKNOWN
    likeness, compared = min(one.likeness for one in theirs), sum(one.compared for one in theirs)
    if likeness < UNLIKE_PRINT:
        return Print.UNLIKE
    least = ALIKE_ALONE if compared == 1 < len(digits) or set(digits) == {"1"} else LIKE_PRINT
    if likeness < least:
        return Print.UNKNOWN
    return Print.PROVED if 2 * compared >= len(digits) else Print.LIKELY


def stands_as_print(row: Sequence[Word], number: Sequence[Word], symbol: Sequence[Word]) -> float:
    """1 where the digits of a number stand as print does in their row, less where they may be pen.

    Digits are 0.7 to 0.8 of the height of the label ``Số:`` with its marks, together with a slash up to 1; on 45
    handwritten numbers they were 0.93 and more.
    """
    label = next((w for w in row if is_label(w.text)), None)
    if label is None or not number:
        return 0.8
    if len(number) > 1:
        return BY_HAND
    if _of_one_height(row):
        return 1.0
    height = number[0].box.height / label.box.height
    if number[0] is label:
        return 0.95 if label.box.height < 1.15 * max((w.box.height for w in symbol), default=0.0) else BY_HAND
    glued = number[0] in symbol
    return 1.0 if height <= (1.02 if glued else 0.86) else BY_HAND


def date_stands_as_print(run: Run, words: Sequence[Word]) -> float:
    """1 where day, month and year stand as print does beside ``ngày`` and ``tháng``, less where they may be pen.

    Printed digits are 0.7 to 0.85 of the height of those words, whose letters reach up and down; pen was 1.07 and more.
    """
    beside = [w.box.height for w in run.words if folded(w.text) in ("ngay", "thang")]
    if not beside:
        return 0.8
    usual = min(beside)
    if _of_one_height(run.words):
        return 1.0
    for word in words:
        glued = any(c.isalpha() for c in word.text) and digits_in(word.text) is None
        if word.box.height > (1.15 if glued else 0.93) * usual:
            return BY_HAND
    return 1.0


def _of_one_height(words: Sequence[Word]) -> bool:
    """The reader gives words the height of their line: nothing is to be learned from it."""
    heights = [word.box.height for word in words]
    return max(heights) - min(heights) < 0.02 * max(heights)
