"""What a run did, for programs that watch it: a JSON object a line, where ``log.file`` says.

Batches and scans are named by their ids, documents by theirs. Nothing that a paper says, no name of a file, person or
dossier is in it, nor the text of an error, which may have one.
"""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import assert_never

from commands.metrics import Meter
from ingest.pipeline import Deposited, Event, Held, ScanDone, Skipped
from schemas.errors import ServiceUnavailable, SohoaError
from schemas.language import _
from schemas.pages import PageText, Scan
from schemas.work import RejectedScan, SecretScan, document_id

ON_STDERR = "-"


@contextmanager
def logged(file: str, meter: Meter) -> Iterator["RunLog | None"]:
    """A log of the run in *file* (``-``: stderr; made for its owner only, written on after it was moved away), which
    passes on to *meter* what it is told; None where *file* is empty. ServiceUnavailable where it cannot be written."""
    if not file:
        yield None
        return
    handler = _handler(file)
    logger = logging.Logger("sohoa")
    logger.addHandler(handler)
    log = RunLog(logger, meter)
    try:
        yield log
    except BaseException as error:
        family = type(error).__name__
        log.say("run stopped", error=family, ours=isinstance(error, SohoaError))
        raise
    else:
        log.say("run ended")
    finally:
        handler.close()


def _handler(file: str) -> logging.Handler:
    from pythonjsonlogger.json import JsonFormatter

    try:
        if file != ON_STDERR:
            Path(file).touch(mode=0o600)
        handler = logging.StreamHandler(sys.stderr) if file == ON_STDERR else WatchedFileHandler(file, encoding="utf-8")
    except OSError as error:
        raise ServiceUnavailable(
            _("setting log.file: {file}: {error}; mend its owner and permissions").format(
                file=file, error=error.strerror
            )
        ) from error
    handler.setFormatter(JsonFormatter("%(message)s", rename_fields={"message": "event"}))
    return handler


@dataclass(slots=True)
class RunLog:
    """Is told what happens in a run, writes it down, and passes it on."""

    logger: logging.Logger
    meter: Meter
    batch: str = ""
    _started: float = field(default_factory=time.monotonic)

    def begun(self, batch: str) -> None:
        """What follows is of this batch."""
        self.batch, self._started = batch, time.monotonic()
        self.say("batch begun")

    def found(self, scans: Sequence[Scan | RejectedScan]) -> None:
        self.meter.found(scans)

    def page(self, text: PageText) -> None:
        self.meter.page(text)

    def signed(self, seconds: float) -> None:
        self.meter.signed(seconds)

    def not_indexed(self) -> None:
        self.meter.not_indexed()
        self.say("not indexed")

    def event(self, event: Event) -> None:
        self.meter.event(event)
        match event:
            case Deposited():
                document = event.submission.document
                self.say("document archived", scan=event.scan.sha256, new=event.deposit.new,
                         document=document_id(event.scan.sha256, document.page_numbers[0]),
                         pages=len(document.pages), waits_for_timestamp=event.waits_for_timestamp)  # fmt: skip
            case Held():
                self.say("document held", scan=event.scan.sha256, document=event.hold.id,
                         reasons=len(event.hold.reasons))  # fmt: skip
            case ScanDone():
                self.say("scan done", scan=event.scan.sha256, pages=event.pages, documents=event.documents)
            case Skipped():
                self.say("scan skipped", scan=event.scan.sha256, state=str(event.state))
            case RejectedScan():
                self.say("scan rejected", scan=event.sha256)
            case SecretScan():
                self.say("scan quarantined", scan=event.scan.sha256, page=event.page)
            case _:
                assert_never(event)

    def say(self, what: str, **about: object) -> None:
        """Write *what* down, with the batch and the time."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        seconds = round(time.monotonic() - self._started, 3)
        self.logger.info(what, extra={"at": now, "batch": self.batch, "seconds": seconds, **about})
