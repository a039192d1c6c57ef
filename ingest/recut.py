"""Where one document ends and the next begins, decided by a person: held documents are cut in two or put together.

Pure: values in, values out; the pipeline composes, signs and describes the new papers as it did the old.
"""

from collections.abc import Sequence
from itertools import pairwise

from schemas.documents import Cut, CutState, Document, Paper
from schemas.errors import InputRejected
from schemas.language import _

DECIDED = Cut(CutState.ACCEPTED, 1.0)


def split(document: Document, first_pages: Sequence[int]) -> tuple[Paper, ...]:
    """The papers that *document* becomes when another begins at each of *first_pages* (from 1 in the scan).

    InputRejected where such a page is not one of the document's, or is its first.
    """
    numbers = document.page_numbers
    for page in first_pages:
        if page not in numbers[1:]:
            raise InputRejected(
                _("page {page} cannot begin another document: this one has pages {first} to {last}").format(
                    page=page, first=numbers[0], last=numbers[-1]
                )
            )
    starts = [numbers[0], *sorted(set(first_pages))]
    ends = [*starts[1:], numbers[-1] + 1]
    return tuple(
        Paper(
            document.scan,
            tuple(page for page in document.pages if start <= page.number < end),
            DECIDED if start != numbers[0] else document.cut,
            sheet=document.sheet,
        )
        for start, end in zip(starts, ends, strict=True)
    )


def merge(documents: Sequence[Document]) -> Paper:
    """The one paper that *documents* of a scan are; the boundaries between them are gone.

    InputRejected unless they are two or more, of one scan, and follow each other.
    """
    ordered = sorted(documents, key=lambda document: document.page_numbers[0])
    if len(ordered) < 2 or len({document.scan.sha256 for document in ordered}) > 1:
        raise InputRejected(_("only two or more documents of the same scan can be put together"))
    for before, after in pairwise(ordered):
        if after.page_numbers[0] != before.page_numbers[-1] + 1:
            raise InputRejected(
                _("page {page} does not follow page {before}: only neighbours can be put together").format(
                    page=after.page_numbers[0], before=before.page_numbers[-1]
                )
            )
    first = ordered[0]
    inside = {document.page_numbers[0] for document in ordered}
    doubtful = tuple(page for document in ordered for page in document.doubtful_cuts if page not in inside)
    pages = tuple(page for document in ordered for page in document.pages)
    return Paper(first.scan, pages, first.cut, doubtful, first.sheet)
