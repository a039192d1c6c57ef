"""What folder, manifest, cover sheet and paper say is checked against each other; a contradiction waits."""

from dataclasses import replace

import pytest

from ingest.declared import of_another_kind, with_another_code
from ingest.labels import labels_of
from ingest.pipeline import Deposited, Held
from ingest.sheets import write
from samples.keys import DemoKeys, make_demo_keys
from schemas.documents import Document, Kind, Sheet
from schemas.pages import Box, Code, PageText
from tests import values
from tests.ingest.office import Office, opened
from tests.ingest.papers_read import blank, decision, line
from tests.ingest.signed import seals

DOSSIER, OTHER_DOSSIER = "H29.17-230815-0001", "H29.17-230815-0002"
PROCEDURE, OTHER_PROCEDURE = "1.001193", "2.000815"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DemoKeys:
    return make_demo_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def office(tmp_path_factory: pytest.TempPathFactory, keys: DemoKeys) -> Office:
    return opened(tmp_path_factory.mktemp("office"), tuple(seals(keys)))


def bearing(*lines: str, paper: PageText | None = None) -> PageText:
    """The decision with these lines below its body."""
    paper = paper or decision()
    rows = (line(text, 0.15, 0.45 + 0.02 * row, 0.011 * len(text), 40 + row) for row, text in enumerate(lines))
    return replace(paper, lines=(*paper.lines, *rows))


def cover(sheet: Sheet) -> PageText:
    return replace(blank(), codes=(Code(write(sheet), "QRCode", Box(0.3, 0.2, 0.7, 0.5)),))


def reasons(office: Office, *pages: PageText, manifest: str = "") -> tuple[str, ...]:
    """Why the only paper waits that was scanned into the folder ``<procedure>/<dossier>``; empty where it does not."""
    folder = office.inbox / PROCEDURE / DOSSIER
    folder.mkdir(parents=True)
    office.scan(f"{PROCEDURE}/{DOSSIER}/a.tif", *pages)
    if manifest:
        (folder / "manifest.csv").write_text(f"file,procedure,dossier,kind\na.tif,{manifest}\n", encoding="utf-8")
    labels = labels_of([office.inbox], "{procedure}/{dossier}", "manifest.csv")
    for event in office.run(replace(office.desk(), labels=labels)):
        if isinstance(event, Held):
            return event.hold.reasons
        if isinstance(event, Deposited):
            return ()
    raise AssertionError("the scan made no document")


def test_a_paper_on_which_all_agree_goes_into_the_archive(office: Office) -> None:
    agreeing = Sheet(DOSSIER, PROCEDURE, kind=Kind.RESULT)
    paper = bearing(f"Mã hồ sơ: {DOSSIER}", f"Mã thủ tục: {PROCEDURE}")
    assert reasons(office, cover(agreeing), paper, manifest=f"{PROCEDURE},{DOSSIER},result") == ()


@pytest.mark.parametrize(
    ("sheet", "manifest", "reason"),
    [
        (Sheet(OTHER_DOSSIER), "",
         f"dossier is said in different ways (the cover sheet: {OTHER_DOSSIER}, the folder: {DOSSIER})"),
        (Sheet(DOSSIER, OTHER_PROCEDURE), "",
         f"procedure is said in different ways (the cover sheet: {OTHER_PROCEDURE}, the folder: {PROCEDURE})"),
        (None, f",{OTHER_DOSSIER},",
         f"dossier is said in different ways (the manifest: {OTHER_DOSSIER}, the folder: {DOSSIER})"),
        (None, f"{OTHER_PROCEDURE},,",
         f"procedure is said in different ways (the manifest: {OTHER_PROCEDURE}, the folder: {PROCEDURE})"),
        (Sheet(DOSSIER, kind=Kind.RESULT), ",,component",
         "kind is said in different ways (the cover sheet: result, the manifest: component)"),
    ],
)  # fmt: skip
def test_sheet_manifest_and_folder_that_differ_let_the_paper_wait(
    office: Office, sheet: Sheet | None, manifest: str, reason: str
) -> None:
    pages = [cover(sheet)] if sheet is not None else []
    assert reasons(office, *pages, decision(), manifest=manifest) == (reason,)


@pytest.mark.parametrize(
    ("said", "manifest", "reason"),
    [
        (f"Mã số hồ sơ: {OTHER_DOSSIER}", "",
         f"the paper bears dossier {OTHER_DOSSIER}, but was declared for {DOSSIER}"),
        (f"Mã TTHC: {OTHER_PROCEDURE}.000.00.00.H29", "",
         f"the paper bears procedure {OTHER_PROCEDURE}.000.00.00.H29, but was declared for {PROCEDURE}"),
        ("BẢN SAO", ",,result", "the paper was declared as result, but by its own words it is a copy"),
    ],
)  # fmt: skip
def test_a_paper_that_says_otherwise_itself_waits(office: Office, said: str, manifest: str, reason: str) -> None:
    assert reasons(office, bearing(said), manifest=manifest) == (reason,)


def document(*lines: str, kind: Kind | None = None, paper: PageText | None = None) -> Document:
    page = bearing(*lines, paper=paper)
    return replace(values.document(1), pages=(page,), sheet=Sheet(kind=kind))


def test_an_application_declared_as_a_result_waits() -> None:
    heads = {"QUYẾT ĐỊNH": "ĐƠN ĐỀ NGHỊ"}
    rows = (line(heads[row.text], 0.41, 0.15, 0.18, 5) if row.text in heads else row for row in decision().lines)
    [reason] = of_another_kind(document(kind=Kind.RESULT, paper=replace(decision(), lines=tuple(rows))))
    assert reason.endswith("by its own words it is a component")


@pytest.mark.parametrize("kind", [Kind.COMPONENT, Kind.COPY, None])
def test_any_paper_may_be_a_part_of_a_dossier(kind: Kind | None) -> None:
    assert of_another_kind(document("BẢN SAO", kind=kind)) == of_another_kind(document(kind=kind)) == ()


@pytest.mark.parametrize(
    ("said", "procedure", "dossier"),
    [
        (f"Mã hồ sơ: {DOSSIER}", "", "000.00.17.H29-230815-0001"),  # an agency's code in its older form
        (f"Mã hồ sơ: {DOSSIER}, Mã hồ sơ: {OTHER_DOSSIER}", "", OTHER_DOSSIER),  # one of several
        (f"Mã hồ sơ: {DOSSIER}", "", "HS-17/2023"),  # an office's own code cannot be compared
        (f"Mã hồ sơ: {DOSSIER}", "", ""),
        (f"Theo biên bản của {DOSSIER}", "", OTHER_DOSSIER),  # another paper's
        ("Mã thủ tục: 1.000494.000.00.00.H29", "1.000494", ""),
        ("Thủ tục 1.000494 được bãi bỏ", PROCEDURE, ""),
    ],
)
def test_codes_that_agree_or_are_of_other_papers_say_nothing(said: str, procedure: str, dossier: str) -> None:
    assert with_another_code(document(said), procedure, dossier) == ()


def test_a_code_that_was_read_badly_says_nothing() -> None:
    read = document()
    [page] = read.pages
    code = line(f"Mã hồ sơ: {OTHER_DOSSIER}", 0.15, 0.45, 0.5, 40, confidence=0.4)
    read = replace(read, pages=(replace(page, lines=(*page.lines, code)),))
    assert with_another_code(read, "", DOSSIER) == ()
