"""Vietnamese text without its marks, and how alike two such texts are: what survives a misread mark."""

import unicodedata
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

_WITHOUT_STROKE = str.maketrans("đĐÐð", "dddd")
_LOOK_ALIKE = str.maketrans({"0": "o", "1": "l", "|": "l", "!": "l", "5": "s", "$": "s", "8": "b", "6": "g", "9": "g"})


@lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """*text* in lower case, without marks, white space collapsed: ``QUYẾT ĐỊNH`` → ``quyet dinh``."""
    bare = unicodedata.normalize("NFD", text.translate(_WITHOUT_STROKE))
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).lower().split())


@lru_cache(maxsize=65536)
def letters(text: str) -> str:
    """The letters and digits of *text*, folded, digits that a reader takes for letters turned into those."""
    return "".join(c for c in folded(text).translate(_LOOK_ALIKE) if c.isalnum())


def distance(one: str, other: str) -> int:
    """The fewest characters to insert, delete or replace that make *other* of *one*."""
    return Levenshtein.distance(one, other)


@lru_cache(maxsize=65536)
def likeness(one: str, other: str) -> float:
    """How alike two texts are without their marks and spaces: 1 the same, 0 nothing in common."""
    a, b = letters(one), letters(other)
    longest = max(len(a), len(b))
    return 1 - distance(a, b) / longest if longest else 0.0
