"""Real papers of several agencies, from the page's image to its elements: what is accepted is what stands there."""

import hashlib
import json
from pathlib import Path

import pytest

from bench.metadata import scoring
from ingest.extract import describe
from ingest.pages import open_pages
from ingest.reading import read_page
from schemas.documents import Cut, CutState, Document, FieldState, Paper
from schemas.pages import MediaType, ReadingOptions, Scan
from tests.services import scans

PAPERS = ("kiengiang/1967.pdf", "kiengiang/342 syt nvy.pdf", "kiengiang/1942 kh syt.pdf", "bgddt/test_9.pdf")
HEAD = ("number", "symbol", "issued_on", "issuer", "parent_issuer", "type", "abstract", "urgency")


def first_page_of(file: Path, spool: Path) -> Document:
    content = file.read_bytes()
    scan = Scan(file, hashlib.sha256(content).hexdigest(), len(content), MediaType.PDF)
    pages = open_pages(scan, spool=spool)
    text = read_page(pages.image(1), ReadingOptions())
    pages.close()
    return describe(Paper(scan, (text,), Cut(CutState.ACCEPTED, 1.0)))


@pytest.mark.scans
@pytest.mark.parametrize("name", PAPERS)
def test_nothing_is_accepted_of_a_real_paper_that_does_not_stand_there(name: str, tmp_path: Path) -> None:
    data = scans()
    score = scoring(data.parent / "score" / "score.py")
    records = json.loads((data / "gold" / "metadata.json").read_text(encoding="utf-8"))["records"]
    [record] = [record for record in records if record["file"] == f"scans/{name}"]
    document = first_page_of(data / "scans" / name, tmp_path)
    accepted = 0
    for field, found in document.metadata.items():
        if field in HEAD and found.state is not FieldState.HELD:
            accepted += 1
            assert score.same(field, score.truth_of(record, field), found.value), (field, found)
    assert accepted >= 4
    if "so" in record["handwritten"]:
        assert document.metadata.number.state is FieldState.HELD
