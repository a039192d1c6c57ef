"""``sohoa report --why``: row by row what counts for a unit, what does not, and why, in each form."""

import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import click

from archive.inventory import Register
from commands.showing import console, harmless, json_line
from commands.writing import write_whole
from reports.reasons import render_csv, render_xlsx, said_standing
from reports.words import day, percent, whole
from schemas.errors import SettingsRejected
from schemas.language import _
from schemas.units import RowStanding, Standing


def explain(register: Register, unit: str, when: date, form: str, output: Path | None) -> int:
    """Print or write what counts for *unit*. SettingsRejected for a form that there is not of this."""
    code = register.code_of(unit)
    match form:
        case "terminal":
            _on_terminal(register, code, when)
        case "json":
            for one in register.explain(code, when):
                json_line(_standing_form(one))
            for id in register.unmatched(code, when):
                json_line({"record": id, "standing": "in no row"})
        case "csv" | "xlsx":
            if form == "xlsx" and output is None and sys.stdout.isatty():
                raise SettingsRejected(_("--format {form} is not text; name a file with -o").format(form=form))
            render = render_csv if form == "csv" else render_xlsx
            content = render(register.explain(code, when), register.unmatched(code, when))
            if output is None:
                sys.stdout.buffer.write(content)
                sys.stdout.flush()
            else:
                write_whole(output, content)
                click.echo(_("written: {file}").format(file=output), err=True)
        case _:
            raise SettingsRejected(_("--why: --format terminal, json, csv or xlsx"))
    return 0


def _on_terminal(register: Register, code: str, when: date) -> None:
    """A line a row, printed as it is read: a unit may have 100,000 of them, which a table would first measure."""
    tally: Counter[Standing] = Counter()
    width = console().width
    click.echo(_line(width, _("number, symbol"), _("date"), _("counts"), _("records"), _("title")))
    for one in register.explain(code, when):
        tally[one.standing] += 1
        records = " ".join(one.records[:3]) + (" …" if len(one.records) > 3 else "")
        number = f"{one.row.number}/{one.row.symbol}"
        click.echo(_line(width, number, day(one.row.issued_on), said_standing(one), records, one.row.title))
    unmatched = register.unmatched(code, when)
    done = tally[Standing.COUNTS]
    rows = sum(tally.values()) - tally[Standing.NOT_YET_IN_FORCE] - tally[Standing.NO_LONGER_IN_FORCE]
    click.echo(
        _("{unit}, end of {day}: {done} of {rows} results in force have a record: {rate}").format(
            unit=code, day=day(when), done=whole(done), rows=whole(rows),
            rate=percent(done * 10_000 // rows if rows else None))
    )  # fmt: skip
    if unmatched:
        click.echo(
            _("{count} records of this unit count for no row of the inventory: {ids}").format(
                count=whole(len(unmatched)), ids=", ".join(unmatched[:10]) + (" …" if len(unmatched) > 10 else ""))
        )  # fmt: skip


def _line(width: int, number: str, issued: str, counts: str, records: str, title: str) -> str:
    return harmless(f"{number:<20}  {issued:<10}  {counts:<32}  {records:<24}  {title}")[:width].rstrip()


def _standing_form(one: RowStanding) -> dict[str, Any]:
    return {
        "unit": one.row.unit, "number": one.row.number, "symbol": one.row.symbol,
        "issued_on": one.row.issued_on.isoformat(), "procedure": one.row.procedure, "result_code": one.row.result_code,
        "title": one.row.title, "in_force_from": one.row.in_force_from and one.row.in_force_from.isoformat(),
        "in_force_until": one.row.in_force_until and one.row.in_force_until.isoformat(),
        "standing": str(one.standing), "since": one.since and one.since.isoformat(), "records": list(one.records),
    }  # fmt: skip
