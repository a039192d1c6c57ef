"""``sohoa targets``: the shares to reach."""

from pathlib import Path

import click
from rich.table import Table

from archive.inventory import Register
from cli import Context
from commands.importing import import_options, rejects_path, say_imported
from commands.showing import console, json_line, write_csv
from ingest.fencedrows import open_fenced_rows
from reports.words import level_name, share
from schemas.language import _
from schemas.units import Target


@click.group(help=_("The shares to reach, by year, level and unit: import, list, export."))
def command() -> None:
    pass


@command.command(
    "import", help=_("Take targets in from a CSV or spreadsheet file: level, year, unit (or none), share.")
)
@import_options
@click.pass_obj
def import_(context: Context, file: Path, sheet: str | None, rejects: Path | None, as_json: bool) -> int:
    with context.workspace.only_writer():
        register = Register(context.workspace.catalogue.engine)
        done = register.import_targets(
            file, rejects=rejects_path(file, rejects), sheet=sheet, open_with=open_fenced_rows
        )
    return say_imported(done, as_json)


@command.command("list", help=_("List the targets."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def list_(context: Context, as_json: bool) -> None:
    targets = Register(context.workspace.catalogue.engine).targets()
    if as_json:
        for target in targets:
            json_line(_form(target))
        return
    table = Table(_("year"), _("level"), _("unit"), _("target"), box=None)
    for target in targets:
        table.add_row(str(target.year), level_name(target.level), target.unit or _("all units"), share(target.share))
    console().print(table)


@command.command(help=_("Write the targets as CSV, in the form that import takes."))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help=_("The file to write (default: standard output)."))  # fmt: skip
@click.pass_obj
def export(context: Context, output: Path | None) -> None:
    targets = Register(context.workspace.catalogue.engine).targets()
    write_csv(output, ["level", "year", "unit", "share"], (_form(target) for target in targets))


def _form(target: Target) -> dict[str, str | int | None]:
    return {
        "level": str(target.level),
        "year": target.year,
        "unit": target.unit,
        "share": f"{float(target.share * 100):g}%",
    }
