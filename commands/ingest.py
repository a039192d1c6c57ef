"""``sohoa ingest``: scans to signed, archived, indexed records."""

import gc
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import click

from archive.claims import OnlyRun
from archive.eark import is_packages, packages_in
from cli import Context
from commands.access import operator_of
from commands.batchview import Regularly, Shown, Summary, progress
from commands.engines import desk_of, opened_pool, reading_options
from commands.indexing import index_or_say
from commands.inputpath import InputPath
from commands.metrics import Meter, metered
from commands.naming import check_procedure
from commands.packages import take_packages
from commands.runlog import logged
from commands.showing import harmless, json_line
from commands.workspace import Workspace
from ingest.intake import find_scans
from ingest.interleave import Interleaving, Pile, Piles, interleaved
from ingest.labels import Labels, labels_of, manifests
from ingest.pipeline import Desk, ingest
from ingest.readings import KeptReadings
from ingest.scanreading import Reading
from ingest.watch import Watch, only_watcher
from ingest.workers import Pool
from schemas.errors import InputRejected, ServiceUnavailable, SettingsRejected
from schemas.language import _
from schemas.pages import PageText, ReadingOptions, Scan
from schemas.stored import to_json
from schemas.work import RejectedScan, ScanState

LOOK_EVERY_S = 1.0
COLLECTED_AT_ONCE = 10_000
"""New objects between two rounds of the garbage collector; Python's own 700 are a line or two of a page."""
STDERR = 2
SPACE_FLOOR_BYTES = 200_000_000
"""Below this much free space no scan is begun: room for one large document on its way."""


@click.command(help=_("Read scans, make them searchable PDF/A, sign, archive and index them."))
@click.argument("paths", nargs=-1, required=True, type=InputPath())
@click.option("--unit", default=None, help=_("Code of the unit whose papers these are."))
@click.option("--procedure", default="", help=_("Code of the procedure."))
@click.option("--dossier", default="", help=_("Code of the dossier that all these papers belong to."))
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--workers", type=click.IntRange(0), default=None, help=_("Worker processes (0: one a core)."))
@click.option("--fast", is_flag=True, help=_("Read every page once only."))
@click.option("--watch", is_flag=True, help=_("Go on: take what arrives in these folders, until Ctrl-C."))
@click.option("--interleave", type=click.Choice(["file", "pair"]), default=None,
              help=_("Piles fed twice, all fronts and then all backs: in one file, or in pairs of files."))  # fmt: skip
@click.option("--backs-in-order", is_flag=True, help=_("With --interleave: the backs begin with the first sheet's."))
@click.option("--metrics-port", type=click.IntRange(1, 65535), default=None,
              help=_("Answer Prometheus at this port of this machine while the run lasts."))  # fmt: skip
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
    watch: bool,
    interleave: Piles | None,
    backs_in_order: bool,
    metrics_port: int | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    workspace = context.workspace
    intake = workspace.settings.intake
    packages = packages_in(paths)
    not_scans = [workspace.folder, *manifests(paths, intake.manifest), *packages]
    if dry_run:
        return _say_what_would_be_done(list(find_scans(paths, exclude=not_scans)), workspace, as_json)
    if watch and interleave == "pair":
        raise SettingsRejected(_("--interleave pair: of two files that arrive one is always first; scan both sides "
                                 "into one file (--interleave file), or leave out --watch"))  # fmt: skip
    check_procedure(workspace, procedure)
    options = reading_options(workspace.settings, fast=fast)
    passwords = workspace.settings.reading.pdf_passwords
    sides = Interleaving(interleave, backs_in_order, workspace.folder / "joined", passwords) if interleave else None
    desk = desk_of(
        workspace,
        operator_of(workspace, operator),
        unit=unit if unit is not None else workspace.settings.office.unit,
        procedure=procedure,
        dossier=dossier,
        settings={"reading": to_json(options)},
    )
    with (
        nullcontext(OnlyRun()) if watch else workspace.only_intake() as claims,
        only_watcher(paths if watch else ()),
        _stopping_softly() as stop,
        metered(metrics_port, workspace) as metrics,
        logged(workspace.settings.log.file, metrics) as log,
        opened_pool(workspace.settings, options, workers) as pool,
        _collecting_seldom(),
    ):
        meter = log or metrics
        desk = replace(desk, signed=meter.signed, claims=claims, waits=_say_who_is_waited_for)
        desk = replace(desk, begun=log.begun) if log is not None else desk
        run = _Run(workspace, desk, pool, options, stop, meter, as_json, sides)
        if watch:
            run.watch(paths)
            return 0
        labels = labels_of(paths, intake.folders, intake.manifest)
        refused = take_packages(workspace, packages, desk.operator, as_json)
        paths = tuple(path for path in paths if path not in packages)
        summary = run.batch(list(find_scans(paths, exclude=not_scans)), labels)
    if stop.asked:
        raise KeyboardInterrupt
    return summary.exit_code() or (3 if refused else 0)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Leave to the garbage collector only what comes from here on, and let it come seldom: it went over all that is
    loaded by now again and again, for a seventh of this process's time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECTED_AT_ONCE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@dataclass(frozen=True, slots=True)
class _Run:
    """What batches are run with, one after another."""

    workspace: Workspace
    desk: Desk
    pool: Pool
    options: ReadingOptions
    stop: "_Stop"
    meter: Meter
    as_json: bool
    sides: Interleaving | None = None

    def batch(
        self,
        found: Sequence[Scan | RejectedScan],
        labels: Labels,
        meanwhile: Callable[[Shown], AbstractContextManager[None]] = lambda shown: nullcontext(),
    ) -> Summary:
        """Do one batch, catch the index up, and say what became of it; *meanwhile* is around the batch."""
        if self.sides is not None:
            found, labels = self._in_order(found, labels, self.sides)
        summary = Summary(self.as_json)
        self.meter.found(found)
        tmp = self.workspace.folder / "tmp"
        with progress(found, self.as_json) as shown, meanwhile(shown):

            def on_page(scan: Scan, text: PageText, count: int) -> None:
                shown.page(scan, text, count)
                self.meter.page(text)

            reading = Reading(
                pool=self.pool,
                options=self.options,
                spool=tmp,
                passwords=self.workspace.settings.reading.pdf_passwords,
                kept=KeptReadings(tmp / "readings", self.options),
                on_page=on_page,
                released=self.workspace.catalogue.is_released,
                stopped=lambda: self.stop.asked,
            )
            scans = _while_there_is_room(_until(self.stop, found), self.workspace.folder)
            for event in ingest(scans, reading, replace(self.desk, labels=labels)):
                summary.take(event)
                shown.event(event)
                self.meter.event(event)
        indexed = index_or_say(self.workspace)
        if indexed is None:
            self.meter.not_indexed()
        summary.close(indexed)
        return summary

    def _in_order(
        self, found: Sequence[Scan | RejectedScan], labels: Labels, sides: Interleaving
    ) -> tuple[Sequence[Scan | RejectedScan], Labels]:
        """The piles put together, each noted in the log with what it was made from; the labels speak of them too."""
        piles = list(interleaved(found, sides))
        for pile in piles:
            if isinstance(pile, Pile):
                self.workspace.catalogue.note_access(
                    self.desk.operator, f"interleave from {pile.fronts}", pile.scan.sha256
                )
        made_from = {pile.scan.path: pile.fronts for pile in piles if isinstance(pile, Pile)}
        return [pile.scan if isinstance(pile, Pile) else pile for pile in piles], replace(labels, made_from=made_from)

    def watch(self, paths: Sequence[Path]) -> None:
        """Take what arrives, until the stop; a line now and then says that it is at work, during a batch too."""
        intake = self.workspace.settings.intake
        watch = Watch(paths, exclude=[self.workspace.folder], names_left_out=(intake.manifest,))
        arrived: list[Scan | RejectedScan] = []
        packages: set[Path] = set()
        taken = 0
        status = Regularly(intake.status_every_s)

        def at_work(shown: Shown) -> AbstractContextManager[None]:
            return status.said_meanwhile(lambda: shown.say_status(taken))

        while not self.stop.asked:
            for scan in watch.arrived():
                package = next(filter(is_packages, Path(scan.path).parents), None)
                if package is None:
                    arrived.append(scan)
                elif package not in packages:
                    packages.add(package)
                    said = _("{package}: a package for the archive; this takes it in: sohoa ingest {package}")
                    click.echo(said.format(package=harmless(str(package))), err=True)
            status_is_due = status.is_due
            if arrived:
                try:
                    labels = labels_of(paths, intake.folders, intake.manifest)
                except InputRejected as error:  # a manifest: what it speaks of waits until it is mended
                    if status_is_due:
                        click.echo(_("Error: {error}").format(error=error), err=True)
                else:
                    with ExitStack() as stack:  # the lock between batches is for who imports, rebuilds or audits
                        try:
                            claims = stack.enter_context(self.workspace.only_intake())
                        except ServiceUnavailable as busy:
                            if status_is_due:
                                click.echo(str(busy), err=True)
                        else:
                            replace(self, desk=replace(self.desk, claims=claims)).batch(arrived, labels, at_work)
                            taken += len(arrived)
                            arrived = []
            if status_is_due:
                status.was_said()
                self._say_status(taken, watch.settling + len(arrived))
            time.sleep(LOOK_EVERY_S)

    def _say_status(self, taken: int, settling: int) -> None:
        line = _("{time}: watching; {taken} scans taken, {settling} still arriving, {held} documents wait").format(
            time=datetime.now().strftime("%H:%M"),
            taken=taken,
            settling=settling,
            held=self.workspace.catalogue.count_waiting(),
        )
        click.echo(line, err=True)


@dataclass
class _Stop:
    asked: bool = False


def _say_who_is_waited_for(scans: int) -> None:
    click.echo(_("{count} scans are in work on other machines; waiting for them to end").format(count=scans), err=True)


@contextmanager
def _stopping_softly() -> Iterator[_Stop]:
    """The first Ctrl-C ends after the pages in hand, the second at once."""
    stop = _Stop()

    def ask(signum: int, frame: object) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        said = _("Stopping after the pages in hand; once more to stop at once.")
        with suppress(OSError):  # past Python's own buffers: what was interrupted may be printing, too
            os.write(STDERR, f"{said}\n".encode())

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
