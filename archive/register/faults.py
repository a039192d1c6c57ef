"""Records that stop counting because their signature or fixity is broken, from the day that this is known."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text, update

from archive.register.matching import put_in, take_out
from archive.register.tables import WITHDRAWN, faults, make_temporary, touched
from archive.tables import records
from schemas.days import FOREVER


def note_faults(connection: Connection, broken: Mapping[str, str], on: date) -> None:
    """Let records stop counting from *on*: record id → what is broken. One that is noted already stays as it is."""
    day = on.toordinal()
    standing = set(connection.execute(select(faults.c.record).where(faults.c.until_day > day)).scalars())
    added = [
        {"record": id, "from_day": day, "until_day": FOREVER, "reason": reason}
        for id, reason in broken.items()
        if id not in standing
    ]
    if added:
        _change_faults(connection, [str(a["record"]) for a in added], lambda: connection.execute(
            insert(faults), added))  # fmt: skip


def mend_faults(connection: Connection, mended: Iterable[str], on: date) -> None:
    """Let records count again from *on*: they were found intact."""
    day = on.toordinal()
    ids = list(mended)

    def mend() -> None:
        for id in ids:
            open_fault = faults.c.record == id, faults.c.until_day == FOREVER, faults.c.reason != WITHDRAWN
            connection.execute(delete(faults).where(*open_fault, faults.c.from_day >= day))
            connection.execute(update(faults).where(*open_fault).values(until_day=day))

    _change_faults(connection, ids, mend)


def standing_faults(connection: Connection) -> set[str]:
    """The records that do not count now for a fault that an audit may find mended."""
    query = select(faults.c.record).where(faults.c.until_day == FOREVER, faults.c.reason != WITHDRAWN)
    return set(connection.execute(query).scalars())


def broken_records(connection: Connection, damaged: Mapping[str, str]) -> dict[str, str]:
    """Record id → what is broken, where an audit found *damaged*: path in the archive, or record id → what is wrong.

    A damaged PDF breaks its own record; anything else in an object breaks every record of it, because which of them it
    bears on cannot be told.
    """
    known = connection.execute(select(records.c.id, records.c.object_path, records.c.pdf_path)).all()
    all_ids = {row.id for row in known}
    pdfs = {row.pdf_path: row.id for row in known}
    objects: dict[str, list[str]] = defaultdict(list)
    for row in known:
        objects[row.object_path].append(row.id)
    broken: dict[str, str] = {}
    for path, reason in damaged.items():
        parts = path.split("/")
        ids = [path] if path in all_ids else []
        if path in pdfs:
            ids = [pdfs[path]]
        elif not ids:
            ids = [id for cut in range(1, len(parts) + 1) for id in objects.get("/".join(parts[:cut]), ())]
        for id in ids:
            broken.setdefault(id, reason)
    return broken


def _change_faults(connection: Connection, ids: Sequence[str], change: Callable[[], Any]) -> None:
    make_temporary(connection, touched)
    for id in ids:
        connection.execute(
            text("INSERT INTO touched SELECT key FROM counted_records WHERE record = :id AND key IS NOT NULL "
                 "AND key NOT IN (SELECT key FROM touched)"), {"id": id})  # fmt: skip
    take_out(connection)
    change()
    put_in(connection)
