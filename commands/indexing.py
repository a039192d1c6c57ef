"""The index kept up with the archive: the catalogue says what came when, the archive what it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import click

from commands.buckets import buckets_in_step
from commands.replicating import Progress, replicas_or_say
from commands.workspace import Workspace
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable, SettingsRejected
from schemas.language import _
from search.index import Refused, SearchIndex
from search.projection import SCHEMA_VERSION, Entry

ROWS_AT_ONCE = 500
PROGRESS_EVERY = 5_000


@dataclass
class Indexed:
    """What a catch-up did. ``refused``: records that are in the archive and could not be indexed, with the reason."""

    records: int = 0
    gone: int = 0
    refused: list[Refused] = field(default_factory=list)


def index_or_say(workspace: Workspace) -> int | None:
    """Catch the replicas up with the archive, the index with the catalogue, and say how many records went in.

    None, with a message on stderr, when the index is not to be had or wrongly set: archiving never waits for search.
    """
    replicas_or_say(workspace)
    buckets_in_step(workspace, Progress)
    try:
        done = catch_up(workspace)
    except (ServiceUnavailable, SettingsRejected) as error:
        click.echo(_("Not indexed now: {error}").format(error=error), err=True)
        click.echo(_("The records are safe in the archive; later: sohoa index catch-up"), err=True)
        return None
    say_refused(done)
    return done.records


def catch_up(workspace: Workspace, progress: Callable[[int], None] = lambda count: None) -> Indexed:
    """Put into the index what came after the place where it stands. Idempotent; goes on where a run was stopped.

    An index that is further on than the catalogue (which was made anew), or of an older program, is rebuilt.
    ServiceUnavailable when the index is not to be had.
    """
    now, last = workspace.index.status(), workspace.catalogue.last_position()
    at = now.position
    if at > last or now.schema_version < SCHEMA_VERSION:
        return rebuild(workspace, progress)
    return _fill(workspace, workspace.index, at, last, progress) if at < last else Indexed()


def rebuild(workspace: Workspace, progress: Callable[[int], None] = lambda count: None) -> Indexed:
    """Make the index anew from the archive, while the old one goes on answering."""
    last = workspace.catalogue.last_position()
    with workspace.index.rebuilding() as fresh:
        return _fill(workspace, fresh, 0, last, progress)


def whole_index(workspace: Workspace) -> SearchIndex:
    """The index, filled again from the archive where it was found damaged or too old."""
    notice = workspace.index.status().notice
    if notice and workspace.settings.search.engine == "tantivy":
        click.echo(notice, err=True)
        say_refused(catch_up(workspace))
    return workspace.index


def behind(workspace: Workspace) -> int:
    """How many records of the catalogue are not in the index yet."""
    count, at = 0, workspace.index.status().position
    while rows := workspace.catalogue.deposited_after(at, 10_000):
        count, at = count + len(rows), rows[-1][0]
    return count


def say_refused(done: Indexed) -> None:
    for refused in done.refused:
        click.echo(_("{id}: not indexed: {reason}").format(id=refused.id, reason=refused.reason), err=True)


def _fill(workspace: Workspace, index: SearchIndex, after: int, last: int, progress: Callable[[int], None]) -> Indexed:
    """Records by the hundred: what the archive has no more goes out, what it cannot read is named."""
    done = Indexed()
    gone: list[str] = []

    def entries() -> Iterator[Entry]:
        at = after
        while rows := workspace.catalogue.deposited_after(at, ROWS_AT_ONCE):
            for position, id in rows:
                try:
                    record = workspace.archive.record(id)
                except InputRejected:
                    gone.append(id)
                except IntegrityBroken as error:
                    done.refused.append(Refused(id, str(error)))
                else:
                    if record.withdrawn is not None:
                        gone.append(id)
                        continue
                    done.records += 1
                    yield Entry(position, record)
            at = rows[-1][0]

    done.refused += index.update(entries(), (), last, progress)
    if gone:
        index.update((), gone, last)
    done.gone = len(gone)
    return done
