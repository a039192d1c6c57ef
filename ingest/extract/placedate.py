"""Place and date at the head of a paper, or above the signature of forms and minutes."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ingest.extract.finding import Finding
from ingest.extract.folding import folded
from ingest.extract.grammar import DateRead, date_in, iso_date
from ingest.extract.layout import Head, Run, head_of
from ingest.extract.numberrow import HEAD_STEPS
from ingest.extract.printing import PEN, PRINTED, Print, date_stands_as_print, print_of
from ingest.extract.rows import box_of, cites, rows_of
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import PageText, Word

MISREAD_DIGIT = 0.9
"""Factor where a character was taken for the digit it looks like (``l6`` for 16)."""
LOST_DIGIT = 0.85
"""Factor of a month read as ``1``: NĐ 30/2020 has 01 written, so that it may be what is left of 10, 11 or 12."""
SAID = 0.93
"""Confidence of a year that the body speaks of as well."""


def find_date_run(head: Head) -> Run | None:
    """The row of place and date beside or below the motto; None where there is none."""
    top, end = head.top, head.top + HEAD_STEPS * head.step
    near = [run for run in head.runs if top <= run.level <= end and run.box.x1 > head.parting + 0.1]
    rows = rows_of(near)
    whole = [_with_next(row, rows) for row in rows]
    dated = [run for run in whole if date_in(run.text) and not cites(run.text)]
    if dated:
        return dated[0]
    lower = [run for run in head.runs if run.box.y0 > end and run.box.x0 > 0.35 and _is_place_and_date(run)]
    return lower[0] if lower and head.motto is not None else None


@dataclass(frozen=True)
class PlaceAndDate:
    """The date of a paper whose head has it in *run*, or nowhere; *body* are the words below the head."""

    texts: Sequence[PageText]
    run: Run | None
    body: Sequence[str]

    @property
    def page(self) -> PageText:
        return self.texts[0]

    @cached_property
    def issued_on(self) -> Finding:
        run = self.run
        read = date_in(run.text) if run else None
        if run is None or read is None:
            return self._date_at_end()
        return self._date(run, read, self.page.number)

    def _date_at_end(self) -> Finding:
        """Forms and minutes have place and date above the signature."""
        for text in reversed(self.texts):
            for run in head_of(text).runs:
                read = date_in(run.text)
                if read and run.box.x0 > 0.35 and _is_place_and_date(run):
                    found = self._date(run, read, text.number)
                    return Finding(found.value, found.confidence * 0.8, found.evidence, found.candidates, found.reason)
        return Finding(None, 0.0, reason=_("no date was found"))

    def _date(self, run: Run, read: DateRead, page: int) -> Finding:
        words = _date_words(run)
        evidence = Evidence(page, box_of(words) or run.box)
        candidates = _date_candidates(read)
        if read.iso is None:
            return Finding(candidates[0] if candidates else None, 0.1, evidence, candidates,
                           _("day or month are not print, or there is no such day"))  # fmt: skip
        printed = [print_of(self.page.digits, [word], digits_of(word)) for word in words]
        parts = [PRINTED if alike is Print.PROVED else word.confidence
                 for word, alike in zip(words, printed, strict=True)]  # fmt: skip
        by_hand = [alike for alike in printed[:2] if alike not in (Print.PROVED, Print.LIKELY)]
        if read.year and len(parts) > 2 and self._says(read.year.value):
            parts[-1] = max(parts[-1], SAID)
        confidence = min(parts, default=0.0)
        if not read.exact:
            confidence *= MISREAD_DIGIT
        if Print.UNLIKE in printed[:2]:
            confidence *= PEN
        elif (by_hand or len(printed) < 2) and not self._typed(page):
            confidence *= date_stands_as_print(run, words)
        if read.raw[1] == "1" and not self._typed(page):
            confidence *= LOST_DIGIT
        year_is_print = len(printed) > 2 and printed[-1] is Print.PROVED
        if read.year and not year_is_print and not self._typed(page) and not self._year_fits(read.year.value):
            confidence *= 0.8
        if by_hand and any(evidence.box.overlap(ink) > 0 for ink in self.page.unread_ink if page == self.page.number):
            confidence *= 0.7
        return Finding(read.iso, confidence, evidence, candidates, _("the date may be completed by hand"),
                       proved=len(printed) > 2 and printed[:2] == [Print.PROVED] * 2)  # fmt: skip

    def _typed(self, page: int) -> bool:
        return any(text.typed for text in self.texts if text.number == page)

    def _year_fits(self, year: str) -> bool:
        """The body speaks of this year or the one before, as papers do; a misread year stands alone."""
        years = self._years
        return not years or year in years or str(int(year) - 1) in years

    def _says(self, year: str) -> bool:
        """The body speaks of this very year."""
        return self._years[year] > 0

    @cached_property
    def _years(self) -> Counter[str]:
        return Counter(word for word in self.body if re.fullmatch(r"(?:19|20)\d\d", word))


def _date_words(run: Run) -> list[Word]:
    """The words from ``ngày`` on that bear digits, or should."""
    start = next((i for i, w in enumerate(run.words) if re.match(r"[Nn][gq][àaâảáạ]y", w.text)), 0)
    words = [w for w in run.words[start:] if folded(w.text).strip(".,:") not in ("ngay", "thang", "nam")]
    return words[:6]


def _with_next(row: Run, rows: Sequence[Run]) -> Run:
    """*row*, together with the one below it where a long place has pushed the year there."""
    if date_in(row.text) or not re.search(r"n[ăa]m\W*$", row.text):
        return row
    below = [r for r in rows if 0 < r.level - row.level < 2.5 * row.height and re.fullmatch(r"\W*\d{4}\W*", r.text)]
    return Run((*row.words, *below[0].words), row.height) if below else row


def digits_of(word: Word) -> str:
    """The digits in the word, in their order."""
    return "".join(c for c in word.text if c.isdigit())


def _date_candidates(read: DateRead) -> tuple[str, ...]:
    if read.iso:
        return (read.iso,)
    if read.month is None or read.year is None:
        return ()
    digits = "".join(c for c in read.raw[0] if c.isdigit())
    days = [digits[-2:], digits[:2], digits[-1:]]
    found = (iso_date(read.year.value, read.month.value, day) for day in days)
    return tuple(dict.fromkeys(value for value in found if value))


def _is_place_and_date(run: Run) -> bool:
    """``Hà Nội, ngày 1 tháng 2 năm 2023`` and nothing more."""
    before = re.split(r"[Nn][gq][àaâảáạ]y", run.text)[0]
    return date_in(run.text) is not None and len(before.split()) <= 6 and not cites(run.text) and len(run.words) <= 13
