"""Values made by hand, for tests of what is done with them."""

from datetime import UTC, datetime
from pathlib import Path

from schemas.documents import Cut, CutState, Document, Evidence, Field, FieldState, Kind, Metadata
from schemas.pages import Box, Line, MediaType, PageText, Scan, Word
from schemas.work import Change, Hold, Outcome, Standing

NOON = datetime(2023, 8, 15, 12, 0, tzinfo=UTC)


def scan(path: Path = Path("inbox/stack.pdf"), sha256: str = "5c" * 32) -> Scan:
    return Scan(path, sha256, 1000, MediaType.PDF)


def page(number: int, text: str = "Quyết định này có hiệu lực") -> PageText:
    words = tuple(
        Word(word, Box(0.1 + i * 0.05, 0.1, 0.14 + i * 0.05, 0.12), 0.96, (0.1 + i * 0.05, 0.12, 0.14 + i * 0.05, 0.12))
        for i, word in enumerate(text.split())
    )
    return PageText(number, 1654, 2339, 200.0, lines=(Line(words, Box(0.1, 0.1, 0.9, 0.12), 0.02, 0, 0),))


def document(
    *numbers: int, metadata: Metadata | None = None, doubtful_cuts: tuple[int, ...] = (), reasons: tuple[str, ...] = ()
) -> Document:
    return Document(
        scan(), tuple(page(number) for number in numbers), Cut(CutState.ACCEPTED, 1.0), Kind.RESULT,
        metadata or Metadata(), doubtful_cuts, reasons,
    )  # fmt: skip


def held(value: str | None, *candidates: str) -> Field:
    return Field(value, FieldState.HELD, 0.6, candidates, Evidence(1, Box(0.1, 0.1, 0.2, 0.12)), "doubtful")


def accepted(value: str) -> Field:
    return Field(value, FieldState.ACCEPTED, 0.99)


ABSENT = Field(None, FieldState.ABSENT, 0.99)


def hold(id: str = "3f2a00000001", scan_path: str = "inbox/stack.pdf", reasons: tuple[str, ...] = ("number",)) -> Hold:
    return Hold(id, "batch", "5c" * 32, scan_path, 1, "H29.17", NOON, reasons, {}, f"waiting/{id}.pdf")


def standing(hold: str = "abc123", outcome: Outcome = Outcome.WAITS, metadata: Metadata | None = None) -> Standing:
    return Standing(
        hold, outcome, (1,), (0,), Cut(CutState.ACCEPTED, 1.0), (), Kind.RESULT, metadata or Metadata(), ()
    )  # fmt: skip


def change(what: str, *holds: str, who: str = "An", at: datetime = NOON) -> Change:
    """A decision about *holds* that changed nothing in them."""
    stood = tuple(standing(hold) for hold in holds or ("abc123",))
    return Change(who, at, what, stood, stood)
