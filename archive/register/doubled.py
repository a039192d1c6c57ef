"""New results that stand in the lists of two units: one number, symbol, day and title.

Two agencies may number alike on a day, hence the title. They are said, and taken all the same: which of the lists is
wrong is not ours to guess. A key begins with its unit, so that those of other units are either sought one by one or,
where the new ones are many, found by ``archive.keys.likeness``, a number that they share: those of twenty million rows
are sorted in two seconds. What meets again is then compared to the letter.
"""

from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, starmap
from typing import Any

from sqlalchemy import Connection, text

from archive.keys import likeness
from archive.register.rows import STREAMED
from archive.register.tables import alike, doubted, drop_temporary, fill, make_temporary, moving

TOLD = 20
AT_ONCE = 20_000
_NEW = "FROM changes c CROSS JOIN ordered s WHERE s.place = c.place AND c.old IS NULL AND s.title IS NOT NULL"
_PAIRS = """
    FROM alike a CROSS JOIN alike b
    WHERE b.result = a.result AND b.title = a.title AND b.home <> a.home AND a.line IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Doubled:
    """How many new results stand in another unit's list too, and the first of them: the line, and that unit."""

    count: int
    first: Sequence[tuple[int, str]]


def results_in_two_units(connection: Connection, homes: Collection[str], likenesses: "array[int]") -> Doubled:
    """What is new in ``changes``, and not yet put in place, that stands in the list of a unit not merged with its own.

    *homes*: the units after all mergers; *likenesses*: of every row of the file, in any order; they are sorted here.
    """
    new = connection.execute(text("SELECT count(*) FROM changes WHERE old IS NULL")).scalar_one()
    if not new:
        return Doubled(0, ())
    for table in (alike, doubted):
        make_temporary(connection, table)
    known = connection.execute(text("SELECT max(id) FROM inventory")).scalar_one() or 0
    if new * len(homes) <= known:
        _seek(connection, homes)
    else:
        _sift(connection, likenesses if not known else array("q", _likenesses_of_new(connection)))
    count = connection.execute(text(f"SELECT count(DISTINCT a.line) {_PAIRS}")).scalar_one()
    first = connection.execute(
        text(f"SELECT a.line, MIN(b.unit) AS unit {_PAIRS} GROUP BY a.line ORDER BY a.line LIMIT {TOLD}")
    )
    doubled = Doubled(count, [(row.line, row.unit) for row in first])
    for table in (alike, doubted):
        drop_temporary(connection, table)
    return doubled


def _seek(connection: Connection, homes: Collection[str]) -> None:
    """Every new result beside those that are known by the same number, symbol and day under another unit."""
    _put(connection, _rows(connection, f"SELECT s.key, s.unit, s.title, s.line {_NEW}"))
    make_temporary(connection, moving)
    fill(connection, moving, [(home, home) for home in sorted(homes)])
    at = "instr" if connection.dialect.name == "sqlite" else "strpos"
    _put(connection, _rows(connection, f"""
        SELECT i.key, i.unit, i.title, NULL FROM changes c CROSS JOIN ordered s CROSS JOIN moving m
        CROSS JOIN inventory i WHERE s.place = c.place AND c.old IS NULL AND s.title IS NOT NULL
        AND i.key = m.home || substr(s.key, {at}(s.key, '|')) AND i.key <> s.key
        AND i.superseded_at IS NULL AND i.title <> ''
    """))  # fmt: skip


def _sift(connection: Connection, likenesses: "array[int]") -> None:
    """The new results whose likeness is met again, among them or in what is known, beside those of what is known."""
    if not likenesses:
        return
    import numpy as np

    new = np.frombuffer(likenesses, np.int64)
    new.sort()
    met = [np.zeros(0, np.int64), new[1:][new[1:] == new[:-1]]]
    known = "SELECT key, unit, title FROM inventory WHERE superseded_at IS NULL AND title <> ''"
    for some in connection.execute(text(known), execution_options=STREAMED).partitions(AT_ONCE):
        theirs = np.fromiter((_likeness_of(row.key, row.title) for row in some), np.int64, len(some))
        found = new[np.minimum(np.searchsorted(new, theirs), len(new) - 1)] == theirs
        met.append(theirs[found])
        _put(connection, [(*some[int(place)], None) for place in np.flatnonzero(found)])
    again = [(int(number),) for number in np.unique(np.concatenate(met)) if number]
    if again:
        fill(connection, doubted, again)
        one_of_them = "s.likeness IN (SELECT likeness FROM doubted)"
        _put(connection, _rows(connection, f"SELECT s.key, s.unit, s.title, s.line {_NEW} AND {one_of_them}"))


def _likenesses_of_new(connection: Connection) -> Iterator[int]:
    return iter(connection.execute(text(f"SELECT s.likeness {_NEW}"), execution_options=STREAMED).scalars())


def _likeness_of(key: str, title: str) -> int:
    _home, issued, rest = key.split("|", 2)
    symbol_part, _between, number_part = rest.rpartition("|")
    return likeness(int(issued), symbol_part, number_part, title)


def _rows(connection: Connection, query: str) -> Iterable[Any]:
    return connection.execute(text(query), execution_options=STREAMED)


def _put(connection: Connection, rows: Iterable[Any]) -> None:
    """Put results (key, unit, title, line or None) into ``alike``."""

    def parted(key: str, unit: str, title: str, line: int | None) -> tuple[str, str, str, str, int | None]:
        home, _between, result = key.partition("|")
        return result, title.lower(), home, unit, line

    lines = starmap(parted, rows)
    while some := list(islice(lines, AT_ONCE)):
        fill(connection, alike, some)
