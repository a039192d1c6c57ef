"""The elements at the head of a paper: agency, number and symbol, date, type, abstract, urgency.

Each is looked for where the decree puts it, relative to what was found before it, and comes with a confidence that is
the least of what the reader says of the words and of how well their grammar and the other elements bear them out.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from ingest.extract import agencies
from ingest.extract.finding import UNREAD, Finding
from ingest.extract.folding import distance, folded, letters, likeness
from ingest.extract.grammar import DateRead, NumberLine, date_in, digits_in, is_label, iso_date, number_line, unlabelled
from ingest.extract.layout import Head, Run, confidence_of
from ingest.extract.names import LETTER, TITLE_WORDS, TYPES, URGENCIES, type_code, type_named
from ingest.extract.printing import Print, date_stands_as_print, print_of, stands_as_print
from ingest.extract.wording import pairs_of, weighed
from schemas.documents import Evidence
from schemas.language import _
from schemas.pages import Box, PageText, Word

HEAD_STEPS = 12
"""Lines from the motto within which number and date stand."""
ON_AXIS = 0.16
"""How far the middle of a heading may lie from the middle of the page."""
MISREAD_DIGIT = 0.9
"""Factor where a character was taken for the digit it looks like (``l6`` for 16)."""
PAGE_MM = (210, 297)
SPECK_MM2 = 20
FAINT = 0.6
"""A word read with less confidence is often not what is printed."""
SURELY_READ = 0.85
"""A symbol read with more confidence is not put otherwise without asking."""
OTHER_CODE, OTHER_CODE_NEAR = 0.88, 0.97
"""Factor where the symbol names another agency than the head does: the issuer's own line may have been missed, unless
the last line stands so near the number that there is no room for one."""
ROOM_FOR_A_LINE = 2.6
"""From the last line of an agency to the number, in steps of the head; each line needs one, the rule below it half."""
NOT_BORNE_OUT = 0.95
"""Factor of an agency's name that nothing else on the paper bears out."""
KNOWN_WORD = 0.95
"""Least confidence of a word that agencies' names are made of: BAN, NHÂN, QUẬN."""
PRINTED = 0.97
"""Digits that are alike the page's own print are print, and are what they were read as."""
MOST_LINES = 7
"""An abstract of more lines has most probably run on into the body."""
OFF_AXIS = 0.012
"""Centred lines lie within this of one another; a paragraph with its indent does not."""
FORM_MOTTO = 0.38
"""A motto that begins further left is in the middle of the sheet; beside an agency's name it begins at 0.44 to 0.5."""
NO_ROW = 0.95
"""Confidence that a form has neither number nor issuer."""
LOST_DIGIT = 0.85
"""Factor of a month read as ``1``: NĐ 30/2020 has 01 written, so that it may be what is left of 10, 11 or 12."""
SAID = 0.93
"""Confidence of a year that the body speaks of as well."""
PEN = 0.6
"""Factor where the digits are unlike the page's print: pen, or misread."""
ALONE = 0.9
"""Factor where nothing else on the paper bears out what was read."""


@dataclass(frozen=True, slots=True)
class NumberRow:
    """The row ``Số: …/…`` as read, and its words of number, symbol and label."""

    parts: NumberLine
    row: Run
    number_words: tuple[Word, ...]
    symbol_words: tuple[Word, ...]


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


def row_of(runs: Sequence[Run]) -> Run:
    """Runs of one level as one, left to right."""
    words = [word for run in sorted(runs, key=lambda run: run.words[0].box.x0) for word in run.words]
    kept = [word for word in words if not any(_better_there(word, other) for other in words if other is not word)]
    return Run(tuple(kept), max(run.height for run in runs))


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


class HeadFields:
    """The elements of one paper's head; *texts* are its pages, the first of them with the head."""

    def __init__(self, texts: Sequence[PageText]) -> None:
        self.page = texts[0]
        self.head = Head(self.page)
        self._texts = texts

    # -- what the paper says elsewhere ------------------------------------------------------------------------------

    @cached_property
    def body(self) -> list[str]:
        """The words below the head of the first page, and those of the other pages."""
        below = [w.text for line in self.page.lines if line.box.y0 > self.bottom for w in line.words]
        rest = [w.text for text in self._texts[1:] for line in text.lines for w in line.words]
        return agencies.body_words(" ".join(below + rest))

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
            and not self._agencies
            and not any(_NUMBER_TO_FILL.match(run.text) for run in self.head.runs if run.box.y0 < 0.5)
        )

    # -- number and symbol ------------------------------------------------------------------------------------------

    @cached_property
    def number_row(self) -> NumberRow | None:
        top, end = self.head.top, self.head.top + HEAD_STEPS * self.head.step
        in_column = [number_row(row) for row in rows_of(self._left_of_date(self.head.left(top, end)))]
        found = [row for row in in_column if row is not None]
        if not found and self.head.motto is not None:
            rows = rows_of(self.head.left(self.head.motto.y1 + self.head.step, end))
            found = [row for run in rows if (row := number_row(run, unlabelled)) is not None]
        if not found and self.head.motto is not None:  # results of other make set the number under the heading
            everywhere = (number_row(run) for run in self.head.runs if run.box.y0 < 0.5 and not _cites(run.text))
            found = [row for row in everywhere if row is not None and _is_whole(row.parts)]
        return max(found, key=lambda row: (row.parts.slash, bool(row.parts.symbol), -row.row.level), default=None)

    def _left_of_date(self, runs: Sequence[Run]) -> list[Run]:
        """Number and date are read as one where dots or specks fill the gap between them: parted at the column."""
        found = []
        for run in runs:
            if run.box.x1 > self.head.parting and date_in(run.text):
                words = tuple(w for w in run.words if w.box.x1 < self.head.parting)
                if words:
                    found.append(Run(words, run.height))
            else:
                found.append(run)
        return found

    @cached_property
    def number(self) -> Finding:
        row = self.number_row
        if row is None:
            return self._number_without_row()
        box = _box_of(row.number_words) or _gap_before(row)
        evidence = Evidence(self.page.number, box)
        if (row.parts.number.strip(" .…_-")) == "":
            return Finding(None, 0.0, evidence, reason=_("no number is printed; it may be written by hand"))
        digits = digits_in(row.parts.number)
        likely = _candidates(row.parts.number)
        if digits is None:
            return Finding(likely[0] if likely else None, 0.1, evidence, likely, _("the number is not print"))
        confidence = min((w.confidence for w in row.number_words), default=0.0)
        if not digits.exact or not row.parts.slash:
            confidence *= 0.6
        printed = print_of(self.page.digits, row.number_words, digits.value) if digits.exact else Print.UNKNOWN
        if printed is Print.PROVED:
            confidence = max(confidence, PRINTED)
        elif any(box.overlap(ink) > 0 for ink in self.page.unread_ink):
            confidence *= 0.7
        match printed:
            case Print.UNLIKE:
                confidence *= PEN
            case Print.UNKNOWN:
                confidence *= stands_as_print(row.row.words, row.number_words, row.symbol_words)
            case Print.PROVED | Print.LIKELY:
                pass
        return Finding(digits.value, confidence, evidence, (digits.value,), _("the number may be written by hand"),
                       proved=printed is Print.PROVED)  # fmt: skip

    def _number_without_row(self) -> Finding:
        if self.is_form:
            return Finding(None, NO_ROW)
        if self.head.motto is None:
            return Finding(None, 0.0, reason=_("no row of number and symbol was found"))
        column = Box(0.02, self.head.motto.y1, self.head.parting, self.bottom + 2 * self.head.step)
        labelled = any(is_label(run.text) for run in self.head.left(column.y0, column.y1))
        return Finding(None, 0.0, Evidence(self.page.number, column) if labelled else None,
                       reason=_("no row of number and symbol was found"))  # fmt: skip

    @cached_property
    def symbol(self) -> Finding:
        row = self.number_row
        if row is None and self.is_form:
            return Finding(None, NO_ROW)
        if row is None:
            code, agency = self._code_by_heading(), agencies.code_of(self._issuer_name)
            likely = f"{code}-{agency}" if code and agency else None
            return Finding(likely, 0.1, candidates=(likely,) if likely else (),
                           reason=_("no row of number and symbol was found"))  # fmt: skip
        evidence = Evidence(self.page.number, _box_of(row.symbol_words) or row.row.box)
        return self._symbol_borne_out(row, evidence)

    def _symbol_borne_out(self, row: NumberRow, evidence: Evidence) -> Finding:
        """The symbol against what it is made of: the type's code, the agency's, and (of a letter) the desk's."""
        read = row.parts.symbol
        sure = self._symbol_confidence(row)
        year, slash, symbol = read.rpartition("/")
        parts = symbol.split("-")
        agency = agencies.code_of(self._issuer_name)
        mended = list(parts)
        borne_out = 0
        letter = self.type.value == LETTER
        if not letter and len(parts) >= 2:
            code = self._code_by_heading()
            if code and parts[0] != code and distance(folded(parts[0]), folded(code)) <= 1:
                mended[0] = code
            borne_out += bool(code) and mended[0] == code
            place = 1
        else:
            place = 0
        if agency and place < len(parts):
            near = _near_code(parts[place], agency, misread=sure < FAINT)
            if near is not None and near != parts[place] and not self._agencies[-1].borne_out:
                near = None  # a name that may itself be misread mends nothing
            mended[place] = near or parts[place]
            borne_out += near is not None or agencies.fits_code(self._issuer_name, parts[place])
        if letter and len(parts) > 1 and folded(parts[-1]) in self._filed_under:
            borne_out += 1
        value = year + slash + "-".join(mended)
        whole = borne_out >= min(2, len(parts)) and len(parts) <= 2
        confidence = (
            max(sure, 0.97 if mended == parts else 0.93) if whole else sure * (ALONE if not borne_out else 0.97)
        )
        if not row.parts.slash:
            confidence *= 0.9
        if len(parts) == 1:
            confidence *= 0.8  # nearly every symbol has two parts: the other may have been missed
        if place < len(parts) and _lacks_beginning(parts[place], agency) and not self.number.proved:
            confidence *= ALONE  # pen before the slash may lie over the first letters
        return Finding(value, confidence, evidence, tuple(dict.fromkeys((value, read))), _("the symbol is unclear"))

    def _symbol_confidence(self, row: NumberRow) -> float:
        """Of its words; where it read alike by itself, without the pen before its slash, that counts as well."""
        sure = min((w.confidence for w in row.symbol_words), default=0.0)
        apart = [word.confidence for word in self.page.apart if word.text == row.parts.symbol]
        return max([sure, *(1 - (1 - sure) * (1 - again) for again in apart)])

    def _code_by_heading(self) -> str | None:
        named = self.type.value
        return next((code for code, name in TYPES.items() if name == named), None)

    @cached_property
    def _filed_under(self) -> set[str]:
        """The desks named in ``Lưu: VT, NVY``."""
        found: set[str] = set()
        for text in self._texts:
            for line in text.lines:
                if filed := re.search(r"\bl[uư]u\b\W*(.*)", line.text.lower()):
                    found |= {folded(word) for word in re.findall(r"\w+", filed[1])}
        return found

    # -- date -------------------------------------------------------------------------------------------------------

    @cached_property
    def date_run(self) -> Run | None:
        top, end = self.head.top, self.head.top + HEAD_STEPS * self.head.step
        near = [run for run in self.head.runs if top <= run.level <= end and run.box.x1 > self.head.parting + 0.1]
        rows = rows_of(near)
        whole = [_with_next(row, rows) for row in rows]
        dated = [run for run in whole if date_in(run.text) and not _cites(run.text)]
        if dated:
            return dated[0]
        lower = [run for run in self.head.runs if run.box.y0 > end and run.box.x0 > 0.35 and _is_place_and_date(run)]
        return lower[0] if lower and self.head.motto is not None else None

    @cached_property
    def issued_on(self) -> Finding:
        run = self.date_run
        read = date_in(run.text) if run else None
        if run is None or read is None:
            return self._date_at_end()
        return self._date(run, read, self.page.number)

    def _date_at_end(self) -> Finding:
        """Forms and minutes have place and date above the signature."""
        for text in reversed(self._texts):
            for run in Head(text).runs:
                read = date_in(run.text)
                if read and run.box.x0 > 0.35 and _is_place_and_date(run):
                    found = self._date(run, read, text.number)
                    return Finding(found.value, found.confidence * 0.8, found.evidence, found.candidates, found.reason)
        return Finding(None, 0.0, reason=_("no date was found"))

    def _date(self, run: Run, read: DateRead, page: int) -> Finding:
        words = _date_words(run)
        evidence = Evidence(page, _box_of(words) or run.box)
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
        elif by_hand or len(printed) < 2:
            confidence *= date_stands_as_print(run, words)
        if read.raw[1] == "1":
            confidence *= LOST_DIGIT
        year_is_print = len(printed) > 2 and printed[-1] is Print.PROVED
        if read.year and not year_is_print and not self._year_fits(read.year.value):
            confidence *= 0.8
        if by_hand and any(evidence.box.overlap(ink) > 0 for ink in self.page.unread_ink if page == self.page.number):
            confidence *= 0.7
        return Finding(read.iso, confidence, evidence, candidates, _("the date may be completed by hand"),
                       proved=len(printed) > 2 and printed[:2] == [Print.PROVED] * 2)  # fmt: skip

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

    # -- agencies ---------------------------------------------------------------------------------------------------

    @cached_property
    def _agency_rows(self) -> list[Run]:
        top = self.head.top - 1.2 * self.head.step
        row = self.number_row
        end = row.row.box.y0 if row and row.row.level > self.head.top else self.head.top + 4 * self.head.step
        rows = rows_of(self.head.left(top, end))
        if not row:
            rows = [r for r in rows if not is_label(r.text)]
        return [
            row
            for row in rows
            if _is_capitals(row.text) and "/" not in row.text and not number_row(row) and not _is_arrival(row.text)
        ]

    @cached_property
    def _agencies(self) -> list[Agency]:
        """Each name above the number, parents first."""
        kept = [(line, row) for row in self._agency_rows if len(letters(line := agencies.tidy_name(row.text))) > 1]
        blocks = agencies.names_in([line for line, _ in kept])
        found = []
        for indexes in blocks:
            code = self._agency_code if indexes is blocks[-1] else ""
            named = agencies.mended(" ".join(kept[i][0] for i in indexes), self.body, code)
            rows = [kept[i][1] for i in indexes]
            words = [w for row in rows for w in row.words if any(c.isalnum() for c in w.text)]
            same_code = bool(code) and (
                folded(agencies.code_of(named.name)) == folded(code) or agencies.fits_code(named.name, code)
            )
            found.append(Agency(named.name, row_of(rows).box, _worst_of(named.name, words), named.borne_out, same_code))
        return found

    @property
    def _agency_code(self) -> str:
        """The issuer's part of the symbol as read: the first behind a type's code, or the very first of a letter."""
        row = self.number_row
        parts = row.parts.symbol.rpartition("/")[2].split("-") if row else []
        if len(parts) > 1:
            return parts[1] if type_code(parts[0]) else parts[0]
        return ""

    @property
    def _issuer_name(self) -> str:
        return self._agencies[-1].name if self._agencies else ""

    @cached_property
    def issuer(self) -> Finding:
        if self.is_form:
            return Finding(None, NO_ROW)
        if not self._agencies:
            return Finding(None, 0.0, reason=_("no agency's name was found beside the motto"))
        return self._agency(self._agencies[-1])

    @cached_property
    def parent_issuer(self) -> Finding:
        match len(self._agencies):
            case 0:
                return Finding(None, NO_ROW) if self.is_form else UNREAD
            case 1:
                agency = self._agencies[0]
                sure = self._begins_beside_motto and (
                    agency.same_code or not self._agency_code or self._nothing_between
                )
                return Finding(None, 0.96 if sure else 0.5, reason=_("a superior agency's name may have been missed"))
            case 2:
                return self._agency(self._agencies[0])
            case _:
                found = self._agency(self._agencies[-2])
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
        row = self.number_row
        return row is not None and row.row.level - self._agency_rows[-1].level < ROOM_FOR_A_LINE * self.head.step

    @property
    def _begins_beside_motto(self) -> bool:
        """The first name stands beside the motto's first line: none above it was missed."""
        motto, box = self.head.motto, self._agencies[0].box
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
        if agency is self._agencies[-1] and self._agency_code and not agency.same_code:
            confidence *= OTHER_CODE_NEAR if self._nothing_between else OTHER_CODE
        if self.head.motto is None or agencies.is_unfinished(agency.name):
            confidence *= 0.7
        return Finding(agency.name, confidence, Evidence(self.page.number, agency.box), (agency.name,),
                       _("the agency's name is unclear"))  # fmt: skip

    # -- type and abstract ------------------------------------------------------------------------------------------

    @cached_property
    def _heading(self) -> tuple[Run, str, float] | None:
        """The run that names the type, the type, and how like it the run is."""
        for run in self.head.runs:
            if run.level < self.bottom - 0.3 * self.head.step or run.box.y0 > 0.55:
                continue
            if abs(run.middle - self._axis) > ON_AXIS or not _is_capitals(run.text):
                continue
            core = " ".join(word.text for word in run.words if len(letters(word.text)) > 1)
            if named := type_named(core):
                return run, *named
        return self._heading_by_code()

    def _heading_by_code(self) -> tuple[Run, str, float] | None:
        """The run that is most like the type which the symbol names, where a stamp lies over the heading."""
        if (code := self._code_in_symbol()) is None:
            return None
        name = TYPES[code]
        best: tuple[Run, str, float] | None = None
        for run in self.head.runs:
            if self.bottom - 0.3 * self.head.step < run.level < 0.45 and abs(run.middle - self._axis) < ON_AXIS:
                for start in range(len(run.words)):
                    fit = likeness(" ".join(word.text for word in run.words[start : start + len(name.split())]), name)
                    if fit >= 0.6 and (best is None or fit > best[2]):
                        best = run, name, fit
        return best

    @property
    def _axis(self) -> float:
        return 0.52

    @cached_property
    def type(self) -> Finding:
        code = self._code_in_symbol()
        if self._heading is not None:
            run, name, fit = self._heading
            confidence = 0.6 + 0.4 * fit if fit < 1 else 0.97
            if code is not None and TYPES[code] == name:
                confidence = 0.99
            elif code is not None:
                confidence *= 0.85
            if fit < 0.8:
                confidence = min(confidence, 0.85)
            return Finding(name, confidence, Evidence(self.page.number, run.box), (name,), _("the heading is unclear"))
        if self._is_letter:
            evidence = Evidence(self.page.number, self._subject_rows[0].box) if self._subject_rows else None
            confidence = 0.98 if code is None and self._subject_rows and self._addressed else 0.85
            return Finding(LETTER, confidence, evidence, (LETTER,), _("no heading; it looks like a letter"))
        if code is not None:
            return Finding(TYPES[code], 0.6, None, (TYPES[code],), _("taken from the symbol; no heading was found"))
        return Finding(None, 0.0, reason=_("no heading was found"))

    def _code_in_symbol(self) -> str | None:
        row = self.number_row
        if row is None:
            return None
        parts = row.parts.symbol.rpartition("/")[2].split("-")
        return type_code(parts[0]) if len(parts) > 1 else None

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
        number = self.number_row
        rows = [row for row in rows if number is None or row.level > number.row.level + 0.3 * number.row.height]
        start = next((i for i, row in enumerate(rows) if _SUBJECT.match(row.text)), None)
        if start is None or rows[start].box.y0 > self.bottom + 5 * self.head.step:
            return []
        return [rows[start], *_run_on(rows[start + 1 :], [rows[start]], 1.75, _ends_subject)]

    @cached_property
    def abstract(self) -> Finding:
        rows = self._heading_rows if self._heading is not None else self._subject_rows
        if not rows:
            return Finding(None, 0.0, reason=_("no abstract was found"))
        words = [word for row in rows for word in row.words]
        box = row_of(rows).box
        text = weighed(_with_opening(_joined(rows)), self._pairs)
        faint = sum(word.confidence < FAINT for word in words) / len(words)
        doubtful = text.doubtful + sum(_one_or_roman(word.text) for word in words)
        confidence = confidence_of(words) - 0.5 * faint - 0.04 * doubtful - self._doubt_of_end(rows)
        confidence -= 0.1 * (len(rows) > MOST_LINES)
        return Finding(text.text, confidence, Evidence(self.page.number, box), (text.text,),
                       _("some words are unclear"))  # fmt: skip

    def _doubt_of_end(self, rows: Sequence[Run]) -> float:
        """How doubtful it is that the abstract ends where it does: the next line stands hardly further below its last
        line than lines within it do, and does not begin as the body does."""
        after = [row for row in rows_of(self.head.runs) if row.level > rows[-1].level + 0.5 * rows[-1].height
                 and row.box.x0 < rows[-1].box.x1 and row.box.x1 > rows[-1].box.x0]  # fmt: skip
        if not after or _begins_body(after[0].text) or _is_capitals(after[0].text) or _ends_subject(after[0]):
            return 0.0
        if self._heading is not None and _begins_paragraph(after[0], rows, self._heading[0].middle):
            return 0.0
        return 0.06 if after[0].level - rows[-1].level < 1.9 * _usual_step(rows) else 0.0

    @cached_property
    def _pairs(self) -> Counter[tuple[str, str]]:
        """Pairs of syllables of the whole paper."""
        return pairs_of([line.text for text in self._texts for line in text.lines])

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
            if self._ends_abstract(row, taken) or row.level - taken[-1].level > 1.45 * _usual_step(taken):
                break
            taken.append(row)
        return taken

    def _ends_abstract(self, row: Run, before: Sequence[Run]) -> bool:
        if _begins_body(row.text):
            return True
        if not before:
            return _is_authority(row.text, self._issuer_name) and _is_capitals(row.text)
        if _begins_paragraph(row, before, self._heading[0].middle if self._heading else self._axis):
            return True
        capitals = _is_capitals(row.text)
        if capitals and not _is_capitals(before[-1].text) and len(row.words) > 1:
            return _is_authority(row.text, self._issuer_name) or row.level - before[-1].level > 1.3 * row.height
        return False

    # -- urgency ----------------------------------------------------------------------------------------------------

    @cached_property
    def urgency(self) -> Finding:
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


_SUBJECT = re.compile(
    r"^\W{0,3}(?:[VvYy]\s*[/1lI|\\⁄]+\s*[vVyYwW]?\b|[Vv][/⁄]?[vVwW]\b|[VvWw]\s*[/⁄][A-ZÀ,]?|[Vv][AÁÀaáà/⁄]{1,2}[vy]|[WV](?=\s)|VÀ,"
    r"|(?=[Vv][ềêèéẻẽẹeể]\s+vi[ệêeẹ]c))"
)
_NUMBER_TO_FILL = re.compile(r"^\W*S[ốôóoÔỐÓO]\s*[:.…]|^\W*S[ốôóo]\s*\d+\s*/")
_ITEM = re.compile(r"^\W{0,2}(?:(?:\d{1,2}[.)])+|[a-zđ][.)]|[IVX]{1,4}[.)])\s")
_BODY_BEGINS = ("can cu", "xet ", "theo ", "dieu 1", "chuong ", "phan ", "i. ", "1. ", "kinh gui", "ngay ", "nham ",
                "de nghi", "thuc hien cong van", "thuc hien ke hoach", "thuc hien quyet dinh", "thuc hien chi",
                "thuc hien y kien", "thuc hien thong", "can cư", "hom nay", "so:", "ho va ten")  # fmt: skip


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


def _worst_of(name: str, words: Sequence[Word]) -> float:
    """The reader's confidence for the worst word of *name*; those that agencies' names are made of, and spelt as they
    are, count for KNOWN_WORD at least."""
    doubtful = set(agencies.doubtful_words(name))
    told = len(words) == len(re.findall(r"[^\s–-]+", name))
    sure = [max(word.confidence, KNOWN_WORD) if told and place not in doubtful else word.confidence
            for place, word in enumerate(words)]  # fmt: skip
    return min(sure, default=0.0)


def _box_of(words: Sequence[Word]) -> Box | None:
    if not words:
        return None
    box = words[0].box
    for word in words[1:]:
        box = box.joined(word.box)
    return box


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


def _near_code(part: str, agency: str, *, misread: bool) -> str | None:
    """The agency's code as the issuer's name gives it, where *part* is it or nearly so; None where it is another.

    Codes may leave out the beginning or the end of a name (``QLD`` of Cục Quản lý Dược): these stay as they are, and
    so does one that has a letter more or less, unless it was *misread*.
    """
    bare, name = folded(part).replace("&", "").replace(".", ""), folded(agency)
    if len(bare) < 2:
        return None
    if bare == name and len(part) == len(agency):
        return agency
    if name.startswith(bare):
        return _marked_as(part, agency)
    if name.endswith(bare) or bare == name:
        return part
    if len(bare) >= 3 and distance(bare, name) == 1 and (len(bare) == len(name) or misread):
        return agency
    return None


def _lacks_beginning(part: str, agency: str) -> bool:
    """``ĐT`` where the name's code is ``SKHĐT``: the rest of it, or what pen has left of it."""
    bare, name = folded(part), folded(agency)
    return 1 < len(bare) < len(name) and name.endswith(bare)


def _marked_as(part: str, agency: str) -> str:
    """*part* with the strokes and case of the name's code: ``BGDDT`` → ``BGDĐT``."""
    return agency[: len(part)] if folded(agency).startswith(folded(part)) else part


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


def _is_whole(parts: NumberLine) -> bool:
    """Digits, or room for them, before a symbol of two parts: no ``Số định danh cá nhân/CCCD``."""
    return "-" in parts.symbol and (digits_in(parts.number) is not None or not any(c.isalpha() for c in parts.number))


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


def _cites(text: str) -> bool:
    """*text* speaks of another paper: ``Căn cứ Quyết định số …``."""
    bare = folded(text)
    return bare.startswith(("can cu", "theo", "xet", "thuc hien", "ban hanh kem", "kem theo", "(kem", "(ban hanh"))


def _is_place_and_date(run: Run) -> bool:
    """``Hà Nội, ngày 1 tháng 2 năm 2023`` and nothing more."""
    before = re.split(r"[Nn][gq][àaâảáạ]y", run.text)[0]
    return date_in(run.text) is not None and len(before.split()) <= 6 and not _cites(run.text) and len(run.words) <= 13


def _is_arrival(text: str) -> bool:
    """The words of a stamp of arrival."""
    return any(likeness(text, mark) > 0.75 for mark in ("CÔNG VĂN ĐẾN", "VĂN BẢN ĐẾN", "ĐẾN", "CÔNG VĂN ĐI"))


def _is_capitals(text: str) -> bool:
    upper, lower = sum(c.isupper() for c in text), sum(c.islower() for c in text)
    return upper > 1 and upper >= 2 * lower


def _is_authority(text: str, issuer: str) -> bool:
    """The line names who decides: ``BỘ TRƯỞNG BỘ Y TẾ``, ``GIÁM ĐỐC SỞ Y TẾ``, ``ỦY BAN NHÂN DÂN TỈNH …``."""
    bare = letters(text)
    if bare.startswith(tuple(letters(title) for title in TITLE_WORDS)):
        return True
    return (bool(issuer) and likeness(text, issuer) > 0.75) or agencies.begins_agency(text)


def _crosses(run: Run, heading: Run) -> bool:
    """*run* lies across the heading's axis, or beside one that does."""
    return run.box.x0 < heading.middle < run.box.x1 or abs(run.middle - heading.middle) < 0.12


def _one_or_roman(text: str) -> bool:
    """A stroke by itself is a one or a Roman numeral (``cấp I``), and the reader takes the one for the other."""
    return text.strip(".,;:()") in ("1", "I", "l", "|", "II", "11", "Il", "lI", "III", "111")


def _begins_paragraph(row: Run, before: Sequence[Run], axis: float) -> bool:
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


def _run_on(rows: Sequence[Run], before: Sequence[Run], widest: float, ends: Callable[[Run], bool]) -> list[Run]:
    """The rows that go on from *before*: until one ends the text, or stands further below than *widest* usual steps."""
    found = list(before)
    for row in rows:
        if row.level - found[-1].level > widest * _usual_step(found) or ends(row):
            break
        found.append(row)
    return found[len(before) :]


def _usual_step(rows: Sequence[Run]) -> float:
    steps = sorted(b.level - a.level for a, b in pairwise(rows))
    typical = 1.45 * sorted(row.height for row in rows)[len(rows) // 2]
    return max(steps[len(steps) // 2], 0.9 * typical) if steps else max(typical, 0.019)


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


def _joined(rows: Sequence[Run]) -> str:
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
