"""What commands print with: JSON lines, and text from paper that a terminal cannot take for a command."""

import csv
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console

from schemas.errors import ServiceUnavailable
from schemas.formulas import harmless_formula
from schemas.language import _

STEERING = re.compile(r"[\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
"""Control characters that JSON lets stand as they are: C1 (U+009B begins a sequence), marks that turn the writing."""


def json_line(value: Any) -> None:
    """Print *value* as one line of JSON; what steers a terminal is escaped in it, so that it says the same."""
    click.echo(STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False)))


def write_csv(output: Path | None, names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write *rows* as CSV to *output*, with the byte order mark that Excel needs for Vietnamese; None: standard output.

    What a spreadsheet would take for a formula gets an apostrophe, which an import takes away again.
    ServiceUnavailable when the file cannot be written.
    """
    if output is None:
        _write_rows(sys.stdout, names, rows)
        return
    try:
        with output.open("w", encoding="utf-8-sig", newline="") as file:
            _write_rows(file, names, rows)
    except OSError as error:
        raise ServiceUnavailable(
            _("{file}: cannot be written ({error}); name another with -o").format(file=output, error=error.strerror)
        ) from error


def _write_rows(file: TextIO, names: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    writer = csv.DictWriter(file, names)
    writer.writeheader()
    writer.writerows(
        {name: harmless_formula(str(value)) for name, value in row.items() if value is not None} for row in rows
    )


def harmless(text: str) -> str:
    """*text* without control characters: what was read from paper must never steer a terminal."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf") and c != "\u200d" else c for c in text)


def harmless_lines(text: str) -> str:
    """*text* with its line breaks, and no other control character."""
    return "\n".join(harmless(line) for line in text.splitlines())


def console(*, err: bool = False) -> Console:
    """A console that fits the terminal, and writes wide plain lines where there is none."""
    made = Console(stderr=err, highlight=False, soft_wrap=False, markup=False)
    return made if made.is_terminal else Console(stderr=err, highlight=False, markup=False, width=160)
