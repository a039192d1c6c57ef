"""Runs of a head put together as rows, and rows as text: what stands on one level, what follows from line to line."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from ingest.extract.folding import folded, likeness
from ingest.extract.layout import Run
from schemas.pages import Box, Word, box_around

FAINT = 0.6
"""A word read with less confidence is often not what is printed."""
OFF_AXIS = 0.012
"""Centred lines lie within this of one another; a paragraph with its indent does not."""

_ITEM = re.compile(r"^\W{0,2}(?:(?:\d{1,2}[.)])+|[a-zđ][.)]|[IVX]{1,4}[.)])\s")


def row_of(runs: Sequence[Run]) -> Run:
    """Runs of one level as one, left to right."""
    words = [word for run in sorted(runs, key=lambda run: run.words[0].box.x0) for word in run.words]
    if any(before.box.x1 > after.box.x0 for before, after in pairwise(sorted(words, key=lambda word: word.box.x0))):
        words = [word for word in words if not any(_better_there(word, other) for other in words if other is not word)]
    return Run(tuple(words), max(run.height for run in runs))


def _better_there(word: Word, other: Word) -> bool:
    """*other* stands where *word* does, and was read better: strips that are read again may overlap."""
    if other.confidence <= word.confidence or abs(word.box.y0 - other.box.y0) > 2 * word.box.height:
        return False
    if likeness(word.text, other.text) < 0.5 and word.confidence > 0.1:
        return False
    shared = min(word.box.x1, other.box.x1) - max(word.box.x0, other.box.x0)
    return shared > 0.5 * min(word.box.width, other.box.width)


def rows_of(runs: Sequence[Run]) -> list[Run]:
    """Runs put together that stand on one level, from top to bottom."""
    rows: list[list[Run]] = []
    for run in sorted(runs, key=lambda run: run.level):
        last = rows[-1] if rows else None
        if last and any(abs(run.level - other.level) < 0.4 * min(run.height, other.height, 0.02) for other in last):
            last.append(run)
        else:
            rows.append([run])
    return [row_of(row) for row in rows]


def box_of(words: Sequence[Word]) -> Box | None:
    return box_around(word.box for word in words) if words else None


def joined(rows: Sequence[Run]) -> str:
    """The lines as one text, without the specks at their ends; a hyphen at a line's end joins."""
    parts: list[str] = []
    for row in rows:
        words = [word.text for word in row.words]
        while words and not any(c.isalnum() for c in words[-1]) and words[-1] not in ("-", "–", ";", ".", ",", ")"):
            words.pop()
        while words and not any(c.isalnum() for c in words[0]) and words[0][0] not in '-–(“"':
            words.pop(0)
        line = " ".join(words)
        if parts and re.search(r"\w-$", parts[-1]):
            parts[-1] += line
        elif line:
            parts.append(line)
    return " ".join(parts)


def usual_step(rows: Sequence[Run]) -> float:
    steps = sorted(b.level - a.level for a, b in pairwise(rows))
    typical = 1.45 * sorted(row.height for row in rows)[len(rows) // 2]
    return max(steps[len(steps) // 2], 0.9 * typical) if steps else max(typical, 0.019)


def run_on(rows: Sequence[Run], before: Sequence[Run], widest: float, ends: Callable[[Run], bool]) -> list[Run]:
    """The rows that go on from *before*: until one ends the text, or stands further below than *widest* usual steps."""
    found = list(before)
    for row in rows:
        if row.level - found[-1].level > widest * usual_step(found) or ends(row):
            break
        found.append(row)
    return found[len(before) :]


def is_capitals(text: str) -> bool:
    upper, lower = sum(c.isupper() for c in text), sum(c.islower() for c in text)
    return upper > 1 and upper >= 2 * lower


def cites(text: str) -> bool:
    """*text* speaks of another paper: ``Căn cứ Quyết định số …``."""
    bare = folded(text)
    return bare.startswith(("can cu", "theo", "xet", "thuc hien", "ban hanh kem", "kem theo", "(kem", "(ban hanh"))


def begins_paragraph(row: Run, before: Sequence[Run], axis: float) -> bool:
    """*row* is the first of the body: it begins as a sentence or an item does, and either stands off the axis on which
    the lines *before* are centred, or its first word would have had room at the end of the line above."""
    first = row.words[0].text.lstrip("“\"'(-– ")
    if not (_ITEM.match(row.text) or first[:1].isupper()):
        return False
    widest = max(run.box.width for run in (*before, row))
    last = before[-1]
    space = 0.25 * last.height
    had_room = last.box.width + space + row.words[0].box.width < 0.93 * widest
    centred = all(abs(run.middle - axis) < OFF_AXIS for run in before)
    off_axis = centred and abs(row.middle - axis) > OFF_AXIS
    indented = row.box.x0 < min(run.box.x0 for run in before) - 0.01 or bool(_ITEM.match(row.text))
    return (off_axis and (had_room or indented)) or (had_room and bool(_ITEM.match(row.text)))
