"""Rows of spreadsheets and Parquet files, parsed by a process that can do no harm.

CSV is read in this process: CPython's own reader takes a line after another and knows nothing of formats.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from archive.rowfiles import Cell, Column, RowFile, is_packed, open_rows
from ingest.fencedtasks import FencedFile, fenced_file
from schemas.language import _

OPEN_TIMEOUT_S = 600.0
"""A spreadsheet of a million rows takes half a minute."""
NEXT_TIMEOUT_S = 120.0
ROWS_AT_ONCE = 2_000


@contextmanager
def open_fenced_rows(path: Path, columns: Sequence[Column], *, sheet: str | None = None) -> Iterator[RowFile]:
    """``archive.rowfiles.open_rows``, with what is not plain text parsed in a process of its own."""
    if not is_packed(path):
        with open_rows(path, columns, sheet=sheet) as rows:
            yield rows
        return
    with fenced_file(path, remedy=_("save it as CSV UTF-8, then import that")) as file:
        head = file.run(_open, path.absolute(), tuple(columns), sheet, timeout_s=OPEN_TIMEOUT_S)
        yield RowFile(head.headings, head.places, head.ignored, _rows(file), head.merged, all_texts=False)


def _rows(file: FencedFile) -> Iterator[tuple[int, Sequence[Cell]]]:
    while rows := file.run(_next, ROWS_AT_ONCE, timeout_s=NEXT_TIMEOUT_S):
        yield from rows


# -- within the process -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Head:
    """What of a ``RowFile`` is known before its rows are read."""

    headings: tuple[str, ...]
    places: dict[str, int]
    ignored: tuple[str, ...]
    merged: dict[int, frozenset[int]]


_opened: list[tuple[AbstractContextManager[RowFile], RowFile]] = []
"""The one file that this process is there for."""


def _open(path: Path, columns: tuple[Column, ...], sheet: str | None) -> Head:
    opening = open_rows(path, columns, sheet=sheet)
    rows = opening.__enter__()
    _opened[:] = [(opening, rows)]
    return Head(rows.headings, rows.places, rows.ignored, dict(rows.merged))


def _next(count: int) -> list[tuple[int, list[Any]]]:
    [(_opening, opened)] = _opened
    return [(line, list(cells)) for line, cells in islice(opened.rows, count)]
