"""The log: who did what to which thing. It is only ever added to, and each entry carries the hash of the one before, so
that an edit, a removal or a cut-off end shows.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from archive.database import Database, as_json, repeatable, stored, utc
from archive.tables import LOG, counters, log
from schemas.language import _

FIRST_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Who did what to which thing, and when. ``hash`` covers all of it and the entry before."""

    position: int
    at: str
    who: str
    what: str
    subject: str
    hash: str


@dataclass(frozen=True, slots=True)
class Log(Database):
    """The catalogue's log."""

    @repeatable
    def note_access(self, who: str, what: str, subject: str) -> None:
        """Log that someone looked at or took out *subject* (NĐ 30/2020, Phụ lục VI: every access is logged)."""
        with self.writing() as connection:
            append(connection, who, what, subject, datetime.now(UTC))

    def log(self) -> Iterator[LogEntry]:
        """The log, the oldest entry first."""
        for row in self.stream(select(log).order_by(log.c.position)):
            yield LogEntry(row.position, row.at, row.who, row.what, row.subject, row.hash)

    def log_head(self) -> tuple[int, str]:
        """Position and hash of the log's last entry; (0, …) for an empty log."""
        [head] = self.rows(select(counters).where(counters.c.name == LOG))
        return head.value, head.hash

    def log_hash(self, position: int) -> str | None:
        """The hash of the entry at *position*; None where there is none."""
        return next((row.hash for row in self.rows(select(log.c.hash).where(log.c.position == position))), None)

    def log_faults(self) -> list[str]:
        """Where the log is not what was written: edited, removed, or cut off. Empty when it is whole."""
        before, position, faults = FIRST_HASH, 0, []
        for entry in self.log():
            if entry.position != position + 1:
                faults.append(_("log: entries {first} to {last} are missing").format(
                    first=position + 1, last=entry.position - 1))  # fmt: skip
            elif entry.hash != _entry_hash(before, entry.position, entry.at, entry.who, entry.what, entry.subject):
                faults.append(_("log: entry {position} of {at} was changed").format(
                    position=entry.position, at=entry.at))  # fmt: skip
            before, position = entry.hash, entry.position
        [head] = self.rows(select(counters).where(counters.c.name == LOG))
        if position < head.value:
            faults.append(_("log: entries {first} to {last} are missing").format(first=position + 1, last=head.value))
        elif (position, before) != (head.value, head.hash):
            faults.append(_("log: its end is not the one that was written last"))
        return faults


def append(connection: Connection, who: str, what: str, subject: str, now: datetime) -> None:
    """Add an entry in the transaction of *connection*, whose writer is alone."""
    head = connection.execute(select(counters).where(counters.c.name == LOG)).one()
    position, at = head.value + 1, utc(now)
    who, what, subject = stored(who), stored(what), stored(subject)
    entry_hash = _entry_hash(head.hash, position, at, who, what, subject)
    connection.execute(
        insert(log).values(position=position, at=at, who=who, what=what, subject=subject, hash=entry_hash)
    )
    connection.execute(update(counters).where(counters.c.name == LOG).values(value=position, hash=entry_hash))


def _entry_hash(before: str, position: int, at: str, who: str, what: str, subject: str) -> str:
    return hashlib.sha256(as_json([before, position, at, who, what, subject]).encode()).hexdigest()
