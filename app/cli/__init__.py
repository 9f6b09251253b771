"""The command line: one module a command, each with ``add`` (its options) and ``run`` (its work)."""
