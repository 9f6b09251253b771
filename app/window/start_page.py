"""The first page: open, capture, recent files, and the embedded sample as a map to look at."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.icons import pixmap
from app.jobs.job import Failure
from app.jobs.load import Loaded
from app.numbers import gib, percent, whole
from app.plain_text import tip
from app.theme import DARK, Theme
from app.translation import mark, tr
from solver.plan import Plan, Status

if TYPE_CHECKING:
    from app.map.view import MapView

RECENT_SHOWN = 6
PREVIEW_BELOW = 900
"""Width under which the sample is not shown beside the commands."""
LEGEND_FROM = 640
"""Width of the sample from which there is room for its legend."""
LEGEND = {
    "activation": mark("Activation"),
    "gradient": mark("Gradient"),
    "temporary": mark("Temporary"),
    "parameter": mark("Parameter"),
}


def text_label(text: str, role: str, *, wrap: bool = False) -> QLabel:
    """A label in one of the style sheet's roles that lets clicks through."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", role)
    label.setWordWrap(wrap)
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    if role == "key":
        label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    # The style sheet's font counts from now on: a layout that asked before would keep the old width.
    label.ensurePolished()
    return label


class CardButton(QPushButton):
    """A command with an icon, a title, a sentence and its key."""

    def __init__(self, name: str, icon_name: str, title: str, sentence: str, key: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(title)
        self.setAccessibleDescription(sentence)
        self.setProperty("kind", "card")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._icon_name = icon_name
        self._tile = QLabel()
        self._tile.setFixedSize(36, 36)
        self._tile.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._tile.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(1)
        words.addWidget(text_label(title, "strong"))
        words.addWidget(text_label(sentence, "second", wrap=True))
        words.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 14, 16, 14)
        row.setSpacing(14)
        row.addWidget(self._tile)
        row.addLayout(words, 1)
        if key:
            row.addWidget(text_label(key, "key"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(452, 76)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._tile.setPixmap(pixmap(self._icon_name, theme.accent, 18, self.devicePixelRatioF()))
        self._tile.setStyleSheet(f"background: {theme.raised}; border-radius: 6px;")


class RecentRow(QPushButton):
    """A recent file: its name, and its folder in a quieter tone."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.setProperty("kind", "row")
        self.setToolTip(tip(str(path)))
        self.setAccessibleName(tr("Open {}").format(path.name))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFixedHeight(24)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(10)
        row.addWidget(text_label(path.name, "strong"))
        folder = text_label(str(path.parent), "caption")
        folder.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(folder, 1)


class StartPage(QWidget):
    """Shown while no step is open."""

    open_asked = Signal()
    capture_asked = Signal()
    sample_asked = Signal()
    lessons_asked = Signal()
    recent_asked = Signal(object)
    """A path."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("start")
        self.setProperty("surface", "win")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._theme = DARK
        self.cards = (
            CardButton(
                "card_open",
                "open",
                tr("Open a step or a plan"),
                tr("Or a memory snapshot, lifetimes, an exported program. Drop it anywhere"),
                "Ctrl+O",
            ),
            CardButton(
                "card_capture",
                "capture",
                tr("Capture a model"),
                tr("Choose a model or a script of yours. Runs on fake tensors and needs no GPU"),
                "Ctrl+R",
            ),
            CardButton(
                "card_sample",
                "map",
                tr("Look at the sample"),
                tr("A real training step of ResNet-50, planned and proven optimal"),
                "",
            ),
            CardButton(
                "card_lessons",
                "lesson",
                tr("Take a lesson"),
                tr("Six short lessons on real steps, from bytes to proofs"),
                "Ctrl+L",
            ),
        )
        asked = (self.open_asked, self.capture_asked, self.sample_asked, self.lessons_asked)
        for card, signal in zip(self.cards, asked, strict=True):
            card.clicked.connect(signal)
        self._recent_title = text_label(tr("Recent"), "strong")
        self._no_recent = text_label(tr("Steps and plans you open appear here."), "second")
        self._recents = QVBoxLayout()
        self._recents.setSpacing(2)
        self.rows: list[RecentRow] = []
        self._left = QWidget()
        self._left.setFixedWidth(452)
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(text_label(tr("Bayplan"), "headline"))
        left.addSpacing(6)
        left.addWidget(text_label(tr("See, plan and prove the memory of a training step."), "lead"))
        left.addSpacing(28)
        for card in self.cards:
            left.addWidget(card)
            left.addSpacing(10)
        left.addSpacing(18)
        left.addWidget(self._recent_title)
        left.addSpacing(8)
        left.addWidget(self._no_recent)
        left.addLayout(self._recents)
        left.addStretch(1)
        self.preview = SamplePreview()
        self.preview.open_button.clicked.connect(self.sample_asked)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(56, 64, 48, 32)
        self._row.setSpacing(48)
        self._row.addWidget(self._left)
        self._row.addWidget(self.preview, 1)
        self._spacer = QWidget()
        self._row.addWidget(self._spacer)
        self._spacer.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        for card in self.cards:
            card.set_theme(theme)
        self.preview.set_theme(theme)

    def set_recents(self, paths: tuple[Path, ...]) -> None:
        """Show the files opened lately."""
        for row in self.rows:
            self._recents.removeWidget(row)
            row.deleteLater()
        self.rows = [RecentRow(path) for path in paths[:RECENT_SHOWN]]
        for row in self.rows:
            row.clicked.connect(self._ask_recent)
            self._recents.addWidget(row)
        self._no_recent.setVisible(not self.rows)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        narrow = event.size().width() < PREVIEW_BELOW
        self.preview.setVisible(not narrow)
        self._spacer.setVisible(narrow)
        margin = 56 if event.size().width() >= 1200 else 24
        top = 64 if event.size().height() >= 700 else 24
        self._row.setContentsMargins(margin, top, max(margin - 8, 24), 24)
        self._row.setSpacing(48 if margin == 56 else 24)
        self._left.setFixedWidth(452 if margin == 56 else 380)

    def _ask_recent(self) -> None:
        row = self.sender()
        if isinstance(row, RecentRow):
            self.recent_asked.emit(row.path)


class SamplePreview(QWidget):
    """The embedded sample: a card with its map, read-only, and its figures below."""

    def __init__(self) -> None:
        super().__init__()
        self._theme = DARK
        self._card = QFrame()
        self._card.setProperty("surface", "card")
        self.title = text_label(tr("Sample"), "strong")
        self.remark = text_label("", "second")
        self.open_button = QPushButton(tr("Open sample"))
        self.open_button.setObjectName("open_sample")
        head = QHBoxLayout()
        head.setContentsMargins(16, 6, 16, 6)
        head.setSpacing(10)
        head.addWidget(self.title)
        head.addWidget(self.remark)
        head.addStretch(1)
        head.addWidget(self.open_button)
        self._line = QFrame()
        self._line.setFixedHeight(1)
        self._body = QVBoxLayout()
        self._body.setContentsMargins(1, 0, 1, 8)
        card = QVBoxLayout(self._card)
        card.setContentsMargins(0, 0, 0, 0)
        card.setSpacing(0)
        card.addLayout(head)
        card.addWidget(self._line)
        card.addLayout(self._body, 1)
        self._wait = text_label(tr("Reading the sample…"), "caption")
        self._wait.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._body.addWidget(self._wait, 1)
        self._figures = QHBoxLayout()
        self._figures.setSpacing(32)
        self._map: MapView | None = None
        self._swatches: list[tuple[QLabel, str]] = []
        self._legend = self._make_legend()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(18)
        column.addWidget(self._card, 1)
        column.addLayout(self._figures)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self._line.setStyleSheet(f"background: {theme.line};")
        if self._map is not None:
            self._map.set_theme(theme)
        for swatch, category in self._swatches:
            fill = next(color for name, color in theme.fill.items() if name.value == category)
            swatch.setStyleSheet(f"background: {fill}; border-radius: 3px;")

    def show_sample(self, loaded: Loaded) -> None:
        """Draw the sample's best plan and write its figures."""
        from app.map.plan_scene import plan_scene
        from app.map.view import MapView

        step, baseline = loaded.step, loaded.baseline
        if not loaded.plans or baseline is None or self._map is not None:
            return
        plan = min(loaded.plans, key=lambda p: p.height_bytes)
        self.title.setText(tr("Sample: {}").format(step.title))
        self.remark.setText(tr("{:,} ops").format(len(step.ops)))
        view = MapView()
        view.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        view.set_scene(plan_scene(step, plan))
        self._map = view
        self._wait.hide()
        self._body.addWidget(view, 1)
        height = step.resident_bytes + plan.height_bytes
        self._add_figure(tr("As run"), gib(baseline.reserved_bytes), "")
        self._add_figure(tr("Plan"), gib(height), proof_of(plan))
        saved = baseline.reserved_bytes - height
        share = saved / baseline.reserved_bytes if baseline.reserved_bytes else 0.0
        self._add_figure(tr("Saved"), percent(share), whole(saved))
        self._figures.addStretch(1)
        self._figures.addWidget(self._legend, 0, Qt.AlignmentFlag.AlignTop)
        self._show_legend()
        self.set_theme(self._theme)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._show_legend()

    def _show_legend(self) -> None:
        self._legend.setVisible(self._map is not None and self.width() >= LEGEND_FROM)

    def _make_legend(self) -> QWidget:
        legend = QWidget(self)
        legend.hide()
        row = QHBoxLayout(legend)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for category, name in LEGEND.items():
            swatch = QLabel()
            swatch.setFixedSize(11, 11)
            self._swatches.append((swatch, category))
            row.addSpacing(8)
            row.addWidget(swatch)
            row.addWidget(text_label(tr(name), "caption"))
        return legend

    def show_missing(self, failure: Failure) -> None:
        """There is no sample to show."""
        self._wait.setText(failure.message)
        self.open_button.setEnabled(False)

    def _add_figure(self, name: str, value: str, note: str) -> None:
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(text_label(name, "caption"))
        column.addWidget(text_label(value, "figure"))
        column.addWidget(text_label(note, "good"))
        self._figures.addLayout(column)


def proof_of(plan: Plan) -> str:
    """``proven optimal``, or nothing."""
    return tr("proven optimal") if plan.status is Status.OPTIMAL else ""
