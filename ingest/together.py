"""Documents of one dossier that follow each other go into the archive together, as one version of its object.

An OCFL inventory names every file of every version, so a version a document makes a dossier of 100 papers 100 MB of
inventories, written and checked one after another; one version for all of them is 1 MB. What waits here for its
neighbours is not lost by a kill: its scan has not come to its end, and the same batch does it again.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ingest.again import Likeness
from schemas.records import Submission

Event = TypeVar("Event")
Ready = TypeVar("Ready")

MOST = 100
"""So many documents at most are one version: each is in memory, and its signed PDF on the disk, until then."""
LONGEST_S = 30.0
"""So long one waits at most for the next."""


@dataclass(slots=True)
class Together(Generic[Ready, Event]):
    """Gathers what is ready, and does what has to come after it in its turn."""

    deposit: Callable[[Sequence[Ready]], Sequence[Event]]
    submission: Callable[[Ready], Submission]
    longest_s: float = LONGEST_S
    _ready: list[Ready] = field(default_factory=list)
    _seen: list[Likeness] = field(default_factory=list)
    """What each of these is told from others by."""
    _behind: list[Ready | Callable[[], Event]] = field(default_factory=list)
    _since: float = 0.0

    def has_room_for(self, submission: Submission) -> bool:
        """*submission* may join those that are gathered: it is of their dossier, and may be none of them scanned again,
        which is looked for among what is in the archive."""
        if not self._ready or len(self._ready) >= MOST:
            return not self._ready
        first, likeness = self.submission(self._ready[0]), Likeness.of(submission.document)
        return first.dossier == submission.dossier and not any(likeness.may_be(other) for other in self._seen)

    def join(self, ready: Ready) -> None:
        """Gather *ready*; the caller has seen that there is room for it."""
        if not self._ready:
            self._since = time.monotonic()
        self._seen.append(Likeness.of(self.submission(ready).document))
        self._ready.append(ready)
        self._behind.append(ready)

    def after(self, end: Callable[[], Event]) -> Iterator[Event]:
        """Do *end* once all that came before it is in the archive: at once where nothing is gathered."""
        if self._ready:
            self._behind.append(end)
        else:
            yield end()

    def overdue(self) -> Iterator[Event]:
        """Put in the archive what has waited for long enough."""
        if self._ready and time.monotonic() - self._since >= self.longest_s:
            yield from self.rest()

    def rest(self) -> Iterator[Event]:
        """Put in the archive all that is gathered, and do what had to come after it, in the order in which it came."""
        if not self._ready:
            return
        ready, behind = self._ready, self._behind
        self._ready, self._seen, self._behind = [], [], []
        events = iter(self.deposit(ready))
        for entry in behind:
            yield entry() if callable(entry) else next(events)
