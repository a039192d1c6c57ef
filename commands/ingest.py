"""``sohoa ingest``: scans to signed, archived, indexed records."""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, assert_never

import click
from rich.progress import BarColumn, Progress, TextColumn

from cli import Context
from commands.engines import desk_of, opened_pool, operator_of, reading_options
from commands.indexing import index_or_say
from commands.showing import console, harmless, json_line
from commands.workspace import Workspace
from ingest.intake import find_scans
from ingest.pipeline import Deposited, Event, Held, ScanDone, Skipped, ingest
from ingest.readings import KeptReadings
from ingest.scanreading import Reading
from schemas.errors import ServiceUnavailable
from schemas.language import _
from schemas.pages import PageState, PageText, Scan
from schemas.stored import to_json
from schemas.work import RejectedScan, ScanState, SecretScan

SPACE_FLOOR_BYTES = 200_000_000
"""Below this much free space no scan is begun: room for one large document on its way."""
PLAIN_LINE_EVERY_S = 10.0


@click.command(help=_("Read scans, make them searchable PDF/A, sign, archive and index them."))
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--unit", default=None, help=_("Code of the unit whose papers these are."))
@click.option("--procedure", default="", help=_("Code of the procedure."))
@click.option("--dossier", default="", help=_("Code of the dossier that all these papers belong to."))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--workers", type=click.IntRange(0), default=None, help=_("Worker processes (0: one a core)."))
@click.option("--fast", is_flag=True, help=_("Read every page once only."))
@click.option("--dry-run", is_flag=True, help=_("Say what would be done, and do nothing."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def command(
    context: Context,
    paths: tuple[Path, ...],
    unit: str | None,
    procedure: str,
    dossier: str,
    operator: str | None,
    workers: int | None,
    fast: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    workspace = context.workspace
    found = list(find_scans(paths, exclude=[workspace.folder]))
    if dry_run:
        return _say_what_would_be_done(found, workspace, as_json)
    options = reading_options(workspace.settings, fast=fast)
    desk = desk_of(
        workspace,
        operator_of(workspace, operator),
        unit=unit if unit is not None else workspace.settings.office.unit,
        procedure=procedure,
        dossier=dossier,
        settings={"reading": to_json(options)},
    )
    summary = Summary(as_json)
    with (
        workspace.only_writer(),
        opened_pool(workspace.settings, options, workers) as pool,
        _stopping_softly() as stop,
        _shown(found, as_json) as shown,
    ):
        reading = Reading(
            pool=pool,
            options=options,
            spool=workspace.folder / "tmp",
            passwords=workspace.settings.reading.pdf_passwords,
            kept=KeptReadings(workspace.folder / "tmp" / "readings", options),
            on_page=shown.page,
        )
        for event in ingest(_while_there_is_room(_until(stop, found), workspace.folder), reading, desk):
            summary.take(event)
            shown.event(event)
    indexed = index_or_say(workspace)
    summary.close(indexed)
    if stop.asked:
        raise KeyboardInterrupt
    return summary.exit_code()


@dataclass
class _Stop:
    asked: bool = False


@contextmanager
def _stopping_softly() -> Iterator[_Stop]:
    """The first Ctrl-C ends after the pages in hand, the second at once."""
    stop = _Stop()

    def ask(signum: int, frame: object) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        click.echo(_("Stopping after the pages in hand; once more to stop at once."), err=True)

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until(stop: _Stop, scans: Sequence[Scan | RejectedScan]) -> Iterator[Scan | RejectedScan]:
    for scan in scans:
        if stop.asked:
            return
        yield scan


def _while_there_is_room(scans: Iterator[Scan | RejectedScan], folder: Path) -> Iterator[Scan | RejectedScan]:
    for scan in scans:
        needed = SPACE_FLOOR_BYTES + (4 * scan.size_bytes if isinstance(scan, Scan) else 0)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise ServiceUnavailable(
                _("workspace {folder}: {free} MB free, {needed} MB needed for the next scan; make room, then run the "
                  "same command again").format(folder=folder, free=free // 1_000_000, needed=needed // 1_000_000)
            )  # fmt: skip
        yield scan


class _Shown:
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


@contextmanager
def _shown(found: Sequence[Scan | RejectedScan], as_json: bool) -> Iterator[_Shown]:
    shown = _Shown(found, as_json)
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
                line = {"event": "deposited", "scan": str(event.scan.path), "record": event.deposit.record.id,
                        "pdf": event.deposit.pdf_path, "new": event.deposit.new}  # fmt: skip
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
                "pages": self.pages, "indexed": indexed,
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


def _say_what_would_be_done(found: Sequence[Scan | RejectedScan], workspace: Workspace, as_json: bool) -> int:
    for scan in found:
        if isinstance(scan, RejectedScan):
            line = {"scan": scan.path, "would": "reject", "reasons": [scan.reason]}
        else:
            known = workspace.catalogue.scan_state(scan.sha256)
            done = known is not None and known[0] in (ScanState.DONE, ScanState.QUARANTINED)
            line = {"scan": str(scan.path), "sha256": scan.sha256, "would": "skip" if done else "take"}
        if as_json:
            json_line(line)
        else:
            words = {"reject": _("reject"), "skip": _("skip (done before)"), "take": _("take")}
            click.echo(f"{words[str(line['would'])]:20s} {harmless(str(line['scan']))}")
    return 3 if any(isinstance(scan, RejectedScan) for scan in found) else 0
