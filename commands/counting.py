"""Progress through many things of one kind: a bar on a terminal, a plain line every ten seconds elsewhere."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from commands.showing import console
from schemas.language import _

T = TypeVar("T")
PLAIN_LINE_EVERY_S = 10.0
FEW = 10
"""So few things show no progress."""


def counted(things: Iterable[T], total: int, what: str) -> Iterator[T]:
    """*things*, one by one, while stderr shows how many of *total* were gone through; *what* says what they are."""
    if total <= FEW:
        yield from things
        return
    err = console(err=True)
    if err.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True) as bar:
            yield from bar.track(things, total=total, description=what)
        return
    last = time.monotonic()
    for count, thing in enumerate(things):
        if time.monotonic() - last >= PLAIN_LINE_EVERY_S:
            last = time.monotonic()
            click.echo(_("{what}: {count} of {total}").format(what=what, count=count, total=total), err=True)
        yield thing
