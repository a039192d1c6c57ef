"""What is on its way to its end while the next pages are read: documents whose signatures a service still has to stamp.

A timestamp takes from 2 s to more than 100; a batch must not stand still for that.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ingest.signing.timestamps import AT_ONCE

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")
LONGEST = 64
"""So many documents may be on their way, as each is in memory. Where services are slower than the reading for so long,
those behind them are not stamped now but wait for ``sohoa renew``."""
AT_A_TIME = 2


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Outcome]):
    end: Callable[[], Outcome]
    prepared: "Future[Any] | None"

    def is_ready(self) -> bool:
        return self.prepared is None or self.prepared.done()


@dataclass(slots=True)
class Backlog(Generic[Outcome]):
    """A line in which each comes to its end in the order in which it was put there; the lifting is done by threads."""

    _line: deque[_Entry[Outcome]] = field(default_factory=deque)
    _threads: ThreadPoolExecutor | None = None

    def put(self, end: Callable[[], Outcome]) -> None:
        """What has to wait for nothing but those before it."""
        self._line.append(_Entry(end, None))

    @property
    def is_full(self) -> bool:
        """No more should be put in the line that have to wait for a service."""
        return len(self._line) >= LONGEST

    def put_later(self, prepare: Callable[[], Work], end: Callable[[Work], Outcome]) -> None:
        """What a thread prepares, waiting for services, and *end* then brings to its end."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lift")
        prepared = self._threads.submit(prepare)
        self._line.append(_Entry(lambda: end(prepared.result()), prepared))

    def ended(self) -> Iterator[Outcome]:
        """Those at the head of the line that wait for nothing any more; a few at a time, as it is asked for after each
        that joins the line: timestamps come in bursts, and while many are archived in a row, nothing is given to the
        readers."""
        for _turn in range(AT_A_TIME):
            if not (self._line and self._line[0].is_ready()):
                return
            yield self._line.popleft().end()

    def rest(self) -> Iterator[Outcome]:
        """All that are left, waited for."""
        while self._line:
            yield self._line.popleft().end()

    def close(self) -> None:
        """Drop what has not come to its end; the same batch does it again."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
