"""Runs that are killed, over and over, until one ends: what must be true after each kill and in the end.

Each run is a forked child: the modules are loaded once, and a kill costs milliseconds, not the start of an interpreter.
"""

import contextlib
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import ocfl
import xlsxwriter
from sqlalchemy import inspect, select

from archive.catalogue import Catalogue
from archive.register.tables import inventory, units_table
from archive.store import Archive
from cli import run as sohoa
from commands.indexing import index_or_say
from commands.workspace import Workspace
from ingest.renewal import Due, RenewalDesk, Standing, look, note_standing, renew
from ingest.reviewsheet import COLUMNS, DECISION, FIELD, ID
from ingest.signing import Seal
from ingest.signing.lifting import Lasting
from samples.inventory import write_inventory, write_units
from samples.keys import make_demo_keys
from tests.ingest.office import Office, fill, named, opened
from tests.ingest.papers_read import Reader

Step = Callable[[str], None]
ROCFL = shutil.which("rocfl")
"""A second opinion on OCFL, where it is at hand (``cargo install rocfl --no-default-features``)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that is done to a workspace; *prepare* brings the workspace to where it begins."""

    name: str
    work: Callable[[Office, Step], None]
    prepare: Callable[[Office], None] = lambda office: None
    also: Callable[[Office], object] = lambda office: ()
    """What else must be the same in the end."""
    seals: tuple[Seal, ...] = ()
    """Signs with these instead of those of the campaign."""


@dataclass(slots=True)
class Tally:
    """What became of an operation's runs."""

    operation: str
    kills: dict[str, int] = field(default_factory=dict)
    """By the step at which the run was killed."""
    ended: int = 0
    lost: int = 0
    doubled: int = 0
    broken: list[str] = field(default_factory=list)
    """What was not as it must be, in words."""

    @property
    def killed(self) -> int:
        return sum(self.kills.values())


def ingest(office: Office, at_step: Step) -> None:
    workspace = Workspace.open(office.workspace)
    with workspace.only_writer():
        at_step("lock taken")
        for event in office.run(office.desk(at_step)):
            at_step(type(event).__name__)
        index_or_say(workspace)
        at_step("indexed")


def review(office: Office, at_step: Step) -> None:
    workspace = Workspace.open(office.workspace)
    with workspace.only_writer():  # as any writing command: it sweeps up what a killed one left
        at_step("lock taken")
    for hold in workspace.catalogue.holds():
        at_step("hold taken")
        quietly(office, "review", "set", hold.id, "number=77")
        at_step("hold decided")


def rebuild(office: Office, at_step: Step) -> None:
    at_step("begun")
    quietly(office, "rebuild")
    at_step("rebuilt")


def reindex(office: Office, at_step: Step) -> None:
    at_step("begun")
    quietly(office, "index", "rebuild")
    at_step("indexed")


def review_sheet(office: Office, at_step: Step) -> None:
    at_step("begun")
    quietly(office, "review", "import", str(office.folder / "decisions.xlsx"))
    at_step("imported")


def imports(office: Office, at_step: Step) -> None:
    for what in ("units", "inventory"):
        at_step(f"{what} begun")
        quietly(office, what, "import", str(office.folder / f"{what}.csv"))
        at_step(f"{what} imported")


def command(office: Office, at_step: Step) -> None:
    """The program itself, its worker processes and all."""
    at_step("begun")
    quietly(office, "ingest", "--workers", "1", "--unit", "H29.17", "--operator", "An", str(office.inbox))
    at_step("ended")


def renewal_of(waiting: tuple[Seal, ...], lasting: Callable[[str], Lasting]) -> Operation:
    """Records that wait for a timestamp, as *waiting* signed them, get it from *lasting*."""

    def work(office: Office, at_step: Step) -> None:
        workspace = Workspace.open(office.workspace)
        archive = Archive.open(office.workspace / "archive", at_step=at_step)
        desk = RenewalDesk(workspace.catalogue, archive, office.workspace / "tmp", "An", lasting)
        with workspace.only_writer():
            at_step("lock taken")
            listed = {row.id: row.version for row in workspace.catalogue.deposits()}
            looked = [look(archive, id, datetime.now(UTC) + timedelta(days=1)) for id in listed]
            for found in looked:
                if isinstance(found, Standing):
                    note_standing(found, listed, desk)
            for outcome in renew((found for found in looked if isinstance(found, Due)), desk):
                at_step(type(outcome).__name__)
            index_or_say(workspace)
            at_step("indexed")

    def versions(office: Office) -> list[tuple[str, int]]:
        records = Archive.open(office.workspace / "archive").records()
        return sorted((record.id, record.version) for record in records)

    return Operation("renew", work, _ingested, versions, waiting)


def _ingested(office: Office) -> None:
    ingest(office, lambda step: None)


def _with_decisions(office: Office) -> None:
    """The spreadsheet of ``review export``, as a person has filled it in."""
    _ingested(office)
    with xlsxwriter.Workbook(str(office.folder / "decisions.xlsx")) as book:
        sheet = book.add_worksheet("sohoa")
        sheet.write_row(0, 0, COLUMNS)
        for row, hold in enumerate(office.catalogue().holds(), 1):
            for column, value in ((ID, hold.id), (FIELD, "number"), (DECISION, "77")):
                sheet.write_string(row, column, value)


def _with_keys(office: Office) -> None:
    keys = make_demo_keys(office.folder / "keys")
    (office.workspace / "sohoa.toml").write_text(
        f'[signing]\noperator_key = "{keys.operator_key}"\noperator_password_file = "{keys.operator_password_file}"\n'
    )


def _with_lists(office: Office) -> None:
    write_units(office.folder / "units.csv")
    write_inventory(office.folder / "inventory.csv")
    _ingested(office)


def end_of(office: Office) -> dict[str, object]:
    """All that stands in the end: records, scans, holds, files, and the lists that rates are counted against."""
    with office.catalogue().engine.connect() as connection:
        known = set(inspect(connection).get_table_names())
        listed = {
            table.name: sorted(
                tuple(value for name, value in row._mapping.items() if name not in ("id", "row", "recorded_at"))
                for row in connection.execute(select(table))
            )
            for table in (units_table, inventory)
            if table.name in known
        }
    lists = {name: [repr(row) for row in rows] for name, rows in listed.items() if rows}
    return named(office) | {"listed in": lists, "report": _report(office) if lists else ""}


def _report(office: Office) -> str:
    file = office.folder / "report.csv"
    quietly(office, "report", "--format", "csv", "-o", str(file))
    return file.read_text(encoding="utf-8-sig")


def quietly(office: Office, *arguments: str) -> None:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        code = sohoa(["--workspace", str(office.workspace), *arguments])
    assert code in (0, 3), (arguments, code)


OPERATIONS = (
    Operation("ingest", ingest),
    Operation("review", review, _ingested),
    Operation("rebuild", rebuild, _ingested),
    Operation("index", reindex, _ingested),
    Operation("imports", imports, _with_lists),
    Operation("review import", review_sheet, _with_decisions),
)
COMMAND = Operation("the whole command", command, _with_keys)
"""Reads with the real engine in processes of its own; seconds a run."""


def in_child(work: Callable[[], Any], *, kill_after_s: float | None = None, timeout_s: float = 600.0) -> Any:
    """What *work* returns when done in a child process; None when it was killed on the way.

    RuntimeError with the child's traceback when it failed by itself.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            forkserver.ForkServer.__init__(forkserver._forkserver)  # the parent's server is no child of this process
            with os.fdopen(writer, "wb") as answer:
                try:
                    pickle.dump((True, work()), answer)
                except BaseException:  # noqa: BLE001 - told to the parent, which raises
                    pickle.dump((False, traceback.format_exc()), answer)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    try:
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            os.kill(child, signal.SIGKILL)
        with os.fdopen(reader, "rb") as answer:
            content = answer.read()
    finally:
        deadline = time.monotonic() + timeout_s
        while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                raise RuntimeError("a run hangs")
            time.sleep(0.002)
    if os.waitstatus_to_exitcode(done[1]) == -signal.SIGKILL:
        return None
    fine, value = pickle.loads(content)
    if not fine:
        raise RuntimeError(value)
    return value


def steps_of(operation: Operation, office: Office) -> list[str]:
    """The names of the steps of an operation that nothing stops, in their order."""
    seen: list[str] = []
    operation.work(office, seen.append)
    return seen


def faults_now(office: Office) -> list[str]:
    """What is wrong between two runs, after the next one has opened the archive."""
    Archive.open(office.workspace / "archive")
    storage = ocfl.StorageRoot(str(office.workspace / "archive"))
    faults = []
    if not storage.validate(log_warnings=True) or storage.errors:
        faults.append(f"not valid OCFL: {storage.log.status_str()} {storage.errors}")
    if ROCFL is not None:
        root = str(office.workspace / "archive")
        told = subprocess.run(
            [ROCFL, "-r", root, "validate", "-l", "warn"], capture_output=True, text=True, check=False
        )
        if told.returncode:
            faults.append(f"not valid OCFL, says rocfl: {told.stdout}{told.stderr}")
    if (office.workspace / "archive" / "extensions" / "sohoa-staging").exists():
        faults.append("a staged deposit was left")
    records = list(Archive.open(office.workspace / "archive").records())
    twice = len(records) - len({(record.scan_sha256, record.number) for record in records})
    if twice:
        faults.append(f"doubled: {twice}")
    if not (office.workspace / "catalogue.db").exists():
        return faults
    faults += Catalogue.open(f"sqlite:///{office.workspace / 'catalogue.db'}").log_faults()
    return faults


class Campaign:
    """An operation, killed in many workspaces; *folder* holds them while they are in use."""

    def __init__(self, operation: Operation, folder: Path, seals: tuple[Seal, ...]) -> None:
        self.operation = operation
        self.folder = folder
        self.tally = Tally(operation.name)
        seals = operation.seals or seals
        start = opened(_made(folder / "start"), seals)
        fill(start)
        in_child(lambda: operation.prepare(start))
        self._texts = start.reader.texts
        self._seals = seals
        started = time.monotonic()
        self.end: Mapping[str, Any]
        unbroken = self._office("unbroken")
        self.steps = in_child(lambda: steps_of(operation, unbroken))
        self.seconds = time.monotonic() - started
        self.end = in_child(lambda: self._end_of(unbroken))

    def round(self, chance: random.Random, most_kills: int = 4) -> None:
        """One workspace: killed at named steps and at random moments, then left to end, then compared."""
        office = self._office("round")
        try:
            for _turn in range(chance.randint(1, most_kills)):
                if not self._killed_once(office, chance):
                    break
                self._note(in_child(lambda: faults_now(office)))
            in_child(lambda: self.operation.work(office, lambda step: None))
            self._compare(in_child(lambda: self._end_of(office)))
        except RuntimeError as error:
            self._note([str(error)])
        shutil.rmtree(office.folder)

    def _killed_once(self, office: Office, chance: random.Random) -> bool:
        if chance.random() < 0.5:
            count = chance.randrange(len(self.steps)) + 1
            step = self.steps[count - 1]
            killed = in_child(lambda: self._work_until(office, count)) is None
        else:
            step = "at a random moment"
            after_s = chance.uniform(0, self.seconds)
            killed = in_child(lambda: self._work_until(office, 0), kill_after_s=after_s) is None
        if killed:
            self.tally.kills[step] = self.tally.kills.get(step, 0) + 1
        return killed

    def _work_until(self, office: Office, count: int) -> bool:
        seen = 0

        def stop(step: str) -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

        self.operation.work(office, stop)
        return True

    def _end_of(self, office: Office) -> dict[str, object]:
        return end_of(office) | {"also": self.operation.also(office)}

    def _compare(self, end: Mapping[str, Any]) -> None:
        self.tally.ended += 1
        for thing in ("records", "holds", "scans"):
            there, right = list(map(repr, end[thing])), list(map(repr, self.end[thing]))
            self.tally.lost += len([one for one in right if one not in there])
            self.tally.doubled += max(len(there) - len(right), 0)
        if end != self.end:
            different = {name: (end[name], self.end[name]) for name in end if end[name] != self.end[name]}
            self._note([f"another end: {different}"])

    def _note(self, faults: list[str]) -> None:
        self.tally.broken += faults

    def _office(self, name: str) -> Office:
        folder = self.folder / name
        shutil.copytree(self.folder / "start", folder)
        return Office(folder, self._seals, Reader(dict(self._texts)))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def run(operation: Operation, folder: Path, seals: tuple[Seal, ...], *, kills: int, seed: int) -> Tally:
    """At least *kills* kills of *operation*, always the same ones for the same *seed* but for the random moments."""
    campaign = Campaign(operation, _made(folder / operation.name), seals)
    chance = random.Random(seed)
    while campaign.tally.killed < kills:
        campaign.round(chance)
        print(".", end="", file=sys.stderr, flush=True)
    return campaign.tally
