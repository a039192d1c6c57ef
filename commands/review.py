"""``sohoa review``: what waits for a person, and what they decide."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from ingest.extract.shown import shown
from rich.table import Table

from cli import Context
from commands.engines import operator_of
from commands.indexing import index_or_say
from commands.showing import console, harmless, json_line
from commands.workspace import Workspace
from ingest.pipeline import signed_beside
from ingest.review import accept, set_fields
from schemas.documents import Field, FieldState
from schemas.errors import InputRejected
from schemas.language import _
from schemas.records import Deposit, Submission
from schemas.stored import from_json, to_json
from schemas.work import Hold

CROP_DPI = 150
CROP_MARGIN = 0.02
"""Round the evidence, in fractions of the page: what a person needs to see beside it."""


@click.group(help=_("What waits for a person: list, show, accept, set, reject."))
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
            json_line(_shown_hold(hold, _submission(hold)))
        return
    if not holds:
        click.echo(_("Nothing waits."))
        return
    out = console()
    for reason, count in Counter(reason for hold in holds for reason in hold.reasons).most_common():
        out.print(f"{count:5d}  {harmless(reason)}")
    table = Table("ID", _("unit"), _("number, symbol"), _("date"), _("type, abstract"), _("waits for"), box=None)
    for hold in holds:
        fields = _submission(hold).document.metadata
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
    submission = _submission(hold)
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
        for written in _write_crops(context.workspace, hold, submission, crop):
            click.echo(str(written), err=as_json)


@command.command("accept", help=_("Accept what was read, as it stands, and deposit it."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def accept_(context: Context, ids: tuple[str, ...], operator: str | None) -> int:
    who = operator_of(context.workspace, operator)
    return _each(context.workspace, ids, lambda hold, submission: _go_on(
        context.workspace, hold, accept(submission, who, datetime.now(UTC)), who))  # fmt: skip


@command.command("set", help=_("Set fields by hand (FIELD=VALUE; an empty value: the paper has none)."))
@click.argument("id")
@click.argument("values", nargs=-1, required=True, metavar=_("FIELD=VALUE…"))
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def set_(context: Context, id: str, values: tuple[str, ...], operator: str | None) -> int:
    who = operator_of(context.workspace, operator)
    return _each(context.workspace, [id], lambda hold, submission: _go_on(
        context.workspace, hold, set_fields(submission, _pairs(values), who, datetime.now(UTC)), who))  # fmt: skip


@command.command(help=_("Reject: it will not become a record; the scan stays where it is."))
@click.argument("ids", nargs=-1, required=True)
@click.option("--reason", required=True, help=_("Why, for the log."))
@click.option("--operator", default=None, help=_("Who decides."))
@click.pass_obj
def reject(context: Context, ids: tuple[str, ...], reason: str, operator: str | None) -> int:
    who = operator_of(context.workspace, operator)

    def rejected(hold: Hold, submission: Submission) -> str:
        context.workspace.catalogue.decide(hold.id, f"rejected: {reason}", who, datetime.now(UTC))
        _clear(context.workspace, hold)
        return _("{id}: rejected").format(id=hold.id)

    return _each(context.workspace, ids, rejected)


def _submission(hold: Hold) -> Submission:
    return from_json(Submission, hold.submission)


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
                hold = workspace.catalogue.hold(id)
                if hold.decided_at is not None:
                    raise InputRejected(_("{id}: {operator} decided on it already: {decision}").format(
                        id=hold.id, operator=hold.operator, decision=hold.decision))  # fmt: skip
                click.echo(harmless(decide(hold, _submission(hold))))
            except InputRejected as error:
                failed += 1
                click.echo(_("{id}: {error}").format(id=id, error=error), err=True)
    index_or_say(workspace)
    if failed:
        return 4 if failed == len(ids) else 3
    return 0


def _go_on(workspace: Workspace, hold: Hold, submission: Submission, who: str) -> str:
    """Deposit what is decided; keep what still waits."""
    now = datetime.now(UTC)
    if submission.document.reasons:
        workspace.catalogue.update_hold(hold.id, submission.document.reasons, to_json(submission), who, now)
        return _("{id}: still waits: {reasons}").format(id=hold.id, reasons="; ".join(submission.document.reasons))
    deposit = _deposited(workspace, hold, submission)
    workspace.catalogue.note_deposit(deposit, who=who)
    workspace.catalogue.decide(hold.id, "accepted", who, now, to_json(submission))
    _clear(workspace, hold)
    return _("{id}: archived as {record}").format(id=hold.id, record=deposit.record.id)


def _deposited(workspace: Workspace, hold: Hold, submission: Submission) -> Deposit:
    here = replace(submission, signed=signed_beside(submission.signed, workspace.folder, hold.pdf_path))
    original = workspace.folder / hold.original_path if hold.original_path else None
    return workspace.archive.deposit(here, original=original)


def _clear(workspace: Workspace, hold: Hold) -> None:
    for path in (hold.pdf_path, hold.original_path):
        if path:
            (workspace.folder / path).unlink(missing_ok=True)


def _write_crops(workspace: Workspace, hold: Hold, submission: Submission, folder: Path) -> list[Path]:
    """PNGs of the paper behind each held field that has evidence."""
    from pdf2image import convert_from_path

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, field in submission.document.metadata.items():
        if field.state is not FieldState.HELD or field.evidence is None:
            continue
        page = submission.document.page_numbers.index(field.evidence.page) + 1
        [image] = convert_from_path(workspace.folder / hold.pdf_path, dpi=CROP_DPI, first_page=page, last_page=page)
        box = field.evidence.box
        around = (
            max(box.x0 - CROP_MARGIN, 0) * image.width,
            max(box.y0 - CROP_MARGIN, 0) * image.height,
            min(box.x1 + CROP_MARGIN, 1) * image.width,
            min(box.y1 + CROP_MARGIN, 1) * image.height,
        )
        file = folder / f"{hold.id}-{name}.png"
        image.crop(tuple(round(edge) for edge in around)).save(file)
        written.append(file)
    return written
