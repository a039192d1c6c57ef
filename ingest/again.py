"""Papers that came before: by what names them, and by what they say.

The same bytes are skipped before they are read. The same paper scanned again, or copied, has other bytes: it waits, and
its reasons name the record or the waiting document that it is like, so that both can be looked at side by side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archive.catalogue import Catalogue
from archive.looks import look_marks
from archive.sketches import (
    LEAST_SHARED,
    identity_of,
    look_the_same,
    looks_of,
    nearly_the_same,
    says_little,
    sketch,
)
from archive.store import Archive
from schemas.documents import Document, FieldState, Metadata
from schemas.language import _
from schemas.records import Submission
from schemas.stored import from_json
from schemas.work import document_id

MOST_COMPARED = 8
"""Papers made from one form share much of their sketch; of a thousand of them so many are compared whole."""
MOST_LOOKED_AT = 40
"""The same of pages that say little and share something of what they look like."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The papers that one may have come as before: records, and documents that wait."""

    records: tuple[str, ...] = ()
    """With the same number, symbol, agency and date."""
    waiting: tuple[str, ...] = ()
    """With the same number, symbol and date."""
    alike: tuple[str, ...] = ()
    """With nearly the same text."""
    looking_alike: tuple[str, ...] = ()
    """Which say as little, and look the same."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them, to be looked at beside it."""
        return (*self.records, *self.waiting, *self.alike, *self.looking_alike)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a person must look."""
        said = (
            (self.records, _("the same number, symbol, agency and date as record {ids}")),
            (self.waiting, _("the same number, symbol and date as {ids}, which waits too")),
            (self.alike, _("nearly the same text as {ids}: look whether it is the same paper, scanned again")),
            (self.looking_alike, _("looks the same as {ids}: look whether it is the same paper, scanned again")),
        )
        return tuple(why.format(ids=", ".join(ids)) for ids, why in said if ids)


def came_before(document: Document, catalogue: Catalogue, archive: Archive) -> Earlier:
    """What *document* may be a second scan of, or a second copy in the same scan."""
    others = _Others(document, catalogue, archive)
    records, waiting = others.same_names(), others.waiting_with_its_name()
    alike = tuple(id for id in others.alike() if id not in {*records, *waiting})
    looking = tuple(id for id in others.looking_alike() if id not in {*records, *waiting, *alike})
    return Earlier(records, waiting, alike, looking)


def archived_by_now(document: Document, catalogue: Catalogue, archive: Archive) -> Earlier:
    """The records that bear the names which a person has given *document*, and that it was not shown beside yet."""
    others = _Others(document, catalogue, archive)
    records = [(id, others.waited_as(id, sha256)) for id, sha256 in others.archived()]
    unseen = [id for id, before in records if not {id, before} & set(document.like)]
    return Earlier(tuple(id for id, _before in records)) if unseen else Earlier()


@dataclass(frozen=True, slots=True)
class Likeness:
    """By what a paper on its way is told from others that are, just as ``came_before`` tells it from those before."""

    names: tuple[str, ...]
    sure_names: tuple[str | None, ...]
    texts: tuple[str, ...]
    sketch: frozenset[int]
    looks: tuple[str, ...]

    @classmethod
    def of(cls, document: Document) -> "Likeness":
        fields = (document.metadata.number, document.metadata.symbol, document.metadata.issued_on)
        names = tuple((field.value or "").lstrip("0").casefold() for field in fields)
        texts = tuple(page.text for page in document.pages)
        return cls(names, _sure_names(document.metadata), texts, frozenset(sketch(texts)), looks_of(document))

    def may_be(self, other: "Likeness") -> bool:
        """They may be one paper, scanned twice."""
        if all(self.names) and self.names == other.names:
            return True
        if _differ(self.sure_names, other.sure_names):
            return False
        if len(self.sketch & other.sketch) >= LEAST_SHARED and nearly_the_same(self.texts, other.texts):
            return True
        return look_the_same(self.texts, self.looks, other.texts, other.looks)


@dataclass(frozen=True, slots=True)
class _Others:
    """The papers before *document*. It may be among those that are known itself: a run that was broken off is done
    again."""

    document: Document
    catalogue: Catalogue
    archive: Archive

    def archived(self) -> list[tuple[str, str]]:
        """The records with its names, wherever they lie, each with the SHA-256 of its scan; not itself."""
        mine = set(self.document.page_numbers)
        return [(id, sha256) for id, sha256 in self._same_names()
                if sha256 != self.document.scan.sha256 or mine.isdisjoint(self._pages(id))]  # fmt: skip

    def waited_as(self, record: str, sha256: str) -> str:
        """The id that a record had while it waited, if it did."""
        return document_id(sha256, self.archive.page_numbers(record)[0])

    def same_names(self) -> tuple[str, ...]:
        return tuple(id for id, sha256 in self._same_names() if self._came_first(id, sha256))

    def _same_names(self) -> list[tuple[str, str]]:
        """NĐ 30/2020, Phụ lục VI: warn of a second record with the same number, symbol, agency and date."""
        fields = self.document.metadata
        if not (fields.number.value and fields.symbol.value and fields.issued_on.value):
            return []
        return self.catalogue.duplicates(
            fields.number.value, fields.symbol.value, fields.issuer.value, fields.issued_on.value
        )

    def waiting_with_its_name(self) -> tuple[str, ...]:
        found = self.catalogue.sharing(identity_of(self.document))
        return tuple(id for id, sha256, _shared in found
                     if self.catalogue.find_head(id) is not None and self._came_first(id, sha256))  # fmt: skip

    def alike(self) -> Iterator[str]:
        """What says nearly the same, unless both bear numbers or dates that are sure and differ."""
        texts = [page.text for page in self.document.pages]
        found = self.catalogue.sharing(sketch(texts))
        likely = [id for id, sha256, shared in found if shared >= LEAST_SHARED and self._came_first(id, sha256)]
        for id in likely[:MOST_COMPARED]:
            theirs, names, _looks = self._said_by(id)
            if not _differ(_sure_names(self.document.metadata), names) and nearly_the_same(texts, theirs):
                yield id

    def looking_alike(self) -> Iterator[str]:
        """What says as little, and looks the same, however it lay on the glass."""
        looks = looks_of(self.document)
        if not looks:
            return
        texts = [page.text for page in self.document.pages]
        found = self.catalogue.sharing(look_marks(looks, turned=True))
        likely = [id for id, sha256, _shared in found if self._came_first(id, sha256)]
        for id in likely[:MOST_LOOKED_AT]:
            theirs, names, other_looks = self._said_by(id)
            if not _differ(_sure_names(self.document.metadata), names) and look_the_same(
                texts, looks, theirs, other_looks
            ):
                yield id

    def _said_by(self, id: str) -> tuple[list[str], tuple[str | None, ...], tuple[str, ...]]:
        """The text of another paper, its names, and what it looks like."""
        hold = self.catalogue.find_hold(id)
        if hold is not None:
            other = from_json(Submission, hold.submission).document
            return [page.text for page in other.pages], _sure_names(other.metadata), looks_of(other)
        record = self.archive.record(id)
        issued_on = record.issued_on.isoformat() if record.issued_on else None
        looks = record.looks if says_little(record.pages) else ()
        return list(record.pages), (record.number, record.symbol, issued_on), looks

    def _came_first(self, id: str, sha256: str) -> bool:
        """It lies before *document* in the same scan; or it is of another, and did not come when *document* waited
        already: where its scan is gone on with, perhaps by another machine, the others have come meanwhile."""
        scan, first_page = self.document.scan.sha256, self.document.page_numbers[0]
        if sha256 == scan:
            return max(self._pages(id)) < first_page
        mine, theirs = self.catalogue.find_head(document_id(scan, first_page)), self.catalogue.find_head(id)
        return mine is None or theirs is None or theirs.opened_at < mine.opened_at

    def _pages(self, id: str) -> Sequence[int]:
        hold = self.catalogue.find_head(id)
        if hold is not None:
            return hold.pages
        return self.archive.page_numbers(id)


def _sure_names(metadata: Metadata) -> tuple[str | None, ...]:
    fields = (metadata.number, metadata.symbol, metadata.issued_on)
    return tuple(field.value if field.state is FieldState.ACCEPTED else None for field in fields)


def _differ(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    return any(
        mine and theirs and mine.lstrip("0") != theirs.lstrip("0") for mine, theirs in zip(one, other, strict=True)
    )
