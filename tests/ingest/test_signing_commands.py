"""`sohoa sign` and `sohoa verify` as a person types them."""

import json
from pathlib import Path

import pytest

from cli import run
from ingest.intake import find_scans
from ingest.signing.ink import boxes_of, ink_on_first_page
from samples.keys import DemoKeys, make_demo_keys
from schemas.pages import Scan
from tests.ingest.signed import KINDS, composed_from


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def workspace(tmp_path: Path, keys: DemoKeys) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    return folder


@pytest.fixture
def pdf(tmp_path: Path) -> Path:
    (tmp_path / "scan.png").write_bytes(KINDS["png-palette.png"]())
    [scan] = find_scans([tmp_path / "scan.png"])
    assert isinstance(scan, Scan)
    return composed_from(scan, tmp_path)[0].path.rename(tmp_path / "paper.pdf")


def sohoa(workspace: Path, *arguments: object) -> int:
    return run(["--workspace", str(workspace), *map(str, arguments)])


def test_what_sign_signs_verify_calls_valid(
    workspace: Path, pdf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sohoa(workspace, "sign", pdf, "-o", tmp_path / "out") == 0
    assert sohoa(workspace, "verify", tmp_path / "out" / "paper.pdf") == 0
    assert "paper.pdf: valid: every signature holds" in capsys.readouterr().out


def test_the_input_is_left_alone_and_nothing_is_overwritten(
    workspace: Path, pdf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = pdf.read_bytes()
    assert sohoa(workspace, "sign", pdf) == 0
    assert sohoa(workspace, "sign", pdf) == 4
    assert "overwrites nothing" in capsys.readouterr().err
    assert pdf.read_bytes() == before
    assert pdf.with_name("paper.signed.pdf").exists()


def test_one_bad_file_does_not_stop_the_others(workspace: Path, pdf: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_text("no PDF at all")
    assert sohoa(workspace, "sign", bad, pdf, "-o", tmp_path / "out") == 3
    assert (tmp_path / "out" / "paper.pdf").exists()


def test_without_a_key_sign_says_what_to_do(tmp_path: Path, pdf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sohoa(tmp_path / "nowhere", "sign", pdf) == 2
    assert "signing.operator_key" in capsys.readouterr().err


def test_a_tampered_file_ends_with_the_code_for_broken_integrity(workspace: Path, pdf: Path) -> None:
    signed = pdf.with_name("paper.signed.pdf")
    sohoa(workspace, "sign", pdf)
    content = bytearray(signed.read_bytes())
    content[300] ^= 1
    signed.write_bytes(content)
    assert sohoa(workspace, "verify", signed) == 6


def test_an_unsigned_file_ends_with_the_code_for_something_to_look_at(workspace: Path, pdf: Path) -> None:
    assert sohoa(workspace, "verify", pdf) == 3


def test_a_file_that_is_not_there_is_rejected(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sohoa(workspace, "verify", "nothing.pdf") == 4
    assert "neither such a file nor such a record" in capsys.readouterr().err


def test_json_is_one_line_a_file_with_a_verdict_on_each_signature(
    workspace: Path, pdf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sohoa(workspace, "sign", pdf)
    capsys.readouterr()
    assert sohoa(workspace, "verify", "--json", pdf.with_name("paper.signed.pdf"), pdf) == 3
    signed, unsigned = map(json.loads, capsys.readouterr().out.splitlines())
    assert (signed["verdict"], unsigned["verdict"]) == ("valid", "unsigned")
    assert [one["field"] for one in signed["signatures"]] == ["operator", "agency"]
    assert signed["signatures"][0]["algorithm"] == "RSA 3072, SHA-256"


def test_no_password_is_ever_shown(
    workspace: Path, pdf: Path, keys: DemoKeys, capsys: pytest.CaptureFixture[str]
) -> None:
    sohoa(workspace, "sign", pdf)
    sohoa(workspace, "verify", pdf.with_name("paper.signed.pdf"))
    shown = capsys.readouterr()
    written = b"".join(file.read_bytes() for file in workspace.rglob("*") if file.is_file())
    for file in (keys.operator_password_file, keys.agency_password_file):
        password = file.read_text().strip()
        assert password not in shown.out + shown.err
        assert password.encode() not in written


def test_ink_of_a_page_is_found(pdf: Path) -> None:
    boxes = ink_on_first_page(pdf)
    assert boxes
    assert all(box.y0 > 0.15 for box in boxes), "the drawn page is empty at its top"


def test_ink_is_boxed_row_by_row() -> None:
    import numpy as np

    ink = np.zeros((60, 60), dtype=bool)
    ink[6:12, 12:30] = True
    [box] = boxes_of(ink)
    assert (box.x0, box.y0, box.x1, box.y1) == pytest.approx((0.2, 0.1, 0.5, 0.2))
