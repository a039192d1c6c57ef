"""The database's tables, brought forward from whichever release made them.

``migrations/versions`` holds a step a release; a new database takes all of them, so that there is one description of
each table's history, and a test compares its end with the tables that the program uses. ``sohoa_schema`` has the number
of the last step, which every release can read: an older program says of a newer database that it is one.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, func, insert, inspect, select, text, update

from schemas.errors import SettingsRejected
from schemas.language import _

SCHEMA_VERSION = 6
"""The number of the last step in ``migrations/versions``."""
MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 7_364_001
"""The key of the lock under which one run at a time changes a PostgreSQL database's tables; any number would do."""

schema = Table("sohoa_schema", MetaData(), Column("version", Integer, primary_key=True))


def bring_up_to_date(engine: Engine, *, up_to: int = SCHEMA_VERSION) -> int:
    """Make the tables that are missing and change those of earlier releases, all or nothing; says which step was there.

    0 where there was no table. Two runs may do so at the same time. SettingsRejected for a database that a newer
    version of this program has made.
    """
    with engine.connect() as connection:
        found = _version(connection)
    if found == up_to:
        return found
    _refuse_newer(engine, found)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":  # whose driver begins no transaction for a CREATE TABLE
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = _version(connection)  # another run may have been quicker
        if found < up_to:
            _upgrade(connection, f"{up_to:04d}")
            if connection.execute(update(schema).values(version=up_to)).rowcount == 0:
                connection.execute(insert(schema).values(version=up_to))
    return found


def check_not_newer(engine: Engine) -> None:
    """SettingsRejected where a newer version of this program has changed the tables since they were opened."""
    with engine.connect() as connection:
        _refuse_newer(engine, _version(connection))


def _refuse_newer(engine: Engine, found: int) -> None:
    if found > SCHEMA_VERSION:
        shown = engine.url.database if engine.dialect.name == "sqlite" else engine.url.render_as_string()
        raise SettingsRejected(
            _("catalogue {url}: made by a newer version (schema {found}, this program knows {known}); "
              "update sohoa").format(url=shown, found=found, known=SCHEMA_VERSION)
        )  # fmt: skip


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema.name):
        return 0
    return connection.execute(select(func.max(schema.c.version))).scalar_one() or 0


def _upgrade(connection: Connection, revision: str) -> None:
    # A tenth of a second to load, for the one run in a release's life that needs it.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(MIGRATIONS))

    def steps(current: Any, _context: Any) -> Any:
        return script._upgrade_revs(revision, current)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
