"""``sohoa rebuild``: the catalogue's list of deposits and the search index anew, from the archive alone."""

import click

from cli import Context
from commands.access import operator_of
from commands.indexing import rebuild, say_refused
from commands.showing import json_line
from commands.workspace import Workspace
from schemas.errors import IntegrityBroken, ServiceUnavailable
from schemas.language import _


@click.command(help=_("Make the catalogue's list of deposits and the search index anew from the archive."))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def command(context: Context, operator: str | None, as_json: bool) -> int:
    workspace = context.workspace
    damaged: list[str] = []

    def say(error: IntegrityBroken) -> None:
        damaged.append(str(error))
        click.echo(_("left out: {error}").format(error=error), err=True)

    with workspace.only_writer():
        listed = workspace.catalogue.replace_deposits(
            workspace.archive.deposits(on_damage=say), who=operator_of(workspace, operator)
        )
        indexed = _indexed(workspace)
    if as_json:
        json_line({"records": listed, "indexed": indexed, "damaged": damaged})
    else:
        click.echo(
            _("{records} records in the archive are in the catalogue again, {indexed} in the index.").format(
                records=listed, indexed=indexed or 0
            )
        )
    if damaged:
        return 6
    return 0 if indexed is not None else 5


def _indexed(workspace: Workspace) -> int | None:
    """How many records went into the index; None where it is not to be had: it can follow later."""
    try:
        done = rebuild(workspace)
    except ServiceUnavailable as error:
        click.echo(_("Not indexed now: {error}; later: sohoa index rebuild").format(error=error), err=True)
        return None
    say_refused(done)
    return done.records
