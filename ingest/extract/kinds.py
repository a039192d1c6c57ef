"""What a paper is to its dossier: a result, a component, or a copy on paper."""

import re
from collections.abc import Sequence

from ingest.extract.folding import folded, letters, likeness
from ingest.extract.grammar import is_label, number_line
from ingest.extract.head import HeadFields
from ingest.extract.layout import head_of
from schemas.documents import Kind, Paper
from schemas.pages import PageState, PageText

COPY_MARKS = ("SAO Y", "SAO Y BẢN CHÍNH", "BẢN SAO", "SAO LỤC", "TRÍCH SAO", "CHỨNG THỰC BẢN SAO ĐÚNG VỚI BẢN CHÍNH",
              "BẢN PHOTO", "BẢN PHOTOCOPY", "SAO Y BẢN GỐC", "BẢN SAO CHỨNG THỰC")  # fmt: skip
"""What stands alone, in capitals, on a copy (NĐ 30/2020, Phụ lục I; NĐ 23/2015 on certified copies)."""
COPY_SIGNED = re.compile(r"\W{0,3}(?:SAO Y|SAO LỤC|TRÍCH SAO)\W{0,3}[;,]")
"""How the agency's signature on an electronic copy begins, at the head of the page (NĐ 30/2020, Phụ lục III)."""
APPLICATIONS = ("don ", "to khai", "giay de nghi", "phieu de nghi", "ban cam ket", "ban khai", "phieu yeu cau")


def kind_of(paper: Paper) -> Kind:
    """As the cover sheet says; else as the paper does; else a component where no agency writes, and a result."""
    if paper.sheet.kind is not None:
        return paper.sheet.kind
    told = told_kind(paper.pages)
    if told is not None:
        return told
    read = _read(paper.pages)
    return Kind.COMPONENT if read and not _is_issued(read[0]) else Kind.RESULT


def told_kind(pages: Sequence[PageText]) -> Kind | None:
    """What a paper says that it is: a copy by its mark, a component by a citizen's heading or head; None where it says
    neither."""
    read = _read(pages)
    if any(_bears_copy_mark(page) for page in (read[:1] + read[-1:])):
        return Kind.COPY
    if read and (_is_application(read[0]) or HeadFields(read).is_form):
        return Kind.COMPONENT
    return None


def _read(pages: Sequence[PageText]) -> list[PageText]:
    return [page for page in pages if page.state is PageState.READ]


def _bears_copy_mark(page: PageText) -> bool:
    runs = head_of(page).runs
    if any(run.box.y0 < 0.12 and COPY_SIGNED.match(run.text) for run in runs):
        return True
    for run in runs:
        size = len(letters(run.text))
        if size > 45 or size < 4 or sum(c.islower() for c in run.text) > 2:
            continue
        if any(likeness(run.text, mark) >= 0.9 for mark in COPY_MARKS):
            return True
    return False


def _is_issued(page: PageText) -> bool:
    """It bears the motto or a row of number and symbol, as whatever an agency issues does."""
    head = head_of(page)
    return head.motto is not None or any(
        run.box.y0 < 0.2 and run.box.x0 < 0.4 and is_label(run.text) and number_line(run.text) for run in head.runs
    )


def _is_application(page: PageText) -> bool:
    """Its heading, in capitals below the motto, is that of an application."""
    return any(
        run.box.y0 < 0.5
        and 0.35 < run.middle < 0.68
        and run.text.isupper()
        and folded(run.text).startswith(APPLICATIONS)
        for run in head_of(page).runs
    )
