"""Batches and scans: what was taken in, how each scan ended, and which could not be taken."""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, insert, or_, select, update

from archive.database import Database, as_json, as_time, put, repeatable, stored, utc
from archive.log import append
from archive.tables import batches, rejections, scans
from schemas.documents import Sheet
from schemas.pages import Scan
from schemas.stored import from_json, to_json
from schemas.work import Batch, RejectedScan, ScanState


@dataclass(frozen=True, slots=True)
class Scans(Database):
    """The catalogue's batches and scans."""

    @repeatable
    def begin_batch(self, operator: str, now: datetime) -> Batch:
        """Open a batch in *operator*'s name."""
        batch = Batch(uuid.uuid4().hex[:12], operator, now)
        with self.writing() as connection:
            connection.execute(insert(batches).values(id=batch.id, operator=operator, started_at=utc(now)))
        return batch

    @repeatable
    def finish_batch(self, batch_id: str, now: datetime) -> None:
        """Close a batch."""
        with self.writing() as connection:
            connection.execute(update(batches).where(batches.c.id == batch_id).values(finished_at=utc(now)))

    def batches(self) -> list[Batch]:
        """Every batch, the oldest first."""
        rows = self.rows(select(batches).order_by(batches.c.started_at, batches.c.id))
        return [
            Batch(row.id, row.operator, as_time(row.started_at), as_time(row.finished_at) if row.finished_at else None)
            for row in rows
        ]

    @repeatable
    def take_scan(self, batch_id: str, scan: Scan) -> None:
        """Note that a scan is in work; one that was taken or rejected before is in work again."""
        values = {
            "path": stored(str(scan.path)),
            "size_bytes": scan.size_bytes,
            "media_type": str(scan.media_type),
            "state": str(ScanState.TAKEN),
            "batch": batch_id,
        }
        with self.writing() as connection:
            put(connection, scans, {"sha256": scan.sha256}, values)

    def scan_state(self, sha256: str) -> tuple[ScanState, str] | None:
        """The state of a scan and the batch that it is from; None for one never seen."""
        for row in self.rows(select(scans.c.state, scans.c.batch).where(scans.c.sha256 == sha256)):
            return ScanState(row.state), row.batch
        return None

    def scans(self, state: ScanState | None = None) -> list[tuple[str, str, ScanState]]:
        """SHA-256, path and state of every scan, or of those in *state*, by path."""
        query = select(scans).order_by(scans.c.path, scans.c.sha256)
        if state is not None:
            query = query.where(scans.c.state == str(state))
        return [(row.sha256, row.path, ScanState(row.state)) for row in self.rows(query)]

    @repeatable
    def finish_scan(self, sha256: str, state: ScanState, standing: Sheet | None = None) -> None:
        """Note how a scan ended, and what its cover sheets leave *standing* for the scan behind it."""
        left = as_json(to_json(standing)) if standing is not None else None
        with self.writing() as connection:
            connection.execute(update(scans).where(scans.c.sha256 == sha256).values(state=str(state), standing=left))

    def left_standing(self, sha256: str) -> Sheet | None:
        """What a scan's cover sheets left standing; None where the scan did not come to its end."""
        for row in self.rows(select(scans.c.standing).where(scans.c.sha256 == sha256)):
            return from_json(Sheet, json.loads(row.standing)) if row.standing else None
        return None

    def is_released(self, sha256: str) -> bool:
        """A person has decided that no secrecy stamp is on this scan."""
        return any(row.released for row in self.rows(select(scans.c.released).where(scans.c.sha256 == sha256)))

    def release_scan(self, sha256: str, who: str, reason: str, now: datetime) -> None:
        """Forget that a scan was stopped as secret, by a person's decision: the next run takes it as if new."""
        with self.writing() as connection:
            connection.execute(
                update(scans)
                .where(scans.c.sha256 == sha256, scans.c.state == str(ScanState.QUARANTINED))
                .values(state=str(ScanState.TAKEN), released=True)
            )
            append(connection, who, f"release: {stored(reason)}", sha256, now)

    def stop_again(self, sha256: str, who: str, now: datetime) -> bool:
        """Take the release of a scan back; False where it was read since."""
        with self.writing() as connection:
            stopped = connection.execute(
                update(scans)
                .where(scans.c.sha256 == sha256, scans.c.state == str(ScanState.TAKEN), scans.c.released)
                .values(state=str(ScanState.QUARANTINED), released=False)
            )
            if stopped.rowcount == 1:
                append(connection, who, "release taken back", sha256, now)
            return stopped.rowcount == 1

    @repeatable
    def reject_scan(self, batch_id: str, rejected: RejectedScan) -> None:
        """Keep a scan that cannot be taken on the list, with its reason."""
        with self.writing() as connection:
            connection.execute(
                insert(rejections).values(
                    batch=batch_id, path=stored(rejected.path), sha256=rejected.sha256,
                    reason=stored(rejected.reason), at=utc(datetime.now(UTC)),
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
        return [RejectedScan(row.path, row.sha256, row.reason) for row in self.rows(query)]

    def last_rejection(self) -> int:
        """The number of the newest entry in the list of scans that could not be taken."""
        [row] = self.rows(select(func.max(rejections.c.position).label("last")))
        return row.last or 0

    def was_rejected_after(self, rejection: int, path: str, sha256: str) -> bool:
        """A scan of this name, or with these bytes, came on that list after its entry *rejection*."""
        same = rejections.c.path == stored(path)
        if sha256:
            same = or_(same, rejections.c.sha256 == sha256)
        query = select(rejections.c.position).where(rejections.c.position > rejection, same).limit(1)
        return bool(self.rows(query))
