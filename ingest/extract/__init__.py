"""From the pages of a paper to what is known of it: its elements, each with its evidence and how sure it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ingest.extract.finding import Finding, decided
from ingest.extract.head import HeadFields
from ingest.extract.kinds import kind_of
from ingest.extract.readings import first_reading, settled
from ingest.extract.signer import signer_findings
from ingest.extract.validity import validity_findings
from schemas.documents import CutState, Document, Field, FieldState, Metadata, Paper
from schemas.language import _
from schemas.pages import PageState, PageText

NEEDED = ("number", "symbol", "issued_on", "issuer", "type", "abstract")
"""What a record must have or be known not to have before it is deposited (TT 01/2023/TT-VPCP, Điều 9). What else is
doubtful is kept with its doubt, and a record shows only what is accepted."""
OF_HEAD = ("number", "symbol", "issued_on", "issuer", "parent_issuer", "type", "abstract", "urgency")
READ = (*OF_HEAD, "signer", "signer_title", "valid_from", "valid_until", "scope")
"""The elements that a paper bears."""


def describe(paper: Paper) -> Document:
    """What *paper* says of itself: its kind, its elements, and why a person must look at it, if one must."""
    metadata = Metadata(**{name: decided(name, finding) for name, finding in findings(paper).items()})
    document = Document(
        scan=paper.scan,
        pages=paper.pages,
        cut=paper.cut,
        kind=kind_of(paper),
        metadata=metadata,
        doubtful_cuts=paper.doubtful_cuts,
        sheet=paper.sheet,
    )
    return replace(document, reasons=reasons_to_hold(document))


def with_fields(document: Document, fields: Mapping[str, Field]) -> Document:
    """*document* with these fields in the place of what was read, and the reasons to hold it that are left."""
    document = replace(document, metadata=replace(document.metadata, **fields))
    return replace(document, reasons=reasons_to_hold(document))


def findings(paper: Paper) -> dict[str, Finding]:
    """Each element by its name, before it is decided which may be accepted."""
    read = [page for page in paper.pages if page.state is PageState.READ and page.lines]
    if not read:
        return {name: Finding(reason=_("nothing was read")) for name in READ}
    found = _found(read)
    before = [first_reading(page) or page for page in read]
    if before == read:
        return found
    first = _found(before)
    return {name: settled(name, finding, first[name]) for name, finding in found.items()}


def _found(read: Sequence[PageText]) -> dict[str, Finding]:
    head = HeadFields(read)
    signer, title = signer_findings(read)
    found: dict[str, Finding] = {name: getattr(head, name) for name in OF_HEAD}
    return found | {"signer": signer, "signer_title": title} | validity_findings(read, head.issued_on)


def reasons_to_hold(document: Document) -> tuple[str, ...]:
    """Why *document* waits for a person; empty when it may be deposited. Each reason once, the gravest first."""
    return tuple(dict.fromkeys(_reasons(document)))


def _reasons(document: Document) -> Iterator[str]:
    if any(page.state is PageState.NOT_READ for page in document.pages):
        yield _("a page could not be read")
    if all(page.state is not PageState.READ for page in document.pages):
        yield _("there is no text on it")
    if document.cut.state is CutState.HELD:
        yield _("whether a new paper begins here is doubtful")
    if document.doubtful_cuts:
        yield _("another paper may begin within it")
    said = _held_reasons()
    for name, why in said.items():
        field: Field = getattr(document.metadata, name)
        if field.state is FieldState.HELD:
            yield why


def _held_reasons() -> dict[str, str]:
    return {
        "number": _("the number is doubtful"),
        "symbol": _("the symbol is doubtful"),
        "issued_on": _("the date is doubtful"),
        "issuer": _("the issuing agency is doubtful"),
        "type": _("the type is doubtful"),
        "abstract": _("the abstract is doubtful"),
        "result_code": _("the inventory lists several results of its number, symbol and date"),
    }
