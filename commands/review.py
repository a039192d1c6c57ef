"""``sohoa review``: what waits for a person, and what they decide.

What decides is loaded by the commands that do: composing and signing take a second to load, and a list must be quick.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.progress import Progress

from cli import Context
from commands.access import operator_of
from commands.naming import naming
from commands.showing import console, harmless, harmless_lines, json_line
from commands.waitinglist import Called, chosen, fields_table, listed, name_of, print_waiting
from commands.workspace import Workspace
from schemas.documents import Document
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.fieldwords import field_labels
from schemas.language import _
from schemas.pages import Turn
from schemas.records import Submission
from schemas.work import Hold

if TYPE_CHECKING:
    from commands.deciding import Waiting
    from ingest.reviewsheet import Decided

PAGE_DIGITS = 5
"""A number of so many digits at most is a page; a longer one begins an id."""


@click.group(help=_("What waits for a person, and what they decide."))
def command() -> None:
    pass


def _chosen(function: Callable[..., object]) -> Callable[..., object]:
    """The options that say which of all that waits is meant."""
    for option in (
        click.option("--older-than", type=click.IntRange(0), default=0, metavar=_("DAYS"),
                     help=_("What has waited so many days or longer.")),
        click.option("--batch", default=None, help=_("Of this batch only.")),
        click.option("--reason", default=None, help=_("Where these words are in a reason, with or without marks.")),
        click.option("--unit", default=None, help=_("Of this unit only.")),
    ):  # fmt: skip
        function = option(function)
    return function


_who = click.option("--operator", default=None, help=_("Who decides."))


@command.command("list", help=_("List what waits, the reasons first."))
@_chosen
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help=_("How many to list."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line, all of them."))
@click.pass_obj
def list_(
    context: Context, unit: str | None, reason: str | None, batch: str | None, older_than: int, limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    heads = chosen(context.workspace, unit, reason, batch, older_than)
    called = naming(context.workspace, (head.procedure for head in heads))
    if as_json:
        for head in heads:
            json_line(listed(head, called))
        return
    if not heads:
        click.echo(_("Nothing waits."))
        return
    print_waiting(console(), heads, limit, called)


@command.command(help=_("Show one: the fields, why it waits, what else they might be."))
@click.argument("id")
@click.option("--crop", type=click.Path(path_type=Path, file_okay=False), default=None,
              help=_("Write the piece of paper behind each doubtful field here, as PNG."))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def show(context: Context, id: str, crop: Path | None, as_json: bool) -> None:
    from commands.offering import offered
    from commands.pictures import show_picture
    from ingest.reviewsheet import WHOLE

    workspace = context.workspace
    hold = workspace.catalogue.hold(id)
    submission = offered(workspace, hold)
    workspace.catalogue.note_access(operator_of(workspace, None), "review show", hold.id)
    out = console()
    called = naming(workspace, [submission.procedure])
    if as_json:
        json_line(_shown_hold(hold, submission, called))
    else:
        out.print(_("{id}: {scan}, page {page}").format(id=hold.id, scan=harmless(hold.scan_path),
                                                       page=hold.first_page))  # fmt: skip
        for reason in hold.reasons:
            out.print(f"  ! {harmless(reason)}")
        if submission.procedure:
            out.print(_("procedure {code}").format(code=harmless(called(submission.procedure))))
        out.print(fields_table(submission))
        out.print(_("PDF: {path}").format(path=workspace.folder / hold.pdf_path))
        if hold.decided_at is not None:
            out.print(_("{operator} decided on it: {decision}").format(
                operator=hold.operator, decision=harmless(hold.decision or "")))  # fmt: skip
            return
    with tempfile.TemporaryDirectory(dir=workspace.review_spool()) as spool:
        if crop is None and (as_json or not out.is_terminal):
            return
        crops = _pictures(workspace, hold, submission.document, crop or Path(spool))
        for name, file in crops.items():
            if not as_json and out.is_terminal:
                out.print(_("beside what it is like") if name == WHOLE else field_labels()[name])
                show_picture(out, file)
            if crop is not None:
                click.echo(str(file), err=as_json)


@command.command("next", help=_("Go through what waits, one after another, by single keys."))
@_chosen
@_who
@click.pass_obj
def next_(
    context: Context, unit: str | None, reason: str | None, batch: str | None, older_than: int, operator: str | None
) -> None:
    from commands.nextreview import Session

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(_("`review next` needs a terminal; without one: review list, set, accept, export"))
    workspace = context.workspace
    heads = chosen(workspace, unit, reason, batch, older_than)
    with tempfile.TemporaryDirectory(dir=workspace.review_spool()) as spool:
        Session(workspace, operator_of(workspace, operator), console(), Path(spool)).run([head.id for head in heads])


@command.command("accept", help=_("Accept what was read, as it stands, and deposit it."))
@click.argument("ids", nargs=-1, required=True)
@_who
@click.pass_obj
def accept_(context: Context, ids: tuple[str, ...], operator: str | None) -> int:
    from commands.deciding import accepted

    workspace, who = context.workspace, operator_of(context.workspace, operator)
    return _each(workspace, ids, lambda held: accepted(workspace, held, who))


@command.command("set", help=_("Set fields, or the procedure, by hand (FIELD=VALUE; an empty value: there is none)."))
@click.argument("words", nargs=-1, required=True, metavar=_("ID… FIELD=VALUE…"))
@_who
@click.pass_obj
def set_(context: Context, words: tuple[str, ...], operator: str | None) -> int:
    from commands.deciding import set_by_hand

    workspace, who = context.workspace, operator_of(context.workspace, operator)
    ids = [word for word in words if "=" not in word]
    values = dict(word.split("=", 1) for word in words if "=" in word)
    if not ids or not values:
        raise click.UsageError(_("give one ID or more, then FIELD=VALUE"))
    return _each(workspace, ids, lambda held: set_by_hand(workspace, held, values, who))


@command.command(help=_("Reject: it will not become a record; the scan stays where it is."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--reason", required=True, help=_("Why, for the log."))
@_who
@click.pass_obj
def reject(context: Context, ids: tuple[str, ...], reason: str, operator: str | None) -> int:
    from commands.deciding import rejected

    workspace, who = context.workspace, operator_of(context.workspace, operator)
    return _each(workspace, ids, lambda held: rejected(workspace, held, reason, who))


@command.command("split", help=_("Cut in two or more: another document begins at each PAGE (counted in the scan)."))
@click.argument("words", nargs=-1, required=True, metavar=_("ID PAGE… [ID PAGE…]"))
@_who
@click.pass_obj
def split_(context: Context, words: tuple[str, ...], operator: str | None) -> int:
    from commands.deciding import split

    workspace, who = context.workspace, operator_of(context.workspace, operator)
    cuts = _pages_by_id(words)
    if not cuts or not all(cuts.values()):
        raise click.UsageError(_("give each ID the pages at which other documents begin"))
    return _each(workspace, list(cuts), lambda held: split(workspace, held, _of(held, cuts), who))


@command.command(help=_("Put documents of one scan, that follow each other, together as one."))
@click.argument("ids", nargs=-1, required=True)
@_who
@click.pass_obj
def merge(context: Context, ids: tuple[str, ...], operator: str | None) -> int:
    from commands.deciding import merged, waiting
    from commands.indexing import index_or_say

    workspace, who = context.workspace, operator_of(context.workspace, operator)
    with workspace.only_reviewer():
        click.echo(merged(workspace, [waiting(workspace, id) for id in dict.fromkeys(ids)], who))
    index_or_say(workspace)
    return 0


@command.command(help=_("Turn pages clockwise and read them again; no PAGE: all pages of the document."))
@click.argument("words", nargs=-1, required=True, metavar=_("ID [PAGE…] [ID [PAGE…]]"))
@click.option("--by", type=click.Choice(["90", "180", "270"]), required=True, help=_("Degrees, clockwise."))
@_who
@click.pass_obj
def rotate(context: Context, words: tuple[str, ...], by: str, operator: str | None) -> int:
    from commands.deciding import rotated

    workspace, who = context.workspace, operator_of(context.workspace, operator)
    turns, turn = _pages_by_id(words), cast(Turn, int(by))
    return _each(workspace, list(turns), lambda held: rotated(workspace, held, turn, _of(held, turns), who))


@command.command(help=_("Take back the last decision about each: it waits again as it stood before."))
@click.argument("ids", nargs=-1, required=True)
@_who
@click.pass_obj
def undo(context: Context, ids: tuple[str, ...], operator: str | None) -> int:
    from commands.undoing import release_taken_back, taken_back

    workspace, who = context.workspace, operator_of(context.workspace, operator)

    def back(id: str) -> str:
        if workspace.catalogue.is_hold(id):
            return harmless_lines(taken_back(workspace, id, who))
        return harmless(release_taken_back(workspace, id, who))

    return _each_id(workspace, ids, back)


@command.command(help=_("Let scans that were stopped as secret go on: no secrecy stamp is there. Scan them in again."))
@click.argument("sha256s", nargs=-1, required=True, metavar="SHA256…")
@click.option("--reason", required=True, help=_("Why, for the log."))
@_who
@click.pass_obj
def release(context: Context, sha256s: tuple[str, ...], reason: str, operator: str | None) -> int:
    from ingest.quarantine import Quarantine

    workspace, who = context.workspace, operator_of(context.workspace, operator)

    def released(sha256: str) -> str:
        quarantine = Quarantine(workspace.folder / "quarantine")
        incident, file = quarantine.incident(sha256)
        quarantine.put_back(incident)
        workspace.catalogue.release_scan(incident["sha256"], who, reason, datetime.now(UTC))
        file.rename(file.with_suffix(".released"))
        return _("{scan}: released; run ingest on it again").format(scan=harmless(incident["scan"]))

    return _each_id(workspace, sha256s, released)


@command.command(help=_("Write what waits to a spreadsheet, with the crop in the row and a cell to fill in."))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_chosen
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help=_("How many to write."))
@click.pass_obj
def export(
    context: Context, file: Path, unit: str | None, reason: str | None, batch: str | None, older_than: int, limit: int
) -> None:
    from commands.offering import offered
    from ingest.reviewsheet import write_sheet

    workspace = context.workspace
    heads = chosen(workspace, unit, reason, batch, older_than)

    def one_after_another(folder: Path, progress: Progress) -> Iterator[tuple[Hold, Document, Mapping[str, Path]]]:
        for head in progress.track(heads[:limit], description=_("cutting out")):
            hold = workspace.catalogue.hold(head.id)
            document = offered(workspace, hold).document
            yield hold, document, _pictures(workspace, hold, document, folder)

    with (
        tempfile.TemporaryDirectory(dir=workspace.review_spool()) as folder,
        Progress(console=console(err=True), disable=not sys.stderr.isatty()) as progress,
    ):
        try:
            called = naming(workspace, (head.procedure for head in heads))
            count = write_sheet(one_after_another(Path(folder), progress), file, Path(folder), called)
        except OSError as error:
            raise ServiceUnavailable(_("{file}: cannot be written ({error}); choose another file").format(
                file=file, error=error.strerror)) from error  # fmt: skip
    workspace.catalogue.note_access(operator_of(workspace, None), "review export", str(file))
    click.echo(_("{count} holds written to {file}").format(count=count, file=file))
    if len(heads) > limit:
        click.echo(_("{count} more wait; export again when these are decided").format(count=len(heads) - limit))


@command.command("import", help=_("Take the decisions of a spreadsheet that export wrote; each cell is checked."))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_who
@click.pass_obj
def import_(context: Context, file: Path, operator: str | None) -> int:
    from commands.deciding import imported
    from commands.indexing import index_or_say
    from ingest.reviewsheet import NotTaken, read_sheet

    workspace, who = context.workspace, operator_of(context.workspace, operator)
    decided, not_taken = read_sheet(file)
    wrong = list(not_taken)
    by_hold: dict[str, list[Decided]] = {}
    for cell in decided:
        by_hold.setdefault(cell.hold, []).append(cell)
    with workspace.only_reviewer():
        for id, cells in by_hold.items():
            try:
                line, refused = imported(workspace, id, cells, who)
            except InputRejected as error:
                wrong += [NotTaken(cell.cell, str(error)) for cell in cells]
            else:
                wrong += [NotTaken(cell, reason) for cell, reason in refused]
                click.echo(harmless(line))
    for cell_wrong in wrong:
        reason = harmless(cell_wrong.reason)
        click.echo(_("{file}, {cell}: {reason}").format(file=file, cell=cell_wrong.cell, reason=reason), err=True)
    index_or_say(workspace)
    return 3 if wrong else 0


def _pictures(workspace: Workspace, hold: Hold, document: Document, folder: Path) -> dict[str, Path]:
    """PNGs in *folder* of what is doubtful, by field, and under ``*`` of the whole beside the papers it is like."""
    from commands.alike import beside_those_alike
    from ingest.crops import write_crops
    from ingest.reviewsheet import WHOLE

    beside = beside_those_alike(workspace, hold, document, folder / f"{hold.id}-like.png")
    crops = write_crops(workspace.folder / hold.pdf_path, document, folder, hold.id)
    return crops | ({WHOLE: beside} if beside is not None else {})


def _shown_hold(hold: Hold, submission: Submission, called: Called) -> dict[str, object]:
    from ingest.extract.shown import shown

    head = {"id": hold.id, "unit": hold.unit, "batch": hold.batch, "opened_at": hold.opened_at.isoformat()}
    return head | shown(submission.document) | {
        "reasons": list(hold.reasons), "like": list(submission.document.like),
        "procedure": submission.procedure, "procedure_name": name_of(submission.procedure, called),
    }  # fmt: skip


def _pages_by_id(words: Sequence[str]) -> dict[str, list[int]]:
    """Each id with the pages behind it."""
    pages: dict[str, list[int]] = {}
    for word in words:
        if word.isdecimal() and len(word) <= PAGE_DIGITS and pages:
            pages[list(pages)[-1]].append(int(word))
        else:
            pages.setdefault(word, [])
    return pages


def _of(held: "Waiting", by_prefix: dict[str, list[int]]) -> list[int]:
    return next(pages for prefix, pages in by_prefix.items() if held.hold.id.startswith(prefix))


def _each(workspace: Workspace, ids: Sequence[str], decide: "Callable[[Waiting], str]") -> int:
    from commands.deciding import waiting

    """Decide on each hold; what could not be decided is said, and the rest is done."""
    return _each_id(workspace, ids, lambda id: decide(waiting(workspace, id)))


def _each_id(workspace: Workspace, ids: Sequence[str], decide: Callable[[str], str]) -> int:
    from commands.indexing import index_or_say

    failed = 0
    with workspace.only_reviewer():
        for id in ids:
            try:
                click.echo(decide(id))
            except InputRejected as error:
                failed += 1
                click.echo(_("{id}: {error}").format(id=id, error=error), err=True)
    index_or_say(workspace)
    if failed:
        return 4 if failed == len(ids) else 3
    return 0
