"""A decision of review taken back, by a decision of its own: what it was about waits again as it stood before.

A record that it had made is withdrawn from the archive; decided on anew, it becomes the record's next version.
"""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from commands.deciding import (
    Reread,
    Waiting,
    desk_for,
    is_as_signed,
    reread_here,
    scan_of,
    submission_of,
    turned_pages,
)
from commands.workspace import Workspace
from ingest.pipeline import composed_anew
from ingest.quarantine import Quarantine
from ingest.review import as_it_stood, of_procedure, standing
from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import PageText
from schemas.records import Submission, Withdrawal
from schemas.stored import to_json
from schemas.work import Change, Decision, Hold, Outcome, Standing


def taken_back(workspace: Workspace, id: str, who: str, reread: Reread = reread_here) -> str:
    """Take back the last decision about a hold that has not been taken back yet; the line that says what waits again.

    InputRejected when nobody has decided on it, when one of its documents was decided on since, or when the scan, which
    a cut needs, is not there as it was read.
    """
    hold = workspace.catalogue.hold(id)
    decision = workspace.catalogue.last_decision(hold.id)
    if decision is None:
        raise InputRejected(_("{id}: there is no decision to take back").format(id=hold.id))
    change = decision.change
    for stood in change.after:
        since = workspace.catalogue.last_decision(stood.hold)
        if since is not None and since.position > decision.position:
            raise InputRejected(
                _("{id}: decided on since ({decision}); take that back first: sohoa review undo {id}").format(
                    id=stood.hold, decision=since.change.what
                )
            )
    now = datetime.now(UTC)
    ended = {stood.hold: workspace.catalogue.hold(stood.hold) for stood in change.after}
    pages = _pages_before(workspace, decision, [submission_of(one) for one in ended.values()], reread)
    waiting = [_waits_again(workspace, stood, change, pages, who, now) for stood in change.before]
    for stood in change.after:
        if stood.outcome is Outcome.ARCHIVED:
            _withdraw(workspace, submission_of(ended[stood.hold]), who, f"took back: {change.what}", now)
    after = tuple(standing(one.hold.id, one.submission) for one in waiting)
    back = Change(who, now, f"take back {change.what}", change.after, after)
    workspace.catalogue.take_back(decision, [one.hold for one in waiting], back)
    for gone in ended.keys() - {one.hold.id for one in waiting}:
        (workspace.folder / ended[gone].pdf_path).unlink(missing_ok=True)
    return "\n".join(
        _("{id}: waits again: {reasons}").format(id=one.hold.id, reasons="; ".join(one.hold.reasons)) for one in waiting
    )


def _pages_before(
    workspace: Workspace, decision: Decision, after: list[Submission], reread: Reread
) -> dict[int, PageText]:
    """Every page that the decision was about, turned as it was before."""
    read = [page for submission in after for page in submission.document.pages]
    turns = {
        number: turn for stood in decision.change.before for number, turn in zip(stood.pages, stood.turns, strict=True)
    }
    otherwise = {page.number: turns[page.number] for page in read if turns[page.number] != page.turn}
    if otherwise:
        with scan_of(workspace, after[0]) as pages:
            read = turned_pages(workspace, pages, read, otherwise, reread)
    return {page.number: page for page in read}


def _waits_again(
    workspace: Workspace, stood: Standing, change: Change, pages: dict[int, PageText], who: str, now: datetime
) -> Waiting:
    """The hold as it stood, with a signed PDF that lies in ``waiting/``."""
    hold = workspace.catalogue.hold(stood.hold)
    base = submission_of(hold)
    submission = as_it_stood(base, stood, [pages[number] for number in stood.pages], who, now, change.what)
    if stood.procedure not in (None, base.procedure):
        retention = workspace.settings.archive.retention_of(stood.procedure or "")
        submission = of_procedure(submission, stood.procedure or "", retention)
    same = [
        one for one in change.after if one.hold == stood.hold and (one.pages, one.turns) == (stood.pages, stood.turns)
    ]
    file = workspace.folder / "waiting" / f"{hold.id}.pdf"
    deposit = workspace.archive.standing(base) if same and same[0].outcome is Outcome.ARCHIVED else None
    if deposit is not None:
        signed = workspace.archive.signed(deposit.record.id)
        shutil.copyfile(signed.path, file)
        submission = replace(submission, signed=replace(signed, path=file))
        original = workspace.archive.original(deposit.record.id)
    elif same and is_as_signed(workspace, hold, base):
        original = workspace.folder / hold.original_path if hold.original_path else None
    else:
        with scan_of(workspace, base) as scan:
            submission = composed_anew(submission, scan, desk_for(workspace, base, who))
            original = base.document.scan.path if scan.signed else None
    again = replace(
        hold, reasons=submission.document.reasons, submission=to_json(submission),
        pdf_path=str(file.relative_to(workspace.folder)), original_path=_kept(workspace, hold, original),
        decided_at=None, decision=None, operator=None,
    )  # fmt: skip
    return Waiting(again, submission)


def _kept(workspace: Workspace, hold: Hold, original: Path | None) -> str:
    """A copy of the scan beside the PDF that waits, where it must be kept unchanged."""
    if original is None:
        return ""
    kept = workspace.folder / "waiting" / f"{hold.id}.original{original.suffix}"
    if kept != original:
        shutil.copyfile(original, kept)
    return str(kept.relative_to(workspace.folder))


def _withdraw(workspace: Workspace, submission: Submission, who: str, reason: str, now: datetime) -> None:
    """Take a record out of what counts and is found, until it is decided on anew."""
    standing = workspace.archive.standing(submission)
    if standing is None:
        return
    withdrawal = Withdrawal(reason, "", who, now)
    workspace.catalogue.note_deposit(
        workspace.archive.withdrawn(standing.record.id, withdrawal), who=who, what=f"withdraw: {reason}"
    )


def release_taken_back(workspace: Workspace, sha256: str, who: str) -> str:
    """Stop a scan as secret again that was released by mistake.

    InputRejected where none or more than one was released under *sha256*, and where it was read since: what came of it
    must be rejected.
    """
    found = [
        (incident, file)
        for file in (workspace.folder / "quarantine").glob("*.released")
        if (incident := json.loads(file.read_text(encoding="utf-8")))["sha256"].startswith(sha256)
    ]
    if len(found) != 1:
        raise InputRejected(_("nothing waits under {id}; see `sohoa review list`").format(id=sha256))
    [(incident, file)] = found
    if not workspace.catalogue.stop_again(incident["sha256"], who, datetime.now(UTC)):
        raise InputRejected(
            _("{scan}: it was read since; reject what came of it: sohoa review list").format(scan=incident["scan"])
        )
    Quarantine(workspace.folder / "quarantine").take_again(incident)
    file.rename(file.with_suffix(".json"))
    return _("{scan}: stopped as secret again").format(scan=incident["scan"])
