"""Papers that say nearly the same, found among any number of others without reading their texts again.

A text is taken as the set of its runs of three words, capitals and marks left out, as scans of one paper differ in
those first. Of a set the smallest hashes are kept: two sets share about as many of them as they have in common
(Broder, *On the resemblance and containment of documents*, 1997). The database finds who shares some; the texts of
those few are then compared whole.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rapidfuzz.distance import Levenshtein
from sqlalchemy import Connection, delete, insert

from archive.looks import look_alike, look_marks
from archive.rowfiles import fold
from archive.tables import sketches
from schemas.documents import Document, FieldState
from schemas.pages import PageState
from schemas.records import Record

RUN = 3
KEPT = 24
LEAST_SHARED = 4
"""Of the hashes kept: two scans of one paper share 8 and more, papers made from one form 4 to 16."""
LEAST_WORDS = 30
"""Less is a drawing or a form without its entries: two such are alike only where all that they say is."""
FEWEST_WORDS = LEAST_SHARED + RUN - 1
"""Less says nothing."""
SHORT_ALIKE = 0.95
"""Letters in common of two texts that say little: another name or street differs in more."""
SHORT_AKIN = 0.88
"""The same where the pages look alike too: the words of a plan are read with errors."""
ALIKE = 0.6
"""Runs of words in common, of all. Of ten pages scanned a second time, askew and at 170 dpi, nine had 0.72 to 0.94; of
4,500 pairs of other papers two had more than 0.56, and those bore numbers of their own."""
SAME_FIGURES = 0.5
"""Figures in common, of all: forms filled in for two people differ in little else."""


def marks_of_record(record: Record) -> tuple[int, ...]:
    """What a record is found by: the sketch of its text, what it looks like where it says little, and the hash of its
    number, symbol and date."""
    issued_on = record.issued_on.isoformat() if record.issued_on else None
    found = sketch(record.pages) + identity(record.number, record.symbol, issued_on)
    return found + (look_marks(record.looks) if says_little(record.pages) else ())


def marks_of_document(document: Document) -> tuple[int, ...]:
    """The same of a paper on its way; a number that is not sure names nothing."""
    found = sketch(page.text for page in document.pages) + identity_of(document)
    return found + look_marks(looks_of(document))


def looks_of(document: Document) -> tuple[str, ...]:
    """What the pages of a paper that says little look like, but for blank ones; none of one that says more."""
    if not says_little([page.text for page in document.pages]):
        return ()
    return tuple(page.look for page in document.pages if page.state is PageState.READ)


def says_little(pages: Iterable[str]) -> bool:
    """So little that what it looks like tells it from others."""
    return len(_words(pages)) < LEAST_WORDS


def identity_of(document: Document) -> tuple[int, ...]:
    fields = document.metadata
    named = (fields.number, fields.symbol, fields.issued_on)
    return identity(*(field.value if field.state is FieldState.ACCEPTED else None for field in named))


def sketch(pages: Iterable[str]) -> tuple[int, ...]:
    """The smallest hashes of a text's runs of words (63 bits, as databases have); none where it says nothing."""
    runs = _runs(_words(pages))
    return tuple(sorted({_hash(" ".join(run)) for run in runs})[:KEPT]) if len(runs) >= LEAST_SHARED else ()


def identity(number: str | None, symbol: str | None, issued_on: str | None) -> tuple[int, ...]:
    """A hash of what names a paper, to be kept beside its sketch; none where a part of it is not known."""
    if not (number and symbol and issued_on):
        return ()
    return (_hash(f"={number.lstrip('0')}/{fold(symbol)} {issued_on}"),)


def put_marks(connection: Connection, subject: str, sha256: str, marks: Sequence[int]) -> None:
    """Let *subject*, a record or a document that waits, be found by *marks* and by none from before."""
    connection.execute(delete(sketches).where(sketches.c.subject == subject))
    if marks:
        rows = [{"hash": mark, "subject": subject, "scan_sha256": sha256} for mark in marks]
        connection.execute(insert(sketches), rows)


def nearly_the_same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Two texts are of one paper, as far as their words and figures tell."""
    words, others = _words(one), _words(other)
    if min(len(words), len(others)) < FEWEST_WORDS:
        return False
    if min(len(words), len(others)) < LEAST_WORDS:
        return Levenshtein.normalized_similarity(" ".join(words), " ".join(others)) >= SHORT_ALIKE and Counter(
            _figures(words)) == Counter(_figures(others))  # fmt: skip
    runs, other_runs = _runs(words), _runs(others)
    return len(runs & other_runs) >= ALIKE * len(runs | other_runs) and _figures_agree(words, others)


def look_the_same(one: Sequence[str], looks: Sequence[str], other: Sequence[str], other_looks: Sequence[str]) -> bool:
    """Two texts that say little are of pages that look alike, and nothing that both say speaks against it."""
    words, others = _words(one), _words(other)
    if max(len(words), len(others)) >= LEAST_WORDS or not look_alike(looks, other_looks):
        return False
    if min(len(words), len(others)) < FEWEST_WORDS:
        return True
    likeness = Levenshtein.normalized_similarity(" ".join(words), " ".join(others))
    return likeness >= SHORT_AKIN and _figures_agree(words, others)


def _figures_agree(words: Sequence[str], others: Sequence[str]) -> bool:
    figures, other_figures = Counter(_figures(words)), Counter(_figures(others))
    return (figures & other_figures).total() >= SAME_FIGURES * (figures | other_figures).total()


def _figures(words: Sequence[str]) -> Iterator[str]:
    return (word for word in words if word.isdigit() and len(word) > 1)


def _words(pages: Iterable[str]) -> list[str]:
    return fold(" ".join(pages)).split()


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(*(words[at:] for at in range(RUN)), strict=False))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
