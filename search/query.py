"""A query as a small union of frozen values, the same for every index; ``search/parsing.py`` makes it of words."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import assert_never

from search.folding import plain_number


class TextField(StrEnum):
    """Fields of a record that are searched by words."""

    SYMBOL = "symbol"
    ISSUER = "issuer"
    TYPE = "type"
    SIGNER = "signer"
    ABSTRACT = "abstract"
    CODES = "codes"
    """Dossier, record id and procedure."""


@dataclass(frozen=True, slots=True)
class All:
    """Every record."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word, canonical; found in the text and in every field. ``perhaps``: what it may be a misreading of."""

    text: str
    perhaps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Prefix:
    """Words that begin so; canonical."""

    text: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words side by side, canonical."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A chunk that hangs together by its signs (``QĐ-UBND``, a dossier code or its tail): its words, side by side."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """A paper's number (no leading zeros) and, where typed, the words of its symbol without marks.

    ``in_text``: papers that speak of it are found too, behind the paper that bears it.
    """

    number: str
    symbol: tuple[str, ...] = ()
    in_text: bool = True


@dataclass(frozen=True, slots=True)
class Dated:
    """Issued from ``first`` to ``last``, both included; or a text that says one of ``spoken`` (words, no marks)."""

    first: date
    last: date
    spoken: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class InField:
    """Words side by side, without marks, in one field; ``prefix``: the last one begins so."""

    field: TextField
    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class OfUnit:
    """Of one of these units: their codes, and what lies below them by dots (``H29.17`` has ``H29.17.3``)."""

    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Not:
    query: "Query"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple["Query", ...]


@dataclass(frozen=True, slots=True)
class AllBut:
    """All of these words but one at most."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Preferring:
    """What ``first`` finds, and behind it what ``then`` finds besides; ``then`` finds all that ``first`` does."""

    first: "Query"
    then: "Query"


Query = AllBut | Preferring | All | Word | Prefix | Phrase | Code | Number | Dated | InField | OfUnit | Not | And | Or


def both(*queries: Query) -> Query:
    """Records that each of *queries* finds."""
    parts = tuple(part for query in queries for part in (query.parts if isinstance(query, And) else (query,)))
    asked = tuple(part for part in parts if not isinstance(part, All))
    if not asked:
        return All()
    return asked[0] if len(asked) == 1 else And(asked)


def atoms(query: Query) -> "list[Query]":
    """The parts of *query* that records are to have (not those under ``Not``), left to right."""
    match query:
        case And(parts) | Or(parts):
            return [atom for part in parts for atom in atoms(part)]
        case AllBut(words):
            return list(words)
        case Preferring(first, _then):
            return atoms(first)
        case Not() | All():
            return []
        case Word() | Prefix() | Phrase() | Code() | Number() | Dated() | InField() | OfUnit():
            return [query]
        case _:
            assert_never(query)


def number_forms(word: str) -> frozenset[str]:
    """How a number may stand in a text: as typed, without leading zeros, and padded to two and three digits."""
    plain = plain_number(word)
    return frozenset({word, plain, plain.zfill(2), plain.zfill(3)})
