"""The tables of the journal. Times are ISO 8601, UTC; what has parts of its own is JSON text.

A change here needs a migration beside it (engine/migrations/versions) and a new `VERSION`; a test compares the tables
that the migrations make with these.
"""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text

__all__ = [
    "VERSION",
    "control",
    "frames",
    "lamp_events",
    "locks",
    "metadata",
    "runs",
    "segments",
    "states",
    "version",
]

VERSION = "0001"
"""The newest migration."""

metadata = MetaData()

version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("run", String(120), primary_key=True),
    Column("created", String(40), nullable=False),
    Column("sequence", Text, nullable=False),
    Column("sequence_text", Text, nullable=False),
    Column("sequence_origin", Text, nullable=False),
    Column("sequence_hash", String(64), nullable=False),
    Column("observatory", String(120), nullable=False),
    Column("observatory_source", Text, nullable=False),
    Column("observatory_text", Text, nullable=False),
    Column("observatory_hash", String(64), nullable=False),
    Column("options", Text, nullable=False),
    Column("choices", Text, nullable=False),
    Column("folder", Text, nullable=False),
    Column("frames_asked", Integer, nullable=False),
    Column("outcome", String(20)),
)

segments = Table(
    "segments",
    metadata,
    Column("run", String(120), ForeignKey("runs.run"), primary_key=True),
    Column("segment", Integer, primary_key=True),
    Column("graph_hash", String(64), nullable=False),
    Column("observatory_hash", String(64), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", String(40), nullable=False),
    Column("started", String(40), nullable=False),
    Column("ended", String(40)),
    Column("outcome", String(20)),
    Column("reason", Text),
    Column("lamps", Text),
)

states = Table(
    "states",
    metadata,
    Column("run", String(120), primary_key=True),
    Column("segment", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("frame", Text),
    Column("attempt", Integer, nullable=False),
    Column("intended", String(40), nullable=False),
    Column("ended", String(40)),
    Column("outcome", String(20)),
    Column("duration_s", Float),
    Column("error", Text),
    Column("note", Text),
)

frames = Table(
    "frames",
    metadata,
    Column("run", String(120), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("segment", Integer, nullable=False),
    Column("frame", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("exposure_no", Integer, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("reason", Text),
    Column("kept", String(40), nullable=False),
    Column("files", Text, nullable=False),
)

lamp_events = Table(
    "lamp_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String(120), nullable=False),
    Column("time", String(40), nullable=False),
    Column("lamp", String(120), nullable=False),
    Column("action", String(20), nullable=False),
    Column("seen", String(20)),
    Column("who", String(20), nullable=False),
    Column("why", Text),
    Index("lamp_events_of_run", "run"),
)

control = Table(
    "control",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", String(120), nullable=False),
    Column("time", String(40), nullable=False),
    Column("word", String(20), nullable=False),
    Column("who", Text, nullable=False),
    Column("obeyed", String(40)),
    Index("control_of_run", "run"),
)

locks = Table(
    "locks",
    metadata,
    Column("observatory", String(120), primary_key=True),
    Column("run", String(120), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", String(40), nullable=False),
    Column("since", String(40), nullable=False),
    Column("beat", String(40), nullable=False),
)
