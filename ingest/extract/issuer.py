"""The agencies at the head of a paper: who issues it, and whose part the issuer is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ingest.extract import agencies
from ingest.extract.finding import UNREAD, Finding
from ingest.extract.folding import folded, letters, likeness
from ingest.extract.grammar import is_label
from ingest.extract.layout import Head, Run
from ingest.extract.numberrow import NumberRow, agency_code, number_row
from ingest.extract.rows import is_capitals, row_of, rows_of
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import Box, Word

OTHER_CODE, OTHER_CODE_NEAR = 0.88, 0.97
"""Factor where the symbol names another agency than the head does: the issuer's own line may have been missed, unless
the last line stands so near the number that there is no room for one."""
ROOM_FOR_A_LINE = 2.6
"""From the last line of an agency to the number, in steps of the head; each line needs one, the rule below it half."""
NOT_BORNE_OUT = 0.95
"""Factor of an agency's name that nothing else on the paper bears out."""
OTHER_LETTERS = 0.85
"""Factor of a typed name that differs in more than marks from those that are known: a word beside it may be no part of
it."""
KNOWN_WORD = 0.95
"""Least confidence of a word that agencies' names are made of: BAN, NHÂN, QUẬN."""


@dataclass(frozen=True, slots=True)
class Agency:
    """One agency at the head. ``confidence`` is the reader's for its worst word."""

    name: str
    box: Box
    confidence: float
    borne_out: bool
    """The paper's body, or the names that are known, hold this very name."""
    same_code: bool
    """Its initials are the agency's code in the symbol."""


@dataclass(frozen=True)
class AgencyBlock:
    """The lines beside the motto, above the row of the number; *said* is the text below the head."""

    head: Head
    number: NumberRow | None
    said: str

    @cached_property
    def body(self) -> list[str]:
        return agencies.body_words(self.said)

    @cached_property
    def rows(self) -> list[Run]:
        top = self.head.top - 1.2 * self.head.step
        row = self.number
        end = row.row.box.y0 if row and row.row.level > self.head.top else self.head.top + 4 * self.head.step
        rows = rows_of(self.head.left(top, end))
        if not row:
            rows = [r for r in rows if not is_label(r.text)]
        return [
            row
            for row in rows
            if is_capitals(row.text) and "/" not in row.text and not number_row(row) and not _is_arrival(row.text)
        ]

    @cached_property
    def agencies(self) -> list[Agency]:
        """Each name above the number, parents first."""
        kept = [(line, row) for row in self.rows if len(letters(line := agencies.tidy_name(row.text))) > 1]
        blocks = agencies.names_in([line for line, _ in kept], self.body)
        found = []
        for indexes in blocks:
            code = self.code if indexes is blocks[-1] else ""
            read = " ".join(kept[i][0] for i in indexes)
            named = agencies.mended(read, self.body, code)
            sure = 1.0
            if self.head.page.typed:
                sure = 1.0 if folded(named.name) == folded(read) else OTHER_LETTERS
                named = agencies.Named(read, named.borne_out and named.name == read)
            rows = [kept[i][1] for i in indexes]
            words = [w for row in rows for w in row.words if any(c.isalnum() for c in w.text)]
            same_code = bool(code) and (
                folded(agencies.code_of(named.name)) == folded(code) or agencies.fits_code(named.name, code)
            )
            name = named.name if self.head.page.typed else agencies.with_hyphens(named.name, self.said)
            confidence = sure * _worst_of(named.name, words)
            found.append(Agency(name, row_of(rows).box, confidence, named.borne_out, same_code))
        return found

    @property
    def code(self) -> str:
        """The issuer's part of the symbol as read."""
        return agency_code(self.number)

    @property
    def issuer_name(self) -> str:
        return self.agencies[-1].name if self.agencies else ""

    @cached_property
    def issuer(self) -> Finding:
        if not self.agencies:
            return Finding(None, 0.0, reason=_("no agency's name was found beside the motto"))
        return self._agency(self.agencies[-1])

    @cached_property
    def parent(self) -> Finding:
        match len(self.agencies):
            case 0:
                return UNREAD
            case 1:
                agency = self.agencies[0]
                sure = self._begins_beside_motto and (agency.same_code or not self.code or self._nothing_between)
                return Finding(None, 0.96 if sure else 0.5, reason=_("a superior agency's name may have been missed"))
            case 2:
                return self._agency(self.agencies[0])
            case _:
                found = self._agency(self.agencies[-2])
                return Finding(
                    found.value,
                    found.confidence * 0.7,
                    found.evidence,
                    found.candidates,
                    _("more than two agencies stand at the head"),
                )

    @property
    def _nothing_between(self) -> bool:
        """Between the last agency's line and the number there is no room for a line that was missed."""
        row = self.number
        return row is not None and row.row.level - self.rows[-1].level < ROOM_FOR_A_LINE * self.head.step

    @property
    def _begins_beside_motto(self) -> bool:
        """The first name stands beside the motto's first line: none above it was missed."""
        motto, box = self.head.motto, self.agencies[0].box
        return motto is not None and box.y0 - motto.y0 < 0.75 * self.head.step

    def _agency(self, agency: Agency) -> Finding:
        match agency.borne_out, agency.same_code:
            case True, True:
                confidence = 0.99
            case True, False:
                confidence = max(agency.confidence, 0.95)
            case False, True:
                confidence = agency.confidence
            case _:
                confidence = agency.confidence * NOT_BORNE_OUT
        if agency is self.agencies[-1] and self.code and not agency.same_code:
            confidence *= OTHER_CODE_NEAR if self._nothing_between else OTHER_CODE
        if self.head.motto is None or agencies.is_unfinished(agency.name):
            confidence *= 0.7
        return Finding(agency.name, confidence, Evidence(self.head.page.number, agency.box), (agency.name,),
                       _("the agency's name is unclear"))  # fmt: skip


def _worst_of(name: str, words: Sequence[Word]) -> float:
    """The reader's confidence for the worst word of *name*; those that agencies' names are made of, and spelt as they
    are, count for KNOWN_WORD at least."""
    doubtful = set(agencies.doubtful_words(name))
    told = len(words) == len(re.findall(r"[^\s–-]+", name))
    sure = [max(word.confidence, KNOWN_WORD) if told and place not in doubtful else word.confidence
            for place, word in enumerate(words)]  # fmt: skip
    return min(sure, default=0.0)


def _is_arrival(text: str) -> bool:
    """The words of a stamp of arrival."""
    return any(likeness(text, mark) > 0.75 for mark in ("CÔNG VĂN ĐẾN", "VĂN BẢN ĐẾN", "ĐẾN", "CÔNG VĂN ĐI"))
