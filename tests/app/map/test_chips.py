"""Words beside tensors do not cover one another while there is room."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRectF

from app.map.chips import HEIGHT, first_free, place_chip

AREA = QRectF(56, 0, 900, 600)
boxes = st.builds(
    QRectF, st.floats(56, 900), st.floats(0, 580), st.floats(1, 500), st.floats(1, 200)
).map(AREA.intersected)


@given(tensors=st.lists(boxes, min_size=1, max_size=6), width=st.floats(60, 400))
def test_chips_stay_inside_and_apart(tensors: list[QRectF], width: float) -> None:
    chips: list[QRectF] = []
    for box in tensors:
        chips.append(place_chip(box, width, AREA, 0.0, chips))
    assert all(AREA.contains(chip) for chip in chips)
    assert all(chip.height() == HEIGHT for chip in chips)
    assert not any(one.intersects(two) for one, two in combinations(chips, 2))


def test_a_chip_stands_above_a_wide_tensor_and_beside_a_narrow_one() -> None:
    wide, narrow = QRectF(200, 300, 400, 10), QRectF(400, 300, 4, 100)
    assert place_chip(wide, 100, AREA, 0.0, []).bottom() <= wide.top()
    assert place_chip(wide, 100, AREA, 300.0, []).left() > 300
    assert place_chip(narrow, 100, AREA, 0.0, []).right() <= narrow.left()
    taken = [place_chip(narrow, 100, AREA, 0.0, [])]
    assert place_chip(narrow, 100, AREA, 0.0, taken).left() >= narrow.right()


def test_the_first_free_place_is_taken() -> None:
    one, two = QRectF(0, 0, 10, 10), QRectF(20, 0, 10, 10)
    assert first_free([one, two], [QRectF(5, 5, 1, 1)]) == two
    assert first_free([one], [one]) is None
