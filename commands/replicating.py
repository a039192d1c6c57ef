"""The replicas kept in step with the archive, and damaged objects given back from a proven copy."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from archive.audit import is_proven
from archive.bucket import SCHEME
from archive.findings import Audit, Fault, Finding
from archive.replica import bring_in_step, give_back, open_replica
from archive.store import Archive
from commands.workspace import Workspace
from schemas.errors import IntegrityBroken, ServiceUnavailable
from schemas.language import _

PROGRESS_EVERY_S = 5.0
IN_AN_OBJECT = (Fault.ALTERED, Fault.MISSING, Fault.ADDED, Fault.RENAMED, Fault.INVALID)


def replicas_or_say(workspace: Workspace) -> list[Archive]:
    """Bring every replica in step, and give those in folders that can be reached.

    What cannot be done now is said on stderr and done by the next run: archiving never waits for a replica.
    """
    reached = []
    for root in workspace.settings.archive.replicas:
        if root.startswith(SCHEME):
            continue
        try:
            replica = open_replica(workspace.catalogue, Path(root).absolute())
            done = bring_in_step(workspace.archive, replica, workspace.catalogue, Progress(root))
        except (ServiceUnavailable, IntegrityBroken) as error:
            click.echo(_("Replica not in step: {error}").format(error=error), err=True)
            continue
        for refused in done.refused or ():
            click.echo(_("Replica not in step: {error}").format(error=refused), err=True)
        reached.append(replica)
    return reached


def anchor_copies(workspace: Workspace) -> list[Path]:
    """Where the timestamps over the log are kept besides: beside each replica in a folder that can be reached, so that
    who can write to the workspace alone cannot take them away."""
    roots = [Path(root).absolute() for root in workspace.settings.archive.replicas if not root.startswith(SCHEME)]
    return [root.with_name(f"{root.name}.anchors") for root in roots if root.is_dir()]


def copy_anchors(folder: Path, copies: Iterable[Path]) -> None:
    """Copy what is new in *folder* to each of *copies*; what cannot be written now is said and done later."""
    for place in copies:
        try:
            place.mkdir(mode=0o700, exist_ok=True)
            for anchor in folder.glob("*.tst"):
                if not (place / anchor.name).exists():
                    unfinished = place / f"{anchor.name}.part"
                    unfinished.touch(mode=0o600)
                    unfinished.write_bytes(anchor.read_bytes())
                    unfinished.replace(place / anchor.name)
        except OSError as error:
            click.echo(_("Replica not in step: {error}").format(error=error), err=True)


class Progress:
    """A line every few seconds, for a replica that has much to catch up with."""

    def __init__(self, root: str) -> None:
        self.root, self.last = root, time.monotonic()

    def __call__(self, count: int) -> None:
        if time.monotonic() - self.last >= PROGRESS_EVERY_S:
            self.last = time.monotonic()
            click.echo(_("replica {root}: {count} objects copied").format(root=self.root, count=count), err=True)


def repaired(
    workspace: Workspace, damaged: Archive, result: Audit, others: Iterable[Archive], who: str
) -> Iterator[str]:
    """Give back each object of *damaged* in which *result* found something, from one of *others* that proves it whole.

    The damaged one is kept beside the root, in ``<root>.damaged``. Findings that are mended leave *result*. Yields the
    objects' paths.
    """
    copies = list(others)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for path in damaged_objects(workspace, result):
        proven = next((copy for copy in copies if is_proven(copy, workspace.catalogue, path)), None)
        if proven is None:
            continue
        give_back(proven, damaged, path, damaged.root.with_name(f"{damaged.root.name}.damaged") / stamp / path)
        workspace.catalogue.note_access(who, f"repair from {proven.root}", f"{damaged.root}/{path}")
        if is_proven(damaged, workspace.catalogue, path):
            result.findings[:] = [
                f for f in result.findings
                if _object_of(f, workspace) != path and not (f.path and path.startswith(f"{f.path}/"))
            ]  # fmt: skip
            yield path


def set_aside(workspace: Workspace, object_path: str) -> list[Path]:
    """What ``repaired`` kept of an object, beside the archive and its replicas."""
    replicas = (Path(root).absolute() for root in workspace.settings.archive.replicas if not root.startswith(SCHEME))
    kept = (root.with_name(f"{root.name}.damaged") for root in (workspace.archive.root, *replicas))
    return sorted(
        stamp / object_path for folder in kept if folder.is_dir()
        for stamp in folder.iterdir() if (stamp / object_path).is_dir()
    )  # fmt: skip


def damaged_objects(workspace: Workspace, result: Audit) -> list[str]:
    """The objects in which *result* found something."""
    return sorted({path for f in result.findings if (path := _object_of(f, workspace)) is not None})


def _object_of(finding: Finding, workspace: Workspace) -> str | None:
    """The object in which something was found; None where it lies between objects, or is no file."""
    parts = finding.path.split("/")
    path = "/".join(parts[:4])
    if finding.fault not in IN_AN_OBJECT or len(parts) < 4 or not workspace.catalogue.deposits_in(path):
        return None
    return path
