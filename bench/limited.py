"""A process that may hold only so much memory, its share of the system's file cache included."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNIFIED, MEMORY = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
"""Where control groups of version 2 and of version 1 are made."""


@contextmanager
def limited(megabytes: int) -> Iterator[list[str]]:
    """The words to put before a command so that it runs under the limit. OSError where this user may set none."""
    first = (MEMORY / "memory.limit_in_bytes").exists()
    group = (MEMORY if first else UNIFIED) / f"sohoa-bench-{os.getpid()}"
    group.mkdir()
    try:
        (group / ("memory.limit_in_bytes" if first else "memory.max")).write_text(str(megabytes * 1_000_000))
        yield ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")]
    finally:
        group.rmdir()


def forget(folder: Path) -> None:
    """Have the system drop its copies of the files in *folder*: who reads them next is charged for them."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
