"""What procedures are called, for the commands that show or are given a code."""

from collections.abc import Callable, Iterable
from datetime import datetime

from archive.inventory import Register
from commands.workspace import Workspace
from ingest.declared import not_listed
from schemas.days import VIETNAM
from schemas.errors import SettingsRejected
from schemas.language import _
from schemas.procedures import procedure_finder, said_procedure


def naming(workspace: Workspace, codes: Iterable[str]) -> Callable[[str], str]:
    """The function that says a code with what the procedure is called today; the list is read where any of *codes* is
    one."""
    if not any(codes):
        return lambda code: code
    find = procedure_finder(Register(workspace.catalogue.engine).procedures(), datetime.now(VIETNAM).date())
    return lambda code: said_procedure(code, find)


def check_procedure(workspace: Workspace, code: str) -> None:
    """SettingsRejected where the office has a list of procedures, and *code* is not in it."""
    if code and (unknown := not_listed(code, Register(workspace.catalogue.engine).procedures())):
        said = _("--procedure: {reason}; correct it, or take it in: sohoa procedures import FILE")
        raise SettingsRejected(said.format(reason=unknown[0]))
