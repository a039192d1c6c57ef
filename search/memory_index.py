"""A tiny index in memory: what the other two must agree with. It scans every record, so it is for tests and samples."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import assert_never

from search.excerpts import excerpt
from search.folding import WORD, without_marks
from search.index import Counts, Found, Hit, Refused, Request, Sort, Status
from search.plan import Adjacent, Begins, Clause, Every, Everything, Issued, Most, Place, Some, Terms, Without, plan
from search.projection import SCHEMA_VERSION, Entry, Projection, project, restored


@dataclass(frozen=True, slots=True)
class _Held:
    projection: Projection
    places: dict[Place, list[str]]


@dataclass
class MemoryIndex:
    """``SearchIndex`` without a file."""

    _held: dict[str, _Held] = field(default_factory=dict)
    _position: int = 0
    _owed: tuple[str, ...] = ()

    def search(self, request: Request) -> Found:
        planned = plan(request.query)
        found: list[tuple[int, float, int, _Held]] = []
        for held in self._held.values():
            tier = next((n for n, clause in enumerate(planned.tiers) if _holds(held, clause)), None)
            if tier is not None:
                lift = sum(weight for clause, weight in planned.weights if _holds(held, clause))
                found.append((tier, -lift, held.projection.position, held))
        if request.sort is Sort.DATE:
            found.sort(key=lambda row: (-row[3].projection.day, row[2]))
        else:
            found.sort(key=lambda row: row[:3])
        part = found[request.offset : request.offset + request.limit]
        hits = []
        for tier, _lift, _position, held in part:
            record = restored(held.projection.stored.encode())
            hits.append(Hit(record, tier, excerpt(record.pages, request.query)))
        counts = _counts([row[3].projection for row in found]) if request.counts else None
        return Found(len(found), tuple(hits), counts)

    def update(
        self,
        entries: Iterable[Entry],
        gone: Iterable[str],
        position: int,
        done: Callable[[int], None] = lambda count: None,
        owed: Collection[str] = (),
    ) -> list[Refused]:
        for id in gone:
            self._held.pop(id, None)
        for count, entry in enumerate(entries, 1):
            projection = project(entry)
            self._held[projection.id] = _Held(projection, _places(projection))
            done(count)
        self._position, self._owed = max(position, self._position), tuple(sorted(owed))
        return []

    def status(self) -> Status:
        size = sum(len(held.projection.stored) for held in self._held.values())
        return Status("memory", len(self._held), self._position, SCHEMA_VERSION, size, owed=self._owed)

    @contextmanager
    def rebuilding(self) -> Iterator["MemoryIndex"]:
        fresh = MemoryIndex()
        yield fresh
        self._held, self._position, self._owed = fresh._held, fresh._position, fresh._owed

    def known(self, place: Place, words: Collection[str]) -> dict[str, int]:
        return dict(Counter(word for held in self._held.values() for word in set(held.places[place]) & set(words)))

    def close(self) -> None:
        pass


def _places(projection: Projection) -> dict[Place, list[str]]:
    whole = {Place.NUMBER: [projection.number], Place.UNIT: [projection.unit]}
    cut = {place: WORD.findall(getattr(projection, place.value)) for place in Place if hasattr(projection, place.value)}
    return cut | whole | {Place.FOLDED: [without_marks(word) for word in cut[Place.EXACT]]}


def _holds(held: _Held, clause: Clause) -> bool:
    match clause:
        case Everything():
            return True
        case Terms(place, words):
            return any(word in words for word in held.places[place])
        case Adjacent(place, words):
            there, count = held.places[place], len(words)
            return any(tuple(there[i : i + count]) == words for i in range(len(there) - count + 1))
        case Begins(place, prefix):
            return any(word.startswith(prefix) for word in held.places[place])
        case Issued(first, last):
            return first.toordinal() <= held.projection.day <= last.toordinal()
        case Every(parts):
            return all(_holds(held, part) for part in parts)
        case Some(parts):
            return any(_holds(held, part) for part in parts)
        case Most(parts):
            return sum(_holds(held, part) for part in parts) >= len(parts) - 1
        case Without(part):
            return not _holds(held, part)
        case _:
            assert_never(clause)


def _counts(found: list[Projection]) -> Counts:
    def by_count(values: Iterable[str]) -> dict[str, int]:
        return dict(Counter(value for value in values if value).most_common())

    years = Counter(projection.year for projection in found if projection.year)
    return Counts(
        units=by_count(projection.unit for projection in found),
        types=by_count(projection.type_name for projection in found),
        years=dict(years.most_common()),
    )
