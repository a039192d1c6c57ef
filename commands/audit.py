"""``sohoa audit``: is the archive what was deposited?"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import click

from archive.audit import audit, nothing_more
from archive.findings import Audit, Fault, Finding
from archive.inventory import Register
from cli import Context
from commands.access import operator_of
from commands.buckets import audited, buckets_in_step, copies_from
from commands.buckets import mended as mended_in
from commands.replicating import Progress, anchor_copies, copy_anchors, damaged_objects, repaired, replicas_or_say
from commands.showing import console, harmless, json_line
from commands.workspace import Workspace
from schemas.days import VIETNAM
from schemas.errors import InputRejected, ServiceUnavailable
from schemas.language import _

BROKEN = 6
BREAKS_A_RECORD = (Fault.ALTERED, Fault.MISSING, Fault.RENAMED, Fault.INVALID, Fault.SIGNATURE)
PROGRESS_EVERY_S = 5.0


@click.command(help=_("Hash every file again, and name each that is not what was deposited."))
@click.option("--log", "log_only", is_flag=True, help=_("Check only the log of accesses, decisions and deposits."))
@click.option("--signatures", is_flag=True, help=_("Check each record's signatures too (some 10 ms each)."))
@click.option("--within-days", type=click.IntRange(1), default=None,
              help=_("Only today's share: all is seen within so many days; goes on where it stopped."))  # fmt: skip
@click.option("--repair", is_flag=True,
              help=_("Give damaged objects back from a copy proven whole; the damaged ones are kept."))  # fmt: skip
@click.option("--operator", default=None, help=_("Who answers for this run."))
@click.option("--threads", type=click.IntRange(0), default=0, help=_("How many files to hash at once (0: one a core)."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line, the summary last."))
@click.pass_obj
def command(
    context: Context,
    log_only: bool,
    signatures: bool,
    within_days: int | None,
    repair: bool,
    operator: str | None,
    threads: int,
    as_json: bool,
) -> int:
    workspace = context.workspace
    started = time.monotonic()
    who = operator_of(workspace, operator)
    if log_only:
        faults = [*workspace.catalogue.log_faults(), *_anchored(workspace)]
        results = [Audit(findings=[Finding("", Fault.LOG, fault) for fault in faults])]
    else:
        if repair:
            with workspace.only_writer():
                results, mended = _audited(workspace, started, signatures, within_days, threads, who)
        else:
            results, mended = _audited(workspace, started, signatures, within_days, threads, None)
        for path in mended:
            if as_json:
                json_line({"path": path, "repaired": True})
            else:
                click.echo(_("given back from a proven copy: {path}").format(path=path))
    for result in results:
        for finding in result.findings:
            if as_json:
                json_line({"path": finding.path, "fault": finding.fault, "detail": finding.detail})
            else:
                click.echo(harmless(_line(finding)))
    _close(results, time.monotonic() - started, log_only, as_json)
    return 0 if all(result.whole for result in results) else BROKEN


def _audited(
    workspace: Workspace, started: float, signatures: bool, within_days: int | None, threads: int, repairing: str | None
) -> tuple[list[Audit], list[str]]:
    """The archive's audit and each replica's, and what was given back; *repairing*: who answers for that."""
    replicas = replicas_or_say(workspace)
    buckets = buckets_in_step(workspace, Progress)
    if workspace.archive.bucket is not None:
        workspace.archive.bring_all()
        buckets.append(workspace.archive.bucket)
    anchored = _anchored(workspace)
    result = audit(workspace.archive, workspace.catalogue, threads=threads, on_object=_progress(started),
                   also=partial(_signature_findings, workspace) if signatures else nothing_more,
                   within_days=within_days)  # fmt: skip
    result.findings += [Finding("", Fault.LOG, fault) for fault in anchored]
    results, mended = [result], []
    for replica in replicas:
        found = audit(replica, workspace.catalogue, threads=threads, on_object=_progress(started),
                      within_days=within_days, replica=True)  # fmt: skip
        if repairing is not None:
            mended += [f"{replica.root}/{path}"
                       for path in repaired(workspace, replica, found, [workspace.archive], repairing)]  # fmt: skip
        found.findings[:] = [replace(f, path=f"{replica.root}/{f.path}") for f in found.findings]
        results.append(found)
    in_buckets = [audited(workspace, bucket, within_days) for bucket in buckets]
    if repairing is not None:
        with copies_from(buckets, damaged_objects(workspace, result), workspace.folder / "tmp") as copies:
            mended += repaired(workspace, workspace.archive, result, [*replicas, copies], repairing)
        for bucket, found in zip(buckets, in_buckets, strict=True):
            mended += mended_in(workspace, bucket, found, repairing)
    results += in_buckets
    _stop_counting(workspace, result, signatures and within_days is None)
    return results, mended


def _anchored(workspace: Workspace) -> list[str]:
    """What the timestamps over the log's earlier ends say against it; a whole log gets one over its present end."""
    from ingest.signing.anchors import anchor_faults, write_anchor
    from ingest.signing.timestamps import services_of

    folder, catalogue = workspace.folder / "anchors", workspace.catalogue
    copies = anchor_copies(workspace)
    faults = list(dict.fromkeys(
        fault for place in (folder, *copies) for fault in anchor_faults(place, catalogue.log_hash)
    ))  # fmt: skip
    signing = workspace.settings.signing
    services = services_of(signing.timestamp_urls, signing.timestamp_timeout_s, signing.timestamp_tries)
    position, entry_hash = catalogue.log_head()
    if services is not None and position and not faults and not catalogue.log_faults():
        try:
            write_anchor(folder, position, entry_hash, services)
        except ServiceUnavailable as error:
            click.echo(_("The log's end has no timestamp now: {error}").format(error=error), err=True)
    if not faults:
        copy_anchors(folder, copies)
    return faults


def _stop_counting(workspace: Workspace, result: Audit, signatures: bool) -> None:
    """Records that were found broken leave the numerator from today on, until an audit finds them whole."""
    broken = {f.path: f.detail or str(f.fault) for f in result.findings if f.fault in BREAKS_A_RECORD}
    Register(workspace.catalogue.engine).audited(broken, datetime.now(VIETNAM).date(), all_was_checked=signatures)


def _signature_findings(workspace: Workspace, object_path: str, named: frozenset[str]) -> Iterator[Finding]:
    """An object's records whose signatures do not hold; files that are named as altered or missing are left out."""
    from ingest.signing import Verdict, verify  # a second to load, for this option only

    for row in workspace.catalogue.deposits_in(object_path):
        if row.pdf_path in named or not row.pdf_path:
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


def _close(results: Sequence[Audit], seconds: float, log_only: bool, as_json: bool) -> None:
    found = [finding for result in results for finding in result.findings]
    objects, files, size_bytes = (
        sum(counts) for counts in zip(*((r.objects, r.files, r.size_bytes) for r in results), strict=True)
    )
    if as_json:
        json_line({
            "whole": not found, "objects": objects, "of": sum(r.of for r in results), "files": files,
            "size_bytes": size_bytes, "faults": dict(Counter(str(finding.fault) for finding in found)),
            "seconds": round(seconds, 2),
        })  # fmt: skip
    elif log_only:
        click.echo(_("The log is whole.") if not found else _("The log is not what was written."))
    else:
        click.echo(
            _("{objects} of {all} objects, {files} files, {size} MB in {seconds} s: {verdict}").format(
                objects=objects, all=sum(r.of for r in results), files=files, size=round(size_bytes / 1e6),
                seconds=round(seconds, 1),
                verdict=_("all as deposited") if not found else _("{count} faults").format(count=len(found)),
            )
        )  # fmt: skip
