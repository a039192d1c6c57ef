"""A secret paper in a stack: after the run, no word of the stack stands anywhere on the machine but in the scan."""

import json
import os
import subprocess
import sys
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cli
from samples.drawing import draw_paper
from samples.keys import make_demo_keys
from samples.papers import NOTICE, SUPPORT, SamplePaper
from samples.scans import scanned, write_pdf
from samples.stamps import Stamping, pressed

DPI = 150


def words_of(*papers: SamplePaper) -> set[str]:
    """The longer words that only such papers have."""
    said = " ".join(" ".join([*paper.body, paper.abstract, paper.signer]) for paper in papers)
    return {word for word in said.split() if len(word) > 2 and word.isalpha() and not word.isascii()}


def spellings(word: str) -> Iterator[bytes]:
    """As text, as JSON escapes it, and as databases and PDF write it; without marks it may be a word of the program."""
    for form in ("NFC", "NFD"):
        spelt = unicodedata.normalize(form, word)
        for case in (spelt, spelt.lower(), spelt.upper()):
            yield from (
                case.encode(),
                json.dumps(case)[1:-1].encode(),
                case.encode("utf-16-be"),
                case.encode("utf-16-le"),
            )


def unpacked(content: bytes) -> Iterator[bytes]:
    """The bytes, and what is deflated among them: the streams of a PDF."""
    yield content
    for start in (
        at for at in range(len(content) - 1) if content[at] == 0x78 and content[at + 1] in (0x01, 0x9C, 0xDA)
    ):
        try:
            yield zlib.decompressobj().decompress(content[start:])
        except zlib.error:
            continue


def found_in(content: bytes, words: set[str]) -> set[str]:
    parts = list(unpacked(content))
    return {word for word in words if any(spelling in part for spelling in spellings(word) for part in parts)}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ordinary paper, and behind it one with a stamp."""
    secret = np.asarray(draw_paper(NOTICE, dpi=DPI, seed=2)[0], np.float32).copy()
    pressed(secret, Stamping("TỐI MẬT", DPI, slope_deg=3.0), left_mm=36, top_mm=52)
    pages = [draw_paper(SUPPORT, dpi=DPI, seed=1)[0], Image.fromarray(secret.astype(np.uint8))]
    folder = tmp_path_factory.mktemp("inbox")
    return write_pdf(folder / "stack.pdf", [scanned(page, seed=n) for n, page in enumerate(pages)], dpi=DPI)


def test_no_word_of_a_secret_stack_is_left_anywhere(
    stack: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("t")  # short: sockets lie in it
    for folder in (tmp_path / "sohoa", tmp_path / "keys"):
        folder.mkdir()
    keys = make_demo_keys(tmp_path / "keys")
    (tmp_path / "sohoa" / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--workspace", "sohoa", "ingest", str(stack.parent), "--workers", "1", "--fast"],
        cwd=tmp_path, env=os.environ | {"SOHOA_LANG": "en", "PYTHONPATH": str(Path(cli.__file__).parent),
                                        "TMPDIR": str(temporary)},
        capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 7, done.stderr.decode()
    words = words_of(SUPPORT, NOTICE)
    assert len(words) > 20
    files = [file for folder in (tmp_path, temporary) for file in folder.rglob("*") if file.is_file()]
    assert any(file.suffix == ".db" for file in files)
    assert {str(file): found for file in files if (found := found_in(file.read_bytes(), words))} == {}
    assert found_in(done.stdout + done.stderr, words) == set()
    assert [file for file in files if file.suffix in {".pdf", ".jpg", ".png"} or temporary in file.parents] == []
    search = subprocess.run(
        [sys.executable, "-m", "cli", "--workspace", "sohoa", "search", "niem yet", "--json"],
        cwd=tmp_path, env=os.environ | {"SOHOA_LANG": "en", "PYTHONPATH": str(Path(cli.__file__).parent)},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert [line for line in search.stdout.splitlines() if b'"number"' in line] == []


def test_such_a_word_would_be_found_however_it_is_kept() -> None:
    for kept in (
        "niêm yết".encode(), json.dumps({"text": "NIÊM YẾT"}).encode(), "yết".encode("utf-16-le"),
        b"%PDF stream\n" + zlib.compress("niêm yết công khai".encode("utf-16-be")),
    ):  # fmt: skip
        assert found_in(kept, {"niêm", "yết"})
    assert not found_in(b"%PDF" + zlib.compress(b"public notice"), {"yết"})
