"""How a batch is shown: its progress while it runs, and what became of it."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

import click
from rich.progress import BarColumn, Progress, TextColumn

from commands.showing import console, harmless, json_line
from ingest.pipeline import Deposited, Event, Held, ScanDone, Skipped
from schemas.language import _
from schemas.pages import PageState, PageText, Scan
from schemas.work import RejectedScan, SecretScan

PLAIN_LINE_EVERY_S = 10.0


class Shown:
    """Progress: a bar on a terminal, a plain line every ten seconds elsewhere."""

    def __init__(self, found: Sequence[Scan | RejectedScan], as_json: bool) -> None:
        self._bytes = {scan.sha256: scan.size_bytes for scan in found if isinstance(scan, Scan)}
        self._total = sum(self._bytes.values())
        self._left_bytes = self._total
        self._read_bytes = 0
        self._scans_left = len(found)
        self._pages = 0
        self._held = 0
        self._started = self._last = time.monotonic()
        self._console = console(err=True)
        self.bar: Progress | None = None
        if self._console.is_terminal and not as_json:
            self.bar = Progress(BarColumn(30), TextColumn("{task.description}"), console=self._console)
            self._task = self.bar.add_task("", total=max(self._total, 1))

    def page(self, scan: Scan, text: PageText, count: int) -> None:
        self._pages += 1
        self._read_bytes += self._bytes.get(scan.sha256, 0) // max(count, 1)
        if text.state is PageState.NOT_READ:
            self._say(_("{scan}, page {page}: not read: {reason}").format(
                scan=scan.path, page=text.number, reason=text.reason))  # fmt: skip
        self._refresh()

    def event(self, event: Event) -> None:
        match event:
            case RejectedScan():
                self._scans_left -= 1
                self._say(_("rejected: {reason}").format(reason=event.reason))
            case SecretScan():
                self._scans_left -= 1
                self._say(_said_of_secret(event))
            case Held():
                self._held += 1
            case ScanDone(scan=scan) | Skipped(scan=scan):
                self._scans_left -= 1
                if isinstance(event, Skipped):
                    self._left_bytes -= self._bytes.get(scan.sha256, 0)
            case Deposited():
                pass
            case _:
                assert_never(event)
        self._refresh()

    def say_status(self, taken: int) -> None:
        """A line that a watcher is at work on these scans, behind *taken* that it took before; from any thread."""
        self._say(_("{time}: watching; {taken} scans taken, {scans} more in work: {pages} pages read, {held} documents "
                    "of them wait").format(time=datetime.now().strftime("%H:%M"), taken=taken, scans=self._scans_left,
                                           pages=self._pages, held=self._held))  # fmt: skip

    def _refresh(self) -> None:
        now = time.monotonic()
        if self.bar is not None:
            self.bar.update(
                self._task, completed=self._total - self._left_bytes + self._read_bytes, description=self._line(now)
            )
        elif now - self._last >= PLAIN_LINE_EVERY_S:
            self._last = now
            click.echo(self._line(now), err=True)

    def _line(self, now: float) -> str:
        seconds = max(now - self._started, 0.001)
        left = (self._left_bytes - self._read_bytes) / max(self._read_bytes / seconds, 1e-9) if self._read_bytes else 0
        return _("{pages} pages, {speed} a second; {scans} scans to go, {held} wait; {minutes} min left").format(
            pages=self._pages, speed=f"{self._pages / seconds:.1f}", scans=self._scans_left, held=self._held,
            minutes=round(max(left, 0) / 60 + 0.5),
        )  # fmt: skip

    def _say(self, line: str) -> None:
        if self.bar is not None:
            self.bar.console.print(harmless(line))
        else:
            click.echo(harmless(line), err=True)


@dataclass(slots=True)
class Regularly:
    """Something that is said every *every_s* seconds, by whoever has the time to."""

    every_s: float
    _last: float = -math.inf

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._last >= self.every_s

    def was_said(self) -> None:
        self._last = time.monotonic()

    @contextmanager
    def said_meanwhile(self, say: Callable[[], None]) -> Iterator[None]:
        """*say* is called whenever it is due until the block ends, from a thread: the block may wait for minutes."""
        ended = threading.Event()

        def go_on() -> None:
            while not ended.wait(max(self._last + self.every_s - time.monotonic(), 0.0)):
                say()
                self.was_said()

        thread = threading.Thread(target=go_on, name="status", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def progress(found: Sequence[Scan | RejectedScan], as_json: bool) -> Iterator[Shown]:
    shown = Shown(found, as_json)
    if shown.bar is None:
        yield shown
    else:
        with shown.bar:
            yield shown


@dataclass
class Summary:
    """What became of the batch: each event as a JSON line where asked for, and the totals with their reasons."""

    as_json: bool
    deposited: int = 0
    known: int = 0
    held: int = 0
    rejected: int = 0
    skipped: int = 0
    pages: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    quarantined: int = 0
    unstamped: int = 0
    started: float = field(default_factory=time.monotonic)

    def take(self, event: Event) -> None:
        line: dict[str, Any]
        match event:
            case Skipped():
                self.skipped += 1
                line = {"event": "skipped", "scan": str(event.scan.path), "state": event.state}
            case Deposited():
                self.deposited += event.deposit.new
                self.known += not event.deposit.new
                self.unstamped += event.waits_for_timestamp
                line = {"event": "deposited", "scan": str(event.scan.path), "record": event.deposit.record.id,
                        "pdf": event.deposit.pdf_path, "new": event.deposit.new,
                        "waits_for_timestamp": event.waits_for_timestamp}  # fmt: skip
            case Held():
                self.held += 1
                self.reasons.update(event.hold.reasons)
                line = {"event": "held", "scan": str(event.scan.path), "hold": event.hold.id,
                        "reasons": list(event.hold.reasons)}  # fmt: skip
            case RejectedScan():
                self.rejected += 1
                line = {"event": "rejected", "scan": event.path, "sha256": event.sha256, "reasons": [event.reason]}
            case SecretScan():
                self.quarantined += 1
                line = {"event": "quarantined", "scan": str(event.scan.path), "sha256": event.scan.sha256,
                        "page": event.page}  # fmt: skip
            case ScanDone():
                self.pages += event.pages
                line = {"event": "done", "scan": str(event.scan.path), "pages": event.pages,
                        "documents": event.documents}  # fmt: skip
            case _:
                assert_never(event)
        if self.as_json:
            json_line(line)

    def close(self, indexed: int | None) -> None:
        seconds = time.monotonic() - self.started
        if self.as_json:
            json_line({
                "event": "summary", "deposited": self.deposited, "known": self.known, "held": self.held,
                "rejected": self.rejected, "quarantined": self.quarantined, "skipped": self.skipped,
                "pages": self.pages, "indexed": indexed, "wait_for_timestamp": self.unstamped,
                "seconds": round(seconds, 1),
            })  # fmt: skip
            return
        click.echo(_("{deposited} records archived, {held} wait for a person, {rejected} scans rejected, {skipped} "
                     "done before; {pages} pages in {seconds} s ({speed} a second).").format(
            deposited=self.deposited, held=self.held, rejected=self.rejected, skipped=self.skipped, pages=self.pages,
            seconds=round(seconds), speed=f"{self.pages / max(seconds, 0.001):.1f}"))  # fmt: skip
        for reason, count in self.reasons.most_common():
            click.echo(f"  {count:5d}  {harmless(reason)}")
        if self.quarantined:
            click.echo(_("{count} scans bear a secrecy stamp: see quarantine/ in the workspace.").format(
                count=self.quarantined))  # fmt: skip
        if self.unstamped:
            click.echo(_("{count} records wait for a timestamp that was not to be had; later: sohoa renew").format(
                count=self.unstamped))  # fmt: skip
        if self.held:
            click.echo(_("See what waits: sohoa review list"))

    def exit_code(self) -> int:
        if self.quarantined:
            return 7
        if self.rejected and not (self.deposited or self.held or self.skipped or self.known):
            return 4
        return 3 if self.rejected or self.held else 0


def _said_of_secret(secret: SecretScan) -> str:
    return _(
        "{scan}, page {page}: bears a secrecy stamp; nothing of it was kept, and quarantine/ says what to do"
    ).format(scan=secret.scan.path, page=secret.page)
