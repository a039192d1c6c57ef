"""The page of a record as a picture, with what was looked for boxed where it stands."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import cli
from commands.workspace import Workspace
from ingest.compose import compose
from ingest.intake import identify
from ingest.pages import open_pages
from samples.scans import write_png
from schemas.documents import SignedPdf
from schemas.pages import Box, Line, PageState, PageText, Scan, Turn, Word
from tests.archive import NOON, submission

SIZE = (827, 1169)
LINES = (("Điều", "1.", "Cấp", "giấy", "phép", "xây", "dựng"), ("giấy", "mời", "họp", "phép", "tắc"))
LINE_PX, DESCENDER_PX = 32, 6
SLACK_PX = 12
"""The frame stands three pixels off the word and is three wide; the picture is drawn at another resolution."""


def placed() -> list[list[tuple[str, tuple[int, int, int, int]]]]:
    """Each word and where it is printed: left, top, right, bottom in pixels."""
    return [
        [(word, (80 + 95 * n, 300 + 200 * row, 80 + 95 * n + 12 * len(word), 324 + 200 * row))
         for n, word in enumerate(line)]
        for row, line in enumerate(LINES)
    ]  # fmt: skip


@pytest.fixture
def record(tmp_path: Path, turn: Turn) -> str:
    """The id of a record of two pages, the second blank; its first was scanned turned by *turn*."""
    page = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(page)
    lines = []
    for number, line in enumerate(placed()):
        words = []
        for word, (x0, y0, x1, y1) in line:
            draw.rectangle((x0, y0, x1, y1), fill="black")
            box = Box(x0 / SIZE[0], y0 / SIZE[1], x1 / SIZE[0], y1 / SIZE[1])
            baseline = (y1 - DESCENDER_PX) / SIZE[1]
            words.append(Word(word, box, 0.9, (box.x0, baseline, box.x1, baseline)))
        whole = Box(0.05, words[0].box.y0, 0.95, words[0].box.y1)
        lines.append(Line(tuple(words), whole, LINE_PX / SIZE[1], number, 1))
    scan = identify(write_png(tmp_path / "scan.png", page.rotate(turn, expand=True), dpi=100))
    assert isinstance(scan, Scan)
    read = PageText(1, *SIZE, 100.0, turn, lines=tuple(lines))
    with open_pages(scan, spool=tmp_path / "spool") as pages:
        made = compose(pages, [read], tmp_path / "made.pdf", title="Giấy phép", made_at=NOON)
    workspace = Workspace.open(tmp_path / "sohoa")
    given = submission(tmp_path)
    pdf = SignedPdf(made.path, 1, hashlib.sha256(made.path.read_bytes()).hexdigest(), ())
    document = replace(given.document, pages=(read, PageText(2, *SIZE, 100.0, state=PageState.BLANK)))
    stands = workspace.archive.deposit(replace(given, document=document, signed=pdf))
    workspace.catalogue.note_deposit(stands, who="A")
    workspace.catalogue.close()
    return stands.record.id


@pytest.mark.parametrize("turn", [0, 90])
@pytest.mark.parametrize(
    ("typed", "boxed"),
    [
        ("giay", [(0, 3), (1, 0)]),
        ('"giấy phép"', [(0, 3), (0, 4)]),
        ("xay -giay", [(0, 5)]),
        ("khong co", []),
    ],
)
def test_the_boxes_lie_on_the_words_and_on_no_other(
    record: str, tmp_path: Path, typed: str, boxed: list[tuple[int, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "shown.png"
    words = ["--workspace", str(tmp_path / "sohoa"), "show", record, "--page", "1", "--words", typed, "-o", str(target)]
    assert cli.run(words) == 0
    assert f"page 1, {len(boxed)} words boxed" in capsys.readouterr().out
    shown = np.asarray(Image.open(target).convert("RGB").resize(SIZE, Image.Resampling.NEAREST)).astype(int)
    red = (shown[..., 0] > 200) & (shown[..., 1] < 90) & (shown[..., 2] < 90)
    for row, n in boxed:
        _word, (x0, y0, x1, y1) = placed()[row][n]
        assert not red[y0 + 1 : y1, x0 + 1 : x1].any()
        around = red[y0 - SLACK_PX : y1 + SLACK_PX, x0 - SLACK_PX : x1 + SLACK_PX]
        for side in (around[:SLACK_PX], around[-SLACK_PX:], around[:, :SLACK_PX], around[:, -SLACK_PX:]):
            assert side.any()
        around[:] = False
    assert not red.any()


@pytest.mark.parametrize("turn", [0])
def test_a_page_that_is_not_there_is_said(record: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--workspace", str(tmp_path / "sohoa"), "show", record, "--page", "3"]) == 4
    assert f"{record} has 2 pages, no page 3" in capsys.readouterr().err


@pytest.mark.parametrize("turn", [0])
def test_the_procedure_is_named_where_its_name_is_known(
    record: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--workspace", str(tmp_path / "sohoa")]
    (tmp_path / "names.csv").write_text("Mã TTHC,Tên thủ tục\n1.001193,Đăng ký khai sinh\n", encoding="utf-8")
    assert cli.run([*words, "procedures", "import", str(tmp_path / "names.csv")]) == 0
    assert cli.run([*words, "show", record]) == 0
    assert "1.001193 Đăng ký khai sinh" in capsys.readouterr().out
