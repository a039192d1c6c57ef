"""``sohoa backup``: what is in no record, as one file."""

from pathlib import Path

import click

from archive.backup import write_backup
from cli import Context
from commands.access import operator_of
from commands.showing import json_line
from schemas.language import _


@click.command(help=_("Save what is in no record (inventory, targets, units, what waits, the log) as one file."))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def command(context: Context, file: Path, operator: str | None, as_json: bool) -> None:
    workspace = context.workspace
    with workspace.only_writer():
        workspace.catalogue.note_access(operator_of(workspace, operator), "backup", str(file))
        made = write_backup(workspace.catalogue.engine, workspace.folder, file.absolute(), say_table)
    if as_json:
        json_line({"file": str(file), "sha256": made.sha256, "schema": made.schema, "rows": made.rows,
                   "files": made.files})  # fmt: skip
    else:
        click.echo(
            _("{file}: {rows} rows of {tables} tables, {files} files; SHA-256 {sha256}").format(
                file=file, rows=sum(made.rows.values()), tables=len(made.rows), files=made.files, sha256=made.sha256
            )
        )
        click.echo(_("The records are not in it: copy the archive's folder, or let replicas hold them."))


def say_table(table: str, rows: int) -> None:
    """Progress, on stderr: tables of millions of rows take minutes."""
    if rows >= 100_000:
        click.echo(_("{table}: {rows} rows").format(table=table, rows=rows), err=True)
