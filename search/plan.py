"""From a query to what an index is asked: a few plain clauses, the same for every engine, in tiers from best to last.

A record stands in the first tier that matches it; within a tier the engine's own relevance decides. So what bears the
marks typed stands before what is only spelled alike, and a misread letter comes last, whatever the frequencies say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import assert_never

from search.folding import is_marked, is_syllable, near, plain_number, without_marks
from search.query import (
    All,
    AllBut,
    And,
    Code,
    Dated,
    InField,
    Not,
    Number,
    OfUnit,
    Or,
    Phrase,
    Preferring,
    Prefix,
    Query,
    TextField,
    Word,
    atoms,
    number_forms,
)


class Place(StrEnum):
    """The fields of an index, by what lies in them."""

    EXACT = "exact"
    """All of a record, canonical words in order: every page, then type, abstract, issuer, signer, symbol, codes."""
    FOLDED = "folded"
    """The same without marks."""
    TITLE = "title"
    """Type, abstract, issuer and signer without marks: weighs more."""
    NUMBER = "number"
    """The paper's number without leading zeros, whole."""
    UNIT = "unit"
    """The unit's code, whole."""
    SYMBOL = "symbol"
    ISSUER = "issuer"
    TYPE = "type"
    SIGNER = "signer"
    ABSTRACT = "abstract"
    CODES = "codes"
    """Dossier, record id and procedure, without marks."""


@dataclass(frozen=True, slots=True)
class Everything:
    pass


@dataclass(frozen=True, slots=True)
class Terms:
    """One of these words stands in the place. One word alone is scored by how rare it is, several are not scored: they
    are spellings, and the word as typed must stand before them."""

    place: Place
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Adjacent:
    """These words (two or more) stand in the place side by side."""

    place: Place
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begins:
    """A word in the place begins so."""

    place: Place
    prefix: str


@dataclass(frozen=True, slots=True)
class Issued:
    """Issued from ``first`` to ``last``."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Every:
    parts: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class Some:
    parts: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class Most:
    """All of the parts but one at most."""

    parts: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class Without:
    part: "Clause"


Clause = Most | Everything | Terms | Adjacent | Begins | Issued | Every | Some | Without


@dataclass(frozen=True, slots=True)
class Plan:
    """``tiers``: best first, what stands in an earlier one is not looked for in a later; ``weights``: what lifts a
    record within its tier, and by how much: times the relevance of a single word or sequence, else just so much;
    ``titled``: for each word or phrase typed that it stands in the title. Within a tier the records that have all of
    them there come first, then those that have one: an engine may look for them in this order, and stop when it has
    enough."""

    tiers: tuple[Clause, ...]
    weights: tuple[tuple[Clause, float], ...]
    titled: tuple[Clause, ...] = ()

    @property
    def whole(self) -> Clause:
        """All that is found: each tier holds what the better ones hold."""
        return self.tiers[-1]


Strictness = Callable[[Query], Clause]


def is_scored(clause: Clause) -> bool:
    """Whether an engine weighs *clause* by how rare and how frequent it is."""
    return isinstance(clause, Adjacent) or (isinstance(clause, Terms) and len(clause.words) == 1)


def plan(query: Query) -> Plan:
    """The tiers of *query*: the paper that bears the number; marks as typed; marks aside; one letter misread."""
    if isinstance(query, Preferring):
        first, then = plan(query.first), plan(query.then)
        return Plan(first.tiers + then.tiers, first.weights, first.titled)
    wanted = atoms(query)
    levels: list[Strictness] = [_exact, _folded, _near]
    amid_words = sum(isinstance(atom, Word) for atom in wanted) > IDENTIFYING_WORDS
    if any(_is_identifier(atom) for atom in wanted if not (amid_words and _may_be_of_a_title(atom))):
        levels.insert(0, _bearing)
    tiers: list[Clause] = []
    for level in levels:
        clause = _built(query, level)
        if clause not in tiers:
            tiers.append(clause)
    titled = tuple(dict.fromkeys(_in_title(atom) for atom in wanted if isinstance(atom, Word | Phrase)))
    return Plan(tuple(tiers), tuple(_weights(wanted, titled)), titled)


IDENTIFYING_WORDS = 4
"""Among more words a number without a symbol is part of a title remembered (``tổng kết công tác năm 2017``, ``chủ động
ứng phó với bão số 16``), not a paper's own: over a million records such a title stood at rank 18."""


def _may_be_of_a_title(atom: Query) -> bool:
    """A number that names no paper for certain: ``năm 2017``, ``bão số 16``."""
    return isinstance(atom, Word) or (isinstance(atom, Number) and atom.in_text and not atom.symbol)


def _is_identifier(atom: Query) -> bool:
    match atom:
        case Number() | Dated():
            return True
        case Word(text):
            return text.isdecimal()
        case Code(words):
            return any(word.isdecimal() for word in words)
        case _:
            return False


def _built(query: Query, level: Strictness) -> Clause:
    match query:
        case And(parts):
            return Every(tuple(_built(part, level) for part in parts))
        case Or(parts):
            return Some(tuple(_built(part, level) for part in parts))
        case AllBut(words):
            return Most(tuple(level(word) for word in words))
        case Not(part):
            return Without(_built(part, _excluded))
        case _:
            return level(query)


def _excluded(atom: Query) -> Clause:
    """What is left out: as typed where it bears marks, else whatever the marks."""
    marked = isinstance(atom, Word | Phrase | Prefix) and any(is_marked(word) for word in _words_of(atom))
    return _exact(atom) if marked else _folded(atom)


def _words_of(atom: Word | Phrase | Prefix) -> tuple[str, ...]:
    return atom.words if isinstance(atom, Phrase) else (atom.text,)


def _bearing(atom: Query) -> Clause:
    """The paper that itself bears the number, date or code; all else marks aside."""
    match atom:
        case Number(number, symbol):
            return _numbered(number, symbol)
        case Word(text) if text.isdecimal():
            return Terms(Place.NUMBER, frozenset({plain_number(text)}))
        case Code(words) if any(word.isdecimal() for word in words):
            return _sequence(Place.CODES, words)
        case Dated(first, last):
            return Issued(first, last)
        case _:
            return _folded(atom)


def _exact(atom: Query) -> Clause:
    match atom:
        case Word(text, perhaps) if not text.isdecimal():
            return _word(Place.EXACT, text, perhaps)
        case Prefix(text):
            return Begins(Place.EXACT, text)
        case Phrase(words):
            return _sequence(Place.EXACT, words)
        case Code(words) if not any(word.isdecimal() for word in words):
            return _sequence(Place.EXACT, words)
        case _:
            return _folded(atom)


def _folded(atom: Query) -> Clause:
    match atom:
        case Word(text) if text.isdecimal():
            return Terms(Place.FOLDED, number_forms(text))
        case Word(text, perhaps):
            return _word(Place.FOLDED, text, perhaps)
        case Prefix(text):
            return Begins(Place.FOLDED, without_marks(text))
        case Phrase(words):
            return _sequence(Place.FOLDED, words)
        case Code(words):
            return _sequence(Place.FOLDED, words)
        case Number(number, symbol, in_text):
            numbered = _numbered(number, symbol)
            if not in_text:
                return numbered
            spoken = [_sequence(Place.FOLDED, (form, *symbol)) for form in sorted(number_forms(number))]
            return Some((numbered, *spoken))
        case Dated(first, last, spoken):
            return Some((Issued(first, last), *(_sequence(Place.FOLDED, said) for said in spoken)))
        case InField(field, words, prefix):
            return _in_field(field, words, prefix)
        case OfUnit(codes):
            each = sorted(codes)
            return Some((Terms(Place.UNIT, frozenset(each)), *(Begins(Place.UNIT, f"{code}.") for code in each)))
        case All():
            return Everything()
        case Not() | And() | Or() | AllBut() | Preferring():
            raise AssertionError(atom)
        case _:
            assert_never(atom)


def _word(place: Place, text: str, perhaps: frozenset[str]) -> Clause:
    """The word in *place*. What can be no syllable is as likely misread itself: its neighbours stand in the same tier,
    and nothing is scored, else the very rarity of the misreading would put what has it first."""
    plain = without_marks(text)
    if not is_syllable(plain) and near(plain):
        return Terms(Place.FOLDED, near(plain) | {plain})
    here = frozenset({text}) | perhaps
    return Terms(place, here if place is Place.EXACT else frozenset(without_marks(word) for word in here))


def _near(atom: Query) -> Clause:
    match atom:
        case Word(text) if not text.isdecimal() and is_syllable(plain := without_marks(text)) and near(plain):
            return Some((_folded(atom), Terms(Place.FOLDED, near(plain))))
        case Number(number, symbol, True) if symbol:
            said = Every((Terms(Place.FOLDED, number_forms(number)), *(_term(Place.FOLDED, word) for word in symbol)))
            return Some((_folded(atom), said))
        case _:
            return _folded(atom)


def _numbered(number: str, symbol: tuple[str, ...]) -> Clause:
    bears = Terms(Place.NUMBER, frozenset({number}))
    return Every((bears, _sequence(Place.SYMBOL, symbol))) if symbol else bears


def _in_field(field: TextField, words: tuple[str, ...], prefix: bool) -> Clause:
    place = Place(field.value)
    if not prefix:
        return _sequence(place, words)
    begins = Begins(place, words[-1])
    return Every((_sequence(place, words[:-1]), begins)) if len(words) > 1 else begins


def _term(place: Place, word: str) -> Clause:
    return Terms(place, frozenset({word}))


def _sequence(place: Place, words: Sequence[str]) -> Clause:
    if place is not Place.EXACT:
        words = tuple(without_marks(word) for word in words)
    return _term(place, words[0]) if len(words) == 1 else Adjacent(place, tuple(words))


TITLE_WEIGHT = 2.0
PAIR_WEIGHT = 3.0
"""Two words typed side by side that stand so in the title: most words of Vietnamese are two syllables."""
WHOLE_TITLE_WEIGHT = 100.0
"""Every word typed stands in the title: before all that only speak of it, however rare its words."""
MARKED_WEIGHT = 0.5


def _weights(wanted: Sequence[Query], titled: tuple[Clause, ...]) -> list[tuple[Clause, float]]:
    """What lifts a record within its tier: words and pairs of words in its title, words with their marks."""
    typed = [atom.text if isinstance(atom, Word) and not atom.perhaps else "" for atom in wanted]
    plain = [without_marks(word) for word in typed]
    weights = [(_term(Place.TITLE, word), TITLE_WEIGHT) for word in dict.fromkeys(plain) if word]
    if titled:
        weights.append((Every(titled), WHOLE_TITLE_WEIGHT))
    pairs = [pair for pair in pairwise(plain) if all(pair)]
    weights += [(_sequence(Place.TITLE, pair), PAIR_WEIGHT) for pair in dict.fromkeys(pairs)]
    right = [word for word in typed if is_marked(word) and is_syllable(without_marks(word))]
    weights += [(_term(Place.EXACT, word), MARKED_WEIGHT) for word in dict.fromkeys(right)]
    return weights


def _in_title(word: Word | Phrase) -> Clause:
    if isinstance(word, Phrase):
        return _sequence(Place.TITLE, word.words)
    plain = without_marks(word.text)
    around = frozenset() if is_syllable(plain) else near(plain)
    return Terms(Place.TITLE, around | {plain} | {without_marks(other) for other in word.perhaps})


def issued_key(day: date | None) -> int:
    """A date as the indexes hold it: days, 0 where the paper bears none."""
    return day.toordinal() if day is not None else 0
