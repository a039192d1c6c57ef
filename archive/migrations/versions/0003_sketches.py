"""Sketches of what papers say, to find the same one scanned again."""

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    op.create_table(
        "sketches",
        Column("hash", BigInteger, primary_key=True, autoincrement=False),
        Column("subject", Text, primary_key=True),
        Column("scan_sha256", String(64), nullable=False),
    )
    op.create_index("ix_sketches_subject", "sketches", ["subject"])
