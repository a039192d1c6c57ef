"""Scans that were made to do harm: each ends as a record or a rejection, and nothing of them acts."""

import csv
import json
import os
import re
import shutil
import socket
import struct
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from archive.store import Archive
from cli import run as sohoa
from ingest import fencedpages, fencedprocess
from ingest.fencedpages import FencedPages, open_fenced
from ingest.fencedprocess import TookTooLong
from ingest.intake import find_scans, identify
from ingest.pipeline import ScanDone
from ingest.signing import Seal
from ingest.signing.placing import Corner, Wanted, place
from samples.keys import make_demo_keys
from samples.scans import write_pdf
from schemas.errors import InputRejected
from schemas.formulas import STARTS
from schemas.pages import PageText, Scan
from schemas.work import RejectedScan
from tests.faults.campaign import in_child
from tests.ingest.drawn import small_page
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import decision, line
from tests.ingest.signed import seals as opened_seals
from tests.values import NOON

SMALL_BYTES = 1 << 30
"""Of address space: bombs go off sooner than in the four gigabytes that a scan is given."""


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ...]:
    return tuple(opened_seals(make_demo_keys(tmp_path_factory.mktemp("keys"))))


def scan_of(path: Path) -> Scan:
    found = identify(path)
    assert isinstance(found, Scan), found
    return found


# -- bombs --------------------------------------------------------------------------------------------------------


def content_bomb(path: Path) -> None:
    """A page whose content grows from 1 kB to 100 megabytes, packed twice."""
    packer = zlib.compressobj(9)
    block = packer.compress(b" " * (1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = block[2:]  # without the header: what follows a full flush stands by itself
    inner = block + 5 * rest
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        stream = pikepdf.Stream(pdf, zlib.compress(inner, 9))
        stream.Filter = Array([Name.FlateDecode, Name.FlateDecode])
        pdf.pages[0].obj.Contents = pdf.make_indirect(stream)
        pdf.save(path, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)


def image_bomb(path: Path) -> None:
    """A page that is one picture of 35,000 by 35,000 points."""
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(400, 400))
        image = pikepdf.Stream(pdf, zlib.compress(b"\0" * 1000))
        image.stream_dict = Dictionary(
            Type=Name.XObject, Subtype=Name.Image, Width=35_000, Height=35_000, BitsPerComponent=8,
            ColorSpace=Name.DeviceGray, Filter=Name.FlateDecode,
        )  # fmt: skip
        pdf.pages[0].obj.Resources = Dictionary(XObject=Dictionary(Im0=pdf.make_indirect(image)))
        pdf.pages[0].obj.Contents = pdf.make_stream(b"q 400 0 0 400 0 0 cm /Im0 Do Q")
        pdf.save(path)


def png_bomb(path: Path) -> None:
    """A PNG that says it is 35,000 by 35,000 points."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", 35_000, 35_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
                     + chunk(b"IEND", b""))  # fmt: skip


def raw_pdf(path: Path, *objects: bytes) -> None:
    """A PDF of these objects; the first is the catalogue, the second its pages."""
    body, places = b"%PDF-1.7\n", []
    parts = [body]
    at = len(body)
    for number, content in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % at)
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        at += len(parts[-1])
    count = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, b"".join(places))
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, at)
    path.write_bytes(b"".join(parts) + table + end)


def deep_nesting(path: Path) -> None:
    raw_pdf(path, b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            b"<< /Type /Page /Parent 2 0 R /Deep %s >>" % (b"[" * 200_000 + b"]" * 200_000))  # fmt: skip


def pages_in_a_circle(path: Path) -> None:
    raw_pdf(path, b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R 3 0 R] >>",
            b"<< /Type /Pages /Count 9 /Kids [2 0 R] >>")  # fmt: skip


def object_streams_in_a_circle(path: Path) -> None:
    """Two streams of objects, each said to lie in the other."""
    inner = b"<< /Type /ObjStm /N 1 /First 4 /Extends %d 0 R /Length 12 >>\nstream\n2 0 << >>    \nendstream"
    raw_pdf(path, b"<< /Type /Catalog /Pages 5 0 R >>", b"null", inner % 4, inner % 3)


def too_many_pages(path: Path) -> None:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, 10_004))
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << >> /Contents 10004 0 R >>"
    raw_pdf(path, b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 10001 /Kids [%s] >>" % kids,
            *[page] * 10_001, b"<< /Length 0 >>\nstream\n\nendstream")  # fmt: skip


BOMBS: dict[Callable[[Path], None], str] = {
    image_bomb: "35000 × 35000 pixels, more than sohoa takes",
    png_bomb: "35000 × 35000 pixels, more than sohoa takes",
    deep_nesting: "damaged|cannot be drawn|no pages",
    pages_in_a_circle: "damaged|no pages|cannot be drawn",
    object_streams_in_a_circle: "damaged|no pages",
    too_many_pages: "10001 pages, more than the 10000",
}


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb.__name__)
def test_a_bomb_is_rejected_with_its_name(tmp_path: Path, bomb: Callable[[Path], None]) -> None:
    file = tmp_path / "bomb.pdf"
    bomb(file)
    with (
        pytest.raises(InputRejected, match=BOMBS[bomb]) as rejected,
        FencedPages(scan_of(file), tmp_path / "spool", address_space_bytes=SMALL_BYTES) as pages,
    ):
        pages.image(1)
    assert str(file) in str(rejected.value)
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_page_that_swells_is_taken_or_rejected_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bomb.pdf"
    content_bomb(file)
    with suppress(InputRejected), FencedPages(scan_of(file), tmp_path / "spool",
                                              address_space_bytes=SMALL_BYTES) as pages:  # fmt: skip
        assert max(pages.image(1).width_px, pages.image(1).height_px) < 30_000
    assert list((tmp_path / "spool").iterdir()) == []


def not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that a scan has is the clock's, whatever else runs here."""
    for module in (fencedpages, fencedprocess):
        monkeypatch.setattr(module, "slowness", lambda: 1.0)


def endless_page(path: Path) -> None:
    """A page that is drawn for minutes: one path of a million points, stroked over and over."""
    zigzag = b"0 0 m\n" + b"".join(b"%d %d l\n" % (x % 500, x * 7 % 700) for x in range(1_000_000))
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(595, 842))
        form = pdf.make_stream(zigzag + b"S")
        form.stream_dict = Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 595, 842]))
        pdf.pages[0].obj.Resources = Dictionary(XObject=Dictionary(F=pdf.make_indirect(form)))
        pdf.pages[0].obj.Contents = pdf.make_stream(b"0.1 w\n" + b"/F Do\n" * 1000)
        pdf.save(path)


def test_a_page_that_is_drawn_without_end_costs_its_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    not_busy(monkeypatch)
    endless_page(file := tmp_path / "endless.pdf")
    with open_fenced(scan_of(file), spool=tmp_path / "spool") as pages:
        monkeypatch.setattr(fencedpages, "SCAN_S", 2.0)
        with pytest.raises(InputRejected, match=r"page 1: cannot be drawn \(takes longer than") as rejected:
            pages.image(1)
    assert str(file) in str(rejected.value)
    assert list((tmp_path / "spool").iterdir()) == []


class Unhurried(FencedPages):
    """Each page takes a tenth of a second, and is given up where it may not."""

    longest_s = 0.0

    def _started(self, timeout_s: float) -> Any:
        return self

    def run(self, function: object, arguments: tuple[object, ...], timeout_s: float) -> object:
        self.longest_s = max(self.longest_s, timeout_s)
        if not arguments:
            return 100, False
        if timeout_s < 0.1:
            raise TookTooLong
        time.sleep(0.1)
        return None

    def close(self) -> None:
        self._process = None


def test_a_stack_may_take_as_long_as_it_has_pages_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_busy(monkeypatch)
    scan = scan_of(write_pdf(tmp_path / "a.pdf", [small_page(1)]))
    pages = Unhurried(scan, tmp_path / "spool")
    for number in range(1, 20):
        pages.image(number)
    assert fencedpages.SCAN_S < pages.longest_s <= fencedpages.SCAN_S + fencedpages.PAGE_S
    monkeypatch.setattr(fencedpages, "SCAN_S", 1.0)
    monkeypatch.setattr(fencedpages, "PAGE_S", 0.01)
    pages = Unhurried(scan, tmp_path / "spool")
    with pytest.raises(InputRejected, match="takes longer than"):
        [pages.image(number) for number in range(1, 13)]


# -- what a PDF may carry -----------------------------------------------------------------------------------------

ACTIVE = ("/JavaScript", "/JS", "/OpenAction", "/AA", "/A", "/Launch", "/URI", "/GoToR", "/SubmitForm", "/Annots",
          "/AcroForm", "/XFA", "/EmbeddedFile", "/EmbeddedFiles", "/Filespec", "/RichMedia", "/Movie")  # fmt: skip


def test_nothing_that_acts_comes_along(tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", [small_page(1)], dpi=100)
    with pikepdf.open(file, allow_overwriting_input=True) as pdf:
        script = Dictionary(S=Name.JavaScript, JS="app.alert('x')")
        pdf.Root.OpenAction = Dictionary(S=Name.Launch, F="cmd.exe")
        pdf.Root.AA = Dictionary(WC=script)
        pdf.Root.AcroForm = Dictionary(Fields=Array([]), XFA=pdf.make_stream(b"<xdp/>"))
        pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array(["x", script])))
        pdf.attachments["a.exe"] = b"MZ"
        page = pdf.pages[0].obj
        page.AA = Dictionary(O=script)
        page.Annots = Array([
            pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=kind, Rect=Array([0, 0, 99, 99]), A=action))
            for kind, action in (
                (Name.Link, Dictionary(S=Name.URI, URI="http://example.org")), (Name.Widget, script),
                (Name.RichMedia, Dictionary(S=Name.SubmitForm, F="http://example.org")),
            )
        ])  # fmt: skip
        page.Resources.XObject.Im0.OPI = script
        pdf.save(file)
    text = PageText(1, 400, 560, 100.0)
    with open_fenced(scan_of(file), spool=tmp_path / "spool") as pages:
        assert isinstance(pages, FencedPages)
        made = pages.composed([text], tmp_path / "made.pdf", title="a", made_at=NOON)
    with pikepdf.open(made.path) as pdf:
        found = {key for thing in pdf.objects for key in keys_below(thing)}
    assert found & set(ACTIVE) == set()
    assert "/OPI" not in found
    assert "/MediaBox" in found


def keys_below(thing: object, depth: int = 0) -> set[str]:
    """Every key and name in *thing*, its own parts included."""
    found: set[str] = set()
    if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
        for key, value in thing.items():
            found |= {key} | (keys_below(value, depth + 1) if depth < 9 else set())
    elif isinstance(thing, pikepdf.Array):
        for value in thing:
            found |= keys_below(value, depth + 1) if depth < 9 else set()
    elif isinstance(thing, pikepdf.Name):
        found.add(str(thing))
    return found


def test_a_page_too_narrow_to_sign_is_rejected() -> None:
    with pytest.raises(InputRejected, match="50 points wide is too narrow"):
        place([Wanted(200, 20, Corner.LEFT)], 50, 50, [])


# -- names, links, devices, files that change ---------------------------------------------------------------------

NAMES = (
    "%2e%2e%2f..%2fetc%2fpasswd.tif", "\x1b[2J\x07.tif", "two\nlines.tif", "x" * 251 + ".tif", "CON.tif", "aux",
    "-rf.tif",
    unicodedata.normalize("NFC", "Giấy.tif"), unicodedata.normalize("NFD", "Giấy.tif"), "$(reboot).tif",
    "\u202egpj.tif", b"\xff\xfe.tif".decode("utf-8", "surrogateescape"), "a\\b.tif", "' OR 1=1 --.tif",
)  # fmt: skip


def test_whatever_a_file_is_called_it_becomes_a_record_within_the_archive(
    tmp_path: Path, seals: tuple[Seal, ...]
) -> None:
    office = opened(tmp_path, seals)
    for number, name in enumerate(NAMES):
        office.scan(
            name if not name.startswith(".") else f"_{name}", decision(str(100 + number), street=f"Số {number}")
        )
    events = list(office.run())
    assert len([event for event in events if isinstance(event, ScanDone)]) == len(NAMES)
    office.state()  # the audit finds archive and catalogue at one
    for path in (office.workspace / "archive").rglob("*"):
        assert path.name.isascii()
        assert not set(path.name) & set("\x1b\n\\$' ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inbox", "sohoa"]


def test_a_folder_of_all_that_is_no_file_ends(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "deep").mkdir(parents=True)
    os.mkfifo(inbox / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(inbox / "socket"))
    (inbox / "device").symlink_to("/dev/zero")
    (inbox / "nowhere").symlink_to(tmp_path / "gone")
    (inbox / "itself").symlink_to(inbox / "itself")
    (inbox / "deep" / "up").symlink_to(inbox)
    write_pdf(inbox / "z.pdf", [small_page(1)])
    found = list(find_scans([inbox]))
    rejected = {Path(one.path).name for one in found if isinstance(one, RejectedScan)}
    assert rejected == {"pipe", "socket", "device", "nowhere", "itself"}
    assert [one.path.name for one in found if isinstance(one, Scan)] == ["z.pdf"]


def test_a_folder_that_changes_while_it_is_read_loses_nothing_that_stays(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for number, name in enumerate(("a/1.pdf", "a/2.pdf", "a/3.pdf", "b/1.pdf", "c/1.pdf", "d.pdf")):
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        write_pdf(inbox / name, [small_page(number)])
    finding = find_scans([inbox])
    found = [next(finding)]
    (inbox / "a" / "2.pdf").unlink()
    (inbox / "a" / "3.pdf").unlink()
    (inbox / "a" / "3.pdf").mkdir()
    (inbox / "b").rename(inbox / "z")
    (inbox / "b").symlink_to(inbox)
    shutil.rmtree(inbox / "c")
    write_pdf(inbox / "a" / "4.pdf", [small_page(9)])
    found += finding
    assert [one.path for one in found if isinstance(one, Scan)] == [inbox / "a" / "1.pdf", inbox / "d.pdf"]
    rejected = {one.path: one.reason for one in found if isinstance(one, RejectedScan)}
    assert rejected.keys() == {str(inbox / name) for name in ("a/2.pdf", "c")}
    assert all("check that it is there" in why or "cannot be read" in why for why in rejected.values())


def test_a_file_that_changes_after_it_was_taken_in_is_rejected(tmp_path: Path) -> None:
    file = write_pdf(tmp_path / "a.pdf", [small_page(1)])
    scan = scan_of(file)
    pages = FencedPages(scan, tmp_path / "spool")
    with pages:
        write_pdf(file, [small_page(2)])
        with pytest.raises(InputRejected, match="changed or gone"):
            pages.composed([PageText(1, 400, 560, 100.0)], tmp_path / "made.pdf", title="a", made_at=NOON)
    with pytest.raises(InputRejected, match="changed or gone"):
        open_fenced(scan, spool=tmp_path / "spool")
    file.unlink()
    with pytest.raises(InputRejected, match="changed or gone"):
        open_fenced(scan, spool=tmp_path / "spool")
    assert not (tmp_path / "made.pdf").exists()


# -- what paper says ----------------------------------------------------------------------------------------------

SPOKEN = (
    "\x1b]0;owned\x07", "\x1b[2J", "=HYPERLINK('http://x')", "<script>alert(1)</script>", "../../etc/passwd",
    "'); DROP TABLE holds; --", "number:* OR *:*", "{{7*7}}", "\u202etxet", "%s%n",
)  # fmt: skip


def spoken_page(number_confidence: float = 0.97) -> PageText:
    """A paper that speaks to every program that it will come through."""
    page = decision("55", number_confidence=number_confidence)
    words = [line(said, 0.15, 0.40 + 0.02 * row, 0.7, 40 + row) for row, said in enumerate(SPOKEN)]
    abstract = line("=1+1 <b>Về việc</b> \x1b[31m ../../x", 0.2, 0.19, 0.6, 6)
    return replace(page, lines=(*page.lines[:8], abstract, *page.lines[8:], *words))


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory, seals: tuple[Seal, ...]) -> Office:
    """An office where such papers are archived, and one waits."""
    office = opened(tmp_path_factory.mktemp("office"), seals)
    office.scan("a.tif", spoken_page())
    office.scan("b.tif", replace(spoken_page(0.3)))

    def take() -> list[str]:
        return [type(event).__name__ for event in office.run()]

    assert {"ScanDone"} <= set(in_child(take))
    return office


@pytest.mark.parametrize(
    "command",
    [["review", "list"], ["search", "giấy phép"], ["search", *SPOKEN[2:8]], ["report"], ["index", "rebuild"]],
    ids=["review", "search", "as a query", "report", "index"],
)
def test_nothing_read_steers_the_terminal(
    spoken: Office, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sohoa(["--workspace", str(spoken.workspace), *command]) in (0, 3, 4)
    told = capsys.readouterr()
    assert not {c for c in told.out + told.err if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"}


def test_a_held_paper_is_shown_without_what_steers(spoken: Office, capsys: pytest.CaptureFixture[str]) -> None:
    for hold in spoken.catalogue().holds():
        assert sohoa(["--workspace", str(spoken.workspace), "review", "show", hold.id]) == 0
    told = capsys.readouterr().out
    assert not {c for c in told if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"}
    assert (spoken.workspace / "archive").exists()


def test_a_record_keeps_its_text_and_lies_where_it_belongs(spoken: Office) -> None:
    archive = Archive.open(spoken.workspace / "archive")
    for record in archive.records():
        assert "<script>" in "".join(record.pages)
    spoken.state()
    assert sorted(path.name for path in spoken.folder.iterdir()) == ["inbox", "sohoa"]


def test_nothing_said_becomes_a_formula_or_markup_and_lists_come_back_as_they_were(
    spoken: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [one for one in SPOKEN if one.isprintable()]
    with (tmp_path / "units.csv").open("w", newline="") as units:
        csv.writer(units).writerows([("code", "name", "level"), ("H29.17", said[0] + said[1], "district")])
    with (tmp_path / "results.csv").open("w", newline="") as results:
        rows = [("H29.17", f"{number}/QĐ-UBND", "2023-08-15", title) for number, title in enumerate(said, 1)]
        csv.writer(results).writerows([("unit", "number and symbol", "date", "title"), *rows,
                                       ("H29.17", "=1+1", "@SUM(A1)", "+1")])  # fmt: skip

    def run(*arguments: str) -> str:
        assert sohoa(["--workspace", str(spoken.workspace), *arguments]) in (0, 3), arguments
        return capsys.readouterr().out

    run("units", "import", str(tmp_path / "units.csv"))
    run("inventory", "import", str(tmp_path / "results.csv"))
    made = tmp_path / "made"
    made.mkdir()
    for arguments, name in (
        (("units", "export"), "units.csv"), (("inventory", "export"), "inventory.csv"),
        (("report", "--format", "csv"), "report.csv"), (("report", "--format", "xlsx"), "report.xlsx"),
        (("report", "--format", "html"), "report.html"), (("report", "--why", "H29.17", "--format", "csv"), "why.csv"),
        (("report", "--why", "H29.17", "--format", "xlsx"), "why.xlsx"),
    ):  # fmt: skip
        run(*arguments, "-o", str(made / name))
    run("review", "export", str(made / "review.xlsx"))
    (made / "search.csv").write_text(run("search", "vv", "--csv") + run("search", "quyết định", "--csv"))
    tables = [*made.glob("*.csv"), tmp_path / "results-rejected.csv"]
    assert len(tables) == 6
    for table in tables:
        cells = [cell for row in csv.reader(table.read_text(encoding="utf-8-sig").splitlines()) for cell in row]
        assert [cell for cell in cells if cell.startswith(STARTS) and not cell.lstrip("-").isdigit()] == [], table
    for book in made.glob("*.xlsx"):
        with zipfile.ZipFile(book) as parts:
            content = b"".join(parts.read(name) for name in parts.namelist())
        assert b"1+1" not in b"".join(re.findall(rb"<f[ >].*?</f>", content))
        assert b"HYPERLINK" not in b"".join(re.findall(rb"<f[ >].*?</f>", content))
        assert b"<hyperlink" not in content
    page = (made / "report.html").read_text(encoding="utf-8")
    assert "alert(1)" in page
    assert "<script>alert" not in page
    again = json.loads(run("inventory", "import", str(made / "inventory.csv"), "--json"))
    assert (again["same"], again["new"], again["changed"]) == (len(said), 0, 0)
