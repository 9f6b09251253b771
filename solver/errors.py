"""The one exception meant for people; everything else that is raised is a bug of ours."""


class BayplanError(Exception):
    """Something the user or the world got wrong.

    The message says what was wrong, with the offending value, and what to do about it. The window
    and the command line show it as it stands, without a traceback; ``details`` (such as the
    traceback of the user's own code) fold out below it.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details
