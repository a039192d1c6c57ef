"""What we compose is PDF/A-2b, before and after signing, by the word of the PDF Association's own checker."""

from pathlib import Path

import pytest

from samples.keys import make_demo_keys
from schemas.documents import ComposedPdf, SignedPdf
from tests.ingest.signed import KINDS, made
from tests.services import dss, verapdf

Made = dict[str, tuple[ComposedPdf, SignedPdf]]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Path]:
    folder = tmp_path_factory.mktemp("papers")
    keys = make_demo_keys(folder / "keys")
    return made(folder, keys), keys.root


def test_every_kind_of_page_is_composed_and_signed(papers: tuple[Made, Path]) -> None:
    assert set(papers[0]) == set(KINDS)


@pytest.mark.service("veraPDF")
def test_every_kind_of_page_is_pdfa_before_and_after_signing(papers: tuple[Made, Path]) -> None:
    files = [pdf.path for pair in papers[0].values() for pdf in pair]
    assert verapdf.faults(files) == {}


@pytest.mark.service("veraPDF")
def test_the_checker_finds_a_fault_when_there_is_one(tmp_path: Path, papers: tuple[Made, Path]) -> None:
    whole = papers[0]["jpeg-colour.jpg"][0].path.read_bytes()
    spoiled = tmp_path / "spoiled.pdf"
    spoiled.write_bytes(whole.replace(b"/OutputIntents", b"/OutputIntentz").replace(b"%PDF-1.7", b"%PDF-x.7"))
    assert spoiled in verapdf.faults([spoiled])


@pytest.mark.service("EU DSS")
def test_a_stranger_finds_both_signatures_on_every_kind_of_page_valid(papers: tuple[Made, Path]) -> None:
    signed = {pair[1].path: name for name, pair in papers[0].items()}
    judged = dss.judge(signed, [papers[1]])
    found = {
        signed[file]: [(one.indication, one.level, one.field, one.intact, one.errors) for one in signatures]
        for file, signatures in judged.items()
    }
    passed = [("TOTAL_PASSED", "PAdES-BASELINE-B", role, True, "[]") for role in ("operator", "agency")]
    assert found == dict.fromkeys(KINDS, passed)
