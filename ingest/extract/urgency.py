"""Stamps of urgency: KHẨN, THƯỢNG KHẨN, HỎA TỐC, below the number at the left."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ingest.extract.finding import Finding
from ingest.extract.folding import folded, letters, likeness
from ingest.extract.layout import Head, Run
from ingest.extract.names import URGENCIES
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import Box, PageText

PAGE_MM = (210, 297)
SPECK_MM2 = 20


@dataclass(frozen=True)
class UrgencyStamp:
    """What is stamped below a head that ends at *bottom*."""

    page: PageText
    head: Head
    bottom: float
    date_run: Run | None

    @cached_property
    def finding(self) -> Finding:
        for run in self.head.runs:
            if run.box.y0 > 0.4 or run.box.y1 < self.bottom - self.head.step or len(letters(run.text)) > 22:
                continue
            if run.box.x0 > 0.5 and self.head.motto is not None:
                continue
            fits = sorted(((likeness(run.text, name), name) for name in URGENCIES), reverse=True)
            fit, name = fits[0]
            if fit >= 0.72 and len(letters(run.text)) > 3:
                return Finding(name, 0.5 + fit / 2, Evidence(self.page.number, run.box), (name,),
                               _("a stamp of urgency is unclear"))  # fmt: skip
            if (
                fit >= 0.5
                and run.confidence < 0.8
                and len(letters(run.text)) > 3
                and run is not self.date_run
                and run.box.y0 > self.bottom - 0.5 * self.head.step
                and run.box.x0 < 0.35
            ):
                return Finding(name, 0.4, Evidence(self.page.number, run.box), (name,),
                               _("a stamp of urgency is unclear"))  # fmt: skip
        if (ink := self._ink_like_a_stamp()) is not None:
            return Finding(URGENCIES[0], 0.5, Evidence(self.page.number, ink), URGENCIES[:3],
                           _("there is ink where a stamp of urgency stands"))  # fmt: skip
        if self._ink_below_number:
            return Finding(None, 0.8, Evidence(self.page.number, self._ink_below_number[0]), URGENCIES[:3],
                           _("there is ink where a stamp of urgency stands"))  # fmt: skip
        return Finding(None, 0.97)

    def _ink_like_a_stamp(self) -> Box | None:
        """Unread ink below the number at the left, of the size of a stamp of urgency, be it slanted.

        NĐ 30/2020, Phụ lục I gives the stamps as 20 to 40 mm by 8; those on real scans are up to 35 mm by 22.
        """
        arrival = [run.box for run in self.head.runs if {"den", "ngay"} & set(folded(run.text).split())]
        pieces = [ink for ink in self._ink_below_number if not any(ink.overlap(box) > 0 for box in arrival)]
        for ink in [*pieces, *_put_together(pieces)]:
            if 16 < ink.width * PAGE_MM[0] < 45 and 5 < ink.height * PAGE_MM[1] < 32:
                return ink
        return None

    @cached_property
    def _ink_below_number(self) -> list[Box]:
        """Unread ink of more than a speck at the left, from the number down to the middle of the page."""
        return [ink for ink in self.page.unread_ink
                if ink.x0 < 0.3 and self.bottom - self.head.step < ink.y0 < 0.45
                and ink.width * PAGE_MM[0] * ink.height * PAGE_MM[1] > SPECK_MM2]  # fmt: skip


def _put_together(pieces: Sequence[Box]) -> list[Box]:
    """The pieces of ink that lie within 15 mm of one another, as one: a slanted stamp comes in pieces."""
    if len(pieces) < 2:
        return []
    whole = pieces[0]
    for piece in pieces[1:]:
        apart_x = max(piece.x0 - whole.x1, whole.x0 - piece.x1, 0.0) * PAGE_MM[0]
        apart_y = max(piece.y0 - whole.y1, whole.y0 - piece.y1, 0.0) * PAGE_MM[1]
        if max(apart_x, apart_y) < 15:
            whole = whole.joined(piece)
    return [whole]
