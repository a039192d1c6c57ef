"""Fixity: is the archive, file by file, what was deposited?

Every file is hashed again and compared with the inventory that names it; every inventory with its sidecar, with its
copy in the version's folder and with the hash that the catalogue noted at the deposit. The folders are searched for
what no inventory names; ocfl-py says whether each object is valid OCFL, unless nothing in it has changed since it said
so at the deposit; and the catalogue's list is compared with the archive's.
"""

import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import ocfl

from archive.catalogue import Catalogue
from archive.findings import Audit, Checked, Fault, Finding
from archive.objectaudit import check_object
from archive.objects import LAYOUT
from archive.staging import DECLARATION, STAGING
from archive.store import Archive
from schemas.language import _

DEPTH = 4
"""How many folders below the root an object lies, in the layout of this archive."""
NOTED_WITHIN_S = 0.5
"""A deposit stands in the catalogue so soon after it stands in the archive; it takes milliseconds."""
NOTED_AT_ONCE = 200
"""Objects after which it is noted that they were seen; a run that is stopped does so many again."""
AHEAD = 64
"""Objects handed to the hashing threads ahead of what is reported: enough to keep them busy, few enough to hold."""


def nothing_more(object_path: str, named: frozenset[str]) -> Iterable[Finding]:
    """An object is looked at as bytes alone."""
    del object_path, named
    return ()


def audit(
    archive: Archive,
    catalogue: Catalogue | None = None,
    *,
    threads: int = 0,
    on_object: Callable[[Audit], None] = lambda so_far: None,
    also: Callable[[str, frozenset[str]], Iterable[Finding]] = nothing_more,
    within_days: int | None = None,
    replica: bool = False,
) -> Audit:
    """Look at everything once; *on_object* is told after each object. *threads* 0: one a core.

    With *within_days*, at today's share alone, so that all is seen within so many days: goes on where a run of today
    was stopped, and looks again at what was found damaged. *also* finds more in an object at that path, of whose files
    these are named already. Deposits may go on meanwhile: an object that looks broken is looked at again while no
    deposit is in hand. *replica*: *archive* is a second root of the records that *catalogue* lists.
    """
    result = Audit()
    result.findings += _check_root(archive)
    paths, strays = _objects(archive.root)
    result.findings += strays
    root = str(archive.root) if replica else ""
    chosen: Sequence[str] = paths
    if within_days is not None and catalogue is not None:
        chosen = due(paths, catalogue.audits(root), catalogue.arrivals(), within_days, datetime.now(UTC))
    seen: list[str] = []
    for path, checked in zip(chosen, _check_each(archive, catalogue, chosen, threads or cores()), strict=True):
        result.objects += 1
        result.files += checked.files
        result.size_bytes += checked.size_bytes
        findings = [*checked.findings, *also(path, frozenset(finding.path for finding in checked.findings))]
        result.findings += findings
        on_object(result)
        if not findings:  # what is not told yet, if this run is stopped, is found again by the next
            seen.append(path)
        if catalogue is not None and (len(seen) == NOTED_AT_ONCE or result.objects == len(chosen)):
            catalogue.note_audits(seen, datetime.now(UTC), root)
            seen = []
    result.of = len(paths)
    if catalogue is not None:
        result.findings += _gone(archive, catalogue, set(paths))
        if not replica:
            result.findings += [Finding("", Fault.LOG, fault) for fault in catalogue.log_faults()]
    return result


def cores() -> int:
    """How many threads hash at once."""
    return len(os.sched_getaffinity(0))


def due(
    paths: Sequence[str], seen: Mapping[str, datetime], came: Mapping[str, datetime], within_days: int, now: datetime
) -> list[str]:
    """The objects to look at today: all that would be late else, then those never seen, then those unseen longest.

    An even share of all for each day since the last run, so that a night left out is made up for; what was seen today
    counts for it. One that was never seen is late when it, and the first shares, are as old as that. What a clock that
    was wrong says was seen later than today counts as never seen. *seen* and *came*, its deposit, by path.
    """
    today = now.date()
    days = {path: at.date() for path, at in seen.items() if at.date() <= today}
    first = min(days.values(), default=today)

    def is_late(path: str) -> bool:
        if path in days:
            return (today - days[path]).days >= within_days
        return (today - max(came[path].date() if path in came else first, first)).days >= within_days - 1

    waiting = [path for path in paths if days.get(path, date.min) < today]
    late = {path for path in waiting if is_late(path)}
    before = max((day for day in days.values() if day < today), default=today - timedelta(days=1))
    share = math.ceil(len(paths) * (today - before).days / within_days) - (len(paths) - len(waiting))
    waiting.sort(key=lambda path: (path not in late, days.get(path, date.min), path))
    return waiting[: max(share, len(late))]


def is_proven(archive: Archive, catalogue: Catalogue, object_path: str) -> bool:
    """The object is, file by file, what was deposited: all agrees with inventories whose hashes the catalogue noted."""
    if not (archive.root / object_path).is_dir():
        return False
    noted = [row for row in catalogue.deposits_in(object_path) if row.inventory_sha512]
    return bool(noted) and not check_object(archive.root, object_path, catalogue).findings


def _check_root(archive: Archive) -> Iterator[Finding]:
    layout = ocfl.StorageRoot(str(archive.root), layout_name=LAYOUT).layout
    expected: dict[str, Any] = {
        DECLARATION: f"{DECLARATION.removeprefix('0=')}\n",
        "ocfl_layout.json": {"extension": layout.NAME, "description": layout.DESCRIPTION},
        layout.config_file: layout.config,
    }
    for name, content in expected.items():
        file = archive.root / name
        if not file.is_file():
            yield Finding(name, Fault.MISSING)
            continue
        found: Any = file.read_bytes()
        with suppress(ValueError):
            found = found.decode() if isinstance(content, str) else json.loads(found)
        if found != content:
            yield Finding(name, Fault.ALTERED)
    for entry in (archive.root / "extensions").glob("*"):
        if entry.name not in (layout.NAME, STAGING):
            yield Finding(f"extensions/{entry.name}", Fault.ADDED)
    for entry in (archive.root / "extensions" / layout.NAME).glob("*"):
        if entry.name != "config.json":
            yield Finding(str(entry.relative_to(archive.root)), Fault.ADDED)


def _objects(root: Path) -> tuple[list[str], list[Finding]]:
    """The folders of the objects, and what else lies on the way there."""
    known = {DECLARATION, "ocfl_layout.json", "extensions"}
    strays: list[Finding] = []
    folders = [""]
    for depth in range(DEPTH):
        below = []
        for folder in folders:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
            if depth and not entries:
                strays.append(Finding(folder, Fault.ADDED, _("an empty folder")))
            for entry in entries:
                path = f"{folder}/{entry.name}".lstrip("/")
                if entry.is_dir(follow_symlinks=False):
                    if depth or entry.name not in known:
                        below.append(path)
                elif depth or entry.name not in known:
                    strays.append(Finding(path, Fault.ADDED))
        folders = below
    return folders, strays


def _check_each(archive: Archive, catalogue: Catalogue | None, paths: Sequence[str], threads: int) -> Iterator[Checked]:
    # Threads, not processes: hashing and reading both let go of the interpreter.
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(check_object, archive.root, path, catalogue) for path in paths[:AHEAD])
        for number, path in enumerate(paths):
            checked = waiting.popleft().result()
            if number + AHEAD < len(paths):
                waiting.append(pool.submit(check_object, archive.root, paths[number + AHEAD], catalogue))
            if checked.findings:
                with archive.between_deposits():
                    checked = check_object(archive.root, path, catalogue)
            if checked.findings and all(finding.fault is Fault.DISAGREES for finding in checked.findings):
                time.sleep(NOTED_WITHIN_S)
                checked = check_object(archive.root, path, catalogue)
            yield checked


def _gone(archive: Archive, catalogue: Catalogue, paths: set[str]) -> Iterator[Finding]:
    """Records whose object is not there at all."""
    for record in catalogue.deposits():
        if record.object_path not in paths and not (archive.root / record.object_path).is_dir():
            yield Finding(record.object_path, Fault.MISSING, _("record {id} is in the catalogue").format(id=record.id))
