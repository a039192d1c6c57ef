"""What a fenced process answers becomes what its task returns, and nothing else."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import msgpack
import pytest

from ingest.answers import NoAnswer, packed, packed_error, unpacked
from schemas.documents import ComposedPdf
from schemas.errors import InputRejected
from schemas.pages import Box, Code, EngineIdentity, OwnText, PageImage, PageState, PageText
from tests.ingest.papers_read import decision


def text() -> PageText:
    page = decision("12")
    return replace(page, state=PageState.READ, codes=(Code("x", "QRCode", Box(0, 0, 0.5, 1)),),
                   engine=EngineIdentity("a", "1", "vie"))  # fmt: skip


def image() -> PageImage:
    return PageImage(3, b"\x00\xff" * 9, 10, 20, 300.0, 90, own=OwnText(text().lines, typed=True))


def composed() -> ComposedPdf:
    return ComposedPdf(Path("/tmp/a.pdf"), 2)


def cells() -> list[object]:
    return [None, True, 1, 1.5, "a", b"b", date(2023, 8, 15), datetime(2023, 8, 15, 9, 30, tzinfo=UTC), time(9, 30),
            timedelta(days=1, microseconds=5), Decimal("1.10")]  # fmt: skip


@pytest.mark.parametrize("task", [text, image, composed, cells])
def test_what_a_task_returns_arrives_as_it_was(task: object) -> None:
    assert callable(task)
    assert unpacked(packed(task()), task) == task()


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\xc1", b"cos\nsystem\n(S'touch hacked'\ntR.", packed(text())[:-5], packed(composed()), packed("text"),
        msgpack.packb([True, {"number": 1, "width_px": "wide"}]), msgpack.packb([2, 3]),
        msgpack.packb([False, "SystemExit", "", None]), msgpack.packb([False, "eval", "1+1", None]),
        msgpack.packb([False, "__loader__", "x", None]), msgpack.packb([True, msgpack.ExtType(99, b"")]),
        msgpack.packb([True, msgpack.ExtType(2, b"soon")]), b"\x91" * 100_000,
    ],
)  # fmt: skip
def test_other_bytes_are_no_answer(answer: bytes) -> None:
    with pytest.raises(NoAnswer):
        unpacked(answer, text)


def test_an_answer_sets_nothing_but_the_fields_of_its_kind() -> None:
    sent = msgpack.packb([True, {"path": "a.pdf", "pages": 1, "__class__": "x", "__dict__": {"pages": 7}, "new": 1}])
    got = unpacked(sent, composed)
    assert got == ComposedPdf(Path("a.pdf"), 1)
    assert type(got) is ComposedPdf
    assert not hasattr(got, "new")


class OurOwn(InputRejected):
    """Of a kind that the other side does not know."""


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (InputRejected("no"), InputRejected, "no"), (OurOwn("no"), InputRejected, "no"),
        (PermissionError(13, "no"), PermissionError, "no"), (MemoryError("no"), MemoryError, "no"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), RuntimeError, "no"),
        (ZeroDivisionError("no"), ZeroDivisionError, "no"),
    ],
)  # fmt: skip
def test_an_error_arrives_as_the_nearest_kind(error: Exception, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says) as raised:
        unpacked(packed_error(error), text)
    assert type(raised.value) is kind
