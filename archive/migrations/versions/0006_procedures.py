"""What procedures are called, and their fields."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    op.create_table(
        "procedures",
        Column("id", Integer, primary_key=True),
        Column("code", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("field", Text, nullable=False),
        Column("valid_from", Integer),
        Column("recorded_at", String(32), nullable=False),
        Column("superseded_at", String(32)),
    )
