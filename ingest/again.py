"""Papers that came before: by what names them, and by what they say.

The same bytes are skipped before they are read. The same paper scanned again, or copied, has other bytes: it waits, and
its reasons name the record or the waiting document that it is like, so that both can be looked at side by side.
"""

from dataclasses import dataclass

from archive.catalogue import Catalogue
from archive.sketches import LEAST_SHARED, identity_of, nearly_the_same, sketch
from archive.store import Archive
from schemas.documents import Document, FieldState, Metadata
from schemas.language import _
from schemas.records import Submission
from schemas.stored import from_json

MOST_COMPARED = 8
"""Papers made from one form share much of their sketch; of a thousand of them so many are compared whole."""


def came_before(document: Document, catalogue: Catalogue, archive: Archive) -> tuple[str, ...]:
    """Why a person must look whether *document* is there already; empty where nothing like it is known."""
    named = _same_names(document, catalogue)
    waiting = [id for id, _shared in catalogue.sharing(identity_of(document), other_than_scan=document.scan.sha256)
               if catalogue.find_hold(id) is not None]  # fmt: skip
    alike = [id for id in _alike(document, catalogue, archive) if id not in {*named, *waiting}]
    reasons = []
    if named:
        reasons.append(_("the same number, symbol, agency and date as record {ids}").format(ids=", ".join(named)))
    if waiting:
        reasons.append(_("the same number, symbol and date as {ids}, which waits too").format(ids=", ".join(waiting)))
    if alike:
        reasons.append(_("nearly the same text as {ids}: look whether it is the same paper, scanned again").format(
            ids=", ".join(alike)))  # fmt: skip
    return tuple(reasons)


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what a paper on its way is told from others that are, just as ``came_before`` tells it from those before."""

    names: tuple[str, ...]
    sure_names: tuple[str | None, ...]
    texts: tuple[str, ...]
    sketch: frozenset[int]

    @classmethod
    def of(cls, document: Document) -> "Likeness":
        fields = (document.metadata.number, document.metadata.symbol, document.metadata.issued_on)
        names = tuple((field.value or "").lstrip("0").casefold() for field in fields)
        texts = tuple(page.text for page in document.pages)
        return cls(names, _sure_names(document.metadata), texts, frozenset(sketch(texts)))

    def may_be(self, other: "Likeness") -> bool:
        """They may be one paper, scanned twice."""
        if all(self.names) and self.names == other.names:
            return True
        return (
            len(self.sketch & other.sketch) >= LEAST_SHARED
            and not _differ(self.sure_names, other.sure_names)
            and nearly_the_same(self.texts, other.texts)
        )


def _same_names(document: Document, catalogue: Catalogue) -> list[str]:
    """NĐ 30/2020, Phụ lục VI: warn of a second record with the same number, symbol, agency and date."""
    fields = document.metadata
    if not (fields.number.value and fields.symbol.value and fields.issued_on.value):
        return []
    return catalogue.duplicates(
        fields.number.value, fields.symbol.value, fields.issuer.value, fields.issued_on.value,
        other_than_scan=document.scan.sha256,
    )  # fmt: skip


def _alike(document: Document, catalogue: Catalogue, archive: Archive) -> list[str]:
    """The ids of what says nearly the same, unless both bear numbers or dates that are sure and differ."""
    texts = [page.text for page in document.pages]
    found = catalogue.sharing(sketch(texts), other_than_scan=document.scan.sha256)
    likely = [id for id, shared in found if shared >= LEAST_SHARED][:MOST_COMPARED]
    alike = []
    for id in likely:
        hold = catalogue.find_hold(id)
        if hold is not None:
            other = from_json(Submission, hold.submission).document
            theirs, names = [page.text for page in other.pages], _sure_names(other.metadata)
        else:
            record = archive.record(id)
            issued_on = record.issued_on.isoformat() if record.issued_on else None
            theirs, names = list(record.pages), (record.number, record.symbol, issued_on)
        if not _differ(_sure_names(document.metadata), names) and nearly_the_same(texts, theirs):
            alike.append(id)
    return alike


def _sure_names(metadata: Metadata) -> tuple[str | None, ...]:
    fields = (metadata.number, metadata.symbol, metadata.issued_on)
    return tuple(field.value if field.state is FieldState.ACCEPTED else None for field in fields)


def _differ(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    return any(
        mine and theirs and mine.lstrip("0") != theirs.lstrip("0") for mine, theirs in zip(one, other, strict=True)
    )
