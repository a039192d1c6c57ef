"""What a person decides on the command line is done at once, and the record says who decided it."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image
from python_calamine import CalamineWorkbook
from sqlalchemy import insert, select

import cli
from archive.catalogue import Catalogue
from archive.store import Archive
from archive.tables import hold_heads, holds
from commands.deciding import is_as_signed, rotated, submission_of, waiting
from commands.engines import desk_of
from commands.undoing import taken_back
from commands.workspace import Workspace
from ingest.intake import find_scans
from ingest.pipeline import ingest
from ingest.reviewsheet import ACCEPT, FIELD, REJECT, WHOLE
from ingest.scanreading import Reading
from ingest.workers import Pool
from samples.keys import DemoKeys, make_demo_keys
from schemas.pages import PageImage, PageState, PageText, ReadingOptions
from schemas.work import Hold, ScanState
from tests.ingest.drawn import small_page
from tests.ingest.office import ALSO
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

    def ingested(self, *stacks: list[PageText], procedure: str = "") -> list[Hold]:
        """What waits after each of *stacks* was scanned as one file, of *procedure*."""
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
        desk = desk_of(opened, "An", unit="H29.17", procedure=procedure, dossier="", settings={})
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


WITHDRAWALS = 1
"""Versions that say of a record that it stands no more, between two that describe it."""


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


def test_what_several_were_decided_on_by_one_command_is_found_at_once(desk: Desk) -> None:
    holds = desk.ingested([doubtful("77")], [decision("78", number_confidence=0.3, also=ALSO)])
    desk.shown()
    assert desk.sohoa("search", "thanh tra", "--json") == 0
    assert [json.loads(line).get("id") for line in desk.shown().splitlines()] == [None]  # the summary alone
    assert desk.sohoa("review", "accept", *(hold.id for hold in holds)) == 0
    desk.shown()
    assert desk.sohoa("search", "thanh tra", "--json") == 0
    found, _summary = (json.loads(line) for line in desk.shown().splitlines())
    assert found["number"] == "78"
    assert len(list(desk.archive().records())) == 2


def test_a_value_set_by_hand_is_the_records(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    assert desk.sohoa("review", "set", hold.id, "number=78", "issued_on=16/8/2023") == 0
    [record] = desk.archive().records()
    assert (record.number, str(record.issued_on)) == ("78", "2023-08-16")


def test_a_number_that_a_record_bears_already_is_asked_about_once_more(desk: Desk) -> None:
    [hold] = desk.ingested([decision("3165", also=ALSO)], [doubtful("77")])
    [first] = desk.archive().records()
    desk.shown()
    assert desk.sohoa("review", "set", hold.id, "number=3165") == 0
    assert f"the same number, symbol, agency and date as record {first.id}" in desk.shown()
    [waits] = desk.holds()
    assert submission_of(waits).document.like == (first.id,)
    assert len(list(desk.archive().records())) == 1
    assert desk.sohoa("review", "accept", hold.id) == 0
    assert [record.number for record in desk.archive().records()] == ["3165", "3165"]


def test_a_sheet_does_not_accept_what_was_found_since_it_was_written(desk: Desk) -> None:
    [hold] = desk.ingested([decision("3165", also=ALSO)], [doubtful("77")])
    sheet = desk.folder / "holds.xlsx"
    assert desk.sohoa("review", "export", str(sheet)) == 0
    rows = CalamineWorkbook.from_path(str(sheet)).get_sheet_by_index(0).to_python()
    place = {str(row[FIELD]): number for number, row in enumerate(rows)}
    edited = filled(sheet, {place["number"]: "3165", place[WHOLE]: ACCEPT})
    for exit_code in (0, 3, 3):  # the record is met; then the sheet speaks of less than is known by now
        assert desk.sohoa("review", "import", str(edited)) == exit_code
        assert [waits.id for waits in desk.holds()] == [hold.id]
    assert f"I{place[WHOLE] + 1}: since the sheet was written" in desk.capsys.readouterr().err


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


def test_what_a_person_had_set_outlives_a_cut(desk: Desk) -> None:
    [hold] = desk.ingested([decision("77", number_confidence=0.3, day_confidence=0.3), blank(), blank()])
    desk.sohoa("review", "set", hold.id, "number=78")
    assert desk.sohoa("review", "split", hold.id, "3") == 0
    first, _second = sorted(desk.holds(), key=lambda waiting: waiting.first_page)
    assert submission_of(first).document.metadata.number.value == "78"


def test_several_are_cut_by_one_command(desk: Desk) -> None:
    first, second = desk.ingested([doubtful("1"), blank(), blank()], [doubtful("2"), blank(), blank()])
    assert desk.sohoa("review", "split", first.id, "2", "3", second.id, "3") == 0
    assert sorted((waiting.scan_path[-7:], waiting.first_page) for waiting in desk.holds()) == [
        ("003.tif", 1), ("003.tif", 2), ("003.tif", 3), ("006.tif", 1), ("006.tif", 3),
    ]  # fmt: skip


def test_several_are_set_by_one_command(desk: Desk) -> None:
    first, second = desk.ingested([doubtful("1")], [doubtful("2")])
    assert desk.sohoa("review", "set", first.id, second.id, "number=9", "symbol=QĐ-SXD") == 0
    [alike] = desk.holds()  # set or not, it may be the first one scanned again
    assert (alike.id, len(alike.reasons)) == (second.id, 1)
    assert desk.sohoa("review", "accept", second.id) == 0
    assert [(record.number, record.symbol) for record in desk.archive().records()] == [("9", "QĐ-SXD")] * 2


# -- taken back ---------------------------------------------------------------------------------------------------


def state(desk: Desk) -> list[tuple[object, ...]]:
    """All that a decision can change of what waits."""
    found: list[tuple[object, ...]] = []
    for hold in sorted(desk.holds(), key=lambda waiting: (waiting.scan_path, waiting.first_page)):
        document = submission_of(hold).document
        assert is_as_signed(Workspace.open(desk.workspace), hold, submission_of(hold))
        found.append((hold.id, hold.reasons, document.pages, document.cut, document.doubtful_cuts, document.metadata))
    return found


def test_a_value_set_is_taken_back(desk: Desk) -> None:
    [hold] = desk.ingested([decision("77", number_confidence=0.3, day_confidence=0.3)])
    before = state(desk)
    desk.sohoa("review", "set", hold.id, "number=78")
    assert desk.sohoa("review", "undo", hold.id, "--operator", "Bình") == 0
    assert state(desk) == before
    assert submission_of(desk.holds()[0]).provenance.decisions[-1].endswith("Bình: took back: set")


def test_decisions_are_taken_back_one_after_another(desk: Desk) -> None:
    [hold] = desk.ingested([decision("77", number_confidence=0.3, day_confidence=0.3)])
    before = state(desk)
    desk.sohoa("review", "set", hold.id, "number=78")
    desk.sohoa("review", "set", hold.id, "number=79")
    desk.sohoa("review", "undo", hold.id)
    assert submission_of(desk.holds()[0]).document.metadata.number.value == "78"
    desk.sohoa("review", "undo", hold.id)
    assert state(desk) == before
    assert desk.sohoa("review", "undo", hold.id) == 4


def test_a_rejected_document_waits_again(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful()])
    [before] = desk.holds()
    desk.sohoa("review", "reject", hold.id, "--reason", "a page is missing")
    assert desk.sohoa("review", "undo", hold.id) == 0
    [after] = state(desk)
    assert after[:2] == (before.id, before.reasons)
    assert desk.sohoa("review", "accept", hold.id) == 0


def test_an_accepted_document_waits_again_and_becomes_the_records_next_version(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    before = state(desk)
    desk.sohoa("review", "accept", hold.id)
    [first] = desk.archive().records()
    pdf = desk.archive().pdf(first.id).read_bytes()
    assert desk.sohoa("review", "undo", hold.id) == 0
    assert state(desk) == before
    assert desk.archive().record(first.id).withdrawn is not None
    assert desk.sohoa("review", "set", hold.id, "number=78") == 0
    assert desk.archive().record(first.id).withdrawn is None
    [second] = desk.archive().records()
    assert (second.id, second.version, second.number) == (first.id, first.version + 1 + WITHDRAWALS, "78")
    assert desk.archive().pdf(second.id).read_bytes() == pdf
    said = [decided.split(": ", 1)[1] for decided in desk.archive().provenance(second.id).decisions]
    assert said == ["accept", "withdraw took back: accept", "took back: accept", "set number=78"]


def test_a_cut_and_a_putting_together_are_taken_back(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful(), blank(), blank()])
    whole = state(desk)
    desk.sohoa("review", "split", hold.id, "3")
    parts = state(desk)
    desk.sohoa("review", "merge", *(waiting.id for waiting in desk.holds()))
    assert desk.sohoa("review", "undo", hold.id) == 0
    assert state(desk) == parts
    assert desk.sohoa("review", "undo", hold.id) == 0
    assert state(desk) == whole


def test_what_was_decided_on_since_must_be_taken_back_first(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful(), blank(), blank()])
    desk.sohoa("review", "split", hold.id, "3")
    _first, second = sorted(desk.holds(), key=lambda waiting: waiting.first_page)
    desk.sohoa("review", "reject", second.id, "--reason", "empty")
    desk.capsys.readouterr()
    assert desk.sohoa("review", "undo", hold.id) == 4
    assert f"review undo {second.id}" in desk.capsys.readouterr().err


def test_the_log_tells_each_decision_with_before_and_after(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    desk.sohoa("review", "set", hold.id, "number=78", "--operator", "Bình")
    desk.sohoa("review", "undo", hold.id, "--operator", "Chi")
    told = [(entry.who, entry.what) for entry in desk.catalogue().log() if entry.what.startswith("review")]
    assert told == [
        ("Bình", f"review set; {hold.id}: number '77' (held) → '78' (accepted), waits → archived"),
        ("Chi", f"review take back set; {hold.id}: number '78' (accepted) → '77' (held), archived → waits"),
    ]
    assert desk.catalogue().log_faults() == []


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
        place[first.id, WHOLE]: ACCEPT, place[third.id, WHOLE]: REJECT,
        place[second.id, "number"]: 22, place[second.id, WHOLE]: ACCEPT,  # though nearly the same as the first
    })  # fmt: skip
    assert desk.sohoa("review", "import", str(edited)) == 0
    assert sorted(str(record.number) for record in desk.archive().records()) == ["1", "22"]
    assert desk.holds() == []
    assert desk.sohoa("review", "import", str(edited)) == 0
    assert len(list(desk.archive().records())) == 2
    assert len(rows[0]) == FIELD + 1  # the name of the field stands last, hidden


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


def test_the_list_is_of_a_reason_a_unit_a_batch_or_an_age(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    desk.capsys.readouterr()

    def listed(*words: str) -> int:
        desk.sohoa("review", "list", "--json", *words)
        return len(desk.shown().splitlines())

    assert listed("--unit", "H29.17") == listed("--batch", hold.batch) == listed("--reason", "NUMBER") == 1
    assert listed("--unit", "H29.18") == listed("--batch", "x") == listed("--reason", "date") == 0
    assert listed("--older-than", "0") == 1
    assert listed("--older-than", "1") == 0


def test_a_list_of_thousands_is_there_at_once(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    catalogue = desk.catalogue()
    with catalogue.writing() as connection:
        [row] = connection.execute(select(holds)).all()
        [head] = connection.execute(select(hold_heads)).all()
        connection.execute(insert(holds), [{**row._mapping, "id": f"{n:012x}"} for n in range(2000)])
        connection.execute(insert(hold_heads), [{**head._mapping, "hold": f"{n:012x}"} for n in range(2000)])
    began = time.process_time()
    assert len(catalogue.waiting()) == 2001
    assert time.process_time() - began < 1
    assert catalogue.hold(hold.id).id == hold.id


def test_the_crop_of_a_doubtful_field_is_cut_out(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    assert desk.sohoa("review", "show", hold.id, "--crop", str(desk.folder / "crops")) == 0
    with Image.open(desk.folder / "crops" / f"{hold.id}-number.png") as crop:
        assert crop.width > 10


def test_a_paper_that_came_before_is_shown_beside_the_one_that_waits(desk: Desk) -> None:
    [hold] = desk.ingested([decision("3165")], [decision("3165")])
    [record] = desk.archive().records()
    assert desk.sohoa("review", "show", hold.id, "--json", "--crop", str(desk.folder / "crops")) == 0
    assert json.loads(desk.shown())["like"] == [record.id]
    with Image.open(desk.folder / "crops" / f"{hold.id}-like.png") as beside:
        assert beside.width > beside.height  # two pages that are higher than wide
    assert desk.sohoa("review", "export", str(desk.folder / "holds.xlsx")) == 0
    with ZipFile(desk.folder / "holds.xlsx") as book, Image.open(book.open("xl/media/image1.png")) as shown:
        assert shown.size == beside.size


def test_a_paper_that_waited_is_shown_beside_as_the_record_that_it_is_by_now(desk: Desk) -> None:
    first, second = desk.ingested([doubtful("77")], [doubtful("78")])
    assert desk.sohoa("review", "accept", first.id) == 0
    assert desk.sohoa("review", "show", second.id, "--crop", str(desk.folder / "crops")) == 0
    assert (desk.folder / "crops" / f"{second.id}-like.png").exists()


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


def test_a_release_is_taken_back_until_the_scan_is_read(desk: Desk) -> None:
    desk.ingested([secret()])
    [(sha256, _path, _state)] = desk.catalogue().scans()
    desk.sohoa("review", "release", sha256[:8], "--reason", "a red letterhead")
    assert desk.sohoa("review", "undo", sha256[:8]) == 0
    assert [scan[2] for scan in desk.catalogue().scans()] == [ScanState.QUARANTINED]
    assert desk.sohoa("review", "release", sha256[:8], "--reason", "after all") == 0
    desk.catalogue().finish_scan(sha256, ScanState.DONE)
    assert desk.sohoa("review", "undo", sha256[:8]) == 4


def test_people_decide_while_scans_are_taken_in(desk: Desk) -> None:
    [hold] = desk.ingested([doubtful("77")])
    with Workspace.open(desk.workspace).only_intake():
        assert desk.sohoa("review", "accept", hold.id) == 0
    assert len(list(desk.archive().records())) == 1


@pytest.mark.parametrize("page", [[], ["1"]])
def test_a_page_is_turned_and_read_anew_and_turned_back(desk: Desk, page: list[str]) -> None:
    upside_down = replace(doubtful("77"), turn=180)
    [hold] = desk.ingested([upside_down])
    before = state(desk)
    turned = RotatedReader()
    workspace = Workspace.open(desk.workspace)
    rotated(workspace, waiting(workspace, hold.id), 180, [int(number) for number in page], "An", turned)
    [after] = desk.holds()
    assert turned.asked == [(1, 0, True)]
    [page_now] = submission_of(after).document.pages
    assert page_now.turn == 0
    assert submission_of(after).document.metadata.number.value == "78"
    taken_back(workspace, hold.id, "An", lambda _workspace, _images: [upside_down])
    assert state(desk) == before


class RotatedReader:
    """Reads each page as a decision with another number, the way it is laid."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, bool]] = []

    def __call__(self, workspace: Workspace, images: Sequence[PageImage]) -> list[PageText]:
        self.asked += [(image.number, image.turn, image.settled) for image in images]
        return [replace(doubtful("78"), number=image.number, turn=image.turn) for image in images]
