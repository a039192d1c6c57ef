"""What a paper says itself, checked against what folder, manifest and cover sheet declare of it: whose it is, of what
kind, and the codes of dossier and procedure that it bears; and the procedure against the office's list of them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

from rapidfuzz.distance import DamerauLevenshtein

from archive.keys import unit_key
from archive.rowfiles import fold
from ingest.extract.kinds import told_kind
from schemas.documents import Document, FieldState, Kind
from schemas.fieldwords import kind_label
from schemas.language import _
from schemas.procedures import Procedure, procedure_finder, procedure_key, same_procedure
from schemas.units import Unit

_COMMITTEE = re.compile(r"^(?:uy ban nhan dan|ubnd)(?=\s)")
_KIND_OF_PLACE = re.compile(r"^(?:thanh pho|tp)(?=\s)")


_DOSSIER = re.compile(r"((?:[A-Z]?\d{2,3}\.)*[A-Z]?\d{2,3})-(\d{6}-\d{4,7})")
"""``H29.17-230815-0001``: an agency's code, the day, the day's serial."""
_BEFORE_DOSSIER = re.compile(r"(?:ma|so)(?: so)? (?:ho so|bien nhan)(?: ho so)?(?: so)?$")
_BEFORE_PROCEDURE = re.compile(r"ma(?: so)? (?:thu tuc(?: hanh chinh)?|tthc)$")
SURE_WORD = 0.8
"""A code read with less confidence contradicts nothing."""
MOST_SLIPS, MOST_NEAR = 2, 3
"""A code that differs from another in so many keys may be meant for it; so many of them are named."""


def contradictions(
    document: Document, unit: str, procedure: str, dossier: str, units: Sequence[Unit]
) -> tuple[str, ...]:
    """The reasons to hold *document* that lie between what it says and what it was declared as: for *unit*, as a paper
    of *procedure* and *dossier* (empty where nothing was declared), and of the kind that its sheet names."""
    return (
        *issued_by_another(document, unit, units),
        *of_another_kind(document),
        *with_another_code(document, procedure, dossier),
    )


def of_another_kind(document: Document) -> tuple[str, ...]:
    """A reason to hold a paper that was declared a result, and says itself that it is a copy or a citizen's paper: the
    first must not be counted. Nothing speaks against a component: whatever an agency issued may be part of a dossier,
    copies too."""
    told = told_kind(document.pages) if document.sheet.kind is Kind.RESULT else None
    if told is None:
        return ()
    return (_("the paper was declared as {declared}, but by its own words it is a {kind}").format(
        declared=kind_label(Kind.RESULT), kind=kind_label(told)),)  # fmt: skip


def with_another_code(document: Document, procedure: str, dossier: str) -> tuple[str, ...]:
    """The reasons to hold a paper that bears, behind a label (``Mã hồ sơ:``, ``Mã thủ tục:``), codes of another dossier
    or procedure than those declared. Codes without a label are of papers that it cites."""
    reasons = []
    for name, declared, key, before in (
        (_("dossier"), dossier, _dossier_key, _BEFORE_DOSSIER),
        (_("procedure"), procedure, procedure_key, _BEFORE_PROCEDURE),
    ):
        known = key(declared)
        borne = dict(_labelled(document, key, before))
        if known and borne and known not in borne:
            reasons.append(_("the paper bears {name} {found}, but was declared for {declared}").format(
                name=name, found=", ".join(borne.values()), declared=declared))  # fmt: skip
    return tuple(reasons)


def not_listed(procedure: str, known: Sequence[Procedure]) -> tuple[str, ...]:
    """A reason to ask about a paper of *procedure* where the office's list of procedures does not know the code; it
    names the codes that may be meant. Nothing where none was declared, or the office has no list."""
    if not procedure or not known:
        return ()
    find = procedure_finder(known, date.max)
    if find(procedure) is not None:
        return ()
    near = [said for _slips, said in sorted(_near(procedure, known))[:MOST_NEAR]]
    if not near:
        return (_("the list of procedures has no {code}").format(code=procedure),)
    return (_("the list of procedures has no {code}; near it: {near}").format(code=procedure, near="; ".join(near)),)


def listed_otherwise(procedure: str, listed: str) -> tuple[str, ...]:
    """A reason to ask about a paper declared for *procedure* that the inventory has under another, *listed*."""
    if not procedure or not listed or same_procedure(procedure, listed):
        return ()
    said = _("the inventory has this result under procedure {listed}, but the paper was declared for {declared}")
    return (said.format(listed=listed, declared=procedure),)


def _near(code: str, known: Sequence[Procedure]) -> Iterator[tuple[int, str]]:
    """The procedures whose codes, or the national parts of them, differ little from that of *code*."""
    names = {one.code: one.name for one in sorted(known, key=lambda one: one.valid_from or date.min)}
    for other, name in names.items():
        pairs = {(code, other), (_national(code), _national(other))}
        slips = min(DamerauLevenshtein.distance(*pair, score_cutoff=MOST_SLIPS) for pair in pairs)
        if slips <= MOST_SLIPS:
            yield slips, f"{other} {name}"


def _national(code: str) -> str:
    """The part of a code before the agency's: ``1.000494`` of ``1.000494.000.00.00.H29``, however it is written."""
    return ".".join(code.strip().split(".")[:2])


def _labelled(document: Document, key: Callable[[str], str], before: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """The codes, each by its key, that were read well and stand behind such a label in one line."""
    for line in (line for page in document.pages for line in page.lines):
        for at, word in enumerate(line.words):
            code = word.text.strip(" .,;:()")
            if word.confidence < SURE_WORD or not key(code):
                continue
            if before.search(fold(" ".join(w.text for w in line.words[:at]))):
                yield key(code), code


def _dossier_key(code: str) -> str:
    found = _DOSSIER.fullmatch(code.strip().upper())
    return f"{unit_key(found[1])}-{found[2]}" if found else ""


def issued_by_another(document: Document, unit: str, units: Sequence[Unit]) -> tuple[str, ...]:
    """A reason to hold *document* where it is a result that names another of *units* than *unit* as its issuer.

    Only what was read for sure speaks, and only against what is known: an issuer that no unit is called like says
    nothing, since results of a unit may be signed by an agency that does not report. Nor do the agencies above *unit*
    and below it, which sign for it and whose papers it files, nor those it was merged with. Several units may bear one
    name (Phường 1 of each district); none of them may be akin.
    """
    issuer = document.metadata.issuer
    if document.kind is not Kind.RESULT or issuer.state is not FieldState.ACCEPTED or issuer.value is None:
        return ()
    called = _bare(issuer.value)
    named = {unit_key(one.code): one for one in units if _bare(one.name) == called}
    declared = [one.name for one in units if unit_key(one.code) == unit_key(unit)]
    if not named or not declared:
        return ()
    over = _over(units)
    if any(_akin(over, unit_key(unit), code) for code in named):
        return ()
    told = ", ".join(f"{one.code} {one.name}" for one in named.values())
    return (_("the paper was issued by {issuer} ({found}), but was declared for {unit} {name}").format(
        issuer=issuer.value, found=told, unit=unit, name=declared[-1]),)  # fmt: skip


def _bare(name: str) -> str:
    """A unit's name without what is written before it now and then: ``ỦY BAN NHÂN DÂN QUẬN 1`` → ``quan 1``."""
    return _KIND_OF_PLACE.sub("", _COMMITTEE.sub("", fold(name)).strip()).strip()


def _over(units: Iterable[Unit]) -> dict[str, set[str]]:
    """Each unit's key → the keys of the units directly above it, and of those it was merged into."""
    over: dict[str, set[str]] = defaultdict(set)
    for unit in units:
        over[unit_key(unit.code)] |= {unit_key(code) for code in (unit.parent, unit.successor) if code}
    return over


def _akin(over: Mapping[str, set[str]], one: str, other: str) -> bool:
    """One is the other, stands above it, or is what it was merged into."""
    return other in _upwards(over, one) or one in _upwards(over, other)


def _upwards(over: Mapping[str, set[str]], code: str) -> set[str]:
    found, new = {code}, {code}
    while new := {above for below in new for above in over.get(below, ())} - found:
        found |= new
    return found
