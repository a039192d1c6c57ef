"""Piles scanned as all fronts, then all backs: put together in order, or rejected with the counts."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ingest.intake import find_scans
from ingest.interleave import Interleaving, Pile, Piles, interleaved, side_order
from ingest.labels import Labels
from ingest.pages import open_pages
from samples.scans import write_pdf
from schemas.documents import Sheet
from schemas.pages import Scan
from schemas.work import RejectedScan
from tests.ingest.drawn import small_page


def pdf(file: Path, sides: Sequence[int]) -> Path:
    return write_pdf(file, [small_page(side) for side in sides], dpi=50)


def tiff(file: Path, sides: Sequence[int]) -> Path:
    pages = [small_page(side, mode="1") for side in sides]
    pages[0].save(file, "TIFF", compression="group4", save_all=True, append_images=pages[1:], dpi=(50, 50))
    return file


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put_together(inbox: Path, piles: Piles, *, backs_in_order: bool = False) -> list[Pile | RejectedScan]:
    way = Interleaving(piles, backs_in_order, inbox.parent / "joined")
    return list(interleaved(list(find_scans([inbox])), way))


def sides(scan: Scan, tmp_path: Path) -> list[int]:
    """Which side each page is, by how high its bars reach."""
    with open_pages(scan, spool=tmp_path) as pages:
        seen = []
        for number in range(1, pages.count + 1):
            with Image.open(io.BytesIO(pages.image(number).content)) as image:
                column = np.asarray(image.convert("L"))[30:, 60] < 128
            seen.append(int((np.diff(column.astype(int)) == 1).sum()))
        return seen


@pytest.mark.parametrize("draw", [pdf, tiff])
def test_one_file_of_a_pile_turned_over(
    inbox: Path, tmp_path: Path, draw: Callable[[Path, Sequence[int]], Path]
) -> None:
    draw(inbox / "pile", [1, 3, 5, 6, 4, 2])
    [pile] = put_together(inbox, "file")
    assert isinstance(pile, Pile)
    assert sides(pile.scan, tmp_path) == [1, 2, 3, 4, 5, 6]


def test_two_files_with_the_backs_in_order(inbox: Path, tmp_path: Path) -> None:
    pdf(inbox / "1-fronts.pdf", [1, 3])
    tiff(inbox / "2-backs.tif", [2, 4])
    [pile] = put_together(inbox, "pair", backs_in_order=True)
    assert isinstance(pile, Pile)
    assert sides(pile.scan, tmp_path) == [1, 2, 3, 4]
    assert pile.fronts == inbox / "1-fronts.pdf"


def test_it_is_the_same_scan_each_time_and_the_inbox_stays_as_it_is(inbox: Path) -> None:
    before = pdf(inbox / "pile.pdf", [1, 3, 4, 2]).read_bytes()
    [first], [again] = put_together(inbox, "file"), put_together(inbox, "file")
    assert first == again
    assert (inbox / "pile.pdf").read_bytes() == before


def test_the_pages_own_streams_are_kept(inbox: Path) -> None:
    file = pdf(inbox / "pile.pdf", [1, 2])
    [pile] = put_together(inbox, "file")
    assert isinstance(pile, Pile)
    with pikepdf.open(file) as before, pikepdf.open(pile.scan.path) as after:
        streams = [[page.Resources.XObject.Im0.read_raw_bytes() for page in each.pages] for each in (before, after)]
    assert streams[0] == streams[1]


@pytest.mark.parametrize("piles", ["file", "pair"])
def test_counts_that_do_not_match_are_rejected_with_both(inbox: Path, piles: Piles) -> None:
    pdf(inbox / "a.pdf", [1, 3, 5])
    pdf(inbox / "b.pdf", [2, 4])
    found = put_together(inbox, piles)
    assert isinstance(found[0], RejectedScan)
    assert ("3 fronts, but 2 backs" if piles == "pair" else "3 pages cannot be") in found[0].reason


def test_fronts_without_backs_are_rejected(inbox: Path) -> None:
    for side, name in enumerate("abc", start=1):
        pdf(inbox / f"{name}.pdf", [side])
    pile, alone = put_together(inbox, "pair")
    assert isinstance(pile, Pile)
    assert isinstance(alone, RejectedScan)
    assert "fronts without backs" in alone.reason


def test_a_file_that_cannot_be_opened_is_named_and_the_next_is_taken(inbox: Path) -> None:
    (inbox / "a.pdf").write_bytes(b"%PDF-1.7\nnot a PDF")
    pdf(inbox / "b.pdf", [1, 2])
    first, second = put_together(inbox, "file")
    assert isinstance(first, RejectedScan)
    assert "a.pdf" in first.reason
    assert isinstance(second, Pile)


def test_folder_and_manifest_speak_of_what_was_put_together(inbox: Path) -> None:
    file = pdf(inbox / "pile.pdf", [1, 2])
    [pile] = put_together(inbox, "file")
    assert isinstance(pile, Pile)
    labels = Labels({file: Sheet("D-1")}, made_from={pile.scan.path: pile.fronts})
    assert labels.of(pile.scan.path)[0] == Sheet("D-1")


@given(st.integers(0, 200), st.booleans())
def test_every_side_has_its_place(sheets: int, backs_in_order: bool) -> None:
    order = side_order(sheets, backs_in_order=backs_in_order)
    assert sorted(order) == list(range(2 * sheets))
    assert order[::2] == list(range(sheets))
    backs = [at - sheets for at in order[1::2]]
    assert backs == (list(range(sheets)) if backs_in_order else list(range(sheets))[::-1])
