"""Pages whose worker died: each is tried again where no other of them is, so that the one that kills is found alone.

Dask tells of a worker's death for every page that the worker had, whether it was being read or waited its turn.
"""

import threading
from collections import deque
from collections.abc import Collection
from typing import Generic, TypeVar

P = TypeVar("P")


class Suspects(Generic[P]):
    """Which of them are tried, and on which worker; the others wait. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[P] = deque()
        self._tried_at: dict[P, str] = {}
        self._missed: set[P] = set()

    def add(self, page: P) -> None:
        """*page* is to be tried again."""
        with self._lock:
            self._waiting.append(page)

    def next(self, workers: Collection[str]) -> tuple[P, str] | None:
        """The page whose turn it is, and the one of *workers* that has no other; None where all have to wait."""
        with self._lock:
            free = next((worker for worker in workers if worker not in self._tried_at.values()), None)
            if free is None or not self._waiting:
                return None
            page = self._waiting.popleft()
            self._tried_at[page] = free
            return page, free

    def done(self, page: P) -> None:
        """*page*, one of them or not, is tried no more."""
        with self._lock:
            self._tried_at.pop(page, None)
            self._missed.discard(page)

    def stranded(self, workers: Collection[str]) -> list[P]:
        """Those whose worker was not among *workers* this time and the last: it left in peace, and its death will not
        be told of."""
        with self._lock:
            gone = {page for page, worker in self._tried_at.items() if worker not in workers}
            stranded, self._missed = gone & self._missed, gone
            return list(stranded)

    def __bool__(self) -> bool:
        with self._lock:
            return bool(self._waiting or self._tried_at)
