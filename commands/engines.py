"""Engines built from a workspace's settings, for the commands that read scans."""

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from archive.inventory import Register
from commands.access import ask_secret
from commands.workspace import Workspace
from ingest.fencedchecks import SCAN_TIMEOUT_S, FencedChecks
from ingest.labels import NO_LABELS, Labels
from ingest.pipeline import Desk
from ingest.signing import open_seals
from ingest.workers import Pool, open_pool
from schemas.errors import SettingsRejected
from schemas.language import _
from schemas.pages import ReadingOptions
from schemas.settings import Settings

PROGRAMS = ("sohoa", "pikepdf", "opencv-python-headless", "pyhanko", "zxing-cpp", "ocfl-py")


def reading_options(settings: Settings, *, fast: bool) -> ReadingOptions:
    """How pages are read by these settings."""
    reading = settings.reading
    return ReadingOptions(
        languages=reading.languages,
        engine=reading.engine,
        fast=fast or reading.fast,
        page_timeout_s=reading.page_timeout_s,
        extra={"tessdata": reading.tessdata} if reading.tessdata else {},
    )


@contextmanager
def opened_pool(settings: Settings, options: ReadingOptions, workers: int | None) -> Iterator[Pool]:
    """Worker processes: as many as asked for, else as set, else one a core; or the readers of the cluster that is set.

    SettingsRejected where a cluster is set and the packages for one are not installed.
    """
    chosen = workers if workers is not None else settings.reading.workers
    if isinstance(chosen, int):
        with open_pool(chosen, options) as pool:
            yield pool
        return
    with needs_cluster_packages():
        from ingest.cluster import open_cluster
    with open_cluster(chosen, settings.cluster, options, say=lambda line: click.echo(line, err=True)) as pool:
        yield pool


@contextmanager
def needs_cluster_packages() -> Iterator[None]:
    """SettingsRejected where what the block imports is not installed."""
    try:
        yield
    except ImportError as error:
        raise SettingsRejected(
            _("reading on a cluster needs more packages ({error}): pip install 'sohoa[cluster]'").format(error=error)
        ) from error


def desk_of(
    workspace: Workspace,
    operator: str,
    *,
    unit: str,
    procedure: str,
    dossier: str,
    settings: dict[str, Any],
    labels: Labels = NO_LABELS,
) -> Desk:
    """What a batch is done with. The keys are looked at here: before the batch, not after it.

    SettingsRejected says what is wrong with a key. *settings* are those of the reading, for the provenance.
    """
    signing = workspace.settings.signing
    register = Register(workspace.catalogue.engine)
    return Desk(
        catalogue=workspace.catalogue,
        archive=workspace.archive,
        seals=open_seals(workspace.settings.signing, workspace.settings.office, ask=ask_secret),
        folder=workspace.folder,
        takes_secret_scans=workspace.settings.intake.secret_scans == "move",
        operator=operator,
        unit=unit,
        procedure=procedure,
        dossier=dossier,
        programs=programs(),
        settings=settings,
        labels=labels,
        retention_of=workspace.settings.archive.retention_of,
        roots=Path(signing.trust_roots).expanduser() if signing.trust_roots else None,
        verify=FencedChecks(SCAN_TIMEOUT_S),
        certifies_originals=signing.signed_originals == "certify",
        listed=register.listed,
        units=register.units,
        procedures=register.procedures,
    )


def programs() -> dict[str, str]:
    """What made a record, for its provenance."""
    python = {"python": platform.python_version(), "platform": sys.platform}
    return python | {name: version(name) for name in PROGRAMS}
