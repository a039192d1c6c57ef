"""Two readings of one page: words that were read a second time keep what the first reading had.

Strips read anew are right more often, and wrong in other ways: rules under a name come out as letters, a ``Số:`` is
lost. Elements are therefore looked for in both, and told from each other by what bears them out.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from ingest.extract.finding import Finding
from schemas.pages import Box, Line, PageText, Word, box_around

FIRST_READING = 0.6
"""Confidence of a word that the second reading has put otherwise."""
WITHOUT_DOUBT = ("number", "issued_on")
"""Elements made of digits, where nothing else tells which of two readings is right."""
DISAGREE = 0.7


def first_reading(page: PageText) -> PageText | None:
    """*page* as it was read first; None where that is the same."""
    if not any(word.raw for line in page.lines for word in line.words):
        return None
    return replace(page, lines=tuple(_first_line(line) for line in page.lines))


def _first_line(line: Line) -> Line:
    untouched = [word for word in line.words if not word.raw]
    letter = sum(w.box.width for w in untouched) / max(sum(len(w.text) for w in untouched), 1)
    words: list[Word] = []
    for raw, run in groupby(line.words, key=lambda word: word.raw):
        words.extend(_first_words(raw, tuple(run), letter) if raw else run)  # noqa: B031 (used once)
    return replace(line, words=tuple(words)) if words else line


def _first_words(raw: str, words: Sequence[Word], letter: float) -> list[Word]:
    """The words of *raw* where *words* stand now; *letter* is the usual width of one on this line."""
    texts = raw.split()
    if len(texts) == len(words):
        return [replace(word, text=text, confidence=min(word.confidence, FIRST_READING), raw="")
                for word, text in zip(words, texts, strict=True)]  # fmt: skip
    box = box_around(word.box for word in words)
    letters = sum(len(text) + 1 for text in texts) - 1
    even = box.width / max(letters, 1)
    letter = min(letter, even) or even
    gap_before = _gap(texts, words, letter, box) if even > 1.3 * letter else len(texts)
    if gap_before == len(texts):
        letter = even
    right_part = sum(len(text) + 1 for text in texts[gap_before:]) - 1
    found, left = [], box.x0
    for number, text in enumerate(texts):
        if number == gap_before:
            left = box.x1 - right_part * letter
        right = min(left + len(text) * letter, box.x1)
        found.append(Word(text, Box(left, box.y0, right, box.y1), FIRST_READING, (left, box.y1, right, box.y1)))
        left = min(right + letter, box.x1)
    return found


def _gap(texts: Sequence[str], words: Sequence[Word], letter: float, box: Box) -> int:
    """Before which of *texts* the columns part: where its place, counted from the right, is that of a word."""

    def off(start: int) -> float:
        left = box.x1 - (sum(len(text) + 1 for text in texts[start:]) - 1) * letter
        return min(abs(left - word.box.x0) for word in words)

    return min(range(1, len(texts)), key=off, default=len(texts))


def settled(name: str, second: Finding, first: Finding) -> Finding:
    """What two readings make of the element *name*: the one that is better borne out; digits only where they agree."""
    candidates = tuple(dict.fromkeys((*second.candidates, *first.candidates)))
    if second.value == first.value:
        best = max(second, first, key=lambda finding: finding.confidence)
        return replace(best, candidates=candidates)
    if second.proved:
        return replace(second, candidates=candidates)
    if name in WITHOUT_DOUBT and second.value is not None:
        return replace(second, confidence=second.confidence * DISAGREE, candidates=candidates)
    if second.value is None or first.confidence > second.confidence:
        return replace(first, candidates=candidates) if first.value is not None else second
    return replace(second, candidates=candidates)
