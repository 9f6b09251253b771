"""What the command palette offers: commands, plans of the open step, recent files. No widgets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.window.fuzzy import score

UNUSABLE = 3
"""What an entry that cannot be used counts less; see ``app.window.fuzzy``."""
MOST_RECENT = 8
"""Entries that are remembered as used lately."""


@dataclass(frozen=True)
class PaletteEntry:
    """One line of the palette."""

    key: str
    """What it is remembered by: ``command solve``, ``file /home/…``."""
    text: str
    remark: str = ""
    """The menu, the folder, what a plan saves; or why it cannot be used now."""
    shortcut: str = ""
    enabled: bool = True
    icon: str = ""
    run: Callable[[], object] = lambda: None


def found(
    entries: Sequence[PaletteEntry], typed: str, recent: Sequence[str] = ()
) -> list[PaletteEntry]:
    """The entries that ``typed`` fits, the best first; without letters those used lately first.

    Among equals: those used lately, what can be used, the order of ``entries``. What cannot be used
    counts a little less; a menu's name or a folder that has the very letters is better than nothing.
    """
    turn = {key: at for at, key in enumerate(recent)}
    scored = []
    for at, entry in enumerate(entries):
        fit = score(typed, entry.text)
        if fit < 0 and not (entry.enabled and typed.casefold().strip() in entry.remark.casefold()):
            continue
        if not entry.enabled:
            fit -= UNUSABLE
        late = turn.get(entry.key, MOST_RECENT)
        order = (-fit, late, not entry.enabled) if typed.strip() else (late, not entry.enabled)
        scored.append(((*order, len(entry.text) if typed.strip() else 0, at), entry))
    return [entry for _, entry in sorted(scored, key=lambda pair: pair[0])]


def used(recent: Sequence[str], key: str) -> list[str]:
    """``recent`` with ``key`` as the one used last."""
    return [key, *(other for other in recent if other != key)][:MOST_RECENT]
