"""Where words stand on the map so that none cover others: chips beside tensors, names of lines."""

from collections.abc import Iterable, Iterator, Sequence

from PySide6.QtCore import QRectF

HEIGHT = 20.0
APART = 2.0
"""Pixels between chips."""


def is_free(box: QRectF, taken: Iterable[QRectF]) -> bool:
    """Whether a box touches none of those that are taken."""
    return not any(box.intersects(other) for other in taken)


def first_free(boxes: Sequence[QRectF], taken: Iterable[QRectF]) -> QRectF | None:
    """The first of the boxes that touches none of those that are taken."""
    known = list(taken)
    return next((box for box in boxes if is_free(box, known)), None)


def place_chip(
    beside: QRectF, width: float, area: QRectF, shelf: float, taken: Sequence[QRectF]
) -> QRectF:
    """A chip of a width beside what is visible of a tensor, within ``area``.

    Above a tensor that is wider, right of ``shelf``, else at its left; where that is taken at another
    of its sides, then ever further up or down. Only where all is taken does it cover another one.
    """
    places = [_within(box, area) for box in _places(beside, width, area, shelf)]
    spread = [box.adjusted(-APART, -APART, APART, APART) for box in places]
    free = first_free(spread, taken)
    return places[spread.index(free)] if free is not None else places[0]


def _places(beside: QRectF, width: float, area: QRectF, shelf: float) -> Iterator[QRectF]:
    middle = beside.center().y() - HEIGHT / 2
    start = max(beside.left(), shelf) + 6
    left = QRectF(beside.left() - 12 - width, middle, width, HEIGHT)
    right = QRectF(beside.right() + 12, middle, width, HEIGHT)
    above = QRectF(start, beside.top() - 26, width, HEIGHT)
    below = QRectF(start, beside.bottom() + 6, width, HEIGHT)
    vertical = [above, below] if above.top() > area.top() else [below, above]
    if beside.width() > width:
        first = [*vertical, left, right]
    elif left.left() >= area.left():
        first = [left, right, *vertical]
    else:
        first = [right, *vertical, left]
    yield from first
    pitch = HEIGHT + 2 * APART
    for step in range(1, int(area.height() / pitch) + 1):
        for box in first:
            yield box.translated(0, -step * pitch)
            yield box.translated(0, step * pitch)


def _within(box: QRectF, area: QRectF) -> QRectF:
    """The box moved into the area."""
    left = max(min(box.left(), area.right() - box.width() - 4), area.left() + 4)
    top = max(min(box.top(), area.bottom() - HEIGHT - 4), area.top() + 4)
    return QRectF(left, top, box.width(), HEIGHT)
