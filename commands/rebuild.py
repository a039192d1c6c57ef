"""``sohoa rebuild``: the catalogue's list of deposits and the search index anew, from the archive alone."""

from datetime import datetime

import click

from archive.noted import deposits_as_noted
from cli import Context
from commands.access import operator_of
from commands.indexing import rebuild, say_refused
from commands.showing import json_line
from commands.workspace import Workspace
from schemas.errors import IntegrityBroken, ServiceUnavailable
from schemas.language import _
from schemas.work import Hold


@click.command(help=_("Make the catalogue's list of deposits and the search index anew from the archive."))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def command(context: Context, operator: str | None, as_json: bool) -> int:
    return rebuilt(context.workspace, operator, as_json)


def rebuilt(workspace: Workspace, operator: str | None, as_json: bool) -> int:
    """Make both anew, say what came of it, and give the exit code."""
    damaged: dict[str, str] = {}

    def say(object_path: str, error: IntegrityBroken) -> None:
        damaged[object_path] = str(error)
        click.echo(_("left out: {error}").format(error=error), err=True)

    with workspace.only_writer():
        listed = workspace.catalogue.replace_deposits(
            deposits_as_noted(workspace.archive, workspace.catalogue, say),
            who=operator_of(workspace, operator), keeping=damaged,
        )  # fmt: skip
        _keep_decided(workspace)
        indexed = _indexed(workspace)
    if as_json:
        json_line({"records": listed, "indexed": indexed, "damaged": list(damaged.values())})
    else:
        click.echo(
            _("{records} records in the archive are in the catalogue again, {indexed} in the index.").format(
                records=listed, indexed=indexed or 0
            )
        )
    if damaged:
        return 6
    return 0 if indexed is not None else 5


def _keep_decided(workspace: Workspace) -> None:
    """The holds that were decided on, from what the records say of it, where the catalogue has lost them."""
    from schemas.work import document_id

    for record, scan, first_page, decisions in workspace.archive.decided():
        at, who = decided_by(decisions[-1], record.deposited_at)
        id = document_id(record.scan_sha256, first_page)
        workspace.catalogue.keep_decided(
            Hold(id, "", record.scan_sha256, scan, first_page, record.unit, record.deposited_at, (), {}, "",
                 decided_at=at, decision="accepted", operator=who)
        )  # fmt: skip


def decided_by(said: str, deposited_at: datetime) -> tuple[datetime, str]:
    """When and by whom, of a decision as a provenance has it: ``2026-03-01T08:00:00+00:00 An: accept``."""
    when, _space, rest = said.partition(" ")
    try:
        return datetime.fromisoformat(when), rest.partition(": ")[0]
    except ValueError:
        return deposited_at, said.partition(": ")[0]


def _indexed(workspace: Workspace) -> int | None:
    """How many records went into the index; None where it is not to be had: it can follow later."""
    try:
        done = rebuild(workspace)
    except ServiceUnavailable as error:
        click.echo(_("Not indexed now: {error}; later: sohoa index rebuild").format(error=error), err=True)
        return None
    say_refused(done)
    return done.records
