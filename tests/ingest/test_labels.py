"""What folder, manifest and cover sheet say of a scan is put together, and contradictions are told."""

from pathlib import Path

import pytest
import xlsxwriter

from ingest.labels import NO_LABELS, combined, labels_of, manifests
from schemas.documents import Kind, Sheet
from schemas.errors import InputRejected, SettingsRejected

NOTHING = Sheet()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox" / "H29.17" / "1.001193" / "H29.17-230815-0001"
    folder.mkdir(parents=True)
    (folder / "a.pdf").touch()
    return tmp_path / "inbox"


def scan(inbox: Path) -> Path:
    return next(inbox.rglob("a.pdf"))


def test_folders_say_unit_procedure_and_dossier(inbox: Path) -> None:
    labels = labels_of([inbox], "{unit}/{procedure}/{dossier}", "")
    assert labels.of(scan(inbox)) == (NOTHING, Sheet("H29.17-230815-0001", "1.001193", "H29.17"))


def test_a_folder_that_says_nothing_may_stand_between(inbox: Path) -> None:
    labels = labels_of([inbox], "{unit}/*/{dossier}", "")
    assert labels.of(scan(inbox))[1] == Sheet("H29.17-230815-0001", "", "H29.17")


def test_a_scan_that_lies_higher_up_is_told_nothing_by_its_folder(inbox: Path) -> None:
    (inbox / "b.pdf").touch()
    assert labels_of([inbox], "{unit}/{procedure}", "").of(inbox / "b.pdf") == (NOTHING, NOTHING)


@pytest.mark.parametrize("pattern", ["unit", "{unit}/{unit}", "{unit}/{year}", "*/*"])
def test_a_pattern_that_names_no_part_or_one_twice_is_refused(inbox: Path, pattern: str) -> None:
    with pytest.raises(SettingsRejected, match=r"intake\.folders"):
        labels_of([inbox], pattern, "")


def test_a_manifest_speaks_of_the_scans_beside_it(inbox: Path) -> None:
    file = scan(inbox).with_name("manifest.csv")
    file.write_text("Tệp,Hồ sơ,Loại\na.pdf,H29.17-230815-0002,thành phần\n", encoding="utf-8-sig")
    assert labels_of([inbox], "", "manifest.csv").of(scan(inbox))[0] == Sheet("H29.17-230815-0002", kind=Kind.COMPONENT)
    assert manifests([inbox], "manifest.csv") == [file]


def test_a_manifest_may_be_a_workbook(inbox: Path) -> None:
    with xlsxwriter.Workbook(str(scan(inbox).with_name("list.xlsx"))) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["file", "unit", "kind"])
        sheet.write_row(1, 0, ["a.pdf", "H29.18", "copy"])
    assert labels_of([inbox], "", "list.xlsx").of(scan(inbox))[0] == Sheet(unit="H29.18", kind=Kind.COPY)


@pytest.mark.parametrize(
    ("row", "said"), [("b.pdf,result", r"row 2: there is no scan b\.pdf"), ("a.pdf,letter", "row 2: letter is no kind")]
)
def test_a_manifests_row_that_cannot_be_true_is_named(inbox: Path, row: str, said: str) -> None:
    scan(inbox).with_name("manifest.csv").write_text(f"file,kind\n{row}\n", encoding="utf-8")
    with pytest.raises(InputRejected, match=said):
        labels_of([inbox], "", "manifest.csv")


def test_the_first_that_speaks_is_heard_and_agreement_raises_nothing() -> None:
    whole, reasons = combined(Sheet(dossier="D1"), Sheet(dossier="D1", unit="H29.17"), Sheet(procedure="1.001193"))
    assert whole == Sheet("D1", "1.001193", "H29.17")
    assert reasons == ()


def test_a_contradiction_is_told_with_who_says_what() -> None:
    whole, [reason] = combined(Sheet(dossier="D1"), NOTHING, Sheet(dossier="D2"))
    assert whole.dossier == "D1"
    assert reason == "dossier is said in different ways (the cover sheet: D1, the folder: D2)"


@pytest.mark.parametrize(
    ("sheet", "manifest", "folder", "sources"),
    [
        ("one", "other", "", ("the cover sheet: one", "the manifest: other")),
        ("one", "", "other", ("the cover sheet: one", "the folder: other")),
        ("", "one", "other", ("the manifest: one", "the folder: other")),
    ],
)
@pytest.mark.parametrize("part", ["unit", "procedure", "dossier"])
def test_each_two_of_sheet_manifest_and_folder_are_compared(
    part: str, sheet: str, manifest: str, folder: str, sources: tuple[str, str]
) -> None:
    said = [Sheet(**{part: value}) for value in (sheet, manifest, folder)]  # type: ignore[arg-type]
    _whole, [reason] = combined(*said)
    assert reason == f"{part} is said in different ways ({', '.join(sources)})"


def test_without_settings_nothing_is_said(inbox: Path) -> None:
    assert labels_of([inbox], "", "").of(scan(inbox)) == NO_LABELS.of(scan(inbox)) == (NOTHING, NOTHING)
