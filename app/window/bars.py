"""The tool bar, the rail that stands in for side panels, the menu bar's title, the status bar."""

import time

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QProgressBar,
    QSizePolicy,
    QStatusBar,
    QToolBar,
    QToolButton,
    QWidget,
)

from app.plain_text import tip
from app.style import set_property
from app.translation import tr
from app.window.actions import GAP, Actions, plain
from app.window.activity import Activity
from app.window.search import SearchField

HEIGHT = 44
BAR = 1000
"""Parts that the progress bar counts."""
CLOCK_MS = 500
"""How often the time that is left is told anew."""
BUTTON_HEIGHT = 28
WIDE_BAR, NARROW_BAR, WIDE_BAR_FROM = 120, 64, 1500
"""Widths of the progress bar, and of the window from which it is wide."""
ICONS_BELOW = 1240
"""Width of the window under which the buttons lose their labels."""


class MainToolBar(QToolBar):
    """Open, Capture | Solve, Stop, progress | Map, Compare, Budget | Export, and the search field."""

    def __init__(self, window: QMainWindow, actions: Actions, search: SearchField) -> None:
        super().__init__(tr("Tools"), window)
        self.setObjectName("main")
        self.setMovable(False)
        self.setFloatable(False)
        self.setIconSize(QSize(16, 16))
        self.setFixedHeight(HEIGHT)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.buttons: dict[str, QToolButton] = {}
        # One widget with a layout of ours: the tool bar's own would cut and shift what is in it.
        row_holder = QWidget()
        self._row = QHBoxLayout(row_holder)
        self._row.setContentsMargins(12, 0, 12, 0)
        self._row.setSpacing(4)
        self.addWidget(row_holder)
        for key in ("open", "capture"):
            self._button(actions[key], key)
        self._rule()
        set_property(self._button(actions["solve"], "solve"), "kind", "primary")
        self._button(actions["stop"], "stop")
        self.bar = QProgressBar()
        self.bar.setObjectName("progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(tr("Progress"))
        self.status = StatusText()
        self.status.setObjectName("activity")
        self._progress = QWidget()
        row = QHBoxLayout(self._progress)
        row.setContentsMargins(8, 0, 4, 0)
        row.setSpacing(8)
        row.addWidget(self.bar)
        row.addWidget(self.status)
        self.time = QLabel()
        self.time.setObjectName("time")
        self.time.setProperty("role", "caption")
        row.addWidget(self.time)
        self._activity = Activity()
        self._clock = QTimer(self, interval=CLOCK_MS)
        self._clock.timeout.connect(self._tell_time)
        self._row.addWidget(self._progress)
        self._rule()
        for key in ("map", "compare", "budget"):
            self._button(actions[key], key)
        self._rule()
        export = self._button(actions["export"], "export")
        menu = QMenu(export)
        for key in ("export", "verify", "picture", "page", "save_plan"):
            menu.addAction(actions[key])
        export.setMenu(menu)
        export.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self._row.addSpacing(12)
        self._row.addStretch(1)
        self._row.addWidget(search)
        self.show_activity(Activity())

    def show_activity(self, activity: Activity) -> None:
        """Show what runs, or how the last work ended."""
        self.status.setText(activity.text)
        self._progress.setVisible(bool(activity.text))
        self.bar.setVisible(activity.running or activity.good)
        set_property(self.bar, "state", "busy" if activity.running else "done")
        self._activity = activity
        if activity.running and not self._clock.isActive():
            self._clock.start()
        elif not activity.running:
            self._clock.stop()
        self._tell_time()

    def _tell_time(self) -> None:
        """How far it is, and how much longer it takes."""
        activity, now = self._activity, time.monotonic()
        share = activity.share(now)
        if activity.running and share is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, BAR)
            self.bar.setValue(BAR if share is None else round(share * BAR))
        self.time.setText(activity.time_text(now))
        self.time.setVisible(activity.running and bool(self.time.text()))

    def set_width(self, width: int) -> None:
        """Follow the window: labels go when it is narrow, their text then is in the tooltip."""
        style = (
            Qt.ToolButtonStyle.ToolButtonIconOnly
            if width < ICONS_BELOW
            else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        self.bar.setFixedWidth(NARROW_BAR if width < WIDE_BAR_FROM else WIDE_BAR)
        width = 16 if style == Qt.ToolButtonStyle.ToolButtonIconOnly else 16 + GAP
        for button in self.buttons.values():
            button.setToolButtonStyle(style)
            button.setIconSize(QSize(width, 16))

    def _button(self, action: QAction, key: str) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setText(plain(action.text()).split(" ")[0])
        action.changed.connect(self._restore_texts)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(16 + GAP, 16))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setObjectName(f"tool_{key}")
        button.setFixedHeight(BUTTON_HEIGHT)
        self.buttons[key] = button
        self._row.addWidget(button)
        return button

    def _restore_texts(self) -> None:
        # A tool button takes its action's text, "Export Module…", whenever the action changes.
        for button in self.buttons.values():
            text = plain(button.defaultAction().text()).split(" ")[0]
            if button.text() != text:
                button.setText(text)

    def _rule(self) -> None:
        line = QFrame()
        line.setProperty("role", "rule")
        line.setFixedSize(1, 20)
        self._row.addSpacing(8)
        self._row.addWidget(line)
        self._row.addSpacing(8)


class StatusText(QLabel):
    """One line that is cut with an ellipsis where there is no room for it."""

    def __init__(self, most: int = 320) -> None:
        """``most``: the width that it asks for at most, pixels."""
        super().__init__()
        self._full = ""
        self._most = most
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setProperty("role", "second")

    def setText(self, text: str) -> None:  # noqa: N802
        self._full = text
        self._cut()
        self.updateGeometry()

    def text(self) -> str:
        """The whole line, also where it is shown cut."""
        return self._full

    def sizeHint(self) -> QSize:  # noqa: N802
        width = self.fontMetrics().horizontalAdvance(self._full) + 6 + self._margins()
        return QSize(min(width, self._most), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        width = self.fontMetrics().horizontalAdvance(self._full) + 2
        return QSize(min(width, 150), super().minimumSizeHint().height())

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        self._cut()

    def _margins(self) -> int:
        # What the style sheet adds on both sides.
        return self.width() - self.contentsRect().width()

    def _cut(self) -> None:
        room = self.contentsRect().width()
        shown = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, room)
        super().setText(shown)
        self.setToolTip(tip(self._full) if shown != self._full else "")


class Rail(QToolBar):
    """A column of 40 px that opens side panels which there is no room to show all the time."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(tr("Panels"), window)
        self.setObjectName("rail")
        self.setMovable(False)
        self.setOrientation(Qt.Orientation.Vertical)
        self.setFixedWidth(40)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.buttons: dict[str, QToolButton] = {}

    def add(self, key: str, action: QAction) -> None:
        """A button that shows and hides a panel."""
        button = QToolButton()
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setIconSize(QSize(16, 16))
        set_property(button, "kind", "icon")
        button.setFixedSize(30, 30)
        self.buttons[key] = button
        self.addWidget(button).setObjectName(f"rail_{key}")


class TitleCorner(QWidget):
    """The open step's title at the right end of the menu bar."""

    def __init__(self) -> None:
        super().__init__()
        self.title = QLabel(tr("No step open"))
        self.title.setProperty("role", "second")
        self.title.setObjectName("title")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 16, 2)
        row.addWidget(self.title)

    def show_title(self, title: str) -> None:
        """Name the open step."""
        self.title.setText(title)
        self.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            parent.updateGeometry()
            # A menu bar lays its corner out only when it is resized or asked to.
            parent.adjustSize()


class StatusLine(QStatusBar):
    """Left what the pointer is at, right what the step and the plan are."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizeGripEnabled(False)
        self.setFixedHeight(24)
        self.left = QLabel(tr("Ready"))
        self.left.setObjectName("pointer")
        self.right = StatusText(most=1200)
        self.right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.right.setObjectName("facts")
        self.addWidget(self.left)
        self.addPermanentWidget(self.right)

    def show_pointer(self, parts: tuple[str, ...]) -> None:
        """What the pointer is at."""
        self.left.setText("      ".join(parts))

    def show_facts(self, parts: tuple[str, ...]) -> None:
        """What is known of the step and the plan."""
        self.right.setText("      ".join(parts))
