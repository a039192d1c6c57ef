"""``sohoa audit``: is the archive what was deposited?"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

import click

from archive.audit import Audit, Fault, Finding, audit
from archive.inventory import VIETNAM, Register
from cli import Context
from commands.showing import console, harmless, json_line
from commands.workspace import Workspace
from schemas.errors import InputRejected
from schemas.language import _

BROKEN = 6
BREAKS_A_RECORD = (Fault.ALTERED, Fault.MISSING, Fault.RENAMED, Fault.INVALID, Fault.SIGNATURE)
PROGRESS_EVERY_S = 5.0


@click.command(help=_("Hash every file again, and name each that is not what was deposited."))
@click.option("--log", "log_only", is_flag=True, help=_("Check only the log of accesses, decisions and deposits."))
@click.option("--signatures", is_flag=True, help=_("Check each record's signatures too (some 10 ms each)."))
@click.option("--threads", type=click.IntRange(0), default=0, help=_("How many files to hash at once (0: one a core)."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line, the summary last."))
@click.pass_obj
def command(context: Context, log_only: bool, signatures: bool, threads: int, as_json: bool) -> int:
    workspace = context.workspace
    started = time.monotonic()
    if log_only:
        result = Audit(findings=[Finding("", Fault.LOG, fault) for fault in workspace.catalogue.log_faults()])
    else:
        result = audit(workspace.archive, workspace.catalogue, threads=threads, on_object=_progress(started))
        if signatures:
            result.findings += _signature_findings(workspace, {finding.path for finding in result.findings})
        _stop_counting(workspace, result, signatures)
    for finding in result.findings:
        if as_json:
            json_line({"path": finding.path, "fault": finding.fault, "detail": finding.detail})
        else:
            click.echo(harmless(_line(finding)))
    _close(result, time.monotonic() - started, log_only, as_json)
    return 0 if result.whole else BROKEN


def _stop_counting(workspace: Workspace, result: Audit, signatures: bool) -> None:
    """Records that were found broken leave the numerator from today on, until an audit finds them whole."""
    broken = {f.path: f.detail or str(f.fault) for f in result.findings if f.fault in BREAKS_A_RECORD}
    Register(workspace.catalogue.engine).audited(broken, datetime.now(VIETNAM).date(), all_was_checked=signatures)


def _signature_findings(workspace: Workspace, known: set[str]) -> Iterator[Finding]:
    """Records whose signatures do not hold; files that were found altered or missing are not named twice."""
    from ingest.signing import Verdict, verify  # a second to load, for this option only

    for row in workspace.catalogue.deposits():
        if row.pdf_path in known:
            continue
        try:
            verdicts = verify(workspace.archive.root / row.pdf_path, None)
        except InputRejected as error:
            yield Finding(row.id, Fault.SIGNATURE, str(error))
            continue
        broken = [verdict for verdict in verdicts if verdict.verdict in (Verdict.BROKEN, Verdict.CHANGED)]
        if not verdicts:
            yield Finding(row.id, Fault.SIGNATURE, _("bears no signature"))
        for verdict in broken:
            yield Finding(row.id, Fault.SIGNATURE, f"{verdict.signer or verdict.field}: {verdict.reason}")


def _progress(started: float) -> Callable[[Audit], None]:
    """A line on stderr every few seconds, over the line before where that is a terminal."""
    terminal = console(err=True).is_terminal
    last = started

    def say(so_far: Audit) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PROGRESS_EVERY_S:
            return
        last = now
        rate = so_far.size_bytes / 1e6 / (now - started)
        click.echo(
            _("{objects} objects, {files} files, {rate} MB a second, {found} found").format(
                objects=so_far.objects, files=so_far.files, rate=round(rate), found=len(so_far.findings)
            ),
            err=True, nl=not terminal,
        )  # fmt: skip
        if terminal:
            click.echo("\r", err=True, nl=False)

    return say


def _line(finding: Finding) -> str:
    words = {
        Fault.ALTERED: _("altered"),
        Fault.MISSING: _("missing"),
        Fault.ADDED: _("added"),
        Fault.RENAMED: _("renamed"),
        Fault.INVALID: _("not valid OCFL"),
        Fault.DISAGREES: _("catalogue and archive disagree"),
        Fault.SIGNATURE: _("signature does not hold"),
        Fault.LOG: _("log"),
    }
    return ": ".join(part for part in (words[finding.fault], finding.path, finding.detail) if part)


def _close(result: Audit, seconds: float, log_only: bool, as_json: bool) -> None:
    if as_json:
        faults = Counter(str(finding.fault) for finding in result.findings)
        json_line({
            "whole": result.whole, "objects": result.objects, "files": result.files, "size_bytes": result.size_bytes,
            "faults": dict(faults), "seconds": round(seconds, 2),
        })  # fmt: skip
    elif log_only:
        click.echo(_("The log is whole.") if result.whole else _("The log is not what was written."))
    else:
        click.echo(
            _("{objects} objects, {files} files, {size} MB in {seconds} s: {verdict}").format(
                objects=result.objects, files=result.files, size=round(result.size_bytes / 1e6),
                seconds=round(seconds, 1),
                verdict=_("all as deposited") if result.whole else _("{count} faults").format(
                    count=len(result.findings)),
            )
        )  # fmt: skip
