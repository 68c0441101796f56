"""Requests for runs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "requests",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("asked", sa.String(40), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("observatory", sa.String(120), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("sequence_text", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("expected_s", sa.Float(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer()),
        sa.Column("not_before", sa.String(40)),
        sa.Column("not_after", sa.String(40)),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("run", sa.String(120)),
        sa.Column("host", sa.Text()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
    )
