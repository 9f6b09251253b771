"""Beside the maps of what was recorded: the selected allocation with its stack, or the peak."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.numbers import human
from app.panels.controls import ElidedLabel, Swatch, clear, label
from app.panels.row_table import RowTable, TableRow
from app.panels.sheet import panel_sheet
from app.snapshot.recorded import Recorded
from app.theme import DARK, Theme
from app.translation import plural, tr

SHARES = 40
FRAMES = 60
"""Rows that are listed."""


class RecordedInspector(QScrollArea):
    """What is known of one rectangle; while none is selected, of the peak."""

    share_asked = Signal(int)
    """A row of the peak was chosen: its number."""
    rectangle_asked = Signal(int)
    """One of the largest at the peak was chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("recordedInspector")
        self.setAccessibleName(tr("Allocation"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMinimumWidth(264)
        self._theme = DARK
        page = QWidget()
        page.setProperty("surface", "panel")
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(8)
        self.swatch = Swatch(self._theme)
        self.name = ElidedLabel("", "title")
        self.name.setObjectName("allocationName")
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.swatch)
        head.addWidget(self.name, 1)
        column.addLayout(head)
        self.summary = label("", "body", "text3")
        self.summary.setWordWrap(True)
        column.addWidget(self.summary)
        self.figures = QGridLayout()
        self.figures.setHorizontalSpacing(12)
        self.figures.setVerticalSpacing(4)
        self.figures.setColumnStretch(1, 1)
        column.addLayout(self.figures)
        self.heading = label("", "strong")
        column.addSpacing(4)
        column.addWidget(self.heading)
        self.rows = RowTable(tr("Stack"))
        self.rows.setObjectName("stack")
        self.rows.chosen.connect(self._chosen)
        column.addWidget(self.rows)
        column.addStretch(1)
        self.setWidget(page)
        self._peak = self._shares = False
        self.set_theme(DARK)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.setStyleSheet(panel_sheet(theme))
        self.swatch.set_theme(theme)
        self.rows.set_theme(theme)

    def show_peak(self, recorded: Recorded) -> None:
        """Nothing is selected: who allocated what is there at the peak."""
        self._peak = True
        scene = recorded.scene
        self.swatch.hide()
        self.name.setText(tr("At the peak, {}").format(human(scene.live_peak)))
        self._say(tr("Select an allocation to see its stack.") if recorded.part is not None else "")
        self._figures(())
        self._shares = bool(recorded.shares)
        heading = tr("Allocated by") if self._shares else tr("The largest")
        rows = [
            TableRow(i, share.place, f"{share.count:,}×", human(share.bytes))
            for i, share in enumerate(recorded.shares[:SHARES])
        ] or [
            TableRow(rectangle, scene.name(rectangle), figure=human(scene.bytes_of(rectangle)))
            for rectangle in recorded.largest_at_peak[:SHARES]
        ]
        self.heading.setText(heading if rows else "")
        self.rows.setAccessibleName(heading)
        self.rows.set_rows(rows)
        self.rows.setVisible(bool(rows))

    def show_rectangle(self, recorded: Recorded, rectangle: int) -> None:
        """An allocation is selected."""
        self._peak = False
        about = recorded.about(rectangle)
        self.swatch.set_category(about.category)
        self.swatch.show()
        self.name.setText(about.name)
        self._say("")
        address = recorded.placed.low[rectangle] if recorded.placed is not None else None
        placed = (
            () if address is None else ((tr("Placed anew"), tr("at {}").format(human(int(address)))),)
        )
        self._figures((*about.rows, *placed))
        frames = about.stack[:FRAMES]
        rest = len(about.stack) - len(frames)
        heading = tr("Stack, the innermost first") if frames else ""
        if rest:
            more = plural("{} more frame", "{} more frames", rest)
            heading = tr("Stack, the innermost first, {} not shown").format(more)
        self.heading.setText(heading)
        self.rows.setAccessibleName(tr("Stack"))
        self.rows.set_rows(
            [
                TableRow(i, frame.function, detail=f"{frame.file}:{frame.line}")
                for i, frame in enumerate(frames)
            ]
        )
        self.rows.setVisible(bool(frames))

    def _say(self, text: str) -> None:
        self.summary.setText(text)
        self.summary.setVisible(bool(text))

    def _figures(self, rows: tuple[tuple[str, str], ...]) -> None:
        clear(self.figures)
        for at, (name, value) in enumerate(rows):
            self.figures.addWidget(label(name, "body", "text2"), at, 0)
            self.figures.addWidget(ElidedLabel(value), at, 1)

    def _chosen(self, key: int) -> None:
        if self._peak:
            (self.share_asked if self._shares else self.rectangle_asked).emit(key)
