"""What is offered to a person for a doubtful number, symbol or day, from the inventory and the papers beside it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from archive.inventory import Register
from commands.deciding import submission_of
from commands.workspace import Workspace
from ingest.intake import natural_order
from ingest.offers import Place, nearest, number_beside, wants_offers, with_offers
from schemas.documents import Document
from schemas.records import Submission
from schemas.work import Hold


def offered(workspace: Workspace, hold: Hold) -> Submission:
    """What waits under *hold*, with what its number, symbol and day may be (``ingest.offers``)."""
    submission = submission_of(hold)
    document = submission.document
    if not wants_offers(document):
        return submission
    place = natural_order(Path(hold.scan_path)), hold.first_page
    beside = nearest(_numbers_in_batch(workspace, hold, document), place)
    register = Register(workspace.catalogue.engine)
    return replace(submission, document=with_offers(
        document, submission.unit, register, beside, submission.procedure))  # fmt: skip


def _numbers_in_batch(workspace: Workspace, hold: Hold, document: Document) -> Iterator[tuple[Place, int]]:
    """Where in the batch papers with its symbol lie that wait as well, or are archived, with their numbers."""
    symbol = document.metadata.symbol.value
    if symbol is None:
        return
    for head in workspace.catalogue.waiting(batch=hold.batch):
        number = number_beside(head.fields.get("number"), head.fields.get("symbol"), document)
        if number is not None and head.id != hold.id:
            yield (natural_order(Path(head.scan_path)), head.pages[0]), number
    for id, digits, path, sha256 in workspace.catalogue.numbers_of_batch(hold.batch, symbol):
        if digits.isdecimal():
            page = workspace.archive.page_numbers(id)[0] if sha256 == hold.scan_sha256 else 1
            yield (natural_order(Path(path)), page), int(digits)
