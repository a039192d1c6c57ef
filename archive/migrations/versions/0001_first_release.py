"""The tables of release 0.1.0.

A catalogue of that release bears no mark of Alembic's, and may lack the register's tables, which its first report made:
hence what is there already is left as it is.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision, down_revision = "0001", None

KEY = Text().with_variant(Text(collation="C"), "postgresql")
ROW = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "batches",
        Column("id", String(32), nullable=False),
        Column("operator", Text, nullable=False),
        Column("started_at", String(32), nullable=False),
        Column("finished_at", String(32)),
        PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "counted_records",
        Column("record", Text, nullable=False),
        Column("key", KEY),
        Column("unit", Text, nullable=False),
        Column("procedure", Text, nullable=False),
        Column("kind", String(20), nullable=False),
        Column("day", Integer, nullable=False),
        Column("row", BigInteger),
        Column("fits", Integer, nullable=False),
        PrimaryKeyConstraint("record"),
        if_not_exists=True,
    )
    op.create_index("ix_counted_records_key", "counted_records", ["key"], if_not_exists=True)
    op.create_table(
        "counters",
        Column("name", String(20), nullable=False),
        Column("value", Integer, nullable=False),
        Column("hash", String(64), nullable=False),
        PrimaryKeyConstraint("name"),
        if_not_exists=True,
    )
    op.create_table(
        "digitised_spans",
        Column("row", ROW, autoincrement=False, nullable=False),
        Column("from_day", Integer, autoincrement=False, nullable=False),
        Column("until_day", Integer, nullable=False),
        PrimaryKeyConstraint("row", "from_day"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    op.create_table(
        "holds",
        Column("id", String(64), nullable=False),
        Column("batch", String(32), nullable=False),
        Column("scan_sha256", String(64), nullable=False),
        Column("scan_path", Text, nullable=False),
        Column("first_page", Integer, nullable=False),
        Column("unit", Text, nullable=False),
        Column("opened_at", String(32), nullable=False),
        Column("reasons", Text, nullable=False),
        Column("submission", Text, nullable=False),
        Column("pdf_path", Text, nullable=False),
        Column("original_path", Text, nullable=False),
        Column("decided_at", String(32)),
        Column("decision", Text),
        Column("operator", Text),
        PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_holds_decided_at", "holds", ["decided_at"], if_not_exists=True)
    op.create_index("ix_holds_scan_sha256", "holds", ["scan_sha256"], if_not_exists=True)
    op.create_table(
        "inventory",
        Column("id", ROW, nullable=False),
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
        PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("inventory_key", "inventory", ["key"], if_not_exists=True)
    op.create_index("inventory_procedure", "inventory", ["procedure"], if_not_exists=True)
    op.create_table(
        "log",
        Column("position", Integer, autoincrement=False, nullable=False),
        Column("at", String(32), nullable=False),
        Column("who", Text, nullable=False),
        Column("what", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("hash", String(64), nullable=False),
        PrimaryKeyConstraint("position"),
        if_not_exists=True,
    )
    op.create_table(
        "record_faults",
        Column("record", Text, nullable=False),
        Column("from_day", Integer, autoincrement=False, nullable=False),
        Column("until_day", Integer, nullable=False),
        Column("reason", Text, nullable=False),
        PrimaryKeyConstraint("record", "from_day"),
        if_not_exists=True,
    )
    op.create_table(
        "records",
        Column("id", Text, nullable=False),
        Column("dossier", Text, nullable=False),
        Column("serial", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        Column("unit", Text, nullable=False),
        Column("procedure", Text, nullable=False),
        Column("kind", String(20), nullable=False),
        Column("number", Text),
        Column("symbol", Text),
        Column("issued_on", Date),
        Column("issuer", Text),
        Column("deposited_at", String(32), nullable=False),
        Column("scan_sha256", String(64), nullable=False),
        Column("pdf_sha256", String(64), nullable=False),
        Column("object_path", Text, nullable=False),
        Column("inventory_sha512", String(128), nullable=False),
        Column("pdf_path", Text, nullable=False),
        Column("position", Integer, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("position"),
        if_not_exists=True,
    )
    op.create_index("ix_records_dossier", "records", ["dossier"], if_not_exists=True)
    op.create_index("ix_records_issued_on", "records", ["issued_on"], if_not_exists=True)
    op.create_index("ix_records_object_path", "records", ["object_path"], if_not_exists=True)
    op.create_index("ix_records_scan_sha256", "records", ["scan_sha256"], if_not_exists=True)
    op.create_index("ix_records_unit", "records", ["unit"], if_not_exists=True)
    op.create_table(
        "register_state",
        Column("name", String(30), nullable=False),
        Column("value", BigInteger),
        PrimaryKeyConstraint("name"),
        if_not_exists=True,
    )
    op.create_table(
        "rejections",
        Column("position", Integer, autoincrement=True, nullable=False),
        Column("batch", String(32), nullable=False),
        Column("path", Text, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("reason", Text, nullable=False),
        Column("at", String(32), nullable=False),
        PrimaryKeyConstraint("position"),
        if_not_exists=True,
    )
    op.create_table(
        "scans",
        Column("sha256", String(64), nullable=False),
        Column("path", Text, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        Column("media_type", String(40), nullable=False),
        Column("state", String(20), nullable=False),
        Column("batch", String(32), nullable=False),
        Column("standing", Text),
        Column("released", Boolean, nullable=False),
        PrimaryKeyConstraint("sha256"),
        if_not_exists=True,
    )
    op.create_index("ix_scans_state", "scans", ["state"], if_not_exists=True)
    op.create_table(
        "sohoa_schema",
        Column("version", Integer, nullable=False),
        PrimaryKeyConstraint("version"),
        if_not_exists=True,
    )
    op.create_table(
        "targets",
        Column("id", Integer, nullable=False),
        Column("level", String(20), nullable=False),
        Column("year", Integer, nullable=False),
        Column("unit", String(35)),
        Column("share_numerator", BigInteger, nullable=False),
        Column("share_denominator", BigInteger, nullable=False),
        Column("recorded_at", String(32), nullable=False),
        Column("superseded_at", String(32)),
        PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "unit_days",
        Column("unit", String(35), nullable=False),
        Column("day", Integer, autoincrement=False, nullable=False),
        Column("rows", BigInteger, nullable=False),
        Column("done", BigInteger, nullable=False),
        PrimaryKeyConstraint("unit", "day"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    op.create_table(
        "units",
        Column("id", Integer, nullable=False),
        Column("code", String(35), nullable=False),
        Column("name", Text, nullable=False),
        Column("level", String(20), nullable=False),
        Column("parent", String(35)),
        Column("valid_from", Integer),
        Column("valid_to", Integer),
        Column("successor", String(35)),
        Column("recorded_at", String(32), nullable=False),
        Column("superseded_at", String(32)),
        PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_index("ix_units_code", "units", ["code"], if_not_exists=True)
    for name in ("records", "log"):
        op.execute(
            "INSERT INTO counters (name, value, hash) "
            f"SELECT '{name}', 0, '{'0' * 64}' WHERE NOT EXISTS (SELECT 1 FROM counters WHERE name = '{name}')"
        )
