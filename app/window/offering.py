"""Fills the command palette from the window: its menus, the plans of the open step, recent files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence

from app.numbers import overhead, plan_size
from app.translation import tr
from app.window.actions import MENUS, Command, plain
from app.window.palette_entries import PaletteEntry
from app.window.reasons import why_not

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

LEFT_OUT = frozenset({"palette"})
"""To open it from itself would be of no use."""


def palette_entries(window: MainWindow) -> list[PaletteEntry]:
    """All that there is now, in the order of the menus."""
    return [*_commands(window), *_plans(window), *_files(window)]


def _commands(window: MainWindow) -> list[PaletteEntry]:
    entries = []
    for title, lines in MENUS:
        for line in lines:
            if not isinstance(line, Command) or line.key in LEFT_OUT:
                continue
            action = window.menu[line.key]
            remark = plain(title)
            if not action.isEnabled():
                busy = window.work.busy
                reason = why_not(
                    line.key,
                    window.document,
                    busy=busy,
                    stale=window.stale,
                    recording=window.importing.recording,
                )
                remark = f"{remark}, {reason}"
            entries.append(
                PaletteEntry(
                    f"command {line.key}",
                    plain(action.text()),
                    remark,
                    action.shortcut().toString(QKeySequence.SequenceFormat.NativeText),
                    action.isEnabled(),
                    line.icon,
                    action.trigger,
                )
            )
    return entries


def _plans(window: MainWindow) -> list[PaletteEntry]:
    document = window.document
    step = document.step
    entries = []
    for entry in document.entries if step is not None else ():
        terms = entry.plan.terms
        size = plan_size((0 if step is None else step.resident_bytes) + entry.plan.height_bytes)
        said = size if terms is None else tr("{}, {} time").format(size, overhead(terms.overhead))
        if entry.baseline is not None:
            said = tr("{} reserved").format(plan_size(entry.baseline.reserved_bytes))
        show = partial(document.show, entry)
        entries.append(
            PaletteEntry(
                f"plan {entry.name}", tr("Show {}").format(entry.name), said, "", True, "map", show
            )
        )
    return entries


def _files(window: MainWindow) -> list[PaletteEntry]:
    return [
        PaletteEntry(
            f"file {path}",
            tr("Open {}").format(path.name),
            str(path.parent),
            icon="file",
            run=partial(window.commands.open_path, path),
        )
        for path in window.settings.recents
    ]
