"""Engines built from a workspace's settings, for the commands that read scans."""

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from commands.workspace import Workspace
from ingest.workers import Pool, open_pool
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
    """Worker processes: as many as asked for, else as set, else one a core."""
    with open_pool(workers if workers is not None else settings.reading.workers, options) as pool:
        yield pool


def operator_of(workspace: Workspace, given: str | None) -> str:
    """Who answers for this run: as given, else as set, else the system's user."""
    return given or workspace.settings.office.operator or os.environ.get("USER") or f"uid-{os.getuid()}"


def programs() -> dict[str, str]:
    """What made a record, for its provenance."""
    python = {"python": platform.python_version(), "platform": sys.platform}
    return python | {name: version(name) for name in PROGRAMS}
