"""``sohoa doctor``: what this machine and this workspace lack, each with the command that mends it."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import click

from cli import Context
from commands.showing import harmless, json_line
from schemas.errors import ServiceUnavailable, SettingsRejected, SohoaError
from schemas.language import LOCALE_DIR, _, language
from schemas.settings import Settings, load_settings

SPACE_NEEDED_BYTES = 1_000_000_000
"""A day's stack of 200 colour pages takes about 150 MB, and twice that on its way."""
EXPIRY_WARNING = timedelta(days=30)
POPPLER = ("pdftocairo", "pdfinfo", "pdftotext")
FONT = Path("/usr/share/fonts/truetype/croscore/Tinos-Regular.ttf")


class Verdict(StrEnum):
    FINE = "fine"
    ADVICE = "advice"
    """It works, but better were at hand, or it is not needed everywhere."""
    MISSING = "missing"
    WRONG = "wrong"
    """A setting is not as it must be."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, what was seen, and the command or change that mends it."""

    what: str
    verdict: Verdict
    seen: str
    remedy: str = ""


@click.command(help=_("Look what this machine lacks, and name the command that mends it."))
@click.option("--json", "as_json", is_flag=True, help=_("Print one JSON object a line."))
@click.pass_obj
def command(context: Context, as_json: bool) -> int:
    findings = list(_examined(context.folder))
    for finding in findings:
        if as_json:
            json_line(asdict(finding))
        else:
            _print(finding)
    verdicts = {finding.verdict for finding in findings}
    if Verdict.WRONG in verdicts:
        return 2
    return 5 if Verdict.MISSING in verdicts else 0


def _print(finding: Finding) -> None:
    mark, colour = {
        Verdict.FINE: ("✓", "green"),
        Verdict.ADVICE: ("·", "yellow"),
        Verdict.MISSING: ("✗", "red"),
        Verdict.WRONG: ("✗", "red"),
    }[finding.verdict]
    click.echo(f"{click.style(mark, fg=colour)} {finding.what}: {harmless(finding.seen)}")
    if finding.remedy:
        click.echo(f"    → {finding.remedy}")


def _examined(folder: Path) -> Iterator[Finding]:
    try:
        settings = load_settings(folder / "sohoa.toml")
    except SettingsRejected as error:
        yield Finding(_("settings"), Verdict.WRONG, str(error), _("mend it as docs/sohoa.example.toml explains"))
        settings = Settings()
    yield from _told(_("reading"), _reading, settings)
    yield from _models(settings)
    yield _poppler()
    yield from _told(_("hostile scans"), _fence, settings)
    yield _font()
    yield _pages_to_pdf()
    yield _messages()
    yield from _workspace(folder)
    yield from _told(_("signing keys"), _keys, settings)
    yield from _stores(folder, settings)


def _told(what: str, look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    """What *look* finds; an error of ours is a finding too, as its message names cause and remedy."""
    try:
        yield from look(settings)
    except SohoaError as error:
        yield Finding(what, Verdict.WRONG if isinstance(error, SettingsRejected) else Verdict.MISSING, str(error))


# -- the machine ------------------------------------------------------------------------------------------------------


def _reading(settings: Settings) -> Iterator[Finding]:
    from commands.engines import reading_options
    from ingest.ocr.engine import open_engine

    engine = open_engine(reading_options(settings, fast=False)).identity
    at_once = settings.reading.workers or len(os.sched_getaffinity(0))
    seen = (
        _("{name} {version}, model {model}, {workers} at once")
        if isinstance(at_once, int)
        else _("{name} {version}, model {model}, on the cluster {workers}")
    )
    yield Finding(_("reading"), Verdict.FINE, seen.format(
        name=engine.name, version=engine.version, model=engine.model, workers=at_once))  # fmt: skip
    if settings.reading.engine == "auto" and importlib.util.find_spec("tesserocr") is None:
        slow = _("tesserocr is not installed: the program is started anew for every page")
        yield Finding(_("reading"), Verdict.ADVICE, slow, ".venv/bin/pip install tesserocr")


def _models(settings: Settings) -> Iterator[Finding]:
    from commands.engines import reading_options
    from ingest.ocr.engine import best_tessdata

    better = best_tessdata(reading_options(settings, fast=False))
    if better is None:
        seen = _("doubtful words are read again by the small model: more errors are left than need be")
        yield Finding(_("better model"), Verdict.ADVICE, seen, "setup/models")
    else:
        yield Finding(_("better model"), Verdict.FINE, str(better))


def _poppler() -> Finding:
    lacking = [name for name in POPPLER if shutil.which(name) is None]
    if lacking:
        return Finding("poppler", Verdict.MISSING, _("{names}: not found").format(names=", ".join(lacking)),
                       "apt-get install poppler-utils")  # fmt: skip
    return Finding("poppler", Verdict.FINE, str(shutil.which(POPPLER[0])))


def _fence(settings: Settings) -> Iterator[Finding]:
    from ingest.fence import Fence
    from ingest.fencetrial import escapes

    del settings
    programs = tuple(Path(found) for name in POPPLER if (found := shutil.which(name)))
    with tempfile.TemporaryDirectory(prefix="sohoa-") as folder:
        forbidden = Path(folder) / "forbidden"
        forbidden.touch(mode=0o600)
        loose = sorted(
            {*escapes(Fence(), forbidden=forbidden), *escapes(Fence(programs=programs), forbidden=forbidden)}
        )
    if loose:
        seen = _("this machine does not keep a program that a hostile scan takes over from: {names}").format(
            names=", ".join(loose)
        )
        remedy = _("Linux 5.13 or newer with Landlock, apt-get install libseccomp2; in a container, let both be used")
        yield Finding(_("hostile scans"), Verdict.ADVICE, seen, remedy)
    else:
        held = _("read by processes without network, keys or files of others; tried, and they come nowhere")
        yield Finding(_("hostile scans"), Verdict.FINE, held)


def _font() -> Finding:
    if not FONT.exists():
        lacking = _("{file}: not there; signatures and separator sheets need it").format(file=FONT)
        return Finding(_("font"), Verdict.MISSING, lacking, "apt-get install fonts-croscore")
    return Finding(_("font"), Verdict.FINE, str(FONT))


def _pages_to_pdf() -> Finding:
    try:
        import weasyprint
    except OSError as error:
        return Finding(_("sheets and reports as PDF"), Verdict.MISSING, str(error).splitlines()[0],
                       "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0")  # fmt: skip
    return Finding(_("sheets and reports as PDF"), Verdict.FINE, f"WeasyPrint {weasyprint.__version__}")


def _messages() -> Finding:
    file = LOCALE_DIR / "vi" / "LC_MESSAGES" / "sohoa.mo"
    if language() == "vi" and not file.exists():
        return Finding(_("messages"), Verdict.ADVICE, _("{file} is missing: messages are in English").format(file=file),
                       "setup/install run")  # fmt: skip
    return Finding(_("messages"), Verdict.FINE, language())


# -- the workspace ----------------------------------------------------------------------------------------------------


def _workspace(folder: Path) -> Iterator[Finding]:
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        remedy = _("choose another with --workspace, or mend owner and permissions (chown, chmod u+rwx)")
        yield Finding(_("workspace"), Verdict.MISSING, _("{folder}: cannot be written").format(folder=there), remedy)
        return
    here = "{folder}" if folder.exists() else _("{folder}: not there yet, the first command makes it")
    yield Finding(_("workspace"), Verdict.FINE, here.format(folder=folder))
    if (folder / "catalogue.db").exists() and folder.stat().st_mode & 0o077:
        open_ = _("{folder}: others on this machine can look in").format(folder=folder)
        yield Finding(_("workspace"), Verdict.ADVICE, open_, f"chmod 700 {folder}")
    free = shutil.disk_usage(there).free
    verdict = Verdict.FINE if free >= SPACE_NEEDED_BYTES else Verdict.MISSING
    yield Finding(_("space"), verdict, _("{free} MB free").format(free=free // 1_000_000),
                  "" if verdict is Verdict.FINE else _("make room: a day's stack needs 1,000 MB"))  # fmt: skip


def _keys(settings: Settings) -> Iterator[Finding]:
    from ingest.signing import open_seals

    if not settings.signing.operator_key:
        none = _("none is set: this workspace can be searched, and takes no scans")
        remedy = _("name the PKCS#12 file in signing.operator_key, or try out with: sohoa demo")
        yield Finding(_("signing keys"), Verdict.ADVICE, none, remedy)
        return
    now = datetime.now(UTC)
    for seal in open_seals(settings.signing, settings.office):
        until = seal.signer.certificate.not_valid_after_utc
        soon = until - now < EXPIRY_WARNING
        seen = _("{role}: {name}, valid to {day}").format(role=seal.role, name=seal.name, day=until.date().isoformat())
        yield Finding(_("signing keys"), Verdict.ADVICE if soon else Verdict.FINE, seen,
                      _("ask for a new one now; a batch is refused once it has expired") if soon else "")  # fmt: skip


def _stores(folder: Path, settings: Settings) -> Iterator[Finding]:
    """Catalogue, archive and index, where there is a workspace; none is made to be looked at."""
    from commands.workspace import Workspace

    if not folder.is_dir() or not (settings.catalogue.url or (folder / "catalogue.db").exists()):
        return
    try:
        workspace = Workspace.open(folder)
        last, waiting = workspace.catalogue.last_position(), workspace.catalogue.count_waiting()
    except SohoaError as error:
        yield Finding(_("catalogue"), Verdict.MISSING, str(error))
        return
    yield Finding(_("catalogue"), Verdict.FINE, _("{count} papers wait for a person").format(count=waiting))
    try:
        status = workspace.index.status()
    except (ServiceUnavailable, SettingsRejected) as error:
        yield Finding(_("search index"), Verdict.MISSING, str(error))
        return
    behind = last - status.position
    yield Finding(_("search index"), Verdict.ADVICE if behind > 0 else Verdict.FINE,
                  _("{engine}: {records} records").format(engine=status.engine, records=status.records),
                  "sohoa index catch-up" if behind > 0 else "")  # fmt: skip
