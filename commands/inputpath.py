"""Paths of what a command takes in."""

from pathlib import Path
from typing import Any

import click

from schemas.language import _


class InputPath(click.Path):
    """A path that was typed. ``""``, what is left of a variable that a script never set, would stand for the folder
    that one works in, and all of it would be taken in."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail(_("the path is empty; name a file or a folder (. for this one)"), param, ctx)
        return super().convert(value, param, ctx)
