"""What follows from a person's decision about what waits: it is deposited, cut anew, rejected, or goes on waiting.

Each function returns the line that says what was done; InputRejected says why it could not be.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from commands.engines import desk_of
from commands.showing import harmless
from commands.workspace import Workspace
from ingest.intake import identify
from ingest.pages import open_pages
from ingest.pipeline import (
    Deposited,
    Held,
    deposit_or_hold,
    document_id,
    is_provisional,
    lifted_now,
    make,
    signed_beside,
)
from ingest.review import accept, decision, set_fields
from ingest.reviewsheet import ABSENT, ACCEPT, REJECT, WHOLE, Decided
from schemas.documents import Field, Paper
from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import Scan
from schemas.records import Deposit, Submission
from schemas.stored import from_json, to_json
from schemas.work import Hold


def imported(workspace: Workspace, id: str, cells: Sequence[Decided], who: str) -> str:
    """Apply the cells of one hold. What is decided already stays, so that a sheet may be imported twice."""
    hold = workspace.catalogue.hold(id)
    if hold.decided_at is not None:
        return _("{id}: decided before, nothing changed").format(id=hold.id)
    submission = submission_of(hold)
    whole = {cell.value for cell in cells if cell.field == WHOLE}
    if REJECT in whole:
        return rejected(workspace, hold, _("by spreadsheet"), who)
    now = datetime.now(UTC)
    values = {cell.field: _value_of(cell, submission) for cell in cells if cell.field != WHOLE}
    if values:
        submission = set_fields(submission, values, who, now)
    if ACCEPT in whole:
        submission = accept(submission, who, now)
    return go_on(workspace, hold, submission, who)


def _value_of(cell: Decided, submission: Submission) -> str:
    if cell.value == ACCEPT:
        read: Field = getattr(submission.document.metadata, cell.field)
        if not read.value:
            raise InputRejected(_("{field}: nothing was read, so nothing can be accepted").format(field=cell.field))
        return read.value
    return "" if cell.value == ABSENT else cell.value


def incident_of(workspace: Workspace, sha256: str) -> tuple[dict[str, str], Path]:
    """The one open incident whose scan's hash begins so, and its file."""
    found = [
        (incident, file)
        for file in (workspace.folder / "quarantine").glob("*.json")
        if (incident := json.loads(file.read_text(encoding="utf-8")))["sha256"].startswith(sha256)
    ]
    if len(found) != 1:
        raise InputRejected(
            _("{id}: no incident, or more than one, begins so; see quarantine/ in the workspace").format(id=sha256)
        )
    return found[0]


def submission_of(hold: Hold) -> Submission:
    """What waits under *hold*. IntegrityBroken when it is not what was kept."""
    return from_json(Submission, hold.submission)


def undecided(workspace: Workspace, id: str) -> Hold:
    """The hold with this id or beginning of one, that nobody has decided on yet."""
    hold = workspace.catalogue.hold(id)
    if hold.decided_at is not None:
        raise InputRejected(_("{id}: {operator} decided on it already: {decision}").format(
            id=hold.id, operator=hold.operator, decision=hold.decision))  # fmt: skip
    return hold


def rejected(workspace: Workspace, hold: Hold, reason: str, who: str) -> str:
    """Close *hold* without a record; the scan stays where it is."""
    workspace.catalogue.decide(hold.id, f"rejected: {reason}", who, datetime.now(UTC))
    _clear(workspace, hold)
    return _("{id}: rejected").format(id=hold.id)


def cut_anew(
    workspace: Workspace, held: Sequence[tuple[Hold, Submission]], papers: Sequence[Paper], said: str, who: str
) -> str:
    """Take *papers* the whole way anew, from the scan itself, in place of the documents that were held."""
    hold, submission = held[0]
    scan = _scan_as_it_was(submission.document.scan)
    now = datetime.now(UTC)
    decisions = (*submission.provenance.decisions, decision(who, now, said))
    given = "" if is_provisional(submission.dossier) else submission.dossier
    desk = desk_of(workspace, who, unit=submission.unit, procedure=submission.procedure, dossier=given,
                   settings=submission.provenance.settings)  # fmt: skip
    for paper in papers:
        known = workspace.catalogue.find_hold(document_id(paper.scan.sha256, paper.page_numbers[0]))
        if known is not None and known.decided_at is not None:  # put together before, and now apart again
            workspace.catalogue.reopen_hold(known.id, who, now)
    lines = []
    with open_pages(scan, passwords=workspace.settings.reading.pdf_passwords, spool=workspace.folder / "tmp") as pages:
        for paper in reversed(papers):  # the first shrinks what waited for all of them: killed here, no page is lost
            match deposit_or_hold(lifted_now(make(paper, pages, desk, decisions), desk), desk, hold.batch):
                case Held(hold=waits):
                    reasons = harmless("; ".join(waits.reasons))
                    lines.append(_("{id}: still waits: {reasons}").format(id=waits.id, reasons=reasons))
                case Deposited(deposit=deposit):
                    if paper.page_numbers[0] == hold.first_page:
                        workspace.catalogue.decide(hold.id, "accepted", who, now)
                        _clear(workspace, hold)
                    lines.append(_("page {page}: archived as {record}").format(
                        page=paper.page_numbers[0], record=deposit.record.id))  # fmt: skip
    for other, _of_other in held[1:]:
        workspace.catalogue.decide(other.id, said, who, now)
        _clear(workspace, other)
    return "\n".join(reversed(lines))


def _scan_as_it_was(scan: Scan) -> Scan:
    found = identify(scan.path)
    if not isinstance(found, Scan) or found.sha256 != scan.sha256:
        raise InputRejected(
            _("{scan}: the scan is no longer there as it was read; put it back, then decide again").format(
                scan=scan.path
            )
        )
    return found


def go_on(workspace: Workspace, hold: Hold, submission: Submission, who: str) -> str:
    """Deposit what is decided; keep what still waits."""
    now = datetime.now(UTC)
    if submission.document.reasons:
        workspace.catalogue.update_hold(hold.id, submission.document.reasons, to_json(submission), who, now)
        return _("{id}: still waits: {reasons}").format(id=hold.id, reasons="; ".join(submission.document.reasons))
    deposit = _deposited(workspace, hold, submission)
    workspace.catalogue.note_deposit(deposit, who=who)
    workspace.catalogue.decide(hold.id, "accepted", who, now, to_json(submission))
    _clear(workspace, hold)
    return _("{id}: archived as {record}").format(id=hold.id, record=deposit.record.id)


def _deposited(workspace: Workspace, hold: Hold, submission: Submission) -> Deposit:
    here = replace(submission, signed=signed_beside(submission.signed, workspace.folder, hold.pdf_path))
    original = workspace.folder / hold.original_path if hold.original_path else None
    return workspace.archive.deposit(here, original=original)


def _clear(workspace: Workspace, hold: Hold) -> None:
    for path in (hold.pdf_path, hold.original_path):
        if path:
            (workspace.folder / path).unlink(missing_ok=True)
