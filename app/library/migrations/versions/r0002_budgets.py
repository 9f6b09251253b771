"""Plans within a budget: the budget, the overhead and its bound."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Plans stored before have no budget."""
    op.add_column("plan", sa.Column("budget_bytes", sa.Integer))
    op.add_column("plan", sa.Column("overhead", sa.Double))
    op.add_column("plan", sa.Column("overhead_bound", sa.Double))
