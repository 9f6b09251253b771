"""Alembic's entry: run the scripts on the connection that the library opened, in its transaction."""

from alembic import context

from app.library.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
