"""The cut that proves a bound, drawn: ops as boxes, held tensors as bands as wide as their bytes."""

from collections import defaultdict

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QWidget

from app.facts.cut import CutGraph, Edge, Node
from app.fonts import text_font
from app.numbers import human
from app.theme import DARK, Theme
from app.translation import tr

BOX_HEIGHT, LANE = 34.0, 30.0
LEAST_LANE = 20.0
"""Where the window is low, so that the map keeps its room."""
LEAST_OF_TWO_LINES = 31.0
SHARE = 0.34
"""Of the page that the graph may take."""
HEAD, FOOT, MARGIN = 30.0, 30.0, 12.0
THINNEST, WIDEST = 2.0, 14.0


class CutGraphView(QWidget):
    """Three columns: what ran before, the proving op on the cut, what is still to run."""

    selected = Signal(int)
    """A tensor (a storage) was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self._graph: CutGraph | None = None
        self._theme = DARK
        self._boxes: list[QRectF] = []
        self._bands: list[tuple[QPainterPath, QPointF]] = []
        self._hovered = -1
        self._lane = LANE
        self.setMouseTracking(True)
        self.setObjectName("cutGraph")
        self.hide()

    def show_graph(self, graph: CutGraph | None) -> None:
        """Draw a graph, or nothing."""
        self._graph, self._hovered = graph, -1
        self.setVisible(graph is not None)
        if graph is None:
            return
        names = ", ".join(f"{e.name} {human(e.bytes)}" for e in graph.edges)
        self.setAccessibleName(tr("The cut that proves the bound"))
        self.setAccessibleDescription(tr("{} are held across it: {}").format(human(graph.total), names))
        self._fit()
        self._arrange()

    def _fit(self) -> None:
        """Take less of a low page."""
        page = self.parentWidget()
        room = page.height() * SHARE if page is not None else 1e9
        self._lane = min(max((room - HEAD - FOOT) / self._rows(), LEAST_LANE), LANE)
        self.setFixedHeight(self.sizeHint().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.parent() and event.type() == QEvent.Type.Resize and self._graph is not None:
            self._fit()
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        if event.type() == QEvent.Type.ParentChange:
            page = self.parentWidget()
            if page is not None:
                page.installEventFilter(self)
        super().changeEvent(event)

    @property
    def _box_height(self) -> float:
        return BOX_HEIGHT * self._lane / LANE

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.update()

    def _rows(self) -> float:
        """How many lanes the drawing is high."""
        if self._graph is None:
            return 1.0
        spans = sum(1 for e in self._graph.edges if self._spanning(e))
        most = max(sum(n.column == c for n in self._graph.nodes) for c in (0, 2))
        return max(spans + 2, most * (BOX_HEIGHT + 8) / LANE)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(600, int(HEAD + FOOT + self._rows() * self._lane))

    def resizeEvent(self, event: QEvent) -> None:  # noqa: N802
        self._arrange()

    def _spanning(self, edge: Edge) -> bool:
        nodes = self._graph.nodes if self._graph is not None else ()
        return nodes[edge.maker].column == 0 and nodes[edge.waiting].column == 2

    def _arrange(self) -> None:
        graph = self._graph
        if graph is None:
            return
        width, height = float(self.width()), float(self.height())
        box = min(170.0, (width - 2 * MARGIN) * 0.24)
        left = {0: MARGIN, 1: (width - box) / 2, 2: width - MARGIN - box}
        room, high = height - HEAD - FOOT, self._box_height
        self._boxes = []
        for node in graph.nodes:
            rows = sum(n.column == node.column for n in graph.nodes)
            pitch = room / rows
            y = HEAD + 4 if node.column == 1 else HEAD + pitch * (node.row + 0.5) - high / 2
            self._boxes.append(QRectF(left[node.column], y, box, high))
        self._bands = self._routes(graph)
        self.update()

    def _routes(self, graph: CutGraph) -> list[tuple[QPainterPath, QPointF]]:
        """A band's middle line, and where its label is."""
        outs, ins = defaultdict(list), defaultdict(list)
        for at, edge in enumerate(graph.edges):
            outs[edge.maker].append(at)
            ins[edge.waiting].append(at)

        def port(of: dict[int, list[int]], node: int, at: int, x: float) -> QPointF:
            box, all_of = self._boxes[node], of[node]
            share = (all_of.index(at) + 1) / (len(all_of) + 1)
            return QPointF(x, box.top() + box.height() * share)

        spanning = [at for at, edge in enumerate(graph.edges) if self._spanning(edge)]
        spanning.sort(
            key=lambda at: (
                self._boxes[graph.edges[at].maker].top() + self._boxes[graph.edges[at].waiting].top()
            )
        )
        middle = self.width() / 2
        routes = []
        for at, edge in enumerate(graph.edges):
            start = port(outs, edge.maker, at, self._boxes[edge.maker].right())
            end = port(ins, edge.waiting, at, self._boxes[edge.waiting].left())
            path = QPainterPath(start)
            if at in spanning:
                y = HEAD + self._box_height + self._lane * (spanning.index(at) + 1.1)
                via = QPointF(middle, y)
                flat = 90.0
                for a, b in ((start, via - QPointF(flat, 0)), (via + QPointF(flat, 0), end)):
                    if a is not start:
                        path.lineTo(a)
                    half = (b.x() - a.x()) / 2
                    path.cubicTo(a + QPointF(half, 0), b - QPointF(half, 0), b)
                label = via
            else:
                half = (end.x() - start.x()) / 2
                path.cubicTo(start + QPointF(half, 0), end - QPointF(half, 0), end)
                label = path.pointAtPercent(0.5)
            routes.append((path, label))
        return routes

    def _band_width(self, edge: Edge) -> float:
        graph = self._graph
        most = max((e.bytes for e in graph.edges), default=1) if graph is not None else 1
        widest = WIDEST * self._lane / LANE
        return THINNEST + (widest - THINNEST) * edge.bytes / max(most, 1)

    def paintEvent(self, event: QEvent | QPaintEvent) -> None:  # noqa: N802
        graph, theme = self._graph, self._theme
        if graph is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(theme.map))
        painter.setPen(QColor(theme.line))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        self._paint_heads(painter)
        for at, edge in enumerate(graph.edges):
            color = QColor(theme.fill[edge.category])
            if self._hovered not in (-1, at):
                color.setAlphaF(0.35)
            pen = QPen(color, self._band_width(edge))
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(self._bands[at][0])
        middle = self.width() / 2
        pen = QPen(QColor(theme.ok), 1.5)
        pen.setDashPattern([5, 4])
        painter.setPen(pen)
        painter.drawLine(QPointF(middle, HEAD - 6), QPointF(middle, self.height() - FOOT))
        for node, box in zip(graph.nodes, self._boxes, strict=True):
            self._paint_node(painter, node, box)
        for at, edge in enumerate(graph.edges):
            self._paint_label(painter, edge, self._bands[at][1])
        self._paint_sum(painter, graph)

    def _paint_heads(self, painter: QPainter) -> None:
        painter.setFont(text_font(11))
        painter.setPen(QColor(self._theme.text3))
        box = QRectF(MARGIN, 6, self.width() - 2 * MARGIN, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft, tr("Ran before"))
        painter.drawText(box, Qt.AlignmentFlag.AlignRight, tr("Still to run"))
        painter.setPen(QColor(self._theme.ok))
        painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, tr("The cut, while this op runs"))

    def _paint_node(self, painter: QPainter, node: Node, box: QRectF) -> None:
        theme = self._theme
        painter.setPen(QPen(QColor(theme.ok if node.column == 1 else theme.line2), 1.5))
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(box, 5, 5)
        inner = box.adjusted(8, 2, -8, -2)
        lines = [(node.label, theme.text, 11, 0.0), (node.place, theme.text3, 10, 14.0)]
        if box.height() < LEAST_OF_TWO_LINES:
            text = node.label if node.column == 1 else node.place
            lines = [(text, theme.text, 11, inner.height() / 2 - 8)]
        for text, ink, size, top in lines:
            font = text_font(size)
            painter.setFont(font)
            painter.setPen(QColor(ink))
            shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideMiddle, inner.width())
            line = QRectF(inner.left(), inner.top() + top, inner.width(), 16)
            painter.drawText(
                line, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown
            )

    def _paint_label(self, painter: QPainter, edge: Edge, at: QPointF) -> None:
        theme = self._theme
        font = text_font(11)
        metrics = QFontMetricsF(font)
        spans = self._spanning(edge)
        most = 190.0 if spans else self._gap() - 8
        size = human(edge.bytes)
        name = metrics.elidedText(
            edge.name, Qt.TextElideMode.ElideMiddle, most - metrics.horizontalAdvance(f"  {size}") - 12
        )
        text = f"{name}  {size}" if len(name) > 2 else size
        width = metrics.horizontalAdvance(text) + 12
        box = QRectF(at.x() - width / 2, at.y() - 8.5, width, 17)
        back = QColor(theme.map)
        back.setAlphaF(0.9)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(back)
        painter.drawRoundedRect(box, 4, 4)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)

    def _gap(self) -> float:
        return max(self._boxes[0].left() + (self.width() / 2 - self._boxes[0].right()) - 100, 60.0)

    def _paint_sum(self, painter: QPainter, graph: CutGraph) -> None:
        counts: dict[int, int] = {}
        for edge in graph.edges:
            counts[edge.bytes] = counts.get(edge.bytes, 0) + 1
        parts = [
            f"{n} × {human(size)}" if n > 1 else human(size)
            for size, n in sorted(counts.items(), reverse=True)
        ]
        if graph.rest:
            parts.append(tr("{} of small ones").format(human(graph.rest_bytes)))
        painter.setFont(text_font(12))
        painter.setPen(QColor(self._theme.text))
        box = QRectF(MARGIN, self.height() - FOOT, self.width() - 2 * MARGIN, FOOT)
        text = tr("{} = {}: no order has less at this op").format(" + ".join(parts), human(graph.total))
        painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)

    def _edge_at(self, position: QPointF) -> int:
        for at, (_, label) in enumerate(self._bands):
            if abs(label.x() - position.x()) < 90 and abs(label.y() - position.y()) < 10:
                return at
        return -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        at = self._edge_at(event.position())
        if at != self._hovered:
            self._hovered = at
            self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._hovered = -1
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        at = self._edge_at(event.position())
        if at >= 0 and self._graph is not None:
            self.selected.emit(self._graph.edges[at].storage)
