"""The catalogue: what is not in any record (batches, scans, holds, the log), and the list of deposits for quick asking.

SQLAlchemy Core, on SQLite (write-ahead log, one writer beside any number of readers) or PostgreSQL. Times are stored as
ISO 8601 text in UTC, which sorts as it should on both.

The list of deposits is a projection of the archive: ``replace_deposits`` makes it anew. The log is only ever added to;
each entry carries the hash of the one before, so that an edit, a removal or a cut-off end shows.
"""

import hashlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from archive import decisions
from archive.schema import bring_up_to_date
from archive.sketches import marks_of_record
from schemas.documents import Field, FieldState, Sheet
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable, SettingsRejected
from schemas.language import _
from schemas.pages import Scan
from schemas.records import Deposit, Record
from schemas.stored import from_json, to_json
from schemas.work import Batch, Change, Decision, Hold, HoldHead, RejectedScan, ScanState

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another one; a write takes milliseconds."""
SERVER_BACK_S = 60.0
"""How long a run waits for a database server that went away; one that is started anew takes seconds."""
ROWS_AT_ONCE = 5_000
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

tables = MetaData()

counters = Table(
    "counters", tables,
    Column("name", String(20), primary_key=True),
    Column("value", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)  # fmt: skip
"""The last position of a record, and the last entry of the log with its hash. Updated first in every write: whoever
comes second waits there, on either database."""

batches = Table(
    "batches", tables,
    Column("id", String(32), primary_key=True),
    Column("operator", Text, nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("finished_at", String(32)),
)  # fmt: skip

scans = Table(
    "scans", tables,
    Column("sha256", String(64), primary_key=True),
    Column("path", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("batch", String(32), nullable=False),
    Column("standing", Text),  # what its cover sheets leave standing for the scan behind it
    Column("released", Boolean, nullable=False, default=False),  # a person saw no secrecy stamp on it
)  # fmt: skip

rejections = Table(
    "rejections", tables,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("batch", String(32), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", String(32), nullable=False),
)  # fmt: skip

holds = Table(
    "holds", tables,
    Column("id", String(64), primary_key=True),
    Column("batch", String(32), nullable=False),
    Column("scan_sha256", String(64), nullable=False, index=True),
    Column("scan_path", Text, nullable=False),
    Column("first_page", Integer, nullable=False),
    Column("unit", Text, nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("reasons", Text, nullable=False),
    Column("submission", Text, nullable=False),
    Column("pdf_path", Text, nullable=False),
    Column("original_path", Text, nullable=False),
    Column("decided_at", String(32), index=True),
    Column("decision", Text),
    Column("operator", Text),
)  # fmt: skip

hold_heads = Table(
    "hold_heads", tables,
    Column("hold", String(64), primary_key=True),
    Column("head", Text, nullable=False),
)  # fmt: skip
"""What a list shows of each hold that waits, beside it: a submission is a thousand times as long."""

records = Table(
    "records", tables,
    Column("id", Text, primary_key=True),
    Column("dossier", Text, nullable=False, index=True),
    Column("serial", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("unit", Text, nullable=False, index=True),
    Column("procedure", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("number", Text),
    Column("symbol", Text),
    Column("issued_on", Date, index=True),
    Column("issuer", Text),
    Column("deposited_at", String(32), nullable=False),
    Column("scan_sha256", String(64), nullable=False, index=True),
    Column("pdf_sha256", String(64), nullable=False),
    Column("object_path", Text, nullable=False, index=True),
    Column("inventory_sha512", String(128), nullable=False),
    Column("pdf_path", Text, nullable=False),
    Column("position", Integer, nullable=False, unique=True),
    Column("withdrawn_at", String(32)),
    Column("retention", String(2)),
    Column("retained_until", String(10)),
)  # fmt: skip
"""A record that was destroyed keeps its row, without a ``pdf_path``.
``position`` only ever grows, with every deposit and every new version: what an index has yet to take in."""

sketches = Table(
    "sketches", tables,
    Column("hash", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True, index=True),
    Column("scan_sha256", String(64), nullable=False),
)  # fmt: skip
"""By what papers that wait and records are found again; see ``archive/sketches.py``."""

log = Table(
    "log", tables,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)  # fmt: skip

audited = Table(
    "audited", tables,
    Column("root", Text, primary_key=True),
    Column("object_path", Text, primary_key=True),
    Column("at", String(32), nullable=False),
)  # fmt: skip
"""When each object was last hashed; ``root`` is empty for the archive, else the replica's."""

replicas = Table(
    "replicas", tables, Column("root", Text, primary_key=True), Column("position", Integer, nullable=False)
)
"""Up to which position of the records each replica has them."""

RECORDS, LOG = "records", "log"
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
class Catalogue:
    """The catalogue on one database. Any method may raise ServiceUnavailable, with what to do."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> "Catalogue":
        """The catalogue at *url* (``sqlite:///…`` or ``postgresql+psycopg://…``); its tables are made if missing.

        SettingsRejected for a URL that is none, or a catalogue that a newer version of this program has made.
        """
        engine = engine_of(url)
        catalogue = cls(engine)
        with explained(engine):
            bring_up_to_date(engine)
        return catalogue

    def close(self) -> None:
        """Let go of the database's connections."""
        self.engine.dispose()

    # Batches and scans

    def begin_batch(self, operator: str, now: datetime) -> Batch:
        """Open a batch in *operator*'s name."""
        batch = Batch(uuid.uuid4().hex[:12], operator, now)
        with self._writing() as connection:
            connection.execute(insert(batches).values(id=batch.id, operator=operator, started_at=_utc(now)))
        return batch

    def finish_batch(self, batch_id: str, now: datetime) -> None:
        """Close a batch."""
        with self._writing() as connection:
            connection.execute(update(batches).where(batches.c.id == batch_id).values(finished_at=_utc(now)))

    def batches(self) -> list[Batch]:
        """Every batch, the oldest first."""
        rows = self._rows(select(batches).order_by(batches.c.started_at, batches.c.id))
        return [
            Batch(row.id, row.operator, _time(row.started_at), _time(row.finished_at) if row.finished_at else None)
            for row in rows
        ]

    def take_scan(self, batch_id: str, scan: Scan) -> None:
        """Note that a scan is in work; one that was taken or rejected before is in work again."""
        values = {
            "path": _stored(str(scan.path)),
            "size_bytes": scan.size_bytes,
            "media_type": str(scan.media_type),
            "state": str(ScanState.TAKEN),
            "batch": batch_id,
        }
        with self._writing() as connection:
            _put(connection, scans, {"sha256": scan.sha256}, values)

    def scan_state(self, sha256: str) -> tuple[ScanState, str] | None:
        """The state of a scan and the batch that it is from; None for one never seen."""
        for row in self._rows(select(scans.c.state, scans.c.batch).where(scans.c.sha256 == sha256)):
            return ScanState(row.state), row.batch
        return None

    def scans(self, state: ScanState | None = None) -> list[tuple[str, str, ScanState]]:
        """SHA-256, path and state of every scan, or of those in *state*, by path."""
        query = select(scans).order_by(scans.c.path, scans.c.sha256)
        if state is not None:
            query = query.where(scans.c.state == str(state))
        return [(row.sha256, row.path, ScanState(row.state)) for row in self._rows(query)]

    def finish_scan(self, sha256: str, state: ScanState, standing: Sheet | None = None) -> None:
        """Note how a scan ended, and what its cover sheets leave *standing* for the scan behind it."""
        left = _json(to_json(standing)) if standing is not None else None
        with self._writing() as connection:
            connection.execute(update(scans).where(scans.c.sha256 == sha256).values(state=str(state), standing=left))

    def left_standing(self, sha256: str) -> Sheet | None:
        """What a scan's cover sheets left standing; None where the scan did not come to its end."""
        for row in self._rows(select(scans.c.standing).where(scans.c.sha256 == sha256)):
            return from_json(Sheet, json.loads(row.standing)) if row.standing else None
        return None

    def is_released(self, sha256: str) -> bool:
        """A person has decided that no secrecy stamp is on this scan."""
        return any(row.released for row in self._rows(select(scans.c.released).where(scans.c.sha256 == sha256)))

    def release_scan(self, sha256: str, who: str, reason: str, now: datetime) -> None:
        """Forget that a scan was stopped as secret, by a person's decision: the next run takes it as if new."""
        with self._writing() as connection:
            connection.execute(
                update(scans)
                .where(scans.c.sha256 == sha256, scans.c.state == str(ScanState.QUARANTINED))
                .values(state=str(ScanState.TAKEN), released=True)
            )
            _append(connection, who, f"release: {_stored(reason)}", sha256, now)

    def stop_again(self, sha256: str, who: str, now: datetime) -> bool:
        """Take the release of a scan back; False where it was read since."""
        with self._writing() as connection:
            stopped = connection.execute(
                update(scans)
                .where(scans.c.sha256 == sha256, scans.c.state == str(ScanState.TAKEN), scans.c.released)
                .values(state=str(ScanState.QUARANTINED), released=False)
            )
            if stopped.rowcount == 1:
                _append(connection, who, "release taken back", sha256, now)
            return stopped.rowcount == 1

    def reject_scan(self, batch_id: str, rejected: RejectedScan) -> None:
        """Keep a scan that cannot be taken on the list, with its reason."""
        with self._writing() as connection:
            connection.execute(
                insert(rejections).values(
                    batch=batch_id, path=_stored(rejected.path), sha256=rejected.sha256,
                    reason=_stored(rejected.reason), at=_utc(datetime.now(UTC)),
                )
            )  # fmt: skip
            if rejected.sha256:
                connection.execute(
                    update(scans).where(scans.c.sha256 == rejected.sha256).values(state=str(ScanState.REJECTED))
                )

    def rejected(self, batch_id: str | None = None) -> list[RejectedScan]:
        """The scans that could not be taken, of one batch or of all, in the order in which they came."""
        query = select(rejections).order_by(rejections.c.position)
        if batch_id is not None:
            query = query.where(rejections.c.batch == batch_id)
        return [RejectedScan(row.path, row.sha256, row.reason) for row in self._rows(query)]

    # Holds

    def open_hold(self, hold: Hold, marks: Sequence[int] = ()) -> None:
        """Let a document wait, to be found by *marks*. One that waits already is described anew; one that was decided
        on stays decided."""
        values = {
            "batch": hold.batch,
            "scan_sha256": hold.scan_sha256,
            "scan_path": _stored(hold.scan_path),
            "first_page": hold.first_page,
            "unit": _stored(hold.unit),
            "opened_at": _utc(hold.opened_at),
            "reasons": _json(list(hold.reasons)),
            "submission": _json(hold.submission),
            "pdf_path": hold.pdf_path,
            "original_path": hold.original_path,
        }
        with self._writing() as connection:
            known = connection.execute(select(holds.c.decided_at).where(holds.c.id == hold.id)).first()
            if known is None or known.decided_at is None:
                _put(connection, holds, {"id": hold.id}, values)
                _put_marks(connection, hold.id, hold.scan_sha256, marks)
                _put_head(connection, hold.id, hold.submission)

    def keep_decided(self, hold: Hold) -> None:
        """Take in a hold that was decided on, as its record tells it; one that is known stays as it is."""
        assert hold.decided_at is not None
        with self._writing() as connection:
            if connection.execute(select(holds.c.id).where(holds.c.id == hold.id)).first() is not None:
                return
            connection.execute(
                insert(holds).values(
                    id=hold.id, batch=hold.batch, scan_sha256=hold.scan_sha256, scan_path=_stored(hold.scan_path),
                    first_page=hold.first_page, unit=_stored(hold.unit), opened_at=_utc(hold.opened_at), reasons="[]",
                    submission="{}", pdf_path="", original_path="", decided_at=_utc(hold.decided_at),
                    decision=hold.decision, operator=_stored(hold.operator or ""),
                )
            )  # fmt: skip

    def holds(self, unit: str | None = None) -> list[Hold]:
        """What waits for a decision, the oldest first."""
        query = select(holds).where(holds.c.decided_at.is_(None))
        if unit is not None:
            query = query.where(holds.c.unit == unit)
        return [
            _hold(row) for row in self._rows(query.order_by(holds.c.opened_at, holds.c.scan_path, holds.c.first_page))
        ]

    def hold(self, prefix: str) -> Hold:
        """The hold with this id, or the only one whose id begins so. InputRejected for none, or several."""
        query = select(holds).where(holds.c.id.startswith(prefix, autoescape=True)).limit(3)
        found = [_hold(row) for row in self._rows(query)]
        for hold in found:
            if hold.id == prefix:
                return hold
        if len(found) == 1 and prefix:
            return found[0]
        raise InputRejected(
            _("more than one waits under {id}; give more of it").format(id=prefix)
            if found
            else _("nothing waits under {id}; see `sohoa review list`").format(id=prefix)
        )

    def is_hold(self, prefix: str) -> bool:
        """An id of a hold begins so."""
        query = select(holds.c.id).where(holds.c.id.startswith(prefix, autoescape=True)).limit(1)
        return bool(self._rows(query))

    def find_hold(self, id: str) -> Hold | None:
        """The hold with exactly this id, decided on or not; None where there never was one."""
        for row in self._rows(select(holds).where(holds.c.id == id)):
            return _hold(row)
        return None

    def waiting(self, *, unit: str | None = None, batch: str | None = None) -> list[HoldHead]:
        """What a list shows of all that waits, the oldest first; quick, as no submission is read."""
        query = (
            select(holds.c.id, holds.c.batch, holds.c.scan_path, holds.c.first_page, holds.c.unit, holds.c.opened_at,
                   holds.c.reasons, hold_heads.c.head)
            .outerjoin(hold_heads, hold_heads.c.hold == holds.c.id)
            .where(holds.c.decided_at.is_(None))
            .order_by(holds.c.opened_at, holds.c.scan_path, holds.c.first_page)
        )  # fmt: skip
        if unit is not None:
            query = query.where(holds.c.unit == unit)
        if batch is not None:
            query = query.where(holds.c.batch == batch)
        return [self._head(row) for row in self._rows(query)]

    def count_waiting(self) -> int:
        """How many documents wait for a person."""
        [row] = self._rows(select(func.count().label("count")).select_from(holds).where(holds.c.decided_at.is_(None)))
        return int(row.count)

    def oldest_waiting(self) -> datetime | None:
        """Since when the document that has waited longest for a person does; None where none waits."""
        [row] = self._rows(select(func.min(holds.c.opened_at).label("oldest")).where(holds.c.decided_at.is_(None)))
        return _time(row.oldest) if row.oldest else None

    def _head(self, row: Any) -> HoldHead:
        head = json.loads(row.head) if row.head else None
        if head is None:  # held by a release that kept none
            [whole] = self._rows(select(holds.c.submission).where(holds.c.id == row.id))
            head = _head_of(json.loads(whole.submission))
        fields = {
            name: Field(value, FieldState(state), confidence, tuple(candidates))
            for name, (value, state, confidence, candidates) in head["fields"].items()
        }
        return HoldHead(
            row.id, row.batch, row.scan_path, tuple(head["pages"]) or (row.first_page,), row.unit, _time(row.opened_at),
            tuple(json.loads(row.reasons)), fields,
        )  # fmt: skip

    def update_hold(self, id: str, reasons: Sequence[str], submission: dict[str, Any], change: Change) -> None:
        """Keep what a person set while the document still waits."""
        with self._writing() as connection:
            connection.execute(
                update(holds).where(holds.c.id == id, holds.c.decided_at.is_(None))
                .values(reasons=_json(list(reasons)), submission=_json(submission))
            )  # fmt: skip
            _put_head(connection, id, submission)
            _keep(connection, change)

    def decide(self, id: str, decision: str, change: Change, submission_json: dict[str, Any] | None = None) -> None:
        """Close a hold with a person's decision. InputRejected when it was decided on before."""
        with self._writing() as connection:
            if not _closed(connection, id, decision, change, submission_json):
                raise InputRejected(_("{id}: does not wait any more; see `sohoa review list`").format(id=id))
            _keep(connection, change)

    def decide_together(self, closed: Sequence[tuple[str, str]], change: Change) -> None:
        """Keep a decision about several holds, and close those of them that are named, with the word for each."""
        with self._writing() as connection:
            for id, decision in closed:
                _closed(connection, id, decision, change, None)
            _keep(connection, change)

    def reopen_hold(self, id: str, who: str, now: datetime) -> None:
        """Let a document wait again that a person's decision had put together with another."""
        with self._writing() as connection:
            connection.execute(
                update(holds).where(holds.c.id == id).values(decided_at=None, decision=None, operator=None)
            )
            _append(connection, who, "review reopen", id, now)

    def last_decision(self, id: str) -> Decision | None:
        """The last decision about a hold that has not been taken back; None where there is none."""
        with explained(self.engine), self.engine.connect() as connection:
            return decisions.last(connection, id)

    def take_back(self, taken: Decision, waiting: Sequence[Hold], change: Change) -> None:
        """Undo a decision: *waiting* wait again as they are described here, what it had cut off does not wait any more.

        The log has it as a decision of its own.
        """
        with self._writing() as connection:
            for hold in waiting:
                _put(connection, holds, {"id": hold.id}, {
                    "reasons": _json(list(hold.reasons)), "submission": _json(hold.submission),
                    "pdf_path": hold.pdf_path, "original_path": hold.original_path,
                    "decided_at": None, "decision": None, "operator": None,
                })  # fmt: skip
                _put_head(connection, hold.id, hold.submission)
            again = {hold.id for hold in waiting}
            for standing in taken.change.after:
                if standing.hold not in again:
                    _closed(connection, standing.hold, "undone", change, None)
            decisions.mark_undone(connection, taken.position, _utc(change.at))
            ids = ", ".join(dict.fromkeys(standing.hold for standing in (*change.before, *change.after)))
            _append(connection, change.who, f"review {decisions.told(change)}", ids, change.at)

    # Deposits

    def note_deposit(self, deposit: Deposit, *, who: str, what: str = "deposit") -> None:
        """Take a deposit, or *what* else was done to it, into list and log; one that stands so changes nothing."""
        record = deposit.record
        same = (
            records.c.version == record.version,
            records.c.pdf_sha256 == record.pdf_sha256,
            records.c.deposited_at == _utc(record.deposited_at),
        )
        with self._writing() as connection:
            if connection.execute(select(records.c.id).where(records.c.id == record.id, *same)).first():
                return
            _put(connection, records, {"id": record.id}, _row(deposit, _next_position(connection)))
            _put_marks(connection, record.id, record.scan_sha256, marks_of_record(record))
            _append(connection, who, what, f"{record.id} v{record.version} {record.pdf_sha256}", datetime.now(UTC))

    def note_destruction(self, record_id: str, left: Iterable[Deposit], *, who: str, what: str, now: datetime) -> None:
        """Note that a record was destroyed: an index drops it, and reports count it until that day.

        *left* are the other records of its object, whose inventories are new.
        """
        with self._writing() as connection:
            connection.execute(
                update(records).where(records.c.id == record_id).values(
                    pdf_path="", inventory_sha512="", withdrawn_at=func.coalesce(records.c.withdrawn_at, _utc(now)),
                    position=_next_position(connection),
                )
            )  # fmt: skip
            connection.execute(delete(sketches).where(sketches.c.subject == record_id))
            for deposit in left:
                connection.execute(
                    update(records).where(records.c.id == deposit.record.id)
                    .values(inventory_sha512=deposit.inventory_sha512)
                )  # fmt: skip
            _append(connection, who, what, record_id, now)

    def records_of_batch(self, batch: str) -> list[str]:
        """The ids of the records that stand of the scans of a batch."""
        query = (
            select(records.c.id)
            .join(scans, scans.c.sha256 == records.c.scan_sha256)
            .where(scans.c.batch == batch, records.c.withdrawn_at.is_(None))
            .order_by(records.c.id)
        )
        return [row.id for row in self._rows(query)]

    def records_of_dossier(self, dossier: str) -> list[str]:
        """The ids of the records that stand of a dossier."""
        query = select(records.c.id).where(records.c.dossier == dossier, records.c.withdrawn_at.is_(None))
        return [row.id for row in self._rows(query.order_by(records.c.serial))]

    def retentions(self, until: date | None = None) -> list[Any]:
        """The rows of the records that stand or are withdrawn and have a term, those that ended by *until* alone."""
        query = select(records).where(records.c.pdf_path != "", records.c.retention.is_not(None))
        if until is not None:
            query = query.where(records.c.retained_until <= until.isoformat())
        return list(self._rows(query.order_by(records.c.retained_until, records.c.id)))

    def replace_deposits(self, deposits: Iterable[Deposit], *, who: str) -> int:
        """Make the list of deposits anew from what the archive holds, all or nothing; returns how many there are.

        Positions go on from where they were, so that an index sees every record as new.
        """
        # Without their text, which is most of a record: all rows are in memory while they are put in order.
        rows, marks = [], {}
        for deposit in deposits:
            rows.append({"id": deposit.record.id} | _row(deposit, 0))
            marks[deposit.record.id] = (deposit.record.scan_sha256, marks_of_record(deposit.record))
        rows.sort(key=lambda row: (row["deposited_at"], row["id"]))
        with self._writing() as connection:
            connection.execute(delete(sketches).where(sketches.c.subject.in_(select(records.c.id))))
            connection.execute(delete(records))
            for subject, (sha256, found_by) in marks.items():
                _put_marks(connection, subject, sha256, found_by)
            for row in rows:
                connection.execute(insert(records).values(row | {"position": _next_position(connection)}))
            _append(connection, who, "rebuild", f"{len(rows)} records", datetime.now(UTC))
        return len(rows)

    def duplicates(
        self, number: str, symbol: str, issuer: str | None, issued_on: str, *, other_than_scan: str
    ) -> list[str]:
        """The records with the same number, symbol, agency and date that come from another scan.

        NĐ 30/2020, Phụ lục VI. An agency that is not known on one of the two sides counts as the same.
        """
        try:
            day = date.fromisoformat(issued_on)
        except ValueError:
            return []
        query = (
            select(records.c.id, records.c.issuer)
            .where(records.c.number == number, records.c.symbol == symbol, records.c.issued_on == day)
            .where(records.c.scan_sha256 != other_than_scan, records.c.withdrawn_at.is_(None))
            .order_by(records.c.id)
        )
        return [
            row.id for row in self._rows(query)
            if not issuer or not row.issuer or " ".join(row.issuer.lower().split()) == " ".join(issuer.lower().split())
        ]  # fmt: skip

    def sharing(self, marks: Sequence[int], *, other_than_scan: str) -> list[tuple[str, int]]:
        """The records in the list and the documents that wait which share some of *marks*, and how many; most first.
        Those of the same scan, and what a person has decided on without a record, are left out."""
        if not marks:
            return []
        shared = func.count().label("shared")
        live = or_(
            sketches.c.subject.in_(select(records.c.id).where(records.c.withdrawn_at.is_(None))),
            sketches.c.subject.in_(select(holds.c.id).where(holds.c.decided_at.is_(None))),
        )
        query = (
            select(sketches.c.subject, shared)
            .where(sketches.c.hash.in_(marks), sketches.c.scan_sha256 != other_than_scan, live)
            .group_by(sketches.c.subject)
            .order_by(shared.desc(), sketches.c.subject)
        )
        return [(row.subject, row.shared) for row in self._rows(query)]

    def deposited_after(self, position: int, limit: int) -> list[tuple[int, str]]:
        """Position and id of the records deposited or changed after *position*, in that order, *limit* at most."""
        query = (
            select(records.c.position, records.c.id)
            .where(records.c.position > position)
            .order_by(records.c.position)
            .limit(limit)
        )
        return [(row.position, row.id) for row in self._rows(query)]

    def objects_after(self, position: int, limit: int) -> list[tuple[int, str]]:
        """As ``deposited_after``, with the object's folder instead of the record's id."""
        query = (
            select(records.c.position, records.c.object_path)
            .where(records.c.position > position)
            .order_by(records.c.position)
            .limit(limit)
        )
        return [(row.position, row.object_path) for row in self._rows(query)]

    def replica_position(self, root: str) -> int:
        """Up to which position the replica at *root* has the records; 0 for one that never had any."""
        return next((row.position for row in self._rows(select(replicas).where(replicas.c.root == root))), 0)

    def note_replica(self, root: str, position: int) -> None:
        """Note up to which position the replica at *root* has the records."""
        with self._writing() as connection:
            _put(connection, replicas, {"root": root}, {"position": position})

    def audits(self, root: str = "") -> dict[str, datetime]:
        """When each object was last hashed, in the archive or in the replica at *root*."""
        rows = self._rows(select(audited).where(audited.c.root == root))
        return {row.object_path: _time(row.at) for row in rows}

    def note_audits(self, object_paths: Sequence[str], now: datetime, root: str = "") -> None:
        """Note that these objects were hashed."""
        with self._writing() as connection:
            for path in object_paths:
                _put(connection, audited, {"root": root, "object_path": path}, {"at": _utc(now)})

    def last_position(self) -> int:
        """The highest position in the list of deposits, 0 when it is empty."""
        [row] = self._rows(select(func.max(records.c.position).label("last")))
        return row.last or 0

    def deposits(self) -> Iterator[Any]:
        """The rows of the list of deposits, in the order of their positions."""
        return self._stream(select(records).order_by(records.c.position))

    def deposits_in(self, object_path: str) -> Sequence[Any]:
        """The rows of one object's records."""
        return self._rows(select(records).where(records.c.object_path == object_path).order_by(records.c.id))

    # The log

    def note_access(self, who: str, what: str, subject: str) -> None:
        """Log that someone looked at or took out *subject* (NĐ 30/2020, Phụ lục VI: every access is logged)."""
        with self._writing() as connection:
            _append(connection, who, what, subject, datetime.now(UTC))

    def log(self) -> Iterator[LogEntry]:
        """The log, the oldest entry first."""
        for row in self._stream(select(log).order_by(log.c.position)):
            yield LogEntry(row.position, row.at, row.who, row.what, row.subject, row.hash)

    def log_head(self) -> tuple[int, str]:
        """Position and hash of the log's last entry; (0, …) for an empty log."""
        [head] = self._rows(select(counters).where(counters.c.name == LOG))
        return head.value, head.hash

    def log_hash(self, position: int) -> str | None:
        """The hash of the entry at *position*; None where there is none."""
        return next((row.hash for row in self._rows(select(log.c.hash).where(log.c.position == position))), None)

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
        [head] = self._rows(select(counters).where(counters.c.name == LOG))
        if position < head.value:
            faults.append(_("log: entries {first} to {last} are missing").format(first=position + 1, last=head.value))
        elif (position, before) != (head.value, head.hash):
            faults.append(_("log: its end is not the one that was written last"))
        return faults

    def _rows(self, query: Any) -> Sequence[Any]:
        with explained(self.engine), self.engine.connect() as connection:
            return connection.execute(query).all()

    def _stream(self, query: Any) -> Iterator[Any]:
        with explained(self.engine), self.engine.connect() as connection:
            yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(self.engine), self.engine.begin() as connection:
            # The first statement takes the database's write lock: a reading transaction that turns into a writing one
            # beside another writer is refused by SQLite without waiting.
            connection.execute(update(counters).where(counters.c.name == LOG).values(value=counters.c.value))
            yield connection


def engine_of(url: str) -> Engine:
    """The engine for *url*, set up as a catalogue needs it. SettingsRejected for a URL that is none."""
    try:
        return _engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise SettingsRejected(_("setting catalogue.url: {error}").format(error=error)) from error


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _waiting_for_its_server(create_engine(parsed, pool_pre_ping=True))
    if parsed.database and parsed.database != ":memory:":
        _made_for_its_owner(Path(parsed.database))
    waits = {} if "timeout" in parsed.query else {"timeout": BUSY_TIMEOUT_S}
    engine = create_engine(parsed, connect_args=waits)

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=FULL")  # a decision that was shown as taken survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


def _waiting_for_its_server(engine: Engine) -> Engine:
    """*engine*, which waits when its server has gone since the first connection: one that is started anew is back in
    seconds, and a batch goes on. What was in the middle of a transaction is not repeated here."""
    had = False

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, _record: object, arguments: Any, options: Any) -> Any:
        nonlocal had
        deadline = time.monotonic() + (SERVER_BACK_S if had else 0)
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.5)
            else:
                had = True
                return connection

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. Another run that does so at the same moment is waited for here, as SQLite's own
    waiting does not cover the switch (seen: 3 of 8 tests with four runs on a new file)."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _made_for_its_owner(file: Path) -> None:
    try:
        os.close(os.open(file, os.O_CREAT | os.O_RDONLY, 0o600))
    except OSError as error:
        raise ServiceUnavailable(
            _("catalogue {url}: {error}; mend its owner and permissions").format(url=file, error=error.strerror)
        ) from error


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """The database's errors in the words of this program."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # the low byte: extended codes refine it
        if code in DAMAGED:
            raise IntegrityBroken(
                _("catalogue {url}: not a database, or damaged ({error}); move it away and run `sohoa rebuild`").format(
                    url=_shown(engine), error=error.orig
                )
            ) from error
        remedy = {
            sqlite3.SQLITE_BUSY: _("another program keeps it locked; try again when that is done"),
            sqlite3.SQLITE_LOCKED: _("another program keeps it locked; try again when that is done"),
            sqlite3.SQLITE_FULL: _("make room on the disk, then run the same command again"),
            sqlite3.SQLITE_READONLY: _("mend its owner and permissions"),
            sqlite3.SQLITE_CANTOPEN: _("mend its owner and permissions"),
        }.get(code, _("run the same command again when it is back"))
        raise ServiceUnavailable(
            _("catalogue {url}: {error}; {remedy}").format(url=_shown(engine), error=error.orig, remedy=remedy)
        ) from error
    except SQLAlchemyError as error:
        raise ServiceUnavailable(
            _("catalogue {url}: {error}; {remedy}").format(
                url=_shown(engine), error=error, remedy=_("run the same command again when it is back")
            )
        ) from error


def _shown(engine: Engine) -> str:
    """Which database, without its password."""
    return engine.url.database or "" if engine.dialect.name == "sqlite" else engine.url.render_as_string()


def _put(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Insert or update the row under *key*; the caller is the only writer."""
    where = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*where).values(values)).rowcount == 0:
        connection.execute(insert(table).values(key | values))


def _put_marks(connection: Connection, subject: str, sha256: str, marks: Sequence[int]) -> None:
    connection.execute(delete(sketches).where(sketches.c.subject == subject))
    if marks:
        rows = [{"hash": mark, "subject": subject, "scan_sha256": sha256} for mark in marks]
        connection.execute(insert(sketches), rows)


def _put_head(connection: Connection, id: str, submission: dict[str, Any]) -> None:
    _put(connection, hold_heads, {"hold": id}, {"head": _json(_head_of(submission))})


def _head_of(submission: dict[str, Any]) -> dict[str, Any]:
    document = submission.get("document", {})
    parts = ("value", "state", "confidence", "candidates")
    fields = {name: [field[part] for part in parts] for name, field in document.get("metadata", {}).items()}
    return {"pages": [page["number"] for page in document.get("pages", ())], "fields": fields}


def _closed(
    connection: Connection, id: str, decision: str, change: Change, submission_json: dict[str, Any] | None
) -> bool:
    """Close a hold that is open; False where it is not."""
    values: dict[str, Any] = {
        "decided_at": _utc(change.at), "decision": _stored(decision), "operator": _stored(change.who),
    }  # fmt: skip
    if submission_json is not None:
        values["submission"] = _json(submission_json)
    closed = connection.execute(update(holds).where(holds.c.id == id, holds.c.decided_at.is_(None)).values(values))
    connection.execute(delete(hold_heads).where(hold_heads.c.hold == id))
    return closed.rowcount == 1


def _keep(connection: Connection, change: Change) -> None:
    """Keep a decision so that it can be taken back, and log it with what was before and after."""
    decisions.keep(connection, change, _utc(change.at))
    ids = ", ".join(dict.fromkeys(standing.hold for standing in (*change.before, *change.after)))
    _append(connection, change.who, f"review {decisions.told(change)}", ids, change.at)


def _row(deposit: Deposit, position: int) -> dict[str, Any]:
    record: Record = deposit.record
    return {
        "dossier": _stored(record.dossier),
        "serial": record.serial,
        "version": record.version,
        "unit": _stored(record.unit),
        "procedure": _stored(record.procedure),
        "kind": str(record.kind),
        "number": _stored(record.number) if record.number else None,
        "symbol": _stored(record.symbol) if record.symbol else None,
        "issued_on": record.issued_on,
        "issuer": _stored(record.issuer) if record.issuer else None,
        "deposited_at": _utc(record.deposited_at),
        "scan_sha256": record.scan_sha256,
        "pdf_sha256": record.pdf_sha256,
        "object_path": deposit.object_path,
        "inventory_sha512": deposit.inventory_sha512,
        "pdf_path": deposit.pdf_path,
        "withdrawn_at": _utc(record.withdrawn.at) if record.withdrawn else None,
        "retention": record.retention.code if record.retention else None,
        "retained_until": record.retention.until.isoformat() if record.retention and record.retention.until else None,
        "position": position,
    }


def _next_position(connection: Connection) -> int:
    connection.execute(update(counters).where(counters.c.name == RECORDS).values(value=counters.c.value + 1))
    return int(connection.execute(select(counters.c.value).where(counters.c.name == RECORDS)).scalar_one())


def _append(connection: Connection, who: str, what: str, subject: str, now: datetime) -> None:
    head = connection.execute(select(counters).where(counters.c.name == LOG)).one()
    position, at = head.value + 1, _utc(now)
    who, what, subject = _stored(who), _stored(what), _stored(subject)
    entry_hash = _entry_hash(head.hash, position, at, who, what, subject)
    connection.execute(
        insert(log).values(position=position, at=at, who=who, what=what, subject=subject, hash=entry_hash)
    )
    connection.execute(update(counters).where(counters.c.name == LOG).values(value=position, hash=entry_hash))


def _entry_hash(before: str, position: int, at: str, who: str, what: str, subject: str) -> str:
    return hashlib.sha256(_json([before, position, at, who, what, subject]).encode()).hexdigest()


def _hold(row: Any) -> Hold:
    return Hold(
        id=row.id, batch=row.batch, scan_sha256=row.scan_sha256, scan_path=row.scan_path, first_page=row.first_page,
        unit=row.unit, opened_at=_time(row.opened_at), reasons=tuple(json.loads(row.reasons)),
        submission=json.loads(row.submission), pdf_path=row.pdf_path, original_path=row.original_path,
        decided_at=_time(row.decided_at) if row.decided_at else None, decision=row.decision, operator=row.operator,
    )  # fmt: skip


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def _time(stored: str) -> datetime:
    return datetime.fromisoformat(stored)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _stored(text: str) -> str:
    """*text* as any database takes it: bytes of a file's name that are no text, and zero characters, are spelt out."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
