"""Units as a tree with days of validity: one that is merged keeps its rows, which then count for its successor."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from archive.cells import BadCell
from archive.keys import unit_key
from archive.register.tables import units_table
from archive.rowfiles import Cell, fold
from schemas.days import date_of
from schemas.language import _
from schemas.units import Level, Unit


def known_units(connection: Connection) -> list[Unit]:
    """Every unit as now known, each with the days for which it stands, by code."""
    query = select(units_table).where(units_table.c.superseded_at.is_(None))
    return [_unit(row) for row in connection.execute(query.order_by(units_table.c.code, units_table.c.valid_from))]


def related(
    read: Sequence[tuple[int, Sequence[Cell], Unit]],
    known: Sequence[Unit],
    reject: Callable[[int, Sequence[Cell], str, str], None],
) -> list[Unit]:
    """The units of a file (line, cells, unit), their parents and successors by the codes of the tree or of the file.

    A line is set aside whose parent or successor is in neither, or that says what a unit was merged into but not when.
    """
    ended = {(unit.code, unit.valid_from) for unit in known if unit.valid_to}
    good = list(read)
    while True:
        code_of = unit_finder([*known, *(unit for _line, _cells, unit in good)])
        bad: dict[int, BadCell] = {}
        found: list[Unit] = []
        for line, _cells, unit in good:
            try:
                code = code_of(unit.code)
                found.append(replace(
                    unit, code=code, parent=_other("parent", unit.parent, code, code_of),
                    successor=_other("successor", unit.successor, code, code_of),
                ))  # fmt: skip
                if unit.successor and not unit.valid_to and (code, unit.valid_from) not in ended:
                    raise BadCell("successor", _("merged, but the last day before that (valid_to) is not said"))
            except BadCell as cell:
                bad[line] = cell
        if not bad:
            return found
        for line, cells, _unit in good:
            if line in bad:
                reject(line, cells, bad[line].column, bad[line].reason)
        good = [one for one in good if one[0] not in bad]


def _other(column: str, given: str | None, code: str, code_of: Callable[[str], str]) -> str | None:
    """The code of another unit than *code*."""
    if given is None:
        return None
    try:
        other = code_of(given)
    except BadCell as bad:
        raise BadCell(column, bad.reason) from bad
    if other == code:
        raise BadCell(column, _("the unit itself"))
    return other


def put_units(connection: Connection, given: Iterable[Unit], now: str) -> tuple[int, int, int]:
    """Put units in place; returns how many are new, changed (the old form is closed *now*) and known already."""
    new = changed = same = 0
    known: dict[str, dict[date | None, Unit]] = defaultdict(dict)
    for unit in known_units(connection):
        known[unit.code][unit.valid_from] = unit
    for unit in given:
        forms = known[unit.code]
        old = forms.get(unit.valid_from)
        if old is None:
            begins = unit.valid_from
            for before in list(forms.values()):
                if begins and before.valid_to is None and (before.valid_from or date.min) < begins:
                    ended = replace(before, valid_to=begins - timedelta(days=1))
                    _replace_unit(connection, before, ended, now)
                    forms[before.valid_from] = ended
            connection.execute(insert(units_table).values(**_unit_values(unit), recorded_at=now))
            forms[unit.valid_from] = unit
            new += 1
            continue
        said = replace(
            unit,
            parent=unit.parent or old.parent,
            valid_to=unit.valid_to or old.valid_to,
            successor=unit.successor or old.successor,
        )
        if said == old:
            same += 1
        else:
            _replace_unit(connection, old, said, now)
            forms[unit.valid_from] = said
            changed += 1
    return new, changed, same


def _replace_unit(connection: Connection, old: Unit, new: Unit, now: str) -> None:
    begins = None if old.valid_from is None else old.valid_from.toordinal()
    connection.execute(
        update(units_table)
        .where(units_table.c.code == old.code, units_table.c.superseded_at.is_(None),
               units_table.c.valid_from.is_(None) if begins is None else units_table.c.valid_from == begins)
        .values(superseded_at=now)
    )  # fmt: skip
    connection.execute(insert(units_table).values(**_unit_values(new), recorded_at=now))


def homes_of(units: Iterable[Unit]) -> dict[str, str]:
    """Each unit's code → the code that it ends in after all mergers (a ring of mergers ends where it began)."""
    follow = {unit.code: unit.successor for unit in units if unit.successor}
    codes = {unit.code for unit in units}
    homes = {}
    for code in codes:
        at, seen = code, {code}
        while (after := follow.get(at)) and after not in seen:
            at = after
            seen.add(at)
        homes[code] = at
    return homes


@dataclass(frozen=True, slots=True)
class Kin:
    """Two units of which one was merged into the other, and when a record of one counts for a row of the other.

    From ``since`` on, the day of the merger; only records deposited from ``deposited_from`` on; and only papers not
    issued from ``apart_from`` to the day before ``apart_until``, while both units stood. All of them are ordinals.
    """

    of_row: str
    of_record: str
    since: int
    deposited_from: int
    apart_from: int = 0
    apart_until: int = 0

    def apart_on(self, issued: int) -> bool:
        """Whether a paper of this day is surely the one unit's own and not the other's."""
        return self.apart_from <= issued < self.apart_until


def kin_of(units: Iterable[Unit]) -> list[Kin]:
    """Every two units of which one was merged into the other, directly or by way of others.

    What the new unit deposits after the merger may be a paper of the old one. What the old one deposited may stand in
    the new one's list, but not where both stood on the day of issue: each then numbered papers of its own. Two units
    merged into a third have nothing in common.
    """
    follow: dict[str, tuple[str, int]] = {}
    begins: dict[str, int] = {}
    for unit in units:
        if unit.successor and unit.valid_to:
            follow[unit.code] = unit.successor, unit.valid_to.toordinal() + 1
        start = unit.valid_from.toordinal() if unit.valid_from else 0
        begins[unit.code] = min(start, begins.get(unit.code, start))
    found = []
    for code in follow:
        at, since, seen = code, 0, {code}
        while at in follow:
            at, merged = follow[at]
            if at in seen:
                break
            seen.add(at)
            since = max(since, merged)
            found.append(Kin(code, at, since, deposited_from=since))
            found.append(Kin(at, code, since, 0, apart_from=begins.get(at, 0), apart_until=follow[code][1]))
    return found


def moved_between(before: Sequence[Unit], after: Sequence[Unit]) -> set[str]:
    """The units whose rows or records may count for others than before, now that *before* has become *after*."""
    homes, now = homes_of(before), homes_of(after)
    changed = set(kin_of(before)) ^ set(kin_of(after))
    return {code for code in homes.keys() | now.keys() if homes.get(code, code) != now.get(code, code)} | {
        code for kin in changed for code in (kin.of_row, kin.of_record)
    }


def counting_for(units: Iterable[Unit], code: str, day: date) -> set[str]:
    """The units whose rows count for *code* on *day*: itself, and those that were merged into it by then."""
    forms: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        forms[unit.code].append(unit)
    return {other for other in forms if _placed_on(forms, other, day) == code} | {code}


def _placed_on(forms: Mapping[str, Sequence[Unit]], code: str, day: date) -> str | None:
    """The unit that *code* counts for on *day*: itself while it stands, else the one it was merged into."""
    seen: set[str] = set()
    while code not in seen:
        seen.add(code)
        of_code = forms.get(code, ())
        if any((u.valid_from or date.min) <= day <= (u.valid_to or date.max) for u in of_code):
            return code
        after = next((u.successor for u in of_code if u.successor and u.valid_to and u.valid_to < day), None)
        if after is None:
            return None
        code = after
    return None


def unit_finder(units: Sequence[Unit]) -> Callable[[str], str]:
    """A unit's code as the tree has it, from a code in either form or a name that only one unit has."""
    codes: dict[str, str] = {}
    for unit in units:
        codes.setdefault(unit_key(unit.code), unit.code)  # the form that was known first
    names: dict[str, set[str]] = defaultdict(set)
    for unit in units:
        names[fold(unit.name)].add(unit.code)
    found: dict[str, str] = {}

    def unit_of(given: str) -> str:
        code = found.get(given)
        if code is None:
            code = codes.get(unit_key(given))
            if code is None:
                same = names.get(fold(given), set())
                if len(same) > 1:
                    raise BadCell("unit", _("{count} units are called '{text}' ({codes}); give the code").format(
                        count=len(same), text=given, codes=", ".join(sorted(same)[:4])))  # fmt: skip
                if not same:
                    raise BadCell("unit", _("no unit '{text}' in the tree; see `sohoa units list`").format(text=given))
                [code] = same
            found[given] = code
        return code

    return unit_of


def _unit(row: Any) -> Unit:
    return Unit(
        row.code, row.name, Level(row.level), row.parent, date_of(row.valid_from), date_of(row.valid_to), row.successor
    )


def _unit_values(unit: Unit) -> dict[str, Any]:
    return {
        "code": unit.code,
        "name": unit.name,
        "level": str(unit.level),
        "parent": unit.parent,
        "valid_from": unit.valid_from.toordinal() if unit.valid_from else None,
        "valid_to": unit.valid_to.toordinal() if unit.valid_to else None,
        "successor": unit.successor,
    }
