"""Schedules of requests; what a request skips, waits for, and comes from."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns."""
    for column in (
        sa.Column("sequence_hash", sa.String(64)),
        sa.Column("place", sa.Float()),
        sa.Column("unless_done_since", sa.String(40)),
        sa.Column("requires", sa.Text()),
        sa.Column("schedule", sa.String(120)),
        sa.Column("due", sa.String(40)),
    ):
        op.add_column("requests", column)
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(120), primary_key=True),
        sa.Column("made", sa.String(40), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("observatory", sa.String(120), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("sequence_text", sa.Text(), nullable=False),
        sa.Column("sequence_hash", sa.String(64), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("expected_s", sa.Float(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("until", sa.Text()),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("latitude_deg", sa.Float()),
        sa.Column("longitude_deg", sa.Float()),
        sa.Column("unless_done_within_s", sa.Float()),
        sa.Column("requires", sa.Text()),
        sa.Column("paused", sa.Integer(), nullable=False),
        sa.Column("seen", sa.String(40), nullable=False),
    )
