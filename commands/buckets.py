"""The archive's copies in S3 buckets: kept in step, audited where they lie, and asked for what is damaged here."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from archive.audit import NOTED_AT_ONCE, due, is_proven
from archive.bucket import SCHEME, Bucket, open_bucket
from archive.findings import Audit, Fault, Finding
from archive.store import Archive
from commands.workspace import Workspace
from schemas.errors import IntegrityBroken, ServiceUnavailable
from schemas.language import _

ROWS_AT_ONCE = 500


def buckets_in_step(workspace: Workspace, progress: Callable[[str], Callable[[int], None]]) -> list[Bucket]:
    """Send every replica in a bucket what came since the last time, and give those that can be reached.

    What cannot be done now is said on stderr and done by the next run.
    """
    reached = []
    for root in workspace.settings.archive.replicas:
        if not root.startswith(SCHEME):
            continue
        try:
            bucket = open_bucket(root, workspace.settings.archive)
            bucket.make(workspace.archive.root)
            _bring_in_step(workspace, bucket, progress(root))
        except (ServiceUnavailable, IntegrityBroken) as error:
            click.echo(_("Replica not in step: {error}").format(error=error), err=True)
        else:
            reached.append(bucket)
    return reached


def _bring_in_step(workspace: Workspace, bucket: Bucket, on_object: Callable[[int], None]) -> None:
    catalogue, sent = workspace.catalogue, 0
    at = catalogue.replica_position(bucket.url)
    while rows := catalogue.objects_after(at, ROWS_AT_ONCE):
        for object_path in dict.fromkeys(path for _position, path in rows):
            if (workspace.archive.root / object_path).is_dir():
                try:
                    sent += bucket.push(workspace.archive.root, object_path)
                except IntegrityBroken as error:
                    click.echo(_("Replica not in step: {error}").format(error=error), err=True)
            on_object(sent)
        at = rows[-1][0]
        catalogue.note_replica(bucket.url, at)


def audited(workspace: Workspace, bucket: Bucket, within_days: int | None) -> Audit:
    """The bucket's objects, each file read there and hashed here; those of the catalogue's list alone."""
    catalogue, result = workspace.catalogue, Audit()
    paths = sorted({row.object_path for row in catalogue.deposits() if row.pdf_path})
    chosen = paths
    if within_days:
        chosen = due(paths, catalogue.audits(bucket.url), catalogue.arrivals(), within_days, datetime.now(UTC))
    seen: list[str] = []
    for path in chosen:
        result.objects += 1
        try:
            findings = [Finding(f"{bucket.url}/{path}/{name}", Fault.ALTERED) for name in bucket.faults(path)]
        except IntegrityBroken as error:
            findings = [Finding(f"{bucket.url}/{path}", Fault.INVALID, str(error))]
        result.findings += findings
        if not findings:  # as in ``archive.audit``
            seen.append(path)
        if len(seen) == NOTED_AT_ONCE or result.objects == len(chosen):
            catalogue.note_audits(seen, datetime.now(UTC), bucket.url)
            seen = []
    result.of = len(paths)
    return result


def mended(workspace: Workspace, bucket: Bucket, found: Audit, who: str) -> Iterator[str]:
    """Send each object in which *found* found something anew, from the folder's copy where that is proven whole.

    Findings that are mended leave *found*. Yields where the objects are.
    """
    archive = workspace.archive
    for path in sorted({"/".join(f.path.removeprefix(f"{bucket.url}/").split("/")[:4]) for f in found.findings}):
        if not is_proven(archive, workspace.catalogue, path):
            continue
        while names := bucket.faults(path):  # a damaged inventory says nothing of the other files
            bucket.mend(archive.root, path, names)
            workspace.catalogue.note_access(who, f"repair from {archive.root}", f"{bucket.url}/{path}")
            if bucket.faults(path) == names:
                break
        else:
            found.findings[:] = [f for f in found.findings if not f"{f.path}/".startswith(f"{bucket.url}/{path}/")]
            yield f"{bucket.url}/{path}"


@contextmanager
def copies_from(buckets: Iterable[Bucket], object_paths: Iterable[str], beside: Path) -> Iterator[Archive]:
    """An archive with what *buckets* hold of these objects, each file checked, until the block ends."""
    with TemporaryDirectory(prefix="from-s3-", dir=beside) as folder:
        copies = Archive.open(Path(folder) / "archive")
        for path in object_paths:
            for bucket in buckets:
                with suppress(IntegrityBroken, ServiceUnavailable):
                    copies.staging.add(lambda tree, b=bucket, p=path: b.fetch(p, tree / p))  # type: ignore[misc]
                    break
        yield copies
