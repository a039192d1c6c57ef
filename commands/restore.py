"""``sohoa restore``: a new workspace made of a backup, and of the archive where that is in its place."""

from pathlib import Path

import click

from archive.backup import restore
from archive.bucket import SCHEME
from archive.database import engine_of
from archive.staging import DECLARATION
from cli import Context
from commands.access import operator_of
from commands.backup import say_table
from commands.rebuild import rebuilt
from commands.showing import json_line
from commands.workspace import Workspace
from schemas.language import _


@click.command(help=_("Make an empty workspace of a backup; records come back from the archive, which stands beside."))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def command(context: Context, file: Path, operator: str | None, as_json: bool) -> int:
    fresh = context.workspace
    engine = engine_of(fresh.catalogue_url)
    done = restore(engine, fresh.folder, file, say_table)
    engine.dispose()
    workspace = Workspace.open(fresh.folder)  # with the settings that came with the backup
    workspace.catalogue.note_access(operator_of(workspace, operator), "restore", str(file))
    if not as_json:
        day = f"{done.made_at.astimezone():%d/%m/%Y %H:%M}"
        click.echo(
            _("{rows} rows and {files} files as they were on {day}").format(
                rows=sum(done.rows.values()), files=done.files, day=day
            )
        )
    root = Path(workspace.settings.archive.root or workspace.folder / "archive")
    if not workspace.settings.archive.root.startswith(SCHEME) and not (root / DECLARATION).is_file():
        click.echo(
            _("The archive is not there yet: put it at {root}, then run `sohoa rebuild`.").format(root=root), err=True
        )
        return 3
    if as_json:
        json_line({"made_at": done.made_at.isoformat(), "rows": done.rows, "files": done.files})
    return rebuilt(workspace, operator, as_json)
