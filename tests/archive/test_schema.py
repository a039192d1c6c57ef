"""A database of any earlier release comes forward with all that is in it, on SQLite and on a real PostgreSQL."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

from archive import decisions, tables
from archive.catalogue import Catalogue
from archive.deposits import row_of
from archive.inventory import Register
from archive.register.tables import tables as register_tables
from archive.schema import MIGRATIONS, SCHEMA_VERSION, bring_up_to_date, schema
from schemas.errors import SettingsRejected
from tests.archive.test_catalogue import HOLD, deposit
from tests.services.postgres import emptied, postgres

STEPS = sorted(int(match[0]) for file in MIGRATIONS.glob("versions/*.py") if (match := re.match(r"\d{4}", file.name)))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.service("postgresql"))])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/catalogue.db"
        return
    server = request.getfixturevalue("server")
    yield server
    emptied(create_engine(server))


def test_the_steps_end_in_the_tables_that_the_program_uses(url: str) -> None:
    assert list(range(1, SCHEMA_VERSION + 1)) == STEPS
    engine = create_engine(url)
    bring_up_to_date(engine)
    used = MetaData()
    for table in (
        *tables.tables.sorted_tables,
        *decisions.tables.sorted_tables,
        *register_tables.sorted_tables,
        schema,
    ):
        table.to_metadata(used)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), used) == []


@pytest.mark.parametrize("release", STEPS)
def test_what_an_earlier_release_wrote_is_there_after_the_update(url: str, release: int) -> None:
    engine = create_engine(url)
    bring_up_to_date(engine, up_to=release)
    known = {column["name"] for column in inspect(engine).get_columns("records")}
    row = {"id": "D.001", **row_of(deposit(), 1)}
    with engine.begin() as connection:
        if release == 1:  # as 0.1.0 left it: no mark of Alembic's, no tables of the register before its first report
            connection.execute(text("DROP TABLE alembic_version"))
            register_tables.drop_all(connection)
        names = ", ".join(name for name in row if name in known)
        places = ", ".join(f":{name}" for name in row if name in known)
        connection.execute(text(f"INSERT INTO records ({names}) VALUES ({places})"), row)
        connection.execute(text("UPDATE counters SET value = 1 WHERE name = 'records'"))
    engine.dispose()
    opened = Catalogue.open(url)
    assert [found.id for found in opened.deposits()] == ["D.001"]
    assert opened.last_position() == 1
    opened.open_hold(HOLD)
    opened.note_deposit(deposit("D.002"), who="An")
    assert (opened.last_position(), opened.log_faults()) == (2, [])
    assert Register(opened.engine).catch_up() == 2
    assert bring_up_to_date(opened.engine) == SCHEMA_VERSION  # a second opening finds nothing to do
    opened.close()


def columns(engine: Engine) -> dict[str, list[str]]:
    found = inspect(engine)
    return {table: [column["name"] for column in found.get_columns(table)] for table in found.get_table_names()}


def test_an_update_that_fails_changes_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/catalogue.db")
    bring_up_to_date(engine, up_to=1)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE replicas (something INTEGER)"))  # in the way of a later step
    before = {
        table: [c["name"] for c in inspect(engine).get_columns(table)] for table in inspect(engine).get_table_names()
    }
    with pytest.raises(Exception, match="replicas"):
        bring_up_to_date(engine)
    engine.dispose()
    assert columns(create_engine(f"sqlite:///{tmp_path}/catalogue.db")) == before


def test_the_program_of_an_earlier_release_is_told_that_the_catalogue_is_newer(url: str) -> None:
    engine = create_engine(url)
    bring_up_to_date(engine)
    with engine.begin() as connection:  # 0.1.0 reads this number, and refuses what is above its own
        assert connection.execute(text("SELECT max(version) FROM sohoa_schema")).scalar_one() == SCHEMA_VERSION > 1
        connection.execute(text("UPDATE sohoa_schema SET version = version + 1"))
    with pytest.raises(SettingsRejected, match="update sohoa"):
        Catalogue.open(url)
