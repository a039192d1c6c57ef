"""``sohoa withdraw``: let a record stand no more, by decision."""

from collections.abc import Callable
from datetime import UTC, datetime

import click

from cli import Context
from commands.access import operator_of
from commands.indexing import index_or_say
from commands.showing import harmless, json_line
from schemas.errors import InputRejected
from schemas.language import _
from schemas.records import Withdrawal


@click.command(help=_("Let records stand no more, by decision: found by nobody, and counted from today on no more."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--reason", required=True, help=_("Why."))
@click.option("--decision", default="", help=_("The decision that orders it: number, symbol, date."))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def command(
    context: Context, ids: tuple[str, ...], reason: str, decision: str, operator: str | None, as_json: bool
) -> int:
    workspace = context.workspace
    who = operator_of(workspace, operator)
    if not reason.strip():
        raise InputRejected(_("give the reason with --reason: it stays with the record"))

    def withdraw(id: str) -> None:
        now = datetime.now(UTC)
        deposit = workspace.archive.withdrawn(id, Withdrawal(reason.strip(), decision.strip(), who, now))
        workspace.catalogue.note_deposit(deposit, who=who, what=f"withdraw: {reason}")
        said = deposit.record.withdrawn
        assert said is not None
        if as_json:
            json_line({"id": id, "withdrawn_at": said.at.isoformat(), "by": said.by, "new": deposit.new})
        elif deposit.new:
            click.echo(_("{id}: withdrawn").format(id=id))
        else:
            click.echo(_("{id}: withdrawn before, on {day} by {by}").format(
                id=id, day=said.at.date(), by=harmless(said.by)))  # fmt: skip

    with workspace.only_writer():
        code = each(ids, withdraw)
        index_or_say(workspace)
    return code


def each(ids: tuple[str, ...], work: Callable[[str], None]) -> int:
    """Do *work* with each record, say what is rejected, and give the exit code of the whole."""
    failed = 0
    for id in ids:
        try:
            work(id)
        except InputRejected as error:
            failed += 1
            click.echo(_("{id}: {error}").format(id=harmless(id), error=error), err=True)
    if failed:
        return 4 if failed == len(ids) else 3
    return 0
