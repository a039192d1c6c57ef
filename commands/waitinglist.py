"""What waits for a person, as ``review list`` and ``review show`` print it."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table

from commands.showing import harmless
from commands.workspace import Workspace
from schemas.documents import Field, FieldState
from schemas.fieldwords import as_written, field_labels
from schemas.language import _
from schemas.records import Submission
from schemas.work import HoldHead

MARKS = {FieldState.ACCEPTED: "✓", FieldState.HELD: "?", FieldState.ABSENT: "–"}

PROCEDURE_WIDTH = 40
Called = Callable[[str], str]
"""Says a procedure's code with its name behind it."""


def chosen(
    workspace: Workspace, unit: str | None, reason: str | None, batch: str | None, older_than_days: int
) -> list[HoldHead]:
    """What waits of this unit and batch, for a reason that has these words, so many days or longer."""
    before = datetime.now(UTC) - timedelta(days=older_than_days)
    return [
        head
        for head in workspace.catalogue.waiting(unit=unit, batch=batch)
        if head.opened_at <= before and (reason is None or any(_plain(reason) in _plain(text) for text in head.reasons))
    ]


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def listed(head: HoldHead, called: Called = str) -> dict[str, object]:
    """*head* as ``review list --json`` has it; *called* says a procedure's code with its name."""
    return {
        "id": head.id, "unit": head.unit, "batch": head.batch, "opened_at": head.opened_at.isoformat(),
        "scan": head.scan_path, "pages": list(head.pages), "reasons": list(head.reasons),
        "procedure": head.procedure, "procedure_name": name_of(head.procedure, called),
        "fields": {
            name: {"value": field.value, "state": field.state.value, "confidence": field.confidence,
                   "candidates": list(field.candidates)}
            for name, field in head.fields.items()
        },
    }  # fmt: skip


def name_of(procedure: str, called: Called) -> str | None:
    """A procedure's name alone; None where it is not known."""
    return called(procedure)[len(procedure) :].strip() or None


def _doubted(name: str, fields: dict[str, Field]) -> str:
    field = fields.get(name)
    if field is None:
        return "?"
    mark = "?" if field.state is FieldState.HELD else ""
    return harmless(f"{as_written(name, field.value or '')}{mark}")


def _value(name: str, fields: dict[str, Field]) -> str:
    return (fields[name].value if name in fields else None) or "?"


def print_waiting(out: Console, heads: Sequence[HoldHead], limit: int, called: Called = str) -> None:
    """The reasons with their counts, then the first *limit* of *heads*, with their procedures where any has one."""
    for text, count in Counter(reason for head in heads for reason in head.reasons).most_common():
        out.print(f"{count:5d}  {harmless(text)}")
    now = datetime.now(UTC)
    named = [_("procedure")] if any(head.procedure for head in heads[:limit]) else []
    columns = ("ID", _("unit"), *named, _("days"), _("number, symbol"), _("date"), _("type, abstract"), _("waits for"))
    table = Table(*columns, box=None)
    for head in heads[:limit]:
        fields = head.fields
        table.add_row(
            head.id,
            harmless(head.unit),
            *[harmless(called(head.procedure))[:PROCEDURE_WIDTH] for _column in named],
            str((now - head.opened_at).days),
            f"{_doubted('number', fields)}/{_doubted('symbol', fields)}",
            _doubted("issued_on", fields),
            harmless(f"{_value('type', fields)}: {_value('abstract', fields)}")[:60],
            harmless("; ".join(head.reasons)),
        )
    out.print(table)
    if len(heads) > limit:
        out.print(_("{count} more wait; --limit, --reason, --unit, --batch and --older-than choose among them").format(
            count=len(heads) - limit))  # fmt: skip


def fields_table(submission: Submission) -> Table:
    """The fields with their state, and what else they might be."""
    table = Table(_("field"), "", "", _("reading"), _("sure"), _("or else"), box=None)
    labels = field_labels()
    for name, field in submission.document.metadata.items():
        others = " | ".join(as_written(name, c) for c in field.candidates if c != field.value)
        table.add_row(name, labels[name], MARKS[field.state], harmless(as_written(name, field.value or "")),
                      f"{field.confidence:.0%}", harmless(others))  # fmt: skip
    return table
