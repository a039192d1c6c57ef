"""Which scans a run may take while others take from the same folders.

A folder goes to one run at a time: a cover sheet stands over the files that follow it in its folder, so that only who
has done those before it can tell what a file is. A folder is what a stack is scanned into, and the smallest group of
files that hangs together for sure. Beside it each scan is claimed by its content, which may lie in two folders.

Nothing here waits while scans are in work: what others have is left, and looked at again when this run's own scans have
ended and their claims are given back. A run that waited with claims in its hand could wait for one that waits for it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from archive.catalogue import Catalogue
from archive.claims import Claims
from schemas.pages import Scan
from schemas.work import RejectedScan, ScanState


@dataclass(slots=True)
class Turns:
    """Hands out the scans that nobody else has in work; ``left`` are those to come back to."""

    claims: Claims
    catalogue: Catalogue
    skip: Callable[[Scan, ScanState], None]
    """Told of a scan that another run has rejected meanwhile; it ``ended`` as the others do."""
    left: list[Scan | RejectedScan] = field(default_factory=list)
    _rejections: int = field(init=False)
    _in_work: Counter[Path] = field(default_factory=Counter)
    """How many scans of each claimed folder have not ended."""

    def __post_init__(self) -> None:
        self._rejections = self.catalogue.last_rejection()

    def take(self, scans: Iterable[Scan | RejectedScan]) -> Iterator[Scan | RejectedScan]:
        """Those of *scans* that are this run's now, in their order; each is claimed until it has ``ended``."""
        for folder, run in groupby(scans, key=lambda scan: Path(scan.path).parent):
            if not self._in_work[folder] and not self.claims.take(_folder(folder)):
                self.left += run
                continue
            self._in_work[folder] += 1  # itself, while its files are handed out
            for scan in run:
                if isinstance(scan, Scan) and not self.claims.take(_scan(scan.sha256)):
                    self.left.append(scan)
                    continue
                rejected = self._was_rejected_elsewhere(scan)
                if rejected and isinstance(scan, RejectedScan):
                    continue
                self._in_work[folder] += 1
                if rejected and isinstance(scan, Scan):
                    self.skip(scan, ScanState.REJECTED)
                else:
                    yield scan
            self._leave(folder)

    def those_left(self) -> list[Scan | RejectedScan]:
        """What others had; from now on it is this run's again to take."""
        left, self.left = self.left, []
        return left

    def ended(self, path: Path, sha256: str) -> None:
        """A scan that was taken has come to its end: others may have its folder once all of it has."""
        if sha256:
            self.claims.give_back(_scan(sha256))
        self._leave(path.parent)

    def _leave(self, folder: Path) -> None:
        self._in_work[folder] -= 1
        if not self._in_work[folder]:
            self.claims.give_back(_folder(folder))

    def _was_rejected_elsewhere(self, scan: Scan | RejectedScan) -> bool:
        sha256 = scan.sha256 if isinstance(scan, Scan) else ""  # of files that are no scans each is named
        return self.catalogue.was_rejected_after(self._rejections, str(scan.path), sha256)


def _folder(folder: Path) -> str:
    return f"folder {folder.absolute()}"


def _scan(sha256: str) -> str:
    return f"scan {sha256}"
