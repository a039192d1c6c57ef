"""What must be known of a foreign PDF before it is signed: seen by a process that can do no harm."""

from dataclasses import dataclass
from pathlib import Path

import pikepdf

from ingest.fencedtasks import fenced_file
from ingest.signing.ink import TIMEOUT_S, ink_on_first_page
from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import Box

PROGRAMS = ("pdftoppm", "pdfinfo")


@dataclass(frozen=True, slots=True)
class Look:
    """How many pages a PDF has, and where its first one bears ink (page fractions, as displayed)."""

    pages: int
    ink: tuple[Box, ...]


def first_look(pdf: Path) -> Look:
    """InputRejected for what is no readable PDF, is encrypted, has no pages, or whose first page cannot be drawn."""
    with fenced_file(pdf, programs=PROGRAMS, remedy=_("export it again")) as file:
        return file.run(_seen, pdf.absolute(), timeout_s=TIMEOUT_S + 30.0)


def _seen(pdf: Path) -> Look:
    return Look(_pages(pdf), ink_on_first_page(pdf))


def _pages(pdf: Path) -> int:
    try:
        with pikepdf.open(pdf) as opened:
            count = len(opened.pages)
    except pikepdf.PasswordError as error:
        raise InputRejected(_("{file}: encrypted; save it without a password first").format(file=pdf)) from error
    except (pikepdf.PdfError, RuntimeError, OSError) as error:
        raise InputRejected(_("{file}: not a readable PDF; export it again").format(file=pdf)) from error
    if count == 0:
        raise InputRejected(_("{file}: no pages").format(file=pdf))
    return count
