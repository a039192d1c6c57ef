"""``sohoa retention``: how long records are kept, and which have been kept long enough."""

from datetime import date, datetime
from typing import Any

import click
from rich.table import Table

from cli import Context
from commands.access import operator_of
from commands.showing import console, harmless, json_line
from commands.withdraw import each
from schemas.days import VIETNAM
from schemas.errors import InputRejected
from schemas.language import _
from schemas.retention import OTHER, RETENTION_YEARS, retention


@click.group(help=_("How long records are kept: list, set."))
def command() -> None:
    pass


@command.command("list", help=_("List the records that have a term, the first to end first."))
@click.option("--due", is_flag=True, help=_("Those alone whose term is over, which may be destroyed."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def list_(context: Context, due: bool, as_json: bool) -> None:
    today = datetime.now(VIETNAM).date()
    rows = context.workspace.catalogue.retentions(today if due else None)
    if as_json:
        for row in rows:
            json_line(_form(row))
        return
    table = Table("ID", _("number, symbol"), _("term"), _("until"), box=None)
    for row in rows:
        named = "/".join(part for part in (row.number, row.symbol) if part)
        table.add_row(harmless(row.id), harmless(named), row.retention, row.retained_until or _("for ever"))
    console().print(table)


@command.command("set", help=_("Set how long records are kept: 01 permanent, 02 70 years, 03 50, 04 30, 05 20, 06 10, "
                               "07 until the day given."))  # fmt: skip
@click.argument("code", type=click.Choice(list(RETENTION_YEARS)))
@click.argument("ids", nargs=-1, required=True)
@click.option("--until", type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]), default=None,
              help=_("For code 07: the first day on which the record may be destroyed."))  # fmt: skip
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def set_(
    context: Context, code: str, ids: tuple[str, ...], until: datetime | None, operator: str | None, as_json: bool
) -> int:
    workspace = context.workspace
    who = operator_of(workspace, operator)
    if (until is not None) != (code == OTHER):
        raise InputRejected(_("--until goes with code 07, which needs it; the other codes have a term of their own"))

    def set_one(id: str) -> None:
        record = workspace.archive.record(id)
        begins = record.issued_on or record.deposited_at.astimezone(VIETNAM).date()
        term = retention(code, begins, until.date() if until else None)
        deposit = workspace.archive.retained(id, term, operator=who)
        workspace.catalogue.note_deposit(deposit, who=who, what=f"retention {code}")
        if as_json:
            json_line({"id": id, "retention": code, "until": _iso(term.until)})
        else:
            click.echo(_("{id}: kept until {day}").format(id=id, day=term.until or _("for ever")))

    with workspace.only_writer():
        return each(ids, set_one)


def _form(row: Any) -> dict[str, str | None]:
    return {
        "id": row.id, "number": row.number, "symbol": row.symbol, "retention": row.retention,
        "until": row.retained_until, "withdrawn_at": row.withdrawn_at,
    }  # fmt: skip


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
