"""The tool bar, the rail that stands in for side panels, the menu bar's title, the status bar."""

from PySide6.QtCore import QSize, Qt
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

from app.style import set_property
from app.window_actions import Actions
from app.window_search import SearchField
from app.window_work import Activity

HEIGHT = 44
ICONS_BELOW = 1240
"""Width of the window under which the buttons lose their labels."""


class MainToolBar(QToolBar):
    """Open, Capture | Solve, Stop, progress | Map, Compare, Budget | Export, and the search field."""

    def __init__(self, window: QMainWindow, actions: Actions, search: SearchField) -> None:
        super().__init__("Tools", window)
        self.setObjectName("main")
        self.setMovable(False)
        self.setFloatable(False)
        self.setIconSize(QSize(16, 16))
        self.setFixedHeight(HEIGHT)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.buttons: dict[str, QToolButton] = {}
        for key in ("open", "capture"):
            self._button(actions[key], key)
        self._rule()
        set_property(self._button(actions["solve"], "solve"), "kind", "primary")
        self._button(actions["stop"], "stop")
        self.bar = QProgressBar()
        self.bar.setObjectName("progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setMinimumWidth(40)
        self.bar.setMaximumWidth(120)
        self.bar.setAccessibleName("Progress")
        self.status = StatusText()
        self.status.setObjectName("activity")
        progress = QWidget()
        row = QHBoxLayout(progress)
        row.setContentsMargins(8, 0, 4, 0)
        row.setSpacing(8)
        row.addWidget(self.bar, 2)
        row.addWidget(self.status, 3)
        progress.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._progress = self.addWidget(progress)
        self._rule()
        for key in ("map", "compare", "budget"):
            self._button(actions[key], key)
        self._rule()
        export = self._button(actions["export"], "export")
        menu = QMenu(export)
        for key in ("export", "verify", "picture", "save_plan"):
            menu.addAction(actions[key])
        export.setMenu(menu)
        export.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.addWidget(gap)
        self.addWidget(search)
        self.show_activity(Activity())

    def show_activity(self, activity: Activity) -> None:
        """Show what runs, or how the last work ended."""
        self.status.setText(activity.text)
        self._progress.setVisible(bool(activity.text))
        self.bar.setVisible(activity.running or activity.good)
        set_property(self.bar, "state", "busy" if activity.running else "done")
        self.bar.setRange(0, 0 if activity.running else 1)
        self.bar.setValue(1)

    def set_width(self, width: int) -> None:
        """Follow the window: labels go when it is narrow, their text then is in the tooltip."""
        style = (
            Qt.ToolButtonStyle.ToolButtonIconOnly
            if width < ICONS_BELOW
            else Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        )
        for button in self.buttons.values():
            button.setToolButtonStyle(style)

    def _button(self, action: QAction, key: str) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setText(action.text().replace("&", "").rstrip("…").split(" ")[0])
        action.changed.connect(self._restore_texts)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setIconSize(QSize(16, 16))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setObjectName(f"tool_{key}")
        self.buttons[key] = button
        self.addWidget(button)
        return button

    def _restore_texts(self) -> None:
        # A tool button takes its action's text, "Export Module…", whenever the action changes.
        for button in self.buttons.values():
            text = button.defaultAction().text().replace("&", "").rstrip("…").split(" ")[0]
            if button.text() != text:
                button.setText(text)

    def _rule(self) -> None:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(8, 0, 8, 0)
        line = QFrame()
        line.setProperty("role", "rule")
        line.setFixedSize(1, 20)
        row.addWidget(line)
        self.addWidget(holder)


class StatusText(QLabel):
    """One line that is cut with an ellipsis where there is no room for it."""

    def __init__(self) -> None:
        super().__init__()
        self._full = ""
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
        width = self.fontMetrics().horizontalAdvance(self._full) + 2
        return QSize(min(width, 320), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(24, super().minimumSizeHint().height())

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        self._cut()

    def _cut(self) -> None:
        shown = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, self.width())
        super().setText(shown)
        self.setToolTip(self._full if shown != self._full else "")


class Rail(QToolBar):
    """A column of 40 px that opens side panels which there is no room to show all the time."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__("Panels", window)
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
        self.title = QLabel("No step open")
        self.title.setProperty("role", "second")
        self.title.setObjectName("title")
        self.tag = QLabel("Example")
        self.tag.setProperty("role", "tag")
        self.tag.setToolTip("The embedded sample step; nothing of it is kept")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 16, 0)
        row.setSpacing(8)
        row.addWidget(self.tag)
        row.addWidget(self.title)

    def show_title(self, title: str, example: bool) -> None:
        """Name the open step."""
        self.title.setText(title)
        self.tag.setVisible(example)
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
        self.left = QLabel("Ready")
        self.left.setObjectName("pointer")
        self.right = QLabel()
        self.right.setObjectName("facts")
        self.addWidget(self.left)
        self.addPermanentWidget(self.right)

    def show_pointer(self, parts: tuple[str, ...]) -> None:
        """What the pointer is at."""
        self.left.setText("      ".join(parts))

    def show_facts(self, parts: tuple[str, ...]) -> None:
        """What is known of the step and the plan."""
        self.right.setText("      ".join(parts))
