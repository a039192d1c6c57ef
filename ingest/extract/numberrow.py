"""The row ``Số: …/…`` at the head of a paper, and the number in it: printed, by pen, or not there."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.extract.finding import Finding
from ingest.extract.grammar import NumberLine, date_in, digits_in, is_label, number_line, unlabelled
from ingest.extract.layout import Head, Run
from ingest.extract.names import type_code
from ingest.extract.printing import PEN, PRINTED, Print, print_of, stands_as_print
from ingest.extract.rows import box_of, cites, rows_of
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import Box, Word

HEAD_STEPS = 12
"""Lines from the motto within which number and date stand."""
NO_ROW = 0.95
"""Confidence that a form has neither number nor issuer."""


@dataclass(frozen=True, slots=True)
class NumberRow:
    """The row ``Số: …/…`` as read, and its words of number, symbol and label."""

    parts: NumberLine
    row: Run
    number_words: tuple[Word, ...]
    symbol_words: tuple[Word, ...]


def number_row(row: Run, taken_apart: Callable[[str], NumberLine | None] = number_line) -> NumberRow | None:
    """*row* taken apart as number and symbol; None where it is none."""
    parts = taken_apart(row.text)
    if parts is None or not parts.symbol:
        return None
    at = row.text.rfind("/") if parts.slash else len(row.text) - len(parts.symbol)
    if parts.slash and re.match(r"(?:19|20)\d\d/", parts.symbol):
        at = row.text.rfind("/", 0, at)
    number: list[Word] = []
    symbol: list[Word] = []
    place = 0
    for word in row.words:
        start, end = place, place + len(word.text)
        place = end + 1
        if end > at and end != at + 1:
            symbol.append(word)
        if start < at and (any(c.isdigit() for c in word.text[: at - start]) or not is_label(word.text)):
            number.append(word)
    return NumberRow(parts, row, tuple(number), tuple(symbol))


def find_number_row(head: Head) -> NumberRow | None:
    """The row of number and symbol, in the left column or, on results of other make, under the heading."""
    top, end = head.top, head.top + HEAD_STEPS * head.step
    in_column = [number_row(row) for row in rows_of(_left_of_date(head, head.left(top, end)))]
    found = [row for row in in_column if row is not None]
    if not found and head.motto is not None:
        rows = rows_of(head.left(head.motto.y1 + head.step, end))
        found = [row for run in rows if (row := number_row(run, unlabelled)) is not None]
    if not found and head.motto is not None:  # results of other make set the number under the heading
        everywhere = (number_row(run) for run in head.runs if run.box.y0 < 0.5 and not cites(run.text))
        found = [row for row in everywhere if row is not None and _is_whole(row.parts)]
    return max(found, key=lambda row: (row.parts.slash, bool(row.parts.symbol), -row.row.level), default=None)


def _left_of_date(head: Head, runs: Sequence[Run]) -> list[Run]:
    """Number and date are read as one where dots or specks fill the gap between them: parted at the column."""
    found = []
    for run in runs:
        if run.box.x1 > head.parting and date_in(run.text):
            words = tuple(w for w in run.words if w.box.x1 < head.parting)
            if words:
                found.append(Run(words, run.height))
        else:
            found.append(run)
    return found


def code_in_symbol(row: NumberRow | None) -> str | None:
    """The code of the type in the symbol; None where it has none, as a letter's."""
    if row is None:
        return None
    parts = row.parts.symbol.rpartition("/")[2].split("-")
    return type_code(parts[0]) if len(parts) > 1 else None


def agency_code(row: NumberRow | None) -> str:
    """The issuer's part of the symbol as read: the first behind a type's code, or the very first of a letter."""
    parts = row.parts.symbol.rpartition("/")[2].split("-") if row else []
    if len(parts) > 1:
        return parts[1] if type_code(parts[0]) else parts[0]
    return ""


def number_finding(head: Head, row: NumberRow | None, bottom: float) -> Finding:
    """The number in *row*; a head that ends at *bottom* and has none may bear the label alone."""
    if row is None:
        return _without_row(head, bottom)
    page = head.page
    box = box_of(row.number_words) or _gap_before(row)
    evidence = Evidence(page.number, box)
    if (row.parts.number.strip(" .…_-")) == "":
        return Finding(None, 0.0, evidence, reason=_("no number is printed; it may be written by hand"))
    digits = digits_in(row.parts.number)
    likely = _candidates(row.parts.number)
    if digits is None:
        return Finding(likely[0] if likely else None, 0.1, evidence, likely, _("the number is not print"))
    confidence = min((w.confidence for w in row.number_words), default=0.0)
    if not digits.exact or not row.parts.slash:
        confidence *= 0.6
    printed = print_of(page.digits, row.number_words, digits.value) if digits.exact else Print.UNKNOWN
    if printed is Print.PROVED:
        confidence = max(confidence, PRINTED)
    elif any((box.joined(_gap_before(row)) if page.typed else box).overlap(ink) > 0 for ink in page.unread_ink):
        confidence *= 0.7
    match printed:
        case Print.UNLIKE:
            confidence *= PEN
        case Print.UNKNOWN if not page.typed:
            confidence *= stands_as_print(row.row.words, row.number_words, row.symbol_words)
        case _:
            pass
    return Finding(digits.value, confidence, evidence, (digits.value,), _("the number may be written by hand"),
                   proved=printed is Print.PROVED)  # fmt: skip


def _without_row(head: Head, bottom: float) -> Finding:
    if head.motto is None:
        return Finding(None, 0.0, reason=_("no row of number and symbol was found"))
    column = Box(0.02, head.motto.y1, head.parting, bottom + 2 * head.step)
    labelled = any(is_label(run.text) for run in head.left(column.y0, column.y1))
    return Finding(None, 0.0, Evidence(head.page.number, column) if labelled else None,
                   reason=_("no row of number and symbol was found"))  # fmt: skip


def _gap_before(row: NumberRow) -> Box:
    """Where a number would stand that was not read: from the label to the symbol."""
    box = row.row.box
    label = row.row.words[0].box
    until = row.symbol_words[0].box.x0 if row.symbol_words else box.x1
    return Box(min(label.x1, until), box.y0, max(label.x1, until), box.y1)


def _candidates(read: str) -> tuple[str, ...]:
    """What the number may be, when only a part of it was read as digits."""
    found = ["".join(c for c in read if c.isdigit())]
    turned = "".join(d.value for part in re.split(r"[\s.,:;'_-]+", read) if (d := digits_in(part)))
    found.append(turned)
    return tuple(dict.fromkeys(value for value in found if value))


def _is_whole(parts: NumberLine) -> bool:
    """Digits, or room for them, before a symbol of two parts: no ``Số định danh cá nhân/CCCD``."""
    return "-" in parts.symbol and (digits_in(parts.number) is not None or not any(c.isalpha() for c in parts.number))
