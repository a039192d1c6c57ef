"""The page and the line of a record that answer a query, with the words marked; the same whichever index found it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from search.folding import WORD, canonical, composed, near, plain_ascii, without_marks
from search.query import Code, Dated, Number, Phrase, Prefix, Query, Word, atoms, number_forms

LONGEST_LINE = 240
"""Characters of a line that are shown; a longer one is cut round its first marked word."""


COMPARED_LINES = 8
"""Lines with equally many of the words that are compared by their marks."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line, the page it stands on (from 1 in the record; None: no page speaks of it) and the marked spans in it."""

    page: int | None
    line: str
    marks: tuple[tuple[int, int], ...]


def excerpt(pages: Sequence[str], query: Query) -> Excerpt:
    """The line of *pages* that bears most of the words of *query*, with their marks before without."""
    looked_for = _looked_for(query)
    best = looked_for and (_best(pages, looked_for) or _best(pages, looked_for, closely=True))
    return best or Excerpt(None, _first_line(pages), ())


@lru_cache(16)
def _looked_for(query: Query) -> "_LookedFor | None":
    """Made once for all hits of a query: it costs as much as looking through a page."""
    return _LookedFor.of(
        atom for atom in atoms(query) if isinstance(atom, Word | Prefix | Phrase | Code | Number | Dated)
    )


def marked_words(text: str, query: Query) -> list[tuple[int, int]]:
    """The spans of ``composed(text)`` that answer *query*."""
    looked_for = _LookedFor.of(atoms(query))
    return looked_for.spans(text) if looked_for else []


@dataclass(frozen=True, slots=True)
class _LookedFor:
    """What is to be marked, without marks: whole words, sequences and beginnings of words, and single words misread."""

    words: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    """Each begins with letters, which ``re`` looks for quickly: one pattern of them all took three times as long."""
    misread: frozenset[str]
    typed: frozenset[str]

    @classmethod
    def of(cls, wanted: Iterable[Query]) -> "_LookedFor | None":
        kept = list(wanted)
        forms = sorted({form for atom in kept for form in _forms(atom)}, key=len, reverse=True)
        if not forms:
            return None
        words = tuple(form for form in forms if WORD.fullmatch(form))
        around = (near(without_marks(atom.text)) for atom in kept if isinstance(atom, Word))
        return cls(
            words,
            tuple(re.compile(rf"{form}(?![^\W_])") for form in forms if form not in words),
            frozenset().union(*around),
            frozenset(word for atom in kept for word in _typed(atom)),
        )

    def found(self, plain: str, *, misread: bool) -> list[tuple[int, int]]:
        """Spans in text without marks, in order, none within another."""
        spans = [span for word in self.words for span in _whole_words(plain, word)]
        spans += [span for pattern in self.patterns for span in _where(plain, pattern)]
        if misread and self.misread:
            near_words = self.misread.intersection(WORD.findall(plain))
            spans += [span for word in near_words for span in _whole_words(plain, word)]
        spans.sort(key=lambda span: (span[0], -span[1]))
        return [span for span, before in zip(spans, [(0, 0), *spans], strict=False) if span[0] >= before[1]]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The spans of ``composed(text)``."""
        return self.found(without_marks(canonical(text)), misread=True)

    def with_marks(self, line: str) -> int:
        """How many different words of *line* bear the very marks typed."""
        return len(set(WORD.findall(canonical(line))) & self.typed)


def _typed(atom: Query) -> tuple[str, ...]:
    match atom:
        case Word(text) | Prefix(text):
            return (text,)
        case Phrase(words) | Code(words):
            return words
        case _:
            return ()


def _forms(atom: Query) -> set[str]:
    match atom:
        case Word(text) if text.isdecimal():
            return set(number_forms(text))
        case Word(text, perhaps):
            return {re.escape(without_marks(word)) for word in (text, *perhaps)}
        case Prefix(text):
            return {re.escape(without_marks(text)) + r"[^\W_]*"}
        case Phrase(words) | Code(words):
            return {_side_by_side(words)}
        case Number(number, symbol):
            return {_side_by_side((form, *symbol)) for form in number_forms(number)}
        case Dated(spoken=spoken):
            return {_side_by_side(said) for said in spoken}
        case _:
            return set()


def _whole_words(plain: str, word: str) -> Iterator[tuple[int, int]]:
    """Where *word* stands by itself. Five times as quick as a pattern of all words over the same text."""
    at = plain.find(word)
    while at >= 0:
        end = at + len(word)
        if not plain[at - 1 : at].isalnum() and not plain[end : end + 1].isalnum():
            yield at, end
        at = plain.find(word, end)


def _where(plain: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where *pattern* matches from the beginning of a word."""
    match = pattern.search(plain)
    while match:
        start, end = match.span()
        if plain[start - 1 : start].isalnum():
            end = start + 1
        else:
            yield start, end
        match = pattern.search(plain, end)


def _side_by_side(words: Sequence[str]) -> str:
    return r"[\W_]+".join(re.escape(without_marks(word)) for word in words)


def _best(pages: Sequence[str], looked_for: _LookedFor, *, closely: bool = False) -> Excerpt | None:
    """The best line. *closely* sees misread words and letters that are not Latin too; it takes five times as long."""
    best: list[tuple[int, int, int]] = []  # page, first and last line: those with most words
    most = 0
    for number, page in enumerate(pages):
        plain = without_marks(canonical(page)) if closely else plain_ascii(page)
        lines: dict[int, set[str]] = {}
        ends: dict[int, int] = {}
        line = last = 0
        for start, end in looked_for.found(plain, misread=closely):
            line += plain.count("\n", last, start)
            last = start
            lines.setdefault(line, set()).add(plain[start:end])
            ends[line] = max(ends.get(line, 0), line + plain.count("\n", start, end))
        for first, seen in lines.items():
            if len(seen) > most:
                most, best = len(seen), []
            if len(seen) == most and len(best) < COMPARED_LINES:
                best.append((number, first, ends[first]))
    if not best:
        return None
    lines_of = {number: pages[number].split("\n") for number, _first, _last in best}
    texts = [(number, composed(" ".join(lines_of[number][first : last + 1]))) for number, first, last in best]
    number, text = max(texts, key=lambda found: looked_for.with_marks(found[1])) if len(texts) > 1 else texts[0]
    return _cut(number + 1, text, looked_for.spans(text))


def _cut(page: int, line: str, marks: list[tuple[int, int]]) -> Excerpt:
    """The line without its outer white space, shortened round its first mark."""
    line = line.replace("\f", " ")
    begin = len(line) - len(line.lstrip())
    if marks and marks[0][1] - begin > LONGEST_LINE:
        begin = max(marks[0][0] - LONGEST_LINE // 4, 0)
    shown = line[begin : begin + LONGEST_LINE].rstrip()
    inside = [(a - begin, min(b - begin, len(shown))) for a, b in marks if begin <= a < begin + len(shown)]
    return Excerpt(page, shown, tuple(inside))


def _first_line(pages: Sequence[str]) -> str:
    for page in pages:
        for line in composed(page).split("\n"):
            if line.strip():
                return line.strip()[:LONGEST_LINE]
    return ""
