"""A record as the indexes hold it: prepared once, the same for every engine."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.errors import IntegrityBroken
from schemas.records import Record
from search.folding import canonical, folded, plain_number
from search.plan import issued_key

SCHEMA_VERSION = 3
"""Raised whenever an index made before cannot serve the program any more."""


_RECORD = TypeAdapter(Record)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on its way into an index, and its place in the catalogue's order."""

    position: int
    record: Record


@dataclass(frozen=True, slots=True)
class Projection:
    """What an index is given of a record: texts canonical (``exact``) or without marks; it cuts the words itself."""

    id: str
    exact: str
    title: str
    number: str
    symbol: str
    issuer: str
    type: str
    signer: str
    abstract: str
    codes: str
    unit: str
    kind: str
    type_name: str
    day: int
    year: int
    position: int
    stored: str


def project(entry: Entry) -> Projection:
    """The projection of a record: a pure function, so that indexing again gives the same index."""
    record = entry.record
    head = [record.type, record.abstract, record.issuer, record.parent_issuer, record.signer, record.signer_title]
    title = "\n".join(part for part in head if part)
    named = f"{record.number or ''}/{record.symbol or ''}" if record.number or record.symbol else ""
    codes = f"{record.id}\n{record.procedure}"
    number = plain_number(folded(record.number)) if record.number else ""
    return Projection(
        id=record.id,
        exact=canonical("\f".join((*record.pages, title, named, number, codes))),
        title=folded(title),
        number=number,
        symbol=folded(record.symbol or ""),
        issuer=folded(f"{record.issuer or ''}\n{record.parent_issuer or ''}"),
        type=folded(record.type or ""),
        signer=folded(record.signer or ""),
        abstract=folded(record.abstract or ""),
        codes=folded(codes),
        unit=record.unit,
        kind=record.kind.value,
        type_name=type_name(record.type),
        day=issued_key(record.issued_on),
        year=record.issued_on.year if record.issued_on else 0,
        position=entry.position,
        stored=_RECORD.dump_json(record).decode(),
    )


def type_name(name: str | None) -> str:
    """The type as it is counted: ``QUYẾT ĐỊNH`` and ``Quyết định`` are one."""
    return canonical(name).strip().capitalize() if name else ""


def restored(stored: bytes | dict[str, Any]) -> Record:
    """The record that ``project`` stored. IntegrityBroken when it is none."""
    try:
        return _RECORD.validate_json(stored) if isinstance(stored, bytes) else _RECORD.validate_python(stored)
    except ValidationError as error:
        raise IntegrityBroken(f"index: stored record: {error}") from error
