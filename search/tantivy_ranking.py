"""The order of what the embedded index finds, at a cost that does not grow with how dense the words are.

tantivy scores all that a query finds, and the densest words stand in nearly every record. So a tier is asked for in
parts: first what has all the words in its title, then one of them there, then the rest. The titles mostly fill the
page: at a million records that is the difference between scoring all and scoring a tenth. How many there are is counted
meanwhile on another core.

A phrase in the text is dear to find, however few have it: the places of its words are read in every record that has
them all. So its last tier, which holds the others, is found, ranked and counted at once, in shares: one core takes one
after the other while another ranks the better tiers, and what is left when that is done the two do together.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import tantivy
from tantivy import Occur, Query

from search.index import Request, Sort
from search.plan import Adjacent, Clause, Every, Place, Plan, Some, Terms, Without
from search.tantivy_query import Asking

SCORED_AT_ONCE = 10_000
"""A tier that can hold no more records is asked for as a whole: 1 ms at 100 ns each."""
SHARED_FROM = 20_000
"""Where fewer records can have a phrase, one core looks through them sooner than two have their shares."""
Ranked = list[tuple[int, tantivy.DocAddress]]
"""Tier and address of each hit."""


def ranked(
    searcher: tantivy.Searcher,
    asking: Asking,
    planned: Plan,
    request: Request,
    counter: Executor,
) -> tuple[Callable[[], int], Ranked]:
    """The part of the answer that is asked for, and what tells how many there are in all, once that is known."""
    whole = asking.query(planned.whole)
    if request.sort is Sort.RANK and request.limit and _has_phrase(planned.whole):
        return _with_phrase(searcher, asking, planned, request, counter)
    counting = counter.submit(_total, searcher, whole)
    if not request.limit:
        return counting.result, []
    if request.sort is Sort.DATE:
        return counting.result, _by_date(searcher, whole, request)
    return counting.result, _by_rank(searcher, asking, planned, request)


def _by_date(searcher: tantivy.Searcher, whole: Query, request: Request) -> Ranked:
    result = searcher.search(whole, request.limit, count=False, order_by_field="day", offset=request.offset)
    return [(0, address) for _key, address in result.hits]


def _by_rank(searcher: tantivy.Searcher, asking: Asking, planned: Plan, request: Request) -> Ranked:
    """Tier after tier until the part asked for is full: what stands in a better one is not scored again."""
    found: Ranked = []
    before = 0
    earlier: list[Without] = []
    for tier, clause in enumerate(planned.tiers):
        before_tier = before
        for part in _by_title(clause, planned.titled if asking.at_most(clause) > SCORED_AT_ONCE else ()):
            wanted = request.limit - len(found)
            if wanted <= 0:
                return found
            if not asking.at_most(Every(part)):
                continue
            query = _scored(asking, planned, (*part, *earlier))
            result = searcher.search(query, wanted, offset=max(request.offset - before, 0))
            found += [(tier, address) for _score, address in result.hits]
            before += result.count  # type: ignore[attr-defined]
        if before > before_tier:
            earlier.append(Without(clause))
    return found


def _scored(asking: Asking, planned: Plan, part: tuple[Clause, ...]) -> Query:
    """What has every clause of *part*, with the lifts that put some of it above others."""
    every = Every(planned.titled)
    same_for_all = {
        *part,
        *([every] if set(planned.titled) <= set(part) or Without(every) in part else []),
    }
    none_in_title = Without(Some(planned.titled)) in part
    lifts = [
        (Occur.Should, asking.weighted(lift, by))
        for lift, by in planned.weights
        if lift not in same_for_all and not (none_in_title and _is_of_title(lift)) and asking.at_most(lift)
    ]
    return Query.boolean_query([(Occur.Must, asking.query(Every(part))), *lifts])


def _with_phrase(
    searcher: tantivy.Searcher, asking: Asking, planned: Plan, request: Request, counter: Executor
) -> tuple[Callable[[], int], Ranked]:
    """The last tier as a whole beside the better ones, of which that is taken which stands in none of those."""
    end = request.offset + request.limit
    query = _scored(asking, planned, _parts(planned.whole))
    shares = asking.shares() if asking.at_most(planned.whole) > SHARED_FROM else [Query.all_query()]
    work = [partial(_share_of, searcher, query, share, 2 * end) for share in shares]
    begun = [counter.submit(one) for one in work]
    better = replace(planned, tiers=planned.tiers[:-1])
    found = _by_rank(searcher, asking, better, replace(request, offset=0, limit=end))
    at_hand = reversed([*zip(work, begun, strict=True)])
    results = [one() if future.cancel() else future.result() for one, future in at_hand]
    if len(found) < end:  # then all of the better tiers is in the last
        seen = {_place(address) for _tier, address in found}
        best = sorted((hit for _count, hits in results for hit in hits), key=lambda hit: (-hit[0], _place(hit[1])))
        found += [(len(better.tiers), address) for _score, address in best if _place(address) not in seen]
    total = sum(count for count, _hits in results)
    return (lambda: total), found[request.offset : end]


def _share_of(
    searcher: tantivy.Searcher, query: Query, share: Query, most: int
) -> tuple[int, list[tuple[float, tantivy.DocAddress]]]:
    """How many of *share* are found by *query*, and the best of them with their scores."""
    result = searcher.search(Query.boolean_query([(Occur.Must, query), (Occur.Must, share)]), most)
    return result.count, result.hits  # type: ignore[attr-defined]


def _place(address: tantivy.DocAddress) -> tuple[int, int]:
    return address.segment_ord, address.doc


def _by_title(clause: Clause, titled: tuple[Clause, ...]) -> list[tuple[Clause, ...]]:
    """*clause* in parts that have no record in common: all words in the title, some of them, none. Each flat, so that
    tantivy begins with the rarest."""
    base = _parts(clause)
    if not titled:
        return [base]
    some = Some(titled)
    if len(titled) == 1:
        return [(*base, *titled), (*base, Without(some))]
    return [
        (*base, *titled),
        (*base, some, Without(Every(titled))),
        (*base, Without(some)),
    ]


def _parts(clause: Clause) -> tuple[Clause, ...]:
    """What every record of *clause* has, which together is all of it."""
    return clause.parts if isinstance(clause, Every) else (clause,)


def _has_phrase(clause: Clause) -> bool:
    """Whether the text, and not only a short field, is looked through for words side by side."""
    return any(isinstance(part, Adjacent) and part.place is Place.FOLDED for part in _parts(clause))


def _is_of_title(clause: Clause) -> bool:
    match clause:
        case Terms(place) | Adjacent(place):
            return place is Place.TITLE
        case Every(parts):
            return all(_is_of_title(part) for part in parts)
        case _:
            return False


def _total(searcher: tantivy.Searcher, whole: Query) -> int:
    count = searcher.search(Query.const_score_query(whole, 1.0), 1).count  # type: ignore[attr-defined]
    assert isinstance(count, int)
    return count
