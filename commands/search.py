"""``sohoa search``: what the archive has, found by words, numbers, dates and fields."""

import csv
import sys
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from cli import Context
from commands.access import note_access
from commands.indexing import behind, whole_index
from commands.showing import console, harmless, json_line
from commands.units_of import UnitsOf, units_of
from schemas.errors import InputRejected
from schemas.formulas import harmless_formula
from schemas.language import _
from schemas.units import Level
from search.finding import Finding, find
from search.index import Counts, Found, Hit, Request, Sort
from search.meant import Meant, meant
from search.parsing import dates, in_field, parse
from search.query import All, And, Dated, Not, OfUnit, Or, Query, atoms, both

COLUMNS = ("id", "number", "symbol", "issued_on", "type", "issuer", "abstract", "unit", "page", "line")


@click.command(help=_(
    "Find records by words (marks or none), \"a phrase\", -without, a OR b, prefix xây*, numbers and dates as they are "
    "written (12/QĐ-UBND, số 012, 15/8/2023, tháng 8/2023, a dossier's code or its tail), and fields: so: kyhieu: "
    "coquan: loai: donvi: ngay:2023-01..2023-06 nguoiky: trichyeu: hoso: thutuc:"
), context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})  # fmt: skip
@click.argument("words", nargs=-1)
@click.option("--unit", default=None, help=_("Of this unit (code or name) and those below it."))
@click.option("--level", type=click.Choice([level.value for level in Level]), default=None,
              help=_("Of the units of this level."))  # fmt: skip
@click.option("--type", "type_", default=None, help=_("Of this type: its name, or its code as in QĐ."))
@click.option("--number", default=None, help=_("With this number, as 3165 or 3165/QĐ-UBND."))
@click.option("--symbol", default=None, help=_("With this symbol, or a part of it, as QĐ-UBND."))
@click.option("--issuer", default=None, help=_("Of an agency with these words in its name."))
@click.option("--signer", default=None, help=_("Signed by a person of this name."))
@click.option("--from", "since", default=None, help=_("Issued on or after this date, month or year."))
@click.option("--to", "until", default=None, help=_("Issued on or before this date, month or year."))
@click.option("--sort", type=click.Choice([sort.value for sort in Sort]), default="rank", help=_("Order of the hits."))
@click.option("--limit", type=click.IntRange(0, 10_000), default=20, show_default=True, help=_("How many to show."))
@click.option("--skip", type=click.IntRange(0), default=0, help=_("How many of the first to leave out."))
@click.option("--counts", is_flag=True, help=_("Also count what was found by unit, level, type and year."))
@click.option("--csv", "as_csv", is_flag=True, help=_("Print as CSV."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line, a summary last."))
@click.pass_obj
def command(
    context: Context,
    words: tuple[str, ...],
    unit: str | None,
    level: str | None,
    type_: str | None,
    number: str | None,
    symbol: str | None,
    issuer: str | None,
    signer: str | None,
    since: str | None,
    until: str | None,
    sort: str,
    limit: int,
    skip: int,
    counts: bool,
    as_csv: bool,
    as_json: bool,
) -> int:
    workspace = context.workspace
    typed = " ".join(words).encode(errors="replace").decode()  # an argument may be no UTF-8
    fields = (("loai", type_), ("so", number), ("kyhieu", symbol), ("coquan", issuer), ("nguoiky", signer),
              ("donvi", unit))  # fmt: skip
    asked = [parse(typed), *(in_field(name, value) for name, value in fields if value)]
    if since or until:
        asked.append(Dated(*dates(f"{since or ''}..{until or ''}")))
    units = units_of(workspace)
    query = _with_units(both(*asked), units)
    if level is not None:
        query = both(query, units.query(units.at_level(Level(level))))
    if isinstance(query, All) and not typed.strip() and not counts:
        raise InputRejected(_("say what to find: words, a number, a date, or an option such as --unit"))
    said = " ".join([typed, *(f"{name}:{value}" for name, value in (*fields, ("cap", level)) if value)])
    note_access(workspace, "search", said.strip())
    index = whole_index(workspace)
    finding = find(index, Request(query, limit=limit, offset=skip, sort=Sort(sort), counts=counts))
    found = finding.found
    guess = None if found.total or as_csv else meant(index, query, typed)
    if as_json:
        _print_json(finding, units, guess)
    elif as_csv:
        _print_csv(found)
    else:
        if finding.whole is not None:
            click.echo(_("{count} have all the words; behind them, those that lack one:").format(count=finding.whole))
        _print_table(found, skip, units)
        if guess is not None:
            _say_what_was_meant(guess, query)
    if missing := behind(workspace):
        click.echo(_("{count} records are not in the index yet: sohoa index catch-up").format(count=missing), err=True)
    return 0


def _with_units(query: Query, units: UnitsOf) -> Query:
    """*query* with each unit given by name or code as the codes that it has."""
    match query:
        case OfUnit(codes):
            return units.query(code for given in codes for code in units.named(given))
        case And(parts):
            return And(tuple(_with_units(part, units) for part in parts))
        case Or(parts):
            return Or(tuple(_with_units(part, units) for part in parts))
        case Not(part):
            return Not(_with_units(part, units))
        case _:
            return query


def _row(hit: Hit) -> dict[str, Any]:
    record = hit.record
    return {
        "id": record.id, "dossier": record.dossier, "version": record.version, "number": record.number,
        "symbol": record.symbol, "issued_on": record.issued_on.isoformat() if record.issued_on else None,
        "type": record.type, "issuer": record.issuer, "abstract": record.abstract, "signer": record.signer,
        "unit": record.unit, "procedure": record.procedure, "kind": record.kind.value, "pages": len(record.pages),
        "tier": hit.tier, "page": hit.excerpt.page, "line": hit.excerpt.line,
        "marks": [list(span) for span in hit.excerpt.marks],
    }  # fmt: skip


def _print_json(finding: Finding, units: UnitsOf, guess: Meant | None) -> None:
    found = finding.found
    for hit in found.hits:
        json_line(_row(hit))
    summary: dict[str, Any] = {
        "total": found.total,
        "with_all_words": found.total if finding.whole is None else finding.whole,
    }
    if found.counts is not None:
        summary["counts"] = {name: counted for name, _title, counted in _counted(found.counts, units)}
    if guess is not None:
        summary |= {"meant": guess.typed or None, "each_by_itself": guess.known}
    json_line(summary)


def _print_csv(found: Found) -> None:
    out = csv.writer(sys.stdout)
    out.writerow(COLUMNS)
    for hit in found.hits:
        row = _row(hit)
        out.writerow([_cell(row[name]) for name in COLUMNS])


def _cell(value: Any) -> str:
    """A spreadsheet must not take for a formula what was read from paper."""
    return harmless_formula(harmless("" if value is None else str(value)))


def _print_table(found: Found, skip: int, units: UnitsOf) -> None:
    out = console()
    if found.hits:
        table = Table(_("number, symbol"), _("date"), _("what it is"), _("unit"), "ID", box=None, expand=False)
        table.columns[0].no_wrap = table.columns[1].no_wrap = True
        table.columns[4].overflow = table.columns[0].overflow = "fold"
        table.columns[2].ratio = 1
        for hit in found.hits:
            record = hit.record
            issued = f"{record.issued_on:%d/%m/%Y}" if record.issued_on else ""
            number = "/".join(part for part in (record.number, record.symbol) if part)
            table.add_row(harmless(number), issued, _what(hit), harmless(record.unit), harmless(record.id))
        out.print(table)
    for _name, title, counted in _counted(found.counts, units) if found.counts is not None else ():
        shown = ", ".join(f"{harmless(str(value))} {count}" for value, count in list(counted.items())[:12])
        out.print(f"{title}: {shown}")
    last = skip + len(found.hits)
    if found.hits and last < found.total:
        out.print(_("{first} to {last} of {total}; go on with --skip {last}").format(
            first=skip + 1, last=last, total=found.total))  # fmt: skip
    else:
        out.print(_("{total} found.").format(total=found.total))


def _what(hit: Hit) -> Text:
    record = hit.record
    head = ", ".join(part for part in (record.type, record.issuer) if part)
    text = Text(harmless(": ".join(part for part in (head, record.abstract) if part)))
    if hit.excerpt.page is not None:
        line = Text(harmless(hit.excerpt.line))
        for start, end in hit.excerpt.marks:
            line.stylize("bold reverse", start, end)
        text.append("\n" + _("p. {page}: ").format(page=hit.excerpt.page), "dim")
        text.append_text(line)
    return text


def _counted(counts: Counts, units: UnitsOf) -> list[tuple[str, str, dict[Any, int]]]:
    years = dict(sorted(counts.years.items(), reverse=True))
    return [
        ("levels", _("by level"), units.by_level(counts.units)),
        ("units", _("by unit"), counts.units),
        ("types", _("by type"), counts.types),
        ("years", _("by year"), years),
    ]


def _say_what_was_meant(guess: Meant, query: Query) -> None:
    if guess.typed:
        click.echo(_("Did you mean: {query}").format(query=harmless(guess.typed)))
    if len(guess.known) > 1 or (guess.known and len(list(atoms(query))) > len(guess.known)):
        alone = ", ".join(f"{word} {count}" for word, count in guess.known.items())
        click.echo(_("Each by itself is found: {words}").format(words=harmless(alone)))
