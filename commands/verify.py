"""``sohoa verify``: check the signatures of files or records."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from cli import Context
from commands.counting import counted
from commands.showing import harmless, json_line
from ingest.fencedchecks import FencedChecks
from ingest.signing import SignatureVerdict, Verdict
from ingest.signing.making import VIETNAM
from ingest.signing.verdicts import Revocation, TimeSource
from schemas.errors import InputRejected
from schemas.language import _
from schemas.settings import load_settings

UNSIGNED = "unsigned"
WORST_FIRST = (Verdict.BROKEN, Verdict.CHANGED, Verdict.REVOKED, Verdict.NOT_TRUSTED, Verdict.EXPIRED,
               Verdict.ISSUER_UNKNOWN, Verdict.AMENDED, Verdict.VALID)  # fmt: skip
INTEGRITY_BROKEN = frozenset([Verdict.BROKEN, Verdict.CHANGED])


@click.command(help=_("Check the signatures of PDF files or records: who, when, what changed since, whom to trust."))
@click.argument("targets", nargs=-1, metavar=_("FILE|ID…"))
@click.option("--all", "every", is_flag=True, help=_("Check every record of the archive that stands."))
@click.option("--roots", type=click.Path(path_type=Path, file_okay=False), default=None,
              help=_("Folder of trusted root certificates (else signing.trust_roots)."))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def command(context: Context, targets: tuple[str, ...], every: bool, roots: Path | None, as_json: bool) -> int:
    if every == bool(targets):
        raise click.UsageError(_("name files or records, or give --all"))
    settings = load_settings(context.folder / "sohoa.toml")  # checking a file makes no workspace
    named = Path(settings.signing.trust_roots).expanduser() if settings.signing.trust_roots else None
    if every:
        targets = tuple(row.id for row in context.workspace.catalogue.deposits() if row.withdrawn_at is None)
    outcomes: Counter[str] = Counter()
    rejected = 0
    verify = FencedChecks()
    for target in counted(targets, len(targets), _("signatures checked")):
        try:
            file = _file(context, target)
            verdicts = verify(file, roots or named)
        except InputRejected as error:
            rejected += 1
            if as_json:
                json_line({"file": target, "verdict": "rejected", "reason": str(error), "signatures": []})
            else:
                click.echo(_("rejected: {reason}").format(reason=harmless(str(error))), err=True)
            continue
        outcomes[overall(verdicts)] += 1
        _print(target, verdicts, as_json)
    verify.close()
    if len(targets) > 1 and not as_json:
        for outcome, count in outcomes.most_common():
            click.echo(f"{count:6d}  {_said(outcome)}")
    return _exit_code(outcomes, rejected)


def overall(verdicts: list[SignatureVerdict]) -> str:
    """The worst of a file's verdicts; ``unsigned`` where there is none."""
    found = {verdict.verdict for verdict in verdicts}
    return next((str(verdict) for verdict in WORST_FIRST if verdict in found), UNSIGNED)


def _exit_code(outcomes: Collection[str], rejected: int) -> int:
    """6 when anything is not what was signed; 3 when not everything is valid; 4 when nothing could be checked."""
    if any(outcome in INTEGRITY_BROKEN for outcome in outcomes):
        return 6
    if rejected and not outcomes:
        return 4
    return 3 if rejected or any(outcome != Verdict.VALID for outcome in outcomes) else 0


def _file(context: Context, target: str) -> Path:
    """The file of that name, else the PDF of the record of that id."""
    file = Path(target)
    if file.exists():
        return file
    if not (context.folder / "archive").is_dir() or file.suffix.lower() == ".pdf":
        raise InputRejected(_("{file}: there is neither such a file nor such a record").format(file=target))
    return context.workspace.archive.pdf(target)


def _print(target: str, verdicts: list[SignatureVerdict], as_json: bool) -> None:
    outcome = overall(verdicts)
    if as_json:
        json_line({"file": target, "verdict": outcome, "signatures": [asdict(verdict) for verdict in verdicts]})
        return
    click.echo(harmless(f"{target}: {_said(outcome)}"))
    for verdict in verdicts:
        mark = "✓" if verdict.verdict is Verdict.VALID else "✗" if verdict.verdict in INTEGRITY_BROKEN else "?"
        click.echo(harmless(f"  {mark} {_line(verdict)}"))
        for line in _more(verdict):
            click.echo(harmless(f"      {line}"))


def _said(outcome: str) -> str:
    """What a person can do with it, in a line."""
    return {
        Verdict.VALID: _("valid: every signature holds, and its signer is vouched for"),
        Verdict.ISSUER_UNKNOWN: _("intact, but whether the signers are who they say is not known"),
        Verdict.EXPIRED: _("intact, but a certificate has expired and nothing proves when it signed"),
        Verdict.REVOKED: _("do not rely on it: a signer's certificate was revoked"),
        Verdict.NOT_TRUSTED: _("intact, but a signer's key or certificate is not good enough"),
        Verdict.AMENDED: _("intact, but changed between its signatures: the newest signer answers for the whole"),
        Verdict.CHANGED: _("do not rely on it: it was changed after it was signed"),
        Verdict.BROKEN: _("do not rely on it: it is not what was signed"),
        UNSIGNED: _("bears no signature"),
    }[outcome]


def _more(verdict: SignatureVerdict) -> Iterator[str]:
    """Why it is not valid, who vouches for it, and whether anybody said that it was revoked."""
    if verdict.reason:
        yield verdict.reason
    later = {"other": _("afterwards something else than signatures was added"), "signatures": _("signed again later")}
    if verdict.modified_after in later:
        yield later[verdict.modified_after]
    if verdict.trust_path:
        yield _("vouched for by {path}").format(path=" → ".join(verdict.trust_path[:-1]) or verdict.trust_path[0])
    yield {
        Revocation.GOOD: _("the file itself proves that the certificate was not revoked"),
        Revocation.REVOKED: _("the file itself proves that the certificate was revoked"),
        Revocation.UNKNOWN: _("the file holds no proof on revocation that can be relied on"),
        Revocation.NOT_APPLICABLE: _("the issuer answers for no revocation of this certificate"),
    }[verdict.revocation]


def _line(verdict: SignatureVerdict) -> str:
    sources = {
        TimeSource.CLAIMED: _("by the signer's own clock"),
        TimeSource.TIMESTAMP: _("by timestamp"),
        TimeSource.BEFORE_TIMESTAMP: _("by the signer's own clock, and before {stamped} by timestamp").format(
            stamped=_local(verdict.existed_at)
        ),
        TimeSource.NONE: _("time unknown"),
    }
    covers = _("the whole file") if verdict.covers_whole else _("the file as it was then")
    return _(
        "{signer} ({organization}), issued by {issuer}; {when}, {source}; {level}, {algorithm}; covers {covers}"
    ).format(
        signer=verdict.signer or verdict.field,
        organization=verdict.organization or "–",
        issuer=verdict.issuer or "–",
        when=_local(verdict.signed_at) or "–",
        source=sources[verdict.time_source],
        level=verdict.level or "–",
        algorithm=verdict.algorithm or "–",
        covers=covers,
    )


def _local(moment: str) -> str:
    """An ISO time in the Vietnamese zone, to the second; as it stands where it names no zone."""
    read = datetime.fromisoformat(moment) if moment else None
    return read.astimezone(VIETNAM).isoformat(timespec="seconds") if read is not None and read.tzinfo else moment
