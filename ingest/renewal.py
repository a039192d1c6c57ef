"""Renewing records: those that wait for a timestamp are lifted, those whose proofs age get the next archive timestamp.

Each is a new version of its record, of its own: broken off anywhere, the same command goes on.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
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
class Due:
    """A record to be renewed, and why."""

    id: str
    why: Why
    holds: Holds


@dataclass(frozen=True, slots=True)
class Standing:
    """A record that holds until the day that was asked for, or longer."""

    id: str
    holds: Holds
    pdf_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Renewed:
    due: Due
    deposit: Deposit
    holds: Holds
    level: str


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
    """Whether a record is due: it waits for a timestamp, or something that it stands on ends before *before*."""
    try:
        signed = archive.signed(id)
        holds = holds_until(signed.path)
    except (InputRejected, IntegrityBroken) as error:
        return NotRenewed(id, str(error))
    if holds is None:
        return NotRenewed(id, _("bears no signature"))
    if signed.waits_for_timestamp:
        return Due(id, Why.WAITS, holds)
    return Due(id, holds.why, holds) if holds.until < before else Standing(id, holds, signed.sha256)


def note_standing(found: Standing, listed: Mapping[str, str], desk: RenewalDesk) -> None:
    """Take a record's newest version into the catalogue, which *listed* the SHA-256 of another PDF: a renewal that was
    killed had put it into the archive, and nothing is left to renew."""
    if listed.get(found.id) != found.pdf_sha256:
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
    lasting: Lasting
    lifted: Future[SignedPdf]


def _begun(due: Due, desk: RenewalDesk, threads: ThreadPoolExecutor) -> _InWork:
    signed = desk.archive.signed(due.id)
    lasting = desk.lasting(signed.level_wanted if due.why is Why.WAITS else LEVELS[-1])
    return _InWork(due, lasting, threads.submit(_lifted, due, signed, lasting, desk))


def _lifted(due: Due, signed: SignedPdf, lasting: Lasting, desk: RenewalDesk) -> SignedPdf:
    """Its PDF with what it lacks, beside. SohoaError says why not."""
    if due.holds.until < desk.now():
        raise InputRejected(
            _("{of} ended on {day}, and no later timestamp shows that this was signed before: renewing comes too late")
            .format(of=due.holds.of, day=f"{due.holds.until:%d/%m/%Y}")
        )  # fmt: skip
    if isinstance(lasting, Proven) and due.why is not Why.WAITS:
        _check_gain(due, lasting.services)
    name = hashlib.sha256(due.id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return lifted(signed, desk.folder / f"renew-{name}.pdf", lasting)


def _check_gain(due: Due, services: Services) -> None:
    """Else each run would add a timestamp that ends as soon as the one before."""
    theirs = token_holds(services.sample(HASH)["content"])
    if theirs.until <= due.holds.until:
        raise InputRejected(
            _("the timestamp service's own proofs end on {day} ({of}), no later than what this record has; name "
              "another in signing.timestamp_urls").format(day=f"{theirs.until:%d/%m/%Y}", of=theirs.of)
        )  # fmt: skip


def _ended(work: _InWork, desk: RenewalDesk) -> Renewed | NotRenewed:
    due = work.due
    try:
        signed = work.lifted.result()
    except ServiceUnavailable as error:
        if not isinstance(work.lasting, BasicOnly) and work.lasting.services.is_resting:
            raise
        return NotRenewed(due.id, str(error))
    except SohoaError as error:
        return NotRenewed(due.id, str(error))
    now = desk.now()
    said = decision(desk.operator, now, f"renewed: {due.why}, held until {due.holds.until.date().isoformat()}")
    try:
        deposit = desk.archive.renewed(due.id, signed, operator=desk.operator, decision=said)
    except (InputRejected, IntegrityBroken) as error:
        return NotRenewed(due.id, str(error))
    desk.catalogue.note_deposit(deposit, who=desk.operator)
    signed.path.unlink(missing_ok=True)
    holds = holds_until(desk.archive.pdf(due.id))
    assert holds is not None
    return Renewed(due, deposit, holds, signed.signatures[0].level if signed.signatures else LEVELS[-1])
