"""The catalogue's tables, as the last step in ``migrations/versions`` leaves them.

Times are stored as ISO 8601 text in UTC, which sorts as it should on SQLite and on PostgreSQL.
"""

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, MetaData, String, Table, Text

tables = MetaData()

counters = Table(
    "counters", tables,
    Column("name", String(20), primary_key=True),
    Column("value", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)  # fmt: skip
"""The last position of a record, and the last entry of the log with its hash. Updated first in every write: whoever
comes second waits there, on either database."""

batches = Table(
    "batches", tables,
    Column("id", String(32), primary_key=True),
    Column("operator", Text, nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("finished_at", String(32)),
)  # fmt: skip

scans = Table(
    "scans", tables,
    Column("sha256", String(64), primary_key=True),
    Column("path", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", String(40), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("batch", String(32), nullable=False),
    Column("standing", Text),  # what its cover sheets leave standing for the scan behind it
    Column("released", Boolean, nullable=False, default=False),  # a person saw no secrecy stamp on it
)  # fmt: skip

rejections = Table(
    "rejections", tables,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("batch", String(32), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", String(32), nullable=False),
)  # fmt: skip

holds = Table(
    "holds", tables,
    Column("id", String(64), primary_key=True),
    Column("batch", String(32), nullable=False),
    Column("scan_sha256", String(64), nullable=False, index=True),
    Column("scan_path", Text, nullable=False),
    Column("first_page", Integer, nullable=False),
    Column("unit", Text, nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("reasons", Text, nullable=False),
    Column("submission", Text, nullable=False),
    Column("pdf_path", Text, nullable=False),
    Column("original_path", Text, nullable=False),
    Column("decided_at", String(32), index=True),
    Column("decision", Text),
    Column("operator", Text),
)  # fmt: skip

hold_heads = Table(
    "hold_heads", tables,
    Column("hold", String(64), primary_key=True),
    Column("head", Text, nullable=False),
)  # fmt: skip
"""What a list shows of each hold that waits, beside it: a submission is a thousand times as long."""

records = Table(
    "records", tables,
    Column("id", Text, primary_key=True),
    Column("dossier", Text, nullable=False, index=True),
    Column("serial", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("unit", Text, nullable=False, index=True),
    Column("procedure", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("number", Text),
    Column("symbol", Text),
    Column("issued_on", Date, index=True),
    Column("issuer", Text),
    Column("deposited_at", String(32), nullable=False),
    Column("scan_sha256", String(64), nullable=False, index=True),
    Column("pdf_sha256", String(64), nullable=False),
    Column("object_path", Text, nullable=False, index=True),
    Column("inventory_sha512", String(128), nullable=False),
    Column("pdf_path", Text, nullable=False),
    Column("position", Integer, nullable=False, unique=True),
    Column("withdrawn_at", String(32)),
    Column("retention", String(2)),
    Column("retained_until", String(10)),
    Column("result_code", Text),
)  # fmt: skip
"""A record that was destroyed keeps its row, without a ``pdf_path``.
``position`` only ever grows, with every deposit and every new version: what an index has yet to take in."""

sketches = Table(
    "sketches", tables,
    Column("hash", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Text, primary_key=True, index=True),
    Column("scan_sha256", String(64), nullable=False),
)  # fmt: skip
"""By what papers that wait and records are found again; see ``archive/sketches.py``."""

log = Table(
    "log", tables,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)  # fmt: skip

audited = Table(
    "audited", tables,
    Column("root", Text, primary_key=True),
    Column("object_path", Text, primary_key=True),
    Column("at", String(32), nullable=False),
)  # fmt: skip
"""When each object was last hashed; ``root`` is empty for the archive, else the replica's."""

replicas = Table(
    "replicas", tables, Column("root", Text, primary_key=True), Column("position", Integer, nullable=False)
)
"""Up to which position of the records each replica has them."""

RECORDS, LOG = "records", "log"
"""The names of the counters."""
