"""``sohoa index``: the search index and its health."""

import dataclasses
import time
from collections.abc import Callable

import click

from cli import Context
from commands.indexing import Indexed, behind, catch_up, rebuild, say_refused
from commands.showing import json_line
from schemas.language import _


@click.group(help=_("The search index: status, catch-up, rebuild."))
def command() -> None:
    pass


@command.command(help=_("How many records the index has, how many it lacks, and whether it is sound."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    workspace = context.workspace
    now = workspace.index.status()
    missing = behind(workspace)
    if as_json:
        json_line(dataclasses.asdict(now) | {"behind": missing})
        return
    megabytes = f"{now.size_bytes / 1e6:.1f}"
    click.echo(_("{engine}: {records} records, {megabytes} MB, schema {schema}").format(
        engine=now.engine, records=now.records, megabytes=megabytes, schema=now.schema_version))  # fmt: skip
    if now.notice:
        click.echo(now.notice)
    if missing:
        click.echo(_("{count} records are not in it yet: sohoa index catch-up").format(count=missing))
    else:
        click.echo(_("Nothing is missing."))


@command.command("catch-up", help=_("Put in what came since."))
@click.pass_obj
def catch_up_(context: Context) -> int:
    return _timed(lambda progress: catch_up(context.workspace, progress))


@command.command("rebuild", help=_("Make it anew from the archive; searching goes on meanwhile."))
@click.pass_obj
def rebuild_(context: Context) -> int:
    return _timed(lambda progress: rebuild(context.workspace, progress))


def _timed(work: Callable[[Callable[[int], None]], Indexed]) -> int:
    started = time.monotonic()

    def progress(count: int) -> None:
        speed = count / max(time.monotonic() - started, 0.001)
        click.echo(_("{count} records, {speed} a second").format(count=count, speed=round(speed)), err=True)

    done = work(progress)
    seconds = time.monotonic() - started
    say_refused(done)
    click.echo(_("{records} records indexed, {gone} taken out, in {seconds} s.").format(
        records=done.records, gone=done.gone, seconds=f"{seconds:.1f}"))  # fmt: skip
    if done.refused:
        return 3 if done.records or done.gone else 4
    return 0
