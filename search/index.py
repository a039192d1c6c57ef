"""The seam of search: what an index does, what it is asked and what it answers."""

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, assert_never

from schemas.records import Record
from schemas.settings import Search
from search.excerpts import Excerpt
from search.plan import Place
from search.projection import Entry
from search.query import Query


class Sort(StrEnum):
    RANK = "rank"
    DATE = "date"
    """Newest first; papers without a date last."""


@dataclass(frozen=True, slots=True)
class Request:
    """A query, and which part of its answer is wanted. Any ``offset`` may be asked for: pages have no gaps."""

    query: Query
    limit: int = 20
    offset: int = 0
    sort: Sort = Sort.RANK
    counts: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found. ``tier`` 0 is the best way to match the query."""

    record: Record
    tier: int
    excerpt: Excerpt


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of all found records each unit (by code), type and year has; most first."""

    units: dict[str, int]
    types: dict[str, int]
    years: dict[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """``total`` counts all, ``hits`` are the part asked for, best first; ``counts`` only where asked for."""

    total: int
    hits: tuple[Hit, ...]
    counts: Counts | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that the index would not take, and why; the others of its run are in."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """``position``: up to where in the catalogue's order the index is whole, but for the records in ``owed`` (by id),
    which were refused or could not be read. ``notice``: what a person should know."""

    engine: str
    records: int
    position: int
    schema_version: int
    size_bytes: int
    notice: str = ""
    owed: tuple[str, ...] = ()


MOST_REFUSED = 1_000
"""An index that refuses more of a run has a fault of its own: the run stops, and goes on there once that is mended."""


class SearchIndex(Protocol):
    """An index of records: a projection of the archive that can be made anew at any time.

    Every method raises ServiceUnavailable, with what to do, when the index cannot be reached or used now.
    """

    def search(self, request: Request) -> Found:
        """What the index holds for *request*."""

    def update(
        self,
        entries: Iterable[Entry],
        gone: Iterable[str],
        position: int,
        done: Callable[[int], None] = ...,
        owed: Collection[str] = ...,
    ) -> list[Refused]:
        """Put *entries* in, each in the place of an older one with its id, take *gone* out, and be whole up to
        *position*, but for *owed* and what is refused. *owed* may grow while *entries* are read. Lasting when it
        returns. *done* is told how many are in as it goes. ServiceUnavailable also where more than ``MOST_REFUSED``
        are refused."""

    def status(self) -> Status:
        """How the index is."""

    def rebuilding(self) -> AbstractContextManager["SearchIndex"]:
        """An empty index beside this one, which goes on answering; it takes this one's place when the block ends
        well, and is thrown away when it does not."""

    def known(self, place: Place, words: Collection[str]) -> dict[str, int]:
        """How many records have each of *words* in *place*; a word that none has is left out."""

    def close(self) -> None:
        """Let go of files and connections."""


def open_index(search: Search, folder: Path) -> SearchIndex:
    """The index that the settings name; the embedded one lies in *folder*, made where it is missing.

    SettingsRejected where the settings cannot be meant so, ServiceUnavailable where the index is not to be had now.
    """
    match search.engine:
        case "tantivy":
            from search.tantivy_index import TantivyIndex

            return TantivyIndex.open(folder)
        case "opensearch":
            from search.opensearch_index import OpenSearchIndex

            return OpenSearchIndex.open(search)
        case _:
            assert_never(search.engine)
