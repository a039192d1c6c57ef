"""``sohoa units``: the units that report."""

from datetime import date
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from archive.inventory import Register
from cli import Context
from commands.importing import import_options, rejects_path, say_imported
from commands.showing import console, harmless, json_line, write_csv
from ingest.fencedrows import open_fenced_rows
from reports.progress import stands
from reports.words import day, level_name
from schemas.language import _
from schemas.units import Level, Unit


@click.group(help=_("The units that report: import, list, export."))
def command() -> None:
    pass


@command.command("import", help=_("Take units in from a CSV or spreadsheet file; the same file again changes nothing."))
@import_options
@click.pass_obj
def import_(context: Context, file: Path, sheet: str | None, rejects: Path | None, as_json: bool) -> int:
    with context.workspace.only_writer():
        register = Register(context.workspace.catalogue.engine)
        done = register.import_units(file, rejects=rejects_path(file, rejects), sheet=sheet, open_with=open_fenced_rows)
    return say_imported(done, as_json)


@command.command("list", help=_("List the units that stand today, or on another day."))
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]), default=None, help=_("On this day."))
@click.option("--all", "every", is_flag=True, help=_("Also those that do not stand on the day."))
@click.option(
    "--level", type=click.Choice([str(level) for level in Level]), default=None, help=_("Of this level only.")
)
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def list_(context: Context, as_of: Any, every: bool, level: str | None, as_json: bool) -> None:
    when = as_of.date() if as_of is not None else date.today()
    found = [
        unit for unit in Register(context.workspace.catalogue.engine).units()
        if (every or stands(unit, when)) and level in (None, unit.level)
    ]  # fmt: skip
    if as_json:
        for unit in found:
            json_line(_form(unit))
        return
    if not found:
        click.echo(_("No units; take them in with `sohoa units import FILE`."))
        return
    table = Table(_("code"), _("unit"), _("level"), _("parent"), _("from"), _("to"), _("merged into"), box=None)
    for unit in found:
        table.add_row(unit.code, harmless(unit.name), level_name(unit.level), unit.parent or "", day(unit.valid_from),
                      day(unit.valid_to), unit.successor or "")  # fmt: skip
    console().print(table)


@command.command(help=_("Write all units as CSV, in the form that import takes."))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help=_("The file to write (default: standard output)."))  # fmt: skip
@click.pass_obj
def export(context: Context, output: Path | None) -> None:
    units = Register(context.workspace.catalogue.engine).units()
    write_csv(output, list(_form(Unit("", "", Level.WARD))), (_form(unit) for unit in units))


def _form(unit: Unit) -> dict[str, str | None]:
    return {
        "code": unit.code,
        "name": unit.name,
        "level": str(unit.level),
        "parent": unit.parent,
        "valid_from": unit.valid_from.isoformat() if unit.valid_from else None,
        "valid_to": unit.valid_to.isoformat() if unit.valid_to else None,
        "successor": unit.successor,
    }
