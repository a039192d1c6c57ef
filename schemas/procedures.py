"""Procedures by their codes: what they are called, and the field that they belong to."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date

_NATIONAL = re.compile(r"\d\.\d{6}(?=$|\.)")


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure as it is called from ``valid_from`` on (None: from the beginning), and its field (*lĩnh vực*)."""

    code: str
    name: str
    field: str = ""
    valid_from: date | None = None


def procedure_key(code: str) -> str:
    """The national part of a code: ``1.000494`` of ``1.000494.000.00.00.H29``; empty where it has none."""
    found = _NATIONAL.match(code.strip())
    return found[0] if found else ""


def same_procedure(one: str, other: str) -> bool:
    """Two codes are of one procedure, whichever agency's form they have."""
    return (procedure_key(one) or one.strip()) == (procedure_key(other) or other.strip())


def procedure_finder(known: Iterable[Procedure], day: date) -> Callable[[str], Procedure | None]:
    """The function that gives the procedure of a code as it is called on *day*, None for one that is not known.

    Before its first form a procedure is called as that says. A local code that is not known is looked for by its
    national part.
    """
    forms: dict[str, list[Procedure]] = defaultdict(list)
    for one in sorted(known, key=lambda one: one.valid_from or date.min):
        forms[one.code].append(one)
    called = {
        code: next((one for one in reversed(of_code) if (one.valid_from or date.min) <= day), of_code[0])
        for code, of_code in forms.items()
    }
    return lambda code: called.get(code) or called.get(procedure_key(code))


def said_procedure(code: str, find: Callable[[str], Procedure | None]) -> str:
    """A procedure's code with its name behind it, where *find* knows that; empty for no code."""
    found = find(code) if code else None
    return f"{code} {found.name}" if found is not None else code
