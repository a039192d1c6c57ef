"""``sohoa inventory``: the results in force, per unit."""

from pathlib import Path

import click

from archive.inventory import Register
from cli import Context
from commands.importing import import_options, rejects_path, say_imported
from commands.showing import console, harmless, json_line, write_csv
from ingest.fencedrows import open_fenced_rows
from schemas.language import _
from schemas.units import InventoryRow


@click.group(help=_("The results in force, per unit: import, list, export."))
def command() -> None:
    pass


@command.command("import", help=_(
    "Take results in from a CSV, spreadsheet or Parquet file. Changes (revoked, expired, newly issued) are dated; the "
    "same file again changes nothing; an empty cell leaves what is known."))  # fmt: skip
@import_options
@click.pass_obj
def import_(context: Context, file: Path, sheet: str | None, rejects: Path | None, as_json: bool) -> int:
    show = console(err=True)
    with context.workspace.only_writer():
        register = Register(context.workspace.catalogue.engine)
        register.catch_up()
        if show.is_terminal and not as_json:
            with show.status(_("reading {file}").format(file=file)) as status:
                done = register.import_inventory(
                    file, rejects=rejects_path(file, rejects), sheet=sheet, open_with=open_fenced_rows,
                    on_rows=lambda count: status.update(_("{count} rows read").format(count=count)),
                )  # fmt: skip
        else:
            done = register.import_inventory(
                file, rejects=rejects_path(file, rejects), sheet=sheet, open_with=open_fenced_rows
            )
    return say_imported(done, as_json)


@command.command("list", help=_("List the results that are known."))
@click.option("--unit", default=None, help=_("Of this unit only."))
@click.option("--in-two-units", is_flag=True,
              help=_("Only results that stand in the lists of two units, number, date and title alike."))  # fmt: skip
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help=_("So many at most."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def list_(context: Context, unit: str | None, in_two_units: bool, limit: int, as_json: bool) -> None:
    shown = 0
    register = Register(context.workspace.catalogue.engine)
    code = register.code_of(unit) if unit else None
    rows = register.in_two_units() if in_two_units else register.inventory(code)
    for row in rows:
        if in_two_units and code not in (None, row.unit):
            continue
        if shown == limit:
            click.echo(_("… and more; `sohoa inventory export` writes them all"), err=True)
            break
        shown += 1
        if as_json:
            json_line(_form(row))
        else:
            form = _form(row)
            until = f" → {form['in_force_until']}" if form["in_force_until"] else ""
            click.echo(harmless(f"{row.unit}  {row.number}/{row.symbol}  {form['issued_on']}{until}  {row.title}"))
    if not shown and in_two_units and not as_json:
        click.echo(_("No result stands in the lists of two units."))
    elif not shown and not as_json:
        click.echo(_("No results; take them in with `sohoa inventory import FILE`."))


@command.command(help=_("Write the results as CSV, in the form that import takes."))
@click.option("--unit", default=None, help=_("Of this unit only."))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help=_("The file to write (default: standard output)."))  # fmt: skip
@click.pass_obj
def export(context: Context, unit: str | None, output: Path | None) -> None:
    register = Register(context.workspace.catalogue.engine)
    rows = register.inventory(register.code_of(unit) if unit else None)
    write_csv(output, FORM, (_form(row) for row in rows))


FORM = ("unit", "number", "symbol", "issued_on", "procedure", "result_code", "title", "in_force_from", "in_force_until")


def _form(row: InventoryRow) -> dict[str, str | None]:
    return {
        "unit": row.unit,
        "number": row.number,
        "symbol": row.symbol,
        "issued_on": row.issued_on.isoformat(),
        "procedure": row.procedure,
        "result_code": row.result_code,
        "title": row.title,
        "in_force_from": row.in_force_from.isoformat() if row.in_force_from else None,
        "in_force_until": row.in_force_until.isoformat() if row.in_force_until else None,
    }
