"""What the window remembers between runs: recent files, theme, layout, limits, capture choices."""

from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from app.library.place import choose_path, chosen_path
from solver.files import write_atomic

RECENT_FILES = 10
THEME_CHOICES = ("system", "dark", "light")
UNIT_CHOICES = ("GiB", "GB")


class Settings:
    """An INI file in the user's configuration folder; a value that makes no sense is ignored."""

    def __init__(self, path: Path | None = None) -> None:
        """Open ``path``, or ``bayplan.ini`` in the user's configuration folder."""
        self.path = path or Path(platformdirs.user_config_dir("bayplan", False)) / "bayplan.ini"
        _remove_objects(self.path)
        self._store = QSettings(str(self.path), QSettings.Format.IniFormat)

    def save(self) -> None:
        """Write what was changed to disk now."""
        self._store.sync()

    @property
    def recents(self) -> tuple[Path, ...]:
        """Files opened lately, the last one first; those that are gone are left out."""
        stored = self._store.value("recents", [])
        names = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
        return tuple(Path(name) for name in names if isinstance(name, str) and Path(name).is_file())

    def add_recent(self, path: Path) -> None:
        """Put a file first among the recent ones."""
        path = path.absolute()
        files = [path, *(other for other in self.recents if other != path)]
        self._store.setValue("recents", [str(file) for file in files[:RECENT_FILES]])

    def clear_recents(self) -> None:
        """Forget the recent files."""
        self._store.remove("recents")

    @property
    def theme(self) -> str:
        """``system``, ``dark`` or ``light``."""
        value = self._store.value("theme", "system")
        return value if value in THEME_CHOICES else "system"

    @theme.setter
    def theme(self, value: str) -> None:
        self._store.setValue("theme", value)

    @property
    def units(self) -> str:
        """``GiB`` (2³⁰ bytes) or ``GB`` (10⁹)."""
        value = self._store.value("units", "GiB")
        return value if value in UNIT_CHOICES else "GiB"

    @units.setter
    def units(self, value: str) -> None:
        self._store.setValue("units", value)

    @property
    def cores(self) -> int:
        """That work in the background may use; 0: all."""
        return int(self._number("cores", 0, 0, 4096))

    @cores.setter
    def cores(self, value: int) -> None:
        self._store.setValue("cores", value)

    @property
    def library(self) -> Path | None:
        """The library's file from the next start on, where one was chosen."""
        return chosen_path(self.path.parent)

    @library.setter
    def library(self, value: Path | None) -> None:
        """Raises BayplanError where it cannot be written down."""
        choose_path(self.path.parent, value)

    @property
    def fixed_folder(self) -> str:
        """Where dialogs for files begin; empty: where the last one ended."""
        return self.text("fixed_folder", "")

    @fixed_folder.setter
    def fixed_folder(self, value: str) -> None:
        self.set_text("fixed_folder", value)

    @property
    def deadline(self) -> float:
        """Seconds that a solve may take."""
        return self._number("solve/deadline", 60.0, 0.1, 86400.0)

    @deadline.setter
    def deadline(self, value: float) -> None:
        self._store.setValue("solve/deadline", value)

    @property
    def seed(self) -> int:
        """Of the solver's random choices."""
        return int(self._number("solve/seed", 0, 0, 2**31 - 1))

    @seed.setter
    def seed(self, value: int) -> None:
        self._store.setValue("solve/seed", value)

    @property
    def reuse(self) -> bool:
        """Whether a plan may write an op's result into the bytes of an operand that dies there."""
        return bool(self._number("solve/reuse", 1, 0, 1))

    @reuse.setter
    def reuse(self, value: bool) -> None:
        self._store.setValue("solve/reuse", int(value))

    def layout(self, key: str) -> QByteArray:
        """A layout stored under ``key``; empty where there is none."""
        value = self._store.value(f"layout/{key}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def set_layout(self, key: str, value: QByteArray) -> None:
        """Store a layout."""
        self._store.setValue(f"layout/{key}", value)

    def folder(self, purpose: str) -> str:
        """The folder last used for ``purpose``, such as ``open``; the home folder at first."""
        if self.fixed_folder and Path(self.fixed_folder).is_dir():
            return self.fixed_folder
        value = self._store.value(f"folders/{purpose}", "")
        return value if isinstance(value, str) and Path(value).is_dir() else str(Path.home())

    def set_folder(self, purpose: str, folder: Path) -> None:
        """Remember the folder used for ``purpose``."""
        self._store.setValue(f"folders/{purpose}", str(folder))

    def text(self, key: str, default: str) -> str:
        """A choice made in a dialog."""
        value = self._store.value(f"choices/{key}", default)
        return value if isinstance(value, str) else default

    def set_text(self, key: str, value: str) -> None:
        """Remember a choice made in a dialog."""
        self._store.setValue(f"choices/{key}", value)

    def _number(self, key: str, default: float, low: float, high: float) -> float:
        stored: Any = self._store.value(key, default)
        try:
            value = float(stored)
        except (TypeError, ValueError):
            return default
        return value if low <= value <= high else default


def _remove_objects(path: Path) -> None:
    """Drop lines with serialised objects, which are never ours: Qt would try to build them."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if b"@Variant(" not in line]
        if len(kept) < len(lines):
            write_atomic(path, b"".join(kept))
    except OSError:
        return  # There is no file yet, or it cannot be read or written: Qt says so where it matters.
