"""``sohoa show``: a record with its fields, who made it and how; or one of its pages as a picture."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from archive.inventory import Register
from cli import Context
from commands.access import note_access
from commands.showing import console, harmless, harmless_lines, json_line
from commands.workspace import Workspace
from schemas.days import VIETNAM
from schemas.documents import FoundSignature
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.fieldwords import kind_label
from schemas.language import _
from schemas.procedures import procedure_finder
from schemas.records import Provenance, Record, RecordVersion
from schemas.stored import to_json
from search.excerpts import marked_words
from search.parsing import parse

PAGE_DPI = 150


@click.command(help=_("Show a record: its fields, what people decided, who made it and with what."))
@click.argument("id")
@click.option("--text", is_flag=True, help=_("Print the text of its pages (with --page: of this one)."))
@click.option("--page", type=click.IntRange(1), default=None, help=_("Write this page as a picture (PNG)."))
@click.option("--words", default="", help=_("Words to box on the page, as for search."))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=None,
              help=_("The picture's file; by default ID-PAGE.png here."))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object."))
@click.pass_obj
def command(
    context: Context, id: str, text: bool, page: int | None, words: str, output: Path | None, as_json: bool
) -> None:
    workspace = context.workspace
    certificate = workspace.archive.certificate(id)
    if certificate is not None:
        _print_certificate(certificate, as_json)
        return
    record = workspace.archive.record(id)
    if page is not None and page > len(record.pages):
        raise InputRejected(_("{id} has {count} pages, no page {page}").format(
            id=id, count=len(record.pages), page=page))  # fmt: skip
    note_access(workspace, "show", record.id)
    if text:
        for number in [page] if page else range(1, len(record.pages) + 1):
            click.echo(harmless_lines(record.pages[number - 1]))
    elif page is not None:
        target = output or Path(f"{record.id.replace('/', '_')}-{page}.png")
        boxed = _write_page(workspace.archive.pdf(id), page, words, target)
        click.echo(_("{path}: page {page}, {count} words boxed").format(path=target, page=page, count=boxed))
    elif as_json:
        json_line(to_json(record) | {
            "procedure_name": _called(workspace, record) or None,
            "provenance": to_json(workspace.archive.provenance(id)), "pdf": str(workspace.archive.pdf(id)),
            "history": [to_json(version) for version in workspace.archive.history(id)],
        })  # fmt: skip
    else:
        pdf = workspace.archive.pdf(id)
        called = _called(workspace, record)
        _print(record, called, workspace.archive.provenance(id), pdf, _signed(pdf),
               workspace.archive.found_signatures(id))  # fmt: skip
        _print_history(workspace.archive.history(id))
        console().print(_("Whether the signatures hold: sohoa verify {id}").format(id=record.id))


def _called(workspace: Workspace, record: Record) -> str:
    """What the record's procedure was called on its day of issue; empty where that is not known."""
    if not record.procedure:
        return ""
    known = Register(workspace.catalogue.engine).procedures()
    found = procedure_finder(known, record.issued_on or record.deposited_at.astimezone(VIETNAM).date())(
        record.procedure
    )
    return found.name if found is not None else ""


def _signed(pdf: Path) -> list[str]:
    """Each signature in a few words; how far they can be relied on is ``sohoa verify``'s to say."""
    from ingest.signing.checking import verify

    try:
        verdicts = verify(pdf, None)
    except InputRejected as error:
        return [str(error)]
    return [
        ", ".join(part for part in (verdict.signer, verdict.organization, verdict.signed_at, verdict.level) if part)
        for verdict in verdicts
    ]


def _print(
    record: Record, called: str, provenance: Provenance, pdf: Path, signatures: list[str],
    found: Sequence[FoundSignature],
) -> None:  # fmt: skip
    fields: list[tuple[str, Any]] = [
        ("ID", record.id), (_("dossier"), record.dossier), (_("version"), record.version), (_("unit"), record.unit),
        (_("procedure"), f"{record.procedure} {called}".strip()), (_("kind"), kind_label(record.kind)),
        (_("number, symbol"), "/".join(part for part in (record.number, record.symbol) if part)),
        (_("date"), f"{record.issued_on:%d/%m/%Y}" if record.issued_on else ""),
        (_("issuer"), ", ".join(part for part in (record.parent_issuer, record.issuer) if part)),
        (_("type"), record.type), (_("abstract"), record.abstract), (_("urgency"), record.urgency),
        (_("signer"), ", ".join(part for part in (record.signer_title, record.signer) if part)),
        (_("pages"), len(record.pages)), (_("archived"), record.deposited_at.isoformat(timespec="seconds")),
        (_("operator"), provenance.operator), (_("scan, SHA-256"), record.scan_sha256),
        (_("PDF, SHA-256"), record.pdf_sha256), ("PDF", pdf), (_("kept until"), _term(record)),
        (_("WITHDRAWN"), _withdrawn(record)),
    ]  # fmt: skip
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in fields:
        if value not in (None, ""):
            table.add_row(name, harmless(str(value)))
    for signature in signatures:
        table.add_row(_("signature"), harmless(signature))
    for one in found:
        said = (one.signer, one.organization, one.signed_at, one.verdict, one.reason)
        table.add_row(_("signature on the scan"), harmless(", ".join(part for part in said if part)))
    for decision in provenance.decisions:
        table.add_row(_("decided"), harmless(decision))
    console().print(table)


def _term(record: Record) -> str:
    term = record.retention
    return f"{term.until or _('for ever')} ({term.code})" if term else ""


def _withdrawn(record: Record) -> str:
    said = record.withdrawn
    if said is None:
        return ""
    parts = (f"{said.at.astimezone(VIETNAM):%d/%m/%Y}", said.by, said.reason, said.decision)
    return ", ".join(part for part in parts if part)


def _print_history(history: tuple[RecordVersion, ...]) -> None:
    table = Table(_("version"), _("date"), _("by"), _("what was done"), _("files changed"), box=None)
    for version in history:
        number = f"({version.number})" if version.earlier else str(version.number)  # those of an earlier archive
        table.add_row(number, f"{version.made_at.astimezone(VIETNAM):%d/%m/%Y %H:%M}",
                      harmless(version.by), harmless(version.what), ", ".join(version.files))  # fmt: skip
    console().print(table)


def _print_certificate(certificate: dict[str, Any], as_json: bool) -> None:
    """What is left of a record that was destroyed."""
    if as_json:
        json_line(certificate)
        return
    table = Table(box=None, show_header=False)
    for name, value in certificate.items():
        if value not in (None, ""):
            table.add_row(name, harmless(str(value)))
    console().print(_("Destroyed; this certificate is left:"))
    console().print(table)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word of the PDF's text layer; edges in fractions of the page."""

    text: str
    edges: tuple[float, float, float, float]


def _write_page(pdf: Path, page: int, words: str, target: Path) -> int:
    """The page as PNG with the *words* boxed; how many were."""
    from pdf2image import convert_from_path
    from PIL import ImageDraw

    [image] = convert_from_path(pdf, dpi=PAGE_DPI, first_page=page, last_page=page)
    draw = ImageDraw.Draw(image)
    boxed = list(_wanted(list(_placed_words(pdf, page)), words)) if words.strip() else []
    for word in boxed:
        x0, y0, x1, y1 = word.edges
        box = (x0 * image.width - 3, y0 * image.height - 3, x1 * image.width + 3, y1 * image.height + 3)
        draw.rectangle(box, outline="red", width=3)
    try:
        image.save(target, "PNG")
    except OSError as error:
        raise ServiceUnavailable(
            _("{path}: cannot be written ({error}); choose another file with -o").format(path=target, error=error)
        ) from error
    return len(boxed)


def _wanted(placed: list[_Placed], words: str) -> Iterator[_Placed]:
    """The words of the layer that answer the query *words*: phrases run over several."""
    text, starts = "", []
    for word in placed:
        starts.append(len(text))
        text += f"{word.text} "
    spans = marked_words(text, parse(words))
    for word, start in zip(placed, starts, strict=True):
        if any(a < start + len(word.text) and start < b for a, b in spans):
            yield word


_PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)"')
_WORD = re.compile(r'<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</word>')


def _placed_words(pdf: Path, page: int) -> Iterator[_Placed]:
    """What poppler's ``pdftotext -bbox`` finds in the text layer."""
    asked = ["pdftotext", "-bbox", "-f", str(page), "-l", str(page), str(pdf), "-"]
    try:
        shown = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise ServiceUnavailable(
            _("pdftotext cannot be run ({error}); install it: apt-get install poppler-utils").format(error=error)
        ) from error
    size = _PAGE.search(shown)
    if size is None:
        return
    width, height = float(size[1]), float(size[2])
    for x0, y0, x1, y1, text in _WORD.findall(shown):
        edges = (float(x0) / width, float(y0) / height, float(x1) / width, float(y1) / height)
        yield _Placed(unescape(text), edges)
