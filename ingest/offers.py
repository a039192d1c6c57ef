"""What a number or a day that pen has written may be: what the inventory lists, the register's order, what was read.

Only ever offered for a person to choose from; the value and its state stay as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from ingest.extract import reasons_to_hold
from ingest.extract.folding import distance, likeness
from schemas.documents import DECIDED, Document, Field, FieldState, Metadata
from schemas.language import _
from schemas.units import InventoryRow

MOST = 6
"""More candidates than a person looks through."""
SAME_TEXT = 0.6
"""An abstract and a title so alike may be of one paper; titles in inventories are shortened and reworded."""
LISTED = 0.99
"""Confidence of the code of a result that agrees with the paper in number, symbol and day."""

Listed = Callable[[str, str, str, date], Sequence[InventoryRow]]
"""The results of a unit with this number, symbol and day."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A paper beside this one in its stack, with a number of the same symbol: registers go by number and by day."""

    number: int
    before: bool


def wants_offers(document: Document) -> bool:
    """Number or day of *document* wait for a person, and its symbol is known to look for."""
    metadata = document.metadata
    return metadata.symbol.value is not None and FieldState.HELD in (metadata.number.state, metadata.issued_on.state)


def days_to_ask_for(document: Document) -> tuple[str, ...]:
    """The days, ISO, that the paper may be of: as read, and what else its digits may be."""
    field = document.metadata.issued_on
    return tuple(dict.fromkeys(day for day in (field.value, *field.candidates) if day))


def with_offers(document: Document, rows: Sequence[InventoryRow], neighbours: Sequence[Neighbour]) -> Document:
    """*document*, its number and day with candidates: those of *rows* that suit it best first, then what the papers
    beside it leave open, then what the reader made of it."""
    metadata = document.metadata
    ranked = sorted(rows, key=lambda row: _suits(document, row, neighbours), reverse=True)
    numbers = [row.number for row in ranked] + _left_open(neighbours)
    return replace(document, metadata=replace(
        metadata,
        number=_with(metadata.number, numbers),
        issued_on=_with(metadata.issued_on, [row.issued_on.isoformat() for row in ranked]),
    ))  # fmt: skip


def with_result_code(document: Document, unit: str, listed: Listed) -> Document:
    """*document* with the code that the inventory of *unit* has for it (TT 01/2023/TT-VPCP, Điều 9), if it has one.

    Where it has several results of this number, symbol and day, the document waits for a person to say which one it is;
    what a person has said stays.
    """
    metadata = document.metadata
    if not _is_known(metadata) or metadata.result_code.confidence == DECIDED:
        return document
    day = date.fromisoformat(metadata.issued_on.value or "")
    rows = listed(unit, metadata.number.value or "", metadata.symbol.value or "", day)
    codes = tuple(dict.fromkeys(row.result_code for row in rows if row.result_code))
    if not codes:
        return document
    if len(rows) == 1:
        code = Field(codes[0], FieldState.ACCEPTED, LISTED, codes)
    else:
        said = _("the inventory lists several: {titles}").format(
            titles="; ".join(f"{row.result_code or '–'} {row.title}".strip() for row in rows))  # fmt: skip
        code = Field(None, FieldState.HELD, 0.0, codes, reason=said)
    others = document.reasons[len(reasons_to_hold(document)) :]
    known = replace(document, metadata=replace(metadata, result_code=code))
    return replace(known, reasons=(*reasons_to_hold(known), *others))


def _is_known(metadata: Metadata) -> bool:
    return all(field.value is not None and field.state is FieldState.ACCEPTED
               for field in (metadata.number, metadata.symbol, metadata.issued_on))  # fmt: skip


def _with(field: Field, offered: Sequence[str]) -> Field:
    if field.state is not FieldState.HELD or not offered:
        return field
    return replace(field, candidates=tuple(dict.fromkeys((*list(dict.fromkeys(offered))[:MOST], *field.candidates))))


def _suits(document: Document, row: InventoryRow, neighbours: Sequence[Neighbour]) -> float:
    """How well *row* suits what is known of the paper: its words first, then its day, its digits, its place."""
    metadata = document.metadata
    words = likeness(metadata.abstract.value or "", row.title) if row.title and metadata.abstract.value else 0.0
    day = row.issued_on.isoformat() in days_to_ask_for(document)
    read = [metadata.number.value or "", *metadata.number.candidates]
    digits = max((1 - distance(one, row.number) / max(len(one), len(row.number)) for one in read if one), default=0.0)
    return 3 * (words if words >= SAME_TEXT else 0.0) + 2 * day + 1.5 * digits + _in_order(row.number, neighbours)


def _in_order(number: str, neighbours: Sequence[Neighbour]) -> float:
    """1 where the number lies between those of the papers beside it, as a register's do."""
    if not neighbours or not number.isdigit():
        return 0.0
    return float(all((int(number) > one.number) == one.before for one in neighbours))


def _left_open(neighbours: Sequence[Neighbour]) -> list[str]:
    """The numbers that the papers beside it leave open: the one after the one before, the one before the one after."""
    after = [one.number + 1 for one in neighbours if one.before]
    before = [one.number - 1 for one in neighbours if not one.before]
    both = [number for number in after if number in before] or [*after, *before]
    return [str(number) for number in dict.fromkeys(both) if number > 0]
