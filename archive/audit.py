"""Fixity: is the archive, file by file, what was deposited?

Every file is hashed again and compared with the inventory that names it; every inventory with its sidecar, with its
copy in the version's folder and with the hash that the catalogue noted at the deposit. The folders are searched for
what no inventory names; ocfl-py says whether each object is valid OCFL, unless nothing in it has changed since it said
so at the deposit; and the catalogue's list is compared with the archive's.
"""

import hashlib
import json
import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import ocfl

from archive.catalogue import Catalogue
from archive.objects import DIGEST, LAYOUT, dossier_of, object_id
from archive.staging import DECLARATION, STAGING
from archive.store import Archive
from schemas.language import _

INVENTORY = "inventory.json"
SIDECAR = f"inventory.json.{DIGEST}"
OBJECT_DECLARATION = "0=ocfl_object_1.1"
DEPTH = 4
"""How many folders below the root an object lies, in the layout of this archive."""
NOTED_WITHIN_S = 0.5
"""A deposit stands in the catalogue so soon after it stands in the archive; it takes milliseconds."""
NOTED_AT_ONCE = 200
"""Objects after which it is noted that they were seen; a run that is stopped does so many again."""
AHEAD = 64
"""Objects handed to the hashing threads ahead of what is reported: enough to keep them busy, few enough to hold."""


class Fault(StrEnum):
    ALTERED = "altered"
    MISSING = "missing"
    ADDED = "added"
    RENAMED = "renamed"
    INVALID = "invalid"
    """Not valid OCFL, in the words of ocfl-py."""
    DISAGREES = "disagrees"
    """The archive is whole, but the catalogue says otherwise."""
    SIGNATURE = "signature"
    """The file is the one that was deposited, and bears no signature that holds over all of it."""
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as deposited; ``path`` is relative to the archive root, or a record's id."""

    path: str
    fault: Fault
    detail: str = ""


@dataclass(slots=True)
class Audit:
    """What was looked at, and what was found."""

    objects: int = 0
    files: int = 0
    size_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    looked_at: frozenset[str] = frozenset()
    """The objects that were hashed; all there are are ``of``."""
    of: int = 0

    @property
    def whole(self) -> bool:
        return not self.findings


@dataclass(slots=True)
class _Checked:
    path: str
    files: int = 0
    size_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    def found(self, name: str, fault: Fault, detail: str = "") -> None:
        self.findings.append(Finding(f"{self.path}/{name}" if name else self.path, fault, detail))


def audit(
    archive: Archive,
    catalogue: Catalogue | None = None,
    *,
    threads: int = 0,
    on_object: Callable[[Audit], None] = lambda so_far: None,
    within_days: int | None = None,
    replica: bool = False,
) -> Audit:
    """Look at everything once; *on_object* is told after each object. *threads* 0: one a core.

    With *within_days*, at today's share alone, so that all is seen within so many days: goes on where a run of today
    was stopped. Deposits may go on meanwhile: an object that looks broken is looked at again while no deposit is in
    hand. *replica*: *archive* is a second root of the records that *catalogue* lists.
    """
    result = Audit()
    result.findings += _check_root(archive)
    paths, strays = _objects(archive.root)
    result.findings += strays
    root = str(archive.root) if replica else ""
    chosen: Sequence[str] = paths
    if within_days is not None and catalogue is not None:
        chosen = due(paths, catalogue.audits(root), within_days, datetime.now(UTC))
    seen: list[str] = []
    for path, checked in zip(chosen, _check_each(archive, catalogue, chosen, threads or cores()), strict=True):
        result.objects += 1
        result.files += checked.files
        result.size_bytes += checked.size_bytes
        result.findings += checked.findings
        on_object(result)
        seen.append(path)
        if catalogue is not None and (len(seen) == NOTED_AT_ONCE or result.objects == len(chosen)):
            catalogue.note_audits(seen, datetime.now(UTC), root)
            seen = []
    result.looked_at = frozenset(chosen)
    result.of = len(paths)
    if catalogue is not None:
        result.findings += _gone(archive, catalogue, set(paths))
        if not replica:
            result.findings += [Finding("", Fault.LOG, fault) for fault in catalogue.log_faults()]
    return result


def cores() -> int:
    """How many threads hash at once."""
    return len(os.sched_getaffinity(0))


def due(paths: Sequence[str], seen: Mapping[str, datetime], within_days: int, now: datetime) -> list[str]:
    """The objects to look at today: an even share of those not seen for longest, and all that would be late else.

    What was seen today counts for today's share. *seen* by path.
    """
    today = now.date()
    waiting = sorted(
        (path for path in paths if path not in seen or seen[path].date() < today),
        key=lambda path: (seen.get(path, datetime.min.replace(tzinfo=UTC)), path),
    )
    share = max(0, math.ceil(len(paths) / within_days) - (len(paths) - len(waiting)))
    late = sum(1 for path in waiting if path in seen and (today - seen[path].date()).days >= within_days)
    return waiting[: max(share, late)]


def is_proven(archive: Archive, catalogue: Catalogue, object_path: str) -> bool:
    """The object is, file by file, what was deposited: all agrees with inventories whose hashes the catalogue noted."""
    if not (archive.root / object_path).is_dir():
        return False
    noted = [row for row in catalogue.deposits_in(object_path) if row.inventory_sha512]
    return bool(noted) and not _check_object(archive.root, object_path, catalogue).findings


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


def _check_each(
    archive: Archive, catalogue: Catalogue | None, paths: Sequence[str], threads: int
) -> Iterator[_Checked]:
    # Threads, not processes: hashing and reading both let go of the interpreter.
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque(pool.submit(_check_object, archive.root, path, catalogue) for path in paths[:AHEAD])
        for number, path in enumerate(paths):
            checked = waiting.popleft().result()
            if number + AHEAD < len(paths):
                waiting.append(pool.submit(_check_object, archive.root, paths[number + AHEAD], catalogue))
            if checked.findings:
                with archive.between_deposits():
                    checked = _check_object(archive.root, path, catalogue)
            if checked.findings and all(finding.fault is Fault.DISAGREES for finding in checked.findings):
                time.sleep(NOTED_WITHIN_S)
                checked = _check_object(archive.root, path, catalogue)
            yield checked


def _check_object(root: Path, path: str, catalogue: Catalogue | None) -> _Checked:
    checked = _Checked(path)
    folder = root / path
    there = _files(folder, checked)
    noted = catalogue.deposits_in(path) if catalogue is not None else ()
    inventory = _check_inventories(folder, there, checked, noted)
    if inventory is not None and not _is_readable(inventory):
        checked.found(INVENTORY, Fault.INVALID, _("its form is not that of an OCFL inventory"))
    elif inventory is not None:
        _check_content(inventory, there, checked)
        _check_place(inventory, checked)
    if not checked.findings and not _as_noted(inventory, there, noted):
        _check_validity(folder, checked)
    if not checked.findings and catalogue is not None:
        checked.findings += _disagreements(inventory, path, noted)
    return checked


def _is_readable(inventory: Any) -> bool:
    """The parts that are looked into are of the kinds that they must be; the rest is ocfl-py's to say."""
    manifest, versions, head = (inventory.get(name) for name in ("manifest", "versions", "head"))
    if not isinstance(manifest, dict) or not isinstance(versions, dict) or not isinstance(versions.get(head), dict):
        return False
    state = versions[head].get("state")
    named = [*manifest.values(), *(state.values() if isinstance(state, dict) else [None])]
    return all(isinstance(paths, list) and all(isinstance(path, str) for path in paths) for paths in named)


def _as_noted(inventory: Any, there: Mapping[str, tuple[str, int]], noted: Sequence[Any]) -> bool:
    """The inventory, with which all files agree, is the one of the deposit: ocfl-py found it valid then.

    Its own look at an unchanged object would take two thirds of the time: 2.7 of 3.9 ms for one of 30 kB.
    """
    return any(f"v{n.version}" == inventory["head"] and n.inventory_sha512 == there[INVENTORY][0] for n in noted)


def _files(folder: Path, checked: _Checked) -> dict[str, tuple[str, int]]:
    """SHA-512 and size of every file below *folder*, by its path there."""
    found = {}
    for name, regular in _entries(str(folder), ""):
        if not regular:
            is_folder = name.endswith("/")
            checked.found(
                name.rstrip("/"), Fault.ADDED, _("an empty folder") if is_folder else _("a link or a special file")
            )
            continue
        try:
            with open(f"{folder}/{name}", "rb") as stream:
                found[name] = (hashlib.file_digest(stream, DIGEST).hexdigest(), stream.tell())
        except OSError as error:
            checked.found(name, Fault.ALTERED, _("cannot be read: {error}").format(error=error.strerror))
            found[name] = ("", 0)
        checked.files += 1
        checked.size_bytes += found[name][1]
    return found


def _entries(folder: str, below: str) -> Iterator[tuple[str, bool]]:
    """What lies in *folder*, by its path from there, and whether it is a regular file; ``x/`` for an empty folder x."""
    empty = True
    with os.scandir(f"{folder}/{below}") as entries:
        for entry in entries:
            empty = False
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(folder, f"{below}{entry.name}/")
            else:
                yield f"{below}{entry.name}", entry.is_file(follow_symlinks=False)
    if empty:
        yield below, False


def _check_inventories(
    folder: Path, there: Mapping[str, tuple[str, int]], checked: _Checked, noted: Sequence[Any]
) -> Any:
    """Compare the inventories with one another; the parsed one that most of them vouch for, None where none can be."""
    declaration = folder / OBJECT_DECLARATION
    if OBJECT_DECLARATION not in there:
        checked.found(OBJECT_DECLARATION, Fault.MISSING)
    elif declaration.read_bytes() != b"ocfl_object_1.1\n":
        checked.found(OBJECT_DECLARATION, Fault.ALTERED)
    versions = sorted((n for n in (_version_number(e.name) for e in folder.iterdir() if e.is_dir()) if n), reverse=True)
    for head in versions:
        # The root's inventory is the head version's: two files and two sidecars that must all say the same.
        inventories = (INVENTORY, f"v{head}/{INVENTORY}")
        said = _said(folder, there, inventories)
        if not said:
            continue
        agreed, _times = Counter(said.values()).most_common(1)[0]
        inventory = next((_parsed(folder / name) for name in inventories if said.get(name) == agreed), None)
        if inventory is None or inventory.get("head") != f"v{head}":
            continue
        for name in (INVENTORY, SIDECAR, f"v{head}/{INVENTORY}", f"v{head}/{SIDECAR}"):
            if name not in there:
                checked.found(name, Fault.MISSING)
            elif said.get(name) != agreed:
                checked.found(name, Fault.ALTERED)
        if any(n.version == head and n.inventory_sha512 not in ("", agreed) for n in noted):
            checked.found(INVENTORY, Fault.ALTERED, _("it is not the one that the catalogue noted at the deposit"))
        for earlier in range(1, head):
            _check_earlier(folder, there, earlier, checked, noted)
        return inventory
    checked.found(INVENTORY, Fault.MISSING if INVENTORY not in there else Fault.ALTERED,
                  _("no inventory of this object can be trusted"))  # fmt: skip
    return None


def _check_earlier(
    folder: Path, there: Mapping[str, tuple[str, int]], version: int, checked: _Checked, noted: Sequence[Any]
) -> None:
    inventory, sidecar = f"v{version}/{INVENTORY}", f"v{version}/{SIDECAR}"
    for name in (inventory, sidecar):
        if name not in there:
            checked.found(name, Fault.MISSING)
    said = _said(folder, there, [inventory])
    witnesses = Counter(said.values()) + Counter(n.inventory_sha512 for n in noted if n.version == version)
    if len(witnesses) <= 1:
        return
    agreed, times = witnesses.most_common(1)[0]
    for name in (inventory, sidecar):
        if name in there and (times == 1 or said.get(name) != agreed):
            other = sidecar if name == inventory else inventory
            checked.found(name, Fault.ALTERED, _("this file or {other}").format(other=other) if times == 1 else "")


def _said(folder: Path, there: Mapping[str, tuple[str, int]], inventories: Iterable[str]) -> dict[str, str]:
    """The SHA-512 that each inventory has, and the one that its sidecar gives; a malformed sidecar agrees with none."""
    said = {}
    for inventory in inventories:
        sidecar = f"{inventory}.{DIGEST}"
        if inventory in there:
            said[inventory] = there[inventory][0]
        if sidecar in there:
            content = (folder / sidecar).read_bytes()
            digest = content[:128].decode("ascii", "replace")
            said[sidecar] = digest if content == f"{digest} {INVENTORY}\n".encode() else f"?{sidecar}"
    return said


def _check_content(inventory: dict[str, Any], there: Mapping[str, tuple[str, int]], checked: _Checked) -> None:
    expected = {path: digest for digest, paths in inventory["manifest"].items() for path in paths}
    head = int(inventory["head"].removeprefix("v"))
    own = {OBJECT_DECLARATION, INVENTORY, SIDECAR}
    own |= {f"v{number}/{name}" for number in range(1, head + 1) for name in (INVENTORY, SIDECAR)}
    added = {name: digest for name, (digest, _size) in there.items() if name not in expected and name not in own}
    for name, digest in sorted(expected.items()):
        if name in there:
            if there[name][0] != digest:
                size = there[name][1]
                checked.found(name, Fault.ALTERED, _("now {size} bytes").format(size=size))
            continue
        moved_to = next((other for other, found in added.items() if found == digest), None)
        if moved_to is None:
            checked.found(name, Fault.MISSING)
        else:
            added.pop(moved_to)
            checked.found(name, Fault.RENAMED, _("now {name}").format(name=moved_to))
    for name in sorted(added):
        checked.found(name, Fault.ADDED)


def _check_place(inventory: dict[str, Any], checked: _Checked) -> None:
    identifier = str(inventory.get("id"))
    layout = ocfl.StorageRoot(layout_name=LAYOUT).layout
    right = layout.identifier_to_path(identifier)
    if right != checked.path or object_id(dossier_of(identifier)) != identifier:
        checked.found("", Fault.RENAMED, _("an object with the id {id} belongs in {path}").format(
            id=identifier, path=right))  # fmt: skip


def _check_validity(folder: Path, checked: _Checked) -> None:
    # Digests were compared above; a second reading would double the time.
    valid, validator = ocfl.Object(path=str(folder)).validate(check_digests=False, log_warnings=True)
    if not valid or validator.log.num_warnings:
        for message in validator.log.messages:
            checked.found("", Fault.INVALID, str(message))


def _disagreements(inventory: dict[str, Any], path: str, noted: Sequence[Any]) -> Iterator[Finding]:
    """Records of one object that the catalogue does not list, or lists with another version, or alone lists."""
    standing = _records(inventory, path)
    for record in noted:
        if not record.pdf_path:  # destroyed
            continue
        there = standing.pop(record.id, None)
        if there is None:
            yield Finding(record.id, Fault.DISAGREES, _("in the catalogue, but not in {path}").format(path=path))
        elif there != (record.version, record.pdf_path):
            yield Finding(record.id, Fault.DISAGREES, _("version {archive} in the archive, {catalogue} in the "
                "catalogue").format(archive=there[0], catalogue=record.version))  # fmt: skip
    for record_id in sorted(standing):
        yield Finding(record_id, Fault.DISAGREES, _("in the archive, but not in the catalogue: `sohoa rebuild`"))


def _records(inventory: dict[str, Any], path: str) -> dict[str, tuple[int, str]]:
    """Version and place of the PDF of each record of an object, by its id, as its inventory has them."""
    content = {
        logical: inventory["manifest"][digest][0]
        for digest, logicals in inventory["versions"][inventory["head"]]["state"].items()
        for logical in logicals
    }
    dossier = dossier_of(str(inventory["id"]))
    return {
        f"{dossier}.{name.removesuffix('/metadata.json')}": (
            _version_number(stored.split("/")[0]), f"{path}/{content[name.replace('metadata.json', 'document.pdf')]}",
        )
        for name, stored in content.items()
        if name.endswith("/metadata.json")
    }  # fmt: skip


def _gone(archive: Archive, catalogue: Catalogue, paths: set[str]) -> Iterator[Finding]:
    """Records whose object is not there at all."""
    for record in catalogue.deposits():
        if record.object_path not in paths and not (archive.root / record.object_path).is_dir():
            yield Finding(record.object_path, Fault.MISSING, _("record {id} is in the catalogue").format(id=record.id))


def _version_number(name: str) -> int:
    return int(name[1:]) if name[:1] == "v" and name[1:].isdecimal() else 0


def _parsed(file: Path) -> dict[str, Any] | None:
    try:
        inventory = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return inventory if isinstance(inventory, dict) else None
