"""The scans that were stopped as secret: which incident a person means."""

import json
from pathlib import Path

from commands.workspace import Workspace
from schemas.errors import InputRejected
from schemas.language import _


def incident_of(workspace: Workspace, sha256: str) -> tuple[dict[str, str], Path]:
    """The one open incident whose scan's hash begins so, and its file."""
    found = [
        (incident, file)
        for file in (workspace.folder / "quarantine").glob("*.json")
        if (incident := json.loads(file.read_text(encoding="utf-8")))["sha256"].startswith(sha256)
    ]
    if len(found) != 1:
        raise InputRejected(
            _("{id}: no incident, or more than one, begins so; see quarantine/ in the workspace").format(id=sha256)
        )
    return found[0]
