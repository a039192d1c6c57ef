"""What a person decides on the command line is done at once, and the record says who decided it."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from python_calamine import CalamineWorkbook

import cli
from archive.catalogue import Catalogue
from archive.store import Archive
from commands.engines import desk_of
from commands.workspace import Workspace
from ingest.intake import find_scans
from ingest.pipeline import ingest
from ingest.reviewsheet import ACCEPT, DECISION, FIELD, REJECT, WHOLE
from ingest.scanreading import Reading
from ingest.workers import Pool
from samples.keys import DemoKeys, make_demo_keys
from schemas.pages import PageState, PageText, ReadingOptions
from schemas.work import Hold, ScanState
from tests.ingest.drawn import small_page
from tests.ingest.papers_read import HereAndNow, Reader, blank, decision, pixels
from tests.ingest.test_reviewsheet import filled


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@dataclass
class Desk:
    """A workspace with scans ingested, at which a person decides."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def workspace(self) -> Path:
        return self.folder / "sohoa"

    def ingested(self, *stacks: list[PageText]) -> list[Hold]:
        """What waits after each of *stacks* was scanned as one file."""
        reader = Reader({})
        (self.folder / "inbox").mkdir()
        for texts in stacks:
            images = []
            for text in texts:
                images.append(small_page(len(reader.texts) + 1, mode="L"))
                reader.texts[pixels(images[-1])] = text
            self._save(images, self.folder / "inbox" / f"{len(reader.texts):03d}.tif")
        options = ReadingOptions()
        opened = Workspace.open(self.workspace)
        desk = desk_of(opened, "An", unit="H29.17", procedure="", dossier="", settings={})
        list(ingest(find_scans([self.folder / "inbox"]), Reading(Pool(HereAndNow(), lambda: 3, reader), options,
                                                                self.workspace / "tmp"), desk))  # fmt: skip
        return opened.catalogue.holds()

    @staticmethod
    def _save(images: list[Image.Image], file: Path) -> None:
        images[0].save(file, "TIFF", save_all=True, append_images=images[1:], dpi=(50, 50))

    def sohoa(self, *arguments: str) -> int:
        return cli.run(["--workspace", str(self.workspace), *arguments])

    def shown(self) -> str:
        return self.capsys.readouterr().out

    def holds(self) -> list[Hold]:
        return self.catalogue().holds()

    def catalogue(self) -> Catalogue:
        return Workspace.open(self.workspace).catalogue

    def archive(self) -> Archive:
        return Archive.open(self.workspace / "archive")


@pytest.fixture
def desk(tmp_path: Path, keys: DemoKeys, capsys: pytest.CaptureFixture[str]) -> Desk:
    (tmp_path / "sohoa").mkdir()
    (tmp_path / "sohoa" / "sohoa.toml").write_text(keys.settings(), encoding="utf-8")
    return Desk(tmp_path, capsys)


def doubtful(number: str = "77") -> PageText:
    return decision(number, number_confidence=0.3)


def test_what_was_read_is_accepted_and_becomes_a_record_that_names_who_decided(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    assert desk.sohoa("review", "accept", hold.id[:6], "--operator", "Bình") == 0
    [record] = desk.archive().records()
    assert record.number == "77"
    [decided] = desk.archive().provenance(record.id).decisions
    assert decided.endswith("Bình: accept")
    assert desk.holds() == []
    assert list((desk.workspace / "waiting").iterdir()) == []


def test_a_value_set_by_hand_is_the_records(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    assert desk.sohoa("review", "set", hold.id, "number=78", "issued_on=16/8/2023") == 0
    [record] = desk.archive().records()
    assert (record.number, str(record.issued_on)) == ("78", "2023-08-16")


def test_a_date_that_is_none_is_refused_and_the_document_still_waits(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful()])
    assert desk.sohoa("review", "set", hold.id, "issued_on=31/2/2023") == 4
    assert [waiting.id for waiting in desk.holds()] == [hold.id]


def test_a_rejected_document_is_no_record_and_its_scan_stays(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful()])
    assert desk.sohoa("review", "reject", hold.id, "--reason", "a page is missing") == 0
    assert list(desk.archive().records()) == []
    assert Path(hold.scan_path).exists()
    assert "rejected: a page is missing" in str(desk.catalogue().hold(hold.id).decision)


def test_nothing_is_decided_twice(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful()])
    desk.sohoa("review", "accept", hold.id)
    assert desk.sohoa("review", "reject", hold.id, "--reason", "too late") == 4
    assert len(list(desk.archive().records())) == 1


def test_a_document_is_cut_in_two_and_put_together_again(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful(), blank(), blank()])
    assert desk.sohoa("review", "split", hold.id, "3") == 0
    first, second = sorted(desk.holds(), key=lambda waiting: waiting.first_page)
    assert (first.id, second.first_page) == (hold.id, 3)
    assert desk.sohoa("review", "merge", first.id, second.id) == 0
    [whole] = desk.holds()
    assert whole.id == hold.id
    assert desk.sohoa("review", "accept", whole.id) == 0
    [record] = desk.archive().records()
    assert len(record.pages) == 3
    said = desk.archive().provenance(record.id).decisions
    assert [decided.split(": ")[1].split()[0] for decided in said] == ["split", "merge", "accept"]


def test_cut_put_together_and_cut_again_at_the_same_page(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful(), blank(), blank()])
    desk.sohoa("review", "split", hold.id, "3")
    desk.sohoa("review", "merge", *(waiting.id for waiting in desk.holds()))
    assert desk.sohoa("review", "split", hold.id, "3") == 0
    assert sorted(waiting.first_page for waiting in desk.holds()) == [1, 3]


def test_a_cut_needs_the_scan_as_it_was_read(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful(), blank()])
    Path(hold.scan_path).unlink()
    assert desk.sohoa("review", "split", hold.id, "2") == 4
    assert [waiting.id for waiting in desk.holds()] == [hold.id]


def test_decisions_come_back_by_spreadsheet_and_a_second_import_changes_nothing(desk: Desk) -> None:
    first, second, third = desk.ingested([doubtful("1")], [doubtful("2")], [doubtful("3")])
    sheet = desk.folder / "holds.xlsx"
    assert desk.sohoa("review", "export", str(sheet)) == 0
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    place = {(str(row[0]), str(row[FIELD])): number for number, row in enumerate(rows)}
    edited = filled(sheet, {
        place[first.id, WHOLE]: ACCEPT, place[second.id, "number"]: 22, place[third.id, WHOLE]: REJECT,
    })  # fmt: skip
    assert desk.sohoa("review", "import", str(edited)) == 0
    assert sorted(str(record.number) for record in desk.archive().records()) == ["1", "22"]
    assert desk.holds() == []
    assert desk.sohoa("review", "import", str(edited)) == 0
    assert len(list(desk.archive().records())) == 2
    assert len(rows[0]) == DECISION + 1


def test_a_cell_that_cannot_be_taken_is_named_and_the_others_are(desk: Desk) -> None:
    first, second = desk.ingested([doubtful("1")], [doubtful("2")])
    sheet = desk.folder / "holds.xlsx"
    desk.sohoa("review", "export", str(sheet))
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    place = {(str(row[0]), str(row[FIELD])): number for number, row in enumerate(rows)}
    edited = filled(sheet, {place[first.id, WHOLE]: "maybe", place[second.id, WHOLE]: ACCEPT})
    desk.capsys.readouterr()
    assert desk.sohoa("review", "import", str(edited)) == 3
    assert f"I{place[first.id, WHOLE] + 1}" in desk.capsys.readouterr().err
    assert [str(record.number) for record in desk.archive().records()] == ["2"]


def test_what_waits_is_listed_with_its_reasons(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    desk.capsys.readouterr()
    assert desk.sohoa("review", "list", "--json") == 0
    [line] = desk.shown().splitlines()
    listed = json.loads(line)
    assert listed["id"] == hold.id
    assert listed["reasons"] == ["the number is doubtful"]
    assert listed["fields"]["number"]["candidates"]


def test_the_crop_of_a_doubtful_field_is_cut_out(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    assert desk.sohoa("review", "show", hold.id, "--crop", str(desk.folder / "crops")) == 0
    with Image.open(desk.folder / "crops" / f"{hold.id}-number.png") as crop:
        assert crop.width > 10


def secret() -> PageText:
    return PageText(1, 413, 585, 50.0, state=PageState.SECRET)


def test_a_false_alarm_is_released_by_name_and_the_scan_can_be_taken_again(desk: Desk) -> None:
    assert desk.ingested([secret()]) == []
    [(sha256, path, state)] = desk.catalogue().scans()
    assert state is ScanState.QUARANTINED
    assert desk.sohoa("review", "release", sha256[:8], "--reason", "a red letterhead") == 0
    assert desk.catalogue().scan_state(sha256) is not None
    assert [scan[2] for scan in desk.catalogue().scans()] == [ScanState.TAKEN]
    assert Path(path).exists()
    assert desk.sohoa("review", "release", sha256[:8], "--reason", "again") == 4
