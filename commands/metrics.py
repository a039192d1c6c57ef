"""What a Prometheus server may ask of a run: ``--metrics-port``. Numbers only; nothing that a paper says."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, assert_never

from commands.workspace import Workspace
from ingest.pipeline import Deposited, Event, Held, ScanDone, Skipped
from schemas.errors import ServiceUnavailable, SettingsRejected, SohoaError
from schemas.language import _
from schemas.pages import PageState, PageText, Scan
from schemas.work import RejectedScan, ScanState, SecretScan


class Meter(Protocol):
    """Is told what happens in a run."""

    def found(self, scans: Sequence[Scan | RejectedScan]) -> None: ...
    def page(self, text: PageText) -> None: ...
    def event(self, event: Event) -> None: ...
    def signed(self, seconds: float) -> None: ...
    def not_indexed(self) -> None: ...


class NoMeter:
    """Nobody asks."""

    def found(self, scans: Sequence[Scan | RejectedScan]) -> None:
        pass

    def page(self, text: PageText) -> None:
        pass

    def event(self, event: Event) -> None:
        pass

    def signed(self, seconds: float) -> None:
        pass

    def not_indexed(self) -> None:
        pass


@contextmanager
def metered(port: int | None, workspace: Workspace) -> Iterator[Meter]:
    """A meter that answers at ``http://127.0.0.1:<port>/metrics`` while the block runs; one for nobody without *port*.

    It listens on this machine only: a Prometheus elsewhere comes through whatever guards this machine's ports.
    SettingsRejected without the package for it, ServiceUnavailable where the port is taken.
    """
    if port is None:
        yield NoMeter()
        return
    try:
        from prometheus_client import start_http_server
    except ImportError as error:
        raise SettingsRejected(
            _("--metrics-port needs one more package ({error}): pip install 'sohoa[cluster]'").format(error=error)
        ) from error
    meter = _PrometheusMeter(workspace)
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=meter.registry)
    except OSError as error:
        raise ServiceUnavailable(
            _("--metrics-port {port}: {error}; choose another port").format(port=port, error=error.strerror)
        ) from error
    try:
        yield meter
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _PrometheusMeter:
    def __init__(self, workspace: Workspace) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._pages = Counter("sohoa_pages", "Pages read, by how that ended.", ["state"], registry=self.registry)
        self._documents = Counter("sohoa_documents", "Documents, by how they ended.", ["ending"],
                                  registry=self.registry)  # fmt: skip
        self._scans = Counter("sohoa_scans", "Scans, by how they ended.", ["ending"], registry=self.registry)
        self._signing = Histogram("sohoa_signing_seconds", "Time to sign a document, timestamps aside.",
                                  buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30), registry=self.registry)  # fmt: skip
        self._errors = Counter("sohoa_errors", "What went wrong, by what that was.", ["reason"], registry=self.registry)
        self._waiting: dict[str, float] = {}
        """When the scans of this batch that are not at their end were written, by their paths."""
        self._workspace = workspace
        for name, meaning, asked in (
            ("sohoa_holds_waiting", "Documents that wait for a person.", self._holds),
            ("sohoa_oldest_hold_age_seconds", "How long the oldest of them has waited.", self._oldest),
            ("sohoa_scans_waiting", "Scans of this batch that are not at their end.", lambda: len(self._waiting)),
            ("sohoa_oldest_scan_age_seconds", "How long ago the oldest of them was written.", self._oldest_scan),
            ("sohoa_scans_in_work", "Scans taken and not at their end.", self._in_work),
            ("sohoa_index_behind_records", "Records that the index has yet to take in; -1: it does not answer.",
             self._behind),
            ("sohoa_disk_free_bytes", "Room left where the workspace is.", self._free),
        ):  # fmt: skip
            Gauge(name, meaning, registry=self.registry).set_function(asked)

    def found(self, scans: Sequence[Scan | RejectedScan]) -> None:
        self._waiting = dict(_written(scan.path) for scan in scans if isinstance(scan, Scan))

    def page(self, text: PageText) -> None:
        self._pages.labels(text.state).inc()
        if text.state is PageState.NOT_READ:
            self._errors.labels("page not read").inc()

    def not_indexed(self) -> None:
        self._errors.labels("not indexed").inc()

    def signed(self, seconds: float) -> None:
        self._signing.observe(seconds)

    def event(self, event: Event) -> None:
        match event:
            case Deposited():
                self._documents.labels("archived" if event.deposit.new else "known").inc()
            case Held():
                self._documents.labels("held").inc()
            case ScanDone():
                self._ended(event.scan.path, "done")
            case Skipped():
                self._ended(event.scan.path, "skipped")
            case RejectedScan():
                self._ended(event.path, "rejected")
                self._errors.labels("scan rejected").inc()
            case SecretScan():
                self._ended(event.scan.path, "quarantined")
                self._errors.labels("stamp of secrecy").inc()
            case _:
                assert_never(event)

    def _ended(self, path: Path | str, how: str) -> None:
        self._scans.labels(how).inc()
        self._waiting.pop(str(path), None)

    # Asked when Prometheus asks, by its thread

    def _oldest_scan(self) -> float:
        written = list(self._waiting.values())
        return max(time.time() - min(written), 0.0) if written else 0.0

    def _holds(self) -> float:
        return self._workspace.catalogue.count_waiting()

    def _oldest(self) -> float:
        oldest = self._workspace.catalogue.oldest_waiting()
        return (datetime.now(UTC) - oldest).total_seconds() if oldest is not None else 0.0

    def _in_work(self) -> float:
        return len(self._workspace.catalogue.scans(ScanState.TAKEN))

    def _behind(self) -> float:
        from commands.indexing import behind

        try:
            return behind(self._workspace)
        except SohoaError:
            return -1.0

    def _free(self) -> float:
        return shutil.disk_usage(self._workspace.folder).free


def _written(scan: Path) -> tuple[str, float]:
    try:
        return str(scan), scan.stat().st_mtime
    except OSError:  # it went away again
        return str(scan), time.time()
