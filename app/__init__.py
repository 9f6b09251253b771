"""The desktop program: window, map, library, jobs and command line (PySide6, SQLAlchemy)."""
