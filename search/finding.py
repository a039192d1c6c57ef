"""Finding: what an index has for a request, and where that is little, what comes near it."""

from dataclasses import dataclass, replace

from search.folding import is_marked, spellings
from search.index import Found, Request, SearchIndex
from search.plan import Place
from search.query import AllBut, And, Preferring, Query, Word

FEWEST_WORDS = 4
"""From so many words on one may be wrong: a long query is a title remembered, or read by a machine."""
FEW = 10
MISREAD_LETTERS = 4
"""Shorter words have too many neighbours."""
MISREAD_RATIO = 30
"""A word is taken for its neighbour too where that stands in so many times as many records. OCR confuses a pair of
letters in a word of a hundred or fewer; words as rare as that beside a neighbour are few, and are still found."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``found``; ``whole``: how many have all the words, where so few do that those without one stand behind them."""

    found: Found
    whole: int | None = None


def find(index: SearchIndex, request: Request) -> Finding:
    """Search; in a query of four words or more a word may be misread, and where it finds few, one may be missing."""
    plain = _plain_words(request.query)
    if len(plain) < FEWEST_WORDS:
        return Finding(index.search(request))
    request = replace(request, query=_doubted(index, request.query, plain))
    found = index.search(request)
    loose = loosened(request.query)
    if found.total >= FEW or loose is None:
        return Finding(found)
    more = index.search(replace(request, query=Preferring(request.query, loose)))
    return Finding(more, whole=found.total) if more.total > found.total else Finding(found)


def _plain_words(query: Query) -> tuple[Word, ...]:
    parts = query.parts if isinstance(query, And) else ()
    return tuple(part for part in parts if isinstance(part, Word) and not part.text.isdecimal())


def loosened(query: Query) -> Query | None:
    """*query* with one of its plain words missing; None where it has too few."""
    words = _plain_words(query)
    if not isinstance(query, And) or len(words) < FEWEST_WORDS:
        return None
    return And((AllBut(words), *(part for part in query.parts if part not in words)))


def _doubted(index: SearchIndex, query: Query, words: tuple[Word, ...]) -> Query:
    """*query*, each of its *words* that is rare beside a spelling one letter away with what it may be a misreading of.

    The index is the dictionary: ``kế boạch`` stands in some records as it was read, ``kế hoạch`` in most.
    """
    perhaps: dict[Word, frozenset[str]] = {}
    for place, marked in ((Place.EXACT, True), (Place.FOLDED, False)):
        typed = [word for word in words if is_marked(word.text) == marked]
        counted = index.known(place, {word.text for word in typed}) if typed else {}
        most = max(counted.values(), default=0)
        for word in typed:
            count = counted.get(word.text, 0)
            if len(word.text) >= MISREAD_LETTERS and count * MISREAD_RATIO <= most:
                near = index.known(place, spellings(word.text))
                perhaps[word] = frozenset(
                    other for other, others in near.items() if others >= MISREAD_RATIO * max(count, 1)
                )
    if not isinstance(query, And) or not perhaps:
        return query
    return And(tuple(
        replace(part, perhaps=perhaps.get(part, frozenset())) if isinstance(part, Word) else part
        for part in query.parts
    ))  # fmt: skip
