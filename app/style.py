"""The look of every stock widget: a QPalette and one style sheet, both made from a theme's tokens.

Widgets say what they are by a dynamic property instead of colours of their own::

    role      title, headline, caption, figure, code, error, link    for labels
    surface   win, panel, raised, card                               for containers
    kind      primary, flat, tool                                    for buttons
"""

from importlib import resources
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

from app.fonts import CODE_FAMILY
from app.icons import disabled_color
from app.theme import DARK, LIGHT, THEMES, Theme

_SHEET = Template("""
QAbstractItemView, QAbstractButton { outline: none; }
QMainWindow, QDialog, QMessageBox, QMenuBar, QStatusBar, QToolBar, *[surface="win"] {
  background: $win; }
QMainWindow::separator { background: $line; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $accent; }
QDockWidget, *[surface="panel"] { background: $panel; }
*[surface="raised"] { background: $raised; }
*[surface="card"] { background: $panel; border: 1px solid $line; border-radius: 7px; }

QLabel { background: transparent; }
QLabel[role="title"] { font-size: 14px; font-weight: 600; }
QLabel[role="headline"] { font-size: 26px; font-weight: 600; }
QLabel[role="lead"] { font-size: 14px; color: $text2; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="second"] { color: $text2; }
QLabel[role="caption"] { font-size: 11px; color: $text3; }
QLabel[role="figure"] { font-size: 17px; font-weight: 600; }
QLabel[role="good"] { font-size: 12px; color: $ok; }
QLabel[role="error"] { color: $error; }
QLabel[role="warn"] { color: $warn; }
QLabel[role="tag"] { font-size: 11px; color: $text2; border: 1px solid $line2; border-radius: 5px;
  padding: 1px 7px; }
QLabel[role="tag-warn"] { font-size: 11px; color: $warn; border: 1px solid $warn; border-radius: 5px;
  padding: 1px 7px; }
QLabel[role="key"] { font-size: 11px; color: $text3; border: 1px solid $line2; border-radius: 3px;
  padding: 0 4px; }

QMenuBar { padding: 2px 8px; color: $text2; border: none; }
QMenuBar::item { padding: 4px 8px; border-radius: 5px; background: transparent; }
QMenuBar::item:selected, QMenuBar::item:pressed { background: $sel; color: $text; }
QMenu { background: $panel; border: 1px solid $line2; border-radius: 6px; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 10px; border-radius: 5px; }
QMenu::icon { padding-left: 8px; }
QMenu::item:selected { background: $sel; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $line; margin: 4px 6px; }

QToolBar { border: none; spacing: 0; padding: 0; }
QToolBar#main { border-bottom: 1px solid $line; }
QToolBar#rail { background: $panel; border-right: 1px solid $line; padding: 6px 4px; spacing: 4px; }
QToolButton { background: transparent; border: 1px solid transparent; border-radius: 5px;
  padding: 4px 10px 4px 8px; font-weight: 500; color: $text; }
QToolButton:hover { background: $raised; }
QToolButton:pressed { background: $sel; }
QToolButton:checked { background: $sel; color: $accent; }
QToolButton:disabled { color: $disabled; background: transparent; }
QToolButton:focus { border-color: $accent; }
QToolButton[kind="primary"] { background: $button; color: #ffffff; padding: 4px 12px 4px 10px; }
QToolButton[kind="primary"]:hover { background: $button_hover; }
QToolButton[kind="primary"]:disabled { background: transparent; color: $disabled; }
QToolButton[kind="icon"] { padding: 3px; }
QToolButton[popupMode="1"] { padding-right: 22px; }
QToolButton::menu-button { border: none; width: 18px; }
QToolButton::menu-arrow, QToolButton::menu-indicator { image: url($icons/mark-down.svg); width: 10px;
  height: 10px; }
QToolButton::menu-arrow:disabled { image: url($icons/mark-down-off.svg); }
QFrame[role="rule"] { background: $line2; border: none; }

QPushButton { background: $panel; border: 1px solid $line2; border-radius: 5px; padding: 4px 12px;
  min-height: 18px; font-weight: 500; }
QPushButton:hover { background: $raised; }
QPushButton:pressed { background: $sel; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $disabled; border-color: $line; }
QPushButton[kind="primary"], QPushButton:default { background: $button; border-color: $button;
  color: #ffffff; }
QPushButton[kind="primary"]:hover, QPushButton:default:hover { background: $button_hover; }
QPushButton[kind="primary"]:disabled, QPushButton:default:disabled { background: $raised;
  border-color: $line; color: $disabled; }
QPushButton[kind="flat"] { background: transparent; border: none; padding: 2px 4px; color: $accent; }
QPushButton[kind="flat"]:hover { text-decoration: underline; }
QPushButton[kind="card"] { background: $panel; border: 1px solid $line; border-radius: 7px;
  min-height: 74px; }
QPushButton[kind="card"]:hover, QPushButton[kind="card"]:focus { border-color: $accent; }
QPushButton[kind="row"] { background: transparent; border: none; text-align: left; padding: 3px 6px;
  font-weight: 400; }
QPushButton[kind="row"]:hover, QPushButton[kind="row"]:focus { background: $sel; }

QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QComboBox { background: $panel;
  border: 1px solid $line2; border-radius: 5px; padding: 3px 8px; min-height: 20px;
  selection-background-color: $button; selection-color: #ffffff; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus {
  border-color: $accent; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled { color: $disabled;
  border-color: $line; }
QAbstractSpinBox QLineEdit { border: none; padding: 0 0 0 6px; background: transparent; min-height: 0; }
QComboBox { padding-right: 20px; font-weight: 500; }
QComboBox::drop-down { border: none; width: 18px; }
QComboBox::down-arrow { image: url($icons/mark-down.svg); width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $panel; border: 1px solid $line2;
  selection-background-color: $sel; selection-color: $text; padding: 2px; }
QListView#results { background: $panel; border: 1px solid $line2; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-position: top right; border: none;
  width: 16px; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-position: bottom right; border: none;
  width: 16px; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url($icons/mark-up.svg); width: 10px;
  height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url($icons/mark-down.svg); width: 10px;
  height: 10px; }
QPlainTextEdit[role="code"] { font-family: "$code"; font-size: 11px; background: $raised;
  border-color: $line; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QCheckBox, QRadioButton { spacing: 8px; background: transparent; }
QCheckBox:disabled, QRadioButton:disabled { color: $disabled; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $line2; border-radius: 3px;
  background: $panel; }
QCheckBox::indicator:checked { background: $button; border-color: $button;
  image: url($icons/mark-check.svg); }
QRadioButton::indicator { width: 12px; height: 12px; border: 2px solid $line2; border-radius: 8px;
  background: $panel; }
QRadioButton::indicator:checked { border: 4px solid $button; width: 8px; height: 8px; }
QCheckBox::indicator:focus, QRadioButton::indicator:unchecked:focus { border-color: $accent; }

QProgressBar { background: $line2; border: none; border-radius: 2px; }
QProgressBar::chunk { background: $ok; border-radius: 2px; }
QProgressBar[state="busy"]::chunk { background: $accent; }

QStatusBar { border-top: 1px solid $line; color: $text2; }
QStatusBar::item { border: none; }
QStatusBar QLabel { font-size: 11px; color: $text2; padding: 0 8px; }
QStatusBar QSizeGrip { width: 0; height: 0; }

QAbstractItemView { background: $panel; border: none; selection-background-color: $sel;
  selection-color: $text; alternate-background-color: $panel; }
QHeaderView::section { background: $panel; color: $text3; border: none; font-size: 11px;
  padding: 2px 6px; }
QHeaderView::up-arrow, QHeaderView::down-arrow { subcontrol-position: top center; top: -2px;
  width: 9px; height: 9px; }
QHeaderView::up-arrow { image: url($icons/mark-up.svg); }
QHeaderView::down-arrow { image: url($icons/mark-down.svg); }
QTabBar { background: $panel; }
QTabBar::tab { background: transparent; color: $text2; padding: 5px 12px; border: none;
  border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabWidget::pane { border: none; border-top: 1px solid $line; }
QScrollArea { background: transparent; border: none; }
QScrollArea > QWidget > QWidget { background: transparent; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $line2; border-radius: 3px; margin: 2px; min-height: 24px;
  min-width: 24px; }
QScrollBar::handle:hover { background: $text3; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: $line; }
QToolTip { background: $raised; color: $text; border: 1px solid $line2; padding: 4px 6px;
  font-size: 11px; }
""")


def chosen_theme(choice: str) -> Theme:
    """The theme for ``system``, ``dark`` or ``light``; ``system`` asks the desktop."""
    if choice in THEMES:
        return THEMES[choice]
    scheme = QGuiApplication.styleHints().colorScheme()
    return DARK if scheme == Qt.ColorScheme.Dark else LIGHT


def style_sheet(theme: Theme) -> str:
    """The application's style sheet."""
    tokens = {
        name: value
        for name, value in vars(theme).items()
        if isinstance(value, str) and value[:1] == "#"
    }
    icons = str(resources.files("resources") / "icons").replace("\\", "/")
    return _SHEET.substitute(
        tokens,
        disabled=disabled_color(theme),
        button_hover=QColor(theme.button).lighter(112).name(),
        icons=icons,
        code=CODE_FAMILY,
    )


def palette(theme: Theme) -> QPalette:
    """The colours that stock widgets take where the style sheet says nothing."""
    result = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.win,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.panel,
        QPalette.ColorRole.AlternateBase: theme.raised,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.text3,
        QPalette.ColorRole.Button: theme.panel,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.BrightText: theme.error,
        QPalette.ColorRole.ToolTipBase: theme.raised,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.Highlight: theme.sel,
        QPalette.ColorRole.HighlightedText: theme.text,
        QPalette.ColorRole.Link: theme.accent,
        QPalette.ColorRole.LinkVisited: theme.accent,
        QPalette.ColorRole.Light: theme.raised,
        QPalette.ColorRole.Midlight: theme.line,
        QPalette.ColorRole.Mid: theme.line2,
        QPalette.ColorRole.Dark: theme.line2,
        QPalette.ColorRole.Shadow: theme.win,
    }
    for role, color in roles.items():
        result.setColor(role, QColor(color))
    muted = QColor(disabled_color(theme))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        result.setColor(QPalette.ColorGroup.Disabled, role, muted)
    return result


def apply_theme(application: QApplication, theme: Theme) -> None:
    """Give the whole program the look of ``theme``."""
    if application.style().objectName() != "fusion":
        application.setStyle(QStyleFactory.create("Fusion"))
    application.setPalette(palette(theme))
    application.setStyleSheet(style_sheet(theme))


def set_property(widget: QWidget, name: str, value: str) -> None:
    """Change one of the properties that the style sheet looks at, and let it take effect."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
