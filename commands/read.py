"""``sohoa read``: read scans and store nothing."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never

import click

from cli import Context
from commands.engines import opened_pool, reading_options
from commands.inputpath import InputPath
from commands.showing import console, harmless, harmless_lines, json_line
from commands.workspace import Workspace
from ingest.extract import describe
from ingest.extract.shown import shown
from ingest.fencedpages import composed
from ingest.intake import find_scans
from ingest.offers import Results, offered_in_scan
from ingest.scanreading import Reading, ReadScan, read_scans
from ingest.separate import separate
from schemas.documents import Document
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.settings import load_settings
from schemas.work import RejectedScan, SecretScan


@click.command(help=_("Read scans and print what they say; nothing is stored."))
@click.argument("paths", nargs=-1, required=True, type=InputPath())
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line, a document each."))
@click.option("--pdf-dir", type=click.Path(path_type=Path, file_okay=False), default=None,
              help=_("Write the searchable PDF/A of each input here, unsigned, under its name."))  # fmt: skip
@click.option("--workers", type=click.IntRange(0), default=None, help=_("Worker processes (0: one a core)."))
@click.option("--fast", is_flag=True, help=_("Read every page once only."))
@click.option(
    "--unit", default=None, help=_("Code of the unit whose inventory has the candidates for what is doubtful.")
)
@click.pass_obj
def command(
    context: Context, paths: tuple[Path, ...], as_json: bool, pdf_dir: Path | None, workers: int | None, fast: bool,
    unit: str | None,
) -> int:  # fmt: skip
    settings = load_settings(context.folder / "sohoa.toml")  # reading makes no workspace
    unit = unit if unit is not None else settings.office.unit
    register = _register(Workspace(context.folder, settings)) if unit else None
    options = reading_options(settings, fast=fast)
    if pdf_dir is not None:
        _made(pdf_dir)
    rejected = done = secret = 0
    names: set[str] = set()
    with (
        tempfile.TemporaryDirectory(prefix="sohoa-") as spool,
        opened_pool(settings, options, workers) as pool,
    ):
        reading = Reading(pool, options, Path(spool), settings.reading.pdf_passwords)
        for outcome in read_scans(find_scans(paths), reading):
            match outcome:
                case RejectedScan():
                    rejected += 1
                    _print_rejected(outcome, as_json)
                case SecretScan():
                    secret += 1
                    _print_secret(outcome, as_json)
                case ReadScan():
                    done += 1
                    documents = [describe(paper) for paper in separate(outcome.scan, outcome.texts)]
                    _print_documents(offered_in_scan(documents, unit, register), as_json)
                    if pdf_dir is not None:
                        target = pdf_dir / f"{_name(outcome, names)}.pdf"
                        composed(outcome.pages, outcome.texts, target, title=outcome.scan.path.stem,
                                 made_at=datetime.now(UTC))  # fmt: skip
                case _:
                    assert_never(outcome)
    if secret:
        return 7
    if rejected:
        return 3 if done else 4
    return 0


def _register(workspace: Workspace) -> Results | None:
    """The inventory, where a workspace with one is there already."""
    if not workspace.settings.catalogue.url and not (workspace.folder / "catalogue.db").exists():
        return None
    from archive.inventory import Register

    return Register(workspace.catalogue.engine)


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServiceUnavailable(
            _("{folder}: cannot be made ({error}); choose another folder").format(folder=folder, error=error.strerror)
        ) from error


def _name(read: ReadScan, taken: set[str]) -> str:
    """The scan's own name; with a piece of its hash where another scan of this run has the same name."""
    stem = read.scan.path.stem
    name = f"{stem}-{read.scan.sha256[:8]}" if stem in taken else stem
    taken.add(name)
    return name


def _print_rejected(scan: RejectedScan, as_json: bool) -> None:
    if as_json:
        json_line({"scan": scan.path, "sha256": scan.sha256, "state": "rejected", "reasons": [scan.reason]})
    else:
        click.echo(_("rejected: {reason}").format(reason=harmless(scan.reason)), err=True)


def _print_secret(secret: SecretScan, as_json: bool) -> None:
    reason = _("{scan}, page {page}: bears a secrecy stamp; nothing was read").format(
        scan=secret.scan.path, page=secret.page
    )
    if as_json:
        json_line({
            "scan": str(secret.scan.path), "sha256": secret.scan.sha256, "state": "quarantined", "reasons": [reason],
        })  # fmt: skip
    else:
        click.echo(harmless(reason), err=True)


def _print_documents(documents: Sequence[Document], as_json: bool) -> None:
    for document in documents:
        if as_json:
            json_line(shown(document))
            continue
        out = console()
        pages = f"{document.page_numbers[0]}–{document.page_numbers[-1]}"
        out.print(_("{scan}, pages {pages}").format(scan=document.scan.path, pages=pages), style="bold")
        for name, field in document.metadata.items():
            mark = {"accepted": "✓", "held": "?", "absent": "–"}[field.state]
            out.print(f"  {mark} {name:14s} {harmless(field.value or '')}")
        for page in document.pages:
            out.print(harmless_lines(page.text))
