"""``sohoa demo``: the main job from end to end, on drawn sample scans or on a newcomer's own."""

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from cli import EXIT_CODES, Context
from commands.showing import harmless
from samples import inventory, scans
from samples.keys import AGENCY, OPERATOR, make_demo_keys
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.records import Record
from search.folding import folded_words

PHRASE = "giay phep xay dung le loi"
"""Typed without a mark; the sample permit has it with all of them."""
OWN_PHRASE_WORDS = 5
DONE = frozenset({0, 3})
"""Exit codes of a step that did what it should: that some papers wait for a person is part of the show."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command as a person would type it, and what it is for."""

    purpose: str
    words: tuple[str, ...]

    @property
    def typed(self) -> str:
        return shlex.join(["sohoa", *self.words])


@click.command(help=_("Show the main job from end to end: sample scans, demonstration keys, and every step as typed."))
@click.option("--scans", "own", type=click.Path(path_type=Path, exists=True), default=None,
              help=_("Your own scans instead of drawn ones; they are only read."))  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=Path("demo"), show_default=True,
              help=_("Where scans, keys and workspace of the demonstration lie."))  # fmt: skip
@click.pass_obj
def command(context: Context, own: Path | None, folder: Path) -> int:
    del context  # the demonstration has a workspace of its own
    workspace = folder / ("sohoa-own" if own else "sohoa")
    try:
        _laid_out(folder, workspace)
        if own is None:
            inventory.write_units(folder / "don-vi.csv")
            inventory.write_inventory(folder / "danh-muc.csv")
            written = scans.write_day(folder / "scans")
            click.echo(_("{count} sample scans of three agencies: {folder}").format(
                count=len(written), folder=folder / "scans"))  # fmt: skip
    except OSError as error:
        raise ServiceUnavailable(
            _("{folder}: cannot be written ({error}); choose another with --folder").format(
                folder=folder, error=error.strerror)
        ) from error  # fmt: skip
    for step in [*_filling(folder, workspace, own), *_finding(workspace, own)]:
        code = _run(step)
        if code not in DONE:
            click.echo(_("The demonstration stopped: {command} ended with {code} ({meaning}).").format(
                command=step.typed, code=code, meaning=_(EXIT_CODES.get(code, "?"))), err=True)  # fmt: skip
            return code
    _say_where_to_go_on(workspace)
    return 0


def _laid_out(folder: Path, workspace: Path) -> None:
    """Keys and settings, made once."""
    workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = make_demo_keys(folder / "keys")
    settings = workspace / "sohoa.toml"
    if not settings.exists():
        office = f'[office]\noperator = "{OPERATOR}"\nagency = "{AGENCY}"\n'
        settings.write_text(f"{office}\n{keys.settings()}", encoding="utf-8")


def _filling(folder: Path, workspace: Path, own: Path | None) -> Iterator[Step]:
    head = ("--workspace", str(workspace))
    if own is not None:
        yield Step(_("Scans to signed, archived records:"), (*head, "ingest", str(own)))
        return
    yield Step(_("Who reports, and at which level:"), (*head, "units", "import", str(folder / "don-vi.csv")))
    yield Step(_("The results in force, against which the rates are counted:"),
               (*head, "inventory", "import", str(folder / "danh-muc.csv")))  # fmt: skip
    for unit, name in scans.FOLDERS.items():
        yield Step(_("Scans to signed, archived records:"),
                   (*head, "ingest", str(folder / "scans" / name), "--unit", unit))  # fmt: skip


def _finding(workspace: Path, own: Path | None) -> Iterator[Step]:
    head = ("--workspace", str(workspace))
    yield Step(_("What was doubtful and waits for a person:"), (*head, "review", "list"))
    phrase = _own_phrase(workspace) if own is not None else PHRASE
    if phrase:
        yield Step(_("Find a paper, typed without any mark:"), (*head, "search", *phrase.split()))
    yield Step(_("How far each level is from its target:"), (*head, "report"))


def _own_phrase(workspace: Path) -> str:
    """A few words without marks from the first record that was archived; empty where none was."""
    record = _first_record(workspace)
    if record is None:
        return ""
    return " ".join(folded_words(record.abstract or " ".join(record.pages))[:OWN_PHRASE_WORDS])


def _first_record(workspace: Path) -> Record | None:
    return next(iter(Context(workspace).workspace.archive.records()), None)


def _run(step: Step) -> int:
    """The step's exit code, after its command was shown and run as a program of its own."""
    click.echo()
    click.secho(f"# {step.purpose}", dim=True)
    click.secho(f"$ {step.typed}", bold=True)
    sys.stdout.flush()
    return subprocess.run([sys.executable, "-m", "cli", *step.words], check=False).returncode


def _say_where_to_go_on(workspace: Path) -> None:
    click.echo()
    record = _first_record(workspace)
    head = shlex.join(["sohoa", "--workspace", str(workspace)])
    following: Sequence[str] = [f"{head} review list", f"{head} doctor"]
    if record is not None:
        pdf = Context(workspace).workspace.archive.pdf(record.id)
        click.echo(_("A signed, searchable PDF/A: {file}").format(file=harmless(str(pdf))))
        following = [
            f"{head} show {shlex.quote(record.id)}",
            f"{head} verify {shlex.quote(str(pdf))}",
            f"{head} review show ID",
            f"{head} audit",
        ]
    click.echo(_("Next, try:"))
    for line in following:
        click.echo(f"  {line}")
