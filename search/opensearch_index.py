"""The index on an OpenSearch cluster, over opensearch-py.

The settings' index name is an alias; behind it stands one concrete index, whose mapping is strict and whose ``_meta``
says the schema version and how far it is whole. A rebuild fills another one and moves the alias over in one step.
"""

import base64
import json
import logging
import os
import random
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, assert_never
from urllib.parse import urlsplit

from opensearchpy import OpenSearch
from opensearchpy.exceptions import (
    AuthenticationException,
    AuthorizationException,
    ConnectionError,
    ConnectionTimeout,
    NotFoundError,
    OpenSearchException,
    SSLError,
    TransportError,
)

from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.language import _
from schemas.settings import Search
from search.excerpts import excerpt
from search.index import MOST_REFUSED, Counts, Found, Hit, Refused, Request, Sort, Status
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
    plan,
)
from search.projection import SCHEMA_VERSION, Entry, Projection, project, restored

logging.getLogger("opensearch").setLevel(logging.CRITICAL)  # what goes wrong is raised, and said once

BULK_BYTES = 4_000_000
"""A bulk request; larger ones were no quicker, and a cluster refuses those above 100 MB."""
BULKS_AT_ONCE = 2
NOTE_EVERY_BULKS = 16
"""How often the place reached is written down: a run that was stopped goes on from there."""
RETRIES = 6
FIRST_PAUSE_S = 0.5
TIER_SCORE = 8192.0
"""Between two tiers: above what the words of the longest query can add up to, and small enough for 32-bit scores."""
WINDOW = 10_000
"""What OpenSearch lets a client skip (``index.max_result_window``); behind it one goes from page to page."""

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


class OpenSearchIndex:
    """``SearchIndex`` on a cluster. Make it with ``open``; nothing is sent before the first call."""

    def __init__(
        self, client: OpenSearch, settings: Search, concrete: str = "", *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._client = client
        self._settings = settings
        self._first_pause_s = first_pause_s
        self._concrete = concrete
        """The index behind the alias, once it is known to be there; for a rebuild, the one being filled."""

    @classmethod
    def open(cls, settings: Search, *, first_pause_s: float = FIRST_PAUSE_S) -> "OpenSearchIndex":
        """SettingsRejected for a cluster on another machine over plain HTTP (unless allowed), for a user without a
        password, and for certificate files that are not there."""
        for url in (settings.url, *settings.more_urls):
            _checked(url, settings)
        for name in ("ca_file", "client_certificate", "client_key"):
            path = getattr(settings, name)
            if path and not os.access(path, os.R_OK):
                raise SettingsRejected(_("search.{name}: {path} cannot be read").format(name=name, path=path))
        return cls(_client(settings), settings, first_pause_s=first_pause_s)

    def search(self, request: Request) -> Found:
        with self._told():
            planned = plan(request.query)
            body = _body(planned, request)
            answer = self._page(body, request.offset, request.limit)
            tiers = len(planned.tiers)
            hits = []
            for hit in answer["hits"]["hits"]:
                record = restored(hit["_source"]["stored"])
                tier = max(tiers - 1 - int(hit["sort"][0] // TIER_SCORE), 0) if request.sort is Sort.RANK else 0
                hits.append(Hit(record, tier, excerpt(record.pages, request.query)))
            counts = _counts(answer["aggregations"]) if request.counts else None
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
        for number, (bulk, outcome) in enumerate(self._sent(index, _bulks(entries, gone)), 1):
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

    def _sent(self, index: str, bulks: Iterable["_Bulk"]) -> Iterator[tuple["_Bulk", list[Refused]]]:
        """Each bulk with what was refused of it, in order; the next is made and sent while one is answered."""
        in_work: deque[tuple[_Bulk, Future[list[Refused]]]] = deque()
        with ThreadPoolExecutor(BULKS_AT_ONCE, "bulk") as threads:
            for bulk in bulks:
                in_work.append((bulk, threads.submit(self._bulk, index, bulk.actions)))
                if len(in_work) > BULKS_AT_ONCE:
                    first, sent = in_work.popleft()
                    yield first, sent.result()
            for first, sent in in_work:
                yield first, sent.result()

    def _bulk(self, index: str, actions: Sequence["_Action"]) -> list[Refused]:
        """Send *actions*; what a busy cluster puts off is sent again, later and later; what it refuses is named."""
        refused: list[Refused] = []
        left = list(actions)
        for attempt in range(RETRIES + 1):
            try:
                answer = self._client.bulk(index=index, body="".join(a.lines for a in left))
            except TransportError as error:
                if attempt == RETRIES or not (isinstance(error, ConnectionError) or error.status_code in _LATER):
                    raise
                self._pause(attempt)
                continue
            put_off: list[_Action] = []
            why = ""
            for action, item in zip(left, answer["items"], strict=True):
                [(operation, outcome)] = item.items()
                status = outcome["status"]
                if (outcome.get("error") or {}).get("type") == "cluster_block_exception":
                    raise ServiceUnavailable(self._blocked(_reason(outcome)))
                if status in _LATER:
                    put_off.append(action)
                    why = _reason(outcome)
                elif status >= 400 and status != 409 and not (operation == "delete" and status == 404):
                    refused.append(Refused(action.id, _reason(outcome)))
            if not put_off:
                return refused
            if attempt == RETRIES:
                raise ServiceUnavailable(
                    _("OpenSearch {url} takes no records now ({why}); nothing is lost: sohoa index catch-up, once it "
                      "does").format(url=self._settings.url, why=why)
                )  # fmt: skip
            left = put_off
            self._pause(attempt)
        return refused

    def _pause(self, attempt: int) -> None:
        time.sleep(self._first_pause_s * 2**attempt * random.uniform(0.7, 1.3))

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
            fresh = OpenSearchIndex(self._client, self._settings, self._made(), first_pause_s=self._first_pause_s)
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
            filters = {word: {"term": {_field(place): word}} for word in sorted(words)}
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
            return sorted(self._client.indices.get_alias(name=self._settings.index))
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
            raise ServiceUnavailable(self._why(error)) from error
        except (KeyError, ValueError, TypeError) as error:
            raise ServiceUnavailable(
                _("{url} does not answer as OpenSearch does ({error}); check search.url").format(
                    url=self._settings.url, error=repr(error))
            ) from error  # fmt: skip

    def _blocked(self, why: str) -> str:
        return _(
            "OpenSearch {url} lets nothing be written ({why}): its disk is full or it is set to be read only; make "
            "room there. Nothing is lost: then sohoa index catch-up"
        ).format(url=self._settings.url, why=why)

    def _why(self, error: OpenSearchException) -> str:
        said = {"url": self._settings.url, "error": _short(error)}
        match error:
            case TransportError() if str(error.error).endswith("block_exception"):  # 403, as for a user who may not
                return self._blocked(said["error"])
            case AuthenticationException() | AuthorizationException():
                return _("OpenSearch {url} refuses user {user}: check search.user and the password in {variable} "
                         "({error})").format(**said, user=self._settings.user or "-",
                                             variable=self._settings.password_env)  # fmt: skip
            case SSLError():
                return _("OpenSearch {url}: no trust between it and us ({error}); check search.ca_file and the host's "
                         "name, and search.client_certificate if it asks for one").format(**said)  # fmt: skip
            case ConnectionTimeout():
                return _("OpenSearch {url} does not answer within {seconds} s ({error}); try again later").format(
                    **said, seconds=self._settings.timeout_s)  # fmt: skip
            case ConnectionError():
                return _("OpenSearch {url} cannot be reached ({error}); start it, or check search.url").format(**said)
            case NotFoundError():
                self._concrete = ""
                return _("OpenSearch {url}: the index is gone ({error}); make it anew: sohoa index rebuild").format(
                    **said)  # fmt: skip
            case _:
                return _("OpenSearch {url}: {error}").format(**said)


_LATER = (429, 502, 503, 504)


def _client(settings: Search) -> OpenSearch:
    options: dict[str, Any] = {"timeout": settings.timeout_s, "max_retries": 2, "retry_on_timeout": False,
                               "http_compress": False, "pool_maxsize": BULKS_AT_ONCE + 2}  # fmt: skip
    if settings.user:
        password = os.environ.get(settings.password_env)
        if password is None:
            raise SettingsRejected(
                _("search.user is {user}, but the environment has no {variable} with the password").format(
                    user=settings.user, variable=settings.password_env)
            )  # fmt: skip
        # RFC 7617; opensearch-py's own way takes Latin-1 alone
        known = f"{settings.user}:{password}".encode("utf-8", "surrogateescape")
        options["headers"] = {"authorization": f"Basic {base64.b64encode(known).decode()}"}
    if urlsplit(settings.url).scheme == "https":
        options |= {"use_ssl": True, "verify_certs": True, "ssl_show_warn": False}
        for name, path in (("ca_certs", settings.ca_file), ("client_cert", settings.client_certificate),
                           ("client_key", settings.client_key)):  # fmt: skip
            if path:
                options[name] = path
    return OpenSearch([settings.url, *settings.more_urls], **options)


def _checked(url: str, settings: Search) -> None:
    address = urlsplit(url)
    here = address.hostname in ("localhost", "::1") or (address.hostname or "").startswith("127.")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SettingsRejected(_("search.url {url}: write it as https://host:9200").format(url=url))
    if address.scheme == "http" and not here and not settings.allow_plain_http:
        raise SettingsRejected(
            _("search.url {url}: records are personal data and would cross the network in the clear; use https "
              "(with search.ca_file), or set search.allow_plain_http = true in a closed network").format(url=url)
        )  # fmt: skip


def _copies(replicas: str) -> dict[str, Any]:
    """How often each shard is kept besides: always so often, or as the nodes allow (``0-1``)."""
    return {"auto_expand_replicas": replicas} if "-" in replicas else {"number_of_replicas": int(replicas)}


@dataclass(frozen=True, slots=True)
class _Meta:
    """What is kept of an index in its mapping's ``_meta``."""

    schema_version: int
    position: int
    owed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Action:
    id: str
    lines: str


@dataclass(frozen=True, slots=True)
class _Bulk:
    actions: tuple[_Action, ...]
    position: int
    """Up to where the index is whole once this one and those before it are in."""
    count: int
    """Records in it and before it."""


def _bulks(entries: Iterable[Entry], gone: Iterable[str]) -> Iterator[_Bulk]:
    """Requests of about ``BULK_BYTES``; what is gone first."""
    actions = [_Action(id, json.dumps({"delete": {"_id": id}}) + "\n") for id in gone]
    size, count, position = 0, 0, 0
    for entry in entries:
        action = _action(project(entry))
        if actions and size + len(action.lines) > BULK_BYTES:
            yield _Bulk(tuple(actions), position, count)
            actions, size = [], 0
        actions.append(action)
        size += len(action.lines)
        count += 1
        position = entry.position
    if actions:
        yield _Bulk(tuple(actions), position, count)


def _action(projection: Projection) -> _Action:
    """An older version never takes the place of a newer one: the catalogue's order is the version."""
    head = {"index": {"_id": projection.id, "version": projection.position, "version_type": "external_gte"}}
    fields = {
        name: getattr(projection, name)
        for name in ("exact", "title", "number", "symbol", "issuer", "type", "signer", "abstract", "codes", "unit",
                     "kind", "type_name", "day", "year", "position")
    }  # fmt: skip
    body = json.dumps(fields, ensure_ascii=False)
    return _Action(projection.id, f'{json.dumps(head)}\n{body[:-1]}, "stored": {projection.stored}}}\n')


def _reason(outcome: dict[str, Any]) -> str:
    error = outcome.get("error") or {}
    cause = error.get("caused_by") or {}
    return str(cause.get("reason") or error.get("reason") or outcome.get("status"))


def _short(error: OpenSearchException) -> str:
    if isinstance(error, TransportError):
        info = error.info
        if isinstance(info, dict) and isinstance(info.get("error"), dict):
            return str(info["error"].get("reason", error.error))[:300]
        return f"{error.status_code}: {error.error}"[:300]
    return str(error)[:300]


def _body(planned: Plan, request: Request) -> dict[str, Any]:
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
    body: dict[str, Any] = {"query": {"bool": wanted}, "sort": sort, "track_total_hits": True}
    if request.counts:
        sizes = {"unit": 2000, "type_name": 200, "year": 500}
        body["aggs"] = {name: {"terms": {"field": name, "size": size}} for name, size in sizes.items()}
    return body


def _weighted(clause: Clause, by: float) -> dict[str, Any]:
    query = _query(clause)
    if is_scored(clause):
        return {"bool": {"must": [query], "boost": by}}
    return {"constant_score": {"filter": query, "boost": by}}


def _field(place: Place) -> str:
    return "exact.folded" if place is Place.FOLDED else place.value


def _query(clause: Clause) -> dict[str, Any]:
    """*clause* for OpenSearch. Words are taken as they are: they were cut and folded before."""
    match clause:
        case Everything():
            return {"match_all": {}}
        case Terms(place, words):
            if len(words) == 1:
                [word] = words
                return {"term": {_field(place): {"value": word}}}
            return {"constant_score": {"filter": {"terms": {_field(place): sorted(words)}}, "boost": 0.0}}
        case Adjacent(place, words):
            return {"match_phrase": {_field(place): {"query": " ".join(words), "analyzer": "whitespace"}}}
        case Begins(place, prefix):
            return {"prefix": {_field(place): {"value": prefix}}}
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


def _counts(answer: dict[str, Any]) -> Counts:
    def counted(name: str) -> list[tuple[Any, int]]:
        return [(bucket["key"], bucket["doc_count"]) for bucket in answer[name]["buckets"] if bucket["key"]]

    return Counts(dict(counted("unit")), dict(counted("type_name")), {int(k): n for k, n in counted("year")})
