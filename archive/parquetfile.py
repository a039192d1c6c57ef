"""Rows of a Parquet file, as analysts hand inventories over: read in the process by DuckDB, a piece at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from schemas.errors import InputRejected
from schemas.language import _

ROWS_AT_ONCE = 10_000
MEMORY = "500MB"


@contextmanager
def parquet_rows(path: Path) -> Iterator[Iterator[tuple[int, Sequence[Any]]]]:
    """The names of the columns as line 1, then the rows from line 2; dates come as dates, whatever the file's unit.

    InputRejected when the file is cut off or damaged. Nothing is fetched from anywhere: the engine may load no part of
    itself that did not come with it.
    """
    import duckdb  # a tenth of a second to load, for the few who need it

    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": MEMORY,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    # A name with *, ? or [ would be taken for a pattern: the engine is shown a name of our own.
    with TemporaryDirectory(prefix="sohoa-") as folder, duckdb.connect(":memory:", config=settings) as engine:
        plain = Path(folder) / "table.parquet"
        plain.symlink_to(path.absolute())
        try:
            opened = engine.execute("SELECT * FROM read_parquet($file)", {"file": str(plain)})
            yield _lines(path, opened)
        except duckdb.Error as error:
            raise _damaged(path, error) from error


def _lines(path: Path, opened: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    import duckdb

    yield 1, [column[0] for column in opened.description]
    line = 1
    while True:
        try:
            rows = opened.fetchmany(ROWS_AT_ONCE)
        except duckdb.Error as error:
            raise _damaged(path, error) from error
        if not rows:
            return
        for row in rows:
            line += 1
            yield line, row


def _damaged(path: Path, error: Exception) -> InputRejected:
    return InputRejected(
        _("{file}: not readable as Parquet: {error}").format(file=path, error=str(error).splitlines()[0])
    )
