"""Whatever is wrong with the input or the machine: said with file, cause and remedy; the rest of the batch is done."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

import cli
from ingest.intake import find_scans
from samples.drawing import draw_paper
from samples.keys import DemoKeys, make_demo_keys
from samples.papers import LETTER
from samples.scans import write_jpeg, write_pdf
from schemas.work import RejectedScan
from tests.ingest.drawn import small_page
from tests.ingest.test_pages import encrypted

TOP = Path(cli.__file__).parent
KNOWN_PASSWORD = "mở ra"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out.splitlines()]


def sohoa(*words: str | Path, language: str = "en", **settings: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "cli", *map(str, words)],
        cwd=TOP, capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"SOHOA_LANG": language, "SOHOA_READING_WORKERS": "1"} | settings,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


def signing(keys: DemoKeys) -> dict[str, str]:
    return {
        "SOHOA_SIGNING_OPERATOR_KEY": str(keys.operator_key),
        "SOHOA_SIGNING_OPERATOR_PASSWORD_FILE": str(keys.operator_password_file),
    }


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One paper that can be taken among all kinds that cannot."""
    folder = tmp_path_factory.mktemp("inbox")
    write_jpeg(folder / "good.jpg", draw_paper(LETTER)[0])
    (folder / "empty.pdf").touch()
    (folder / "text.pdf").write_text("Kính gửi: Ủy ban nhân dân Quận 1", encoding="utf-8")
    for whole in (write_pdf(folder / "cut.pdf", [small_page(9)]), write_jpeg(folder / "cut.jpg", small_page(9))):
        whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    secret = encrypted(folder, user="không ai biết", owner="x")
    secret.rename(folder / "locked.pdf")
    with pikepdf.open(folder / "plain.pdf") as pdf:
        pdf.save(folder / "known.pdf", encryption=pikepdf.Encryption(user=KNOWN_PASSWORD, owner="x"))
    (folder / "plain.pdf").unlink()
    with pikepdf.new() as pdf:
        pdf.save(folder / "no-pages.pdf")
    Image.new("1", (35_000, 100), 1).save(folder / "wide.png")
    return folder


CAUSES = {
    "empty.pdf": ("empty file", "scan it again"),
    "text.pdf": ("neither PDF, TIFF, PNG nor JPEG", "scan or export it as PDF"),
    "cut.pdf": ("damaged or cut off", "scan or export it again"),
    "cut.jpg": ("page 1: the image is damaged or cut off", "scan it again"),
    "locked.pdf": ("encrypted and none of the known passwords", "add its password to reading.pdf_passwords"),
    "no-pages.pdf": ("no pages", "scan it again"),
    "wide.png": ("page 1: 35000 × 100 pixels", "scan it at a lower resolution"),
    "not-there": ("cannot be read (No such file or directory)", "check that it is there"),
}
"""What is said of each file: the cause (with the page, where it is one page's fault) and the remedy."""


@pytest.fixture(scope="module")
def batch(inbox: Path, keys: DemoKeys, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    workspace = tmp_path_factory.mktemp("workspace")
    return sohoa("--workspace", workspace, "ingest", "--json", "--unit", "H29.13", inbox, inbox / "not-there",
                 SOHOA_READING_PDF_PASSWORDS=f"sai,{KNOWN_PASSWORD}", **signing(keys))  # fmt: skip


@pytest.mark.parametrize("name", CAUSES)
def test_a_file_that_cannot_be_taken_is_named_with_cause_and_remedy(batch: Ran, inbox: Path, name: str) -> None:
    [event] = [event for event in batch.events if event.get("scan") == str(inbox / name)]
    assert event["event"] == "rejected"
    reasons = event["reasons"]
    assert isinstance(reasons, list)
    [reason] = reasons
    assert str(inbox / name) in reason
    for words in CAUSES[name]:
        assert words in reason


def test_the_rest_of_the_batch_is_done(batch: Ran, inbox: Path) -> None:
    done = [event["scan"] for event in batch.events if event["event"] == "done"]
    assert done == [str(inbox / "good.jpg"), str(inbox / "known.pdf")]
    summary = batch.events[-1]
    assert summary["rejected"] == len(CAUSES)
    assert batch.code == 3


def test_a_batch_of_nothing_but_bad_files_ends_with_4(inbox: Path, keys: DemoKeys, tmp_path: Path) -> None:
    assert sohoa("--workspace", tmp_path / "w", "ingest", inbox / "empty.pdf", **signing(keys)).code == 4


def test_reading_says_the_same(inbox: Path, tmp_path: Path) -> None:
    ran = sohoa("--workspace", tmp_path / "w", "read", inbox / "empty.pdf", inbox / "cut.pdf")
    assert ran.code == 4
    assert "empty file; scan it again" in ran.err
    assert "damaged or cut off" in ran.err
    assert not (tmp_path / "w").exists()


def test_a_vietnamese_reader_is_told_in_vietnamese(inbox: Path, tmp_path: Path) -> None:
    bad = [inbox / name for name in CAUSES]
    ran = sohoa("--workspace", tmp_path / "w", "read", *bad, language="vi")
    for name, (cause, remedy) in CAUSES.items():
        assert name in ran.err
        assert cause not in ran.err
        assert remedy not in ran.err


def test_a_folder_or_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    write_pdf(tmp_path / "closed.pdf", [small_page(1)])
    for path in (folder, tmp_path / "closed.pdf"):
        path.chmod(0)
    with as_an_ordinary_user():
        found = list(find_scans([folder, tmp_path / "closed.pdf"]))
    assert len(found) == 2
    for scan in found:
        assert isinstance(scan, RejectedScan)
        assert "closed" in scan.reason
        assert "Permission denied" in scan.reason


def test_a_workspace_under_a_file_cannot_be_made(inbox: Path, keys: DemoKeys, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = sohoa("--workspace", tmp_path / "file" / "w", "ingest", inbox / "good.jpg", **signing(keys))
    assert ran.code == 5
    assert f"{tmp_path / 'file' / 'w'}: cannot be written" in ran.err
    assert "choose another with --workspace" in ran.err


def test_a_workspace_on_a_read_only_disk_is_named(inbox: Path, keys: DemoKeys, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro,size=8m") as disk:
        ran = sohoa("--workspace", disk / "w", "ingest", inbox / "good.jpg", **signing(keys))
        looked_at = sohoa("--workspace", disk / "w", "doctor")
    assert ran.code == 5
    assert "Read-only file system" in ran.err
    assert looked_at.code == 5
    assert "cannot be written" in looked_at.out


def test_a_full_disk_stops_before_a_scan_is_begun(inbox: Path, keys: DemoKeys, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=16m") as disk:
        ran = sohoa("--workspace", disk / "w", "ingest", inbox / "good.jpg", **signing(keys))
        waits = sohoa("--workspace", disk / "w", "review", "list", "--json").out
    assert ran.code == 5
    assert "needed for the next scan; make room, then run the same command again" in ran.err
    assert waits == ""


def test_settings_that_are_wrong_are_named(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "sohoa.toml").write_text("[reading]\nworkers = -1\n")
    ran = sohoa("--workspace", tmp_path, "ingest", inbox / "good.jpg", SOHOA_READING_WORKERS="-1")
    assert ran.code == 2
    assert "reading.workers" in ran.err


def test_without_a_key_no_batch_is_begun(inbox: Path, tmp_path: Path) -> None:
    ran = sohoa("--workspace", tmp_path / "w", "ingest", inbox / "good.jpg")
    assert ran.code == 2
    assert "signing.operator_key" in ran.err


# -- machines -----------------------------------------------------------------------------------------------------


@contextmanager
def as_an_ordinary_user() -> Iterator[None]:
    """Permissions count for root too until the block ends."""
    if os.getuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small disk in memory at *folder*; a skip where this user may not mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("command", [["ingest"], ["read"], ["sign"]])
def test_an_empty_path_is_no_folder(command: list[str], tmp_path: Path) -> None:
    ran = sohoa("--workspace", tmp_path / "ws", *command, "")
    assert ran.code == 2
    assert "the path is empty" in ran.err
    assert not (tmp_path / "ws").exists()
