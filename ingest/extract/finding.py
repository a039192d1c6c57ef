"""What was found for one element of a paper, before it is decided whether a person must look at it."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from schemas.documents import Evidence, Field, FieldState

THRESHOLDS = Path(__file__).with_name("thresholds.json")
"""Confidence from which a field is accepted, fitted by ``bench/metadata.py``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A value, how sure it is (0 to 1), where it was read, what else it might be, why it is doubtful.

    Without a value: ``confidence`` is that the paper has no such element, 0 when that is not known.
    """

    value: str | None = None
    confidence: float = 0.0
    evidence: Evidence | None = None
    candidates: tuple[str, ...] = ()
    reason: str = ""
    proved: bool = False
    """Digits that are alike the page's own print: a second reading that says otherwise does not count."""


UNREAD = Finding()


@cache
def thresholds() -> dict[str, float]:
    """By field: the least confidence with which it is accepted, or said to be absent."""
    fitted: dict[str, float] = json.loads(THRESHOLDS.read_text(encoding="utf-8"))["accepted_from"]
    return fitted


def decided(name: str, finding: Finding) -> Field:
    """The field *name* of what was found: accepted, absent or held."""
    sure = finding.confidence >= thresholds()[name]
    accepted = FieldState.ABSENT if finding.value is None else FieldState.ACCEPTED
    confidence = round(min(max(finding.confidence, 0.0), 1.0), 3)
    if sure:
        return Field(finding.value, accepted, confidence, finding.candidates, finding.evidence)
    return Field(finding.value, FieldState.HELD, confidence, finding.candidates, finding.evidence, finding.reason)
