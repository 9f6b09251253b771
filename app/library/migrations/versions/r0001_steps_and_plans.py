"""The first schema: steps by fingerprint, plans of them, tags on both."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    op.create_table(
        "step",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.String, nullable=False, unique=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("optimizer", sa.String, nullable=False),
        sa.Column("training", sa.Boolean, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("dtype", sa.String, nullable=False),
        sa.Column("ops", sa.Integer, nullable=False),
        sa.Column("storages", sa.Integer, nullable=False),
        sa.Column("resident_bytes", sa.Integer, nullable=False),
        sa.Column("program_order_peak_bytes", sa.Integer, nullable=False),
        sa.Column("baseline_reserved_bytes", sa.Integer),
        sa.Column("replayable", sa.Boolean, nullable=False),
        sa.Column("added", sa.String, nullable=False),
        sa.Column("notes", sa.String, nullable=False),
        sa.Column("spark", sa.JSON, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("step_id", sa.Integer, sa.ForeignKey("step.id", ondelete="CASCADE"), nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("peak_bytes", sa.Integer, nullable=False),
        sa.Column("height_bytes", sa.Integer, nullable=False),
        sa.Column("peak_bound_bytes", sa.Integer, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("notes", sa.String, nullable=False),
        sa.Column("spark", sa.JSON, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("step_id", "digest"),
        sa.UniqueConstraint("step_id", "name"),
    )
    for owner in ("step", "plan"):
        op.create_table(
            f"{owner}_tag",
            sa.Column(
                f"{owner}_id",
                sa.Integer,
                sa.ForeignKey(f"{owner}.id", ondelete="CASCADE"),
                primary_key=True,
            ),
            sa.Column("tag", sa.String, primary_key=True),
        )
