"""Signatures of foreign PDFs, checked by a process that sees the file's bytes and the trusted roots, and nothing else.

pyHanko is Python, so what a file can do there is hang, fill memory or find a mistake: one process does file after file
and is replaced when it had to be ended. That saves loading pyHanko anew, half a second a file.
"""

from io import BytesIO
from pathlib import Path
from threading import Lock

from ingest.fence import ADDRESS_SPACE_BYTES, Fence
from ingest.fencedprocess import FencedProcess, TookTooLong, WorkerDied
from ingest.fencedtasks import blamed_on
from ingest.signing import SignatureVerdict
from ingest.signing.checking import verify_open
from schemas.errors import InputRejected
from schemas.language import _

TIMEOUT_S = 60.0
"""A file of 200 signatures takes 10 s."""
SCAN_TIMEOUT_S = 10.0
"""While scans are taken in."""
MOST_BYTES = 1 << 30


class FencedChecks:
    """``ingest.signing.verify``, done elsewhere; the process is started for the first file and ends with this one."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._process: FencedProcess | None = None
        self._roots: Path | None = None
        self._lock = Lock()

    def __call__(self, path: Path, roots: Path | None) -> list[SignatureVerdict]:
        """As ``verify``; InputRejected besides for a file that is not checked within the time and memory limits."""
        if path.stat().st_size > MOST_BYTES:
            raise InputRejected(_("{file}: too large for its signatures to be checked").format(file=path))
        with self._lock, blamed_on(path, _("export it again"), self._timeout_s):
            try:
                process = self._ready_for(roots)
                verdicts: list[SignatureVerdict] = process.run(
                    _verdicts, (path.read_bytes(), path, _absolute(roots)), self._timeout_s
                )
                return verdicts
            except (TookTooLong, WorkerDied, MemoryError):
                self.close()
                raise

    def _ready_for(self, roots: Path | None) -> FencedProcess:
        if self._process is None or self._roots != roots:
            self.close()
            trusted = (roots.absolute(),) if roots is not None else ()
            self._process = FencedProcess(Fence(trusted, address_space_bytes=ADDRESS_SPACE_BYTES), _ready, ())
            self._roots = roots
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.close()


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path is not None else None


def _verdicts(content: bytes, named: Path, roots: Path | None) -> list[SignatureVerdict]:
    return verify_open(BytesIO(content), named, roots)


def _ready() -> None:
    """pyHanko was loaded with this module."""
