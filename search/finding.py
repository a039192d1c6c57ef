"""Finding: what an index has for a request, and where that is little, what comes near it."""

from dataclasses import dataclass, replace

from search.index import Found, Request, SearchIndex
from search.query import AllBut, And, Preferring, Query, Word

FEWEST_WORDS = 4
"""From so many words on one may be wrong: a long query is a title remembered, or read by a machine."""

FEW = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """``found``; ``whole``: how many have all the words, where so few do that those without one stand behind them."""

    found: Found
    whole: int | None = None


def find(index: SearchIndex, request: Request) -> Finding:
    """Search; a query of four words or more that finds few is gone on with by all of its words but one."""
    found = index.search(request)
    loose = loosened(request.query)
    if found.total >= FEW or loose is None:
        return Finding(found)
    more = index.search(replace(request, query=Preferring(request.query, loose)))
    return Finding(more, whole=found.total) if more.total > found.total else Finding(found)


def loosened(query: Query) -> Query | None:
    """*query* with one of its plain words missing; None where it has too few."""
    if not isinstance(query, And):
        return None
    words = tuple(part for part in query.parts if isinstance(part, Word) and not part.text.isdecimal())
    if len(words) < FEWEST_WORDS:
        return None
    return And((AllBut(words), *(part for part in query.parts if part not in words)))
