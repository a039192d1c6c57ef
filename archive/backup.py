"""A backup of what is in no record, as one file, and a workspace made of it again.

The archive keeps itself: it is copied as a folder, or has replicas. What it cannot give back (inventory, targets,
units, batches, open holds with the PDFs that wait, the log) goes into a tar file that any program can open: a JSON line
a row, a file a table, so that a backup of SQLite is restored to PostgreSQL, one of an earlier release to a later one.
``manifest.json`` has the SHA-256 of every other file in it.
"""

import gzip
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Date, Engine, Integer, MetaData, Table, func, inspect, select, text

from archive.database import explained
from archive.schema import SCHEMA_VERSION, bring_up_to_date
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable, SettingsRejected
from schemas.language import _

FORMAT = 1
OWN = {"sohoa_schema", "alembic_version"}
"""Tables that say which release made the others; the backup says it in its manifest."""
FILES = ("waiting/*", "quarantine/*.json", "anchors/*", "sohoa.toml")
"""What of the workspace goes along; never a scan that was stopped as secret, nor the archive, nor the index."""
ROWS_AT_ONCE = 5_000
EMPTY_WHEN_NEW = ("log", "records", "holds", "scans", "batches", "inventory", "units", "procedures")

Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What is in a backup: files of the workspace, and rows by table."""

    made_at: datetime
    schema: int
    rows: dict[str, int]
    files: int
    sha256: str = ""
    """Of the backup file itself."""


def write_backup(engine: Engine, folder: Path, target: Path, told: Told = lambda table, rows: None) -> Backup:
    """Write the backup of the workspace at *folder* to *target*, and its SHA-256 beside it (``sha256sum -c`` reads it).

    The rows are those of one moment. *target* is there whole or not at all. The caller is the only writer of the
    workspace. ServiceUnavailable when *target* cannot be written.
    """
    beside = target.with_name(f".{target.name}.part")
    try:
        with TemporaryDirectory(prefix=".sohoa-backup-", dir=target.parent) as temporary:
            work = Path(temporary)
            schema, rows = _dump(engine, work / "tables", told)
            taken = [file for pattern in FILES for file in sorted(folder.glob(pattern)) if file.is_file()]
            sources = {f"tables/{file.name}": file for file in sorted((work / "tables").iterdir())}
            sources |= {f"files/{file.relative_to(folder)}": file for file in taken}
            made = Backup(datetime.now(UTC), schema, rows, len(taken))
            manifest = {
                "format": FORMAT, "made_at": made.made_at.isoformat(), "schema": schema, "rows": rows,
                "sha256": {name: _sha256(file) for name, file in sources.items()},
            }  # fmt: skip
            (work / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
            os.close(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
            with tarfile.open(beside, "w") as tar:
                for name, file in {"manifest.json": work / "manifest.json", **sources}.items():
                    tar.add(file, name, recursive=False)
        digest = _sha256(beside)
        _flush(beside)
        beside.replace(target)
        target.with_name(f"{target.name}.sha256").write_text(f"{digest}  {target.name}\n", encoding="utf-8")
        return Backup(made.made_at, schema, rows, len(taken), digest)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ServiceUnavailable(
            _("backup {file}: {error}; make room or name another file").format(file=target, error=error.strerror)
        ) from error


def restore(engine: Engine, folder: Path, source: Path, told: Told = lambda table, rows: None) -> Backup:
    """Make the workspace at *folder*, which must be empty, of the backup *source*; all is checked before, then all or
    nothing goes into the database.

    InputRejected for a file that is no backup, or a workspace that holds something; IntegrityBroken for a damaged one,
    SettingsRejected for one of a newer release.
    """
    with TemporaryDirectory(prefix="restore-", dir=folder / "tmp") as temporary, explained(engine):
        work = Path(temporary)
        manifest = _unpacked(source, work)
        if manifest["schema"] > SCHEMA_VERSION:
            raise SettingsRejected(
                _("backup {file}: made by a newer version (schema {found}, this program knows {known}); "
                  "update sohoa").format(file=source, found=manifest["schema"], known=SCHEMA_VERSION)
            )  # fmt: skip
        _check_empty(engine, folder, work)
        files = 0
        for name in manifest["sha256"]:
            place = folder / name.removeprefix("files/")
            if name.startswith("files/") and not place.exists():  # the settings of this machine stay
                place.parent.mkdir(mode=0o700, exist_ok=True)
                shutil.copyfile(work / name, place)
                place.chmod(0o600)
                files += 1
        _fill(engine, work / "tables", manifest["schema"], told)
        bring_up_to_date(engine)
        return Backup(datetime.fromisoformat(manifest["made_at"]), manifest["schema"], manifest["rows"], files)


def _dump(engine: Engine, folder: Path, told: Told) -> tuple[int, dict[str, int]]:
    folder.mkdir(mode=0o700)
    known = MetaData()
    counts = {}
    with explained(engine), _one_moment(engine) as connection:
        known.reflect(connection)
        version = connection.execute(select(func.max(known.tables["sohoa_schema"].c.version))).scalar_one()
        for table in (table for table in known.sorted_tables if table.name not in OWN):
            count = 0
            with gzip.open(folder / f"{table.name}.jsonl.gz", "wt", encoding="utf-8", compresslevel=3) as file:
                for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(table)):
                    file.write(json.dumps([_plain(value) for value in row]) + "\n")
                    count += 1
            with gzip.open(folder / f"{table.name}.columns.gz", "wt", encoding="utf-8") as file:
                json.dump([column.name for column in table.columns], file)
            counts[table.name] = count
            told(table.name, count)
    return int(version), counts


@contextmanager
def _one_moment(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whatever others write."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
    else:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield connection


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _extract(tar: tarfile.TarFile, work: Path) -> None:
    """Plain files below *work* and nothing else. (``extractall`` has its filter only from Python 3.11.4 on.)"""
    for member in tar:
        inside = PurePosixPath(member.name)
        if member.isdir():
            continue
        content = tar.extractfile(member) if member.isfile() else None
        if content is None or inside.is_absolute() or ".." in inside.parts:
            raise tarfile.ReadError(member.name)
        target = work / inside
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with content, target.open("wb") as copy:
            shutil.copyfileobj(content, copy, 1 << 20)


def _unpacked(source: Path, work: Path) -> dict[str, Any]:
    """The manifest of a backup whose files, unpacked to *work*, are all what it says."""
    try:
        with tarfile.open(source) as tar:
            _extract(tar, work)
        manifest: dict[str, Any] = json.loads((work / "manifest.json").read_bytes())
        expected, version = manifest["sha256"], manifest["format"]
    except (tarfile.TarError, OSError, ValueError, KeyError, EOFError) as error:
        raise InputRejected(
            _("{file}: not a whole backup of sohoa ({error}); try another").format(file=source, error=error)
        ) from error
    if version != FORMAT:
        raise InputRejected(_("{file}: a backup of another form ({form})").format(file=source, form=version))
    for name, sha256 in expected.items():
        if not (work / name).is_file() or _sha256(work / name) != sha256:
            raise IntegrityBroken(_("{file}: damaged: {name} is not what was saved").format(file=source, name=name))
    return manifest


def _check_empty(engine: Engine, folder: Path, work: Path) -> None:
    found = inspect(engine).get_table_names()
    known = MetaData()
    known.reflect(engine)
    with engine.connect() as connection:
        full = [name for name in EMPTY_WHEN_NEW if name in found
                and connection.execute(select(known.tables[name]).limit(1)).first() is not None]  # fmt: skip
    strange = [
        file.name for file in folder.glob("waiting/*")
        if not (work / "files/waiting" / file.name).is_file()
        or _sha256(file) != _sha256(work / "files/waiting" / file.name)
    ]  # fmt: skip
    if full or strange:
        raise InputRejected(
            _("workspace {folder}: not empty ({what}); a backup is restored to a new one").format(
                folder=folder, what=", ".join([*full, *strange][:5])
            )
        )


def _fill(engine: Engine, folder: Path, schema: int, told: Told) -> None:
    """The tables of the release that made the backup, and its rows in them; what was there was empty."""
    there = MetaData()
    there.reflect(engine)
    there.drop_all(engine)
    bring_up_to_date(engine, up_to=schema)
    known = MetaData()
    known.reflect(engine)
    with engine.begin() as connection:
        for table in (table for table in known.sorted_tables if table.name not in OWN):
            connection.execute(table.delete())
            file = folder / f"{table.name}.jsonl.gz"
            if not file.exists():
                continue
            with gzip.open(folder / f"{table.name}.columns.gz", "rt", encoding="utf-8") as head:
                names = json.load(head)
            count = 0
            for rows in _rows(file, table, names):
                connection.execute(table.insert(), rows)
                count += len(rows)
            _go_on_counting(connection, table)
            told(table.name, count)


def _rows(file: Path, table: Table, names: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    days = [isinstance(table.c[name].type, Date) for name in names]
    rows: list[dict[str, Any]] = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            values = json.loads(line)
            rows.append({
                name: date.fromisoformat(value) if is_day and value else value
                for name, value, is_day in zip(names, values, days, strict=True)
            })  # fmt: skip
            if len(rows) == ROWS_AT_ONCE:
                yield rows
                rows = []
    if rows:
        yield rows


def _go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL numbers new rows by a sequence, which knows nothing of rows that were put in with their numbers."""
    keys = list(table.primary_key.columns)
    if connection.dialect.name != "postgresql" or len(keys) != 1 or not isinstance(keys[0].type, Integer):
        return
    sequence = connection.execute(
        text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": keys[0].name}
    ).scalar_one()
    if sequence:
        last = connection.execute(select(func.max(keys[0]))).scalar_one()
        connection.execute(
            text("SELECT setval(:s, :last, :used)"), {"s": sequence, "last": last or 1, "used": bool(last)}
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
