"""Claims: which of several runs on one catalogue has a thing in work.

On PostgreSQL they are its advisory locks, held by a session of their own: a run that is killed, or whose machine dies,
gives them back by itself, and nothing of ours has to find out that it did. On SQLite one run at a time takes scans in
(the workspace's lock), and has every claim that it asks for.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from archive.database import explained, outlasting


class Claims(Protocol):
    """What this run has in work, to the exclusion of others. Subjects are any text that names a thing."""

    others: ClassVar[bool]
    """Other runs may be taking things from under this one's hands."""

    def take(self, subject: str) -> bool:
        """Have *subject* to oneself; False at once while another run has it. Taken twice, it is given back twice."""

    def give_back(self, subject: str) -> None:
        """Let others have *subject*."""

    def give_all_back(self) -> None:
        """Let others have all that was taken and is not given back yet."""

    def alone(self, subject: str) -> AbstractContextManager[None]:
        """Have *subject* to oneself until the block ends; waits for whoever has it."""


class OnlyRun:
    """The claims of a run beside which there is no other."""

    others: ClassVar[bool] = False

    def take(self, subject: str) -> bool:
        return True

    def give_back(self, subject: str) -> None:
        pass

    def give_all_back(self) -> None:
        pass

    @contextmanager
    def alone(self, subject: str) -> Iterator[None]:
        yield


@dataclass(slots=True)
class SharedClaims:
    """Claims of a run beside others on one PostgreSQL database.

    After a restart of the database the claims are taken again. One that another run was quicker to get is lost: both
    then do the same scan, which gives the same records once, as each document is known by its scan and page.
    """

    engine: Engine
    _held: Counter[str] = field(default_factory=Counter)
    _shared: set[str] = field(default_factory=set)
    _session: Connection | None = None

    others: ClassVar[bool] = True

    def take(self, subject: str) -> bool:
        taken = bool(self._ask("SELECT pg_try_advisory_lock(:key)", subject))
        self._held[subject] += taken
        return taken

    def give_back(self, subject: str) -> None:
        if self._held[subject] > 0:
            self._held[subject] -= 1
            self._ask("SELECT pg_advisory_unlock(:key)", subject)

    def give_all_back(self) -> None:
        for subject in list(self._held.elements()):
            self.give_back(subject)

    @contextmanager
    def alone(self, subject: str) -> Iterator[None]:
        self._ask("SELECT pg_advisory_lock(:key)", subject)
        try:
            yield
        finally:
            self._ask("SELECT pg_advisory_unlock(:key)", subject)

    def share(self, subject: str) -> bool:
        """Have *subject* together with others who share it; False at once while one has it alone."""
        shared = bool(self._ask("SELECT pg_try_advisory_lock_shared(:key)", subject))
        if shared:
            self._shared.add(subject)
        return shared

    def holder(self, subject: str) -> str:
        """Who has *subject*, as their session names itself; empty where that cannot be told any more."""
        said = self._ask(
            "SELECT string_agg(DISTINCT application_name || coalesce(' (' || host(client_addr) || ')', ''), ', ') "
            "FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
            "AND (classid::bigint << 32 | objid::bigint) = :key", subject,
        )  # fmt: skip
        return str(said or "")

    def close(self) -> None:
        """End the session, and with it every claim."""
        session, self._session = self._session, None
        self._held.clear()
        self._shared.clear()
        if session is not None:
            with suppress(DBAPIError):
                session.close()

    def _ask(self, statement: str, subject: str) -> Any:
        def asked() -> Any:
            with explained(self.engine):
                return self._open_session().execute(text(statement), {"key": key_of(subject)}).scalar()

        return outlasting(asked)

    def _open_session(self) -> Connection:
        if self._session is None or self._session.invalidated or self._session.closed:
            session = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            session.detach()  # its locks end with it; back in the pool they would outlive their claim
            for subject in self._held.elements():
                session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key_of(subject)})
            for subject in self._shared:
                session.execute(text("SELECT pg_try_advisory_lock_shared(:key)"), {"key": key_of(subject)})
            self._session = session
        return self._session


@contextmanager
def claims_on(engine: Engine) -> Iterator[SharedClaims]:
    """Claims on the PostgreSQL database of *engine*, given back at the end of the block."""
    claims = SharedClaims(engine)
    try:
        yield claims
    finally:
        claims.close()


def key_of(subject: str) -> int:
    """The number by which PostgreSQL knows a claim: 63 bits of a hash, so that two subjects never meet in practice."""
    digest = hashlib.blake2b(subject.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
