"""How likely a Vietnamese syllable is between its neighbours: from counts of syllables and of their pairs.

The counts come from legal texts (``bench/count_syllables.py`` made them) and hold no text. Vietnamese writes every
syllable apart and has some 7,000 of them, so that counting pairs is enough to tell *tổng kết* from *tông kêt*.
"""

import math
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import filterfalse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = Path(__file__).with_name("syllables.npz")
FIRST, NUMBER = "\x02", "0"
"""What stands for the beginning of a line or a stop, and for any number."""
SPECIAL = (FIRST, NUMBER)
_LATIN = "abcdeghiklmnopqrstuvxy"
KEPT = 1 << 15
"""Answers kept: a page asks for the same few thousand syllables and pairs over and over."""

_TOKEN = re.compile(r"(?P<word>[^\W\d_]+)|(?P<number>[\d.,]*\d)|(?P<stop>[^\w\s])")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text as the counts know it: ``key`` is the syllable in lower case, NUMBER or FIRST."""

    key: str
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The syllables, numbers and stops of a line, in order. Hyphens and quotation marks part nothing."""
    found: list[Token] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFC", text)):
        if match.lastgroup == "word":
            found.append(Token(match.group().lower(), *match.span()))
        elif match.lastgroup == "number":
            found.append(Token(NUMBER, *match.span()))
        elif match.group() not in "-–\"'“”‘’`^*":
            found.append(Token(FIRST, *match.span()))
    return found


@lru_cache(KEPT)
def skeleton(word: str) -> str:
    """The letters without any mark, in lower case: ``Quyết`` → ``quyet``, ``đổi`` → ``doi``."""
    plain = unicodedata.normalize("NFD", word.lower().replace("đ", "d"))
    return "".join(filterfalse(unicodedata.combining, plain))


@lru_cache(KEPT)
def marks(word: str) -> tuple[tuple[str, ...], str]:
    """Letters with their shape marks (``ê``, ``ơ``, ``đ``), and the tone of the whole: the same for *hòa* and *hoà*."""
    tone = ""
    letters: list[str] = []
    for letter in word.lower():
        parts = unicodedata.normalize("NFD", letter)
        kept = parts[0]
        for mark in parts[1:]:
            if mark in "\u0300\u0301\u0303\u0309\u0323":
                tone = mark
            else:
                kept += mark
        letters.append(unicodedata.normalize("NFC", kept))
    return tuple(letters), tone


class Syllables:
    """Counts of syllables and their pairs, and the probabilities that follow from them."""

    def __init__(self, words: list[str], singles: NDArray[np.uint32], keys: NDArray[np.uint32],
                 pairs: NDArray[np.uint16]) -> None:  # fmt: skip
        self._number = {word: index for index, word in enumerate(words)}
        self._counts: dict[str, int] = dict(zip(words, singles.tolist(), strict=True))
        self._keys = keys
        self._pairs = pairs
        self._total = float(singles.sum())
        self._words = words
        self.log_probability = lru_cache(KEPT)(self._log_probability)
        """Of the second syllable after the first."""

    def __contains__(self, word: str) -> bool:
        return word.lower() in self._number

    def count(self, word: str) -> int:
        return self._counts.get(word, 0)

    def pair(self, first: str, second: str) -> int:
        """How often *second* follows *first*; both in lower case."""
        a, b = self._number.get(first), self._number.get(second)
        if a is None or b is None:
            return 0
        key = a * len(self._words) + b
        place = int(self._keys.searchsorted(np.uint32(key)))
        return int(self._pairs[place]) if place < len(self._keys) and int(self._keys[place]) == key else 0

    @cached_property
    def _by_skeleton(self) -> dict[str, tuple[str, ...]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for word in self._words:
            found[skeleton(word)].append(word)
        return {plain: tuple(words) for plain, words in found.items()}

    def same_letters(self, word: str) -> tuple[str, ...]:
        """The known syllables of the same letters under other marks, in lower case."""
        return self._by_skeleton.get(skeleton(word), ())

    def of_a_letter_else(self, word: str) -> tuple[str, ...]:
        """The known syllables with one letter more, less or other, under any marks, in lower case."""
        plain = skeleton(word)
        cuts = [(plain[:n], plain[n:]) for n in range(len(plain) + 1)]
        near = {a + b[1:] for a, b in cuts if b}
        near |= {a + c + b[1:] for a, b in cuts if b for c in _LATIN}
        near |= {a + c + b for a, b in cuts for c in _LATIN}
        return tuple(other for letters in sorted(near - {plain}) for other in self._by_skeleton.get(letters, ()))

    def _log_probability(self, first: str, second: str) -> float:
        """Of *second* after *first*: the pair's share, smoothed with the syllable's own (Witten and Bell's way)."""
        alone = (self.count(second) + 0.05) / (self._total + 0.05 * len(self._words))
        before = self.count(first) if first != FIRST else self._firsts
        if not before:
            return math.log(alone)
        followers = 1 + min(before, 200) * 0.5
        return math.log((self.pair(first, second) + followers * alone) / (before + followers))

    @cached_property
    def _firsts(self) -> int:
        """How often a line or clause begins."""
        number = self._number[FIRST]
        low, high = np.searchsorted(self._keys, [number * len(self._words), (number + 1) * len(self._words)])
        return int(self._pairs[low:high].astype(np.int64).sum())


@cache
def counted() -> Syllables:
    """The counts that come with sohoa."""
    with np.load(FILE) as kept:
        words = bytes(kept["words"]).decode().split("\n")
        return Syllables(words, kept["singles"], kept["keys"], kept["pairs"])
