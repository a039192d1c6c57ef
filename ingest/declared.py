"""Whose paper it is, by what it says itself: its issuer checked against the unit that it was declared for."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from archive.keys import unit_key
from archive.rowfiles import fold
from schemas.documents import Document, FieldState, Kind
from schemas.language import _
from schemas.units import Unit

_COMMITTEE = re.compile(r"^(?:uy ban nhan dan|ubnd)(?=\s)")
_KIND_OF_PLACE = re.compile(r"^(?:thanh pho|tp)(?=\s)")


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
