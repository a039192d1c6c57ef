"""A paper beside those that it may be a second scan of, for the person who decides."""

from pathlib import Path

from commands.deciding import submission_of
from commands.workspace import Workspace
from ingest.crops import write_neighbours
from schemas.documents import Document
from schemas.errors import InputRejected
from schemas.work import Hold

MOST = 3
"""Papers beside it; more are too small to be read."""


def beside_those_alike(workspace: Workspace, hold: Hold, document: Document, file: Path) -> Path | None:
    """The first page of what waits under *hold*, then those of the papers that it is like, side by side as the PNG
    *file*; None where it is like none, or none of them is there any more."""
    others = [pdf for id in document.like if (pdf := _pdf_of(workspace, id)) is not None]
    if not others:
        return None
    return write_neighbours([(pdf, 1) for pdf in (workspace.folder / hold.pdf_path, *others[:MOST])], file)


def _pdf_of(workspace: Workspace, id: str) -> Path | None:
    """The PDF of a document that waits, or of its record by now, or of a record."""
    hold = workspace.catalogue.find_hold(id)
    if hold is not None and hold.decided_at is None:
        return workspace.folder / hold.pdf_path
    if hold is not None:
        deposit = workspace.archive.standing(submission_of(hold)) if hold.submission else None
        return workspace.archive.pdf(deposit.record.id) if deposit is not None else None
    try:
        return workspace.archive.pdf(id)
    except InputRejected:  # destroyed since
        return None
