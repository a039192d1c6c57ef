"""``sohoa review``: what waits for a person, and what they decide."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table

from cli import Context
from commands.access import operator_of
from commands.deciding import cut_anew, go_on, imported, incident_of, rejected, submission_of, undecided
from commands.indexing import index_or_say
from commands.showing import console, harmless, json_line
from commands.workspace import Workspace
from ingest import recut
from ingest.crops import write_crops
from ingest.extract.shown import shown
from ingest.review import accept, set_fields
from ingest.reviewsheet import Decided, NotTaken, read_sheet, write_sheet
from schemas.documents import Field, FieldState
from schemas.errors import InputRejected
from schemas.language import _
from schemas.records import Submission
from schemas.work import Hold


@click.group(help=_("What waits for a person, and what they decide."))
def command() -> None:
    pass


@command.command("list", help=_("List what waits, the reasons first."))
@click.option("--unit", default=None, help=_("Of this unit only."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def list_(context: Context, unit: str | None, as_json: bool) -> None:
    holds = context.workspace.catalogue.holds(unit=unit)
    if as_json:
        for hold in holds:
            json_line(_shown_hold(hold, submission_of(hold)))
        return
    if not holds:
        click.echo(_("Nothing waits."))
        return
    out = console()
    for reason, count in Counter(reason for hold in holds for reason in hold.reasons).most_common():
        out.print(f"{count:5d}  {harmless(reason)}")
    table = Table("ID", _("unit"), _("number, symbol"), _("date"), _("type, abstract"), _("waits for"), box=None)
    for hold in holds:
        fields = submission_of(hold).document.metadata
        table.add_row(
            hold.id,
            hold.unit,
            f"{_doubted(fields.number)}/{_doubted(fields.symbol)}",
            _doubted(fields.issued_on),
            harmless(f"{fields.type.value or '?'}: {fields.abstract.value or '?'}")[:60],
            harmless("; ".join(hold.reasons)),
        )
    out.print(table)


def _doubted(field: Field) -> str:
    mark = "?" if field.state is FieldState.HELD else ""
    return harmless(f"{field.value or ''}{mark}")


@command.command(help=_("Show one: the fields, why it waits, what else they might be."))
@click.argument("id")
@click.option("--crop", type=click.Path(path_type=Path, file_okay=False), default=None,
              help=_("Write the piece of paper behind each doubtful field here, as PNG."))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def show(context: Context, id: str, crop: Path | None, as_json: bool) -> None:
    hold = context.workspace.catalogue.hold(id)
    submission = submission_of(hold)
    context.workspace.catalogue.note_access(operator_of(context.workspace, None), "review show", hold.id)
    if as_json:
        json_line(_shown_hold(hold, submission))
    else:
        out = console()
        out.print(_("{id}: {scan}, page {page}").format(id=hold.id, scan=hold.scan_path, page=hold.first_page))
        for reason in hold.reasons:
            out.print(f"  ! {harmless(reason)}")
        table = Table(_("field"), "", _("reading"), _("sure"), _("or else"), box=None)
        for name, field in submission.document.metadata.items():
            mark = {FieldState.ACCEPTED: "✓", FieldState.HELD: "?", FieldState.ABSENT: "–"}[field.state]
            table.add_row(name, mark, harmless(field.value or ""), f"{field.confidence:.0%}",
                          harmless(" | ".join(c for c in field.candidates if c != field.value)))  # fmt: skip
        out.print(table)
        out.print(_("PDF: {path}").format(path=context.workspace.folder / hold.pdf_path))
    if crop is not None:
        pdf = context.workspace.folder / hold.pdf_path
        for written in write_crops(pdf, submission.document, crop, hold.id).values():
            click.echo(str(written), err=as_json)


@command.command("accept", help=_("Accept what was read, as it stands, and deposit it."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def accept_(context: Context, ids: tuple[str, ...], operator: str | None) -> int:
    who = operator_of(context.workspace, operator)
    return _each(context.workspace, ids, lambda hold, submission: go_on(
        context.workspace, hold, accept(submission, who, datetime.now(UTC)), who))  # fmt: skip


@command.command("set", help=_("Set fields by hand (FIELD=VALUE; an empty value: the paper has none)."))
@click.argument("id")
@click.argument("values", nargs=-1, required=True, metavar=_("FIELD=VALUE…"))
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def set_(context: Context, id: str, values: tuple[str, ...], operator: str | None) -> int:
    who = operator_of(context.workspace, operator)
    return _each(context.workspace, [id], lambda hold, submission: go_on(
        context.workspace, hold, set_fields(submission, _pairs(values), who, datetime.now(UTC)), who))  # fmt: skip


@command.command(help=_("Reject: it will not become a record; the scan stays where it is."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--reason", required=True, help=_("Why, for the log."))
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def reject(context: Context, ids: tuple[str, ...], reason: str, operator: str | None) -> int:
    who = operator_of(context.workspace, operator)

    return _each(context.workspace, ids, lambda hold, _held: rejected(context.workspace, hold, reason, who))


@command.command(help=_("Cut one in two or more: another document begins at each PAGE (counted in the scan)."))
@click.argument("id")
@click.argument("pages", nargs=-1, required=True, type=click.IntRange(2), metavar=_("PAGE…"))
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def split(context: Context, id: str, pages: tuple[int, ...], operator: str | None) -> int:
    workspace, who = context.workspace, operator_of(context.workspace, operator)

    def cut(hold: Hold, submission: Submission) -> str:
        papers = recut.split(submission.document, pages)
        said = f"split at {', '.join(str(page) for page in pages)}"
        return cut_anew(workspace, [(hold, submission)], papers, said, who)

    return _each(workspace, [id], cut)


@command.command(help=_("Put documents of one scan, that follow each other, together as one."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def merge(context: Context, ids: tuple[str, ...], operator: str | None) -> int:
    workspace, who = context.workspace, operator_of(context.workspace, operator)
    with workspace.only_writer():
        holds = [undecided(workspace, id) for id in dict.fromkeys(ids)]
        pairs = sorted(((hold, submission_of(hold)) for hold in holds), key=lambda pair: pair[0].first_page)
        paper = recut.merge([submission.document for _hold, submission in pairs])
        said = f"merge {', '.join(hold.id for hold, _submission in pairs)}"
        click.echo(cut_anew(workspace, pairs, [paper], said, who))
    index_or_say(workspace)
    return 0


@command.command(help=_("Let a scan that was stopped as secret go on: no secrecy stamp is there. Scan it in again."))
@click.argument("sha256")
@click.option("--reason", required=True, help=_("Why, for the log."))
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def release(context: Context, sha256: str, reason: str, operator: str | None) -> None:
    workspace, who = context.workspace, operator_of(context.workspace, operator)
    with workspace.only_writer():
        incident, file = incident_of(workspace, sha256)
        workspace.catalogue.release_scan(incident["sha256"], who, reason, datetime.now(UTC))
        file.rename(file.with_suffix(".released"))
    click.echo(_("{scan}: released; run ingest on it again").format(scan=harmless(incident["scan"])))


@command.command(help=_("Write what waits to a spreadsheet, with the crop in the row and a cell to fill in."))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--unit", default=None, help=_("Of this unit only."))
@click.pass_obj
def export(context: Context, file: Path, unit: str | None) -> None:
    workspace = context.workspace
    holds = [(hold, submission_of(hold).document) for hold in workspace.catalogue.holds(unit=unit)]
    with tempfile.TemporaryDirectory(dir=workspace.folder / "tmp") as folder:
        crops = {
            (hold.id, name): crop
            for hold, document in holds
            for name, crop in write_crops(workspace.folder / hold.pdf_path, document, Path(folder), hold.id).items()
        }
        write_sheet(holds, crops, file)
    workspace.catalogue.note_access(operator_of(workspace, None), "review export", str(file))
    click.echo(_("{count} holds written to {file}").format(count=len(holds), file=file))


@command.command("import", help=_("Take the decisions of a spreadsheet that export wrote; each cell is checked."))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def import_(context: Context, file: Path, operator: str | None) -> int:
    workspace, who = context.workspace, operator_of(context.workspace, operator)
    decided, not_taken = read_sheet(file)
    by_hold: dict[str, list[Decided]] = {}
    for cell in decided:
        by_hold.setdefault(cell.hold, []).append(cell)
    with workspace.only_writer():
        for id, cells in by_hold.items():
            try:
                click.echo(harmless(imported(workspace, id, cells, who)))
            except InputRejected as error:
                not_taken = (*not_taken, NotTaken(", ".join(cell.cell for cell in cells), str(error)))
    for wrong in not_taken:
        reason = harmless(wrong.reason)
        click.echo(_("{file}, {cell}: {reason}").format(file=file, cell=wrong.cell, reason=reason), err=True)
    index_or_say(workspace)
    return 3 if not_taken else 0


def _shown_hold(hold: Hold, submission: Submission) -> dict[str, object]:
    head = {"id": hold.id, "unit": hold.unit, "batch": hold.batch, "opened_at": hold.opened_at.isoformat()}
    return head | shown(submission.document) | {"reasons": list(hold.reasons)}


def _pairs(values: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, content = value.partition("=")
        if not equals:
            raise InputRejected(_("{value}: write it as FIELD=VALUE").format(value=value))
        pairs[name] = content
    return pairs


def _each(workspace: Workspace, ids: Sequence[str], decide: Callable[[Hold, Submission], str]) -> int:
    """Decide on each; what could not be decided is said, and the rest is done."""
    failed = 0
    with workspace.only_writer():
        for id in ids:
            try:
                hold = undecided(workspace, id)
                click.echo(decide(hold, submission_of(hold)))
            except InputRejected as error:
                failed += 1
                click.echo(_("{id}: {error}").format(id=id, error=error), err=True)
    index_or_say(workspace)
    if failed:
        return 4 if failed == len(ids) else 3
    return 0
