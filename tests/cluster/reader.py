"""A worker of a cluster that reads nothing, slowly: ``python -m tests.cluster.reader dask://127.0.0.1:8786``."""

import os
import signal
import sys
import time
from typing import Any

from ingest.cluster import serve
from ingest.reading import not_read
from schemas.pages import PageImage, PageText, ReadingOptions
from schemas.settings import Cluster

OPTIONS = ReadingOptions(page_timeout_s=20.0)


def ready(options: ReadingOptions) -> None:
    """No model is loaded."""
    del options


def slowly(page: PageImage, options: ReadingOptions, /) -> PageText:
    """Tells by whom the page was seen; one that says ``crash`` ends its process."""
    del options
    if page.content == b"crash":
        os.abort()
    time.sleep(0.1)
    return not_read(page, f"seen by {os.getppid()}")


class Deadly(bytes):
    """An image that kills the worker which unpacks it: the whole of it, and not the process that would read it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, ()


def _unpacked() -> Deadly:
    if os.path.basename(sys.argv[0]) == "reader.py":
        os.kill(os.getpid(), signal.SIGKILL)
    return Deadly()


if __name__ == "__main__":
    from tests.cluster import reader  # under its name, by which tasks ask for its function

    serve(sys.argv[1], Cluster(), OPTIONS, 1, say=print, prepare=reader.ready)
