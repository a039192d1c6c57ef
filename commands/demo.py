"""``sohoa demo``: the main job from end to end, on drawn sample scans or on a newcomer's own."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import click

from cli import EXIT_CODES, Context
from commands.showing import harmless
from samples import inventory, papers, scans
from samples.keys import AGENCY, OPERATOR, make_demo_keys
from samples.papers import SamplePaper
from schemas.documents import FieldState
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.records import Record, Submission
from schemas.stored import from_json
from schemas.work import Hold
from search.folding import folded_words

PHRASE = "giay phep xay dung le loi"
"""Typed without a mark; the sample permit has it with all of them."""
OWN_PHRASE_WORDS = 5
LOOKED_AT = {"giay-phep.pdf": papers.PERMIT, "dang-ky-kinh-doanh.png": papers.BUSINESS}
"""The sample scans on which the demonstration decides where they wait: the second one's number is always the pen's."""
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
    for step in chain(_filling(folder, workspace, own), _deciding(workspace, own), _finding(workspace, own)):
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


def _deciding(workspace: Path, own: Path | None) -> Iterator[Step]:
    """What waits; on the sample scans also what a person says who looks at the paper."""
    head = ("--workspace", str(workspace))
    yield Step(_("What was doubtful and waits for a person:"), (*head, "review", "list"))
    if own is not None:
        return
    for hold in Context(workspace).workspace.catalogue.holds():
        paper = LOOKED_AT.get(Path(hold.scan_path).name)
        if paper is not None:
            yield Step(_("Look at one more closely:"), (*head, "review", "show", hold.id[:4]))
            said = [f"{name}={value}" for name, value in _true_values(paper, hold).items()]
            yield Step(_("A person has read the paper, the pen's number too; so it goes into the archive:"),
                       (*head, "review", "set", hold.id[:4], *said))  # fmt: skip


def _true_values(paper: SamplePaper, hold: Hold) -> dict[str, str]:
    """What stands on the paper, for each field that was doubtful."""
    known = {
        "number": paper.number,
        "symbol": paper.symbol,
        "issued_on": f"{paper.issued_on.day}/{paper.issued_on.month}/{paper.issued_on.year}",
        "issuer": paper.agency.replace("\n", " "),
        "parent_issuer": paper.parent.replace("\n", " "),
        "type": paper.type.capitalize(),
        "abstract": paper.abstract,
        "urgency": paper.urgency,
        "signer": paper.signer,
        "signer_title": " ".join(paper.signer_title),
    }
    fields = from_json(Submission, hold.submission).document.metadata.items()
    return {name: known[name] for name, field in fields if field.state is FieldState.HELD and name in known}


def _finding(workspace: Path, own: Path | None) -> Iterator[Step]:
    head = ("--workspace", str(workspace))
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
        pdf = os.path.relpath(Context(workspace).workspace.archive.pdf(record.id))
        click.echo(_("A signed, searchable PDF/A: {file}").format(file=harmless(pdf)))
        following = [
            f"{head} show {shlex.quote(record.id)}",
            f"{head} verify {shlex.quote(pdf)}",
            f"{head} review show ID",
            f"{head} audit",
        ]
    click.echo(_("Next, try:"))
    for line in following:
        click.echo(f"  {line}")
