"""What a paper is and what it is about: its heading and abstract, or a letter's ``V/v``."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ingest.extract import agencies
from ingest.extract.finding import Finding
from ingest.extract.folding import folded, letters, likeness
from ingest.extract.layout import Head, Run, confidence_of
from ingest.extract.names import LETTER, TITLE_WORDS, TYPES, URGENCIES, type_named
from ingest.extract.numberrow import NumberRow, code_in_symbol
from ingest.extract.rows import FAINT, begins_paragraph, is_capitals, joined, row_of, rows_of, run_on, usual_step
from ingest.extract.wording import Weighed, keys_of, pairs_of, weighed
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import PageText, Word

ON_AXIS = 0.16
"""How far the middle of a heading may lie from the middle of the page."""
MOST_LINES = 7
"""An abstract of more lines has most probably run on into the body."""

AXIS = 0.52
SURE = 0.9
"""With this confidence and more the reader has a syllable's marks right, as far as it knows."""
_SUBJECT = re.compile(
    r"^\W{0,3}(?:[VvYy]\s*[/1lI|\\⁄]+\s*[vVyYwW]?\b|[Vv][/⁄]?[vVwW]\b|[VvWw]\s*[/⁄][A-ZÀ,]?|[Vv][AÁÀaáà/⁄]{1,2}[vy]|[WV](?=\s)|VÀ,"
    r"|(?=[Vv][ềêèéẻẽẹeể]\s+vi[ệêeẹ]c))"
)
_BODY_BEGINS = ("can cu", "xet ", "theo ", "dieu 1", "chuong ", "phan ", "i. ", "1. ", "kinh gui", "ngay ", "nham ",
                "de nghi", "thuc hien cong van", "thuc hien ke hoach", "thuc hien quyet dinh", "thuc hien chi",
                "thuc hien y kien", "thuc hien thong", "can cư", "hom nay", "so:", "ho va ten")  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """Heading and abstract of the paper *texts*; its head ends at *bottom*."""

    texts: Sequence[PageText]
    head: Head
    number: NumberRow | None
    bottom: float
    issuer_name: str

    @cached_property
    def _heading(self) -> tuple[Run, str, float] | None:
        """The run that names the type, the type, and how like it the run is."""
        for run in self.head.runs:
            if run.level < self.bottom - 0.3 * self.head.step or run.box.y0 > 0.55:
                continue
            if abs(run.middle - AXIS) > ON_AXIS or not is_capitals(run.text):
                continue
            core = " ".join(word.text for word in run.words if len(letters(word.text)) > 1)
            if named := type_named(core):
                return run, *named
        return self._heading_by_code()

    def _heading_by_code(self) -> tuple[Run, str, float] | None:
        """The run that is most like the type which the symbol names, where a stamp lies over the heading."""
        if (code := code_in_symbol(self.number)) is None:
            return None
        name = TYPES[code]
        best: tuple[Run, str, float] | None = None
        for run in self.head.runs:
            if self.bottom - 0.3 * self.head.step < run.level < 0.45 and abs(run.middle - AXIS) < ON_AXIS:
                for start in range(len(run.words)):
                    fit = likeness(" ".join(word.text for word in run.words[start : start + len(name.split())]), name)
                    if fit >= 0.6 and (best is None or fit > best[2]):
                        best = run, name, fit
        return best

    @cached_property
    def type(self) -> Finding:
        code = code_in_symbol(self.number)
        if self._heading is not None:
            run, name, fit = self._heading
            confidence = 0.6 + 0.4 * fit if fit < 1 else 0.97
            if code is not None and TYPES[code] == name:
                confidence = 0.99
            elif code is not None:
                confidence *= 0.85
            if fit < 0.8:
                confidence = min(confidence, 0.85)
            return Finding(
                name, confidence, Evidence(self.head.page.number, run.box), (name,), _("the heading is unclear")
            )
        if self._is_letter:
            evidence = Evidence(self.head.page.number, self._subject_rows[0].box) if self._subject_rows else None
            confidence = 0.98 if code is None and self._subject_rows and self._addressed else 0.85
            return Finding(LETTER, confidence, evidence, (LETTER,), _("no heading; it looks like a letter"))
        if code is not None:
            return Finding(TYPES[code], 0.6, None, (TYPES[code],), _("taken from the symbol; no heading was found"))
        return Finding(None, 0.0, reason=_("no heading was found"))

    @cached_property
    def _addressed(self) -> bool:
        return any("kinh gui" in folded(run.text) or likeness(run.text, "Kính gửi") > 0.8
                   for run in self.head.runs if run.box.y0 < 0.6)  # fmt: skip

    @property
    def _is_letter(self) -> bool:
        return bool(self._subject_rows) or self._addressed

    @cached_property
    def _subject_rows(self) -> list[Run]:
        """``V/v …`` below the number, in the left column, with the lines that go on from it."""
        rows = rows_of([run for run in self.head.runs if run.level > self.bottom - self.head.step
                        and run.box.x0 < self.head.parting - 0.05 and run.box.x1 < self.head.parting + 0.1
                        and run.box.y0 < 0.45])  # fmt: skip
        number = self.number
        rows = [row for row in rows if number is None or row.level > number.row.level + 0.3 * number.row.height]
        start = next((i for i, row in enumerate(rows) if _SUBJECT.match(row.text)), None)
        if start is None or rows[start].box.y0 > self.bottom + 5 * self.head.step:
            return []
        return [rows[start], *run_on(rows[start + 1 :], [rows[start]], 1.75, _ends_subject)]

    @cached_property
    def abstract(self) -> Finding:
        rows = self._heading_rows if self._heading is not None else self._subject_rows
        if not rows:
            return Finding(None, 0.0, reason=_("no abstract was found"))
        words = [word for row in rows for word in row.words]
        box = row_of(rows).box
        if self.head.page.typed:
            text = Weighed(joined(rows), 0, 0, 0, len(words))
        else:
            text = weighed(_with_opening(joined(rows)), self._pairs, _surely_read(words))
        faint = sum(word.confidence < FAINT for word in words) / len(words)
        doubtful = text.doubtful + sum(_one_or_roman(word.text) for word in words if not self.head.page.typed)
        confidence = confidence_of(words) - 0.5 * faint - 0.04 * doubtful - self._doubt_of_end(rows)
        confidence -= 0.1 * (text.overruled + (len(rows) > MOST_LINES))
        candidates = (text.text, _with_opening(joined(rows))) if text.overruled else (text.text,)
        return Finding(text.text, confidence, Evidence(self.head.page.number, box), candidates,
                       _("some words are unclear"))  # fmt: skip

    def _doubt_of_end(self, rows: Sequence[Run]) -> float:
        """How doubtful it is that the abstract ends where it does: the next line stands hardly further below its last
        line than lines within it do, and does not begin as the body does."""
        after = [row for row in rows_of(self.head.runs) if row.level > rows[-1].level + 0.5 * rows[-1].height
                 and row.box.x0 < rows[-1].box.x1 and row.box.x1 > rows[-1].box.x0]  # fmt: skip
        if not after or _begins_body(after[0].text) or is_capitals(after[0].text) or _ends_subject(after[0]):
            return 0.0
        if self._heading is not None and begins_paragraph(after[0], rows, self._heading[0].middle):
            return 0.0
        return 0.06 if after[0].level - rows[-1].level < 1.9 * usual_step(rows) else 0.0

    @cached_property
    def _pairs(self) -> Counter[tuple[str, str]]:
        """Pairs of syllables of the whole paper."""
        return pairs_of([line.text for text in self.texts for line in text.lines])

    @cached_property
    def _heading_rows(self) -> list[Run]:
        """The lines under the heading, on its axis, down to the wide gap that the rule below them leaves."""
        assert self._heading is not None
        heading = self._heading[0]
        below = [run for run in self.head.runs if run.level > heading.level + 0.3 * heading.height
                 and run.box.y0 < heading.box.y1 + 0.3]  # fmt: skip
        rows = rows_of([run for run in below if _crosses(run, heading)])
        if not rows or rows[0].level - heading.level > 2.2 * max(1.35 * heading.height, 0.02):
            return []
        if self._ends_abstract(rows[0], []):
            return []
        taken = [rows[0]]
        for row in rows[1:]:
            if self._ends_abstract(row, taken) or row.level - taken[-1].level > 1.45 * usual_step(taken):
                break
            taken.append(row)
        return taken

    def _ends_abstract(self, row: Run, before: Sequence[Run]) -> bool:
        if _begins_body(row.text):
            return True
        if not before:
            return _is_authority(row.text, self.issuer_name) and is_capitals(row.text)
        if begins_paragraph(row, before, self._heading[0].middle if self._heading else AXIS):
            return True
        capitals = is_capitals(row.text)
        if capitals and not is_capitals(before[-1].text) and len(row.words) > 1:
            return _is_authority(row.text, self.issuer_name) or row.level - before[-1].level > 1.3 * row.height
        return False


def _is_authority(text: str, issuer: str) -> bool:
    """The line names who decides: ``BỘ TRƯỞNG BỘ Y TẾ``, ``GIÁM ĐỐC SỞ Y TẾ``, ``ỦY BAN NHÂN DÂN TỈNH …``."""
    bare = letters(text)
    if bare.startswith(tuple(letters(title) for title in TITLE_WORDS)):
        return True
    return (bool(issuer) and likeness(text, issuer) > 0.75) or agencies.begins_agency(text)


def _crosses(run: Run, heading: Run) -> bool:
    """*run* lies across the heading's axis, or beside one that does."""
    return run.box.x0 < heading.middle < run.box.x1 or abs(run.middle - heading.middle) < 0.12


def _surely_read(words: Sequence[Word]) -> set[str]:
    """The syllables that were read surely wherever they stand in *words*."""
    sure = {key for word in words if word.confidence >= SURE for key in keys_of(word.text)}
    return sure - {key for word in words if word.confidence < SURE for key in keys_of(word.text)}


def _one_or_roman(text: str) -> bool:
    """A stroke by itself is a one or a Roman numeral (``cấp I``), and the reader takes the one for the other."""
    return text.strip(".,;:()") in ("1", "I", "l", "|", "II", "11", "Il", "lI", "III", "111")


def _begins_body(text: str) -> bool:
    bare = folded(text)
    return bare.startswith(_BODY_BEGINS) or "kinh gui" in bare


def _ends_subject(row: Run) -> bool:
    bare = folded(row.text)
    return (
        "kinh gui" in bare
        or likeness(row.text, "Kính gửi") > 0.75
        or any(likeness(row.text, name) > 0.65 for name in URGENCIES)
    )


def _with_opening(text: str) -> str:
    """*text* with its opening, ``V/v`` or ``Về việc``, as it is spelt: its few characters are often misread."""
    if said := re.match(r"^\W*[VvW]\S{0,2}\s+(?=vi[ệêeẹ]c\b)", text):
        return "Về " + text[said.end() :]
    if short := _SUBJECT.match(text):
        return "V/v " + text[short.end() :].lstrip(" :.,")
    return text
