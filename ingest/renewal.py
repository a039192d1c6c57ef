"""Renewing records: those that wait for a timestamp are lifted, those whose proofs age get the next archive timestamp.

Each is a new version of its record, of its own: broken off anywhere, the same command goes on.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from archive.catalogue import Catalogue
from archive.store import Archive
from ingest.review import decision
from ingest.signing.ageing import Holds, Why, holds_until, token_holds
from ingest.signing.cms import HASH
from ingest.signing.lifting import BasicOnly, Lasting, Proven, lifted
from ingest.signing.timestamps import AT_ONCE, Services
from schemas.documents import LEVELS, SignedPdf
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable, SohoaError
from schemas.language import _
from schemas.records import Deposit


@dataclass(frozen=True, slots=True)
class Ageing:
    """One signed PDF of a record, by its name, that is to be renewed, and why."""

    name: str
    why: Why
    holds: Holds


@dataclass(frozen=True, slots=True)
class Due:
    """A record to be renewed: those of its PDFs that need it, the one that ends first at the beginning."""

    id: str
    pdfs: tuple[Ageing, ...]

    @property
    def why(self) -> Why:
        return self.pdfs[0].why

    @property
    def holds(self) -> Holds:
        return self.pdfs[0].holds


@dataclass(frozen=True, slots=True)
class Standing:
    """A record that holds until the day that was asked for, or longer."""

    id: str
    holds: Holds
    version: int


@dataclass(frozen=True, slots=True)
class Renewed:
    due: Due
    deposit: Deposit
    holds: Holds
    level: str
    failed: tuple[str, ...] = ()
    """Why another of its PDFs could not be."""


@dataclass(frozen=True, slots=True)
class NotRenewed:
    """A record that is due and could not be renewed, or not be looked at."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RenewalDesk:
    """What records are renewed with and for whom."""

    catalogue: Catalogue
    archive: Archive
    folder: Path
    """For unfinished files."""
    operator: str
    lasting: Callable[[str], Lasting]
    """What a PAdES level takes; SettingsRejected where the settings lack it."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def look(archive: Archive, id: str, before: datetime) -> Due | Standing | NotRenewed:
    """Whether a record is due: a PDF of it waits for a timestamp, or something that it stands on ends before *before*.

    The scan that was signed elsewhere stays as it came; the agency's copy of it (``certified.pdf``) is renewed.
    """
    ageing: list[Ageing] = []
    try:
        for name, signed in archive.signed_pdfs(id).items():
            holds = holds_until(signed.path, _signers(signed))
            if holds is None:
                return NotRenewed(id, _("bears no signature"))
            ageing.append(Ageing(name, Why.WAITS if signed.waits_for_timestamp else holds.why, holds))
        ageing.sort(key=lambda one: one.holds.until)
        due = tuple(one for one in ageing if one.why is Why.WAITS or one.holds.until < before)
        return Due(id, due) if due else Standing(id, ageing[0].holds, archive.record(id).version)
    except (InputRejected, IntegrityBroken) as error:
        return NotRenewed(id, str(error))


def _signers(signed: SignedPdf) -> Collection[str]:
    return {note.certificate_sha256 for note in signed.signatures}


def note_standing(found: Standing, listed: Mapping[str, int], desk: RenewalDesk) -> None:
    """Take a record's newest version into the catalogue, which *listed* another: a renewal that was killed had put it
    into the archive, and nothing is left to renew."""
    if listed.get(found.id) != found.version:
        desk.catalogue.note_deposit(desk.archive.find(found.id), who=desk.operator)


def renew(due: Iterable[Due], desk: RenewalDesk) -> Iterator[Renewed | NotRenewed]:
    """Renew what is due, in that order; as many at once as timestamps may be asked for.

    ServiceUnavailable when the services do not answer: what was renewed stands. One record's failure stops no other.
    """
    threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="renew")
    in_work: deque[_InWork] = deque()
    try:
        for one in due:
            in_work.append(_begun(one, desk, threads))
            if len(in_work) > 2 * AT_ONCE:
                yield _ended(in_work.popleft(), desk)
        while in_work:
            yield _ended(in_work.popleft(), desk)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        for left in desk.folder.glob("renew-*.pdf"):
            left.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _InWork:
    due: Due
    lifted: Sequence[tuple[Ageing, Lasting, Future[SignedPdf]]]


def _begun(due: Due, desk: RenewalDesk, threads: ThreadPoolExecutor) -> _InWork:
    pdfs = desk.archive.signed_pdfs(due.id)
    lifted = []
    for one in due.pdfs:
        signed = pdfs[one.name]
        lasting = desk.lasting(signed.level_wanted if one.why is Why.WAITS else LEVELS[-1])
        lifted.append((one, lasting, threads.submit(_lifted, due.id, one, signed, lasting, desk)))
    return _InWork(due, lifted)


def _lifted(id: str, ageing: Ageing, signed: SignedPdf, lasting: Lasting, desk: RenewalDesk) -> SignedPdf:
    """The PDF with what it lacks, beside. SohoaError says why not."""
    if ageing.holds.until < desk.now():
        raise InputRejected(
            _("{of} ended on {day}, and no later timestamp shows that this was signed before: renewing comes too late")
            .format(of=ageing.holds.of, day=f"{ageing.holds.until:%d/%m/%Y}")
        )  # fmt: skip
    if isinstance(lasting, Proven) and ageing.why is not Why.WAITS:
        _check_gain(ageing, lasting.services)
    name = hashlib.sha256(f"{id}/{ageing.name}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return lifted(signed, desk.folder / f"renew-{name}.pdf", lasting)


def _check_gain(ageing: Ageing, services: Services) -> None:
    """Else each run would add a timestamp that ends as soon as the one before."""
    theirs = token_holds(services.sample(HASH)["content"])
    if theirs.until <= ageing.holds.until:
        raise InputRejected(
            _("the timestamp service's own proofs end on {day} ({of}), no later than what this record has; name "
              "another in signing.timestamp_urls").format(day=f"{theirs.until:%d/%m/%Y}", of=theirs.of)
        )  # fmt: skip


def _ended(work: _InWork, desk: RenewalDesk) -> Renewed | NotRenewed:
    """The record with each of its PDFs that could be lifted; where none could, why."""
    due = work.due
    made: dict[str, SignedPdf] = {}
    failed: list[str] = []
    for one, lasting, future in work.lifted:
        try:
            made[one.name] = future.result()
        except ServiceUnavailable as error:
            if not isinstance(lasting, BasicOnly) and lasting.services.is_resting:
                raise
            failed.append(str(error))
        except SohoaError as error:
            failed.append(str(error))
    if not made:
        return NotRenewed(due.id, "; ".join(dict.fromkeys(failed)))
    now = desk.now()
    said = decision(desk.operator, now, f"renewed: {due.why}, held until {due.holds.until.date().isoformat()}")
    try:
        deposit = desk.archive.renewed(due.id, made, operator=desk.operator, decision=said)
    except (InputRejected, IntegrityBroken) as error:
        return NotRenewed(due.id, str(error))
    desk.catalogue.note_deposit(deposit, who=desk.operator)
    ends = []
    for name, pdf in made.items():
        pdf.path.unlink(missing_ok=True)
        holds = holds_until(desk.archive.signed_pdfs(due.id)[name].path, _signers(pdf))
        assert holds is not None
        ends.append((holds, pdf))
    holds, pdf = min(ends, key=lambda end: end[0].until)
    level = pdf.signatures[0].level if pdf.signatures else LEVELS[-1]
    return Renewed(due, deposit, holds, level, tuple(dict.fromkeys(failed)))
