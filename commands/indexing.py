"""The index kept up with the archive: the catalogue says what came when, the archive what it is."""

from collections.abc import Callable, Collection, Iterable, Iterator
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
FEW_SAID = 20
"""What the index owes is tried at the end of every batch: a line for each record would hide what the batch did."""


@dataclass
class Indexed:
    """What a catch-up did. ``records`` went in; ``refused`` are in the archive and could not be read or indexed, with
    the reason: the next catch-up tries them again."""

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
    say_refused(done, FEW_SAID)
    return done.records


def catch_up(workspace: Workspace, progress: Callable[[int], None] = lambda count: None) -> Indexed:
    """Put into the index what came after the place where it stands, and what earlier runs could not read or it refused.

    Idempotent; goes on where a run was stopped. An index that is further on than the catalogue (which was made anew),
    or of an older program, is rebuilt.
    ServiceUnavailable when the index is not to be had.
    """
    now, last = workspace.index.status(), workspace.catalogue.last_position()
    at = now.position
    if at > last or now.schema_version < SCHEMA_VERSION:
        return rebuild(workspace, progress)
    return _fill(workspace, workspace.index, at, last, now.owed, progress)


def rebuild(workspace: Workspace, progress: Callable[[int], None] = lambda count: None) -> Indexed:
    """Make the index anew from the archive, while the old one goes on answering."""
    last = workspace.catalogue.last_position()
    with workspace.index.rebuilding() as fresh:
        return _fill(workspace, fresh, 0, last, (), progress)


def whole_index(workspace: Workspace) -> SearchIndex:
    """The index, filled again from the archive where it was found damaged or too old."""
    notice = workspace.index.status().notice
    if notice and workspace.settings.search.engine == "tantivy":
        click.echo(notice, err=True)
        say_refused(catch_up(workspace), FEW_SAID)
    return workspace.index


def behind(workspace: Workspace) -> int:
    """How many records of the catalogue are not in the index yet."""
    now = workspace.index.status()
    count, at = len(now.owed), now.position
    while rows := workspace.catalogue.deposited_after(at, 10_000):
        count, at = count + len(rows), rows[-1][0]
    return count


def say_refused(done: Indexed, most: int | None = None) -> None:
    """Name what was refused, *most* of it at most, and how many more there are."""
    for refused in done.refused[:most]:
        click.echo(_("{id}: not indexed: {reason}").format(id=refused.id, reason=refused.reason), err=True)
    if left := len(done.refused[most:]) if most is not None else 0:
        click.echo(_("and {count} more").format(count=left), err=True)


def _fill(
    workspace: Workspace,
    index: SearchIndex,
    after: int,
    last: int,
    owed: Collection[str],
    progress: Callable[[int], None],
) -> Indexed:
    """Put in what the last runs owe, and what came *after*, up to *last*."""
    done, still = Indexed(), set(owed)
    if still:
        _take(workspace, index, workspace.catalogue.positions(owed), after, done, still, progress)
    if after < last:
        _take(workspace, index, _listed_after(workspace, after), last, done, still, progress)
    return done


def _listed_after(workspace: Workspace, position: int) -> Iterator[tuple[int, str]]:
    while rows := workspace.catalogue.deposited_after(position, ROWS_AT_ONCE):
        yield from rows
        position = rows[-1][0]


def _take(
    workspace: Workspace,
    index: SearchIndex,
    rows: Iterable[tuple[int, str]],
    position: int,
    done: Indexed,
    still: set[str],
    progress: Callable[[int], None],
) -> None:
    """Put in the records of *rows*: what the archive has no more goes out, what cannot be read or is refused is named.

    *still* are those that the index owes: until all of this run is in, what goes out or stood in it before is among
    them, so that a run that is stopped leaves nothing behind.
    """
    gone: set[str] = set()
    mended: set[str] = set()

    def entries() -> Iterator[Entry]:
        for at, id in rows:
            try:
                record = workspace.archive.record(id)
            except IntegrityBroken as error:
                done.refused.append(Refused(id, str(error)))
                still.add(id)
                continue
            except InputRejected:
                record = None
            if record is None or record.withdrawn is not None:
                gone.add(id)
                still.add(id)
                continue
            if id in still:
                mended.add(id)
            done.records += 1
            yield Entry(at, record)

    refused = index.update(entries(), (), position, progress, still)
    still -= gone | mended
    still |= {one.id for one in refused}
    if gone or mended:
        index.update((), gone, position, owed=still)
    done.gone += len(gone)
    done.records -= len(refused)
    done.refused += refused
