"""The command line: engines built from settings, commands loaded when called, and the only place that exits.

Exit codes stand in ``EXIT_CODES``; the README's table is compared with it by a test.
"""

import importlib
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable, SettingsRejected, SohoaError
from schemas.language import _

if TYPE_CHECKING:
    from commands.workspace import Workspace

EXIT_CODES = {
    0: _("everything asked for was done"),
    1: _("a fault in sohoa itself"),
    2: _("the command or the settings are wrong"),
    3: _("done, but some input was rejected or waits for a person"),
    4: _("input rejected: nothing could be done"),
    5: _("a service, device or resource is not there now; try again later"),
    6: _("integrity broken: stored material is not what was deposited"),
    7: _("a paper that bears a secrecy stamp was stopped; quarantine/ says which file and what to do"),
    130: _("stopped by Ctrl-C; the same command goes on"),
}

COMMANDS = {
    "ingest": _("Scans to signed, archived records."),
    "read": _("Read scans and store nothing."),
    "review": _("What waits for a person."),
    "search": _("Find records."),
    "show": _("Show a record."),
    "get": _("Take a record's PDF out."),
    "index": _("The search index and its health."),
    "sign": _("Sign PDF files."),
    "verify": _("Check signatures."),
    "renew": _("Timestamps for what waits, new ones for what ages."),
    "units": _("The units that report."),
    "inventory": _("The results in force, per unit."),
    "targets": _("The shares to reach."),
    "procedures": _("Names and fields of procedures."),
    "report": _("Progress against the targets."),
    "withdraw": _("Let a record stand no more."),
    "retention": _("How long records are kept."),
    "destroy": _("Destroy records whose term is over."),
    "audit": _("Is the archive what was deposited?"),
    "rebuild": _("Catalogue and index anew from the archive."),
    "worker": _("Read pages for a cluster."),
    "export": _("Records for the historical archive."),
    "backup": _("Save what is in no record."),
    "restore": _("A new workspace from a backup."),
    "move": _("This workspace onto a cluster, checked."),
    "cover": _("Separator sheets to print."),
    "demo": _("Drawn sample scans and demonstration keys."),
    "doctor": _("What this machine lacks, and the command that mends it."),
}


@dataclass
class Context:
    """What every command is given: the workspace, and the settings read when first asked for."""

    folder: Path

    @cached_property
    def workspace(self) -> "Workspace":
        from commands.workspace import Workspace

        return Workspace.open(self.folder)


class Sohoa(click.Group):
    """A group whose commands are imported when they are called, so that ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(_("Commands")):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Sohoa, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--workspace", type=click.Path(path_type=Path, file_okay=False), envvar="SOHOA_WORKSPACE",
              default=Path("sohoa"), show_default=True, help=_("The folder that sohoa works in."))  # fmt: skip
@click.version_option(package_name="sohoa")
@click.pass_context
def sohoa(ctx: click.Context, workspace: Path) -> None:
    ctx.obj = Context(workspace)


def main() -> None:
    """Run the command line and exit with a code of the table."""
    os.environ.setdefault(
        "OMP_THREAD_LIMIT", "1"
    )  # 2.4 times faster than Tesseract's own threads, with a process a core
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of the command line *arguments*."""
    try:
        outcome = sohoa.main(arguments, prog_name="sohoa", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(_("Stopped. Run the same command again to go on."), err=True)
        return 130
    except click.ClickException as wrong:
        wrong.show()
        return 2
    except SohoaError as error:
        click.echo(_("Error: {error}").format(error=error), err=True)
        return _code_of(error)


def _code_of(error: SohoaError) -> int:
    match error:
        case SettingsRejected():
            return 2
        case ServiceUnavailable():
            return 5
        case IntegrityBroken():
            return 6
        case InputRejected() | _:
            return 4


if __name__ == "__main__":
    main()
