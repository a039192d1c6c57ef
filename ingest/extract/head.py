"""The elements at the head of a paper: agency, number and symbol, date, type, abstract, urgency.

Each is looked for where the decree puts it, relative to what was found before it, and comes with a confidence that is
the least of what the reader says of the words and of how well their grammar and the other elements bear them out.
"""

import re
from collections.abc import Sequence
from functools import cached_property

from ingest.extract.finding import UNREAD, Finding
from ingest.extract.issuer import AgencyBlock
from ingest.extract.layout import Run, head_of
from ingest.extract.numberrow import NO_ROW, NumberRow, find_number_row, number_finding
from ingest.extract.placedate import PlaceAndDate, find_date_run
from ingest.extract.subject import Subject
from ingest.extract.symbol import MadeOf, desks_of, symbol_finding, symbol_without_row
from ingest.extract.urgency import UrgencyStamp
from schemas.pages import PageText

FORM_MOTTO = 0.38
"""A motto that begins further left is in the middle of the sheet; beside an agency's name it begins at 0.44 to 0.5."""

_NUMBER_TO_FILL = re.compile(r"^\W*S[ốôóoÔỐÓO]\s*[:.…]|^\W*S[ốôóo]\s*\d+\s*/")


class HeadFields:
    """The elements of one paper's head; *texts* are its pages, the first of them with the head."""

    def __init__(self, texts: Sequence[PageText]) -> None:
        self.page = texts[0]
        self.head = head_of(self.page)
        self._texts = texts

    @cached_property
    def body(self) -> str:
        """The text below the head of the first page, and those of the other pages."""
        below = [w.text for line in self.page.lines if line.box.y0 > self.bottom for w in line.words]
        rest = [w.text for text in self._texts[1:] for line in text.lines for w in line.words]
        return " ".join(below + rest)

    @cached_property
    def bottom(self) -> float:
        """Where the head ends: below the row of number and date."""
        rows = [run.box.y1 for run in (self.number_row.row if self.number_row else None, self.date_run) if run]
        return max(rows) if rows else self.head.top + 3 * self.head.step

    @cached_property
    def is_form(self) -> bool:
        """Citizens and enterprises write so: the motto in the middle, no agency beside it, no row for a number."""
        motto = self.head.motto
        return (
            motto is not None
            and motto.x0 < FORM_MOTTO
            and self.number_row is None
            and not self._block.agencies
            and not any(_NUMBER_TO_FILL.match(run.text) for run in self.head.runs if run.box.y0 < 0.5)
        )

    @cached_property
    def number_row(self) -> NumberRow | None:
        return find_number_row(self.head)

    @cached_property
    def date_run(self) -> Run | None:
        return find_date_run(self.head)

    @cached_property
    def _block(self) -> AgencyBlock:
        return AgencyBlock(self.head, self.number_row, self.body)

    @cached_property
    def _subject(self) -> Subject:
        return Subject(self._texts, self.head, self.number_row, self.bottom, self._block.issuer_name)

    @cached_property
    def number(self) -> Finding:
        if self.number_row is None and self.is_form:
            return Finding(None, NO_ROW)
        return number_finding(self.head, self.number_row, self.bottom)

    @cached_property
    def symbol(self) -> Finding:
        row, issuers = self.number_row, self._block.agencies
        if row is None:
            return (
                Finding(None, NO_ROW) if self.is_form else symbol_without_row(self.type.value, self._block.issuer_name)
            )
        return symbol_finding(
            self.page,
            row,
            MadeOf(self.type.value, issuers[-1] if issuers else None, desks_of(self._texts), self.number.proved),
        )

    @cached_property
    def issued_on(self) -> Finding:
        return PlaceAndDate(self._texts, self.date_run, self._block.body).issued_on

    @cached_property
    def issuer(self) -> Finding:
        return Finding(None, NO_ROW) if self.is_form else self._block.issuer

    @cached_property
    def parent_issuer(self) -> Finding:
        if not self._block.agencies:
            return Finding(None, NO_ROW) if self.is_form else UNREAD
        return self._block.parent

    @property
    def type(self) -> Finding:
        return self._subject.type

    @property
    def abstract(self) -> Finding:
        return self._subject.abstract

    @cached_property
    def urgency(self) -> Finding:
        return UrgencyStamp(self.page, self.head, self.bottom, self.date_run).finding
