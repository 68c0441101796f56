"""First version of the journal: runs, segments, states, frames, lamp events, control requests, locks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "alembic_version",
        sa.Column("version_num", sa.String(32), primary_key=True),
    )
    op.create_table(
        "control",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run", sa.String(120), nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
        sa.Column("word", sa.String(20), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("obeyed", sa.String(40)),
    )
    op.create_index("control_of_run", "control", ["run"])
    op.create_table(
        "frames",
        sa.Column("run", sa.String(120), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("segment", sa.Integer(), nullable=False),
        sa.Column("frame", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("exposure_no", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("kept", sa.String(40), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
    )
    op.create_table(
        "lamp_events",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("run", sa.String(120), nullable=False),
        sa.Column("time", sa.String(40), nullable=False),
        sa.Column("lamp", sa.String(120), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("seen", sa.String(20)),
        sa.Column("who", sa.String(20), nullable=False),
        sa.Column("why", sa.Text()),
    )
    op.create_index("lamp_events_of_run", "lamp_events", ["run"])
    op.create_table(
        "locks",
        sa.Column("observatory", sa.String(120), primary_key=True),
        sa.Column("run", sa.String(120), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_started", sa.String(40), nullable=False),
        sa.Column("since", sa.String(40), nullable=False),
        sa.Column("beat", sa.String(40), nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.String(120), primary_key=True),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("sequence_text", sa.Text(), nullable=False),
        sa.Column("sequence_origin", sa.Text(), nullable=False),
        sa.Column("sequence_hash", sa.String(64), nullable=False),
        sa.Column("observatory", sa.String(120), nullable=False),
        sa.Column("observatory_source", sa.Text(), nullable=False),
        sa.Column("observatory_text", sa.Text(), nullable=False),
        sa.Column("observatory_hash", sa.String(64), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("frames_asked", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(20)),
    )
    op.create_table(
        "states",
        sa.Column("run", sa.String(120), primary_key=True),
        sa.Column("segment", sa.Integer(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("frame", sa.Text()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("intended", sa.String(40), nullable=False),
        sa.Column("ended", sa.String(40)),
        sa.Column("outcome", sa.String(20)),
        sa.Column("duration_s", sa.Float()),
        sa.Column("error", sa.Text()),
        sa.Column("note", sa.Text()),
    )
    op.create_table(
        "segments",
        sa.Column("run", sa.String(120), sa.ForeignKey("runs.run"), primary_key=True),
        sa.Column("segment", sa.Integer(), primary_key=True),
        sa.Column("graph_hash", sa.String(64), nullable=False),
        sa.Column("observatory_hash", sa.String(64), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("started", sa.String(40), nullable=False),
        sa.Column("ended", sa.String(40)),
        sa.Column("outcome", sa.String(20)),
        sa.Column("reason", sa.Text()),
        sa.Column("lamps", sa.Text()),
    )
