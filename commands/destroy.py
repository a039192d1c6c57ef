"""``sohoa destroy``: take records out of the archive for good, once their term is over; a certificate is left."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import click

from cli import Context
from commands.access import operator_of
from commands.indexing import index_or_say
from commands.replicating import set_aside
from commands.showing import harmless, json_line
from commands.withdraw import each
from commands.workspace import Workspace
from schemas.days import VIETNAM
from schemas.errors import InputRejected
from schemas.language import _
from schemas.records import Deposit, Record
from schemas.stored import to_json


@click.command(help=_("Destroy records whose term is over, in every version and replica; a certificate is left."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--decision", required=True, help=_("The decision that orders it: number, symbol, date."))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--yes", is_flag=True, help=_("Do not ask again."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line: the certificates."))
@click.pass_obj
def command(
    context: Context, ids: tuple[str, ...], decision: str, operator: str | None, yes: bool, as_json: bool
) -> int:
    workspace = context.workspace
    who = operator_of(workspace, operator)
    if not decision.strip():
        raise InputRejected(_("name the decision with --decision: it stands in the certificate"))
    if not yes:
        click.confirm(_("Destroy {count} records? Nothing brings them back").format(count=len(ids)), abort=True)

    def destroy(id: str) -> None:
        certificate = _destroyed_before(workspace, id) or _destroyed(workspace, id, decision.strip(), who)
        if as_json:
            json_line(certificate)
        else:
            click.echo(_("{id}: destroyed on {day} by {by}; `sohoa show {id}` shows the certificate").format(
                id=id, day=certificate["destroyed_at"][:10], by=harmless(certificate["by"])))  # fmt: skip
        for folder in set_aside(workspace, workspace.archive.place(id)):
            click.echo(_("{folder}: was set aside when it was damaged, and may hold record {id} still; delete it by "
                         "hand").format(folder=folder, id=id), err=True)  # fmt: skip

    with workspace.only_writer():
        code = each(ids, destroy)
        index_or_say(workspace)
    return code


def _destroyed_before(workspace: Workspace, id: str) -> dict[str, Any] | None:
    """The certificate, where there is one. The run that wrote it may have been stopped before the bucket and the
    catalogue had it so."""
    certificate = workspace.archive.certificate(id)
    if certificate is not None:
        left = workspace.archive.destroy(id, certificate, operator=certificate["by"])
        if workspace.catalogue.is_kept(id):
            at = datetime.fromisoformat(certificate["destroyed_at"])
            what = f"destroy: {certificate['decision']}"
            workspace.catalogue.note_destruction(id, left, who=certificate["by"], what=what, now=at)
    return certificate


def _destroyed(workspace: Workspace, id: str, decision: str, who: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    record = workspace.archive.record(id)
    _check_term(record, now.astimezone(VIETNAM).date())
    certificate = _certificate(record, decision, who, now)
    left = workspace.archive.destroy(id, certificate, operator=who)
    _note(workspace, id, decision, who, left, now)
    return certificate


def _note(workspace: Workspace, id: str, decision: str, who: str, left: Iterable[Deposit], now: datetime) -> None:
    workspace.catalogue.note_destruction(id, left, who=who, what=f"destroy: {decision}", now=now)


def _check_term(record: Record, today: date) -> None:
    term = record.retention
    if term is None:
        raise InputRejected(_("no term is set; see `sohoa retention set`"))
    if not term.is_over(today):
        raise InputRejected(
            _("kept until {day}: it may not be destroyed before").format(day=term.until)
            if term.until
            else _("kept for ever, or until a day that is not set yet (code {code})").format(code=term.code)
        )


def _certificate(record: Record, decision: str, who: str, now: datetime) -> dict[str, Any]:
    """What an auditor must still be able to see; nothing of what the paper said."""
    return {
        "format": 1,
        "id": record.id,
        "unit": record.unit,
        "procedure": record.procedure,
        "number": record.number,
        "symbol": record.symbol,
        "issued_on": record.issued_on.isoformat() if record.issued_on else None,
        "type": record.type,
        "pages": len(record.pages),
        "deposited_at": record.deposited_at.isoformat(),
        "pdf_sha256": record.pdf_sha256,
        "retention": to_json(record.retention),
        "decision": decision,
        "by": who,
        "destroyed_at": now.isoformat(timespec="seconds"),
    }
