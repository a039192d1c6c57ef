"""An office to run batches in: an inbox of drawn scans, a workspace, keys, and an engine that answers at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from archive.audit import audit
from archive.catalogue import Catalogue
from archive.store import Archive
from ingest.intake import find_scans
from ingest.pages import open_pages
from ingest.pipeline import Desk, Event, ingest
from ingest.readings import KeptReadings
from ingest.scanreading import Reading
from ingest.signing import Seal
from ingest.workers import Pool
from schemas.pages import PageText, ReadingOptions
from tests.ingest.drawn import small_page
from tests.ingest.papers_read import HereAndNow, Reader, blank, decision, pixels

OPTIONS = ReadingOptions()


def opened(folder: Path, seals: tuple[Seal, ...]) -> "Office":
    """An office in *folder*, with nothing in its inbox yet."""
    for name in ("inbox", "sohoa", "sohoa/waiting", "sohoa/tmp", "sohoa/quarantine"):
        (folder / name).mkdir()
    return Office(folder, seals, Reader({}))


@dataclass
class Office:
    """An inbox, a workspace and a reader that knows the pictures in the inbox."""

    folder: Path
    seals: tuple[Seal, ...]
    reader: Reader
    url: str = ""
    """Of the catalogue; one in the workspace where it is empty."""

    def scan(self, name: str, *texts: PageText) -> Path:
        """A TIFF in the inbox with a page for each of *texts*."""
        images: list[Image.Image] = []
        for text in texts:
            image = small_page(len(self.reader.texts) + 1, mode="L")
            self.reader.texts[pixels(image)] = text
            images.append(image)
        path = self.inbox / name
        path.parent.mkdir(exist_ok=True)
        images[0].save(path, "TIFF", save_all=True, append_images=images[1:], dpi=(50, 50))
        return path

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def workspace(self) -> Path:
        return self.folder / "sohoa"

    def desk(self, at_step: Callable[[str], None] = lambda step: None, dossier: str = "") -> Desk:
        return Desk(
            catalogue=self.catalogue(), archive=Archive.open(self.workspace / "archive", at_step=at_step),
            seals=self.seals, folder=self.workspace, operator="An", unit="H29.17", procedure="1.001193",
            dossier=dossier, programs={"sohoa": "test"}, settings={},
        )  # fmt: skip

    def catalogue(self) -> Catalogue:
        return Catalogue.open(self.url or f"sqlite:///{self.workspace / 'catalogue.db'}")

    def run(self, desk: Desk | None = None) -> Iterator[Event]:
        reading = Reading(
            Pool(HereAndNow(), lambda: 3, self.reader), OPTIONS, self.workspace / "tmp",
            kept=KeptReadings(self.workspace / "tmp" / "readings", OPTIONS), open_pages=open_pages,
        )  # fmt: skip
        return ingest(find_scans([self.inbox]), reading, desk or self.desk())

    def state(self) -> dict[str, object]:
        """What stands at the end, but for times and what depends on them."""
        catalogue = self.catalogue()
        archive = Archive.open(self.workspace / "archive")
        assert audit(archive, catalogue).findings == []
        return {
            "records": sorted((r.id, r.scan_sha256, r.number, r.pages) for r in archive.records()),
            "listed": sorted(row.id for row in catalogue.deposits()),
            "scans": sorted((path, state) for _sha256, path, state in catalogue.scans()),
            "holds": sorted((hold.id, hold.reasons) for hold in catalogue.holds()),
            "waiting": sorted(path.name for path in (self.workspace / "waiting").iterdir()),
            "unfinished": sorted(str(p) for p in (self.workspace / "tmp").rglob("*") if p.is_file()),
        }


ALSO = (
    "Điều 3. Chánh Văn phòng, Trưởng phòng Quản lý đô thị, Chủ tịch phường Bến Nghé, Đội trưởng Đội Thanh tra địa bàn "
    "và bà Phạm Thu Cúc, chủ đầu tư, chịu trách nhiệm thi hành. Bà Phạm Thu Cúc phải thông báo ngày khởi công bằng văn "
    "bản trước bảy ngày, treo biển báo, che chắn công trình, giữ vệ sinh đường phố và không để vật liệu trên vỉa hè."
)
"""What lets a paper say something else than those beside it."""


def fill(office: Office) -> None:
    office.scan("a.tif", decision("1"), blank(), decision("2", street="Hàm Nghi"))
    office.scan("b.tif", decision("77", number_confidence=0.3), decision("78", street="Pasteur", also=ALSO))
    (office.inbox / "c.pdf").write_bytes(b"not a PDF")
    office.scan("d.tif", decision("4", street="Nguyễn Huệ"))


def named(office: Office) -> dict[str, object]:
    """The state with the inbox's place taken out of it."""
    state = office.state()
    state["scans"] = [(Path(path).name, kind) for path, kind in state["scans"]]  # type: ignore[attr-defined]
    return state
