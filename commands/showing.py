"""What commands print with: JSON lines, and text from paper that a terminal cannot take for a command."""

import json
import unicodedata
from typing import Any

import click
from rich.console import Console


def json_line(value: Any) -> None:
    """Print *value* as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False))


def harmless(text: str) -> str:
    """*text* without control characters: what was read from paper must never steer a terminal."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf") and c != "\u200d" else c for c in text)


def console(*, err: bool = False) -> Console:
    """A console that fits the terminal, and writes wide plain lines where there is none."""
    made = Console(stderr=err, highlight=False, soft_wrap=False, markup=False)
    return made if made.is_terminal else Console(stderr=err, highlight=False, markup=False, width=160)
