"""``sohoa export``: records for the historical archive (E-ARK packages), or as PDF and XML (NĐ 30/2020, Phụ lục VI)."""

from collections.abc import Iterator
from pathlib import Path

import click

from archive.eark import write_package
from archive.nd30 import write_record
from cli import Context
from commands.access import note_access
from commands.showing import harmless, json_line
from commands.workspace import Workspace
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable
from schemas.language import _


@click.command(help=_("Write dossiers, or what a batch brought, for the historical archive or another system."))
@click.argument("dossiers", nargs=-1)
@click.option("--batch", default=None, help=_("The records of this batch, as one package."))
@click.option("--eark", "form", flag_value="eark", help=_("As E-ARK CSIP packages: METS, PREMIS, SHA-256."))
@click.option("--nd30", "form", flag_value="nd30", help=_("As PDF and XML, a pair a record (NĐ 30/2020, Phụ lục VI)."))
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path, file_okay=False),
              help=_("The folder to write to, made if it is missing."))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def command(
    context: Context, dossiers: tuple[str, ...], batch: str | None, form: str | None, folder: Path, as_json: bool
) -> int:
    workspace = context.workspace
    if form is None or bool(dossiers) == (batch is not None):
        raise InputRejected(_("say what to write, dossiers or --batch, and how: --eark or --nd30"))
    failed = written = 0
    broken = False
    for label, ids in _chosen(workspace, dossiers, batch):
        try:
            if not ids:
                raise InputRejected(_("no record stands here"))
            note_access(workspace, f"export {form}", label)
            for said in _written(workspace, form, label, ids, folder):
                json_line(said) if as_json else click.echo(harmless(str(said["path"])))
            written += 1
        except (InputRejected, IntegrityBroken) as error:
            failed += 1
            broken = broken or isinstance(error, IntegrityBroken)
            click.echo(_("{id}: {error}").format(id=harmless(label), error=error), err=True)
    if broken:
        return 6
    return 0 if not failed else 3 if written else 4


def _chosen(workspace: Workspace, dossiers: tuple[str, ...], batch: str | None) -> Iterator[tuple[str, list[str]]]:
    if batch is not None:
        yield batch, workspace.catalogue.records_of_batch(batch)
    for dossier in dossiers:
        yield dossier, workspace.catalogue.records_of_dossier(dossier)


def _written(
    workspace: Workspace, form: str, label: str, ids: list[str], folder: Path
) -> Iterator[dict[str, str | list[str] | bool]]:
    if form == "eark":
        package = write_package(workspace.archive, ids, folder, label)
        yield {"path": str(package.folder), "records": list(package.records), "new": package.new}
        return
    for id in ids:
        archive = workspace.archive
        try:
            pdf, xml = write_record(archive.record(id), archive.provenance(id), archive.pdf(id), folder)
        except OSError as error:
            raise ServiceUnavailable(
                _("{path}: cannot be written ({error}); choose another folder with -o").format(
                    path=folder, error=error.strerror
                )
            ) from error
        yield {"path": str(pdf), "xml": str(xml), "records": [id]}
