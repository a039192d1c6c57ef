"""Separation: which runs of pages of a scan are one paper each.

Cover sheets and labels part the stack for sure. Between them every boundary of two pages has a probability that a
paper begins there, by the signs on its page and the run of pages before it. Sure cuts are made, probable ones are made
and held, and boundaries where a paper may begin all the same are named: an error is asked about, not made silently.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

from ingest.pagesigns import PageSigns, signs_of
from ingest.sheets import Form, laid_on, mark_of
from schemas.documents import Cut, CutState, Paper, Sheet
from schemas.pages import PageState, PageText, Scan

NO_SHEET = Sheet()
LOOK_BACK = 60
"""Pages; with the first of the run. So a scan of 10,000 pages without a cut takes minutes, not hours."""

SURE = 0.97
"""At least so probable: the cut is made and nobody is asked."""
PROBABLE = 0.5
"""At least so probable: the cut is made and held."""
POSSIBLE = 0.019
"""At least so probable: the pages stay together, and the boundary is named as doubtful."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """What speaks for and against a paper's beginning at a page, 0 to 1 each."""

    motto: float
    head_whole: float
    """Number line and date line under the motto, half each."""
    named: float
    """Under the motto a type of paper is named, or somebody is addressed."""
    titled: float
    """A type of paper is named, or somebody addressed, where no motto was found."""
    annex: float
    annex_of_run: float
    """The annex names the paper before it: ``(Kèm theo Quyết định số 120/QĐ-UBND)``."""
    number_later: float
    number_follows: float
    number_one: float
    goes_on: float
    item_first: float
    landscape: float
    """The page lies on its side and bears no motto."""
    filled: float
    """The page before is written to its foot and bears no recipients."""
    broken_off: float
    """And its last line ends within a sentence."""
    closed: float
    """The run before has its recipients (``Nơi nhận``)."""
    size_changed: float
    unreadable: float
    announced: float
    """The run before speaks of something sent with it, and this page has no whole head."""
    title_known: float
    """The share of this page's title that the run before has spoken of, where there is no whole head."""
    enclosed: float
    """The run before speaks of a paper sent with it, and this page has a whole head, as that one would."""
    cited: float
    """The run before names this page's own number and symbol, or (0.4) the symbol alone."""


WEIGHTS = Boundary(
    motto=2.0, head_whole=4.0, named=1.0, titled=1.5, annex=-3.0, annex_of_run=-1.5, number_later=-1.8,
    number_follows=-2.0, number_one=0.4, goes_on=-2.5, item_first=-1.5, landscape=-1.0, filled=-1.0, broken_off=-0.8,
    closed=2.0, size_changed=0.2, unreadable=0.7, announced=-2.2, title_known=-2.0, enclosed=-1.5, cited=-2.6,
)  # fmt: skip
"""Log-odds that a paper begins, for each sign.

Set by judgement. Over 40 random stacks of 68 scanned documents and 28 of offices' PDFs (``bench/stacks.py``): F1 0.995,
no silent error; asked about were 55 of 397 cuts, and 104 pages within papers, most of which open an inner paper with a
heading of its own. Fitted anew without the agency that is judged, they err no less and ask about as much. With the
whole head wiped out on purpose, 83 of 100 beginnings were still asked about.
"""
BIAS = -3.0


def separate(scan: Scan, texts: Sequence[PageText], standing: Sheet = NO_SHEET) -> Sequence[Paper]:
    """The papers of *scan*, in order; together they hold each page of *texts* once, but for the cover sheets.

    Blank pages stay with the paper before them, or, where there is none, with the one behind. The blank page behind a
    cover sheet that lies on a front is the sheet's back and goes with it. A scan of blank pages is one paper; one of
    cover sheets alone is none. *standing* is what the cover sheets of an earlier scan left standing.
    """
    papers: list[Paper] = []
    stray: tuple[PageText, ...] = ()  # blank pages that no paper stands before
    for section in _sections(texts, standing):
        if all(page.state is PageState.BLANK for page in section.pages):
            if papers:
                papers[-1] = replace(papers[-1], pages=papers[-1].pages + section.pages)
            else:
                stray += section.pages
            continue
        papers += _papers(scan, replace(section, pages=stray + section.pages))
        stray = ()
    if stray:
        papers.append(Paper(scan, stray, Cut(CutState.ACCEPTED, 1.0), sheet=standing))
    return papers


def last_sheet(texts: Sequence[PageText], standing: Sheet = NO_SHEET) -> Sheet:
    """What the cover sheets of a scan leave standing for the scan after it, where papers are scanned a file each."""
    for page in texts:
        mark = mark_of(page)
        if mark is not None and mark.form is Form.SHEET:
            standing = laid_on(standing, mark.sheet)
    return standing


@dataclass(frozen=True, slots=True)
class _Section:
    """The pages from one sheet or label to the next, sheets left out."""

    sheet: Sheet
    sure: bool
    pages: tuple[PageText, ...]


def _sections(texts: Sequence[PageText], standing: Sheet) -> list[_Section]:
    sections = [_Section(standing, True, ())]
    back_of_sheet = 0
    for page in texts:
        mark = mark_of(page)
        if mark is not None:
            standing = laid_on(standing, mark.sheet)
            sections.append(_Section(standing, mark.sure, ()))
        if mark is not None and mark.form is Form.SHEET:
            back_of_sheet = page.number + 1 if page.number % 2 else 0
        elif not (page.number == back_of_sheet and page.state is PageState.BLANK):
            sections[-1] = replace(sections[-1], pages=(*sections[-1].pages, page))
    return [section for section in sections if section.pages]


def _papers(scan: Scan, section: _Section) -> list[Paper]:
    """The papers of a section that has a page which is not blank."""
    runs: list[list[PageText]] = [[]]
    cuts = [Cut(CutState.ACCEPTED, 1.0) if section.sure else Cut(CutState.HELD, 0.5)]
    doubtful: list[list[int]] = [[]]
    signs: list[PageSigns] = []
    for page in section.pages:
        if page.state is not PageState.BLANK:
            here = signs_of(page)
            begins = probability(boundary([*signs[:1], *signs[1:][-LOOK_BACK:]], here)) if signs else 0.0
            if begins >= PROBABLE:
                runs.append([])
                doubtful.append([])
                cuts.append(Cut(CutState.ACCEPTED if begins >= SURE else CutState.HELD, begins))
                signs = []
            elif begins >= POSSIBLE:
                doubtful[-1].append(page.number)
            signs.append(here)
        runs[-1].append(page)
    return [
        Paper(scan, tuple(run), cut, tuple(asked), section.sheet)
        for run, cut, asked in zip(runs, cuts, doubtful, strict=True)
    ]


def probability(signs: Boundary) -> float:
    """That a paper begins where these signs stand."""
    odds = BIAS + sum(weight * sign for weight, sign in zip(astuple(WEIGHTS), astuple(signs), strict=True))
    return 1 / (1 + math.exp(-odds))


def boundary(run: Sequence[PageSigns], page: PageSigns) -> Boundary:
    """The signs at the beginning of *page*, after the pages of *run*, of which there is at least one."""
    before = run[-1]
    head = min(1.0, max(0.0, page.motto - 0.4) / 0.35)
    whole = head * (page.number_line + page.date_line) / 2
    printed = page.number_printed
    title = list(pairwise(page.title))
    known = sum(any(pair in each.pairs for each in run) for pair in title)
    return Boundary(
        motto=head,
        head_whole=whole,
        named=head * (page.type_named or page.addressed),
        titled=(1 - head) * (page.type_named or page.addressed),
        annex=page.annex * (1 - whole),
        annex_of_run=(page.annex > 0)
        * (1 - whole)
        * any(_same(each.own, cited) > 0 for each in run for cited in page.cited),
        number_later=float(printed is not None and 2 <= printed <= 400),
        number_follows=float(printed is not None and printed > 1 and printed in _expected(run)),
        number_one=float(printed == 1),
        goes_on=float(page.goes_on) * (1 - head),
        item_first=float(page.item_first) * (1 - head),
        landscape=(1 - head) * (page.size_mm[0] > page.size_mm[1]),
        filled=float(before.full and not before.closing),
        broken_off=float(before.full and not before.closing and before.breaks_off),
        closed=float(any(each.closing for each in run)),
        size_changed=float(_differ(before.size_mm, page.size_mm)),
        unreadable=1 - page.readable,
        announced=float(any(each.announces for each in run)) * (1 - whole),
        title_known=(1 - whole) * known / len(title) if len(title) > 1 else 0.0,
        enclosed=whole * any(each.encloses for each in run),
        cited=max((_same(page.own, cited) for cited in _cited(run)), default=0.0) if page.own[1] else 0.0,
    )


def _cited(run: Sequence[PageSigns]) -> set[tuple[str, str]]:
    """The papers that *run* names, without itself and its like: an agency's decisions bear one symbol."""
    own = {each.own[1] for each in run if each.own[1]}
    return {cited for each in run for cited in each.cited if cited[1] not in own}


def _same(own: tuple[str, str], cited: tuple[str, str]) -> float:
    if len(own[1]) < 4 or SequenceMatcher(None, own[1], cited[1]).ratio() < 0.85:
        return 0.0
    return 1.0 if own[0] and SequenceMatcher(None, own[0], cited[0]).ratio() > 0.6 else 0.4


def _expected(run: Sequence[PageSigns]) -> set[int]:
    """The numbers that the page after *run* would bear: by the last number printed, else by count."""
    for back, page in enumerate(reversed(run), start=1):
        if page.number_printed is not None:
            return {page.number_printed + back, len(run) + 1}
    return {len(run) + 1}


def _differ(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(one[0] - other[0]) > 8 or abs(one[1] - other[1]) > 8
