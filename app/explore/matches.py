"""What was looked for, what was found, and which of it was stepped to last."""

from collections.abc import Callable, Sequence

from app.facts.finding import Query, parse_query
from app.translation import tr
from solver.errors import BayplanError


class Matches:
    """Of one search field; what is found has numbers, such as those of storages."""

    def __init__(self) -> None:
        self.text = ""
        self.error = ""
        """Why what was typed cannot be looked for; empty where it can."""
        self.found: tuple[int, ...] = ()
        """In the order in which they are stepped through."""
        self.at = -1
        """The one of them that was stepped to."""

    def look_for(self, text: str, find: Callable[[Query], Sequence[int]]) -> None:
        """Look for something else with ``find``; nothing is stepped to yet."""
        self.text, self.error, self.found, self.at = text, "", (), -1
        try:
            self.found = tuple(find(parse_query(text)))
        except BayplanError as error:
            self.error = str(error)

    @property
    def marked(self) -> tuple[int, ...] | None:
        """What is to be set off from the rest; None while nothing is looked for."""
        return self.found if self.text.strip() and not self.error else None

    @property
    def count_text(self) -> str:
        """``3 of 12``, ``12``, ``none``; empty while nothing is looked for."""
        if self.error:
            return "?"
        if not self.text.strip():
            return ""
        if not self.found:
            return tr("none")
        return (
            tr("{:,} of {:,}").format(self.at + 1, len(self.found))
            if self.at >= 0
            else f"{len(self.found):,}"
        )

    def step(self, by: int) -> int | None:
        """The next that was found, or the one before, round and round; None where there is none."""
        if not self.found:
            return None
        if self.at < 0:
            self.at = 0 if by > 0 else len(self.found) - 1
        else:
            self.at = (self.at + by) % len(self.found)
        return self.found[self.at]
