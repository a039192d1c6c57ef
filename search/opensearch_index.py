"""The index on an OpenSearch cluster, over opensearch-py.

The settings' index name is an alias; behind it stands one concrete index, whose mapping is strict and whose ``_meta``
says the schema version and how far it is whole. A rebuild fills another one and moves the alias over in one step.
"""

import random
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import NotFoundError, OpenSearchException

from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.language import _
from schemas.settings import Search
from search.excerpts import excerpt
from search.index import MOST_REFUSED, Found, Hit, Refused, Request, Sort, Status
from search.opensearch_bulks import FIRST_PAUSE_S, Sender, bulks
from search.opensearch_client import connect, why
from search.opensearch_query import ANALYSIS, MAPPING, TIER_SCORE, body_of, counts_of, field_of
from search.plan import Place, plan
from search.projection import SCHEMA_VERSION, Entry, restored

NOTE_EVERY_BULKS = 16
"""How often the place reached is written down: a run that was stopped goes on from there."""
WINDOW = 10_000
"""What OpenSearch lets a client skip (``index.max_result_window``); behind it one goes from page to page."""


class OpenSearchIndex:
    """``SearchIndex`` on a cluster. Make it with ``open``; nothing is sent before the first call."""

    def __init__(
        self, client: OpenSearch, settings: Search, concrete: str = "", *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._client = client
        self._settings = settings
        self._sender = Sender(client, settings, first_pause_s)
        self._concrete = concrete
        """The index behind the alias, once it is known to be there; for a rebuild, the one being filled."""

    @classmethod
    def open(cls, settings: Search, *, first_pause_s: float = FIRST_PAUSE_S) -> "OpenSearchIndex":
        """SettingsRejected where the settings cannot be meant so (``connect``)."""
        return cls(connect(settings), settings, first_pause_s=first_pause_s)

    def search(self, request: Request) -> Found:
        with self._told():
            planned = plan(request.query)
            body = body_of(planned, request)
            answer = self._page(body, request.offset, request.limit)
            tiers = len(planned.tiers)
            hits = []
            for hit in answer["hits"]["hits"]:
                record = restored(hit["_source"]["stored"])
                tier = max(tiers - 1 - int(hit["sort"][0] // TIER_SCORE), 0) if request.sort is Sort.RANK else 0
                hits.append(Hit(record, tier, excerpt(record.pages, request.query)))
            counts = counts_of(answer["aggregations"]) if request.counts else None
            return Found(answer["hits"]["total"]["value"], tuple(hits), counts)

    def _page(self, body: dict[str, Any], offset: int, limit: int) -> dict[str, Any]:
        """The answer from *offset*; far behind it is reached in steps, as a cluster skips 10,000 at most."""
        index = self._there()
        if offset + limit <= WINDOW:
            return self._search(index, body | {"from": offset, "size": limit})
        after: list[Any] | None = None
        left = offset
        while left:
            step: dict[str, Any] = {"query": body["query"], "sort": body["sort"], "_source": False,
                                    "track_total_hits": False, "size": min(left, WINDOW)}  # fmt: skip
            rows = self._search(index, step | ({"search_after": after} if after else {}))["hits"]["hits"]
            if not rows:
                return self._search(index, body | {"size": 0})
            after = rows[-1]["sort"]
            left -= len(rows)
        return self._search(index, body | {"size": min(limit, WINDOW), "search_after": after})

    def _search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.search(index=index, body=body)
        return answer

    def update(
        self,
        entries: Iterable[Entry],
        gone: Iterable[str],
        position: int,
        done: Callable[[int], None] = lambda count: None,
        owed: Collection[str] = (),
    ) -> list[Refused]:
        with self._told():
            index = self._there()
            before = self._meta(index).position
            self._client.indices.put_settings(index=index, body={"refresh_interval": "-1"})
            try:
                refused = self._put(index, entries, gone, done, before, owed)
            finally:
                self._client.indices.put_settings(index=index, body={"refresh_interval": None})
            self._client.indices.refresh(index=index)
            self._note(index, max(position, before), owed, refused)
            return refused

    def _put(
        self,
        index: str,
        entries: Iterable[Entry],
        gone: Iterable[str],
        done: Callable[[int], None],
        before: int,
        owed: Collection[str],
    ) -> list[Refused]:
        refused: list[Refused] = []
        for number, (bulk, outcome) in enumerate(self._sender.sent(index, bulks(entries, gone)), 1):
            refused += outcome
            if len(refused) > MOST_REFUSED:
                raise ServiceUnavailable(
                    _("OpenSearch {url} refuses more than {most} records, the last one as: {why}; mend that. Nothing "
                      "is lost: then sohoa index catch-up").format(
                        url=self._settings.url, most=MOST_REFUSED, why=refused[-1].reason)
                )  # fmt: skip
            done(bulk.count)
            if number % NOTE_EVERY_BULKS == 0:
                self._note(index, max(bulk.position, before), owed, refused)
        return refused

    def status(self) -> Status:
        with self._told():
            index = self._there()
            meta = self._meta(index)
            stats = self._client.indices.stats(index=index, metric="docs,store")["indices"][index]["primaries"]
            health = self._client.cluster.health(index=index)["status"]
            older = meta.schema_version < SCHEMA_VERSION
            notice = "" if health == "green" else _("the cluster says {health}").format(health=health)
            if older:
                notice = _("the index was made by an older sohoa; the next sohoa index catch-up makes it anew")
            return Status("opensearch", stats["docs"]["count"], meta.position, meta.schema_version,
                          stats["store"]["size_in_bytes"], notice, meta.owed)  # fmt: skip

    @contextmanager
    def rebuilding(self) -> Iterator["OpenSearchIndex"]:
        with self._told():
            fresh = OpenSearchIndex(
                self._client, self._settings, self._made(), first_pause_s=self._sender.first_pause_s
            )
        try:
            yield fresh
        except BaseException:
            with self._told():
                self._client.indices.delete(index=fresh._concrete, ignore_unavailable=True)
            raise
        with self._told():
            alias = self._settings.index
            before = [name for name in self._behind() if name != fresh._concrete]
            moved: list[dict[str, Any]] = [{"remove_index": {"index": name}} for name in before]
            moved.append({"add": {"index": fresh._concrete, "alias": alias, "is_write_index": True}})
            self._client.indices.update_aliases(body={"actions": moved})
            self._concrete = fresh._concrete

    def known(self, place: Place, words: Collection[str]) -> dict[str, int]:
        with self._told():
            filters = {word: {"term": {field_of(place): word}} for word in sorted(words)}
            body = {"size": 0, "aggs": {"known": {"filters": {"filters": filters}}}}
            buckets = self._search(self._there(), body)["aggregations"]["known"]["buckets"] if filters else {}
            return {word: bucket["doc_count"] for word, bucket in buckets.items() if bucket["doc_count"]}

    def close(self) -> None:
        self._client.close()

    def _there(self) -> str:
        """The concrete index, made on the first use of a cluster; ServiceUnavailable when its schema is newer."""
        if not self._concrete:
            found = self._behind()
            self._concrete = found[-1] if found else self._made(alias=True)
            version = self._meta(self._concrete).schema_version
            if version > SCHEMA_VERSION:
                self._concrete = ""
                raise ServiceUnavailable(
                    _("index {index}: made by a newer sohoa (schema {found}, this one knows {known}); use that "
                      "version, or make the index anew: sohoa index rebuild").format(
                        index=self._settings.index, found=version, known=SCHEMA_VERSION)
                )  # fmt: skip
        return self._concrete

    def _behind(self) -> list[str]:
        try:
            # Of this alias alone: who may use nothing but our indexes is refused what asks for an alias in all of them.
            return sorted(self._client.indices.get_alias(index=self._settings.index, name=self._settings.index))
        except NotFoundError:
            if self._client.indices.exists(index=self._settings.index):
                raise SettingsRejected(
                    _("search.index {index}: the cluster has an index of this name that is not ours; choose another "
                      "name").format(index=self._settings.index)
                ) from None  # fmt: skip
            return []

    def _made(self, *, alias: bool = False) -> str:
        name = f"{self._settings.index}-{datetime.now(UTC):%Y%m%d%H%M%S}-{random.randrange(16**6):06x}"
        body: dict[str, Any] = {
            "settings": {
                "number_of_shards": self._settings.shards,
                **_copies(self._settings.replicas),
                "analysis": ANALYSIS,
            },
            "mappings": MAPPING | {"_meta": asdict(_Meta(SCHEMA_VERSION, 0))},
        }
        if alias:
            body["aliases"] = {self._settings.index: {"is_write_index": True}}
        self._client.indices.create(index=name, body=body)
        return name

    def _meta(self, index: str) -> "_Meta":
        found: dict[str, Any] = self._client.indices.get_mapping(index=index)[index]["mappings"]
        meta = found.get("_meta", {})
        owed = tuple(map(str, meta.get("owed", ())))
        return _Meta(int(meta.get("schema_version", 0)), int(meta.get("position", 0)), owed)

    def _note(self, index: str, position: int, owed: Collection[str], refused: Iterable[Refused]) -> None:
        meta = _Meta(SCHEMA_VERSION, position, tuple(sorted({*owed, *(one.id for one in refused)})))
        self._client.indices.put_mapping(index=index, body={"_meta": asdict(meta)})

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The client's errors as ours, with what to do."""
        try:
            yield
        except OpenSearchException as error:
            if isinstance(error, NotFoundError):
                self._concrete = ""
            raise ServiceUnavailable(why(error, self._settings)) from error
        except (KeyError, ValueError, TypeError) as error:
            raise ServiceUnavailable(
                _("{url} does not answer as OpenSearch does ({error}); check search.url").format(
                    url=self._settings.url, error=repr(error))
            ) from error  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Meta:
    """What is kept of an index in its mapping's ``_meta``."""

    schema_version: int
    position: int
    owed: tuple[str, ...] = ()


def _copies(replicas: str) -> dict[str, Any]:
    """How often each shard is kept besides: always so often, or as the nodes allow (``0-1``)."""
    return {"auto_expand_replicas": replicas} if "-" in replicas else {"number_of_replicas": int(replicas)}
