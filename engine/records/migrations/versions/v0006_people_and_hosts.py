"""Tokens of people, and signs of life of workers and keepers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "tokens",
        sa.Column("name", sa.String(60), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("may", sa.String(20), nullable=False),
        sa.Column("made", sa.String(40), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
    )
    op.create_table(
        "life_signs",
        sa.Column("host", sa.String(120), primary_key=True),
        sa.Column("what", sa.String(20), primary_key=True),
        sa.Column("observatory", sa.String(120), primary_key=True),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("seen", sa.String(40), nullable=False),
    )
