"""``sohoa sign``: put the workspace's signatures on PDFs that do not go through ``ingest``."""

from collections.abc import Sequence
from pathlib import Path

import click

from cli import Context
from commands.access import ask_secret
from commands.inputpath import InputPath
from commands.showing import harmless
from ingest.fencedlook import first_look
from ingest.signing import Seal, lift, open_seals, sign
from ingest.signing.seals import lasting_of
from schemas.documents import ComposedPdf, SignedPdf
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _
from schemas.settings import load_settings


@click.command(help=_("Sign PDF files as the settings say; PDF/A stays PDF/A, earlier signatures stay valid."))
@click.argument("pdfs", nargs=-1, required=True, type=InputPath())
@click.option("-o", "--output", "folder", type=click.Path(path_type=Path, file_okay=False), default=None,
              help=_("Write the signed files here under their names; else beside each: NAME.signed.pdf."))  # fmt: skip
@click.pass_obj
def command(context: Context, pdfs: tuple[Path, ...], folder: Path | None) -> int:
    settings = load_settings(context.folder / "sohoa.toml")  # signing makes no workspace
    seals = open_seals(settings.signing, settings.office, ask=ask_secret)
    failed = 0
    for pdf in pdfs:
        try:
            signed = _signed(pdf, _target(pdf, folder), seals)
            names = ", ".join(note.name for note in signed.signatures)
            click.echo(harmless(_("{file}: signed by {names}").format(file=signed.path, names=names)))
            if signed.waits_for_timestamp:
                said = _("{file}: below the level wanted, as no timestamp was to be had; sign the input again later")
                click.echo(harmless(said.format(file=signed.path)), err=True)
        except InputRejected as error:
            failed += 1
            click.echo(_("rejected: {reason}").format(reason=harmless(str(error))), err=True)
    if failed:
        return 4 if failed == len(pdfs) else 3
    return 0


def _target(pdf: Path, folder: Path | None) -> Path:
    return folder / pdf.name if folder is not None else pdf.with_name(f"{pdf.stem}.signed.pdf")


def _signed(pdf: Path, target: Path, seals: Sequence[Seal]) -> SignedPdf:
    if target.exists():
        raise InputRejected(
            _("{file}: is there already; sohoa overwrites nothing: choose another folder with -o").format(file=target)
        )
    seen = first_look(pdf)
    try:
        return lift(sign(ComposedPdf(pdf, seen.pages), seals, target, occupied=seen.ink), lasting_of(seals))
    except OSError as error:
        raise ServiceUnavailable(
            _("{file}: cannot be written ({error}); choose another folder with -o").format(
                file=target, error=error.strerror
            )
        ) from error
