"""``sohoa get``: a record's signed PDF, taken out of the archive."""

import shutil
from pathlib import Path

import click

from cli import Context
from commands.access import note_access
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _


@click.command(help=_("Take the signed PDF of records out of the archive."))
@click.argument("ids", nargs=-1, required=True)
@click.option("-o", "--output", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(),
              help=_("The folder to write to, made if it is missing; each file is named by its record."))  # fmt: skip
@click.pass_obj
def command(context: Context, ids: tuple[str, ...], folder: Path) -> int:
    workspace = context.workspace
    failed = 0
    for id in ids:
        try:
            pdf = workspace.archive.pdf(id)
            note_access(workspace, "get", id)
            click.echo(str(_copied(pdf, folder, id)))
        except InputRejected as error:
            failed += 1
            click.echo(_("{id}: {error}").format(id=id, error=error), err=True)
    if failed:
        return 4 if failed == len(ids) else 3
    return 0


def _copied(pdf: Path, folder: Path, id: str) -> Path:
    target = folder / f"{id.replace('/', '_')}.pdf"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pdf, target)
    except OSError as error:
        raise ServiceUnavailable(
            _("{path}: cannot be written ({error}); choose another folder with -o").format(
                path=target, error=error.strerror)
        ) from error  # fmt: skip
    return target
