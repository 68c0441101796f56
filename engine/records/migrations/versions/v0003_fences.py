"""Epochs of the runs that hold an observatory, and a counter of heartbeats."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add table and columns. Locks of before have epoch 0, which no run is given."""
    op.create_table(
        "fences",
        sa.Column("observatory", sa.String(120), primary_key=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
    )
    op.add_column("locks", sa.Column("epoch", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("locks", sa.Column("beats", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("segments", sa.Column("epoch", sa.Integer()))
