"""The words of a line, decided among its readings by how sure each was and by which syllables follow each other.

A noisy channel: each reading says how likely it sees what it saw if a candidate is what stands there; the counts of
syllable pairs say how likely the candidate is between its neighbours. Candidates are what the readings saw, and the
same letters under other marks. Where the first reading was sure, or where numbers and codes stand, marks are not tried:
a code is only ever what some reading saw.
"""  # fmt: skip

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ingest.ocr.engine import EngineLine, EngineWord, PixelBox
from ingest.secondreading import Slot, baseline
from ingest.syllables import FIRST, Syllables, marks, skeleton, tokens

SURE = 0.93
"""Words of this confidence that are known syllables stand as the first reading has them."""
UNSURE = 0.86
"""Below it a word is read again; 60 % of the lines of the real scans hold such a word, and 20 % of the words."""
LANGUAGE = 0.45
"""Weight of the language against the readings."""
LIKELIEST, UNLIKELIEST = 0.98, 0.25
"""Bounds of what a reading's confidence is taken for."""
LEAST_PAIR = -14.0
DISTANCE = 2.2
"""What a reading's further mistake costs, in natural logarithms."""
LEAST_COUNT = 20
"""Marks are only tried that make a syllable seen as often as this."""
BEAM = 12
MARK, CASE, LETTER, MISSING = 0.5, 0.7, 1.3, 1.2
"""Costs of one letter read for another: under other marks, in other case, other letter, one too many or too few."""

_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Worded:
    """A line's word as decided; ``raw`` is what the first reading had there, where that differs."""

    word: EngineWord
    raw: str = ""


def is_doubtful(word: EngineWord, before: str, syllables: Syllables) -> bool:
    """The engine doubted the word, or it is none of the language's."""
    if word.confidence < UNSURE:
        return True
    return word.confidence < SURE + 0.03 and any(
        not syllables.count(m.group().lower()) and not m.group().isupper() for m in _LETTERS.finditer(word.text)
    )


def decided(line: EngineLine, slots: Sequence[Slot], syllables: Syllables) -> list[Worded]:
    """The line's words from its slots, left to right."""
    lattice = [_scores(slot, syllables) for slot in slots]
    paths: dict[str, tuple[float, tuple[str, ...]]] = {FIRST: (0.0, ())}
    for scores in lattice:
        reached: dict[str, tuple[float, tuple[str, ...]]] = {}
        for last, (sum_before, chosen) in paths.items():
            for text, score in scores.items():
                total, end = sum_before + score, last
                for key in _keys(text):
                    total += LANGUAGE * max(LEAST_PAIR, syllables.log_probability(end, key))
                    end = key
                if end not in reached or total > reached[end][0]:
                    reached[end] = (total, (*chosen, text))
        paths = dict(sorted(reached.items(), key=lambda item: -item[1][0])[:BEAM])
    _score, texts = max(paths.values())
    slope, foot = baseline(line)
    found: list[Worded] = []
    for place, (slot, text, scores) in enumerate(zip(slots, texts, lattice, strict=True)):
        if text:
            sure = _confidence(place, texts, scores, slot, syllables)
            found += _placed(slot, text, sure, slope, foot)
    return found


# -- candidates ---------------------------------------------------------------------------------------------------


def _text(words: Sequence[EngineWord]) -> str:
    return " ".join(word.text for word in words)


def _scores(slot: Slot, syllables: Syllables) -> dict[str, float]:
    """The candidates of a place, and the logarithm of how likely the readings are if it is the one."""
    seen = [(_text(words), _sureness(words)) for words in slot.readings if words is not None]
    if len(seen) == 1 and seen[0][1] >= SURE and _is_known(seen[0][0], syllables):
        return {seen[0][0]: 0.0}
    candidates = dict.fromkeys(text for text, _sure in seen)
    for text, _sure in seen:
        candidates.update(dict.fromkeys(_other_marks(text, syllables)))
    return {candidate: sum(_likelihood(text, sure, candidate) for text, sure in seen) for candidate in candidates}


def _sureness(words: Sequence[EngineWord]) -> float:
    sure = min((word.confidence for word in words), default=0.5)
    return min(LIKELIEST, max(UNLIKELIEST, sure))


def _likelihood(seen: str, sure: float, candidate: str) -> float:
    if seen == candidate:
        return math.log(sure)
    return math.log(1 - sure) - DISTANCE * max(0.0, _distance(seen, candidate) - MARK)


def _is_known(text: str, syllables: Syllables) -> bool:
    return all(syllables.count(m.group().lower()) > 0 for m in _LETTERS.finditer(text))


def _other_marks(text: str, syllables: Syllables) -> list[str]:
    """The text with one of its words under other marks; none for numbers and codes."""
    if any(c.isdigit() for c in text) or "/" in text:
        return []
    words = list(_LETTERS.finditer(text))
    if len(words) > 2:
        return []
    found = []
    for match in words:
        word = match.group()
        if len(word) < 2 or not (word.isupper() or word[1:].islower()):
            continue
        for other in syllables.same_letters(word):
            if syllables.count(other) >= LEAST_COUNT and marks(other) != marks(word):  # hòa and hoà are one word
                found.append(text[: match.start()] + _cased(other, word) + text[match.end() :])
    return found


def _cased(syllable: str, like: str) -> str:
    if like.isupper():
        return syllable.upper()
    return syllable[:1].upper() + syllable[1:] if like[:1].isupper() else syllable


@lru_cache(20000)
def _keys(text: str) -> tuple[str, ...]:
    return tuple(token.key for token in tokens(text))


@lru_cache(20000)
def _distance(first: str, second: str) -> float:
    """The cheapest way from one text to the other, letter by letter."""
    row = [MISSING * place for place in range(len(second) + 1)]
    for a in first:
        before, row = row, [row[0] + MISSING]
        for place, b in enumerate(second):
            row.append(min(before[place] + _letter(a, b), before[place + 1] + MISSING, row[place] + MISSING))
    return row[-1]


@lru_cache(20000)
def _letter(a: str, b: str) -> float:
    if a == b:
        return 0.0
    if skeleton(a) == skeleton(b):
        return MARK if a.islower() == b.islower() else CASE
    return LETTER


# -- the result ---------------------------------------------------------------------------------------------------


def _confidence(place: int, texts: Sequence[str], scores: dict[str, float], slot: Slot, syllables: Syllables) -> float:
    """How much likelier the chosen text is than the other candidates between the neighbours chosen."""
    text = texts[place]
    if len(scores) == 1:
        return min(word.confidence for word in slot.first) if slot.first else 0.5
    before = next((keys[-1] for keys in map(_keys, reversed(texts[:place])) if keys), FIRST)
    after = next((keys[0] for keys in map(_keys, texts[place + 1 :]) if keys), FIRST)

    def whole(candidate: str) -> float:
        total, end = scores[candidate], before
        for key in (*_keys(candidate), after):
            total += LANGUAGE * max(LEAST_PAIR, syllables.log_probability(end, key))
            end = key
        return total

    best = whole(text)
    share = 1 / sum(math.exp(min(50.0, whole(candidate) - best)) for candidate in scores)
    seen = [words for words in slot.readings if words is not None]
    agreed = [min((w.confidence for w in words), default=0.5) for words in seen if _text(words) == text]
    trust = 1 - math.prod(1 - min(0.97, c) for c in agreed) if agreed else 0.6
    return min(0.99, max(0.01, share * trust))


def _placed(slot: Slot, text: str, sure: float, slope: float, foot: float) -> list[Worded]:
    """The chosen text as words with places: those of the reading that saw it, or of the first that saw anything."""
    raw = _text(slot.first)
    same = next((words for words in slot.readings if words and _text(words) == text), None)
    pieces = text.split(" ")
    like = same or next((words for words in slot.readings if words and len(words) == len(pieces)), None)
    if like is None:
        like = _shared(slot, pieces, slope, foot)
    changed = raw if raw != text else ""
    return [
        Worded(EngineWord(piece, word.box, sure if len(slot.readings) > 1 or changed else word.confidence,
                          word.baseline), changed)
        for piece, word in zip(pieces, like, strict=True)
    ]  # fmt: skip


def _shared(slot: Slot, pieces: Sequence[str], slope: float, foot: float) -> tuple[EngineWord, ...]:
    """The slot's extent parted among *pieces* by their lengths."""
    boxes = [word.box for words in slot.readings for word in words or ()]
    x0, x1 = min(b.x0 for b in boxes), max(b.x1 for b in boxes)
    y0, y1 = min(b.y0 for b in boxes), max(b.y1 for b in boxes)
    step = (x1 - x0) / (sum(map(len, pieces)) + len(pieces) - 1)
    found, left = [], float(x0)
    for piece in pieces:
        right = left + step * len(piece)
        box = PixelBox(round(left), y0, max(round(left) + 1, round(right)), y1)
        found.append(EngineWord(piece, box, 0.0, (left, slope * left + foot, right, slope * right + foot)))
        left = right + step
    return tuple(found)
