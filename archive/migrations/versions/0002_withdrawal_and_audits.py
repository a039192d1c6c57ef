"""Withdrawal and retention of records, and what the audits and replicas have seen."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    for column in (
        Column("withdrawn_at", String(32)),
        Column("retention", String(2)),
        Column("retained_until", String(10)),
    ):
        op.add_column("records", column)
    op.create_table(
        "audited",
        Column("root", Text, primary_key=True),
        Column("object_path", Text, primary_key=True),
        Column("at", String(32), nullable=False),
    )
    op.create_table(
        "replicas",
        Column("root", Text, primary_key=True),
        Column("position", Integer, nullable=False),
    )
