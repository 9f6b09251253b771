"""What a search says about a limit."""

from enum import Enum


class Answer(Enum):
    """Whether there is a placement no higher than the limit."""

    FOUND = 1
    IMPOSSIBLE = 2
    UNKNOWN = 3
