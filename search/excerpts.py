"""The page and the line of a record that answer a query, with the words marked; the same whichever index found it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from search.folding import canonical, composed, near, without_marks
from search.query import Code, Dated, Number, Phrase, Prefix, Query, Word, atoms, number_forms

LONGEST_LINE = 240
"""Characters of a line that are shown; a longer one is cut round its first marked word."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line, the page it stands on (from 1 in the record; None: no page speaks of it) and the marked spans in it."""

    page: int | None
    line: str
    marks: tuple[tuple[int, int], ...]


def excerpt(pages: Sequence[str], query: Query) -> Excerpt:
    """The line of *pages* that bears most of the words of *query*, with their marks before without."""
    wanted = [atom for atom in atoms(query) if isinstance(atom, Word | Prefix | Phrase | Code | Number | Dated)]
    typed = {word for atom in wanted for word in _typed(atom)}
    best = _best(pages, _pattern(wanted, misread=False), typed)
    if best is None:
        best = _best(pages, _pattern(wanted, misread=True), typed)
    return best or Excerpt(None, _first_line(pages), ())


def marked_words(text: str, query: Query) -> list[tuple[int, int]]:
    """The spans of ``composed(text)`` that answer *query*."""
    wanted = atoms(query)
    for misread in (False, True):
        pattern = _pattern(wanted, misread=misread)
        found = [] if pattern is None else [m.span() for m in pattern.finditer(without_marks(canonical(text)))]
        if found:
            return found
    return []


def _typed(atom: Query) -> tuple[str, ...]:
    match atom:
        case Word(text) | Prefix(text):
            return (text,)
        case Phrase(words) | Code(words):
            return words
        case _:
            return ()


def _pattern(wanted: Iterable[Query], *, misread: bool) -> re.Pattern[str] | None:
    """Matches in folded text what is to be marked; longer forms first."""
    forms = {form for atom in wanted for form in _forms(atom, misread=misread)}
    if not forms:
        return None
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(sorted(forms, key=len, reverse=True))})(?![^\W_])")


def _forms(atom: Query, *, misread: bool) -> set[str]:
    match atom:
        case Word(text) if text.isdecimal():
            return set(number_forms(text))
        case Word(text):
            word = without_marks(text)
            return {re.escape(word)} | (set(near(word)) if misread else set())
        case Prefix(text):
            return {re.escape(without_marks(text)) + r"[^\W_]*"}
        case Phrase(words) | Code(words):
            return {_side_by_side(words)}
        case Number(number, symbol):
            return {_side_by_side((form, *symbol)) for form in number_forms(number)} | (
                set(number_forms(number)) if misread else set()
            )
        case Dated(spoken=spoken):
            return {_side_by_side(said) for said in spoken}
        case _:
            return set()


def _side_by_side(words: Sequence[str]) -> str:
    return r"[\W_]+".join(re.escape(without_marks(word)) for word in words)


def _best(pages: Sequence[str], pattern: re.Pattern[str] | None, typed: set[str]) -> Excerpt | None:
    if pattern is None:
        return None
    best: tuple[float, int, int, int] | None = None  # score, page, start and end of the line
    for number, page in enumerate(pages):
        exact = canonical(page)
        lines: dict[tuple[int, int], dict[str, float]] = {}
        for found in pattern.finditer(without_marks(exact)):
            start = exact.rfind("\n", 0, found.start()) + 1
            end = exact.find("\n", found.end())
            seen = lines.setdefault((start, end if end >= 0 else len(exact)), {})
            worth = 1.5 if exact[found.start() : found.end()] in typed else 1.0
            seen[found[0]] = max(seen.get(found[0], 0.0), worth)
        for (start, end), seen in lines.items():
            score = sum(seen.values())
            if best is None or score > best[0]:
                best = (score, number, start, end)
    if best is None:
        return None
    _score, number, start, end = best
    line = composed(pages[number])[start:end]
    return _cut(number + 1, line, [m.span() for m in pattern.finditer(without_marks(canonical(line)))])


def _cut(page: int, line: str, marks: list[tuple[int, int]]) -> Excerpt:
    """The line without its outer white space, shortened round its first mark; a phrase may run over a line end."""
    line = line.replace("\n", " ").replace("\f", " ")
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
