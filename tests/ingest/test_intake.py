"""Which files are scans, by what is in them."""

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.intake import find_scans, identify, media_type_of
from samples.scans import write_jpeg, write_pdf, write_png, write_tiff
from schemas.pages import MediaType, Scan
from schemas.work import RejectedScan
from tests.ingest.drawn import small_page


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    (folder / "quận 1").mkdir(parents=True)
    write_pdf(folder / "trang 10.pdf", [small_page(10)])
    write_pdf(folder / "trang 2.pdf", [small_page(2)])
    write_tiff(folder / "quận 1" / "a.tif", [small_page(3)])
    (folder / "Thumbs.db").write_bytes(b"left by Windows")
    (folder / ".nháp.pdf").write_bytes(b"%PDF-1.4")
    return folder


def taken(*paths: Path, **options: list[Path]) -> list[Scan]:
    found = list(find_scans(paths, **options))
    assert all(isinstance(scan, Scan) for scan in found), found
    return [scan for scan in found if isinstance(scan, Scan)]


def reason(path: Path) -> str:
    [found] = find_scans([path])
    assert isinstance(found, RejectedScan)
    assert str(path) in found.reason
    return found.reason


def test_a_folder_gives_all_below_it_in_the_order_a_person_would_count(inbox: Path) -> None:
    assert [scan.path.name for scan in taken(inbox)] == ["a.tif", "trang 2.pdf", "trang 10.pdf"]


def test_a_scan_is_known_by_the_hash_and_size_of_its_bytes(inbox: Path) -> None:
    for scan in taken(inbox):
        content = scan.path.read_bytes()
        assert scan.sha256 == hashlib.sha256(content).hexdigest()
        assert scan.size_bytes == len(content)


def test_the_same_bytes_under_two_names_are_one_scan(inbox: Path) -> None:
    (inbox / "bản sao.pdf").write_bytes((inbox / "trang 2.pdf").read_bytes())
    names = [scan.path.name for scan in taken(inbox, inbox / "trang 2.pdf")]
    assert names.count("trang 2.pdf") + names.count("bản sao.pdf") == 1
    assert len(names) == 3


def test_a_file_is_what_its_content_says_whatever_its_name(tmp_path: Path) -> None:
    page = small_page(1)
    for name, write, media_type in [
        ("jpeg.pdf", write_jpeg, MediaType.JPEG),
        ("png.tif", write_png, MediaType.PNG),
    ]:
        scan = identify(write(tmp_path / name, page))
        assert isinstance(scan, Scan)
        assert scan.media_type is media_type


def test_a_pdf_may_have_bytes_before_its_header(tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", [small_page(1)])
    file.write_bytes(b"\x1b%-12345X@PJL\r\n" + file.read_bytes())
    assert isinstance(identify(file), Scan)


def test_the_workspace_inside_the_inbox_is_no_scan(inbox: Path) -> None:
    workspace = inbox / "sohoa"
    workspace.mkdir()
    write_pdf(workspace / "đã ký.pdf", [small_page(4)])
    assert "đã ký.pdf" not in [scan.path.name for scan in taken(inbox, exclude=[workspace])]


def test_a_link_back_up_ends(inbox: Path) -> None:
    (inbox / "quận 1" / "lên").symlink_to(inbox, target_is_directory=True)
    assert len(taken(inbox)) == 3


def test_nothing_in_the_inbox_is_altered(inbox: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in inbox.rglob("*")}
    taken(inbox)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in inbox.rglob("*")} == before


def test_what_cannot_be_taken_comes_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "empty.pdf").touch()
    (tmp_path / "text.pdf").write_text("Kính gửi: Ủy ban nhân dân Quận 1", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    assert "empty file" in reason(tmp_path / "empty.pdf")
    assert "neither PDF, TIFF, PNG nor JPEG" in reason(tmp_path / "text.pdf")
    (tmp_path / "uuid-1").mkdir()
    (tmp_path / "uuid-1" / "METS.xml").touch()
    for form in ("zip", "tar"):
        packed = shutil.make_archive(str(tmp_path / "package"), form, tmp_path, "uuid-1")
        assert "a package that is packed; unpack it" in reason(Path(packed))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("a.txt", "uuid-")
    assert "neither PDF" in reason(tmp_path / "other.zip")
    assert "not a file but a device, pipe or socket" in reason(tmp_path / "pipe")
    assert "No such file" in reason(tmp_path / "not there")


def test_a_rejected_file_is_known_by_its_hash_too(tmp_path: Path) -> None:
    file = tmp_path / "text.pdf"
    file.write_text("a")
    found = identify(file)
    assert isinstance(found, RejectedScan)
    assert found.sha256 == hashlib.sha256(b"a").hexdigest()


@given(st.binary(max_size=2000))
def test_any_bytes_are_some_type_or_none(head: bytes) -> None:
    assert media_type_of(head) in (*MediaType, None)
