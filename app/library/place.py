"""Where the library lies: a path that is given, a variable, what was chosen in the window, or the
user's data folder.

The choice is one line in a file of its own, which the command line reads without Qt.
"""

import os
from pathlib import Path

from solver.errors import BayplanError
from solver.files import write_atomic

LIBRARY_VARIABLE = "BAYPLAN_LIBRARY"
CHOICE = "library.path"
"""In the user's configuration folder."""


def default_path() -> Path:
    """BAYPLAN_LIBRARY, else what was chosen in the settings, else a file in the user's data folder."""
    named = os.environ.get(LIBRARY_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path, user_data_path

    chosen = chosen_path(user_config_path("bayplan", appauthor=False))
    return chosen or user_data_path("bayplan", appauthor=False) / "library.sqlite"


def chosen_path(folder: Path) -> Path | None:
    """What was chosen, by the configuration in ``folder``; None: nothing, or what makes no sense."""
    try:
        text = (folder / CHOICE).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    path = Path(text)
    return path if text and path.is_absolute() and "\n" not in text else None


def choose_path(folder: Path, path: Path | None) -> None:
    """Remember a choice in ``folder``; None: forget it. Raises BayplanError where that cannot be."""
    note = folder / CHOICE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path is None:
            note.unlink(missing_ok=True)
            return
    except OSError as error:
        raise BayplanError(f"{note} cannot be changed: {error.strerror}.") from None
    write_atomic(note, f"{path.absolute()}\n".encode())
