"""The register's tables. Days are ordinals (``date.toordinal``); nothing imported is overwritten, only closed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, MetaData, String, Table, Text, text

WITHDRAWN = "withdrawn"
"""The reason in ``record_faults`` of a record that was withdrawn or destroyed."""
KEY = Text().with_variant(Text(collation="C"), "postgresql")
"""Keys are compared byte by byte, so that those of one unit are a range whatever the language of the database."""

tables = MetaData()

units_table = Table(
    "units", tables,
    Column("id", Integer, primary_key=True),
    Column("code", String(35), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("level", String(20), nullable=False),
    Column("parent", String(35)),
    Column("valid_from", Integer),
    Column("valid_to", Integer),
    Column("successor", String(35)),
    Column("recorded_at", String(32), nullable=False),
    Column("superseded_at", String(32)),
)  # fmt: skip

targets_table = Table(
    "targets", tables,
    Column("id", Integer, primary_key=True),
    Column("level", String(20), nullable=False),
    Column("year", Integer, nullable=False),
    Column("unit", String(35)),
    Column("share_numerator", BigInteger, nullable=False),
    Column("share_denominator", BigInteger, nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("superseded_at", String(32)),
)  # fmt: skip

procedures_table = Table(
    "procedures", tables,
    Column("id", Integer, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("valid_from", Integer),
    Column("recorded_at", String(32), nullable=False),
    Column("superseded_at", String(32)),
)  # fmt: skip

inventory = Table(
    "inventory", tables,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("key", KEY, nullable=False),
    Column("unit", String(35), nullable=False),
    Column("number", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("issued", Integer, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("result_code", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("from_day", Integer, nullable=False),
    Column("until_day", Integer, nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("superseded_at", String(32)),
    Index("inventory_key", "key"),
    Index("inventory_procedure", "procedure"),
)  # fmt: skip
"""Days are ordinals (``date.toordinal``); in force from ``from_day`` to the day before ``until_day``."""

counted = Table(
    "counted_records", tables,
    Column("record", Text, primary_key=True),
    Column("key", KEY, index=True),
    Column("unit", Text, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("day", Integer, nullable=False),
    Column("row", BigInteger),
    Column("fits", Integer, nullable=False),
    Column("result_code", Text, nullable=False, server_default=""),
)  # fmt: skip
"""What matching needs of each deposit, and the row that it counts for; ``fits``: how many rows it fits equally well."""

faults = Table(
    "record_faults", tables,
    Column("record", Text, primary_key=True),
    Column("from_day", Integer, primary_key=True, autoincrement=False),
    Column("until_day", Integer, nullable=False),
    Column("reason", Text, nullable=False),
)  # fmt: skip
"""Records whose signature or fixity is broken do not count from the day that is known until the day it is mended."""

spans = Table(
    "digitised_spans", tables,
    Column("row", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("from_day", Integer, primary_key=True, autoincrement=False),
    Column("until_day", Integer, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip
"""The days on which a row has an intact record, whether in force or not; the spans of a row do not touch."""

unit_days = Table(
    "unit_days", tables,
    Column("unit", String(35), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("rows", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)  # fmt: skip

state = Table("register_state", tables, Column("name", String(30), primary_key=True), Column("value", BigInteger))

temporary = MetaData()


def _of_a_row() -> list[Column[Any]]:
    kinds: dict[str, Any] = {
        "line": Integer, "key": KEY, "unit": Text, "number": Text, "symbol": Text, "issued": Integer,
        "procedure": Text, "result_code": Text, "title": Text, "from_day": Integer, "until_day": Integer,
        "likeness": BigInteger,
    }  # fmt: skip
    return [Column(name, kind) for name, kind in kinds.items()]


staged = Table("staged", temporary, *_of_a_row(), prefixes=["TEMPORARY"])
"""An inventory's rows as its file has them."""
ordered = Table("ordered", temporary, Column("place", Integer, primary_key=True), *_of_a_row(), prefixes=["TEMPORARY"])
"""The same in the order of their keys, so that each further step meets the inventory and its indexes from one end to
the other: in the file's order, 20 million rows would be sought one by one all over the disk."""
fresh = Table(
    "fresh", temporary,
    *(Column(name, kind) for name, kind in (
        ("record", Text), ("key", KEY), ("unit", Text), ("procedure", Text), ("kind", Text), ("day", Integer),
        ("result_code", Text))),
    prefixes=["TEMPORARY"],
)  # fmt: skip
kin = Table(
    "kin", temporary,
    *(Column(name, kind) for name, kind in (
        ("of_row", Text), ("of_record", Text), ("since", Integer), ("deposited_from", Integer), ("apart_from", Integer),
        ("apart_until", Integer))),
    prefixes=["TEMPORARY"],
)  # fmt: skip
"""The units that were merged, two by two: see ``archive.register.units.Kin``."""
moving = Table(
    "moving", temporary, Column("unit", Text, primary_key=True), Column("home", Text), prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)  # fmt: skip
"""Units whose rows and records are given new keys, and where they end after all mergers."""
touched = Table(
    "touched", temporary, Column("key", KEY, primary_key=True), prefixes=["TEMPORARY"], sqlite_with_rowid=False
)
changes = Table(
    "changes", temporary,
    Column("place", Integer), Column("old", BigInteger), Column("impossible", Integer),
    prefixes=["TEMPORARY"],
)  # fmt: skip
"""The places in ``ordered`` that are new, or say something new of the row ``old``."""
doubted = Table(
    "doubted", temporary, Column("likeness", BigInteger, primary_key=True, autoincrement=False), prefixes=["TEMPORARY"]
)
"""What several results have in common that may stand in the lists of two units."""
alike = Table(
    "alike", temporary,
    *(Column(name, kind) for name, kind in (
        ("result", KEY), ("title", Text), ("home", Text), ("unit", Text), ("line", Integer))),
    Index("alike_result", "result"),
    prefixes=["TEMPORARY"],
)  # fmt: skip
"""Those results: the key without its unit, the title without capitals, the unit after all mergers and that of the list,
and the line of the file; no line for one that was known before."""


def make_temporary(connection: Connection, table: Table) -> None:
    """Give this connection an empty *table* of its own."""
    drop_temporary(connection, table)
    table.create(connection, checkfirst=False)


def drop_temporary(connection: Connection, table: Table) -> None:
    """Give back the room that *table* takes."""
    connection.execute(text(f"DROP TABLE IF EXISTS {table.name}"))


def fill(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Put *rows*, with a value for each column of *table* in its order, by the driver itself: five times as quick."""
    place = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    statement = f"INSERT INTO {table.name} VALUES ({', '.join([place] * len(table.columns))})"
    connection.exec_driver_sql(statement, list(rows))
