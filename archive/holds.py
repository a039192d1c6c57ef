"""Holds: documents that wait for a person, and what was decided about them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pydantic_core
from sqlalchemy import Connection, delete, func, insert, select, update

from archive import decisions
from archive.database import Database, as_json, as_time, explained, put, repeatable, stored, utc
from archive.log import append
from archive.sketches import put_marks
from archive.tables import hold_heads, holds
from schemas.documents import Field, FieldState
from schemas.errors import InputRejected
from schemas.language import _
from schemas.work import Change, Decision, Hold, HoldHead

_HEADS = select(
    holds.c.id, holds.c.batch, holds.c.scan_path, holds.c.first_page, holds.c.unit, holds.c.opened_at, holds.c.reasons,
    hold_heads.c.head,
).outerjoin(hold_heads, hold_heads.c.hold == holds.c.id)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Holds(Database):
    """What waits for a decision in the catalogue, and what was decided."""

    @repeatable
    def open_hold(self, hold: Hold, marks: Sequence[int] = ()) -> None:
        """Let a document wait, to be found by *marks*. One that waits already is described anew, waiting since it
        first did; one that was decided on stays decided."""
        values = {
            "batch": hold.batch,
            "scan_sha256": hold.scan_sha256,
            "scan_path": stored(hold.scan_path),
            "first_page": hold.first_page,
            "unit": stored(hold.unit),
            "opened_at": utc(hold.opened_at),
            "reasons": as_json(list(hold.reasons)),
            "submission": _written(hold.submission),
            "pdf_path": hold.pdf_path,
            "original_path": hold.original_path,
        }
        with self.writing() as connection:
            known = connection.execute(
                select(holds.c.decided_at, holds.c.opened_at).where(holds.c.id == hold.id)
            ).first()
            if known is None or known.decided_at is None:
                values |= {"opened_at": known.opened_at} if known is not None else {}
                put(connection, holds, {"id": hold.id}, values)
                put_marks(connection, hold.id, hold.scan_sha256, marks)
                _put_head(connection, hold.id, hold.submission)

    def keep_decided(self, hold: Hold) -> None:
        """Take in a hold that was decided on, as its record tells it; one that is known stays as it is."""
        assert hold.decided_at is not None
        with self.writing() as connection:
            if connection.execute(select(holds.c.id).where(holds.c.id == hold.id)).first() is not None:
                return
            connection.execute(
                insert(holds).values(
                    id=hold.id, batch=hold.batch, scan_sha256=hold.scan_sha256, scan_path=stored(hold.scan_path),
                    first_page=hold.first_page, unit=stored(hold.unit), opened_at=utc(hold.opened_at), reasons="[]",
                    submission="{}", pdf_path="", original_path="", decided_at=utc(hold.decided_at),
                    decision=hold.decision, operator=stored(hold.operator or ""),
                )
            )  # fmt: skip

    def holds(self, unit: str | None = None) -> list[Hold]:
        """What waits for a decision, the oldest first."""
        query = select(holds).where(holds.c.decided_at.is_(None))
        if unit is not None:
            query = query.where(holds.c.unit == unit)
        return [
            _hold(row) for row in self.rows(query.order_by(holds.c.opened_at, holds.c.scan_path, holds.c.first_page))
        ]

    def hold(self, prefix: str) -> Hold:
        """The hold with this id, or the only one whose id begins so. InputRejected for none, or several."""
        query = select(holds).where(holds.c.id.startswith(prefix, autoescape=True)).limit(3)
        found = [_hold(row) for row in self.rows(query)]
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
        return bool(self.rows(query))

    def find_hold(self, id: str) -> Hold | None:
        """The hold with exactly this id, decided on or not; None where there never was one."""
        for row in self.rows(select(holds).where(holds.c.id == id)):
            return _hold(row)
        return None

    def find_head(self, id: str) -> HoldHead | None:
        """What a list shows of the hold with exactly this id, decided on or not; None where there never was one. Quick
        while it waits, as no submission is read."""
        for row in self.rows(_HEADS.where(holds.c.id == id)):
            return self._head(row)
        return None

    def waiting(self, *, unit: str | None = None, batch: str | None = None, scan: str | None = None) -> list[HoldHead]:
        """What a list shows of all that waits, or of this unit, batch or scan (a SHA-256), the oldest first; quick, as
        no submission is read."""
        query = _HEADS.where(holds.c.decided_at.is_(None)).order_by(
            holds.c.opened_at, holds.c.scan_path, holds.c.first_page
        )
        if unit is not None:
            query = query.where(holds.c.unit == unit)
        if batch is not None:
            query = query.where(holds.c.batch == batch)
        if scan is not None:
            query = query.where(holds.c.scan_sha256 == scan)
        return [self._head(row) for row in self.rows(query)]

    def count_waiting(self) -> int:
        """How many documents wait for a person."""
        [row] = self.rows(select(func.count().label("count")).select_from(holds).where(holds.c.decided_at.is_(None)))
        return int(row.count)

    def oldest_waiting(self) -> datetime | None:
        """Since when the document that has waited longest for a person does; None where none waits."""
        [row] = self.rows(select(func.min(holds.c.opened_at).label("oldest")).where(holds.c.decided_at.is_(None)))
        return as_time(row.oldest) if row.oldest else None

    def _head(self, row: Any) -> HoldHead:
        head = json.loads(row.head) if row.head else None
        if head is None:  # held by a release that kept none
            [whole] = self.rows(select(holds.c.submission).where(holds.c.id == row.id))
            head = _head_of(json.loads(whole.submission))
        fields = {
            name: Field(value, FieldState(state), confidence, tuple(candidates))
            for name, (value, state, confidence, candidates) in head["fields"].items()
        }
        return HoldHead(
            row.id, row.batch, row.scan_path, tuple(head["pages"]) or (row.first_page,), row.unit,
            as_time(row.opened_at), tuple(json.loads(row.reasons)), fields, head.get("procedure", ""),
        )  # fmt: skip

    def update_hold(self, id: str, reasons: Sequence[str], submission: dict[str, Any], change: Change) -> None:
        """Keep what a person set while the document still waits."""
        with self.writing() as connection:
            connection.execute(
                update(holds).where(holds.c.id == id, holds.c.decided_at.is_(None))
                .values(reasons=as_json(list(reasons)), submission=_written(submission))
            )  # fmt: skip
            _put_head(connection, id, submission)
            _keep(connection, change)

    def decide(self, id: str, decision: str, change: Change, submission_json: dict[str, Any] | None = None) -> None:
        """Close a hold with a person's decision. InputRejected when it was decided on before."""
        with self.writing() as connection:
            if not _closed(connection, id, decision, change, submission_json):
                raise InputRejected(_("{id}: does not wait any more; see `sohoa review list`").format(id=id))
            _keep(connection, change)

    def decide_together(self, closed: Sequence[tuple[str, str]], change: Change) -> None:
        """Keep a decision about several holds, and close those of them that are named, with the word for each."""
        with self.writing() as connection:
            for id, decision in closed:
                _closed(connection, id, decision, change, None)
            _keep(connection, change)

    def reopen_hold(self, id: str, who: str, now: datetime) -> None:
        """Let a document wait again that a person's decision had put together with another."""
        with self.writing() as connection:
            connection.execute(
                update(holds).where(holds.c.id == id).values(decided_at=None, decision=None, operator=None)
            )
            append(connection, who, "review reopen", id, now)

    def last_decision(self, id: str) -> Decision | None:
        """The last decision about a hold that has not been taken back; None where there is none."""
        with explained(self.engine), self.engine.connect() as connection:
            return decisions.last(connection, id)

    def take_back(self, taken: Decision, waiting: Sequence[Hold], change: Change) -> None:
        """Undo a decision: *waiting* wait again as they are described here, what it had cut off does not wait any more.

        The log has it as a decision of its own.
        """
        with self.writing() as connection:
            for hold in waiting:
                put(connection, holds, {"id": hold.id}, {
                    "reasons": as_json(list(hold.reasons)), "submission": _written(hold.submission),
                    "pdf_path": hold.pdf_path, "original_path": hold.original_path,
                    "decided_at": None, "decision": None, "operator": None,
                })  # fmt: skip
                _put_head(connection, hold.id, hold.submission)
            again = {hold.id for hold in waiting}
            for standing in taken.change.after:
                if standing.hold not in again:
                    _closed(connection, standing.hold, "undone", change, None)
            decisions.mark_undone(connection, taken.position, utc(change.at))
            ids = ", ".join(dict.fromkeys(standing.hold for standing in (*change.before, *change.after)))
            append(connection, change.who, f"review {decisions.told(change)}", ids, change.at)


def _written(submission: dict[str, Any]) -> str:
    """*submission* as it is stored; nothing is hashed over it, and pydantic takes a fifth of the library's time."""
    try:
        return pydantic_core.to_json(submission).decode()
    except ValueError:  # bytes of a file's name that are no text
        return as_json(submission)


def _put_head(connection: Connection, id: str, submission: dict[str, Any]) -> None:
    put(connection, hold_heads, {"hold": id}, {"head": as_json(_head_of(submission))})


def _head_of(submission: dict[str, Any]) -> dict[str, Any]:
    document = submission.get("document", {})
    parts = ("value", "state", "confidence", "candidates")
    fields = {name: [field[part] for part in parts] for name, field in document.get("metadata", {}).items()}
    pages = [page["number"] for page in document.get("pages", ())]
    return {"pages": pages, "fields": fields, "procedure": submission.get("procedure", "")}


def _closed(
    connection: Connection, id: str, decision: str, change: Change, submission_json: dict[str, Any] | None
) -> bool:
    """Close a hold that is open; False where it is not."""
    values: dict[str, Any] = {
        "decided_at": utc(change.at), "decision": stored(decision), "operator": stored(change.who),
    }  # fmt: skip
    if submission_json is not None:
        values["submission"] = _written(submission_json)
    closed = connection.execute(update(holds).where(holds.c.id == id, holds.c.decided_at.is_(None)).values(values))
    connection.execute(delete(hold_heads).where(hold_heads.c.hold == id))
    return closed.rowcount == 1


def _keep(connection: Connection, change: Change) -> None:
    """Keep a decision so that it can be taken back, and log it with what was before and after."""
    decisions.keep(connection, change, utc(change.at))
    ids = ", ".join(dict.fromkeys(standing.hold for standing in (*change.before, *change.after)))
    append(connection, change.who, f"review {decisions.told(change)}", ids, change.at)


def _hold(row: Any) -> Hold:
    return Hold(
        id=row.id, batch=row.batch, scan_sha256=row.scan_sha256, scan_path=row.scan_path, first_page=row.first_page,
        unit=row.unit, opened_at=as_time(row.opened_at), reasons=tuple(json.loads(row.reasons)),
        submission=json.loads(row.submission), pdf_path=row.pdf_path, original_path=row.original_path,
        decided_at=as_time(row.decided_at) if row.decided_at else None, decision=row.decision, operator=row.operator,
    )  # fmt: skip
