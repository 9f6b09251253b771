"""How the library's rows are painted: a step with its spark line, a plan with its thumbnail."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPixmap, QPolygonF
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QTreeView

from app.document import Entry
from app.facts.plan import plan_facts
from app.fonts import text_font
from app.panels.library_rows import PlanNode, StepNode
from app.panels.thumbnail import SPARK, THUMBNAIL, map_thumbnail, profile_thumbnail, spark_line
from app.theme import DARK, Theme
from solver.step import Step

NODE = Qt.ItemDataRole.UserRole
PLAN_HEIGHT = 42
STEP_HEIGHT = 62
OPEN_STEP_HEIGHT = 46
LEFT = 12

AnyIndex = QModelIndex | QPersistentModelIndex


class RowPainter(QStyledItemDelegate):
    """Paints nodes; keeps the pictures of what was painted until the step or the theme changes."""

    def __init__(self, tree: QTreeView) -> None:
        super().__init__(tree)
        self._tree = tree
        self.theme: Theme = DARK
        self.step: Step | None = None
        self.shown: Entry | None = None
        self._pictures: dict[tuple[object, ...], tuple[object, QPixmap]] = {}

    def forget(self) -> None:
        """Draw all pictures anew."""
        self._pictures.clear()

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:  # noqa: N802
        node = index.data(NODE)
        if isinstance(node, PlanNode):
            return QSize(180, PLAN_HEIGHT)
        opened = self._tree.isExpanded(self._tree.model().index(index.row(), 0))
        short = opened or not (isinstance(node, StepNode) and node.figures)
        return QSize(180, OPEN_STEP_HEIGHT if short else STEP_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        node = index.data(NODE)
        box = QRectF(0, option.rect.y(), self._tree.viewport().width(), option.rect.height())
        state = option.state
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        current = isinstance(node, PlanNode) and node.entry is not None and node.entry is self.shown
        if current or state & state.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self.theme.sel if current else self.theme.raised))
            painter.drawRoundedRect(box.adjusted(6, 1, -6, -1), 5, 5)
        if isinstance(node, StepNode):
            self._paint_step(painter, box, node, bool(state & state.State_Open))
        elif isinstance(node, PlanNode):
            self._paint_plan(painter, box, node)
        painter.restore()

    def _paint_step(self, painter: QPainter, box: QRectF, node: StepNode, opened: bool) -> None:
        theme = self.theme
        if node.plans:
            _arrow(painter, QPointF(LEFT + 5, box.y() + 15), opened, theme)
        right = box.right() - 12 - SPARK.width()
        painter.drawPixmap(QPointF(right, box.y() + 7), self._spark(node))
        x, width = LEFT + 16, right - LEFT - 22
        self._text(painter, QRectF(x, box.y() + 6, width, 18), node.name, theme.text, strong=True)
        self._text(painter, QRectF(x, box.y() + 23, width, 16), node.detail, theme.text3, 11)
        if node.figures and not opened:
            line = QRectF(x, box.y() + 39, box.right() - x - 12, 16)
            used = self._text(painter, line, node.figures, theme.text2, 11)
            line.setLeft(x + used + 6)
            self._text(painter, line, node.saved_text, self._saved_tone(node.saved), 11)

    def _paint_plan(self, painter: QPainter, box: QRectF, node: PlanNode) -> None:
        theme = self.theme
        painter.drawPixmap(QPointF(LEFT + 12, box.y() + 6), self._thumbnail(node))
        x = LEFT + 12 + THUMBNAIL.width() + 10
        width = box.right() - 14 - x
        self._text(painter, QRectF(x, box.y() + 4, width, 18), node.name, theme.text, strong=True)
        line = QRectF(x, box.y() + 21, width, 16)
        painter.setFont(text_font(11))
        saved = painter.fontMetrics().horizontalAdvance(node.saved_text)
        tone = theme.text2 if node.overhead is not None else self._saved_tone(node.saved)
        painter.setPen(QColor(tone))
        painter.drawText(
            line, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), node.saved_text
        )
        self._text(painter, line.adjusted(0, 0, -saved - 4, 0), node.detail, theme.text2, 11)

    def _saved_tone(self, saved: float | None) -> str:
        return self.theme.warn if saved is not None and saved < 0 else self.theme.ok

    def _text(
        self,
        painter: QPainter,
        box: QRectF,
        text: str,
        color: str,
        pixels: int = 12,
        *,
        strong: bool = False,
    ) -> int:
        painter.setFont(text_font(pixels, QFont.Weight.Medium if strong else QFont.Weight.Normal))
        painter.setPen(QColor(color))
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), shown)
        return metrics.horizontalAdvance(shown)

    def _spark(self, node: StepNode) -> QPixmap:
        ratio = self._tree.devicePixelRatioF()
        key = ("spark", node.key, len(node.spark), self.theme.name, ratio)
        if key not in self._pictures:
            self._pictures[key] = (node, spark_line(node.spark, self.theme, ratio))
        return self._pictures[key][1]

    def _thumbnail(self, node: PlanNode) -> QPixmap:
        """The map of an open plan, else the profile. The plan is kept, so that its id stays its own."""
        ratio = self._tree.devicePixelRatioF()
        if node.entry is not None and self.step is not None:
            plan = node.entry.plan
            key: tuple[object, ...] = ("map", id(plan), self.theme.name, ratio)
            if key not in self._pictures:
                facts = plan_facts(self.step, plan, node.entry.baseline)
                self._pictures[key] = (plan, map_thumbnail(facts, self.theme, ratio))
            return self._pictures[key][1]
        stored = node.stored
        key = ("profile", stored.id if stored is not None else -1, self.theme.name, ratio)
        if key not in self._pictures:
            points = stored.spark if stored is not None else ()
            self._pictures[key] = (stored, profile_thumbnail(points, self.theme, ratio))
        return self._pictures[key][1]


def _arrow(painter: QPainter, at: QPointF, opened: bool, theme: Theme) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.text3))
    x, y = at.x(), at.y()
    if opened:
        points = [QPointF(x - 4, y - 2), QPointF(x + 4, y - 2), QPointF(x, y + 3)]
    else:
        points = [QPointF(x - 2, y - 4), QPointF(x - 2, y + 4), QPointF(x + 3, y)]
    painter.drawPolygon(QPolygonF(points))
