"""The digital code of a result beside its record: of two with one number, symbol and day it tells which is meant."""

from alembic import op
from sqlalchemy import Column, Text

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    op.add_column("records", Column("result_code", Text))
    op.add_column("counted_records", Column("result_code", Text, nullable=False, server_default=""))
