"""What a person decides about a document that waits, applied to it. Pure: values in, a value out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from ingest.declared import not_listed
from ingest.extract import NEEDED, reasons_to_hold
from schemas.documents import DECIDED, FIELD_NAMES, Cut, CutState, Document, Field, FieldState
from schemas.errors import InputRejected
from schemas.fieldwords import DAYS
from schemas.language import _
from schemas.pages import PageText
from schemas.procedures import Procedure
from schemas.records import Submission
from schemas.work import Outcome, Standing

PROCEDURE = "procedure"
"""What a person may set beside the fields that a paper shows."""


def set_fields(submission: Submission, values: Mapping[str, str], operator: str, now: datetime) -> Submission:
    """*submission* with fields set by a person; an empty value says that the paper has no such element.

    Reasons to wait that no field can mend (a second paper with the same number) stay until it is accepted.
    InputRejected for an unknown field or a date that is none.
    """
    document = submission.document
    metadata = document.metadata
    for name, value in values.items():
        if name not in FIELD_NAMES:
            raise InputRejected(
                _("there is no field {name}; the fields are {names}").format(
                    name=name, names=", ".join((*FIELD_NAMES, PROCEDURE))
                )
            )
        before: Field = getattr(metadata, name)
        metadata = replace(metadata, **{name: _decided(before, checked(name, value.strip()))})
    set_now = replace(document, metadata=metadata)
    reasons = (*reasons_to_hold(set_now), *_other_reasons(document))
    said = "; ".join(f"{name}={value}" for name, value in values.items())
    return _redone(submission, replace(set_now, reasons=reasons), decision(operator, now, f"set {said}"))


def set_procedure(
    submission: Submission, procedure: str, known: Sequence[Procedure], retention: str, operator: str, now: datetime
) -> Submission:
    """*submission* as a paper of *procedure* (empty: of none), which a person says, kept by the code *retention*.

    The reasons to wait that name the procedure it was declared for are settled with that; others stay. InputRejected
    for a code that the office's list, *known*, does not have.
    """
    if unknown := not_listed(procedure, known):
        raise InputRejected(_("{reason}; `sohoa procedures list` shows them all").format(reason=unknown[0]))
    before, document = submission.procedure, submission.document
    reasons = tuple(reason for reason in document.reasons if not before or before not in reason)
    moved = of_procedure(replace(submission, document=replace(document, reasons=reasons)), procedure, retention)
    return _redone(moved, moved.document, decision(operator, now, f"set procedure={procedure}"))


def of_procedure(submission: Submission, procedure: str, retention: str) -> Submission:
    """*submission* as a paper of *procedure*, also where it is cut anew; kept by the code *retention*."""
    sheet = replace(submission.document.sheet, procedure=procedure)
    document = replace(submission.document, sheet=sheet)
    return replace(submission, procedure=procedure, retention=retention, document=document)


def accept(submission: Submission, operator: str, now: datetime) -> Submission:
    """*submission* with every held value and cut accepted as it stands, whatever else it waited for.

    InputRejected when a field that a record needs has no value to accept: it must be set.
    """
    document = submission.document
    empty = [name for name in NEEDED if _is_unread(getattr(document.metadata, name))]
    if empty:
        raise InputRejected(
            _(
                "nothing was read for {fields}: set it with `review set ID {first}=…` (empty: the paper has none)"
            ).format(fields=", ".join(empty), first=empty[0])
        )
    metadata = document.metadata
    for name, field in metadata.items():
        if field.state is FieldState.HELD and (field.value is not None or name == "result_code"):
            metadata = replace(metadata, **{name: _decided(field, field.value or "")})
    cut = Cut(CutState.ACCEPTED, document.cut.confidence)
    accepted = replace(document, metadata=metadata, cut=cut, doubtful_cuts=(), reasons=())
    return _redone(submission, accepted, decision(operator, now, "accept"))


def confirm_cut(submission: Submission, operator: str, now: datetime) -> Submission:
    """*submission* where it is sure that a paper begins at its first page and none within it; the rest still waits."""
    document = submission.document
    sure = replace(document, cut=Cut(CutState.ACCEPTED, document.cut.confidence), doubtful_cuts=())
    sure = replace(sure, reasons=(*reasons_to_hold(sure), *_other_reasons(document)))
    return _redone(submission, sure, decision(operator, now, "the cuts are right"))


def settled(document: Document) -> dict[str, Field]:
    """The fields that a person has decided."""
    return {
        name: field
        for name, field in document.metadata.items()
        if field.state is not FieldState.HELD and field.confidence == DECIDED
    }


def standing(hold: str, submission: Submission, outcome: Outcome = Outcome.WAITS) -> Standing:
    """How the document of *submission* stands, for what is kept of a decision."""
    document = submission.document
    return Standing(
        hold=hold, outcome=outcome, pages=document.page_numbers, turns=tuple(page.turn for page in document.pages),
        cut=document.cut, doubtful_cuts=document.doubtful_cuts, kind=document.kind, metadata=document.metadata,
        reasons=document.reasons, procedure=submission.procedure,
    )  # fmt: skip


def as_it_stood(
    submission: Submission, stood: Standing, pages: Sequence[PageText], operator: str, now: datetime, taken_back: str
) -> Submission:
    """*submission* as *stood* says it was, on *pages*: what was decided since is taken back by *operator*."""
    document = replace(
        submission.document, pages=tuple(pages), cut=stood.cut, doubtful_cuts=stood.doubtful_cuts, kind=stood.kind,
        metadata=stood.metadata, reasons=stood.reasons,
    )  # fmt: skip
    return _redone(submission, document, decision(operator, now, f"took back: {taken_back}"))


def checked(name: str, value: str) -> str:
    """*value* as the field *name* is kept: days as ISO dates. InputRejected where it is none."""
    if name in DAYS and value:
        vietnamese = re.fullmatch(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", value)
        iso = f"{vietnamese[3]}-{int(vietnamese[2]):02}-{int(vietnamese[1]):02}" if vietnamese else value
        try:
            return date.fromisoformat(iso).isoformat()
        except ValueError:
            raise InputRejected(
                _("{value} is not a date; write it as 15/8/2023 or 2023-08-15").format(value=value)
            ) from None
    return value


def decision(operator: str, now: datetime, what: str) -> str:
    """What *operator* decided, as the provenance keeps it."""
    return f"{now.isoformat(timespec='seconds')} {operator}: {what}"


def _other_reasons(document: Document) -> tuple[str, ...]:
    """The reasons to wait that lie in no field and no cut; they stand behind the others, in whatever language."""
    return document.reasons[len(reasons_to_hold(document)) :]


def _is_unread(field: Field) -> bool:
    return field.state is FieldState.HELD and field.value is None


def _decided(before: Field, value: str) -> Field:
    state = FieldState.ACCEPTED if value else FieldState.ABSENT
    return replace(before, value=value or None, state=state, confidence=DECIDED, reason="")


def _redone(submission: Submission, document: Document, said: str) -> Submission:
    provenance = replace(submission.provenance, decisions=(*submission.provenance.decisions, said))
    return replace(submission, document=document, provenance=provenance)
