"""The list of deposits, for quick asking, and up to where index, replicas and audits have come with it.

It is a projection of the archive: ``replace_deposits`` makes it anew.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from archive.database import Database, as_time, put, repeatable, stored, utc
from archive.log import append
from archive.sketches import marks_of_record, put_marks
from archive.tables import RECORDS, audited, counters, holds, records, replicas, scans, sketches
from schemas.records import Deposit, Record


@dataclass(frozen=True, slots=True)
class Deposits(Database):
    """The catalogue's list of deposits."""

    @repeatable
    def note_deposit(self, deposit: Deposit, *, who: str, what: str = "deposit") -> None:
        """Take a deposit, or *what* else was done to it, into list and log; one that stands so changes nothing."""
        record = deposit.record
        same = (
            records.c.version == record.version,
            records.c.pdf_sha256 == record.pdf_sha256,
            records.c.deposited_at == utc(record.deposited_at),
        )
        with self.writing() as connection:
            if connection.execute(select(records.c.id).where(records.c.id == record.id, *same)).first():
                return
            put(connection, records, {"id": record.id}, row_of(deposit, _next_position(connection)))
            put_marks(connection, record.id, record.scan_sha256, marks_of_record(record))
            append(connection, who, what, f"{record.id} v{record.version} {record.pdf_sha256}", datetime.now(UTC))

    def note_destruction(self, record_id: str, left: Iterable[Deposit], *, who: str, what: str, now: datetime) -> None:
        """Note that a record was destroyed: an index drops it, and reports count it until that day.

        *left* are the other records of its object, whose inventories are new.
        """
        with self.writing() as connection:
            connection.execute(
                update(records).where(records.c.id == record_id).values(
                    pdf_path="", inventory_sha512="", withdrawn_at=func.coalesce(records.c.withdrawn_at, utc(now)),
                    position=_next_position(connection),
                )
            )  # fmt: skip
            connection.execute(delete(sketches).where(sketches.c.subject == record_id))
            for deposit in left:
                connection.execute(
                    update(records).where(records.c.id == deposit.record.id)
                    .values(inventory_sha512=deposit.inventory_sha512)
                )  # fmt: skip
            append(connection, who, what, record_id, now)

    def records_of_batch(self, batch: str) -> list[str]:
        """The ids of the records that stand of the scans of a batch."""
        query = (
            select(records.c.id)
            .join(scans, scans.c.sha256 == records.c.scan_sha256)
            .where(scans.c.batch == batch, records.c.withdrawn_at.is_(None))
            .order_by(records.c.id)
        )
        return [row.id for row in self.rows(query)]

    def numbers_of_batch(self, batch: str, symbol: str) -> list[tuple[str, str, str, str]]:
        """Id, number, path of the scan and its SHA-256 of the records under *symbol* that stand of a batch's scans."""
        query = (
            select(records.c.id, records.c.number, scans.c.path, records.c.scan_sha256)
            .join(scans, scans.c.sha256 == records.c.scan_sha256)
            .where(scans.c.batch == batch, records.c.symbol == symbol, records.c.number.is_not(None))
            .where(records.c.withdrawn_at.is_(None))
            .order_by(records.c.position)
        )
        return [(row.id, row.number, row.path, row.scan_sha256) for row in self.rows(query)]

    def records_of_dossier(self, dossier: str) -> list[str]:
        """The ids of the records that stand of a dossier."""
        query = select(records.c.id).where(records.c.dossier == dossier, records.c.withdrawn_at.is_(None))
        return [row.id for row in self.rows(query.order_by(records.c.serial))]

    def retentions(self, until: date | None = None) -> list[Any]:
        """The rows of the records that stand or are withdrawn and have a term, those that ended by *until* alone."""
        query = select(records).where(records.c.pdf_path != "", records.c.retention.is_not(None))
        if until is not None:
            query = query.where(records.c.retained_until <= until.isoformat())
        return list(self.rows(query.order_by(records.c.retained_until, records.c.id)))

    def replace_deposits(self, deposits: Iterable[Deposit], *, who: str, keeping: Collection[str] = ()) -> int:
        """Make the list of deposits anew from what the archive holds, all or nothing; returns how many of it there are.

        The rows of the objects at the paths in *keeping*, which is asked when all of *deposits* were taken, stay as
        they are. Positions go on from where they were, so that an index sees every record as new.
        """
        # Without their text, which is most of a record: all rows are in memory while they are put in order.
        rows, marks = [], {}
        for deposit in deposits:
            rows.append({"id": deposit.record.id} | row_of(deposit, 0))
            marks[deposit.record.id] = (deposit.record.scan_sha256, marks_of_record(deposit.record))
        with self.writing() as connection:
            kept = _kept(connection, keeping) if keeping else {}
            for id, row in kept.items():
                found_by = connection.scalars(select(sketches.c.hash).where(sketches.c.subject == id))
                marks[id] = row["scan_sha256"], tuple(found_by)
            listed = [row for row in rows if row["id"] not in kept]
            connection.execute(delete(sketches).where(sketches.c.subject.in_(select(records.c.id))))
            connection.execute(delete(records))
            for subject, (sha256, found) in marks.items():
                put_marks(connection, subject, sha256, found)
            for row in sorted([*listed, *kept.values()], key=lambda row: (row["deposited_at"], row["id"])):
                connection.execute(insert(records).values(row | {"position": _next_position(connection)}))
            told = f"{len(listed)} records" + (f", {len(kept)} kept as noted" if kept else "")
            append(connection, who, "rebuild", told, datetime.now(UTC))
        return len(listed)

    def duplicates(self, number: str, symbol: str, issuer: str | None, issued_on: str) -> list[tuple[str, str]]:
        """The records with the same number, symbol, agency and date, each with the SHA-256 of its scan.

        NĐ 30/2020, Phụ lục VI. An agency that is not known on one of the two sides counts as the same.
        """
        try:
            day = date.fromisoformat(issued_on)
        except ValueError:
            return []
        query = (
            select(records.c.id, records.c.issuer, records.c.scan_sha256)
            .where(records.c.number == number, records.c.symbol == symbol, records.c.issued_on == day)
            .where(records.c.withdrawn_at.is_(None))
            .order_by(records.c.id)
        )
        return [
            (row.id, row.scan_sha256) for row in self.rows(query)
            if not issuer or not row.issuer or " ".join(row.issuer.lower().split()) == " ".join(issuer.lower().split())
        ]  # fmt: skip

    def sharing(self, marks: Sequence[int]) -> list[tuple[str, str, int]]:
        """The records in the list and the documents that wait which share some of *marks*, each with the SHA-256 of its
        scan and how many; most first. What a person has decided on without a record is left out."""
        if not marks:
            return []
        shared = func.count().label("shared")
        live = or_(
            sketches.c.subject.in_(select(records.c.id).where(records.c.withdrawn_at.is_(None))),
            sketches.c.subject.in_(select(holds.c.id).where(holds.c.decided_at.is_(None))),
        )
        query = (
            select(sketches.c.subject, sketches.c.scan_sha256, shared)
            .where(sketches.c.hash.in_(marks), live)
            .group_by(sketches.c.subject, sketches.c.scan_sha256)
            .order_by(shared.desc(), sketches.c.subject)
        )
        return [(row.subject, row.scan_sha256, row.shared) for row in self.rows(query)]

    def deposited_after(self, position: int, limit: int) -> list[tuple[int, str]]:
        """Position and id of the records deposited or changed after *position*, in that order, *limit* at most."""
        query = (
            select(records.c.position, records.c.id)
            .where(records.c.position > position)
            .order_by(records.c.position)
            .limit(limit)
        )
        return [(row.position, row.id) for row in self.rows(query)]

    def positions(self, ids: Collection[str]) -> list[tuple[int, str]]:
        """Position and id of those of *ids* that are listed, in that order."""
        found: list[tuple[int, str]] = []
        wanted = sorted(ids)
        for first in range(0, len(wanted), 500):
            some = records.c.id.in_(wanted[first : first + 500])
            found += [(row.position, row.id) for row in self.rows(select(records.c.position, records.c.id).where(some))]
        return sorted(found)

    def objects_after(self, position: int, limit: int) -> list[tuple[int, str]]:
        """As ``deposited_after``, with the object's folder instead of the record's id."""
        query = (
            select(records.c.position, records.c.object_path)
            .where(records.c.position > position)
            .order_by(records.c.position)
            .limit(limit)
        )
        return [(row.position, row.object_path) for row in self.rows(query)]

    def replica_position(self, root: str) -> int:
        """Up to which position the replica at *root* has the records; 0 for one that never had any."""
        return next((row.position for row in self.rows(select(replicas).where(replicas.c.root == root))), 0)

    def note_replica(self, root: str, position: int) -> None:
        """Note up to which position the replica at *root* has the records."""
        with self.writing() as connection:
            put(connection, replicas, {"root": root}, {"position": position})

    def audits(self, root: str = "") -> dict[str, datetime]:
        """When each object was last hashed, in the archive or in the replica at *root*."""
        rows = self.rows(select(audited).where(audited.c.root == root))
        return {row.object_path: as_time(row.at) for row in rows}

    def stands(self, record_id: str) -> bool:
        """The record is in the list, and not noted as destroyed."""
        return bool(self.rows(select(records.c.id).where(records.c.id == record_id, records.c.pdf_path != "")))

    def arrivals(self) -> dict[str, datetime]:
        """When the first record of each object was deposited."""
        query = select(records.c.object_path, func.min(records.c.deposited_at).label("at"))
        return {row.object_path: as_time(row.at) for row in self.rows(query.group_by(records.c.object_path))}

    def note_audits(self, object_paths: Sequence[str], now: datetime, root: str = "") -> None:
        """Note that these objects were hashed."""
        with self.writing() as connection:
            for path in object_paths:
                put(connection, audited, {"root": root, "object_path": path}, {"at": utc(now)})

    def last_position(self) -> int:
        """The highest position in the list of deposits, 0 when it is empty."""
        [row] = self.rows(select(func.max(records.c.position).label("last")))
        return row.last or 0

    def deposits(self) -> Iterator[Any]:
        """The rows of the list of deposits, in the order of their positions."""
        return self.stream(select(records).order_by(records.c.position))

    def deposits_in(self, object_path: str) -> Sequence[Any]:
        """The rows of one object's records."""
        return self.rows(select(records).where(records.c.object_path == object_path).order_by(records.c.id))

    def is_kept(self, record_id: str) -> bool:
        """The list has a record of this id, withdrawn or not, that was not destroyed."""
        return bool(self.rows(select(records.c.id).where(records.c.id == record_id, records.c.pdf_path != "")))


def row_of(deposit: Deposit, position: int) -> dict[str, Any]:
    """The row of a deposit, without its id."""
    record: Record = deposit.record
    return {
        "dossier": stored(record.dossier),
        "serial": record.serial,
        "version": record.version,
        "unit": stored(record.unit),
        "procedure": stored(record.procedure),
        "kind": str(record.kind),
        "number": stored(record.number) if record.number else None,
        "symbol": stored(record.symbol) if record.symbol else None,
        "issued_on": record.issued_on,
        "issuer": stored(record.issuer) if record.issuer else None,
        "deposited_at": utc(record.deposited_at),
        "scan_sha256": record.scan_sha256,
        "pdf_sha256": record.pdf_sha256,
        "object_path": deposit.object_path,
        "inventory_sha512": deposit.inventory_sha512,
        "pdf_path": deposit.pdf_path,
        "withdrawn_at": utc(record.withdrawn.at) if record.withdrawn else None,
        "retention": record.retention.code if record.retention else None,
        "retained_until": record.retention.until.isoformat() if record.retention and record.retention.until else None,
        "result_code": stored(record.result_code) if record.result_code else None,
        "position": position,
    }


def _kept(connection: Connection, object_paths: Collection[str]) -> dict[str, dict[str, Any]]:
    """The rows of the records of these objects, by their ids."""
    found = connection.execute(select(records)).mappings()
    return {row["id"]: dict(row) for row in found if row["object_path"] in object_paths}


def _next_position(connection: Connection) -> int:
    connection.execute(update(counters).where(counters.c.name == RECORDS).values(value=counters.c.value + 1))
    return int(connection.execute(select(counters.c.value).where(counters.c.name == RECORDS)).scalar_one())
