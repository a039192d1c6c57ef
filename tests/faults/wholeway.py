"""The whole way as commands, each with its processes: drawn scans taken in, decided on by spreadsheet, lifted to a
timestamp, made anew from the archive. Killed anywhere and begun again, it must come to the same end.
"""

import contextlib
import io
import json

import xlsxwriter

from cli import run as sohoa
from ingest.reviewsheet import COLUMNS, DECISION, FIELD, ID
from samples import papers, scans
from samples.inventory import write_inventory, write_units
from schemas.documents import FieldState
from schemas.records import Submission
from schemas.stored import from_json
from tests.faults.campaign import Operation, Step, quietly
from tests.ingest.office import Office
from tests.services.pki import SECRET, Pki

LETTER = {"number": "77", "symbol": "UBND-VX", "issuer": "Ủy ban nhân dân Quận 1"}
"""What a person writes into the sheet, where it was doubtful; anything else they leave empty."""
QUERIES = ("giay phep xay dung", "quan 1", "77")


def whole_way(pki: Pki) -> Operation:
    """From scans to renewed records and back from the archive; its timestamp service answers nonsense until then."""

    def work(office: Office, at_step: Step) -> None:
        head = office.workspace / "sohoa.toml"
        head.write_text(_settings(pki, f"{pki.url}/nonsense"))
        at_step("begun")
        for what in ("units", "inventory"):
            quietly(office, what, "import", str(office.folder / f"{what}.csv"))
        at_step("lists imported")
        quietly(office, "ingest", "--fast", "--workers", "1", "--unit", papers.DEPARTMENT_UNIT, "--operator", "An",
                str(office.inbox))  # fmt: skip
        at_step("taken in")
        if _sheet(office):
            quietly(office, "review", "import", str(office.folder / "decisions.xlsx"))
        at_step("decided")
        head.write_text(_settings(pki, pki.timestamps))
        quietly(office, "renew", "--operator", "An")
        at_step("renewed")
        quietly(office, "rebuild")
        at_step("made anew")

    return Operation("the whole way", work, _begun, _also)


def _settings(pki: Pki, timestamps: str) -> str:
    password = pki.folder / "password"
    password.write_text(SECRET)
    password.chmod(0o600)
    return (
        f'[signing]\noperator_key = "{pki.key("operator")}"\noperator_password_file = "{password}"\n'
        f'level = "B-T"\ntimestamp_urls = ["{timestamps}"]\ntimestamp_timeout_s = 5\ntimestamp_tries = 1\n'
        f'trust_roots = "{pki.roots}"\n'
    )


def _begun(office: Office) -> None:
    for scan in office.inbox.iterdir():
        scan.unlink()
    day = office.folder / "day"
    kept = ("giay-phep.pdf", "dang-ky-kinh-doanh.png")
    for number, scan in enumerate(file for file in scans.write_day(day) if file.name in kept):
        scan.rename(office.inbox / f"{number}{scan.suffix}")
    (office.inbox / "c.pdf").write_bytes(b"not a PDF")
    write_units(office.folder / "units.csv")
    write_inventory(office.folder / "inventory.csv")


def _sheet(office: Office) -> int:
    """The spreadsheet of ``review export`` as a person has filled it in; how many cells they wrote."""
    row = 0
    with xlsxwriter.Workbook(str(office.folder / "decisions.xlsx")) as book:
        sheet = book.add_worksheet("sohoa")
        sheet.write_row(0, 0, COLUMNS)
        for hold in office.catalogue().holds():
            for name, field in from_json(Submission, hold.submission).document.metadata.items():
                if field.state is FieldState.HELD:
                    row += 1
                    value = LETTER.get(name, "–")
                    for column, text in ((ID, hold.id), (FIELD, name), (DECISION, value)):
                        sheet.write_string(row, column, text)
    return row


def _also(office: Office) -> dict[str, object]:
    """Versions of records, levels of their signatures, and what is found by searching."""
    listed = [json.loads(line) for line in _said(office, "verify", "--all", "--json")]
    found = {query: sorted(json.loads(line).get("id", "") for line in _said(office, "search", query, "--json"))
             for query in QUERIES}  # fmt: skip
    return {
        "signatures": sorted((one["file"], one["verdict"], [s["level"] for s in one["signatures"]]) for one in listed),
        "found": found,
    }


def _said(office: Office, *arguments: str) -> list[str]:
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(io.StringIO()):
        sohoa(["--workspace", str(office.workspace), *arguments])
    return told.getvalue().splitlines()
