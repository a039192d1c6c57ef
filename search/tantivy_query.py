"""What the embedded index asks tantivy: a plan's clauses as its queries, over the words that its index has."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, assert_never

import tantivy
from tantivy import FieldType, Occur, Query

from search.index import Counts
from search.plan import (
    Adjacent,
    Begins,
    Clause,
    Every,
    Everything,
    Issued,
    Most,
    Place,
    Some,
    Terms,
    Without,
    is_scored,
)

FEW_WORDS = 64
"""So many words are asked for one by one; a set of more costs 0.2 ms and segment."""

SHARES = 4
LAST_OF_ALL = 2**62
"""Beyond every position."""

_METACHARACTER = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")
"""What tantivy's regular expressions must have escaped, and nothing else: ``\\<`` is a word's beginning to them."""

_WHOLE = {Place.NUMBER, Place.UNIT}


class Asking:
    """Makes queries for one searcher. Of the spellings that a clause takes for a word few are in the index: they are
    looked up once (0.3 µs each and segment), where a set query goes through the dictionary each time it is run."""

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher, last_position: int) -> None:
        self._schema = schema
        self._searcher = searcher
        self._last_position = last_position
        self.known = lru_cache(1024)(self._looked_up)

    def shares(self) -> list[Query]:
        """All records in parts of about the same size, to be looked through by two cores. Records that came one after
        the other lie together, and so do their words' places: two halves by date took 1.5 times as long as the whole.
        """
        ends = [self._last_position * n // SHARES for n in range(1, SHARES)]
        return [
            Query.const_score_query(
                Query.range_query(self._schema, "position", FieldType.Integer, after + 1, last), 0.0
            )
            for after, last in pairwise([-1, *ends, LAST_OF_ALL])
        ]

    def at_most(self, clause: Clause) -> int:
        """A bound, soon found, on how many records *clause* finds."""
        match clause:
            case Terms(place, words):
                return sum(self.known(place, words).values())
            case Adjacent(place, words):
                return min(self.at_most(Terms(place, frozenset({word}))) for word in words)
            case Every(parts):
                return min((self.at_most(part) for part in parts), default=0)
            case Some(parts) | Most(parts):
                return sum(self.at_most(part) for part in parts)
            case Everything() | Issued() | Begins() | Without():
                return self._searcher.num_docs
            case _:
                assert_never(clause)

    def query(self, clause: Clause) -> Query:
        match clause:
            case Everything():
                return Query.all_query()
            case Terms(place, words):
                return self._terms(place, words)
            case Adjacent(place, words):
                return Query.phrase_query(self._schema, place.value, list(words))
            case Begins(place, prefix):
                return Query.regex_query(self._schema, place.value, _METACHARACTER.sub(r"\\\g<0>", prefix) + ".*")
            case Issued(first, last):
                return Query.range_query(self._schema, "day", FieldType.Integer, first.toordinal(), last.toordinal())
            case Every(parts):
                wanted = [(Occur.Must, self.query(part)) for part in parts if not isinstance(part, Without)]
                return Query.boolean_query(wanted + self._left_out(parts))
            case Some(parts):
                return Query.boolean_query([(Occur.Should, self.query(part)) for part in parts])
            case Most(parts):
                some = [(Occur.Should, self.query(part)) for part in parts]
                return Query.boolean_query(some, minimum_number_should_match=len(parts) - 1)
            case Without():
                return Query.boolean_query([(Occur.Must, Query.all_query()), *self._left_out([clause])])
            case _:
                assert_never(clause)

    def weighted(self, clause: Clause, by: float) -> Query:
        """*clause* as it lifts what it finds: by its relevance *by* times, or by just so much."""
        query = self.query(clause)
        return Query.boost_query(query, by) if is_scored(clause) else Query.const_score_query(query, by)

    def _terms(self, place: Place, words: frozenset[str]) -> Query:
        if len(words) == 1:
            [word] = words
            return Query.term_query(self._schema, place.value, word, "basic" if place in _WHOLE else "freq")
        known = self.known(place, words)
        if not known:
            return Query.empty_query()
        if len(known) <= FEW_WORDS:
            each = [Query.term_query(self._schema, place.value, word, "basic") for word in known]
            any_of = each[0] if len(each) == 1 else Query.boolean_query([(Occur.Should, one) for one in each])
        else:
            any_of = Query.term_set_query(self._schema, place.value, list(known))
        return Query.const_score_query(any_of, 0.0)

    def _looked_up(self, place: Place, words: frozenset[str]) -> dict[str, int]:
        """Those of *words* that the index has, and in how many records."""
        counted = {word: self._searcher.doc_freq(place.value, word) for word in sorted(words)}
        return {word: count for word, count in counted.items() if count}

    def _left_out(self, parts: Sequence[Clause]) -> list[tuple[Occur, Query]]:
        return [(Occur.MustNot, self.query(part.part)) for part in parts if isinstance(part, Without)]


def counts(searcher: tantivy.Searcher, whole: Query) -> Counts:
    """What *whole* finds by unit, type and year."""

    def by(field: str, size: int) -> dict[str, Any]:
        return {"terms": {"field": field, "size": size}}

    asked = {"units": by("unit", 2000), "types": by("type_name", 200), "years": by("year", 500)}
    answer = searcher.aggregate(Query.const_score_query(whole, 1.0), asked)

    def counted(name: str) -> list[tuple[Any, int]]:
        return [(bucket["key"], int(bucket["doc_count"])) for bucket in answer[name]["buckets"]]

    return Counts(
        units=dict(counted("units")),
        types=dict(counted("types")),
        years={int(year): count for year, count in counted("years") if int(year)},
    )
