"""The way of a scan: read → separated → composed → signed → described → lifted → deposited or held.

Every stage takes values and returns a value. A document that fails or waits never stops its batch, and the scan it came
from is never altered.
"""

import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from archive.catalogue import Catalogue
from archive.claims import Claims, OnlyRun
from archive.sketches import marks_of_document
from archive.store import Archive
from ingest.again import came_before
from ingest.backlog import Backlog
from ingest.claiming import Turns
from ingest.declared import contradictions, listed_otherwise, not_listed
from ingest.extract import describe, with_fields
from ingest.fencedpages import composed
from ingest.labels import NO_LABELS, Labels, combined
from ingest.offers import Listed, procedure_listed, with_result_code
from ingest.originals import Verifies, certified, found_signatures, reasons_of
from ingest.pages import ScanPages
from ingest.quarantine import Quarantine
from ingest.scanreading import Reading, ReadScan, read_scans
from ingest.separate import last_sheet, separate
from ingest.signing import Seal, lift, sign, verify
from ingest.signing.lifting import BasicOnly
from ingest.signing.seals import lasting_of
from ingest.together import Together
from schemas.documents import Document, Field, Paper, Sheet, SignedPdf
from schemas.errors import InputRejected, ServiceUnavailable, SohoaError
from schemas.language import _
from schemas.pages import Box, Scan
from schemas.procedures import Procedure
from schemas.records import Deposit, Provenance, Submission
from schemas.stored import to_json
from schemas.units import Unit
from schemas.work import Batch, Hold, RejectedScan, ScanState, SecretScan, document_id

LOOK_AGAIN_S = 0.5
"""Between two looks at scans that other runs have in work."""
PROVISIONAL = "TAM-"
"""Begins the codes of dossiers that came without one (tạm: for the time being)."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A scan that an earlier run dealt with."""

    scan: Scan
    state: ScanState


@dataclass(frozen=True, slots=True)
class Deposited:
    scan: Scan
    deposit: Deposit
    submission: Submission
    """What was deposited; its waiting PDF is gone."""
    waits_for_timestamp: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    scan: Scan
    hold: Hold


@dataclass(frozen=True, slots=True)
class ScanDone:
    """Each document of the scan is deposited or held."""

    scan: Scan
    pages: int
    documents: int


Event = Skipped | Deposited | Held | ScanDone | RejectedScan | SecretScan


@dataclass(frozen=True, slots=True)
class Desk:
    """What the batch is done with and for whom: the engines, the folders, the labels that the operator gave."""

    catalogue: Catalogue
    archive: Archive
    seals: Sequence[Seal]
    folder: Path
    """The workspace: PDFs that wait lie in ``waiting/``, unfinished ones in ``tmp/``."""
    operator: str
    unit: str
    procedure: str
    dossier: str
    programs: dict[str, str]
    settings: dict[str, Any]
    labels: Labels = NO_LABELS
    retention_of: Callable[[str], str] = lambda procedure: ""
    """The retention code of a record, by its procedure."""
    listed: Listed = lambda unit, number, symbol, issued_on: ()
    """What the inventory lists."""
    units: Callable[[], Sequence[Unit]] = tuple
    """The units that report; others may be imported while a folder is watched."""
    procedures: Callable[[], Sequence[Procedure]] = tuple
    """The procedures that are known."""
    takes_secret_scans: bool = False
    """A scan that bears a secrecy stamp is moved to ``quarantine/``."""
    roots: Path | None = None
    """The folder of roots by which signatures that scans bear already are judged."""
    verify: Verifies = verify
    """What judges them."""
    certifies_originals: bool = False
    """Whether such scans get the agency's signature as an increment."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    begun: Callable[[str], None] = lambda batch: None
    """Told the batch's id."""
    signed: Callable[[float], None] = lambda seconds: None
    """Told how long the signing of each document took."""
    claims: Claims = field(default_factory=OnlyRun)
    """What this run has in work where others take in scans beside it."""
    waits: Callable[[int], None] = lambda scans: None
    """Told how many scans are left that other runs have in work, when this one has nothing else to do."""


def ingest(scans: Iterable[Scan | RejectedScan], reading: Reading, desk: Desk) -> Iterator[Event]:
    """Do a batch; one event for each thing that came to its end, in the order of the scans.

    A scan that an earlier run dealt with is skipped; one that an earlier run left in the middle is gone on with.
    ServiceUnavailable when the disk is full, read-only or fails: what came to its end stands, the rest is gone on with.
    """
    try:
        yield from _batch(scans, reading, desk)
    except OSError as error:
        raise ServiceUnavailable(
            _("workspace {folder}: {error} ({file}); make room or mend permissions, then run the same command "
              "again").format(folder=desk.folder, error=error.strerror or error, file=error.filename)
            if error.filename is not None
            else _("{error}: the system does not say where; look at room and permissions of the workspace {folder} and "
                   "of {temporary}, and at memory, then run the same command again").format(
                error=error.strerror or error, folder=desk.folder, temporary=tempfile.gettempdir())
        ) from error  # fmt: skip


def _batch(scans: Iterable[Scan | RejectedScan], reading: Reading, desk: Desk) -> Iterator[Event]:
    batch = desk.catalogue.begin_batch(desk.operator, desk.now())
    desk.begun(batch.id)
    if desk.claims.others:
        yield from _in_turns(scans, reading, desk, batch)
    else:
        yield from _all_of(scans, reading, desk, batch, [])
    desk.catalogue.finish_batch(batch.id, desk.now())


def _in_turns(scans: Iterable[Scan | RejectedScan], reading: Reading, desk: Desk, batch: Batch) -> Iterator[Event]:
    """Those of *scans* that no other run has in work; then, again and again, those that one had, until all are done."""
    skipped: list[Skipped] = []
    turns = Turns(desk.claims, desk.catalogue, lambda scan, state: skipped.append(Skipped(scan, state)))
    mine, waited_for = scans, 0
    try:
        while True:
            ended = 0
            for event in _all_of(turns.take(mine), reading, desk, batch, skipped):
                match event:
                    case RejectedScan():
                        turns.ended(Path(event.path), event.sha256)
                        ended += 1
                    case ScanDone() | SecretScan() | Skipped():
                        turns.ended(event.scan.path, event.scan.sha256)
                        ended += 1
                yield event
            mine = turns.those_left()
            if not mine or reading.stopped():
                return
            if not ended:
                if len(mine) != waited_for:
                    desk.waits(waited_for := len(mine))
                time.sleep(LOOK_AGAIN_S)
    finally:
        desk.claims.give_all_back()


def _all_of(
    scans: Iterable[Scan | RejectedScan], reading: Reading, desk: Desk, batch: Batch, skipped: list[Skipped]
) -> Iterator[Event]:
    sheets = _StandingSheets(desk.catalogue)
    fresh = _not_done_before(sheets.seen(scans), desk.catalogue, batch.id, skipped.append)
    backlog: Backlog[Made | Callable[[], Event]] = Backlog()
    together: Together[Made, Event] = Together(partial(_archived, desk, batch.id), lambda made: made.submission)
    lasting = lasting_of(desk.seals)

    def archived(steps: Iterator[Made | Callable[[], Event]]) -> Iterator[Event]:
        for step in steps:
            yield from (_joined(step, together, desk, batch.id) if isinstance(step, Made) else together.after(step))
        yield from together.overdue()

    try:
        for outcome in read_scans(fresh, reading):
            yield from _drain(skipped)
            match outcome:
                case RejectedScan():
                    backlog.put(partial(partial, _end_rejected, outcome, reading, desk, batch.id))
                case SecretScan():
                    backlog.put(partial(partial, _end_secret, outcome, desk))
                case ReadScan():
                    standing = sheets.before(outcome.scan)
                    documents = 0
                    rejected: RejectedScan | None = None
                    for made in _made(outcome, standing, desk):
                        if isinstance(made, RejectedScan):
                            rejected = made
                            break
                        documents += 1
                        if isinstance(lasting, BasicOnly) or backlog.is_full:
                            backlog.put(partial(_as_it_is, made))
                        else:
                            backlog.put_later(partial(lifted_now, made, desk), _as_it_is)
                        yield from archived(backlog.ended())
                    standing = last_sheet(outcome.texts, standing)
                    sheets.left(outcome.scan, standing)
                    if rejected is not None:
                        backlog.put(partial(partial, _end_rejected, rejected, reading, desk, batch.id))
                    else:
                        done = ScanDone(outcome.scan, len(outcome.texts), documents)
                        backlog.put(partial(partial, _end_scan, done, standing, reading, desk))
            yield from archived(backlog.ended())
        yield from archived(backlog.rest())
        yield from together.rest()
    except SohoaError:  # no room for the next scan, say: what is ready has its own
        yield from together.rest()
        raise
    finally:
        backlog.close()
    yield from _drain(skipped)


def _made(read: ReadScan, standing: Sheet, desk: Desk) -> Iterator["Made | RejectedScan"]:
    """The scan's documents one after another; its rejection where composing finds what reading did not."""
    for paper in separate(read.scan, read.texts, standing):
        if _a_person_decided(document_id(paper.scan.sha256, paper.pages[0].number), desk.catalogue):
            continue
        try:
            made = make(paper, read.pages, desk)
        except InputRejected as error:
            path = str(read.scan.path)
            yield RejectedScan(path, read.scan.sha256, str(error) if path in str(error) else f"{path}: {error}")
            return
        yield made


def _as_it_is(made: "Made") -> "Made":
    return made


def _joined(made: "Made", together: Together["Made", Event], desk: Desk, batch: str) -> Iterator[Event]:
    """Hold *made*, or let it go into the archive with others of its dossier."""
    if not together.has_room_for(made.submission):
        yield from together.rest()
    held = _held(made, desk, batch)
    if held is not None:
        yield from together.after(lambda: held)
    else:
        together.join(made)


def _end_scan(done: ScanDone, standing: Sheet, reading: Reading, desk: Desk) -> ScanDone:
    desk.catalogue.finish_scan(done.scan.sha256, ScanState.DONE, standing)
    _forget(reading, done.scan.sha256)
    return done


def _end_rejected(rejected: RejectedScan, reading: Reading, desk: Desk, batch: str) -> RejectedScan:
    desk.catalogue.reject_scan(batch, rejected)
    _forget(reading, rejected.sha256)
    return rejected


def _end_secret(secret: SecretScan, desk: Desk) -> SecretScan:
    quarantine = Quarantine(desk.folder / "quarantine", takes_scans=desk.takes_secret_scans)
    quarantine.note(secret, desk.operator, desk.now())
    desk.catalogue.finish_scan(secret.scan.sha256, ScanState.QUARANTINED)
    return secret


def _drain(events: list[Skipped]) -> Iterator[Skipped]:
    while events:
        yield events.pop(0)


def _forget(reading: Reading, sha256: str) -> None:
    if reading.kept is not None and sha256:
        reading.kept.forget(sha256)


def _not_done_before(
    scans: Iterable[Scan | RejectedScan], catalogue: Catalogue, batch: str, skip: Callable[[Skipped], None]
) -> Iterator[Scan | RejectedScan]:
    for scan in scans:
        if isinstance(scan, Scan):
            known = catalogue.scan_state(scan.sha256)
            # A rejected scan is tried again: a password may have come, a program been mended.
            if known is not None and known[0] in (ScanState.DONE, ScanState.QUARANTINED):
                skip(Skipped(scan, known[0]))
                continue
            catalogue.take_scan(batch, scan)
        yield scan


@dataclass(slots=True)
class _StandingSheets:
    """What the cover sheets of a scan leave standing for the next in the same folder, as in stacks of a file a page."""

    catalogue: Catalogue
    _ahead: deque[Scan] = field(default_factory=deque)
    _folder: Path | None = None
    _sheet: Sheet = field(default_factory=Sheet)
    _left: dict[str, Sheet] = field(default_factory=dict)
    """What scans of this run left that the catalogue may not know yet."""

    def seen(self, scans: Iterable[Scan | RejectedScan]) -> Iterator[Scan | RejectedScan]:
        for scan in scans:
            if isinstance(scan, Scan):
                self._ahead.append(scan)
            yield scan

    def before(self, scan: Scan) -> Sheet:
        """What stands before *scan*: all scans ahead of it have ended, in this run or in an earlier one."""
        while self._ahead[0].sha256 != scan.sha256:
            ended = self._ahead.popleft()
            self._enter(ended.path.parent)
            left = self._left.pop(ended.sha256, None) or self.catalogue.left_standing(ended.sha256)
            self._sheet = left if left is not None else self._sheet
        self._enter(scan.path.parent)
        return self._sheet

    def left(self, scan: Scan, standing: Sheet) -> None:
        """*scan* has been gone through, and leaves this standing."""
        self._left[scan.sha256] = standing

    def _enter(self, folder: Path) -> None:
        if folder != self._folder:
            self._folder, self._sheet = folder, Sheet()


def _a_person_decided(id: str, catalogue: Catalogue) -> bool:
    """An earlier run that stopped in this scan held the document, and since then somebody worked on it."""
    hold = catalogue.find_hold(id)
    return hold is not None and bool(hold.decided_at or hold.submission["provenance"]["decisions"])


@dataclass(frozen=True, slots=True)
class Made:
    """A paper composed, signed and described."""

    submission: Submission
    contradictions: tuple[str, ...]
    """Between cover sheet, folder and manifest."""
    original: Path | None
    """The scan, where it was signed already and so is kept unchanged."""


def make(
    paper: Paper,
    pages: ScanPages,
    desk: Desk,
    decisions: tuple[str, ...] = (),
    settled: Mapping[str, Field] = MappingProxyType({}),
) -> Made:
    """Compose, sign and describe one paper.

    *decisions* are what people decided about it before, for its provenance; *settled* the fields that they decided,
    which stand whatever is read.
    """
    sheet, contradictions = combined(paper.sheet, *desk.labels.of(paper.scan.path))
    submission = _submission(replace(paper, sheet=sheet), pages, desk, decisions, settled)
    if not pages.signed:
        return Made(submission, contradictions, None)
    scan = paper.scan.path
    found = found_signatures(scan, desk.roots, desk.verify)
    submission = replace(submission, found_signatures=found)
    whole = len(paper.pages) == pages.count  # else it is not this paper alone that is signed
    if desk.certifies_originals and whole and not reasons_of(found):
        target = certified_beside(submission.signed.path)
        copy = certified(scan, pages.count, desk.seals, target, desk.roots, desk.verify)
        submission = replace(submission, certified=copy)
    return Made(submission, contradictions, scan)


def lifted_now(made: Made, desk: Desk) -> Made:
    """*made* with its signatures at the level that the settings want, as far as the services answer now."""
    lasting = lasting_of(desk.seals)
    submission = replace(made.submission, signed=lift(made.submission.signed, lasting))
    if submission.certified is not None:
        submission = replace(submission, certified=lift(submission.certified, lasting))
    return replace(made, submission=submission)


def deposit_or_hold(made: Made, desk: Desk, batch: str) -> Deposited | Held:
    """Bring what was made into the archive, or hold it with its reasons."""
    return _held(made, desk, batch) or _deposited(desk, [made])[0]


def _held(made: Made, desk: Desk, batch: str) -> Held | None:
    """The hold of what has to wait for a person; None of what may go into the archive."""
    submission = made.submission
    scan = submission.document.scan
    earlier = came_before(submission.document, desk.catalogue, desk.archive)
    reasons = (
        submission.document.reasons
        + made.contradictions
        + contradictions(submission.document, submission.unit, submission.procedure, submission.dossier, desk.units())
        + _of_another_procedure(submission, desk)
        + reasons_of(submission.found_signatures)
        + earlier.reasons
    )
    # What the archive holds was decided on; a catalogue that was lost and made anew does not know of it. Where a person
    # took such a decision back, the document waits again.
    if not reasons or not (_waits(made, desk.catalogue) or desk.archive.standing(submission) is None):
        return None
    document = replace(submission.document, reasons=reasons, like=earlier.ids)
    submission = replace(submission, document=document)
    return Held(scan, _hold(submission, batch, desk, made.original))


def _of_another_procedure(submission: Submission, desk: Desk) -> tuple[str, ...]:
    """The reasons to hold it that lie in its procedure: the office's lists do not know the code, or another."""
    if not submission.procedure:
        return ()
    listed = procedure_listed(submission.document, submission.unit, desk.listed)
    return (
        *not_listed(submission.procedure, desk.procedures()),
        *listed_otherwise(submission.procedure, listed),
    )


def _archived(desk: Desk, batch: str, together: Sequence[Made]) -> list[Event]:
    """Bring what was made of one dossier into the archive; where other runs put papers in too, what is like one that
    came since this one was looked at is held instead."""
    if not desk.claims.others:
        return list(_deposited(desk, together))
    with desk.claims.alone("deposits"):
        held = [_held(made, desk, batch) for made in together]
        clear = [made for made, hold in zip(together, held, strict=True) if hold is None]
        deposited = iter(_deposited(desk, clear) if clear else [])
        return [hold if hold is not None else next(deposited) for hold in held]


def _deposited(desk: Desk, together: Sequence[Made]) -> list[Deposited]:
    """Bring what was made of one dossier into the archive."""
    arrivals = [(made.submission, made.original) for made in together]
    if any(_waits(made, desk.catalogue) for made in together):  # a person may have had it in the archive before
        deposits = [desk.archive.corrected(submission, original=original) for submission, original in arrivals]
    else:
        deposits = desk.archive.deposit_all(arrivals)
    events = []
    for (submission, _original), deposit in zip(arrivals, deposits, strict=True):
        desk.catalogue.note_deposit(deposit, who=desk.operator)
        submission.signed.path.unlink(missing_ok=True)
        certified_beside(submission.signed.path).unlink(missing_ok=True)
        scan, made = submission.document.scan, (submission.signed, submission.certified)
        late = any(pdf is not None and pdf.waits_for_timestamp for pdf in made)
        events.append(Deposited(scan, deposit, submission, late))
    return events


def _waits(made: Made, catalogue: Catalogue) -> bool:
    document = made.submission.document
    hold = catalogue.find_hold(document_id(document.scan.sha256, document.page_numbers[0]))
    return hold is not None and hold.decided_at is None


def _submission(
    paper: Paper, pages: ScanPages, desk: Desk, decisions: tuple[str, ...], settled: Mapping[str, Field]
) -> Submission:
    """The paper composed, signed and described: signed first, as TT 01/2023 asks, and described beside the PDF."""
    made_at = desk.now()
    dossier = paper.sheet.dossier or desk.dossier or provisional_dossier(paper)
    signed = _signed(paper, pages, desk, dossier, made_at)
    unit = paper.sheet.unit or desk.unit
    document: Document = with_result_code(describe(paper), unit, desk.listed)
    if settled:
        document = with_fields(document, settled)
    procedure = paper.sheet.procedure or desk.procedure or procedure_listed(document, unit, desk.listed)
    return Submission(
        dossier=dossier,
        unit=unit,
        procedure=procedure,
        document=document,
        signed=signed,
        provenance=Provenance(desk.operator, made_at, _programs(paper, desk.programs), desk.settings, decisions),
        retention=desk.retention_of(procedure),
    )


def _signed(paper: Paper | Document, pages: ScanPages, desk: Desk, dossier: str, made_at: datetime) -> SignedPdf:
    name = document_id(paper.scan.sha256, paper.pages[0].number)
    pdf = composed(pages, paper.pages, desk.folder / "tmp" / f"{name}.pdf", title=dossier, made_at=made_at)
    began = time.monotonic()
    signed = sign(pdf, desk.seals, desk.folder / "waiting" / f"{name}.pdf", occupied=occupied(paper))
    desk.signed(time.monotonic() - began)
    pdf.path.unlink()
    return signed


def composed_anew(submission: Submission, pages: ScanPages, desk: Desk) -> Submission:
    """*submission* with its PDF made and signed once more from the scan, in ``waiting/``; all else as it is."""
    signed = _signed(submission.document, pages, desk, submission.dossier, desk.now())
    return replace(submission, signed=lift(signed, lasting_of(desk.seals)))


def provisional_dossier(paper: Paper) -> str:
    """The code of a dossier for a paper that came without one, the same in every run over the same scan."""
    return f"{PROVISIONAL}{document_id(paper.scan.sha256, paper.pages[0].number)}"


def is_provisional(dossier: str) -> bool:
    """The code was made here, for a paper that came without one."""
    return dossier.startswith(PROVISIONAL)


def occupied(paper: Paper | Document) -> tuple[Box, ...]:
    """Where the first page bears print or ink that a signature's appearance must not cover."""
    first = paper.pages[0]
    return tuple(line.box for line in first.lines) + first.unread_ink


def _programs(paper: Paper, programs: dict[str, str]) -> dict[str, str]:
    engines = {page.engine for page in paper.pages if page.engine is not None}
    return programs | {f"{engine.name} ({engine.model})": engine.version for engine in engines}


def _hold(submission: Submission, batch: str, desk: Desk, original: Path | None) -> Hold:
    document = submission.document
    kept = ""
    if original is not None:
        kept = f"waiting/{submission.signed.path.stem}.original{original.suffix}"
        shutil.copyfile(original, desk.folder / kept)
    hold = Hold(
        id=document_id(document.scan.sha256, document.pages[0].number),
        batch=batch,
        scan_sha256=document.scan.sha256,
        scan_path=str(document.scan.path),
        first_page=document.pages[0].number,
        unit=submission.unit,
        opened_at=desk.now(),
        reasons=document.reasons,
        submission=to_json(submission),
        pdf_path=str(submission.signed.path.relative_to(desk.folder)),
        original_path=kept,
    )
    desk.catalogue.open_hold(hold, marks_of_document(document))
    return hold


def certified_beside(signed: Path) -> Path:
    """Where a signed scan with the agency's signature waits, beside the PDF that was made of it."""
    return signed.with_suffix(".certified.pdf")


def signed_beside(signed: SignedPdf, folder: Path, pdf_path: str) -> SignedPdf:
    """*signed* as it lies in the workspace now (a workspace may have been moved since it was held)."""
    return replace(signed, path=folder / pdf_path)
