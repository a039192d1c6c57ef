"""Who looks: every search and every opening of a record is logged (NĐ 30/2020/NĐ-CP, Phụ lục VI)."""

import os

from commands.workspace import Workspace


def note_access(workspace: Workspace, what: str, subject: str) -> None:
    """Log *what* the operator (as set, else the system's user) did with *subject*."""
    who = workspace.settings.office.operator or os.environ.get("USER") or f"uid-{os.getuid()}"
    workspace.catalogue.note_access(who, what, subject)
