"""What is on its way to its end while the next pages are read: documents whose signatures a service still has to stamp.

A timestamp takes from 2 s to more than 100; a batch must not stand still for that.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ingest.signing.lifting import BasicOnly, Lasting, lift
from ingest.signing.timestamps import AT_ONCE
from schemas.documents import SignedPdf

Outcome = TypeVar("Outcome")
LONGEST = 64
"""So many documents may be on their way, as each is in memory. Where services are slower than the reading for so long,
those behind them are not stamped now but wait for ``sohoa renew``."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Outcome]):
    end: Callable[[], Outcome]
    lifted: "Future[SignedPdf] | None"

    def is_ready(self) -> bool:
        return self.lifted is None or self.lifted.done()


@dataclass(slots=True)
class Backlog(Generic[Outcome]):
    """A line in which each comes to its end in the order in which it was put there; the lifting is done by threads."""

    _line: deque[_Entry[Outcome]] = field(default_factory=deque)
    _threads: ThreadPoolExecutor | None = None

    def put(self, end: Callable[[], Outcome]) -> None:
        """What has to wait for nothing but those before it."""
        self._line.append(_Entry(end, None))

    def put_signed(self, signed: SignedPdf, lasting: Lasting, end: Callable[[SignedPdf], Outcome]) -> None:
        """A signed PDF; *end* is given it as it is once lifted."""
        if isinstance(lasting, BasicOnly) or len(self._line) >= LONGEST:
            self._line.append(_Entry(lambda: end(signed), None))
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="lift")
        lifted = self._threads.submit(lift, signed, lasting)
        self._line.append(_Entry(lambda: end(lifted.result()), lifted))

    def ended(self) -> Iterator[Outcome]:
        """Those at the head of the line that wait for nothing any more."""
        while self._line and self._line[0].is_ready():
            yield self._line.popleft().end()

    def rest(self) -> Iterator[Outcome]:
        """All that are left, waited for."""
        while self._line:
            yield self._line.popleft().end()

    def close(self) -> None:
        """Drop what has not come to its end; the same batch does it again."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
