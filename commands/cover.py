"""``sohoa cover``: separator sheets to print."""

from collections.abc import Callable
from pathlib import Path

import click

from cli import Context
from schemas.documents import Kind, Sheet
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.language import _


@click.command(help=_("Draw cover sheets to lay before the papers of a stack, or labels to stick on them."))
@click.option("--dossier", "dossiers", multiple=True,
              help=_("The dossier's code; given more than once: a sheet each."))  # fmt: skip
@click.option("--procedure", default="", help=_("The procedure's code."))
@click.option("--unit", default="", help=_("The unit's code."))
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), default=None,
              help=_("What the papers behind it are."))  # fmt: skip
@click.option("--labels", is_flag=True, help=_("A page of 24 labels (70 × 37 mm) in place of each sheet."))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help=_("The PDF to write."))  # fmt: skip
@click.pass_obj
def command(
    context: Context, dossiers: tuple[str, ...], procedure: str, unit: str, kind: str | None, labels: bool, output: Path
) -> None:
    from ingest.sheetprint import cover_pdf, labels_pdf  # WeasyPrint takes half a second: not for --help

    called = _called(context, procedure)
    sheets = [Sheet(dossier, procedure, unit, Kind(kind) if kind else None) for dossier in dossiers or ("",)]
    pdf = labels_pdf(sheets) if labels else cover_pdf(sheets, called)
    try:
        output.write_bytes(pdf)
    except OSError as error:
        raise SettingsRejected(
            _("{file}: cannot be written ({error}); name another with -o").format(file=output, error=error.strerror)
        ) from error
    click.echo(_("{file}: {count} sheets").format(file=output, count=len(sheets)))


def _called(context: Context, procedure: str) -> Callable[[str], str]:
    """Says the procedure with its name, where there is a workspace whose list can be asked; no workspace is made.

    SettingsRejected for a code that the list does not have: all papers behind the sheet would wait.
    """
    if procedure and context.folder.is_dir():
        from commands.naming import check_procedure, naming

        try:
            check_procedure(context.workspace, procedure)
            return naming(context.workspace, [procedure])
        except ServiceUnavailable as error:
            click.echo(str(error), err=True)
    return str
