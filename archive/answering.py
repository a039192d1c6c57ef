"""A connection to PostgreSQL that does not wait without end for a server that answers no more.

The network's own limits find out that a machine is gone; a server that stands still, on a machine that acknowledges
every packet, they do not. So a statement that takes long asks, by a second connection, whether the server lets anybody
in.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import ConnectionTimeout

from schemas.language import _

T = TypeVar("T")

ASK_AFTER_S = 20.0
"""How long the server may say nothing before it is asked for a sign of life; again and again after as long."""


class Answering(psycopg.Connection[Any]):
    """A connection that is closed, with OperationalError, when its server lets nobody in any more, and after
    ``longest_s`` without a word on it in any case. Both are set by who opens it."""

    longest_s: float
    another: Callable[[], psycopg.Connection[Any]]
    """Opens a second connection to the same server; ConnectionTimeout when it lets nobody in."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """As ``psycopg.Connection.wait``, which every statement, commit and answer goes through."""
        return super().wait(self._watched(gen), interval, timeout)

    def _watched(self, gen: PQGen[T]) -> PQGen[T]:
        """*gen*, which is told every *interval* that nothing came, until that has been so for too long."""
        try:
            wanted = next(gen)
            heard = asked = time.monotonic()
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard = asked = now
                elif now - heard > self.longest_s or (now - asked > ASK_AFTER_S and not self._server_lives()):
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        _("the server has said nothing for {seconds:.0f} s").format(seconds=time.monotonic() - heard)
                    )
                elif now - asked > ASK_AFTER_S:
                    asked = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            answer: T = end.value
            return answer

    def _server_lives(self) -> bool:
        try:
            self.another().close()
        except ConnectionTimeout:
            return False
        except psycopg.OperationalError:  # it answers, if only to say that it has no room
            return True
        return True
