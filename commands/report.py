"""``sohoa report``: progress against the targets, in every form, and row by row why."""

import io
import sys
import time
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from click.core import ParameterSource
from rich.console import RenderableType
from rich.text import Text

from archive.inventory import Register
from archive.keys import unit_key
from cli import Context
from commands.explaining import explain
from commands.showing import console
from commands.writing import write_whole
from reports.handled import Handled
from reports.progress import WEEK, Progress, Waiting, first_day_needed, place_of, progress, with_details
from reports.words import day
from schemas.days import VIETNAM
from schemas.errors import ServiceUnavailable, SettingsRejected
from schemas.language import _
from schemas.procedures import procedure_finder
from schemas.units import Level

if TYPE_CHECKING:
    from commands.workspace import Workspace

FORMATS = ("terminal", "json", "csv", "xlsx", "html", "pdf")
BINARY = ("xlsx", "pdf")
_OF_ALL = ("level", "unit", "procedure", "compare", "details", "publish", "post_to")
APART = {
    "handled": ("why", "watch", *_OF_ALL), "why": ("watch", "since", *_OF_ALL),
    "watch": ("as_of", "details", "publish", "post_to", "form", "as_json", "output", "since"),
}  # fmt: skip
"""What is shown instead of the report, and the options that have no meaning then."""
DAYS = click.DateTime(["%Y-%m-%d", "%d/%m/%Y"])


@click.command(help=_("Progress against the targets, as of the end of a day."))
@click.option("--as-of", type=DAYS, default=None, help=_("As of the end of this day (default: today)."))
@click.option(
    "--level", type=click.Choice([str(level) for level in Level]), default=None, help=_("Of this level only.")
)
@click.option("--unit", default=None, help=_("Of this unit only."))
@click.option("--procedure", default="", help=_("Only results of this procedure."))
@click.option("--format", "form", type=click.Choice(FORMATS), default="terminal", show_default=True,
              help=_("The form of the report."))  # fmt: skip
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help=_("The file to write (default: standard output)."))  # fmt: skip
@click.option("--why", metavar=_("UNIT"), default=None,
              help=_("Row by row what counts for this unit, what does not, and why."))  # fmt: skip
@click.option("--compare", type=DAYS, default=None, help=_("Beside it, the figures as of this earlier day."))
@click.option("--details", is_flag=True,
              help=_("Also by procedure, and by operator and batch (goes over every row)."))  # fmt: skip
@click.option("--publish", type=click.Path(path_type=Path, file_okay=False), default=None,
              help=_("Write a static site here, a page for each level and unit, swapped in whole."))  # fmt: skip
@click.option("--post", "post_to", metavar="URL", default=None,
              help=_("Send the report as JSON over HTTPS, and keep the receipt."))  # fmt: skip
@click.option("--handled", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help=_("Instead: the share of dossiers handled electronically (QĐ 766), from this file."))  # fmt: skip
@click.option("--from", "since", type=DAYS, default=None,
              help=_("With --handled: closed from this day on (default: 1 January)."))  # fmt: skip
@click.option("--watch", type=click.IntRange(1), metavar="SECONDS", default=None,
              help=_("Show the leader's sheet anew every so many seconds, for a screen on the wall."))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help=_("The same as --format json; with --why, one object a line."))
@click.pass_obj
def command(
    context: Context,
    as_of: datetime | None,
    level: str | None,
    unit: str | None,
    procedure: str,
    form: str,
    output: Path | None,
    why: str | None,
    compare: datetime | None,
    details: bool,
    publish: Path | None,
    post_to: str | None,
    handled: Path | None,
    since: datetime | None,
    watch: int | None,
    as_json: bool,
) -> int:
    _refuse_what_would_be_left_out()
    register = Register(context.workspace.catalogue.engine)
    register.catch_up()
    when = as_of.date() if as_of is not None else datetime.now(VIETNAM).date()
    if as_json and form == "terminal":
        form = "json"
    if handled is not None:
        first = since.date() if since is not None else date(when.year, 1, 1)
        return _handled(register, handled, first, when, form, output)
    if why is not None:
        return explain(register, why, when, form, output)
    if compare is not None and compare.date() >= when:
        raise SettingsRejected(_("--compare {day}: not before the day of the report").format(day=day(compare.date())))
    asked = Asked(register, Level(level) if level else None, register.code_of(unit) if unit else None, procedure,
                  compare.date() if compare else None)  # fmt: skip
    if watch is not None:
        _watch(asked, context.workspace, watch)
    report = asked.as_of(when)
    if as_of is None:
        report = asked.with_waiting(report, context.workspace)
    _say_what_is_odd(report, register, unit)
    if details:
        report = _detailed(report, register, narrowed=level is not None or unit is not None)
    if publish is not None or post_to is not None:
        _send(report, publish, post_to, context.workspace.folder / "receipts")
    if (publish is None and post_to is None) or output is not None:
        _put(report, form, output, context.workspace.settings.office.agency)
    return 0


def _refuse_what_would_be_left_out() -> None:
    """SettingsRejected for options that have no meaning together: one that is left out silently misleads."""
    context = click.get_current_context()
    names = {parameter.name: parameter.opts[0] for parameter in context.command.params}
    given = {name for name in names if name and context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    for mode, others in APART.items():
        for other in others:
            if {mode, other} <= given:
                raise SettingsRejected(
                    _("{first} and {second} have no meaning together; leave one out").format(
                        first=names[mode], second=names[other])
                )  # fmt: skip
    if "since" in given and "handled" not in given:
        raise SettingsRejected(_("--from has a meaning with --handled only"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a report, whatever its day."""

    register: Register
    level: Level | None
    unit: str | None
    procedure: str
    compare: date | None

    def as_of(self, when: date) -> Progress:
        """The report as of the end of *when*, with the earlier day beside it that is to be compared."""
        report = self._of(when)
        return report if self.compare is None else replace(report, compared=self._of(self.compare))

    def with_waiting(self, report: Progress, workspace: "Workspace") -> Progress:
        """The report with what waits for a person now: in all, or of the units that are asked for."""
        holds = workspace.catalogue.waiting()
        if self.level is not None or self.unit is not None:
            home = {unit_key(code): place for code, place in place_of(self.register.units(), report.as_of).items()}
            shown = {one.unit.code for one in report.units}
            holds = [hold for hold in holds if home.get(unit_key(hold.unit)) in shown]
        oldest = min((hold.opened_at for hold in holds), default=None)
        return replace(
            report, waiting=Waiting(len(holds), oldest.astimezone(VIETNAM).date() if oldest is not None else None)
        )

    def _of(self, when: date) -> Progress:
        counts = self.register.day_counts(when, since=first_day_needed(when), every_days=WEEK.days,
                                          procedure=self.procedure or None)  # fmt: skip
        called = procedure_finder(self.register.procedures(), when)(self.procedure) if self.procedure else None
        return progress(
            when, self.register.units(), self.register.targets(), counts,
            level=self.level, unit=self.unit, procedure=self.procedure,
            procedure_name=called.name if called is not None else "",
        )  # fmt: skip


def _detailed(report: Progress, register: Register, *, narrowed: bool) -> Progress:
    """The report with its details; where it is of some units only, by their procedures, and not by operator."""
    if not narrowed:
        counts = register.by_procedure(report.as_of)
        return with_details(report, counts, register.made(report.as_of), register.procedures())
    shown = {one.unit.code for one in report.units}
    theirs = [code for code, home in place_of(register.units(), report.as_of).items() if home in shown]
    return with_details(report, register.by_procedure(report.as_of, units=theirs), (), register.procedures())


def _say_what_is_odd(report: Progress, register: Register, unit: str | None) -> None:
    """SettingsRejected for a unit that does not stand; beside the report, why it may look empty."""
    if unit is not None and not report.units:
        raise SettingsRejected(
            _("--unit {unit}: no such unit stands on {day}; see `sohoa units list`").format(
                unit=unit, day=day(report.as_of))
        )  # fmt: skip
    if not report.units:
        click.echo(_("No units are known; take them in with `sohoa units import FILE`."), err=True)
    if report.procedure and not any(one.now.count.rows for one in report.units):
        click.echo(
            _("No result of procedure {code} is in force in the inventory.").format(code=report.said_procedure),
            err=True,
        )
    first = register.first_day()
    if first is not None and report.as_of < first:
        click.echo(
            _("Nothing is known of {day}: the first result came into force on {first}.").format(
                day=day(report.as_of), first=day(first)), err=True
        )  # fmt: skip
    if report.as_of > datetime.now(VIETNAM).date():
        click.echo(_("{day} is still to come: what will be deposited by then is not known.").format(
            day=day(report.as_of)), err=True)  # fmt: skip


def _send(report: Progress, site: Path | None, url: str | None, receipts: Path) -> None:
    from commands.publishing import post, publish
    from reports.document import render_json
    from reports.site import render_site

    if site is not None:
        count = publish(site, render_site(report))
        click.echo(_("{count} files written to {folder}").format(count=count, folder=site))
    if url is not None:
        receipt = post(url, render_json(report), receipts)
        click.echo(_("sent to {url}; receipt: {file}").format(url=url, file=receipt))


def _watch(asked: Asked, workspace: "Workspace", every_s: int) -> NoReturn:
    """Show the report and keep it current until Ctrl-C; a catalogue that is away for a while is waited for."""
    from reports.terminal import render_terminal

    screen = console()
    while True:
        try:
            asked.register.catch_up()
            report = asked.with_waiting(asked.as_of(datetime.now(VIETNAM).date()), workspace)
            shown: RenderableType = render_terminal(report, every_unit=False)
        except ServiceUnavailable as error:
            shown = Text(str(error))
        if screen.is_terminal:
            screen.clear()
        screen.print(shown)
        screen.print(_("as seen at {time}").format(time=f"{datetime.now(VIETNAM):%H:%M:%S}"))
        time.sleep(every_s)


def _put(report: Progress, form: str, output: Path | None, agency: str) -> None:
    if form == "terminal" and output is None:
        from reports.terminal import render_terminal

        console().print(render_terminal(report))
        return
    if form in BINARY and output is None and sys.stdout.isatty():
        raise SettingsRejected(_("--format {form} is not text; name a file with -o").format(form=form))
    content = rendered(report, form, agency)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    write_whole(output, content)
    click.echo(_("written: {file}").format(file=output), err=True)


def rendered(report: Progress, form: str, agency: str = "") -> bytes:
    """The report in one of ``FORMATS``; *agency* stands at the head of the PDF."""
    match form:
        case "json":
            from reports.document import render_json

            return render_json(report)
        case "csv":
            from reports.tables import render_csv

            return render_csv(report)
        case "terminal":
            from rich.console import Console

            from reports.terminal import render_terminal

            out = Console(record=True, file=io.StringIO(), width=160)
            out.print(render_terminal(report))
            return out.export_text().encode()
        case "html":
            from reports.page import render_html

            return render_html(report)
        case "xlsx":
            from reports.workbook import render_xlsx

            return render_xlsx(report)
        case "pdf":
            from reports.paper import render_pdf

            return render_pdf(report, agency=agency)
        case _:
            raise SettingsRejected(_("--format {form}: not one of {forms}").format(form=form, forms=", ".join(FORMATS)))


def _handled(register: Register, file: Path, first: date, last: date, form: str, output: Path | None) -> int:
    from archive.cells import Reader, by_column
    from archive.imports import HANDLED_COLUMNS, handled_row
    from commands.importing import rejects_path, say_rejects
    from ingest.fencedrows import open_fenced_rows
    from reports.handled import handled_report, render_csv, render_json, render_terminal

    with open_fenced_rows(file, HANDLED_COLUMNS) as rows:
        reader = Reader(rows, rejects_path(file, None), by_column(rows, handled_row(register.unit_finder())))
        report = handled_report((Handled(*values) for values in reader), first, last)
    match form:
        case "terminal":
            console().print(render_terminal(report, {unit.code: unit.name for unit in register.units()}))
        case "json" | "csv":
            content = render_json(report) if form == "json" else render_csv(report)
            if output is not None:
                write_whole(output, content)
            else:
                sys.stdout.buffer.write(content)
        case _:
            raise SettingsRejected(_("--handled: --format terminal, json or csv"))
    if report.twice:
        click.echo(_("{count} lines name a dossier again; each counts once, by its last line").format(
            count=report.twice), err=True)  # fmt: skip
    say_rejects(reader.rejects)
    return 3 if reader.rejects.count else 0
