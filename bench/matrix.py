"""Every level × kind of key × its place × profile × number of signers, before EU DSS and veraPDF, and renewed.

``python -m bench.matrix [FOLDER] [FIRST LAST]``: all 192 outputs (or those from FIRST to before LAST), each of another
page: drawn ones of every kind (a seal, which is shown in its real size, on those that are as wide as it), or the first
two pages of the scans in FOLDER. Each is then renewed, as ``sohoa renew`` does. Prints a JSON object: how many
signatures EU DSS calls ``TOTAL_PASSED`` with our root trusted, how many files veraPDF passes as PDF/A-2b, what `verify`
says, and each that is not as it should be by its name. Ends with 1 if any is.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path

import pikepdf

from commands.verify import overall
from ingest.compose import compose
from ingest.intake import find_scans
from ingest.pages import ScanPages, open_pages
from ingest.signing import Verdict, verify
from ingest.signing.ink import ink_on_first_page
from ingest.signing.placing import EDGE
from ingest.signing.stamp import POINTS_PER_MM
from schemas.documents import ComposedPdf
from schemas.errors import InputRejected
from schemas.pages import PageText, Scan
from schemas.settings import Signing
from tests.ingest.signed import made_scans
from tests.ingest.signing_matrix import Case, Maker, every_case
from tests.services import dss, softhsm, verapdf
from tests.services.pki import Pki, running_pki

SEAL_PT = Signing().seal_width_mm * POINTS_PER_MM
PAGES = 2
"""So many of a real scan, however long it is."""


@dataclass(frozen=True, slots=True)
class Output:
    """A signed file, and what it is to be."""

    file: Path
    case: Case
    level: str


def main() -> None:
    arguments = sys.argv[1:]
    first, last = map(int, arguments[-2:]) if len(arguments) > 1 else (0, len(every_case()))
    scans = Path(arguments[0]) if arguments and not arguments[0].isdigit() else None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_pki(folder) as pki:
            begun = time.monotonic()
            outputs = list(made(folder, pki, scans, first, last))
            found = _judged(outputs, pki)
        found["seconds_to_make"] = round(time.monotonic() - begun)
    print(json.dumps({"pages": str(scans or "drawn"), "from": first, "to": last} | found, indent=1, ensure_ascii=False))
    sys.exit(1 if found["faults"] else 0)


def made(folder: Path, pki: Pki, scans: Path | None, first: int, last: int) -> Iterator[Output]:
    """The outputs and what is renewed of each."""
    pages = list(made_scans(folder) if scans is None else real_pages(scans, folder, last - first))
    maker = Maker(pki, softhsm.made(folder, "pki"), folder / "signed")
    maker.folder.mkdir()
    for number, (case, composed) in enumerate(islice(_each_with_its_page(pages), first, last)):
        signed = maker.make(case, composed, ink_on_first_page(composed.path))
        assert not signed.waits_for_timestamp, case
        signed = replace(signed, path=signed.path.rename(maker.folder / f"{case.name}-{composed.path.stem}.pdf"))
        yield Output(signed.path, case, case.level)
        yield Output(maker.renew(signed).path, case, "B-LTA")
        print(f"{number + 1} of {last - first}", end="\r", file=sys.stderr, flush=True)


def _each_with_its_page(pages: Sequence[ComposedPdf]) -> Iterator[tuple[Case, ComposedPdf]]:
    """The pages in turns, for each profile: a seal is not put on those that are narrower than it."""
    wide = [page for page in pages if _width_pt(page) >= SEAL_PT + 2 * EDGE]
    turns = {"text": cycle(pages), "seal": cycle(wide)}
    for case in every_case():
        yield case, next(turns[case.profile])


def _width_pt(composed: ComposedPdf) -> float:
    with pikepdf.open(composed.path) as pdf:
        page = pdf.pages[0]
        x0, y0, x1, y1 = map(float, page.mediabox)
        return y1 - y0 if int(page.obj.get("/Rotate", 0)) % 180 else x1 - x0


def real_pages(folder: Path, into: Path, count: int) -> Iterator[ComposedPdf]:
    """The first pages of up to *count* scans of *folder* as PDF/A, without text: no judge here reads it."""
    (into / "composed").mkdir()
    for scan in islice((scan for scan in find_scans([folder]) if isinstance(scan, Scan)), count):
        try:
            with open_pages(scan, spool=into / "spool") as pages:
                target = into / "composed" / f"{scan.path.stem}.pdf"
                yield compose(pages, list(_blank(pages)), target, title=scan.path.stem, made_at=datetime.now(UTC))
        except InputRejected as error:
            print(error, file=sys.stderr)


def _blank(pages: ScanPages) -> Iterator[PageText]:
    for number in range(1, min(pages.count, PAGES) + 1):
        image = pages.image(number)
        width, height = image.width_px, image.height_px
        size = (height, width) if image.turn in (90, 270) else (width, height)
        yield PageText(number, *size, image.dpi, image.turn)


def _judged(outputs: Sequence[Output], pki: Pki) -> dict[str, object]:
    files = [output.file for output in outputs]
    theirs = dss.judge(files, [pki.root, *pki.lists])
    archival = verapdf.faults(files)
    faults: list[str] = [f"{file.name}: veraPDF: {clauses}" for file, clauses in archival.items()]
    said: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    for output in outputs:
        name, signers = output.file.name, output.case.signers
        judged = theirs[output.file]
        said.update(one.indication for one in judged)
        wanted = [("TOTAL_PASSED", f"PAdES-BASELINE-{output.level[2:]}")] * signers
        if [(one.indication, one.level) for one in judged] != wanted:
            faults.append(f"{name}: DSS: {[(one.indication, one.sub, one.level, one.errors) for one in judged]}")
        verdicts = verify(output.file, pki.roots)
        ours[overall(verdicts)] += 1
        levels = [one.level for one in verdicts if one.kind == "signature"]
        if overall(verdicts) != Verdict.VALID or levels != [output.level] * signers:
            faults.append(f"{name}: we: {[(one.verdict, one.level, one.reason) for one in verdicts]}")
    return {
        "outputs": len(outputs) // 2, "with_renewed": len(outputs), "signatures": sum(said.values()),
        "dss": dict(said), "pdfa_2b": len(files) - len(archival), "verify": dict(ours), "faults": faults,
    }  # fmt: skip


if __name__ == "__main__":
    main()
