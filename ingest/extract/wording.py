"""The words of an abstract, weighed against how Vietnamese goes on and against what the paper itself says below."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.syllables import FIRST, Syllables, Token, counted, marks, tokens

AS_READ = 5.0
"""Log-odds that the reader has a syllable's marks right (it errs on one of 150)."""
IN_BODY = 2.0
"""What it is worth that the paper's body has the same pair of syllables; twice that when it has it again."""
DOUBTFUL = 2.5
"""A syllable whose best other form is no further behind may be misread."""
CLEAR = 7.0
"""By so much another form must be ahead for a syllable that there is to be left without a doubt. Of 53 left so in the
scans at hand three were plainly right as read, 0.4, 1.4 and 5.0 behind; of the others nine were no further."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """A text with the marks that suit it best. ``mended`` syllables are not as they were read; ``overruled`` are those
    of them that were read as syllables that there are, and are left on no clear grounds (``mưa lũ`` → ``mùa lũ``) or
    though they were read surely: so the paper may say it, misprinted (``địa bản``); ``doubtful`` ones have another form
    that suits nearly as well, or are none that is known."""

    text: str
    mended: int
    overruled: int
    doubtful: int
    syllables: int


def keys_of(text: str) -> set[str]:
    """The syllables of *text* as they are weighed, whatever their capitals."""
    return {token.key for token in tokens(text) if token.key.isalpha()}


def pairs_of(texts: Sequence[str]) -> Counter[tuple[str, str]]:
    """How often each pair of syllables stands in the texts, one line each."""
    found: Counter[tuple[str, str]] = Counter()
    for text in texts:
        found.update((a.key, b.key) for a, b in pairwise(tokens(text)) if a.key != FIRST and b.key != FIRST)
    return found


def weighed(text: str, body: Counter[tuple[str, str]], surely_read: Collection[str] = ()) -> Weighed:
    """*text* as it was most probably printed: of each syllable the marks may change, its letters stay. *surely_read*
    are the syllables (as in ``keys_of``) of which the reader was sure."""
    said = tokens(text)
    syllables = counted()
    forms = [_forms(token, text, syllables) for token in said]
    chosen, margins = _best_path(forms, body, syllables)
    out, at, mended, overruled, doubtful, words = [], 0, 0, 0, 0, 0
    for token, form, margin, choices in zip(said, chosen, margins, forms, strict=True):
        out.append(text[at : token.start])
        read = text[token.start : token.end]
        out.append(_cased(form, read) if form != token.key else read)
        at = token.end
        if token.key.isalpha():
            words += 1
            mended += form != token.key
            other = token.key in syllables and marks(form) != marks(token.key)
            overruled += other and (margin < CLEAR or token.key in surely_read)
            doubtful += (len(choices) > 1 and margin < DOUBTFUL) or (read.islower() and form not in syllables)
    return Weighed("".join(out) + text[at:], mended, overruled, doubtful, words)


def _forms(token: Token, text: str, syllables: Syllables) -> tuple[str, ...]:
    """As read first, then what else the letters may be; codes in capitals are only what they are."""
    read = text[token.start : token.end]
    if not token.key.isalpha() or (read.isupper() and not text.isupper()):
        return (token.key,)
    return (token.key, *(form for form in syllables.same_letters(token.key) if form != token.key))


def _best_path(
    forms: Sequence[tuple[str, ...]], body: Counter[tuple[str, str]], syllables: Syllables
) -> tuple[list[str], list[float]]:
    """The forms that suit one another best, and by how much each is ahead of its best alternative."""
    if not forms:
        return [], []

    def step(before: str, after: str) -> float:
        return syllables.log_probability(before, after) + IN_BODY * min(body[before, after], 2)

    ahead = [[step(FIRST, form) + AS_READ * (i == 0) for i, form in enumerate(forms[0])]]
    for before, here in pairwise(forms):
        ahead.append([
            max(score + step(old, form) for score, old in zip(ahead[-1], before, strict=True)) + AS_READ * (i == 0)
            for i, form in enumerate(here)
        ])  # fmt: skip
    behind = [[0.0] * len(forms[-1])]
    for here, after in pairwise(reversed(forms)):
        last = behind[-1]
        behind.append([
            max(step(form, new) + AS_READ * (i == 0) + last[i] for i, new in enumerate(here)) for form in after
        ])  # fmt: skip
    behind.reverse()
    chosen, margins = [], []
    for choices, left, right in zip(forms, ahead, behind, strict=True):
        totals = sorted(((a + b, form) for a, b, form in zip(left, right, choices, strict=True)), reverse=True)
        chosen.append(totals[0][1])
        margins.append(totals[0][0] - totals[1][0] if len(totals) > 1 else 99.0)
    return chosen, margins


def _cased(form: str, read: str) -> str:
    if read.isupper() and len(read) > 1:
        return form.upper()
    return form.capitalize() if read[:1].isupper() else form
