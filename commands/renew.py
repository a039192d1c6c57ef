"""``sohoa renew``: records that wait for a timestamp get it, those whose proofs age get the next."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any, assert_never

import click

from cli import Context
from commands.access import operator_of
from commands.counting import counted
from commands.indexing import index_or_say
from commands.showing import harmless, json_line
from commands.workspace import Workspace
from ingest.renewal import Due, NotRenewed, RenewalDesk, Renewed, Standing, look, note_standing, renew
from ingest.signing.ageing import Holds, Why
from ingest.signing.seals import lasting_from
from schemas.language import _

AHEAD = timedelta(days=90)
"""Renewed when less than this is left, where no date is given: time for a service that is down to come back."""
VIETNAM_OFFSET = timedelta(hours=7)


@click.command(help=_("Lift records that wait for a timestamp, and renew the proofs of those that age."))
@click.argument("ids", nargs=-1)
@click.option("--before", type=click.DateTime(["%Y-%m-%d", "%d/%m/%Y"]), default=None,
              help=_("Renew what would not hold until this day (else: 90 days from now)."))  # fmt: skip
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--dry-run", is_flag=True, help=_("Say what would be done, and do nothing."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line, the summary last."))
@click.pass_obj
def command(
    context: Context, ids: tuple[str, ...], before: datetime | None, operator: str | None, dry_run: bool, as_json: bool
) -> int:
    workspace = context.workspace
    day = (before.replace(tzinfo=UTC) - VIETNAM_OFFSET) if before is not None else datetime.now(UTC) + AHEAD
    report = _Report(as_json)
    if dry_run:
        for due in _due_of(workspace, ids, day, report, lambda found: None):
            report.due(due)
        return report.close(day, done=False)
    desk = RenewalDesk(
        catalogue=workspace.catalogue,
        archive=workspace.archive,
        folder=workspace.folder / "tmp",
        operator=operator_of(workspace, operator),
        lasting=cache(partial(lasting_from, workspace.settings.signing)),
    )
    with workspace.only_writer():
        try:
            listed = {row.id: row.version for row in workspace.catalogue.deposits()}
            noted = partial(note_standing, listed=listed, desk=desk)
            for outcome in renew(_due_of(workspace, ids, day, report, noted), desk):
                report.outcome(outcome)
        finally:
            if report.renewed:
                index_or_say(workspace)
    return report.close(day, done=True)


def _due_of(
    workspace: Workspace, ids: tuple[str, ...], day: datetime, report: "_Report", stands: Callable[[Standing], None]
) -> Iterator[Due]:
    """What is due of the records named, else of all that stand; others are reported on the way, *stands* told."""
    # All at once: each renewal changes the list
    every = ids or [row.id for row in workspace.catalogue.deposits() if row.withdrawn_at is None]
    for id in counted(every, len(every), _("records looked at")):
        found = look(workspace.archive, id, day)
        match found:
            case Due():
                yield found
            case Standing():
                stands(found)
                report.standing(found)
            case NotRenewed():
                report.outcome(found)
            case _:
                assert_never(found)


@dataclass
class _Report:
    """Each record as it comes, and the totals."""

    as_json: bool
    held: int = 0
    renewed: int = 0
    found_due: int = 0
    failed: int = 0
    first: Holds | None = None
    """What ends first of all that is not renewed or newly renewed."""
    why: Counter[Why] = field(default_factory=Counter)

    def standing(self, one: Standing) -> None:
        self.held += 1
        self._see(one.holds)

    def due(self, due: Due) -> None:
        self.found_due += 1
        self.why[due.why] += 1
        line = {"id": due.id, "state": "due", "why": due.why} | _ends("held_until", due.holds)
        said = _("{id}: due: {why}").format(id=due.id, why=_said(due))
        self._say(line, said)

    def outcome(self, outcome: Renewed | NotRenewed) -> None:
        match outcome:
            case Renewed():
                self.renewed += 1
                self.why[outcome.due.why] += 1
                self._see(outcome.holds)
                line = {"id": outcome.due.id, "state": "renewed", "why": outcome.due.why, "level": outcome.level,
                        "version": outcome.deposit.record.version,
                        **_ends("held_until", outcome.due.holds), **_ends("holds_until", outcome.holds)}  # fmt: skip
                said = _("{id}: renewed, version {version}, {level}, holds until {day} ({why})").format(
                    id=outcome.due.id, version=outcome.deposit.record.version, level=outcome.level,
                    day=_day(outcome.holds.until), why=_said(outcome.due))  # fmt: skip
                if outcome.failed:
                    self._say(line, said)
                    self.outcome(NotRenewed(outcome.due.id, "; ".join(outcome.failed)))
                    return
            case NotRenewed():
                self.failed += 1
                line = {"id": outcome.id, "state": "failed", "reason": outcome.reason}
                said = _("{id}: not renewed: {reason}").format(id=outcome.id, reason=outcome.reason)
            case _:
                assert_never(outcome)
        self._say(line, said)

    def close(self, day: datetime, *, done: bool) -> int:
        """The totals, and the exit code."""
        if self.as_json:
            first = _ends("first_ends", self.first) if self.first is not None else {}
            json_line({"event": "summary", "renewed": self.renewed, "due": self.found_due, "failed": self.failed,
                       "hold": self.held, "before": day.isoformat(timespec="seconds"), "why": dict(self.why),
                       **first})  # fmt: skip
        elif done:
            click.echo(_("{renewed} records renewed, {failed} could not be; {held} hold beyond {day} anyway.").format(
                renewed=self.renewed, failed=self.failed, held=self.held, day=_day(day)))  # fmt: skip
        else:
            click.echo(_("{due} records are due, {failed} cannot be judged; {held} hold beyond {day}.").format(
                due=self.found_due, failed=self.failed, held=self.held, day=_day(day)))  # fmt: skip
        if self.first is not None and not self.as_json:
            click.echo(harmless(_("Next to end: {day} ({of}); run `sohoa renew` before.").format(
                day=_day(self.first.until), of=self.first.of)))  # fmt: skip
        return 3 if self.failed else 0

    def _see(self, holds: Holds) -> None:
        if self.first is None or holds.until < self.first.until:
            self.first = holds

    def _say(self, line: dict[str, Any], said: str) -> None:
        if self.as_json:
            json_line(line)
        else:
            click.echo(harmless(said))


def _said(due: Due) -> str:
    day, of = _day(due.holds.until), due.holds.of
    match due.why:
        case Why.WAITS:
            return _("waited for a timestamp")
        case Why.CERTIFICATE:
            return _("the certificate of {of} ends on {day}").format(of=of, day=day)
        case Why.TIMESTAMP:
            return _("the timestamp's certificate, {of}, ends on {day}").format(of=of, day=day)
        case Why.ALGORITHM:
            return _("{of} is believed until {day} only").format(of=of, day=day)
        case _:
            assert_never(due.why)


def _ends(name: str, holds: Holds) -> dict[str, str]:
    return {name: holds.until.isoformat(timespec="seconds"), f"{name}_of": holds.of}


def _day(moment: datetime) -> str:
    return (moment + VIETNAM_OFFSET).strftime("%d/%m/%Y")
