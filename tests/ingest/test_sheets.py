"""Cover sheets and labels: what their codes say, and that they are read from scans as scanners deliver them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pdf2image import convert_from_bytes

from cli import Context
from commands.cover import command
from ingest.pages import open_pages
from ingest.reading import read_page
from ingest.sheetprint import cover_pdf, labels_pdf
from ingest.sheets import Form, Mark, laid_on, mark_of, parse, write
from schemas.documents import Kind, Sheet
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.pages import Box, Code, Line, MediaType, PageText, ReadingOptions, Scan, Word
from tests import services

Image = NDArray[np.uint8]

WHOLE = Sheet("000.00.17.H29-230815-0001234", "1.000494.000.00.00.H29", "000.00.17.H29", Kind.COMPONENT)

field = st.from_regex(r"[A-Za-z0-9.\-_/:+]{0,64}", fullmatch=True)
sheet = st.builds(Sheet, field, field, field, st.none() | st.sampled_from(Kind))


# -- the text of the code ---------------------------------------------------------------------------------------------


@given(sheet, st.sampled_from(Form))
def test_what_is_written_is_read(written: Sheet, form: Form) -> None:
    assert parse(write(written, form)) == Mark(form, written)


@given(sheet, st.data())
def test_no_single_changed_character_goes_unseen(written: Sheet, data: st.DataObject) -> None:
    text = write(written)
    at = data.draw(st.integers(len("SOHOA1|"), len(text) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != text[at]))
    mark = parse(text[:at] + other + text[at + 1 :])
    assert mark is not None
    assert not mark.sure
    assert mark.sheet == Sheet()


@given(sheet, st.data())
def test_no_two_neighbours_exchanged_go_unseen(written: Sheet, data: st.DataObject) -> None:
    text = write(written)
    at = data.draw(st.integers(len("SOHOA1|"), len(text) - 2).filter(lambda i: text[i] != text[i + 1]))
    mark = parse(text[:at] + text[at + 1] + text[at] + text[at + 2 :])
    assert mark is not None
    assert not mark.sure


def test_the_documented_example_holds() -> None:
    assert write(Sheet("H29.17-230815-0001", "1.001193", "H29.17", Kind.RESULT)) == (
        "SOHOA1|S|H29.17-230815-0001|1.001193|H29.17|result|37"
    )


def test_a_version_not_known_parts_the_stack_and_says_nothing_else() -> None:
    assert parse("SOHOA2|S|A|B|C|result|00") == Mark(Form.SHEET, Sheet(), sure=False)


@given(st.text())
def test_no_text_upsets_the_reader(text: str) -> None:
    parse(text)
    parse(f"SOHOA1|{text}")


@pytest.mark.parametrize("dossier", ["A|B", "hồ sơ 1", "A B", "x" * 65])
def test_a_field_that_no_code_can_hold_is_named(dossier: str) -> None:
    with pytest.raises(SettingsRejected, match="--dossier"):
        write(Sheet(dossier))


def test_a_sheet_that_names_a_dossier_says_all_and_one_that_names_none_adds() -> None:
    assert laid_on(WHOLE, Sheet("H29-240101-0001")) == Sheet("H29-240101-0001")
    assert laid_on(WHOLE, Sheet(kind=Kind.RESULT)) == Sheet(WHOLE.dossier, WHOLE.procedure, WHOLE.unit, Kind.RESULT)
    assert laid_on(WHOLE, Sheet()) == WHOLE


# -- pages ------------------------------------------------------------------------------------------------------------


def page(*codes: tuple[str, float], words: int = 0) -> PageText:
    """A page with codes of a text and a width each, and a line of so many words."""
    place = Box(0.1, 0.1, 0.9, 0.12)
    line = Line((Word("chữ", place, 0.9, (0.1, 0.12, 0.9, 0.12)),) * words, place, 0.02, 0, 0)
    return PageText(
        1, 1654, 2339, 200.0, lines=(line,) if words else (),
        codes=tuple(Code(text, "Code 128", Box(0.1, 0.1, 0.1 + width, 0.2)) for text, width in codes),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["PATCHT", "PATCH T", "PATCH2", "ADAR-NEXTDOC", "SEPARATOR"])
def test_patch_sheets_of_others_part_a_stack(text: str) -> None:
    assert mark_of(page((text, 0.3))) == Mark(Form.SHEET, Sheet())


def test_a_dossiers_code_alone_on_a_page_is_a_sheet() -> None:
    assert mark_of(page(("H29.17-230815-0001", 0.4), words=12)) == Mark(Form.SHEET, Sheet("H29.17-230815-0001"))
    assert mark_of(page(("000.00.17.H29-230815-0001", 0.4))) == Mark(Form.SHEET, Sheet("000.00.17.H29-230815-0001"))


def test_a_receipt_that_bears_its_dossiers_code_is_a_page() -> None:
    assert mark_of(page(("H29.17-230815-0001", 0.4), words=150)) is None
    assert mark_of(page(("H29.17-230815-0001", 0.1), words=12)) is None


@pytest.mark.parametrize(
    "text", ["8934563138165", "https://dichvucong.gov.vn", "079090001234|Nguyễn Văn A", "PATCHWORK"]
)
def test_codes_that_papers_bear_themselves_part_nothing(text: str) -> None:
    assert mark_of(page((text, 0.4))) is None


def test_two_sheets_on_one_page_are_for_a_person() -> None:
    mark = mark_of(page((write(WHOLE), 0.4), (write(Sheet("H29-240101-0001")), 0.4)))
    assert mark == Mark(Form.SHEET, Sheet(), sure=False)


def test_one_code_printed_three_times_is_one_sheet() -> None:
    assert mark_of(page(*[(write(WHOLE), 0.2)] * 3)) == Mark(Form.SHEET, WHOLE)


# -- printed and scanned ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def printed() -> bytes:
    return cover_pdf([WHOLE])


RED, BLACK = (200, 30, 40), (20, 20, 20)


@pytest.mark.parametrize(
    ("dpi", "stamp"), [(150, None), (150, RED), (150, BLACK), (200, BLACK), (300, RED), (600, BLACK)]
)
def test_a_printed_sheet_is_read_from_scans(printed: bytes, dpi: int, stamp: tuple[int, int, int] | None) -> None:
    [drawn] = convert_from_bytes(printed, dpi=dpi)
    ways = [(-4, True, False), (7, False, True), (0, False, False), (2, True, True)]
    for skew_deg, upside_down, bilevel in ways[: 2 if dpi > 200 else 4]:
        scan = scanned(np.asarray(drawn.convert("RGB")), dpi, stamp, skew_deg, upside_down, bilevel)
        read = {parse(code.text) for code in zxingcpp.read_barcodes(scan, try_invert=False)}
        assert read == {Mark(Form.SHEET, WHOLE)}, (skew_deg, upside_down, bilevel)


@pytest.mark.scans
def test_a_separator_of_others_that_was_smeared_parts_a_stack(tmp_path: Path) -> None:
    file = services.scans() / "robust" / "paperless" / "patch-code-t-middle-distorted.pdf"
    with open_pages(Scan(file, "0" * 64, file.stat().st_size, MediaType.PDF), spool=tmp_path) as pages:
        assert mark_of(read_page(pages.image(2), ReadingOptions(fast=True))) == Mark(Form.SHEET, Sheet())


@pytest.mark.parametrize("dpi", [150, 300])
def test_a_label_on_a_page_is_read_from_scans(dpi: int) -> None:
    [drawn] = convert_from_bytes(labels_pdf([WHOLE]), dpi=dpi)
    mm = dpi / 25.4
    label = np.asarray(drawn.convert("RGB"))[: int(37 * mm), : int(70 * mm)]
    paper = np.full((int(297 * mm), int(210 * mm), 3), 255, np.uint8)
    paper[int(30 * mm) : int(30 * mm) + label.shape[0], int(100 * mm) : int(100 * mm) + label.shape[1]] = label
    for skew_deg, upside_down, bilevel in [(0, False, True), (-5, True, False), (20, False, False)]:
        scan = scanned(paper, dpi, None, skew_deg, upside_down, bilevel)
        read = [parse(code.text) for code in zxingcpp.read_barcodes(scan, try_invert=False)]
        assert read == [Mark(Form.LABEL, WHOLE)], (skew_deg, upside_down, bilevel)


def scanned(
    drawn: Image, dpi: int, stamp: tuple[int, int, int] | None, skew_deg: float, upside_down: bool, bilevel: bool
) -> Image:
    """The grey or bilevel image of a page, stamped over the middle of its code, askew, with the grain of a sensor."""
    seen = drawn.copy()
    height, width = seen.shape[:2]
    if stamp is not None:
        centre, radius = (width // 2, int(height * 0.42)), int(18 * dpi / 25.4)
        cv2.circle(seen, centre, radius, stamp, int(1.2 * dpi / 25.4))
        cv2.circle(seen, centre, int(radius * 0.7), stamp, int(0.6 * dpi / 25.4))
        for row, text in enumerate(["DA TIEP NHAN", "15-8-2023"]):
            at = (centre[0] - int(radius * 0.8), centre[1] + int(row * radius * 0.4))
            cv2.putText(seen, text, at, cv2.FONT_HERSHEY_SIMPLEX, dpi / 120, stamp, max(1, dpi // 60))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), skew_deg + 180 * upside_down, 1)
    seen = np.asarray(cv2.warpAffine(seen, turn, (width, height), borderValue=(255, 255, 255)), np.uint8)
    grain = np.random.default_rng(dpi).integers(0, 25, seen.shape[:2], dtype=np.uint8)
    grey = np.asarray(cv2.add(cv2.subtract(cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY), grain), grain[::-1]), np.uint8)
    return np.where(grey > 128, 255, 0).astype(np.uint8) if bilevel else grey


# -- the command ------------------------------------------------------------------------------------------------------


def run(tmp_path: Path, *arguments: str) -> Path:
    output = tmp_path / "sheet.pdf"
    outcome = CliRunner().invoke(
        command, [*arguments, "-o", str(output)], obj=Context(tmp_path / "workspace"), catch_exceptions=False
    )
    assert outcome.exit_code == 0, outcome.output
    return output


def test_each_dossier_has_a_sheet_of_its_own(tmp_path: Path) -> None:
    output = run(tmp_path, "--dossier", "H29-240101-0001", "--dossier", "H29-240101-0002", "--unit", "H29")
    pages = convert_from_bytes(output.read_bytes(), dpi=100)
    assert [{parse(code.text) for code in zxingcpp.read_barcodes(np.asarray(each.convert("L")))} for each in pages] == [
        {Mark(Form.SHEET, Sheet(f"H29-240101-000{n}", unit="H29"))} for n in (1, 2)
    ]


def test_the_sheet_is_a4_and_says_the_same_in_words(printed: bytes) -> None:
    import pypdfium2

    pdf = pypdfium2.PdfDocument(printed)
    assert len(pdf) == 1
    assert [round(side / 72 * 25.4) for side in pdf[0].get_size()] == [210, 297]
    words = pdf[0].get_textpage().get_text_range()
    for said in ("TỜ PHÂN CÁCH", WHOLE.dossier, WHOLE.procedure, WHOLE.unit, "Thành phần hồ sơ"):
        assert said in words


def test_a_page_of_labels_holds_24(tmp_path: Path) -> None:
    output = run(tmp_path, "--labels", "--dossier", WHOLE.dossier, "--kind", "result")
    [drawn] = convert_from_bytes(output.read_bytes(), dpi=200)
    read = [parse(code.text) for code in zxingcpp.read_barcodes(np.asarray(drawn.convert("L")))]
    assert read == [Mark(Form.LABEL, Sheet(WHOLE.dossier, kind=Kind.RESULT))] * 24


def test_a_missing_typeface_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path))
    with pytest.raises(ServiceUnavailable, match="fonts-croscore"):
        cover_pdf([WHOLE])


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsRejected, match="cannot be written"):
        CliRunner().invoke(
            command, ["-o", str(tmp_path / "missing" / "sheet.pdf")], obj=Context(tmp_path), catch_exceptions=False
        )
