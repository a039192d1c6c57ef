"""What people decided in review, as the catalogue keeps it: each decision with how its documents stood before and
after.

Used by ``catalogue.Catalogue`` inside its transactions; times are text in UTC there.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, func, insert, select, update

from schemas.documents import Field
from schemas.stored import from_json, to_json
from schemas.work import Change, Decision, Standing

tables = MetaData()

decisions = Table(
    "decisions", tables,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("undone_at", String(32)),
)  # fmt: skip

decided_holds = Table(
    "decided_holds", tables,
    Column("hold", String(64), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
)  # fmt: skip
"""Which decisions each hold was part of."""


def keep(connection: Connection, change: Change, at: str) -> None:
    """Add *change*, made *at* (as the catalogue writes times)."""
    added = connection.execute(
        insert(decisions).values(
            at=at, who=_text(change.who), what=_text(change.what),
            before=_stored(change.before), after=_stored(change.after),
        )
    )  # fmt: skip
    assert added.inserted_primary_key is not None
    position = added.inserted_primary_key[0]
    holds = dict.fromkeys(standing.hold for standing in (*change.before, *change.after))
    connection.execute(insert(decided_holds), [{"hold": hold, "position": position} for hold in holds])


def last(connection: Connection, hold: str) -> Decision | None:
    """The last decision about *hold* that has not been taken back."""
    query = (
        select(decisions)
        .where(decisions.c.position == select(func.max(decisions.c.position))
               .join(decided_holds, decided_holds.c.position == decisions.c.position)
               .where(decided_holds.c.hold == hold, decisions.c.undone_at.is_(None)).scalar_subquery())
    )  # fmt: skip
    row = connection.execute(query).first()
    if row is None:
        return None
    before, after = (
        tuple(from_json(Standing, standing) for standing in json.loads(text)) for text in (row.before, row.after)
    )
    return Decision(row.position, Change(row.who, datetime.fromisoformat(row.at), row.what, before, after))


def mark_undone(connection: Connection, position: int, at: str) -> None:
    connection.execute(update(decisions).where(decisions.c.position == position).values(undone_at=at))


def told(change: Change) -> str:
    """*change* in a line, for the log: what was decided, and each thing that is other than before."""
    return "; ".join([change.what, *_differences(change)])


def _differences(change: Change) -> Iterator[str]:
    before = {standing.hold: standing for standing in change.before}
    after = {standing.hold: standing for standing in change.after}
    for hold in dict.fromkeys((*before, *after)):
        was, became = before.get(hold), after.get(hold)
        if was is None or became is None:
            yield f"{hold}: pages {_pages(was)} → {_pages(became)}"
            continue
        said = []
        for name, field in became.metadata.items():
            earlier: Field = getattr(was.metadata, name)
            if (earlier.value, earlier.state) != (field.value, field.state):
                said.append(f"{name} {_value(earlier)} → {_value(field)}")
        for name in ("pages", "turns", "doubtful_cuts"):
            if getattr(was, name) != getattr(became, name):
                said.append(f"{name} {list(getattr(was, name))} → {list(getattr(became, name))}")
        if was.procedure != became.procedure and None not in (was.procedure, became.procedure):
            said.append(f"procedure {was.procedure!r} → {became.procedure!r}")
        if was.cut != became.cut:
            said.append(f"cut {was.cut.state} → {became.cut.state}")
        if was.outcome != became.outcome:
            said.append(f"{was.outcome} → {became.outcome}")
        if said:
            yield f"{hold}: {', '.join(said)}"


def _pages(standing: Standing | None) -> str:
    return "none" if standing is None else f"{list(standing.pages)}"


def _value(field: Field) -> str:
    return f"{field.value!r} ({field.state})"


def _stored(standings: Sequence[Standing]) -> str:
    return json.dumps([to_json(standing) for standing in standings], ensure_ascii=True, separators=(",", ":"))


def _text(text: Any) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
