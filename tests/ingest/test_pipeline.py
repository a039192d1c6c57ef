"""The whole way of a scan with an engine that answers at once: real intake, composing, signing, archive, catalogue."""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from archive.store import Archive
from ingest.pipeline import Deposited, Event, Held, ScanDone, Skipped
from ingest.review import set_fields
from ingest.sheets import write
from ingest.signing import Seal
from samples.keys import make_demo_keys
from schemas.documents import Sheet
from schemas.pages import Box, Code, PageState, PageText, ReadingOptions
from schemas.records import Submission
from schemas.stored import from_json
from schemas.work import RejectedScan, ScanState, SecretScan, document_id
from tests import values
from tests.ingest.office import Office, fill, named, opened
from tests.ingest.papers_read import blank, decision, line
from tests.ingest.signed import seals as opened_seals

OPTIONS = ReadingOptions()


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ...]:
    return tuple(opened_seals(make_demo_keys(tmp_path_factory.mktemp("keys"))))


@pytest.fixture
def office(tmp_path: Path, seals: tuple[Seal, ...]) -> Office:
    return opened(tmp_path, seals)


def test_a_sure_paper_is_archived_and_a_doubtful_one_waits(office: Office) -> None:
    office.scan("a.tif", decision("3165"), blank())
    office.scan("b.tif", decision("77", number_confidence=0.3))
    first, done_first, second, done_second = office.run()
    assert isinstance(first, Deposited)
    assert (first.deposit.record.number, first.deposit.record.unit) == ("3165", "H29.17")
    assert done_first == ScanDone(first.scan, 2, 1)
    assert isinstance(second, Held)
    assert second.hold.reasons[0] == "the number is doubtful"
    assert isinstance(done_second, ScanDone)
    assert (office.workspace / second.hold.pdf_path).exists()


def test_the_archived_pdf_is_signed_searchable_and_has_the_pages_of_the_scan(office: Office) -> None:
    office.scan("a.tif", decision(), blank())
    [event] = [event for event in office.run() if isinstance(event, Deposited)]
    archive = Archive.open(office.workspace / "archive")
    with pikepdf.open(archive.pdf(event.deposit.record.id)) as pdf:
        assert len(pdf.pages) == 2
        assert len(pdf.Root.AcroForm.Fields) == 2
    provenance = archive.provenance(event.deposit.record.id)
    assert provenance.operator == "An"
    assert provenance.programs == {"sohoa": "test", "drawn (none)": "1"}


def test_a_second_run_does_nothing_again(office: Office) -> None:
    office.scan("a.tif", decision("3165"))
    office.scan("b.tif", decision("77", number_confidence=0.3))
    list(office.run())
    before, asked = office.state(), list(office.reader.asked)
    events = list(office.run())
    assert [type(event) for event in events] == [Skipped, Skipped]
    assert office.reader.asked == asked
    assert office.state() == before


def test_a_stack_of_several_papers_is_parted(office: Office) -> None:
    office.scan("stack.tif", decision("1"), blank(), decision("2", street="Hàm Nghi"), decision("3", street="Pasteur"))
    events = list(office.run())
    assert [e.deposit.record.number for e in events if isinstance(e, Deposited)] == ["1", "2", "3"]
    assert isinstance(events[-1], ScanDone)
    assert (events[-1].pages, events[-1].documents) == (4, 3)


def test_papers_of_a_dossier_that_was_given_stand_in_one_object(office: Office) -> None:
    office.scan("a.tif", decision("1"))
    office.scan("b.tif", decision("2", street="Hàm Nghi"))
    events = list(office.run(office.desk(dossier="H29.17-230815-0001")))
    ids = [event.deposit.record.id for event in events if isinstance(event, Deposited)]
    assert ids == ["H29.17-230815-0001.001", "H29.17-230815-0001.002"]
    archive = Archive.open(office.workspace / "archive")
    assert {version.number for id in ids for version in archive.history(id)} == {1}


def test_the_same_paper_scanned_twice_waits_and_names_the_record(office: Office) -> None:
    office.scan("a.tif", decision("3165"))
    office.scan("b.tif", decision("3165"))
    events = list(office.run())
    [deposited] = [event for event in events if isinstance(event, Deposited)]
    [held] = [event for event in events if isinstance(event, Held)]
    assert deposited.deposit.record.id in held.hold.reasons[0]


def test_a_paper_that_lies_twice_in_one_scan_waits_and_names_the_record(office: Office) -> None:
    office.scan("a.tif", decision("3165"), decision("78", street="Pasteur"), decision("3165"))
    deposited, other, held, _done = office.run()
    assert isinstance(deposited, Deposited)
    assert isinstance(other, Deposited)
    assert isinstance(held, Held)
    assert held.hold.first_page == 3
    assert deposited.deposit.record.id in held.hold.reasons[0]
    assert held.hold.submission["document"]["like"] == [deposited.deposit.record.id]


def test_a_scan_that_is_gone_on_with_is_no_copy_of_itself(office: Office) -> None:
    office.scan("a.tif", decision("3165"), decision("77", number_confidence=0.3), decision("3165"))
    before = list(office.run())
    assert isinstance(before[0], Deposited)
    office.catalogue().take_scan("again", before[0].scan)  # as a run leaves it that was killed before its end
    after = list(office.run())
    assert [type(event) for event in after] == [type(event) for event in before]
    assert [event.hold.reasons for event in after if isinstance(event, Held)] == [
        event.hold.reasons for event in before if isinstance(event, Held)]  # fmt: skip


def test_a_paper_that_waits_is_named_to_the_same_paper_scanned_again(office: Office) -> None:
    office.scan("a.tif", decision("77", number_confidence=0.3))
    office.scan("b.tif", decision("77", number_confidence=0.3), blank())
    first, second = (event.hold for event in office.run() if isinstance(event, Held))
    assert first.reasons == ("the number is doubtful",)
    assert f"nearly the same text as {first.id}" in second.reasons[-1]


def test_a_scan_that_is_gone_on_with_is_no_copy_of_what_came_meanwhile(office: Office) -> None:
    office.scan("a.tif", decision("77", number_confidence=0.3))
    [first, done] = list(office.run())
    assert isinstance(first, Held)
    assert isinstance(done, ScanDone)
    office.scan("b.tif", decision("77", number_confidence=0.3), blank())
    [second] = [event for event in office.run() if isinstance(event, Held)]
    assert first.hold.id in second.hold.reasons[-1]
    office.catalogue().take_scan("again", done.scan)  # as a run leaves it that was killed before its end
    [again] = [event for event in office.run() if isinstance(event, Held)]
    assert (again.hold.id, again.hold.reasons) == (first.hold.id, first.hold.reasons)
    [waits] = [hold for hold in office.catalogue().holds() if hold.id == first.hold.id]
    assert waits.opened_at == first.hold.opened_at, "it has waited since it first did"


def drawing(bits: int) -> PageText:
    """A page without a word; the drawings of other *bits* look otherwise."""
    return PageText(1, 413, 585, 50.0, look=f"{bits:064x}")


PLAN, OTHER_PLAN = (int("69" * 32, 16), int("c3" * 32, 16))
PLAN_AGAIN = PLAN ^ 1 << 200 ^ 1 << 185


def test_a_drawing_without_a_word_that_is_scanned_again_names_the_first(office: Office) -> None:
    office.scan("a.tif", drawing(PLAN))
    office.scan("b.tif", drawing(OTHER_PLAN))
    office.scan("c.tif", drawing(PLAN_AGAIN))
    first, other, again = (event.hold for event in office.run() if isinstance(event, Held))
    assert "looks the same" not in "".join((*first.reasons, *other.reasons))
    assert again.reasons[-1] == f"looks the same as {first.id}: look whether it is the same paper, scanned again"
    assert again.submission["document"]["like"] == [first.id]


def test_a_drawing_that_lies_in_one_stack_twice_is_found_there(office: Office) -> None:
    office.scan("a.tif", cover_sheet("D-1"), drawing(PLAN), cover_sheet("D-2"), drawing(PLAN_AGAIN))
    first, again = (event.hold for event in office.run() if isinstance(event, Held))
    assert first.id in again.reasons[-1]


@pytest.mark.parametrize(
    ("again", "found"),
    [
        ("GIẤY BIÊN NHẬN Ông Nguyễn Văn An đã nộp 3 bản sao", True),
        ("GIÂY BIÊN NHÂN ông Nguyên Văn An đả nộp 3 bàn sao.", True),  # as a second scan is read
        ("GIẤY BIÊM NHẬN Ông Nguyễm Văn An dã nộq 3 bản sao", True),  # no run of three words is whole
        ("GIẤY BIÊN NHẬN Bà Trần Thị Bích Hà đã nộp 3 bản sao", False),
        ("GIẤY BIÊN NHẬN Ông Nguyễn Văn An đã nộp 12 bản vẽ và 25 ảnh", False),
    ],
)
def test_a_short_paper_that_lies_in_one_stack_twice_is_found_there(office: Office, again: str, found: bool) -> None:
    def receipt(said: str) -> PageText:
        return replace(drawing(PLAN), lines=(line(said, 0.1, 0.1, 0.8, 1),))

    first = receipt("GIẤY BIÊN NHẬN Ông Nguyễn Văn An đã nộp 3 bản sao")
    office.scan("a.tif", cover_sheet("D-1"), first, cover_sheet("D-2"), receipt(again))
    one, other = (event.hold for event in office.run() if isinstance(event, Held))
    assert any(one.id in reason for reason in other.reasons) is found


def test_drawings_that_look_alike_and_name_other_houses_are_two(office: Office) -> None:
    def named(number: str) -> PageText:
        said = line(f"BẢN VẼ Nhà ở số {number} đường Lê Lợi phường Bến Thành", 0.1, 0.9, 0.8, 1)
        return replace(drawing(PLAN), lines=(said,))

    office.scan("a.tif", named("12"))
    office.scan("b.tif", named("48"))
    assert not any("looks the same" in reason for event in office.run() if isinstance(event, Held)
                   for reason in event.hold.reasons)  # fmt: skip


def test_papers_of_one_form_with_numbers_of_their_own_are_no_copies(office: Office) -> None:
    office.scan("a.tif", decision("3165"))
    office.scan("b.tif", decision("3166"))
    assert [type(event) for event in office.run()] == [Deposited, ScanDone] * 2


def test_a_copy_that_a_person_rejected_is_compared_with_no_more(office: Office) -> None:
    office.scan("a.tif", decision("77", number_confidence=0.3))
    [held] = [event for event in office.run() if isinstance(event, Held)]
    desk = office.desk()
    desk.catalogue.decide(held.hold.id, "rejected: not ours", values.change("reject"))
    office.scan("b.tif", decision("77", number_confidence=0.3), blank())
    [again] = [event for event in office.run() if isinstance(event, Held)]
    assert again.hold.reasons == ("the number is doubtful",)


def test_the_same_bytes_twice_are_one_scan(office: Office) -> None:
    path = office.scan("a.tif", decision())
    path.with_name("copy of a.tif").write_bytes(path.read_bytes())
    assert len([event for event in office.run() if isinstance(event, Deposited)]) == 1
    assert len(office.state()["records"]) == 1  # type: ignore[arg-type]


def test_a_rejected_scan_is_listed_with_its_reason_and_does_not_stop_the_batch(office: Office) -> None:
    (office.inbox / "a.pdf").write_bytes(b"")
    whole = office.scan("b.tif", decision("1"))
    (office.inbox / "c.tif").write_bytes(whole.read_bytes()[:300])
    (office.inbox / "d.pdf").write_bytes(b"%PDF-1.7\n not a PDF at all")
    office.scan("e.tif", decision("2", street="Hàm Nghi"))
    events = list(office.run())
    rejected = [Path(event.path).name for event in events if isinstance(event, RejectedScan)]
    assert rejected == ["a.pdf", "c.tif", "d.pdf"]
    assert len([event for event in events if isinstance(event, Deposited)]) == 2
    listed = office.catalogue().rejected()
    assert [(Path(r.path).name, bool(r.reason)) for r in listed] == [(name, True) for name in rejected]


def test_a_rejected_scan_is_tried_again_by_the_next_run(office: Office) -> None:
    (office.inbox / "a.pdf").write_bytes(b"%PDF-1.7\n not a PDF at all")
    assert [type(event) for event in office.run()] == [RejectedScan]
    assert [type(event) for event in office.run()] == [RejectedScan]


def test_a_page_that_could_not_be_read_waits_for_a_person(office: Office) -> None:
    office.scan("a.tif", decision("1"), PageText(1, 413, 585, 50.0, state=PageState.NOT_READ, reason="crashed"))
    [held, _done] = office.run()
    assert isinstance(held, Held)
    assert "a page could not be read" in held.hold.reasons


def test_nothing_of_a_secret_scan_is_kept_but_that_it_came(office: Office) -> None:
    office.scan("a.tif", decision("1"), PageText(1, 413, 585, 50.0, state=PageState.SECRET))
    [event] = office.run()
    assert isinstance(event, SecretScan)
    assert event.page == 2
    [incident] = (office.workspace / "quarantine").iterdir()
    for file in office.workspace.rglob("*"):
        if file.is_file():
            assert "Lê Lợi".encode() not in file.read_bytes(), file
    state = office.state()
    assert (state["records"], state["holds"], state["waiting"], state["unfinished"]) == ([], [], [], [])
    assert incident.stat().st_mode & 0o077 == 0
    assert [type(event) for event in office.run()] == [Skipped]


def test_nothing_in_the_inbox_is_ever_altered(office: Office) -> None:
    office.scan("a.tif", decision("3165"))
    office.scan("b.tif", decision("77", number_confidence=0.3))
    (office.inbox / "c.pdf").write_bytes(b"not a PDF")

    def inbox() -> dict[str, tuple[str, int, int]]:
        return {
            path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_mode)
            for path in office.inbox.iterdir()
        }

    before = inbox()
    list(office.run())
    list(office.run())
    assert inbox() == before


# What stands when a run is broken off, and that the next one goes on to the same end


class Broken(BaseException):
    """As a kill would: nothing catches it."""


def broken_off(run: Iterator[Event], events: int) -> list[Event]:
    """The first *events* of a run that then ends where it stands."""
    assert isinstance(run, Generator)
    seen = [next(run) for _event in range(events)]
    run.close()
    return seen


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, seals: tuple[Seal, ...]) -> dict[str, object]:
    """What stands after a run that nothing stopped."""
    office = opened(tmp_path_factory.mktemp("unbroken"), seals)
    fill(office)
    list(office.run())
    return named(office)


@pytest.mark.parametrize("events", [1, 2, 4, 5, 8])
def test_a_run_broken_off_after_any_event_goes_on_to_the_same_end(
    office: Office, unbroken: dict[str, object], events: int
) -> None:
    fill(office)
    broken_off(office.run(), events)
    list(office.run())
    assert named(office) == unbroken


@pytest.mark.parametrize(
    ("step", "deposit"),
    [("content written", 1), ("version built", 3), ("flushed", 1), ("ready", 3), ("in place", 1), ("deposited", 3)],
)
def test_a_run_broken_off_within_a_deposit_goes_on_to_the_same_end(
    office: Office, unbroken: dict[str, object], step: str, deposit: int
) -> None:
    fill(office)
    seen = 0

    def break_off(name: str) -> None:
        nonlocal seen
        seen += name.startswith(step)
        if seen == deposit:
            raise Broken

    with pytest.raises(Broken):
        list(office.run(office.desk(break_off)))
    list(office.run())
    assert named(office) == unbroken


def test_a_page_read_before_the_break_is_not_read_again(office: Office) -> None:
    office.scan("a.tif", decision("1"), blank(), decision("2", street="Hàm Nghi"))

    def break_off(name: str) -> None:
        raise Broken

    with suppress(Broken):
        list(office.run(office.desk(break_off)))
    assert sorted(office.reader.asked) == [1, 2, 3]
    list(office.run())
    assert sorted(office.reader.asked) == [1, 2, 3]


def test_what_a_person_decided_while_the_run_stood_still_stays_decided(office: Office) -> None:
    path = office.scan("a.tif", decision("77", number_confidence=0.3), decision("78", street="Pasteur"))
    [held] = broken_off(office.run(), 1)
    assert isinstance(held, Held)
    desk = office.desk()
    desk.catalogue.decide(held.hold.id, "rejected: not ours", values.change("reject", who="Bình"))
    (office.workspace / held.hold.pdf_path).unlink()
    events = list(office.run())
    assert [type(event) for event in events] == [Deposited, ScanDone]
    state = office.state()
    assert (state["holds"], state["waiting"]) == ([], [])
    assert state["scans"] == [(str(path), ScanState.DONE)]
    assert held.hold.id == document_id(held.scan.sha256, 1)


def test_what_is_archived_is_not_held_again_when_the_catalogue_was_lost(office: Office) -> None:
    office.scan("a.tif", decision("77", number_confidence=0.3))
    [held, _done] = office.run()
    assert isinstance(held, Held)
    desk = office.desk()
    submission = set_fields(from_json(Submission, held.hold.submission), {"number": "77"}, "Bình", desk.now())
    archived = desk.archive.deposit(replace(submission, signed=replace(
        submission.signed, path=office.workspace / held.hold.pdf_path)))  # fmt: skip
    for file in office.workspace.glob("catalogue.db*"):
        file.unlink()
    again = next(office.run())
    assert isinstance(again, Deposited)
    assert again.deposit == replace(archived, new=False)
    assert office.state()["holds"] == []


def cover_sheet(dossier: str) -> PageText:
    code = Code(write(Sheet(dossier=dossier)), "QRCode", Box(0.3, 0.3, 0.7, 0.6))
    return PageText(1, 413, 585, 50.0, codes=(code,))


def test_a_cover_sheet_scanned_as_a_file_of_its_own_speaks_of_the_files_behind_it(office: Office) -> None:
    office.scan("1.tif", cover_sheet("D-1"))
    office.scan("2.tif", decision("1"))
    office.scan("3.tif", decision("2", street="Pasteur"))
    office.scan("4.tif", cover_sheet("D-2"))
    office.scan("5.tif", decision("3", street="Hàm Nghi"))
    events = list(office.run())
    records = [event.deposit.record for event in events if isinstance(event, Deposited)]
    assert [(record.dossier, record.number) for record in records] == [("D-1", "1"), ("D-1", "2"), ("D-2", "3")]


def test_a_later_run_knows_which_cover_sheet_stands(office: Office) -> None:
    office.scan("1.tif", cover_sheet("D-1"))
    office.scan("2.tif", decision("1"))
    list(office.run())
    office.scan("3.tif", decision("2", street="Pasteur"))
    [event] = [event for event in office.run() if isinstance(event, Deposited)]
    assert event.deposit.record.dossier == "D-1"


def test_a_cover_sheet_says_nothing_of_another_folder(office: Office) -> None:
    office.scan("1.tif", cover_sheet("D-1"))
    (office.inbox / "x").mkdir()
    office.scan("x/2.tif", decision("1"))
    [event] = [event for event in office.run() if isinstance(event, Deposited)]
    assert event.deposit.record.dossier.startswith("TAM-")
