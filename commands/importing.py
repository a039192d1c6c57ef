"""What the imports of a register's tables have in common: where bad rows go, and what is said at the end."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from archive.cells import Fault, Rejects
from archive.imports import Imported
from commands.showing import harmless, json_line
from schemas.language import _

FAULTS_SHOWN = 10


def rejects_path(file: Path, given: Path | None) -> Path:
    """Where the rows not taken are written: as given, else beside the file, else (a folder not writable) here."""
    if given is not None:
        return given
    stem = file.stem.removesuffix("-rejected")
    folder = file.parent if os.access(file.parent, os.W_OK) else Path()
    target = folder / f"{stem}-rejected.csv"
    return target if target.absolute() != file.absolute() else folder / f"{stem}-rejected-again.csv"


def say_imported(done: Imported, as_json: bool) -> int:
    """Print what an import did; returns the exit code: 3 when rows were set aside, 4 when none were good."""
    rejects = done.rejects
    taken = done.new + done.changed + done.same
    if as_json:
        json_line({
            "new": done.new, "changed": done.changed, "same": done.same, "rejected": rejects.count,
            "rejects": str(rejects.path) if rejects.count else None, "ignored_headings": list(done.ignored),
            "in_two_units_count": done.doubled_count,
            "in_two_units": [
                {"row": fault.line, "column": fault.column, "reason": fault.reason} for fault in done.doubled],
        })  # fmt: skip
    else:
        click.echo(
            _("{new} new, {changed} changed, {same} known already, {rejected} rejected").format(
                new=done.new, changed=done.changed, same=done.same, rejected=rejects.count)
        )  # fmt: skip
    if done.ignored and not as_json:
        click.echo(_("columns not used: {names}").format(names=harmless(", ".join(done.ignored))), err=True)
    say_rejects(rejects)
    say_faults(done.doubled)
    if done.doubled_count > len(done.doubled):
        click.echo(
            _("and {count} more results in the lists of two units: `sohoa inventory list --in-two-units`").format(
                count=done.doubled_count - len(done.doubled)), err=True
        )  # fmt: skip
    if rejects.count:
        return 3 if taken else 4
    return 0


def say_rejects(rejects: Rejects) -> None:
    """Name the first rows that were not taken, and the file that has them all."""
    say_faults(rejects.faults[:FAULTS_SHOWN])
    if rejects.count > FAULTS_SHOWN:
        click.echo(_("and {count} more").format(count=rejects.count - FAULTS_SHOWN), err=True)
    if rejects.count:
        click.echo(
            _("The rows not taken are in {file}; mend them there and import that file.").format(file=rejects.path),
            err=True,
        )


def say_faults(faults: Sequence[Fault]) -> None:
    """Name the cells and what is wrong, a line each."""
    for fault in faults:
        click.echo(
            harmless(_("row {row}, {column}: {reason}").format(
                row=fault.line, column=fault.column or _("whole row"), reason=fault.reason)), err=True
        )  # fmt: skip


def import_options(function: Callable[..., int]) -> Callable[..., int]:
    """The argument and options of every import."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object.")),
        click.option("--rejects", type=click.Path(path_type=Path, dir_okay=False), default=None,
                     help=_("Where to write the rows that cannot be taken (default: beside FILE).")),
        click.option("--sheet", default=None, help=_("Which sheet of a spreadsheet.")),
        click.argument("file", type=click.Path(path_type=Path)),
    ):  # fmt: skip
        function = decorate(function)
    return function
