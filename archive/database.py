"""The database under the catalogue: SQLite (write-ahead log, one writer beside any number of readers) or PostgreSQL.

SQLAlchemy Core; the database's errors come in this program's words.
"""

import json
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from archive.tables import LOG, counters, records
from schemas.addresses import is_this_machine
from schemas.errors import IntegrityBroken, ServiceUnavailable, SettingsRejected
from schemas.language import _

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another one; a write takes milliseconds."""
SERVER_BACK_S = 60.0
"""How long a run waits for a database server that went away; one that is started anew takes seconds."""
CONNECT_TIMEOUT_S = 10
"""How long a server may take to let us in."""
NETWORK_TIMEOUT_S = 60
"""How long a connection may carry nothing to a machine that is gone, before either side gives it up."""
STATEMENT_TIMEOUT_S = 300.0
"""How long PostgreSQL may work on one statement, waiting for others' locks included. The longest here, over twenty
million rows of the inventory, take seconds."""
CONNECTIONS = 8
"""Of one run at most, so that a dozen machines stay under PostgreSQL's hundred."""
ROWS_AT_ONCE = 5_000
T = TypeVar("T")
P = ParamSpec("P")
TABLES_CHANGED = {"42703", "42P01", "42804"}
"""PostgreSQL's words for a column or table that is not there, and a value of another type."""
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Database:
    """What every part of the catalogue asks and writes through. Any method may raise ServiceUnavailable."""

    engine: Engine

    def rows(self, query: Any) -> Sequence[Any]:
        """All rows that *query* finds."""

        def found() -> Sequence[Any]:
            with explained(self.engine), self.engine.connect() as connection:
                return connection.execute(query).all()

        return outlasting(found)

    def stream(self, query: Any) -> Iterator[Any]:
        """The rows that *query* finds, few of them in memory at a time."""
        with explained(self.engine), self.engine.connect() as connection:
            yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, all or nothing, alone among those who write to the catalogue."""
        with explained(self.engine), self.engine.begin() as connection:
            # The first statement takes the database's write lock: a reading transaction that turns into a writing one
            # beside another writer is refused by SQLite without waiting.
            connection.execute(update(counters).where(counters.c.name == LOG).values(value=counters.c.value))
            yield connection


def engine_of(url: str) -> Engine:
    """The engine for *url*, set up as a catalogue needs it. SettingsRejected for a URL that is none."""
    try:
        return _engine(url)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise SettingsRejected(_("setting catalogue.url: {error}").format(error=error)) from error


def check_way(url: str) -> None:
    """SettingsRejected where the database at *url* is on another machine and is not asked over TLS, its certificate
    verified (``sslmode=verify-full``, in the URL or by libpq's ``PGSSLMODE``)."""
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return
    verified = parsed.query.get("sslmode", os.environ.get("PGSSLMODE")) == "verify-full"
    away = [host for host in _hosts(parsed) if not host.startswith("/") and not is_this_machine(host)]
    if away and not verified:
        raise SettingsRejected(
            _("setting catalogue.url: {address} is another machine, and what waits and the log are personal data; add "
              "sslmode=verify-full and sslrootcert, or say catalogue.allow_plain = true").format(address=away[0])
        )  # fmt: skip


def check_may_write(engine: Engine) -> None:
    """SettingsRejected where the account of this engine may only read, as that of people who search: before a command
    has changed anything elsewhere, as in the archive."""
    if engine.dialect.name != "postgresql":
        return
    with explained(engine), engine.connect() as connection:
        asked = select(func.has_table_privilege(records.name, "INSERT"))
        if not connection.execute(asked).scalar_one():
            raise SettingsRejected(
                _("setting catalogue.url: account {user} of {address} may read and not write; run this command where "
                  "scans are taken in, or with an account that may (docs/cluster.md, Accounts)").format(
                    user=engine.url.username or "-", address=engine.url.host or "-")
            )  # fmt: skip


def _hosts(url: URL) -> list[str]:
    """Where the database is: names, addresses, folders of sockets; none for libpq's own socket. What the URL leaves
    open, libpq takes from the environment."""
    said = url.query.get("hostaddr") or url.query.get("host") or url.host or os.environ.get("PGHOST") or ""
    names = said if isinstance(said, tuple) else (said,)
    return [name for many in names for name in many.split(",") if name]


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise SettingsRejected(_("setting catalogue.url: {error}").format(error=error)) from error


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return _waiting_for_its_server(_on_a_server(parsed))
    if parsed.database and parsed.database != ":memory:":
        _made_for_its_owner(Path(parsed.database))
    waits = {} if "timeout" in parsed.query else {"timeout": BUSY_TIMEOUT_S}
    engine = create_engine(parsed, connect_args=waits)

    @event.listens_for(engine, "connect")
    def _set_up(connection: sqlite3.Connection, _record: object) -> None:
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous=FULL")  # a decision that was shown as taken survives a power cut
        connection.execute("PRAGMA foreign_keys=ON")
        connection.create_function("lower", 1, str.lower, deterministic=True)  # its own knows the letters of ASCII only

    return engine


def _on_a_server(url: URL) -> Engine:
    idle_s, probes = NETWORK_TIMEOUT_S // 2, 3
    interval_s = idle_s // probes
    # The server notices within a minute that a machine is gone, and gives its claims to others; so do we of the server.
    limits = {
        "statement_timeout": f"{STATEMENT_TIMEOUT_S * 1000:.0f}", "tcp_keepalives_idle": idle_s,
        "tcp_keepalives_interval": interval_s, "tcp_keepalives_count": probes,
    }  # fmt: skip
    options = " ".join(f"-c {name}={value}" for name, value in limits.items())
    ours = {
        "application_name": _who(), "connect_timeout": CONNECT_TIMEOUT_S, "keepalives_idle": idle_s,
        "keepalives_interval": interval_s, "keepalives_count": probes, "tcp_user_timeout": NETWORK_TIMEOUT_S * 1000,
    }  # fmt: skip
    return create_engine(
        url, pool_pre_ping=True, pool_size=CONNECTIONS // 2, max_overflow=CONNECTIONS // 2,
        connect_args={name: value for name, value in ours.items() if name not in url.query}
        | {"options": f"{options} {url.query.get('options', '')}"},
    )  # fmt: skip


def _who() -> str:
    """This run, as it is told to whoever waits for it."""
    return f"process {os.getpid()} on {socket.gethostname()}"[:63]


def outlasting(ask: Callable[[], T]) -> T:
    """What *ask* returns; once more where the server went away meanwhile and is back within a minute.

    *ask* may be done twice: the first may have come to its end, and the word of it been lost.
    """
    deadline = time.monotonic() + SERVER_BACK_S
    while True:
        try:
            return ask()
        except ServiceUnavailable as error:
            cause = error.__cause__
            if not (isinstance(cause, DBAPIError) and cause.connection_invalidated) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def repeatable(write: Callable[P, T]) -> Callable[P, T]:
    """A write that is done again where the server went away in its midst: what it writes twice is there once."""

    @wraps(write)
    def written(*args: P.args, **kwargs: P.kwargs) -> T:
        return outlasting(lambda: write(*args, **kwargs))

    return written


def _waiting_for_its_server(engine: Engine) -> Engine:
    """*engine*, which waits when its server has gone since the first connection: one that is started anew is back in
    seconds, and a batch goes on. What was in the middle of a transaction is done again by ``outlasting``."""
    had = False

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, _record: object, arguments: Any, options: Any) -> Any:
        nonlocal had
        connect = _noticing_silence if dialect.driver == "psycopg" else dialect.connect
        deadline = time.monotonic() + (SERVER_BACK_S if had else 0)
        while True:
            try:
                connection = connect(*arguments, **options)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.5)
            else:
                had = True
                return connection

    return engine


def _noticing_silence(*arguments: Any, **options: Any) -> Any:
    import psycopg

    from archive.answering import Answering  # its driver is not there where the catalogue is SQLite

    connection = Answering.connect(*arguments, **options)
    connection.longest_s = STATEMENT_TIMEOUT_S + CONNECT_TIMEOUT_S  # the server itself gives up sooner
    connection.another = lambda: psycopg.connect(*arguments, **options)
    return connection


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. Another run that does so at the same moment is waited for here, as SQLite's own
    waiting does not cover the switch (seen: 3 of 8 tests with four runs on a new file)."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _made_for_its_owner(file: Path) -> None:
    """Make it where it is not there. One that is must not be opened here: to close it would give up every lock that
    this process has on it (https://www.sqlite.org/howtocorrupt.html, 2.2), and another could write in between."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise ServiceUnavailable(
            _("catalogue {url}: {error}; mend its owner and permissions").format(url=file, error=error.strerror)
        ) from error


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """The database's errors in the words of this program."""
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF  # the low byte: extended codes refine it
        if code in DAMAGED:
            raise IntegrityBroken(
                _("catalogue {url}: not a database, or damaged ({error}); move it away and run `sohoa rebuild`").format(
                    url=_shown(engine), error=error.orig
                )
            ) from error
        remedy = {
            sqlite3.SQLITE_BUSY: _("another program keeps it locked; try again when that is done"),
            sqlite3.SQLITE_LOCKED: _("another program keeps it locked; try again when that is done"),
            sqlite3.SQLITE_FULL: _("make room on the disk, then run the same command again"),
            sqlite3.SQLITE_READONLY: _("mend its owner and permissions"),
            sqlite3.SQLITE_CANTOPEN: _("mend its owner and permissions"),
        }.get(code, _("run the same command again when it is back"))
        if getattr(error.orig, "sqlstate", "") in TABLES_CHANGED:
            remedy = _("a newer sohoa may have changed its tables; update this one, then run the same command again")
        raise ServiceUnavailable(
            _("catalogue {url}: {error}; {remedy}").format(url=_shown(engine), error=error.orig, remedy=remedy)
        ) from error
    except SQLAlchemyError as error:
        raise ServiceUnavailable(
            _("catalogue {url}: {error}; {remedy}").format(
                url=_shown(engine), error=error, remedy=_("run the same command again when it is back")
            )
        ) from error


def _shown(engine: Engine) -> str:
    """Which database, without its password."""
    return engine.url.database or "" if engine.dialect.name == "sqlite" else engine.url.render_as_string()


def put(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Insert or update the row under *key*; the caller is the only writer."""
    where = [table.c[name] == value for name, value in key.items()]
    if connection.execute(update(table).where(*where).values(values)).rowcount == 0:
        connection.execute(insert(table).values(key | values))


def utc(time: datetime) -> str:
    """*time* as it is stored."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")


def as_time(text: str) -> datetime:
    """The time that was stored as *text*."""
    return datetime.fromisoformat(text)


def as_json(value: Any) -> str:
    """*value* as it is stored, and hashed: always the same bytes for the same value."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def stored(text: str) -> str:
    """*text* as any database takes it: bytes of a file's name that are no text, and zero characters, are spelt out."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
