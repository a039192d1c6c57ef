"""What goes into the archive together, and in which order its events come."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ingest.together import Together
from schemas.documents import HELD_UNREAD
from schemas.records import Submission
from tests.archive import submission


class Line:
    def __init__(self, longest_s: float = 30.0) -> None:
        self.versions: list[int] = []
        self.gathered: Together[Submission, str] = Together(self._deposit, lambda ready: ready, longest_s)

    def _deposit(self, ready: Sequence[Submission]) -> list[str]:
        self.versions.append(len(ready))
        return [f"{one.document.scan.path.stem}:{one.document.pages[0].number}" for one in ready]

    def take(self, given: Submission) -> list[str]:
        ended = [] if self.gathered.has_room_for(given) else list(self.gathered.rest())
        self.gathered.join(given)
        return ended


def test_papers_of_one_dossier_are_one_version_and_what_comes_after_waits_for_them(tmp_path: Path) -> None:
    line = Line()
    assert list(line.gathered.after(lambda: "nothing to wait for")) == ["nothing to wait for"]
    assert line.take(submission(tmp_path, scan="a")) == []
    assert line.take(submission(tmp_path, scan="a", first_page=3, number="3")) == []
    assert list(line.gathered.after(lambda: "held")) == []
    assert line.take(submission(tmp_path, scan="a", first_page=5, number="5")) == []
    assert list(line.gathered.after(lambda: "scan done")) == []
    assert list(line.gathered.rest()) == ["a:1", "a:3", "held", "a:5", "scan done"]
    assert (list(line.gathered.rest()), line.versions) == ([], [3])


def test_another_dossier_goes_into_the_next_version(tmp_path: Path) -> None:
    line = Line()
    line.take(submission(tmp_path, scan="a"))
    assert line.take(submission(tmp_path, scan="a", first_page=3, dossier="other")) == ["a:1"]


def test_papers_scanned_one_a_file_are_one_version_too(tmp_path: Path) -> None:
    line = Line()
    for number in range(1, 6):
        assert line.take(submission(tmp_path, scan=f"{number}", number=f"{number}")) == []
    assert [len(list(line.gathered.rest())), *line.versions] == [5, 5]


LONG = " ".join(f"điều {number} khoản {number * 7} của quyết định này" for number in range(20))


def test_a_paper_that_may_be_one_of_them_scanned_again_waits_until_they_are_in_the_archive(tmp_path: Path) -> None:
    line = Line()
    line.take(submission(tmp_path, scan="a"))
    assert line.take(submission(tmp_path, scan="b")) == ["a:1"]  # of the same number, symbol and day
    assert line.take(submission(tmp_path, scan="b", first_page=3)) == ["b:1"]  # as it may lie in one scan twice
    assert line.take(unnumbered(submission(tmp_path, scan="c", text=LONG))) == []
    assert line.take(unnumbered(submission(tmp_path, scan="d", text=f"{LONG} ./."))) == ["b:3", "c:1"]


def unnumbered(given: Submission) -> Submission:
    metadata = replace(given.document.metadata, number=HELD_UNREAD)
    return replace(given, document=replace(given.document, metadata=metadata))


@pytest.mark.parametrize(("longest_s", "ended"), [(30.0, []), (0.0, ["scan one:1"])])
def test_none_waits_for_long(tmp_path: Path, longest_s: float, ended: list[str]) -> None:
    line = Line(longest_s)
    line.take(submission(tmp_path))
    assert list(line.gathered.overdue()) == ended
