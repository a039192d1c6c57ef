"""``sohoa move``: a workspace copied to the database, archive and index that another's settings name, and checked."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from archive.audit import is_proven
from archive.backup import restore, write_backup
from archive.catalogue import Catalogue
from archive.database import engine_of
from archive.replica import copy_object
from cli import Context
from commands.access import operator_of
from commands.backup import say_table
from commands.indexing import Indexed, catch_up
from commands.replicating import Progress
from commands.showing import json_line
from commands.workspace import Workspace
from schemas.errors import IntegrityBroken, SettingsRejected
from schemas.language import _

DIFFERS = 6


@click.command(help=_("Copy this workspace to where another one's settings say, and check the copy."))
@click.argument("target", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def command(context: Context, target: Path, operator: str | None, as_json: bool) -> int:
    source, there = context.workspace, Workspace.open(target)
    if not (target / "sohoa.toml").is_file() or target.resolve() == source.folder.resolve():
        raise SettingsRejected(
            _("{folder}: write its sohoa.toml first, with the database, archive and index to move to").format(
                folder=target
            )
        )
    with source.only_writer():
        source.catalogue.note_access(operator_of(source, operator), "move", str(target.absolute()))
        _copy_rows(source, there)
        objects = _copy_objects(source, there)
        wrong = list(_differences(source, there))
    if not wrong:
        wrong = list(_not_found(there, catch_up(there)))
    for line in wrong:
        click.echo(line, err=True)
    rows = sum(1 for _row in there.catalogue.deposits())
    if as_json:
        json_line({"records": rows, "objects": objects, "same": not wrong, "differences": wrong})
    elif not wrong:
        click.echo(_("{records} records in {objects} objects are there as here; the workspace here may be laid aside")
                   .format(records=rows, objects=objects))  # fmt: skip
    return DIFFERS if wrong else 0


def _copy_rows(source: Workspace, there: Workspace) -> None:
    """All that is in no record; what an earlier run has brought there is not brought again."""
    if _log_begins_as(source.catalogue, there.catalogue):
        return
    with TemporaryDirectory(prefix="moving-", dir=source.folder / "tmp") as folder:
        file = Path(folder) / "workspace.tar"
        write_backup(source.catalogue.engine, source.folder, file, say_table)
        engine = engine_of(there.catalogue_url)
        restore(engine, there.folder, file, say_table)
        engine.dispose()


def _log_begins_as(here: Catalogue, there: Catalogue) -> bool:
    first = there.log_hash(1)
    return first is not None and first == here.log_hash(1)


def _copy_objects(source: Workspace, there: Workspace) -> int:
    """Every object of the archive; how many there are."""
    paths = list(source.archive.object_paths())
    progress = Progress(there.settings.archive.root or str(there.archive.root))
    bucket = there.archive.bucket
    for count, path in enumerate(paths, 1):
        if bucket is not None:
            bucket.push(source.archive.root, path)
        elif there.archive.root != source.archive.root:
            copy_object(source.archive, there.archive, path)
        progress(count)
    return len(paths)


def _differences(source: Workspace, there: Workspace) -> Iterator[str]:
    """What is not there as it is here, each object read there and hashed."""
    for what, ours, theirs in (
        ("records", _records(source.catalogue), _records(there.catalogue)),
        ("holds", _holds(source.catalogue), _holds(there.catalogue)),
        ("scans", source.catalogue.scans(), there.catalogue.scans()),
    ):
        if ours != theirs:
            yield _("{what}: {theirs} there, {ours} here; move to an empty database").format(
                what=what, theirs=len(theirs), ours=len(ours)
            )
    yield from there.catalogue.log_faults()
    bucket = there.archive.bucket
    for path in source.archive.object_paths():
        try:
            whole = not bucket.faults(path) if bucket else is_proven(there.archive, there.catalogue, path)
        except IntegrityBroken:
            whole = False
        if not whole:
            yield _("{object}: is not there as it is here").format(object=path)
    for hold in there.catalogue.holds():
        if not (there.folder / hold.pdf_path).is_file():
            yield _("{file}: is not there").format(file=there.folder / hold.pdf_path)


def _not_found(there: Workspace, done: Indexed) -> Iterator[str]:
    """What the index there lacks, or has besides, once it was filled."""
    for refused in done.refused:
        yield _("{id}: not indexed: {reason}").format(id=refused.id, reason=refused.reason)
    standing = sum(row.withdrawn_at is None for row in there.catalogue.deposits())
    indexed = there.index.status().records
    if indexed != standing - len(done.refused):
        yield _(
            "the index there has {indexed} records, {standing} stand; make it anew there: sohoa index rebuild"
        ).format(indexed=indexed, standing=standing)


def _records(catalogue: Catalogue) -> list[tuple[object, ...]]:
    return sorted((row.id, row.version, row.pdf_sha256, row.inventory_sha512) for row in catalogue.deposits())


def _holds(catalogue: Catalogue) -> list[tuple[object, ...]]:
    return sorted((hold.id, hold.reasons) for hold in catalogue.holds())
