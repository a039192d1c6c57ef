"""Who works here, and the log of every search and every opening of a record (NĐ 30/2020/NĐ-CP, Phụ lục VI)."""

import os
import sys

import click

from commands.workspace import Workspace
from schemas.language import _


def operator_of(workspace: Workspace, given: str | None) -> str:
    """Who answers for this run: as given, else as set, else the system's user."""
    return given or workspace.settings.office.operator or os.environ.get("USER") or f"uid-{os.getuid()}"


def ask_secret(key: str) -> str | None:
    """The password or PIN of *key*, typed unseen; None where no person is at the terminal."""
    if not sys.stdin.isatty():
        return None
    secret: str = click.prompt(_("Password or PIN of {key}").format(key=key), hide_input=True, err=True)
    return secret


def note_access(workspace: Workspace, what: str, subject: str) -> None:
    """Log *what* the operator did with *subject*."""
    workspace.catalogue.note_access(operator_of(workspace, None), what, subject)
