"""The workspace: one folder with settings, archive, catalogue, index and what waits. The first command makes it."""

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.settings import Settings, load_settings
from schemas.work import ScanState

if TYPE_CHECKING:
    from archive.catalogue import Catalogue
    from archive.claims import Claims, SharedClaims
    from archive.store import Archive
    from search.index import SearchIndex

ABANDONED_AFTER_S = 86_400
SWEEPING_S = 10.0
"""Longer than it takes to sweep up what killed runs left."""
INTAKE_LOCK, REVIEW_LOCK = "lock", "lock.review"


@dataclass
class Workspace:
    """The folder's parts, each opened when first asked for."""

    folder: Path
    settings: Settings

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """The workspace at *folder*, made (mode 700) if it is not there.

        ServiceUnavailable when the folder cannot be made or written.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in ("waiting", "quarantine", "tmp"):
                (folder / part).mkdir(mode=0o700, exist_ok=True)
            probe = folder / "tmp" / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ServiceUnavailable(
                _("workspace {folder}: cannot be written ({error}); choose another with --workspace, or mend its "
                  "owner and permissions").format(folder=folder, error=error.strerror)
            ) from error  # fmt: skip
        return cls(folder, load_settings(folder / "sohoa.toml"))

    @contextmanager
    def only_writer(self) -> Iterator[None]:
        """Alone in writing to this workspace, and to a catalogue that several share, until the block ends.

        ServiceUnavailable at once where somebody else writes; SettingsRejected where the catalogue's account may not.
        """
        with self._locked(REVIEW_LOCK):
            self.catalogue.check_may_write()
            if not self.catalogue.is_shared:
                with self.only_intake():
                    yield
                return
            with self._claims() as claims:
                if not claims.take(INTAKE_LOCK):
                    raise self._busy_with_others(claims)
                self._sweep()
                yield

    @contextmanager
    def only_reviewer(self) -> Iterator[None]:
        """Alone in deciding on what waits; scans may be taken in meanwhile, so that a clerk need not stop for them."""
        with self._locked(REVIEW_LOCK):
            self.catalogue.check_may_write()
            yield

    @contextmanager
    def only_intake(self) -> Iterator["Claims"]:
        """Alone in taking in scans, while people may decide on what waits. What killed runs left is swept up first.

        On a catalogue that several share it is only each scan that one is alone with, by the claims that are returned.
        """
        self.catalogue.check_may_write()
        if self.catalogue.is_shared:
            with self._beside_other_intakes() as claims:
                yield claims
            return
        with self._locked(INTAKE_LOCK):
            with suppress(ServiceUnavailable), self._swept_by():
                self._sweep()
            from archive.claims import OnlyRun

            yield OnlyRun()

    @contextmanager
    def _beside_other_intakes(self) -> Iterator["Claims"]:
        with self._claims() as claims:
            nobody_else = claims.take(INTAKE_LOCK)
            if nobody_else:
                with suppress(ServiceUnavailable), self._swept_by():
                    self._sweep()
            deadline = time.monotonic() + SWEEPING_S
            while not claims.share(INTAKE_LOCK):  # another intake, which begins now, may be sweeping
                if time.monotonic() > deadline:
                    raise self._busy_with_others(claims)
                time.sleep(0.1)
            if nobody_else:
                claims.give_back(INTAKE_LOCK)
            yield claims

    @contextmanager
    def _swept_by(self) -> Iterator[None]:
        """Nobody is deciding: what they have in hand looks like what a killed run left. Else the next run sweeps."""
        if (self.folder / REVIEW_LOCK).resolve() in _held:  # by this run itself
            yield
            return
        with self._locked(REVIEW_LOCK):
            yield

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Alone among those who take the lock *name*, until the block ends.

        The system lets go of the lock when its holder ends, however that came; what the file then still says of it is
        stale, and is written over. ServiceUnavailable at once, naming the holder, while another run has it, and where
        the folder lies on a network file system that cannot lock.
        """
        file = self.folder / name
        # A POSIX lock belongs to the process: workers forked from a run that was killed do not keep it, as they would
        # a flock. Two of one process would not see each other, hence the set.
        if file.resolve() in _held:  # and reading the file here would give the lock up
            raise self._busy(_("this process ({pid})").format(pid=os.getpid()))
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ServiceUnavailable(
                _("workspace {folder}: cannot be locked ({error}); mend the owner and permissions of {file}").format(
                    folder=self.folder, error=error.strerror, file=file
                )
            ) from error
        try:
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                raise self._busy(_holder(file)) from error
            except OSError as error:
                raise ServiceUnavailable(
                    _("workspace {folder}: its file system cannot lock ({error}), so two runs could damage each "
                      "other's work; put the workspace on a local disk, or mount it with locks").format(
                        folder=self.folder, error=error.strerror)
                ) from error  # fmt: skip
            _held.add(file.resolve())
            try:
                with suppress(OSError):  # a full disk: the holder's name is a courtesy, the lock holds without it
                    _write_holder(handle)
                yield
            finally:
                os.ftruncate(handle, 0)
                _held.discard(file.resolve())
        finally:
            os.close(handle)

    def _sweep(self) -> None:
        """Drop what runs that were killed left behind: they hold pieces of papers, and no run will come for them.

        What may still be wanted stays: readings of scans that are gone on with, PDFs that wait or were never heard of.
        """
        for file in self.folder.glob("tmp/*"):
            abandoned = file.stat().st_mtime < time.time() - ABANDONED_AFTER_S
            if file.is_file():
                file.unlink(missing_ok=True)
            # any other that is younger may be of `review export`, which needs no lock
            elif file.name.startswith("pages-") or (file.name != "readings" and abandoned):
                shutil.rmtree(file, ignore_errors=True)
        for readings in self.folder.glob("tmp/readings/*"):
            known = self.catalogue.scan_state(readings.name)
            if known is not None and known[0] is not ScanState.TAKEN:
                shutil.rmtree(readings, ignore_errors=True)
        for file in self.folder.glob("waiting/*"):
            hold = self.catalogue.find_hold(file.name.split(".")[0])
            if file.suffix == ".part" or (hold is not None and hold.decided_at is not None):
                file.unlink(missing_ok=True)

    def review_spool(self) -> Path:
        """A folder for pages that a review draws; what a killed one left there is swept up after a day."""
        spool = self.folder / "tmp" / "review"
        spool.mkdir(mode=0o700, exist_ok=True)
        return spool

    def _claims(self) -> AbstractContextManager["SharedClaims"]:
        from archive.claims import claims_on

        return claims_on(self.catalogue.engine)

    def _busy_with_others(self, claims: "SharedClaims") -> ServiceUnavailable:
        return self._busy(claims.holder(INTAKE_LOCK) or _("another run that has just begun"))

    def _busy(self, holder: str) -> ServiceUnavailable:
        return ServiceUnavailable(
            _("workspace {folder}: in use by {holder}; wait until that run has ended").format(
                folder=self.folder, holder=holder
            )
        )

    @property
    def catalogue_url(self) -> str:
        """Which database the catalogue is on. SettingsRejected for one elsewhere that is not asked over verified TLS,
        unless the settings allow it."""
        url = self.settings.catalogue.url
        if not url:
            return f"sqlite:///{self.folder / 'catalogue.db'}"
        if not self.settings.catalogue.allow_plain:
            from archive.database import check_way

            check_way(url)
        return url

    @cached_property
    def catalogue(self) -> "Catalogue":
        from archive.catalogue import Catalogue

        return Catalogue.open(self.catalogue_url)

    @cached_property
    def archive(self) -> "Archive":
        from archive.store import Archive

        root = self.settings.archive.root
        if root.startswith("s3://"):
            from archive.bucket import open_bucket

            return Archive.open(self.folder / "archive", bucket=open_bucket(root, self.settings.archive))
        return Archive.open(Path(root or self.folder / "archive"))

    @cached_property
    def index(self) -> "SearchIndex":
        from search.index import open_index

        return open_index(self.settings.search, self.folder / "index")


_held: set[Path] = set()
"""The lock files that this process holds."""


def _write_holder(handle: int) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    }
    os.ftruncate(handle, 0)
    os.pwrite(handle, json.dumps(holder).encode(), 0)


def _holder(file: Path) -> str:
    """Who says in *file* that they have it."""
    try:
        holder = json.loads(file.read_text(encoding="utf-8"))
        return _("process {pid} on {host} since {since}").format(
            pid=holder["pid"], host=holder["host"], since=holder["since"]
        )
    except (OSError, ValueError, KeyError):
        return _("another run that has just begun")
