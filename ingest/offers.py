"""What a number or a day that pen has written may be: what the inventory lists, what the papers beside it and the
register's order leave open, what was read.

Only ever offered for a person to choose from; the value and its state stay as they are.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Protocol

from rapidfuzz import fuzz

from archive.keys import symbol_key
from ingest.extract import reasons_to_hold
from ingest.extract.folding import distance, letters, likeness
from ingest.extract.names import type_named_by
from schemas.documents import DECIDED, Document, Field, FieldState, Metadata
from schemas.language import _
from schemas.procedures import same_procedure
from schemas.units import InventoryRow

MOST = 6
"""More candidates than a person looks through."""
FEW = 3
"""Numbers that a gap in the register leaves open, all of them offered."""
SURE_ENOUGH = 0.5
"""Confidence of a neighbour's number; with less it says nothing of this one's."""
SAME_TEXT = 0.6
"""An abstract and a title so alike may be of one paper; titles in inventories are shortened and reworded."""
SAME_PART, PART_LETTERS = 0.85, 16
"""The same of a part of the one and all of the other, which has so many letters at least."""
LISTED = 0.99
"""Confidence of the code of a result that agrees with the paper in number, symbol and day."""

Place = tuple[list[list[tuple[int, int, str]]], int]
"""Where in its stack a paper lies: its scan in natural order, and its first page there."""
Listed = Callable[[str, str, str, date], Sequence[InventoryRow]]
"""The results of a unit with this number, symbol and day."""


class Results(Protocol):
    """The unit's list of results, as far as offers ask it (``archive.inventory.Register``)."""

    def candidates(
        self, unit: str, *, suits: Callable[[InventoryRow], float], years: Collection[int], limit: int
    ) -> Sequence[InventoryRow]:
        """Those without a record that suit best, of these years or (empty) of any."""

    def numbers_beside(self, unit: str, symbol: str, day: date) -> tuple[int | None, int | None]:
        """The numbers on both sides of a day."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A number of the same symbol that lies before or after this paper's, in its stack or in the unit's register:
    registers go by number and by day, and stacks mostly do."""

    number: int
    before: bool


def wants_offers(document: Document) -> bool:
    """Number, symbol or day of *document* wait for a person."""
    metadata = document.metadata
    return FieldState.HELD in (metadata.number.state, metadata.symbol.state, metadata.issued_on.state)


def days_to_ask_for(document: Document) -> tuple[str, ...]:
    """The days, ISO, that the paper may be of: as read, and what else its digits may be."""
    field = document.metadata.issued_on
    return tuple(dict.fromkeys(day for day in (field.value, *field.candidates) if day))


def nearest(numbers: Iterable[tuple[Place, int]], place: Place) -> list[Neighbour]:
    """The last number before *place* in a stack and the first behind it, of *numbers* by their places."""
    numbers = sorted(numbers)
    before = [number for at, number in numbers if at < place][-1:]
    behind = [number for at, number in numbers if at > place][:1]
    return [*(Neighbour(number, before=True) for number in before),
            *(Neighbour(number, before=False) for number in behind)]  # fmt: skip


def number_beside(number: Field | None, symbol: Field | None, of: Document) -> int | None:
    """The number of another paper where it was read well enough, under the symbol of this one, to say something of this
    one's."""
    if number is None or symbol is None or number.value is None or symbol.value != of.metadata.symbol.value:
        return None
    return int(number.value) if number.value.isdecimal() and number.confidence >= SURE_ENOUGH else None


def with_offers(
    document: Document, unit: str, register: Results | None, beside: Sequence[Neighbour], procedure: str = ""
) -> Document:
    """*document*, of *procedure* where one was declared, its number, symbol and day with candidates where they wait:
    first those of the results of *unit* in *register* that suit it best, then what the register and the papers beside
    it leave open, last what was read."""
    if not wants_offers(document):
        return document
    around = [*beside, *_in_register(document, unit, register)]
    rows = _rows(document, unit, register, around, procedure) if register is not None else []
    metadata = document.metadata
    return replace(document, metadata=replace(
        metadata,
        number=_with(metadata.number, [row.number for row in rows] + (_gap(around) or _next_to(beside))),
        symbol=_with(metadata.symbol, [row.symbol for row in rows]),
        issued_on=_with(metadata.issued_on, [row.issued_on.isoformat() for row in rows]),
    ))  # fmt: skip


def _rows(
    document: Document, unit: str, register: Results, neighbours: Sequence[Neighbour], procedure: str
) -> Sequence[InventoryRow]:
    """Those of the years that were read, as pen seldom writes a year; of any other where none of those suits."""
    years = {int(day[:4]) for day in days_to_ask_for(document)}

    def of(years: Collection[int]) -> Sequence[InventoryRow]:
        fit = partial(suits, document, neighbours=neighbours, procedure=procedure)
        return register.candidates(unit, suits=fit, years=years, limit=MOST)

    return of(years) or (of(()) if years else ())


def _in_register(document: Document, unit: str, register: Results | None) -> Iterator[Neighbour]:
    """The numbers that the register has right before and right after the day, where that was read."""
    symbol, day = document.metadata.symbol.value, document.metadata.issued_on.value
    if register is None or symbol is None or day is None:
        return
    low, high = register.numbers_beside(unit, symbol, date.fromisoformat(day))
    if low is not None:
        yield Neighbour(low, before=True)
    if high is not None:
        yield Neighbour(high, before=False)


def offered_in_scan(documents: Sequence[Document], unit: str, register: Results | None) -> list[Document]:
    """The documents of one scan, each with what the others and *register* offer for it."""
    return [with_offers(document, unit, register, nearest(_numbers_of(documents, document), _first_page(document)))
            for document in documents]  # fmt: skip


def _numbers_of(documents: Sequence[Document], of: Document) -> Iterator[tuple[Place, int]]:
    for other in documents:
        number = number_beside(other.metadata.number, other.metadata.symbol, of)
        if number is not None and other is not of:
            yield _first_page(other), number


def _first_page(document: Document) -> Place:
    return [], document.page_numbers[0]


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


def procedure_listed(document: Document, unit: str, listed: Listed) -> str:
    """The code of the procedure by which the inventory of *unit* has *document*; empty where it does not, or says
    several."""
    metadata = document.metadata
    if not _is_known(metadata):
        return ""
    day = date.fromisoformat(metadata.issued_on.value or "")
    rows = listed(unit, metadata.number.value or "", metadata.symbol.value or "", day)
    codes = {row.procedure for row in rows}
    return codes.pop() if len(codes) == 1 else ""


def _is_known(metadata: Metadata) -> bool:
    return all(field.value is not None and field.state is FieldState.ACCEPTED
               for field in (metadata.number, metadata.symbol, metadata.issued_on))  # fmt: skip


def _with(field: Field, offered: Sequence[str]) -> Field:
    if field.state is not FieldState.HELD or not offered:
        return field
    return replace(field, candidates=tuple(dict.fromkeys((*list(dict.fromkeys(offered))[:MOST], *field.candidates))))


def suits(document: Document, row: InventoryRow, neighbours: Sequence[Neighbour], procedure: str = "") -> float:
    """How well *row* suits what is known of the paper: by its words most, then its day, its digits, its symbol or at
    least its type, its *procedure*, its place in the register. 0 where neither symbol nor day nor words agree."""
    metadata = document.metadata
    symbol = metadata.symbol.value is not None and symbol_key(row.symbol) == symbol_key(metadata.symbol.value)
    kind = metadata.type.value is not None and type_named_by(row.symbol) == metadata.type.value
    day = row.issued_on.isoformat() in days_to_ask_for(document)
    if not (symbol or day or kind):
        return 0.0
    words = _words_in_common(metadata.abstract.value or "", row.title)
    if not (symbol or day or words):
        return 0.0
    read = [metadata.number.value or "", *metadata.number.candidates]
    digits = max((1 - distance(one, row.number) / max(len(one), len(row.number)) for one in read if one), default=0.0)
    named = 1.0 if symbol else 0.5 * kind
    declared = bool(procedure and row.procedure and same_procedure(procedure, row.procedure))
    return 3 * words + 2 * day + 1.5 * digits + named + declared + _in_order(row.number, neighbours)


def _words_in_common(abstract: str, title: str) -> float:
    """How alike they are, or the shorter and the part of the longer that is most like it; 0 where that says nothing."""
    whole = likeness(abstract, title)
    one, other = letters(abstract), letters(title)
    part = fuzz.partial_ratio(one, other) / 100 if min(len(one), len(other)) >= PART_LETTERS else 0.0
    return max(whole if whole >= SAME_TEXT else 0.0, part if part >= SAME_PART else 0.0)


def _in_order(number: str, neighbours: Sequence[Neighbour]) -> float:
    """The share of *neighbours* on whose right side the number lies."""
    if not neighbours or not number.isdecimal():
        return 0.0
    return sum((int(number) > one.number) == one.before for one in neighbours) / len(neighbours)


def _gap(neighbours: Sequence[Neighbour]) -> list[str]:
    """All numbers between those before and those after, where they are few."""
    low = max((one.number for one in neighbours if one.before), default=None)
    high = min((one.number for one in neighbours if not one.before), default=None)
    if low is None or high is None or not 1 < high - low <= FEW + 1:
        return []
    return [str(number) for number in range(low + 1, high)]


def _next_to(neighbours: Sequence[Neighbour]) -> list[str]:
    """The number after the one before, and the one before the one after."""
    return [str(one.number + (1 if one.before else -1)) for one in neighbours if one.number > 1 or one.before]
