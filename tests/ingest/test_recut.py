"""Held documents are cut in two or put together by a person's word."""

import pytest

from ingest.recut import merge, split
from schemas.documents import CutState
from schemas.errors import InputRejected
from tests.values import document


def test_a_document_is_cut_where_a_person_says() -> None:
    first, second, third = split(document(3, 4, 5, 6), [6, 4])
    assert [paper.page_numbers for paper in (first, second, third)] == [(3,), (4, 5), (6,)]
    assert second.cut.state is CutState.ACCEPTED


@pytest.mark.parametrize("page", [3, 7, 1])
def test_a_page_that_cannot_begin_another_document_is_refused_by_number(page: int) -> None:
    with pytest.raises(InputRejected, match=f"page {page} cannot begin"):
        split(document(3, 4, 5, 6), [page])


def test_neighbours_become_one_whatever_their_order_and_the_doubt_between_them_is_gone() -> None:
    paper = merge([document(3, 4), document(1, 2, doubtful_cuts=(2,)), document(5, doubtful_cuts=(5,))])
    assert paper.page_numbers == (1, 2, 3, 4, 5)
    assert paper.doubtful_cuts == (2,)


def test_documents_that_do_not_follow_each_other_stay_apart() -> None:
    with pytest.raises(InputRejected, match="page 4 does not follow page 2"):
        merge([document(1, 2), document(4)])


def test_one_document_alone_cannot_be_put_together() -> None:
    with pytest.raises(InputRejected, match="two or more"):
        merge([document(1)])


def test_what_was_cut_and_put_together_again_is_what_it_was() -> None:
    whole = document(1, 2, 3)
    parts = [document(*paper.page_numbers) for paper in split(whole, [2, 3])]
    assert merge(parts).page_numbers == whole.page_numbers
