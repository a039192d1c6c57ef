"""What goes into the archive together, and in which order its events come."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ingest.together import Together
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
    assert line.take(submission(tmp_path, scan="a", first_page=3)) == []
    assert list(line.gathered.after(lambda: "held")) == []
    assert line.take(submission(tmp_path, scan="a", first_page=5)) == []
    assert list(line.gathered.after(lambda: "scan done")) == []
    assert list(line.gathered.rest()) == ["a:1", "a:3", "held", "a:5", "scan done"]
    assert (list(line.gathered.rest()), line.versions) == ([], [3])


def test_another_dossier_or_scan_goes_into_the_next_version(tmp_path: Path) -> None:
    line = Line()
    line.take(submission(tmp_path, scan="a"))
    assert line.take(submission(tmp_path, scan="a", first_page=3, dossier="other")) == ["a:1"]
    assert line.take(submission(tmp_path, scan="b", dossier="other")) == ["a:3"]


@pytest.mark.parametrize(("longest_s", "ended"), [(30.0, []), (0.0, ["scan one:1"])])
def test_none_waits_for_long(tmp_path: Path, longest_s: float, ended: list[str]) -> None:
    line = Line(longest_s)
    line.take(submission(tmp_path))
    assert list(line.gathered.overdue()) == ended
