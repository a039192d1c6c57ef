"""What people decided in review, with what was before and after, and what a list shows of each hold."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    op.create_table(
        "decisions",
        Column("position", Integer, primary_key=True, autoincrement=True),
        Column("at", String(32), nullable=False),
        Column("who", Text, nullable=False),
        Column("what", Text, nullable=False),
        Column("before", Text, nullable=False),
        Column("after", Text, nullable=False),
        Column("undone_at", String(32)),
    )
    op.create_table(
        "decided_holds",
        Column("hold", String(64), primary_key=True),
        Column("position", Integer, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "hold_heads",
        Column("hold", String(64), primary_key=True),
        Column("head", Text, nullable=False),
    )
