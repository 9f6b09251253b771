"""How a library written by an older Bayplan becomes one of today: Alembic scripts, run at opening."""
