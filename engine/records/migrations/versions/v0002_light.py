"""What was seen in the pixels of each frame."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Frames of earlier runs were not judged."""
    op.add_column("frames", sa.Column("light", sa.Text()))
