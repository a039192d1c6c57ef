"""``sohoa procedures``: what procedures are called, and the field that each belongs to."""

from pathlib import Path

import click
from rich.table import Table

from archive.inventory import Register
from cli import Context
from commands.importing import import_options, rejects_path, say_imported
from commands.showing import console, harmless, json_line, write_csv
from ingest.fencedrows import open_fenced_rows
from reports.words import day
from schemas.language import _
from schemas.procedures import Procedure


@click.group(help=_("Names and fields of procedures: import, list, export."))
def command() -> None:
    pass


@command.command("import", help=_(
    "Take procedures in from a CSV, spreadsheet or Parquet file: code, name, field, and from when it is called so. The "
    "same file again changes nothing."))  # fmt: skip
@import_options
@click.pass_obj
def import_(context: Context, file: Path, sheet: str | None, rejects: Path | None, as_json: bool) -> int:
    with context.workspace.only_writer():
        register = Register(context.workspace.catalogue.engine)
        done = register.import_procedures(
            file, rejects=rejects_path(file, rejects), sheet=sheet, open_with=open_fenced_rows
        )
    return say_imported(done, as_json)


@command.command("list", help=_("List the procedures that are known."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def list_(context: Context, as_json: bool) -> None:
    found = Register(context.workspace.catalogue.engine).procedures()
    if as_json:
        for one in found:
            json_line(_form(one))
        return
    if not found:
        click.echo(_("No procedures; take them in with `sohoa procedures import FILE`."))
        return
    table = Table(_("code"), _("procedure"), _("field of procedures"), _("from"), box=None)
    for one in found:
        table.add_row(harmless(one.code), harmless(one.name), harmless(one.field), day(one.valid_from))
    console().print(table)


@command.command(help=_("Write the procedures as CSV, in the form that import takes."))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help=_("The file to write (default: standard output)."))  # fmt: skip
@click.pass_obj
def export(context: Context, output: Path | None) -> None:
    found = Register(context.workspace.catalogue.engine).procedures()
    write_csv(output, ["code", "name", "field", "valid_from"], (_form(one) for one in found))


def _form(one: Procedure) -> dict[str, str | None]:
    begins = one.valid_from.isoformat() if one.valid_from else None
    return {"code": one.code, "name": one.name, "field": one.field, "valid_from": begins}
