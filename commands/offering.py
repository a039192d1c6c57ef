"""What is offered to a person for a doubtful number or day, from the inventory and the papers beside it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from archive.inventory import Register
from commands.deciding import submission_of
from commands.workspace import Workspace
from ingest.offers import Neighbour, days_to_ask_for, wants_offers, with_offers
from schemas.documents import Document
from schemas.records import Submission
from schemas.units import InventoryRow
from schemas.work import Hold

MOST_ROWS = 200


def offered(workspace: Workspace, hold: Hold) -> Submission:
    """What waits under *hold*, with what its number and day may be (``ingest.offers``)."""
    submission = submission_of(hold)
    document = submission.document
    if not wants_offers(document):
        return submission
    rows = _rows(Register(workspace.catalogue.engine), submission.unit, document)
    return replace(submission, document=with_offers(document, rows, list(_neighbours(workspace, hold, document))))


def _rows(register: Register, unit: str, document: Document) -> list[InventoryRow]:
    """Results of *unit* without a record that bear the paper's symbol, or were issued on its day."""
    days = days_to_ask_for(document)
    if not days:
        return []
    return register.candidates(
        unit, number=None, symbol=document.metadata.symbol.value, issued_on=date.fromisoformat(days[0]), limit=MOST_ROWS
    )


def _neighbours(workspace: Workspace, hold: Hold, document: Document) -> Iterator[Neighbour]:
    """The papers before and behind it in its scan that wait as well, where their number was read as digits."""
    first, last = document.page_numbers[0], document.page_numbers[-1]
    for head in workspace.catalogue.waiting(batch=hold.batch, scan=hold.scan_sha256):
        number, symbol = head.fields.get("number"), head.fields.get("symbol")
        beside = head.pages[-1] == first - 1 or head.pages[0] == last + 1
        if not beside or number is None or symbol is None or symbol.value != document.metadata.symbol.value:
            continue
        if number.value is not None and number.value.isdigit() and number.confidence >= 0.5:
            yield Neighbour(int(number.value), before=head.pages[-1] < first)
