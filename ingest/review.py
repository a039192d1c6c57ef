"""What a person decides about a document that waits, applied to it. Pure: values in, a value out."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from ingest.extract import reasons_to_hold
from schemas.documents import FIELD_NAMES, Cut, CutState, Document, Field, FieldState, Metadata
from schemas.errors import InputRejected
from schemas.language import _
from schemas.records import Submission


def set_fields(submission: Submission, values: Mapping[str, str], operator: str, now: datetime) -> Submission:
    """*submission* with fields set by a person; an empty value says that the paper has no such element.

    InputRejected for an unknown field or a date that is none.
    """
    metadata = submission.document.metadata
    for name, value in values.items():
        if name not in FIELD_NAMES:
            raise InputRejected(
                _("there is no field {name}; the fields are {names}").format(name=name, names=", ".join(FIELD_NAMES))
            )
        before: Field = getattr(metadata, name)
        decided = _decided(before, _checked(name, value.strip()))
        metadata = replace(metadata, **{name: decided})
    said = "; ".join(f"{name}={value}" for name, value in values.items())
    return _redone(submission, metadata, decision(operator, now, f"set {said}"))


def accept(submission: Submission, operator: str, now: datetime) -> Submission:
    """*submission* with every held value and cut accepted as it stands.

    InputRejected when a field that a record needs has no value to accept: it must be set.
    """
    document = submission.document
    metadata = document.metadata
    for name, field in metadata.items():
        if field.state is FieldState.HELD and field.value is not None:
            metadata = replace(metadata, **{name: _decided(field, field.value)})
    accepted = _redone(submission, metadata, decision(operator, now, "accept"), cuts_accepted=True)
    empty = [name for name, field in metadata.items() if field.state is FieldState.HELD and field.value is None]
    if accepted.document.reasons:
        raise InputRejected(
            _(
                "nothing was read for {fields}: set it with `review set ID {first}=…` (empty: the paper has none)"
            ).format(fields=", ".join(empty), first=empty[0] if empty else "number")
        )
    return accepted


def _decided(before: Field, value: str) -> Field:
    state = FieldState.ACCEPTED if value else FieldState.ABSENT
    return replace(before, value=value or None, state=state, confidence=1.0, reason="")


def _checked(name: str, value: str) -> str:
    if name == "issued_on" and value:
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


def _redone(submission: Submission, metadata: Metadata, said: str, *, cuts_accepted: bool = False) -> Submission:
    document = replace(submission.document, metadata=metadata)
    if cuts_accepted:
        document = replace(document, cut=Cut(CutState.ACCEPTED, document.cut.confidence), doubtful_cuts=())
    document = _with_reasons(document)
    provenance = replace(submission.provenance, decisions=(*submission.provenance.decisions, said))
    return replace(submission, document=document, provenance=provenance)


def _with_reasons(document: Document) -> Document:
    return replace(document, reasons=reasons_to_hold(document))
