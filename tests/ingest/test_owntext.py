"""A page's own text: typed pages are not read, another program's layer counts only where it says more."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from weasyprint import HTML

from ingest.compose import compose
from ingest.intake import find_scans
from ingest.pages import open_pages
from ingest.reading import LAYER, read_page
from samples.drawing import Sheet
from samples.scans import scanned, write_pdf
from schemas.pages import PageImage, PageText, ReadingOptions, Scan

FAST = ReadingOptions(fast=True)
LINES = ("Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6", "năm 2015 về việc cấp giấy phép xây dựng nhà ở")


def page_of(file: Path) -> PageImage:
    [scan] = find_scans([file])
    assert isinstance(scan, Scan)
    with open_pages(scan, spool=file.parent / "spool") as pages:
        return pages.image(1)


def typed(file: Path, body: str) -> Path:
    style = "@page{size:A4;margin:30mm} p{font:14pt Tinos} img{width:150mm}"
    HTML(string=f"<style>{style}</style>{body}", base_url=str(file.parent)).write_pdf(file)
    return file


def drawn(lines: tuple[str, ...] = LINES) -> Image.Image:
    sheet = Sheet(150)
    for place, line in enumerate(lines):
        sheet.text(30, 60 + 8 * place, line, 14)
    return sheet.image


def with_layer(folder: Path, picture: Image.Image, said: PageText) -> Path:
    [scan] = find_scans([write_pdf(folder / "scan.pdf", [picture], dpi=150)])
    assert isinstance(scan, Scan)
    with open_pages(scan, spool=folder / "spool") as pages:
        compose(pages, [said], folder / "layered.pdf", title="scan", made_at=datetime(2023, 5, 15, tzinfo=UTC))
    return folder / "layered.pdf"


@pytest.fixture(scope="module")
def rightly_read() -> PageText:
    sheet = drawn()
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return read_page(PageImage(1, content.getvalue(), sheet.width, sheet.height, 150.0), FAST)


def test_a_typed_page_says_what_was_typed_to_the_letter(tmp_path: Path) -> None:
    rare = "bà H'Mlô Êban tiêm văc-xin Comirnaty™ của Pfizer/BioNTech số 0123/QĐ-SYT ngày 07/8/2021"
    text = read_page(page_of(typed(tmp_path / "a.pdf", f"<p>{LINES[0]}</p><p>{rare}</p>")), FAST)
    assert text.engine == LAYER
    assert "".join(text.text.split()) == "".join(f"{LINES[0]}{rare}".split())
    assert text.confidence > 0.95


def test_a_note_typed_over_a_picture_of_paper_does_not_stand_for_the_page(tmp_path: Path) -> None:
    drawn().crop((150, 250, 1100, 520)).save(tmp_path / "paper.png")
    note = "ghi chú của văn thư về tờ giấy này đã nhận"
    text = read_page(page_of(typed(tmp_path / "a.pdf", f'<p>{note}</p><img src="paper.png">')), FAST)
    assert text.engine != LAYER
    assert "Luật Tổ chức chính quyền" in text.text


def test_text_under_a_picture_of_the_page_is_another_programs_reading(tmp_path: Path) -> None:
    drawn().crop((150, 250, 1100, 520)).save(tmp_path / "paper.png")
    over = "position:absolute;left:-30mm;top:-30mm;width:210mm;height:297mm"
    page = page_of(typed(tmp_path / "a.pdf", f'<p>{LINES[0]}</p><img style="{over}" src="paper.png">'))
    assert page.own is not None
    assert not page.own.typed
    assert not read_page(page, FAST).typed


def test_a_layer_of_nonsense_is_read_afresh(tmp_path: Path, rightly_read: PageText) -> None:
    nonsense = replace(rightly_read, lines=tuple(
        replace(line, words=tuple(replace(word, text="xq" + word.text[::-1]) for word in line.words))
        for line in rightly_read.lines
    ))  # fmt: skip
    text = read_page(page_of(with_layer(tmp_path, scanned(drawn()), nonsense)), FAST)
    assert text.engine != LAYER
    assert LINES[1] in text.text


def test_a_good_layer_over_a_picture_that_cannot_be_read_is_kept(tmp_path: Path, rightly_read: PageText) -> None:
    blurred = drawn().filter(ImageFilter.GaussianBlur(6))
    page = page_of(with_layer(tmp_path, blurred, rightly_read))
    assert page.own is not None
    assert not page.own.typed
    text = read_page(page, FAST)
    assert text.engine == LAYER
    assert " ".join(text.text.split()) == " ".join(LINES)
