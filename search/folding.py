"""Vietnamese text as it is compared: composed, in small letters, tone marks in one place, with or without marks.

Two forms of a word are kept apart. The *canonical* form (``hòa`` and ``hoà`` → ``hoà``) keeps every mark and is what
ranks first; the *folded* form (→ ``hoa``) keeps none and is what is found. Both keep the length of the composed text,
so that a place in the one is a place in the other.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import product

WORD = re.compile(r"[^\W_]+")
"""A word: letters and digits. The indexes cut text at the same places."""

_TONES = "\u0300\u0301\u0309\u0303\u0323"  # huyền, sắc, hỏi, ngã, nặng
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0d-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\ufeff]")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _tone_moves() -> dict[str, str]:
    """``òa`` → ``oà`` and its like: a tone written on the glide (the old place) goes to the vowel behind it."""
    nfc = unicodedata.normalize
    return {
        nfc("NFC", glide + tone) + vowel: glide + nfc("NFC", vowel + tone)
        for (glide, vowel), tone in product((("o", "a"), ("o", "e"), ("u", "y")), _TONES)
    }


def _marks_off() -> dict[int, str]:
    """Each letter that has marks → the letter without: one for one, so that places stay."""
    table = {ord("đ"): "d", ord("Đ"): "D"}
    for code in [*range(0xC0, 0x250), *range(0x1E00, 0x1F00)]:
        base = unicodedata.normalize("NFD", chr(code))[0]
        if base.isascii() and ord(base) != code:
            table[code] = base
    return table


_TONE_MOVES = _tone_moves()
_OLD_TONE = re.compile("|".join(_TONE_MOVES))
"""All in one pass: looking for one after the other took most of ``canonical``'s time."""
_MARKS_OFF = _marks_off()


def composed(text: str) -> str:
    """*text* in NFC, control characters as spaces (line ends and form feeds stay): what offsets refer to."""
    text = unicodedata.normalize("NFC", text)
    if text.isprintable():
        return text
    return _CONTROL.sub(" ", text)


def canonical(text: str) -> str:
    """*text* composed, in small letters, each tone mark at its one place. As long as ``composed(text)``."""
    whole = composed(text)
    small = whole.lower()
    if len(small) != len(whole):  # a letter whose small form is two (İ)
        small = "".join(c.lower() if len(c.lower()) == 1 else c for c in whole)
    return _OLD_TONE.sub(lambda found: _TONE_MOVES[found[0]], small)


def without_marks(text: str) -> str:
    """*text* with no mark on any Latin letter, ``đ`` as ``d``; as long as *text*, which is composed."""
    return text.translate(_MARKS_OFF)


def plain_ascii(text: str) -> str:
    """The composed *text* in small letters of ASCII, whatever is none dropped: lines stay, places in them do not.

    Ten times quicker than ``folded`` (C all the way), for looking through pages before one line is looked at closely.
    """
    whole = text.replace("đ", "d").replace("Đ", "d")
    return unicodedata.normalize("NFD", whole).encode("ascii", "ignore").decode("ascii").lower()


def folded(text: str) -> str:
    """*text* canonical and without marks: what is found whatever marks were typed."""
    return without_marks(canonical(text))


def words(text: str) -> tuple[str, ...]:
    """The words of *text* in canonical form."""
    return tuple(WORD.findall(canonical(text)))


def folded_words(text: str) -> tuple[str, ...]:
    """The words of *text* without marks."""
    return tuple(WORD.findall(folded(text)))


def is_marked(word: str) -> bool:
    """Whether the canonical *word* bears a mark (or is written with ``đ``)."""
    return without_marks(word) != word


def plain_number(digits: str) -> str:
    """``012`` → ``12``: numbers below ten are zero-padded on paper (NĐ 30/2020), and not always typed so."""
    return digits.lstrip("0") or "0"


# Every syllable of Vietnamese, without marks, is one of these beginnings and one of these rimes.
_SYLLABLE = re.compile(
    r"(?:b|ch?|d|g[hi]?|h|kh?|l|m|n(?:gh?|h)?|ph?|q|r|s|t[hr]?|v|x)?"
    r"(?:a|e|i|o|u|y|ai|ao|au|ay|eo|eu|ia|ie|ieu|iu|oa|oai|oao|oay|oe|oeo|oi|oo|ua|uai|uao|uau|uay|ue|ueo|ueu|ui|uo"
    r"|uoi|uou|uu|uy|uya|uye|uyu|uyeu|ye|yeu)"
    r"(?:c|ch|m|n|ng|nh|p|t)?"
)


def is_syllable(word: str) -> bool:
    """Whether the folded *word* can be a Vietnamese syllable by its letters."""
    return _SYLLABLE.fullmatch(word) is not None


NEAR_FROM_LETTERS = 5
"""Shorter words have too many neighbours that are words themselves."""
NEAR_TO_LETTERS = 40
"""Longer ones are no word that a paper holds, and each letter more makes fifty neighbours more, each as long."""


@lru_cache(4096)
def near(word: str) -> frozenset[str]:
    """The spellings one letter away from the folded *word* that a misreading can have made of it, or it of them.

    One of the two must be no Vietnamese syllable: ``thuong`` is not taken for ``truong``, both of which are on every
    page, while ``nghlep`` and ``nghiep`` find each other. None for short words, endless ones, and what bears a digit.
    """
    if not NEAR_FROM_LETTERS <= len(word) <= NEAR_TO_LETTERS or not word.isalpha() or not word.isascii():
        return frozenset()
    around = spellings(word)
    return around if not is_syllable(word) else frozenset(other for other in around if not is_syllable(other))


def spellings(word: str) -> frozenset[str]:
    """Every string of letters and digits that is one edit away from *word*."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    lost = {head + tail[1:] for head, tail in cuts if tail}
    changed = {head + letter + tail[1:] for head, tail in cuts if tail for letter in _LETTERS}
    gained = {head + letter + tail for head, tail in cuts for letter in _LETTERS}
    return frozenset((lost | changed | gained) - {word, ""})
