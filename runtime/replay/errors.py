"""The one exception of a replay that is meant for people."""


class ReplayError(Exception):
    """The plan cannot be run as asked: what was wrong, and what to do about it."""
