"""What lies over the map for the selection: the tensor, its relatives, arrows and badges."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF, QRegion
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.map.badges import Badge, place_badges
from app.map.chips import place_chip
from app.map.describe import opened_segment, stay_text
from app.map.joins import paint_selected_join
from app.map.map_row import LABEL_PAD, MapRow
from app.map.palette import ink_on, mix
from app.map.plan_scene import PlanScene
from app.map.relations import Relation, Relations, relations_of
from app.map.row import LEFT, WEIGHT, At, Row, label_font, text_width, write
from app.map.scene import Scene
from app.map.state import MapState
from app.numbers import human, plan_size
from app.translation import tr

RADIUS = 8.0
LABELLED = 11.0
"""The least height of a tensor that carries its name."""
SHELF = 160.0
"""Only lines this near to the left end push labels aside."""
CHIPS = 6
"""Stays of one tensor beside each of which there are words."""
OUTLINE = 3.0
"""Pixels that the outline of a selected tensor takes outside it."""
CROWD = 24
"""More selected tensors than this are outlined thinly: thick outlines would cover one another."""
ROOMY = 16.0
"""From this height on dashes around a tensor keep clear of its name."""
ELBOW = 16.0
"""How far below the lane a badge's line bends onto its slot."""


class LaneRow(Row):
    """The lane in which the overlay draws badges; at its left the unit of the address axis."""

    def __init__(self, state: MapState, unit: Callable[[], str]) -> None:
        super().__init__(state, 18.0)
        self._unit = unit
        state.range_changed.connect(self.refresh)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        self.caption = self._unit() if self.state.scene is not None else ""
        self.paint_caption(painter)


class SelectionOverlay(QGraphicsObject):
    """Painted in the coordinates of the widget; never asks for a new raster."""

    def __init__(self, state: MapState, map_row: MapRow, lane: LaneRow) -> None:
        super().__init__()
        self.state, self._map, self._lane = state, map_row, lane
        self._relations: Relations | None = None
        self._badges: list[Badge] = []
        self._elsewhere = False
        self.setZValue(10)
        map_row.label_shelf = self._label_shelf
        map_row.stems = self._stems
        map_row.other_words.append(self.words_in_map)
        state.selection_changed.connect(self._selection_changed)
        state.scene_changed.connect(self._selection_changed)
        state.range_changed.connect(self.update)
        state.colours_changed.connect(self.update)

    def _selection_changed(self) -> None:
        scene, selection = self.state.scene, self.state.selection
        self._relations = None
        if scene is not None and selection and selection[0] < scene.storages:
            self._relations = relations_of(scene, selection[0])
        self._badges = []
        self.update()

    def set_elsewhere(self, elsewhere: bool) -> None:
        """Whether tensors are chosen on another map, so that words say where this one has the same."""
        self._elsewhere = elsewhere
        self.update()

    def _label_shelf(self) -> float:
        """Right of the badges' lines near the left end, so that labels do not stand under them."""
        near = [self._map.x_of(slot + 0.5) for _, slot in self.uses]
        return max((x + 6 for x in near if LEFT <= x <= LEFT + SHELF), default=0.0)

    def _stems(self) -> list[float]:
        return [self._map.x_of(slot + 0.5) for _, slot in self.uses]

    def words_in_map(self) -> list[QRectF]:
        """Where chips and the names of selected tensors stand, in the map's coordinates."""
        # Words right above or below a selected tensor would stand on its outline.
        names = [name.adjusted(0, -OUTLINE, 0, OUTLINE) for name in self._names()]
        boxes = [*(chip for chip, _ in self.chips()), *names]
        return [self._map.mapRectFromParent(box) for box in boxes]

    def _names(self) -> list[QRectF]:
        """Where selected tensors carry their names, in the widget's coordinates."""
        scene = self.state.scene
        if scene is None:
            return []
        area = self._map.mapRectToParent(self._map.plot)
        selection = [s for s in self.state.selection if s < scene.storages]
        visible = ((r, self._box(r).intersected(area)) for r in scene.rectangles_of(selection))
        lines = (self._line_in(scene, r, box) for r, box in visible if box.height() >= LABELLED)
        return [line for line in lines if line is not None]

    @property
    def uses(self) -> tuple[tuple[str, int], ...]:
        """(badge, slot) of the primary selection."""
        return self._relations.uses if self._relations is not None else ()

    def boundingRect(self) -> QRectF:  # noqa: N802
        lane = self._lane.geometry()
        return lane.united(self._map.geometry())

    def relayout(self) -> None:
        """The rows have moved."""
        self.prepareGeometryChange()

    def badge_at(self, position: QPointF) -> Badge | None:
        """The badge at a position of the widget."""
        y = self._lane.geometry().center().y()
        for badge in self._badges:
            if abs(badge.x - position.x()) <= RADIUS + 1 and abs(y - position.y()) <= RADIUS + 1:
                return badge
        return None

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        scene = self.state.scene
        if scene is None or self._relations is None:
            return
        area = self._map.mapRectToParent(self._map.plot)
        painter.save()
        painter.setClipRect(area)
        related = {link.source for link in self._relations.links}
        related |= {link.target for link in self._relations.links}
        own = scene.rectangles_of([s for s in self.state.selection if s < scene.storages])
        words = [self._map.mapRectToParent(box) for box in self._map.written]
        for rectangle in related - set(own):
            self._paint_related(painter, self._box(rectangle), words)
        primary = scene.rectangles_of(self.state.selection[:1])
        crowded = len(own) > CROWD
        marked = set(primary if crowded else own)
        for join in scene.joins:
            if join.before in marked:
                paint_selected_join(painter, self._map, join, area.topLeft() - self._map.plot.topLeft())
        thick = primary if crowded else own
        for rectangle in own:
            if rectangle not in thick:
                self._paint_thin(painter, rectangle)
        for rectangle in thick:
            self._paint_outline(painter, rectangle)
        # Over the outlines of neighbours, which would stand on its name.
        for rectangle in thick:
            painter.fillRect(self._box(rectangle), QColor(self._lighter(rectangle)))
        self._paint_seams(painter, [self._box(rectangle) for rectangle in thick])
        for rectangle in own:
            self._paint_name(painter, scene, rectangle, area)
        for chip, text in self.chips():
            self._paint_chip(painter, chip, text)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for link in sorted(self._relations.links, key=lambda link: link.main):
            self._paint_link(painter, link)
        painter.restore()
        self._paint_badges(painter, scene, own)

    def _box(self, rectangle: int) -> QRectF:
        """A rectangle in the widget's coordinates, at least a pixel, cut far outside the view."""
        box = self._map.mapRectToParent(self._map.box_of(rectangle))
        box.setWidth(max(box.width(), 1))
        box.setHeight(max(box.height(), 1))
        left, right = max(box.left(), -1e4), min(box.right(), 2e4)
        top, bottom = max(box.top(), -1e4), min(box.bottom(), 2e4)
        return QRectF(QPointF(round(left), round(top)), QPointF(round(right), round(bottom)))

    def _paint_related(self, painter: QPainter, box: QRectF, words: Sequence[QRectF]) -> None:
        """Dashes at places of the widget, so that those of neighbours do not fill each other's gaps.

        They leave out the names in rows so low that they would stand on the letters.
        """
        painter.save()
        if box.height() < ROOMY:
            free = QRegion(painter.clipBoundingRect().toAlignedRect())
            for name in words:
                if name.intersects(box):
                    free -= QRegion(name.adjusted(-3, 0, 3, 0).toAlignedRect())
            painter.setClipRegion(free, Qt.ClipOperation.IntersectClip)
        pen = QPen(QColor(self.state.theme.text), 1)
        pen.setDashPattern([3, 2])
        edge = box.adjusted(0.5, 0.5, -0.5, -0.5)
        for start, end in (
            (edge.topLeft(), edge.topRight()),
            (edge.bottomLeft(), edge.bottomRight()),
            (edge.topLeft(), edge.bottomLeft()),
            (edge.topRight(), edge.bottomRight()),
        ):
            pen.setDashOffset((start.x() if start.y() == end.y() else start.y()) % 5)
            painter.setPen(pen)
            painter.drawLine(start, end)
        painter.restore()

    def _lighter(self, rectangle: int) -> str:
        """The fill of a selected tensor."""
        fill = self.state.fill_of(rectangle)
        return mix("#ffffff", fill, 0.62 if self.state.theme.dark else 0.7)

    def _paint_thin(self, painter: QPainter, rectangle: int) -> None:
        """One of very many that are selected."""
        box, lighter = self._box(rectangle), self._lighter(rectangle)
        painter.fillRect(box, QColor(mix(self.state.theme.text, lighter, 0.45)))
        painter.fillRect(box.adjusted(0, 1, -1, 0), QColor(lighter))

    def _paint_outline(self, painter: QPainter, rectangle: int) -> None:
        theme, box = self.state.theme, self._box(rectangle)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for thick, outside, colour in ((1, 2.5, theme.map), (2, 1.0, theme.text)):
            pen = QPen(QColor(colour), thick)
            pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
            painter.setPen(pen)
            painter.drawRect(box.adjusted(-outside, -outside, outside, outside))

    def _paint_seams(self, painter: QPainter, boxes: list[QRectF]) -> None:
        """A line between selected tensors that touch, as theirs were filled over."""
        ink = QColor(mix(self.state.theme.text, self.state.theme.map, 0.5))
        for upper in boxes:
            for lower in boxes:
                left, right = max(upper.left(), lower.left()), min(upper.right(), lower.right())
                if abs(upper.bottom() - lower.top()) <= OUTLINE and left < right:
                    painter.fillRect(QRectF(left, lower.top(), right - left, 1), ink)

    def _paint_name(self, painter: QPainter, scene: Scene, rectangle: int, area: QRectF) -> None:
        visible = self._box(rectangle).intersected(area)
        line = self._line_in(scene, rectangle, visible) if visible.height() >= LABELLED else None
        if line is not None:
            name, size = scene.label(rectangle)
            width = text_width(name, label_font(11, WEIGHT.DemiBold))
            painter.setPen(QColor(ink_on(self._lighter(rectangle))))
            write(painter, line, name, label_font(11, WEIGHT.DemiBold))
            if width + 8 + text_width(size, label_font()) <= line.width():
                write(painter, line.adjusted(width + 8, 0, 0, 0), size, label_font())

    def _line_in(self, scene: Scene, rectangle: int, visible: QRectF) -> QRectF | None:
        """Where a selected tensor carries its name; None where that does not fit."""
        start = max(visible.left(), LEFT) + LABEL_PAD + 1
        shelf = self._label_shelf()
        if start < shelf < visible.right() - 60:
            start = shelf
        line = QRectF(start, visible.top(), visible.right() - start - 4, visible.height())
        fits = text_width(scene.label(rectangle)[0], label_font(11, WEIGHT.DemiBold)) <= line.width()
        return line if fits and visible.height() >= LABELLED else None

    def chips(self) -> list[tuple[QRectF, str]]:
        """The words beside the primary tensor, where they stand in the widget's coordinates."""
        scene = self.state.scene
        if scene is None or not self.state.selection:
            return []
        area = self._map.mapRectToParent(self._map.plot)
        own = scene.rectangles_of([s for s in self.state.selection[:1] if s < scene.storages])
        if 1 < len(own) <= CHIPS and isinstance(scene, PlanScene):
            wanted = [(rectangle, stay_text(scene, rectangle)) for rectangle in own]
        elif self._elsewhere and len(own) == 1:
            wanted = [(own[0], tr("Same tensor at {}").format(plan_size(int(scene.low[own[0]]))))]
        else:
            wanted = [
                (rectangle, self._chip_text(scene, rectangle))
                for rectangle in own[:1]
                if self._line_in(scene, rectangle, self._box(rectangle).intersected(area)) is None
            ]
        found: list[tuple[QRectF, str]] = []
        names = self._names() if wanted or self._more else []
        for rectangle, text in wanted:
            box = self._box(rectangle)
            if box.intersects(area):
                width = text_width(text, label_font(11, WEIGHT.Medium)) + 16
                taken = [*names, *(chip for chip, _ in found)]
                visible = box.intersected(area)
                found.append((place_chip(visible, width, area, self._label_shelf(), taken), text))
        if self._more and own and (visible := self._box(own[0]).intersected(area)).isValid():
            text = tr("+{} more").format(self._more)
            width = text_width(text, label_font(11, WEIGHT.Medium)) + 16
            taken = [*names, *(chip for chip, _ in found)]
            found.append((place_chip(visible, width, area, self._label_shelf(), taken), text))
        return found

    @property
    def _more(self) -> int:
        """Related tensors to which no arrow leads, as they are too many."""
        return self._relations.more if self._relations is not None else 0

    def _chip_text(self, scene: Scene, rectangle: int) -> str:
        """The name of a tensor too small to carry it."""
        opened = opened_segment(scene, int(scene.storage[rectangle]))
        if len(scene.reserved) and opened is not None:
            return tr("{}: new {} segment").format(scene.name(rectangle), human(opened.size))
        return f"{scene.name(rectangle)}  {scene.label(rectangle)[1]}"

    def _paint_chip(self, painter: QPainter, chip: QRectF, text: str) -> None:
        """Words beside a tensor."""
        theme = self.state.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.line2), 1))
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setPen(QColor(theme.text))
        write(painter, chip, text, label_font(11, WEIGHT.Medium), At.MIDDLE)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_link(self, painter: QPainter, link: Relation) -> None:
        """A vertical arrow from the tensor that is read to the one that is made."""
        source, target = self._box(link.source), self._box(link.target)
        if (source.top(), source.bottom()) == (target.top(), target.bottom()):
            return  # A takeover: the two touch, so there is nothing to lead across.
        x = self._map.x_of(link.slot + 0.5)
        if target.center().y() < source.center().y():
            start, end, sign = source.top(), target.bottom(), -1.0
        else:
            start, end, sign = source.bottom(), target.top(), 1.0
        ink, halo = QColor(self.state.theme.text), QColor(self.state.theme.map)
        if abs(end - start) > 10:
            for width, colour in (
                ((3.0, halo), (1.25, ink)) if link.main else ((2.0, halo), (0.75, ink))
            ):
                painter.setPen(QPen(colour, width))
                painter.drawLine(QPointF(x, start), QPointF(x, end))
        painter.setPen(QPen(halo, 1))
        painter.setBrush(ink)
        tip, half = end + sign * 3, 4.5 if link.main else 3.5
        painter.drawPolygon(
            QPolygonF(
                [
                    QPointF(x, tip),
                    QPointF(x - half, tip - sign * 1.8 * half),
                    QPointF(x + half, tip - sign * 1.8 * half),
                ]
            )
        )
        painter.setPen(QPen(ink, 1.5))
        painter.setBrush(halo)
        painter.drawEllipse(QPointF(x, start), *((2.6, 2.6) if link.main else (1.9, 1.9)))

    def _paint_badges(self, painter: QPainter, scene: Scene, own: list[int]) -> None:
        theme = self.state.theme
        lane = self._lane.mapRectToParent(self._lane.plot)
        self._badges, before, after = place_badges(self.uses, self._map.x_of, lane.left(), lane.right())
        area = self._map.mapRectToParent(self._map.plot)
        y = lane.center().y()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QColor(theme.text2)
        for badge in self._badges:
            if badge.at is None:
                continue
            ends = [self._box(r).top() for r in own[:1]]
            bottom = min(max(ends[0] if ends else area.top(), area.top() + ELBOW), area.bottom())
            painter.setPen(QPen(line, 1))
            bend = QPointF(badge.at, area.top() + ELBOW)
            if abs(badge.x - badge.at) < 1:
                painter.drawLine(QPointF(badge.at, y + RADIUS), QPointF(badge.at, bottom))
            else:
                painter.drawPolyline([QPointF(badge.x, y + RADIUS), bend, QPointF(badge.at, bottom)])
        font = label_font(10, WEIGHT.DemiBold)
        painter.setFont(font)
        for badge in self._badges:
            producer = badge.text == "P"
            painter.setPen(QPen(QColor(theme.text), 1.25))
            painter.setBrush(QColor(theme.text if producer else theme.map))
            painter.drawEllipse(QPointF(badge.x, y), RADIUS - 0.5, RADIUS - 0.5)
            painter.setPen(QColor(theme.map if producer else theme.text))
            box = QRectF(badge.x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, badge.text)
        painter.setPen(QPen(QColor(theme.text), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pinned, x, way in ((before, lane.left() + 3, 1), (after, lane.right() - 3, -1)):
            if pinned:
                painter.drawPolyline(
                    [QPointF(x + 4 * way, y - 4), QPointF(x, y), QPointF(x + 4 * way, y + 4)]
                )
