"""A worker of a cluster that reads nothing, slowly: ``python -m tests.cluster.reader dask://127.0.0.1:8786``."""

import os
import sys
import time

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


if __name__ == "__main__":
    from tests.cluster import reader  # under its name, by which tasks ask for its function

    serve(sys.argv[1], Cluster(), OPTIONS, 1, say=print, prepare=reader.ready)
