"""E-ARK packages that come back in: every file checked, then the records put in again under their ids."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from archive.eark import history_in, records_in
from commands.showing import harmless, json_line
from commands.workspace import Workspace
from schemas.errors import InputRejected, IntegrityBroken
from schemas.language import _


def take_packages(workspace: Workspace, packages: Sequence[Path], who: str, as_json: bool) -> int:
    """Take the records of each package in, and say what became of it; how many packages were refused."""
    refused = 0
    for package in packages:
        try:
            new, known = _taken(workspace, package, who)
        except (InputRejected, IntegrityBroken) as error:
            refused += 1
            if as_json:
                json_line({"package": str(package), "state": "rejected", "reasons": [str(error)]})
            else:
                click.echo(_("rejected: {reason}").format(reason=harmless(str(error))), err=True)
            continue
        if as_json:
            json_line({"package": str(package), "state": "taken", "new": new, "known": known})
        else:
            click.echo(_("{package}: {new} records put in, {known} there already").format(
                package=harmless(str(package)), new=new, known=known))  # fmt: skip
    return refused


def _taken(workspace: Workspace, package: Path, who: str) -> tuple[int, int]:
    from ingest.fencedchecks import FencedChecks
    from ingest.signing import Verdict

    dossiers: dict[str, dict[str, Path]] = defaultdict(dict)
    with closing(FencedChecks()) as verify:
        for id, folder in records_in(package):
            if any(v.verdict in (Verdict.BROKEN, Verdict.CHANGED) for v in verify(folder / "document.pdf", None)):
                raise IntegrityBroken(_("{file}: its signature does not hold").format(file=folder / "document.pdf"))
            dossiers[id.rpartition(".")[0]][id] = folder
    new = known = 0
    earlier = history_in(package, (id for folders in dossiers.values() for id in folders))
    for folders in dossiers.values():
        for deposit in workspace.archive.take_back(folders, operator=who, earlier=earlier):
            workspace.catalogue.note_deposit(deposit, who=who, what="take back")
            new, known = new + deposit.new, known + (not deposit.new)
    return new, known
