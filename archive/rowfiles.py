"""Rows of a table in a file (CSV, XLSX, XLS, ODS, Parquet), found by their headings, Vietnamese or English.

Nothing is guessed: an encoding that is not known for sure is refused by its name, and of two filled sheets one must be
named.
"""

import csv
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol, TextIO

from archive.parquetfile import parquet_rows
from schemas.errors import InputRejected
from schemas.formulas import without_guard
from schemas.language import _

HEADING_WITHIN_ROWS = 25
"""A title, an agency's name and a date often stand above the headings."""
SAMPLE_BYTES = 200_000
REJECT_HEADINGS = ("sohoa: row", "sohoa: column", "sohoa: reason")
"""Added to a file of rejected rows; ignored when it is imported again."""

Cell = Any
"""A string, or what a spreadsheet cell holds: int, float, bool, date, datetime."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by our name, and the headings (folded, see ``fold``) that people give it."""

    name: str
    headings: tuple[str, ...]
    required: bool = False


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file's headings as given, where our columns stand in it, and its rows with their line numbers."""

    headings: tuple[str, ...]
    places: dict[str, int]
    ignored: tuple[str, ...]
    rows: Iterator[tuple[int, Sequence[Cell]]]
    merged: Mapping[int, frozenset[int]]
    """By line, the places that a merged cell covers without beginning there: their value is not known."""
    all_texts: bool
    """Whether every cell is a text, as in CSV."""


class OpensRows(Protocol):
    """Opens the rows of a file, as ``open_rows`` does; who calls says in which process what is packed is parsed."""

    def __call__(
        self, path: Path, columns: Sequence[Column], *, sheet: str | None = None
    ) -> AbstractContextManager[RowFile]: ...


SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
PARQUET = b"PAR1"


def is_packed(path: Path) -> bool:
    """*path* is a spreadsheet or a Parquet file by its first bytes, and no plain text."""
    return path.is_file() and _head(path).startswith((*SPREADSHEETS, PARQUET))


@contextmanager
def open_rows(path: Path, columns: Sequence[Column], *, sheet: str | None = None) -> Iterator[RowFile]:
    """The rows of *path*, read one after another.

    InputRejected names the file and what is missing: the format, the encoding, the sheet, a heading.
    """
    if not path.is_file():
        raise InputRejected(_("{file}: there is no such file").format(file=path))
    head = _head(path)
    if head.startswith(SPREADSHEETS):
        merged, rows = _spreadsheet(path, sheet)
        yield _with_headings(path, columns, rows, merged, all_texts=False)
    elif head.startswith(PARQUET):
        with parquet_rows(path) as rows:
            yield _with_headings(path, columns, rows, {}, all_texts=False)
    elif head.startswith(b"%PDF"):
        raise InputRejected(_("{file}: not a table that can be imported; save it as CSV or XLSX").format(file=path))
    else:
        with path.open(encoding=_encoding(path), newline="") as text:
            yield _with_headings(path, columns, _csv_rows(path, text), {}, all_texts=True)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def fold(text: str) -> str:
    """*text* for comparing headings and names: without marks, case, punctuation and doubled spaces."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return " ".join(re.sub(r"[^0-9a-z]+", " ", plain).split())


def cell_text(cell: Cell) -> str:
    """A cell as a person would have typed it: whole numbers without ``.0``, dates in ISO form."""
    if isinstance(cell, str):
        return without_guard(cell.strip())
    if cell is None or isinstance(cell, bool):
        return "" if cell is None else str(cell)
    if isinstance(cell, float | Decimal) and math.isfinite(cell) and cell == int(cell):
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell).strip()


_SIGN = re.compile("[®¸µ¶¹¨©ª«¬¾»¼½]")
_TCVN3_IN_UNICODE = re.compile(r"[A-Za-z][®¸µ¶¹¨©ª«¬¾»¼½]|[®¨©¬][A-Za-z]")


def looks_like_tcvn3(text: str) -> bool:
    """True for text typed in an ABC font (.VnTime): letters with signs that no Vietnamese word has in Unicode."""
    return bool(_SIGN.search(text) and _TCVN3_IN_UNICODE.search(text))


def _spreadsheet(
    path: Path, sheet: str | None
) -> tuple[Mapping[int, frozenset[int]], Iterator[tuple[int, Sequence[Cell]]]]:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        book = CalamineWorkbook.from_path(str(path))
        filled = [name for name in book.sheet_names if book.get_sheet_by_name(name).height > 0]
    except PasswordError as error:
        raise InputRejected(_("{file}: protected by a password; save it without one").format(file=path)) from error
    except (CalamineError, OSError, ValueError) as error:
        raise InputRejected(
            _("{file}: not readable as a spreadsheet: {error}").format(file=path, error=error)
        ) from error
    if sheet is None and len(filled) != 1:
        raise InputRejected(
            _("{file}: {count} sheets hold something ({names}); name one with --sheet").format(
                file=path, count=len(filled), names=", ".join(filled))
        )  # fmt: skip
    name = filled[0] if sheet is None else sheet
    if name not in book.sheet_names:
        raise InputRejected(
            _("{file}: no sheet {sheet}; there are: {names}").format(
                file=path, sheet=name, names=", ".join(book.sheet_names))
        )  # fmt: skip
    table = book.get_sheet_by_name(name)
    first, left = table.start or (0, 0)
    covered: dict[int, set[int]] = defaultdict(set)
    for (top, start), (bottom, end) in table.merged_cell_ranges or ():
        for line in range(top, bottom + 1):
            covered[line + 1] |= {place - left for place in range(start, end + 1) if (line, place) != (top, start)}
    merged = {line: frozenset(places) for line, places in covered.items()}
    return merged, enumerate(islice(table.iter_rows(), first, None), first + 1)  # which counts from the sheet's top


def _csv_rows(path: Path, text: TextIO) -> Iterator[tuple[int, Sequence[Cell]]]:
    sample = text.read(4096)
    text.seek(0)
    first_lines = "\n".join(sample.splitlines()[:HEADING_WITHIN_ROWS])
    delimiter = max(",;\t", key=first_lines.count)
    reader = csv.reader(text, delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise InputRejected(
            _("{file}: after line {line} bytes that are not {encoding}; save the file as UTF-8").format(
                file=path, line=reader.line_num, encoding=error.encoding)
        ) from error  # fmt: skip
    except csv.Error as error:
        raise InputRejected(
            _("{file}: line {line} is not CSV: {error}").format(file=path, line=reader.line_num, error=error)
        ) from error


def _with_headings(
    path: Path,
    columns: Sequence[Column],
    rows: Iterator[tuple[int, Sequence[Cell]]],
    merged: Mapping[int, frozenset[int]],
    *,
    all_texts: bool,
) -> RowFile:
    by_heading = {heading: column.name for column in columns for heading in column.headings}
    top = list(islice(rows, HEADING_WITHIN_ROWS))
    best: tuple[int, int, dict[str, int]] = (0, 0, {})
    for index, (_line, cells) in enumerate(top):
        places: dict[str, int] = {}
        for place, cell in enumerate(cells):
            name = by_heading.get(fold(cell_text(cell)))
            if name is not None:
                places.setdefault(name, place)
        if len(places) > best[0]:
            best = (len(places), index, places)
    _found, at, places = best
    headings = tuple(cell_text(cell) for cell in top[at][1]) if top else ()
    missing = [column for column in columns if column.required and column.name not in places]
    if missing:
        raise InputRejected(
            _("{file}: no column for {missing}; the headings seen are: {seen}").format(
                file=path,
                missing="; ".join(f"{column.name} ({', '.join(column.headings[:4])})" for column in missing),
                seen=" | ".join(heading for heading in headings if heading) or _("none"))
        )  # fmt: skip
    ours = {fold(heading) for heading in REJECT_HEADINGS}
    ignored = tuple(
        heading
        for place, heading in enumerate(headings)
        if heading and place not in places.values() and fold(heading) not in ours
    )
    return RowFile(headings, places, ignored, chain(top[at + 1 :], rows), merged, all_texts)


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in sample:
        raise InputRejected(_("{file}: neither CSV nor a spreadsheet").format(file=path))
    cut = sample if len(sample) < SAMPLE_BYTES else sample[: sample.rfind(b"\n") + 1]
    try:
        cut.decode("utf-8")
        return "utf-8-sig"
    except UnicodeDecodeError:
        pass
    # TCVN3 writes đ as AE and á à ả ã ạ as B8 B5 B6 B7 B9, all of them signs in Windows-1258;
    # Windows-1258 writes the five tones as EC CC D2 DE F2 after a vowel.
    tcvn3 = len(re.findall(rb"[A-Za-z][\xb5-\xb9\xae]|\xae[A-Za-z\xa8-\xfe]", cut))
    windows = len(
        re.findall(rb"[AEIOUYaeiouy\xe2\xc2\xe3\xc3\xea\xca\xf4\xd4\xf5\xd5\xfd\xdd][\xec\xcc\xd2\xde\xf2]", cut)
    )
    if windows > 2 * tcvn3:
        return "cp1258"
    if tcvn3:
        raise InputRejected(
            _("{file}: text in TCVN3 (ABC fonts such as .VnTime); convert it to Unicode (UTF-8), then import "
              "again").format(file=path)
        )  # fmt: skip
    raise InputRejected(
        _("{file}: neither UTF-8, UTF-16 nor Windows-1258; save it as CSV UTF-8, then import again").format(file=path)
    )
