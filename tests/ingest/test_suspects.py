"""Pages whose worker died are tried again one a worker, and none is forgotten."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.suspects import Suspects


def test_no_worker_has_two_of_them() -> None:
    suspects: Suspects[int] = Suspects()
    for page in (1, 2, 3):
        suspects.add(page)
    assert suspects.next(["a", "b"]) == (1, "a")
    assert suspects.next(["a", "b"]) == (2, "b")
    assert suspects.next(["a", "b"]) is None
    suspects.done(1)
    assert suspects.next(["a", "b"]) == (3, "a")


def test_they_wait_where_there_is_no_worker() -> None:
    suspects: Suspects[int] = Suspects()
    suspects.add(1)
    assert suspects.next([]) is None
    assert suspects
    assert suspects.next(["a"]) == (1, "a")


def test_one_whose_worker_is_missed_twice_is_stranded_and_one_missed_once_is_not() -> None:
    suspects: Suspects[int] = Suspects()
    suspects.add(1)
    suspects.next(["a"])
    assert suspects.stranded(["b"]) == []
    assert suspects.stranded(["a"]) == []
    assert suspects.stranded(["b"]) == []
    assert suspects.stranded(["b"]) == [1]
    suspects.done(1)
    assert suspects.stranded(["b"]) == []
    assert not suspects


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(), unique=True), st.sets(st.text(max_size=1), min_size=1, max_size=4))
def test_each_has_its_turn_in_the_order_in_which_they_came(pages: list[int], workers: set[str]) -> None:
    suspects: Suspects[int] = Suspects()
    for page in pages:
        suspects.add(page)
    tried = []
    while suspects:
        turn = suspects.next(sorted(workers))
        assert turn is not None
        tried.append(turn[0])
        suspects.done(turn[0])
    assert tried == pages
