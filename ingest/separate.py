"""Separation: which runs of pages of a scan are one paper each."""

import re
import unicodedata
from collections.abc import Sequence

from schemas.documents import Cut, CutState, Paper, Sheet
from schemas.pages import PageState, PageText, Scan

HEAD = 0.3
"""The motto, the number and the date stand in this upper part of the first page (NĐ 30/2020, Phụ lục I)."""
MOTTO = "CONG HOA XA HOI CHU NGHIA VIET NAM"
NUMBER_LINE = re.compile(r"\bSO\s*[:;.]?.{0,24}/")
DATE_LINE = re.compile(r"\bNGAY\b.{0,14}\bTHANG\b.{0,14}\bNAM\b")


def separate(scan: Scan, texts: Sequence[PageText]) -> Sequence[Paper]:
    """The papers of *scan*, in order; together they hold each page of *texts* but the cover sheets, once."""
    runs: list[list[PageText]] = []
    for page in texts:
        if not runs or _opens(page):
            runs.append([page])
        else:
            runs[-1].append(page)
    return [Paper(scan, tuple(run), Cut(CutState.ACCEPTED, 0.9), sheet=Sheet()) for run in runs]


def _opens(page: PageText) -> bool:
    """The page bears the head of a paper: the national motto, and beside it a number or a date."""
    if page.state is not PageState.READ:
        return False
    head = [_plain(line.text) for line in page.lines if line.box.y0 < HEAD]
    together = " ".join(head)
    return MOTTO in together and any(NUMBER_LINE.search(line) or DATE_LINE.search(line) for line in head)


def _plain(text: str) -> str:
    """Capitals without marks: what survives a bad reading of Vietnamese."""
    bare = unicodedata.normalize("NFD", text.upper().replace("Đ", "D"))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))
