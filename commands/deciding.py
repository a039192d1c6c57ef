"""What follows from a person's decision about what waits: it is deposited, cut anew, rejected, or goes on waiting.

Each function returns the line that says what was done; InputRejected says why it could not be. Each decision is kept
with how its documents stood before and after, so that ``commands/undoing.py`` can take it back.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from archive.inventory import Register
from commands.engines import desk_of, opened_pool, reading_options
from commands.showing import harmless
from commands.workspace import Workspace
from ingest import recut
from ingest.again import archived_by_now
from ingest.fencedpages import open_fenced
from ingest.intake import identify
from ingest.offers import procedure_listed, with_result_code
from ingest.pages import ScanPages
from ingest.pipeline import (
    Deposited,
    Desk,
    Held,
    certified_beside,
    deposit_or_hold,
    is_provisional,
    lifted_now,
    make,
    signed_beside,
)
from ingest.review import (
    PROCEDURE,
    accept,
    decision,
    of_procedure,
    set_fields,
    set_procedure,
    settled,
    standing,
)
from ingest.reviewsheet import ABSENT, ACCEPT, REJECT, WHOLE, Decided
from ingest.workers import read_all
from schemas.documents import Field, Paper
from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import PageImage, PageText, ReadingOptions, Scan, Turn
from schemas.records import Deposit, Submission
from schemas.stored import from_json, to_json
from schemas.work import Change, Hold, Outcome, document_id

Reread = Callable[[Workspace, Sequence[PageImage]], Sequence[PageText]]
"""Reads the pages of one scan, in their order."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A hold that nobody has decided on, with what waits under it."""

    hold: Hold
    submission: Submission


def waiting(workspace: Workspace, id: str) -> Waiting:
    """The hold with this id or beginning of one. InputRejected when it was decided on already."""
    hold = workspace.catalogue.hold(id)
    if hold.decided_at is not None:
        raise InputRejected(_("{id}: {operator} decided on it already: {decision}; to take that back: "
                              "sohoa review undo {id}").format(
            id=hold.id, operator=hold.operator, decision=hold.decision))  # fmt: skip
    return Waiting(hold, submission_of(hold))


def submission_of(hold: Hold) -> Submission:
    """What waits under *hold*. IntegrityBroken when it is not what was kept."""
    return from_json(Submission, hold.submission)


def accepted(workspace: Workspace, held: Waiting, who: str) -> str:
    """Accept what was read, as it stands, and deposit it."""
    return go_on(workspace, held, accept(held.submission, who, datetime.now(UTC)), "accept", who)


def set_by_hand(workspace: Workspace, held: Waiting, values: dict[str, str], who: str) -> str:
    """Set fields, and the procedure; the document is deposited when nothing is left to ask."""
    submission, now = held.submission, datetime.now(UTC)
    fields = {name: value for name, value in values.items() if name != PROCEDURE}
    if PROCEDURE in values:
        code, known = values[PROCEDURE].strip(), Register(workspace.catalogue.engine).procedures()
        submission = set_procedure(submission, code, known, _retention(workspace, code), who, now)
    if fields:
        submission = set_fields(submission, fields, who, now)
    return go_on(workspace, held, submission, "set", who)


def _retention(workspace: Workspace, procedure: str) -> str:
    return workspace.settings.archive.retention_of(procedure)


def go_on(workspace: Workspace, held: Waiting, decided: Submission, what: str, who: str) -> str:
    """Deposit what is *decided*; keep it where it still waits, or where a record bears the names that it was given."""
    listed = Register(workspace.catalogue.engine).listed
    decided = replace(decided, document=with_result_code(decided.document, decided.unit, listed))
    if not decided.procedure and (procedure := procedure_listed(decided.document, decided.unit, listed)):
        decided = of_procedure(decided, procedure, _retention(workspace, procedure))
    if not decided.document.reasons:
        same = archived_by_now(decided.document, workspace.catalogue, workspace.archive)
        like = tuple(dict.fromkeys((*decided.document.like, *same.ids)))
        decided = replace(decided, document=replace(decided.document, reasons=same.reasons, like=like))
    hold, document = held.hold, decided.document
    outcome = Outcome.WAITS if document.reasons else Outcome.ARCHIVED
    change = Change(who, datetime.now(UTC), what, (standing(hold.id, held.submission),),
                    (standing(hold.id, decided, outcome),))  # fmt: skip
    if outcome is Outcome.WAITS:
        workspace.catalogue.update_hold(hold.id, document.reasons, to_json(decided), change)
        return _("{id}: still waits: {reasons}").format(id=hold.id, reasons=harmless("; ".join(document.reasons)))
    deposit = _deposited(workspace, hold, decided)
    workspace.catalogue.note_deposit(deposit, who=who)
    workspace.catalogue.decide(hold.id, "accepted", change, to_json(decided))
    clear(workspace, hold)
    return _("{id}: archived as {record}").format(id=hold.id, record=deposit.record.id)


def _deposited(workspace: Workspace, hold: Hold, submission: Submission) -> Deposit:
    here = replace(submission, signed=signed_beside(submission.signed, workspace.folder, hold.pdf_path))
    if here.certified is not None:  # as a workspace may have been moved since
        here = replace(here, certified=replace(here.certified, path=certified_beside(here.signed.path)))
    original = workspace.folder / hold.original_path if hold.original_path else None
    return workspace.archive.corrected(here, original=original)


def rejected(workspace: Workspace, held: Waiting, reason: str, who: str) -> str:
    """Close a hold without a record; the scan stays where it is."""
    hold, submission = held.hold, held.submission
    change = Change(who, datetime.now(UTC), f"reject: {reason}", (standing(hold.id, submission),),
                    (standing(hold.id, submission, Outcome.REJECTED),))  # fmt: skip
    workspace.catalogue.decide(hold.id, f"rejected: {reason}", change)
    clear(workspace, hold)
    return _("{id}: rejected").format(id=hold.id)


def imported(workspace: Workspace, id: str, cells: Sequence[Decided], who: str) -> tuple[str, list[tuple[str, str]]]:
    """Apply the cells of one hold: what was done, and the cells that were not taken with the reason of each.

    What is decided already stays, so that a sheet may be imported twice.
    """
    hold = workspace.catalogue.hold(id)
    if hold.decided_at is not None:
        return _("{id}: decided before, nothing changed").format(id=hold.id), []
    submission, now = submission_of(hold), datetime.now(UTC)
    held = Waiting(hold, submission)
    wrong: list[tuple[str, str]] = []
    if any(cell.field == WHOLE and cell.value == REJECT for cell in cells):
        return rejected(workspace, held, _("by spreadsheet"), who), wrong
    values: dict[str, str] = {}
    for cell in cells:
        if cell.field != WHOLE:
            try:
                value = _value_of(cell, submission)
                set_fields(submission, {cell.field: value}, who, now)
                values[cell.field] = value
            except InputRejected as error:
                wrong.append((cell.cell, str(error)))
    if values and not _is_set(submission, values):
        submission = set_fields(submission, values, who, now)
    for cell in cells:
        if cell.field == WHOLE and cell.value == ACCEPT and not wrong:
            if since := [reason for reason in hold.reasons if reason not in cell.reading]:
                wrong.append((cell.cell, _("since the sheet was written it waits because: {reasons}; look at it, or "
                                           "export the holds again").format(reasons="; ".join(since))))  # fmt: skip
                continue
            try:
                submission = accept(submission, who, now)
            except InputRejected as error:
                wrong.append((cell.cell, str(error)))
    if submission is held.submission:
        return _("{id}: nothing changed").format(id=hold.id), wrong
    return go_on(workspace, held, submission, _("by spreadsheet"), who), wrong


def _is_set(submission: Submission, values: dict[str, str]) -> bool:
    """An earlier import of the same sheet has set just these values."""
    decided = settled(submission.document)
    return all(name in decided and (decided[name].value or "") == value for name, value in values.items())


def _value_of(cell: Decided, submission: Submission) -> str:
    if cell.value == ACCEPT:
        read: Field = getattr(submission.document.metadata, cell.field)
        if not read.value:
            raise InputRejected(_("{field}: nothing was read, so nothing can be accepted").format(field=cell.field))
        return read.value
    return "" if cell.value == ABSENT else cell.value


# -- cut anew and turned: the scan itself is needed ---------------------------------------------------------------


def split(workspace: Workspace, held: Waiting, first_pages: Collection[int], who: str) -> str:
    """Cut a document in two or more: another begins at each of *first_pages*."""
    papers = recut.split(held.submission.document, sorted(first_pages))
    said = f"split at {', '.join(str(page) for page in sorted(first_pages))}"
    with scan_of(workspace, held.submission) as pages:
        return cut_anew(workspace, [held], papers, pages, said, who)


def merged(workspace: Workspace, held: Sequence[Waiting], who: str) -> str:
    """Put documents of one scan, that follow each other, together as one."""
    ordered = sorted(held, key=lambda one: one.hold.first_page)
    paper = recut.merge([one.submission.document for one in ordered])
    said = f"merge {', '.join(one.hold.id for one in ordered)}"
    with scan_of(workspace, ordered[0].submission) as pages:
        return cut_anew(workspace, ordered, [paper], pages, said, who)


def reread_here(workspace: Workspace, images: Sequence[PageImage]) -> Sequence[PageText]:
    """Read pages as ``ingest`` would, in a worker of its own."""
    options: ReadingOptions = reading_options(workspace.settings, fast=False)
    with opened_pool(workspace.settings, options, 1) as pool:
        read = dict(read_all(((image.number, image) for image in images), pool, options))
    return [read[image.number] for image in images]


def rotated(
    workspace: Workspace, held: Waiting, by: Turn, numbers: Collection[int], who: str, reread: Reread = reread_here
) -> str:
    """Turn pages clockwise by *by* degrees and read them again; no *numbers*: every page."""
    document = held.submission.document
    wanted = set(numbers) or set(document.page_numbers)
    if odd := wanted - set(document.page_numbers):
        raise InputRejected(
            _("page {page} is none of this document: it has pages {first} to {last}").format(
                page=min(odd), first=document.page_numbers[0], last=document.page_numbers[-1]
            )
        )
    with scan_of(workspace, held.submission) as pages:
        turned = turned_pages(workspace, pages, document.pages, {
            page.number: _sum(page.turn, by) for page in document.pages if page.number in wanted
        }, reread)  # fmt: skip
        paper = Paper(document.scan, tuple(turned), document.cut, document.doubtful_cuts, document.sheet)
        return cut_anew(workspace, [held], [paper], pages, f"rotate by {by}: {sorted(wanted)}", who)


def turned_pages(
    workspace: Workspace, pages: ScanPages, texts: Sequence[PageText], turns: dict[int, Turn], reread: Reread
) -> list[PageText]:
    """*texts* with the pages in *turns* read again, each turned so much from how it lies in the scan."""
    images = [replace(pages.image(number), turn=turn, settled=True, released=True) for number, turn in turns.items()]
    again = {text.number: text for text in reread(workspace, images)} if images else {}
    return [again.get(text.number, text) for text in texts]


def _sum(first: Turn, second: Turn) -> Turn:
    turns: dict[int, Turn] = {0: 0, 90: 90, 180: 180, 270: 270}
    return turns[(first + second) % 360]


def cut_anew(
    workspace: Workspace, held: Sequence[Waiting], papers: Sequence[Paper], pages: ScanPages, said: str, who: str
) -> str:
    """Take *papers* the whole way anew, from the scan itself, in place of the documents that were held.

    What a person had decided about the document that began at the same page stays.
    """
    hold, submission = held[0].hold, held[0].submission
    now = datetime.now(UTC)
    decisions = (*submission.provenance.decisions, decision(who, now, said))
    before = tuple(standing(one.hold.id, one.submission) for one in held)
    kept = {one.hold.first_page: settled(one.submission.document) for one in held}
    desk = desk_for(workspace, submission, who)
    for paper in papers:
        known = workspace.catalogue.find_hold(document_id(paper.scan.sha256, paper.page_numbers[0]))
        if known is not None and known.decided_at is not None:  # put together before, and now apart again
            workspace.catalogue.reopen_hold(known.id, who, now)
    lines, after, closed = [], [], []
    for paper in reversed(papers):  # the first shrinks what waited for all of them: killed here, no page is lost
        first_page = paper.page_numbers[0]
        match deposit_or_hold(
            lifted_now(make(paper, pages, desk, decisions, kept.get(first_page, {})), desk), desk, hold.batch
        ):
            case Held(hold=waits):
                after.append(standing(waits.id, submission_of(waits)))
                reasons = harmless("; ".join(waits.reasons))
                lines.append(_("{id}: still waits: {reasons}").format(id=waits.id, reasons=reasons))
            case Deposited(deposit=deposit, submission=deposited):
                id = document_id(paper.scan.sha256, first_page)
                workspace.catalogue.open_hold(replace(
                    hold, id=id, first_page=first_page, reasons=(), submission=to_json(deposited)))  # fmt: skip
                after.append(standing(id, deposited, Outcome.ARCHIVED))
                closed.append((id, "accepted"))
                lines.append(_("page {page}: archived as {record}").format(page=first_page, record=deposit.record.id))
    closed += [(one.hold.id, said) for one in held[1:] if one.hold.id not in {other.hold for other in after}]
    workspace.catalogue.decide_together(closed, Change(who, now, said, before, tuple(reversed(after))))
    for id, _word in closed:
        ended = workspace.catalogue.find_hold(id)
        if ended is not None:
            clear(workspace, ended)
    return "\n".join(reversed(lines))


def desk_for(workspace: Workspace, submission: Submission, who: str) -> Desk:
    """What documents of the same scan and labels as *submission* are made with."""
    given = "" if is_provisional(submission.dossier) else submission.dossier
    return desk_of(workspace, who, unit=submission.unit, procedure=submission.procedure, dossier=given,
                   settings=submission.provenance.settings)  # fmt: skip


def scan_of(workspace: Workspace, submission: Submission) -> ScanPages:
    """The scan of *submission*, opened. InputRejected when it is no longer there as it was read."""
    scan = submission.document.scan
    found = identify(scan.path)
    if not isinstance(found, Scan) or found.sha256 != scan.sha256:
        raise InputRejected(
            _("{scan}: the scan is no longer there as it was read; put it back, then decide again").format(
                scan=scan.path
            )
        )
    return open_fenced(found, passwords=workspace.settings.reading.pdf_passwords, spool=workspace.review_spool())


def clear(workspace: Workspace, hold: Hold) -> None:
    """Drop the PDFs that waited under *hold*."""
    for path in (hold.pdf_path, hold.original_path):
        if path:
            (workspace.folder / path).unlink(missing_ok=True)
    certified_beside(workspace.folder / hold.pdf_path).unlink(missing_ok=True)


def is_as_signed(workspace: Workspace, hold: Hold, submission: Submission) -> bool:
    """The PDF that waits under *hold* is there, and is the one that *submission* speaks of."""
    file = workspace.folder / hold.pdf_path
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == submission.signed.sha256
