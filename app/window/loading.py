"""While a step is read: its file's name, how far reading is, and its bands before there is a map.

::

    ┌ resnet50.step ─────────────── Reading ──── [Cancel] ┐  header, as above the map
    │ [ Forward            ][ Backward           ][Update] │  as soon as the ops are read
    │ [stem][layer1 ][ ...                               ] │
    │               24,000 ops · placing …                 │
    │               ━━━━━━━━━━━━───────                    │
    └──────────────────────────────────────────────────────┘
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.fonts import text_font
from app.jobs.load import Outline
from app.map.bands import Band
from app.panels.controls import ElidedLabel, Strip, label
from app.panels.sheet import panel_sheet
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import plural, tr

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

SHOWN_AFTER_MS = 150
"""What is read faster than this is there at once, without a page that flickers by."""
HEADER = 40
LEFT, RIGHT = 56.0, 16.0
"""Margins of the bands, those of the map."""
LEGEND, OVERVIEW = 32, 53
"""Heights of what the map has above its bands."""
PHASE, MODULE, BETWEEN = 18.0, 17.0, 6.0
BAR_WIDTH, STEPS = 320, 1000
LEAST_APART, LEAST_NAMED = 4, 15.0


class Loading(QObject):
    """Shows the page while the window's work opens something, and what was there where it is ended."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self.page = LoadingPage()
        self.page.cancel.clicked.connect(window.work.stop)
        self._before: QWidget | None = None
        self._outline: Outline | None = None
        self.patience = SHOWN_AFTER_MS
        """Milliseconds before the page is shown."""
        self._wait = QTimer(self, singleShot=True)
        self._wait.timeout.connect(self._show)
        window.work.changed.connect(self._follow)
        window.work.outlined.connect(self._take)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.page.set_theme(theme)

    @property
    def shown(self) -> bool:
        """Whether the page is in sight."""
        return self._before is not None

    @Slot()
    def _follow(self) -> None:
        work = self._window.work
        if not work.opening:
            self._wait.stop()
            self._hide()
        elif self.shown:
            if self.page.name != work.opening:
                self._outline = None
                self.page.begin(work.opening)
            self.page.say(work.activity.text, work.activity.share(time.monotonic()))
        elif not self._wait.isActive():
            self._outline = None
            self._wait.start(self.patience)

    @Slot(object)
    def _take(self, outline: Outline) -> None:
        self._outline = outline
        if self.shown:
            self.page.show_outline(outline)

    @Slot()
    def _show(self) -> None:
        work, pages = self._window.work, self._window.pages
        self.page.begin(work.opening)
        if self._outline is not None:
            self.page.show_outline(self._outline)
        if pages.indexOf(self.page) < 0:
            pages.addWidget(self.page)
        self._before = pages.currentWidget()
        pages.setCurrentWidget(self.page)
        self.page.setFocus()
        self._follow()

    def _hide(self) -> None:
        before, self._before = self._before, None
        # Where it was opened the window shows the step by now.
        if before is not None and self._window.pages.currentWidget() is self.page:
            self._window.pages.setCurrentWidget(before)


class LoadingPage(QWidget):
    """Stands where the map will be."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("loading")
        self.setAccessibleName(tr("Reading a step"))
        set_property(self, "surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.name = ""
        """Of the file that is read."""
        self.title = ElidedLabel("", "title")
        self.title.setObjectName("loadingName")
        self.ops = label("", "body", "text2")
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setToolTip(tr("Stop reading and keep what is open (Esc)"))
        header = Strip(HEADER)
        for part in (self.title, self.ops):
            header.row.addWidget(part)
        header.row.addStretch(1)
        header.row.addWidget(self.cancel)
        self.bands = BandsPicture()
        self.doing = QLabel()
        self.doing.setProperty("face", "body")
        self.doing.setProperty("tone", "text2")
        self.doing.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(BAR_WIDTH, 4)
        self.bar.setAccessibleName(tr("How far reading is"))
        set_property(self.bar, "state", "busy")
        self._ground = QWidget()
        self._ground.setObjectName("loadingGround")
        self._ground.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        inner = QVBoxLayout(self._ground)
        inner.setContentsMargins(0, OVERVIEW, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.bands)
        inner.addStretch(2)
        inner.addWidget(self.doing, 0, Qt.AlignmentFlag.AlignHCenter)
        inner.addSpacing(8)
        inner.addWidget(self.bar, 0, Qt.AlignmentFlag.AlignHCenter)
        inner.addStretch(3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(header)
        column.addSpacing(LEGEND)
        column.addWidget(self._ground, 1)
        # Else Cancel, being next, would take the keys: Return was meant for the dialog before.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_theme(DARK)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        ground = f"QWidget#loadingGround {{ background: {theme.map}; }}"
        self.setStyleSheet(f"{panel_sheet(theme)}\n{ground}")
        self.bands.theme = theme
        self.bands.update()

    def begin(self, name: str) -> None:
        """Nothing is known of what is read but its name."""
        self.name = name
        self.title.setText(name)
        self.ops.setText("")
        self.bands.show_bands((), (), 0)
        self.say("", None)

    def say(self, doing: str, done: float | None) -> None:
        """What is being done, and how far it is where that is known."""
        self.doing.setText(doing)
        self.bar.setRange(0, 0 if done is None else STEPS)
        if done is not None:
            self.bar.setValue(round(done * STEPS))

    def show_outline(self, outline: Outline) -> None:
        """The step's ops are read."""
        if outline.title:
            ops = plural("{} op", "{} ops", outline.ops)
            self.ops.setText(f"{outline.title} · {ops}")
        self.bands.show_bands(outline.bands.phases, outline.bands.modules, outline.ops)


class BandsPicture(QWidget):
    """Phases and modules where the map will have them, with its colours."""

    def __init__(self) -> None:
        super().__init__()
        self.theme: Theme = DARK
        self._rows: tuple[tuple[str, float, Sequence[Band]], ...] = ()
        self._ops = 0
        self.setFixedHeight(round(PHASE + BETWEEN + MODULE))

    def show_bands(self, phases: Sequence[Band], modules: Sequence[Band], ops: int) -> None:
        """Show other bands; ``ops``: slots that they cover."""
        self._rows = ((tr("Phase"), PHASE, phases), (tr("Module"), MODULE, modules)) if ops else ()
        self._ops = ops
        self.setAccessibleName(", ".join(tr(band.name) for band in phases))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        top = 0.0
        for caption, height, bands in self._rows:
            bold = QFont.Weight.DemiBold if height == PHASE else QFont.Weight.Normal
            painter.setFont(text_font(11))
            painter.setPen(QColor(self.theme.text3))
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(QRectF(0, top, LEFT - 9, height), int(right), caption)
            painter.setFont(text_font(11, bold))
            self._paint_row(painter, top, height, bands)
            top += height + BETWEEN

    def _paint_row(self, painter: QPainter, top: float, height: float, bands: Sequence[Band]) -> None:
        theme, width = self.theme, self.width() - LEFT - RIGHT
        painter.fillRect(QRectF(LEFT, top, width, height), QColor(theme.raised))
        metrics, last = QFontMetricsF(painter.font()), LEFT
        for band in bands:
            left, right = (LEFT + edge / self._ops * width for edge in (band.start, band.end))
            if band.start and left >= last + LEAST_APART:
                last = round(left)
                painter.fillRect(QRectF(last, top, 1, height), QColor(theme.map))
            room = right - left - 10
            if room < LEAST_NAMED:
                continue
            name = tr(band.name)
            if metrics.horizontalAdvance(name) > room:
                name = name.rpartition(".")[2]
            if metrics.horizontalAdvance(name) <= room:
                painter.setPen(QColor(theme.text if height == PHASE else theme.text2))
                middle = int(Qt.AlignmentFlag.AlignVCenter)
                painter.drawText(QRectF(left + 7, top, room, height), middle, name)
