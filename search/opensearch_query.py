"""What a cluster's index is made of, and what it is asked: a plan's clauses as OpenSearch's queries."""

from typing import Any, assert_never

from search.index import Counts, Request, Sort
from search.plan import (
    Adjacent,
    Begins,
    Clause,
    Every,
    Everything,
    Issued,
    Most,
    Place,
    Plan,
    Some,
    Terms,
    Without,
    is_scored,
)

TIER_SCORE = 8192.0
"""Between two tiers: above what the words of the longest query can add up to, and small enough for 32-bit scores."""
_TEXT = {"type": "text", "analyzer": "words"}
MAPPING = {
    "dynamic": "strict",
    "_source": {"includes": ["stored"]},
    "properties": {
        "exact": _TEXT | {"fields": {"folded": {"type": "text", "analyzer": "folded"}}},
        **dict.fromkeys(("title", "symbol", "issuer", "type", "signer", "abstract", "codes"), _TEXT),
        **{name: {"type": "keyword"} for name in ("number", "unit", "kind", "type_name")},
        **{name: {"type": "integer"} for name in ("day", "year")},
        "position": {"type": "long"},
        "stored": {"type": "object", "enabled": False},
    },
}
ANALYSIS = {
    "tokenizer": {
        "words": {"type": "char_group", "tokenize_on_chars": ["whitespace", "punctuation", "symbol"],
                  "max_token_length": 80},
    },
    "analyzer": {
        "words": {"type": "custom", "tokenizer": "words", "filter": []},
        "folded": {"type": "custom", "tokenizer": "words", "filter": ["asciifolding"]},
    },
}  # fmt: skip


def body_of(planned: Plan, request: Request) -> dict[str, Any]:
    """All that is found, scored by relevance, plus a step of score for each better tier it stands in."""
    wanted: dict[str, Any] = {"must": [_query(planned.whole)]}
    if request.sort is Sort.RANK:
        count = len(planned.tiers)
        steps = [{"constant_score": {"filter": _query(clause), "boost": TIER_SCORE * (count - 1 - tier)}}
                 for tier, clause in enumerate(planned.tiers[:-1])]  # fmt: skip
        lifts = [_weighted(clause, weight) for clause, weight in planned.weights]
        wanted["should"] = [*([{"dis_max": {"queries": steps}}] if steps else []), *lifts]
        sort = [{"_score": "desc"}, {"position": "asc"}]
    else:
        wanted = {"filter": wanted["must"]}
        sort = [{"day": "desc"}, {"position": "asc"}]
    asked: dict[str, Any] = {"query": {"bool": wanted}, "sort": sort, "track_total_hits": True}
    if request.counts:
        sizes = {"unit": 2000, "type_name": 200, "year": 500}
        asked["aggs"] = {name: {"terms": {"field": name, "size": size}} for name, size in sizes.items()}
    return asked


def _weighted(clause: Clause, by: float) -> dict[str, Any]:
    if is_scored(clause):
        return {"bool": {"must": [_query(clause)], "boost": by}}
    return {"constant_score": {"filter": _query(clause), "boost": by}}


def field_of(place: Place) -> str:
    return "exact.folded" if place is Place.FOLDED else place.value


def _query(clause: Clause) -> dict[str, Any]:
    """*clause* for OpenSearch. Words are taken as they are: they were cut and folded before."""
    match clause:
        case Everything():
            return {"match_all": {}}
        case Terms(place, words):
            if len(words) == 1:
                [word] = words
                return {"term": {field_of(place): {"value": word}}}
            return {"constant_score": {"filter": {"terms": {field_of(place): sorted(words)}}, "boost": 0.0}}
        case Adjacent(place, words):
            return {"match_phrase": {field_of(place): {"query": " ".join(words), "analyzer": "whitespace"}}}
        case Begins(place, prefix):
            return {"prefix": {field_of(place): {"value": prefix}}}
        case Issued(first, last):
            return {"range": {"day": {"gte": first.toordinal(), "lte": last.toordinal()}}}
        case Every(parts):
            wanted = [_query(part) for part in parts if not isinstance(part, Without)]
            left_out = [_query(part.part) for part in parts if isinstance(part, Without)]
            return {"bool": {"must": wanted, "must_not": left_out}}
        case Some(parts):
            return {"bool": {"should": [_query(part) for part in parts], "minimum_should_match": 1}}
        case Most(parts):
            return {"bool": {"should": [_query(p) for p in parts], "minimum_should_match": len(parts) - 1}}
        case Without(part):
            return {"bool": {"must_not": [_query(part)]}}
        case _:
            assert_never(clause)


def counts_of(answer: dict[str, Any]) -> Counts:
    def counted(name: str) -> list[tuple[Any, int]]:
        return [(bucket["key"], bucket["doc_count"]) for bucket in answer[name]["buckets"] if bucket["key"]]

    return Counts(dict(counted("unit")), dict(counted("type_name")), {int(k): n for k, n in counted("year")})
