"""A sitting of review, typed key by key at a terminal of its own."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import pytest

import cli
from commands.deciding import submission_of
from ingest.extract import reasons_to_hold
from samples.keys import DemoKeys, make_demo_keys
from schemas.documents import Cut, CutState
from schemas.stored import to_json
from tests import values
from tests.commands.test_review import Desk, doubtful
from tests.ingest.office import ALSO
from tests.ingest.papers_read import blank, decision


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def desk(tmp_path: Path, keys: DemoKeys, capsys: pytest.CaptureFixture[str]) -> Desk:
    (tmp_path / "sohoa").mkdir()
    (tmp_path / "sohoa" / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    return Desk(tmp_path, capsys)


@contextmanager
def sitting(desk: Desk, *words: str) -> Iterator[Any]:
    """A clerk's terminal, at which ``review next`` runs to its end."""
    try:
        for end in os.openpty():
            os.close(end)
    except OSError as error:
        pytest.skip(f"no terminal is to be had here: {error} (is /dev/pts mounted?)")
    typed = pexpect.spawn(
        sys.executable, ["-m", "cli", "--workspace", str(desk.workspace), "review", "next", *words],
        cwd=str(Path(cli.__file__).parent), env=os.environ | {"SOHOA_LANG": "en", "TERM": "xterm-256color"},
        encoding="utf-8", timeout=60, dimensions=(50, 140),
    )  # fmt: skip
    try:
        yield typed
        typed.expect(pexpect.EOF)
        assert "Traceback" not in (typed.before or "")
    finally:
        typed.close(force=True)


def test_a_whole_sitting_by_single_keys(desk: Desk) -> None:
    """A candidate by its number, a value typed, one skipped, one rejected, one decision taken back; then the end."""
    stacks = [[decision(str(number), number_confidence=0.3)] for number in (11, 22, 33, 44)]
    first, second, third, fourth = (hold.id for hold in desk.ingested(*stacks))
    with sitting(desk, "--operator", "Bình") as clerk:
        clerk.expect("4 left, 0 decided, 0 skipped")
        clerk.expect(r"picture: .*number\.png")
        clerk.expect(r"\(1/1\) number\?")
        clerk.send("1")
        clerk.expect("archived as")
        clerk.expect("3 left, 1 decided, 0 skipped")
        clerk.send("z")  # no key of this question: the keys are said again
        clerk.expect("q quit")
        clerk.send("s")
        clerk.expect("2 left, 1 decided, 1 skipped")
        clerk.send("e")
        clerk.expect("number: 33")
        clerk.send("\x15")  # Ctrl-U: the line is empty again
        clerk.send("35\r")
        clerk.expect(r"picture: .*like\.png")
        clerk.expect(r"\(2/2\) nearly the same text as")
        clerk.send("y")
        clerk.expect("1 left, 2 decided")
        clerk.send("u")
        clerk.expect("waits again")
        clerk.expect("2 left, 1 decided")
        clerk.send("e")
        clerk.expect("number: 33")
        clerk.send("\x15" + "36\r")
        clerk.expect(r"\(2/2\) nearly the same text as")
        clerk.send("y")
        clerk.expect("1 left, 2 decided")
        clerk.send("x")
        clerk.expect("why rejected: ")
        clerk.send("a page is missing\r")
        clerk.expect("3 decisions, 1 skipped, in .* min; 1 wait")
    numbers = sorted(str(record.number) for record in desk.archive().records())
    assert numbers == ["11", "36"]
    assert [hold.id for hold in desk.holds()] == [second]
    assert desk.catalogue().hold(fourth).decision == "rejected: a page is missing"
    assert {desk.catalogue().hold(id).operator for id in (first, third, fourth)} == {"Bình"}


def test_a_number_that_a_record_bears_is_asked_about_beside_that_record(desk: Desk) -> None:
    desk.ingested([decision("3165", also=ALSO)], [doubtful("77")])
    with sitting(desk) as clerk:
        clerk.expect(r"\(1/1\) number\?")
        clerk.send("e")
        clerk.expect("number: 77")
        clerk.send("\x15" + "3165\r")
        clerk.expect("still waits: the same number")
        clerk.expect(r"picture: .*like\.png")
        clerk.expect(r"\(1/1\) the same number, symbol, agency and date as record")
        clerk.send("y")
        clerk.expect("archived as")
    assert desk.holds() == []


def test_a_boundary_is_asked_about_before_the_fields(desk: Desk) -> None:
    """Cut at the page shown; taken back; not cut, and so one record of all three pages."""
    [hold] = desk.ingested([doubtful("77"), blank(), blank()])
    doubted(desk, hold.id, doubtful_cuts=(3,))
    with sitting(desk) as clerk:
        clerk.expect(r"\(1/2\) Does another paper begin on page 3\?")
        clerk.send("y")
        clerk.expect("2 left, 1 decided")
        clerk.send("u")
        clerk.expect(r"\(1/2\) Does another paper begin on page 3\?")
        clerk.send("n1")  # typed ahead
        clerk.expect("archived as")
    [record] = desk.archive().records()
    assert (record.number, len(record.pages)) == ("77", 3)


def test_a_paper_that_was_cut_off_wrongly_is_put_back_to_the_one_before(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77"), blank(), blank()])
    desk.sohoa("review", "split", hold.id, "3")
    _first, second = sorted(desk.holds(), key=lambda waiting: waiting.first_page)
    doubted(desk, second.id, cut=Cut(CutState.HELD, 0.6))
    with sitting(desk) as clerk:
        clerk.expect("2 left")
        clerk.send("s")
        clerk.expect("Does a new paper begin on page 3")
        clerk.send("n")
        clerk.expect("pages 1 to 3")
        clerk.send("\r")
        clerk.expect("archived as")
    [record] = desk.archive().records()
    assert len(record.pages) == 3


def doubted(desk: Desk, id: str, **doubts: Any) -> None:
    """Let where the document begins or ends be doubtful too."""
    hold = desk.catalogue().hold(id)
    submission = submission_of(hold)
    document = replace(submission.document, **doubts)
    document = replace(document, reasons=reasons_to_hold(document))
    changed = to_json(replace(submission, document=document))
    desk.catalogue().update_hold(hold.id, document.reasons, changed, values.change("doubt", hold.id))


def test_without_a_terminal_the_other_commands_are_named(desk: Desk) -> None:
    desk.ingested([doubtful("77")])
    assert desk.sohoa("review", "next") == 2
    assert re.search("review list, set, accept, export", desk.capsys.readouterr().err)
