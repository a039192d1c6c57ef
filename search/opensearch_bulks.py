"""Records on their way to a cluster: bulks by bytes, two at once; what a busy cluster puts off is sent again."""

import json
import random
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError, TransportError

from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.settings import Search
from search.index import Refused
from search.opensearch_client import blocked, is_block
from search.projection import Entry, Projection, project

BULK_BYTES = 4_000_000
"""A bulk request; larger ones were no quicker, and a cluster refuses those above 100 MB."""
BULKS_AT_ONCE = 2
RETRIES = 6
FIRST_PAUSE_S = 0.5
LATER = (429, 502, 503, 504)
"""Answers of a cluster that is busy, or just starting."""


@dataclass(frozen=True, slots=True)
class Action:
    """A record to put in or to take out."""

    id: str
    lines: bytes
    """The action and its record, as NDJSON."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """Actions that are sent together."""

    actions: tuple[Action, ...]
    position: int
    """Up to where the index is whole once this one and those before it are in."""
    count: int
    """Records in it and before it."""


def bulks(entries: Iterable[Entry], gone: Iterable[str]) -> Iterator[Bulk]:
    """Requests of about ``BULK_BYTES``; what is gone first."""
    actions = [Action(id, json.dumps({"delete": {"_id": id}}).encode() + b"\n") for id in gone]
    size, count, position = 0, 0, 0
    for entry in entries:
        action = _action(project(entry))
        if actions and size + len(action.lines) > BULK_BYTES:
            yield Bulk(tuple(actions), position, count)
            actions, size = [], 0
        actions.append(action)
        size += len(action.lines)
        count += 1
        position = entry.position
    if actions:
        yield Bulk(tuple(actions), position, count)


def _action(projection: Projection) -> Action:
    """An older version never takes the place of a newer one: the catalogue's order is the version."""
    head = {"index": {"_id": projection.id, "version": projection.position, "version_type": "external_gte"}}
    fields = {
        name: getattr(projection, name)
        for name in ("exact", "title", "number", "symbol", "issuer", "type", "signer", "abstract", "codes", "unit",
                     "kind", "type_name", "day", "year", "position")
    }  # fmt: skip
    body = json.dumps(fields, ensure_ascii=False)
    return Action(projection.id, f'{json.dumps(head)}\n{body[:-1]}, "stored": {projection.stored}}}\n'.encode())


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends bulks to the cluster that *settings* name."""

    client: OpenSearch
    settings: Search
    first_pause_s: float = FIRST_PAUSE_S

    def sent(self, index: str, bulks: Iterable[Bulk]) -> Iterator[tuple[Bulk, list[Refused]]]:
        """Each bulk with what was refused of it, in order; the next is made and sent while one is answered."""
        in_work: deque[tuple[Bulk, Future[list[Refused]]]] = deque()
        with ThreadPoolExecutor(BULKS_AT_ONCE, "bulk") as threads:
            for bulk in bulks:
                in_work.append((bulk, threads.submit(self._send, index, bulk.actions)))
                if len(in_work) > BULKS_AT_ONCE:
                    first, sent = in_work.popleft()
                    yield first, sent.result()
            for first, sent in in_work:
                yield first, sent.result()

    def _send(self, index: str, actions: Sequence[Action]) -> list[Refused]:
        """Send *actions*; what a busy cluster puts off is sent again, later and later; what it refuses is named."""
        refused: list[Refused] = []
        left = list(actions)
        for attempt in range(RETRIES + 1):
            try:
                answer = self.client.bulk(index=index, body=b"".join(action.lines for action in left))
            except TransportError as error:
                if attempt == RETRIES or not (isinstance(error, ConnectionError) or error.status_code in LATER):
                    raise
                self._pause(attempt)
                continue
            put_off: list[Action] = []
            why = ""
            for action, item in zip(left, answer["items"], strict=True):
                [(operation, outcome)] = item.items()
                status = outcome["status"]
                if is_block((outcome.get("error") or {}).get("type")):
                    raise ServiceUnavailable(blocked(self.settings, _reason(outcome)))
                if status in LATER:
                    put_off.append(action)
                    why = _reason(outcome)
                elif status >= 400 and status != 409 and not (operation == "delete" and status == 404):
                    refused.append(Refused(action.id, _reason(outcome)))
            if not put_off:
                return refused
            if attempt == RETRIES:
                raise ServiceUnavailable(
                    _("OpenSearch {url} takes no records now ({why}); nothing is lost: sohoa index catch-up, once it "
                      "does").format(url=self.settings.url, why=why)
                )  # fmt: skip
            left = put_off
            self._pause(attempt)
        return refused

    def _pause(self, attempt: int) -> None:
        time.sleep(self.first_pause_s * 2**attempt * random.uniform(0.7, 1.3))


def _reason(outcome: dict[str, Any]) -> str:
    error = outcome.get("error") or {}
    cause = error.get("caused_by") or {}
    return str(cause.get("reason") or error.get("reason") or outcome.get("status"))
