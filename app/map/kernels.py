"""Compiled inner loops of the map: raster and pick. Importing this imports numba; see ``raster``."""

from typing import Any

import numpy as np

from solver.compiled import inner_kernel, kernel

BLOCK = 64
"""Rectangles of a block, as in ``app.map.index``."""
DENSITY, LEAST = 2.0, 4
"""While moving, a block shows as many of its rectangles as would cover its box so often, and at least
so many."""
FAINTEST = 0.45
"""Opacity of even the smallest rectangle, so that nothing vanishes."""
BOOST = 1.5
"""Opacity over coverage: what the rounding of a neighbour leaves open does not show as a seam."""


HALF_LINE = 0.6
"""Half the width of the live profile's outline, pixels."""
UNIT = 1 << 18
"""Coverage of a whole pixel: whole numbers, so that changes along a row cancel exactly."""


@inner_kernel
def _change(coverage: Any, y: int, x: int, share: Any, paint: Any) -> None:
    """From pixel x of row y on, ``share`` more is covered with ``paint``."""
    coverage[y, x, 0] += share
    coverage[y, x, 1] += share * np.int64((paint >> 16) & 255)
    coverage[y, x, 2] += share * np.int64((paint >> 8) & 255)
    coverage[y, x, 3] += share * np.int64(paint & 255)


@inner_kernel
def _blend(coverage: Any, touched: Any, image: Any) -> None:
    """Draw the covered share of each pixel of the touched rows over the image; clear them."""
    rows, columns = image.shape
    for y in range(rows):
        if touched[y] == 0:
            continue
        covered, red, green, blue = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for x in range(columns):
            covered += coverage[y, x, 0]
            red += coverage[y, x, 1]
            green += coverage[y, x, 2]
            blue += coverage[y, x, 3]
            if covered <= 0:
                continue
            share = min(1.0, max(covered * BOOST / UNIT, FAINTEST))
            by, keep, under = share / covered, 1.0 - share, image[y, x]
            image[y, x] = (
                np.uint32(0xFF000000)
                | (np.uint32(red * by + ((under >> 16) & 255) * keep + 0.5) << np.uint32(16))
                | (np.uint32(green * by + ((under >> 8) & 255) * keep + 0.5) << np.uint32(8))
                | np.uint32(blue * by + (under & 255) * keep + 0.5)
            )
        coverage[y] = 0


@inner_kernel
def _over(under: Any, paint: Any, share: float) -> Any:
    """``share`` of a colour over another one."""
    red = np.uint32(((paint >> 16) & 255) * share + ((under >> 16) & 255) * (1.0 - share) + 0.5)
    green = np.uint32(((paint >> 8) & 255) * share + ((under >> 8) & 255) * (1.0 - share) + 0.5)
    blue = np.uint32((paint & 255) * share + (under & 255) * (1.0 - share) + 0.5)
    return np.uint32(0xFF000000) | (red << np.uint32(16)) | (green << np.uint32(8)) | blue


@kernel
def raster(
    rectangles: Any,
    colour: Any,
    boxes: Any,
    x0: float,
    x1: float,
    y0: float,
    y1: float,
    fill: Any,
    edge: Any,
    outlined: bool,
    coverage: Any,
    smooth: bool,
    image: Any,
    labels: Any,
) -> int:
    """Draw rectangles into ``image`` (uint32 H×W, row 0 at address ``y1``); returns label candidates.

    ``rectangles`` and ``boxes`` are those of a block index, and so is the unit of ``y0`` and ``y1``.
    ``colour`` indexes ``fill`` and ``edge`` (uint32 ARGB; fill 0: not drawn). Where both sides are a
    pixel or more, sides are rounded to pixels, so that neighbours tile exactly. Thinner rectangles
    add their covered share of each pixel to ``coverage`` (int32 H×(W+1)×4: changes along the row of
    coverage, red, green, blue; zeros, left as zeros) when ``smooth``, else they take the pixel, and
    where many fall into few pixels some are left out. ``labels`` (int32 n×5) receives the rectangle
    and its pixel box where it is at least 60×12.
    """
    rows, columns = image.shape
    scale_x, scale_y = columns / (x1 - x0), rows / (y1 - y0)
    touched = np.zeros(rows, np.uint8)
    # The last thin line of each row: most of a stack of thin lines lie on top of one another.
    last_left, last_right = np.zeros(rows, np.int64), np.full(rows, -1, np.int64)
    last_paint = np.zeros(rows, np.uint32)
    candidates = 0
    any_thin = False
    for block in range(boxes.shape[0]):
        if boxes[block, 0] >= x1 or boxes[block, 1] <= x0:
            continue
        if boxes[block, 2] >= y1 or boxes[block, 3] <= y0:
            continue
        first = block * BLOCK
        last = min(rectangles.shape[0], first + BLOCK)
        if not smooth:
            # No less than they cover: what is a pixel or more lies beside the others, not on them.
            covered = max(
                boxes[block, 6] * scale_x * scale_y,
                max(boxes[block, 4] * scale_x, boxes[block, 5] * scale_y),
            )
            wide = (boxes[block, 1] - boxes[block, 0]) * scale_x + 1.0
            tall = (boxes[block, 3] - boxes[block, 2]) * scale_y + 1.0
            last = min(last, first + LEAST + int(DENSITY * wide * tall / max(covered, 1.0)))
            inside = boxes[block, 0] >= x0 and boxes[block, 1] <= x1
            inside = inside and boxes[block, 2] >= y0 and boxes[block, 3] <= y1
            if inside and boxes[block, 7] * scale_x < 1.0 and boxes[block, 8] * scale_y < 1.0:
                # All of them are smaller than a pixel: each takes that of its middle.
                half_x, half_y = 0.5 * scale_x, 0.5 * scale_y
                for i in range(first, last):
                    paint = fill[colour[i]]
                    x = int((rectangles[i, 0] + rectangles[i, 1] - 2.0 * x0) * half_x)
                    y = int((2.0 * y1 - rectangles[i, 2] - rectangles[i, 3]) * half_y)
                    if paint != 0:
                        image[min(y, rows - 1), min(x, columns - 1)] = paint
                continue
        for i in range(first, last):
            start, end = rectangles[i, 0], rectangles[i, 1]
            low, high = rectangles[i, 2], rectangles[i, 3]
            if start >= x1 or end <= x0 or low >= y1 or high <= y0:
                continue
            paint = fill[colour[i]]
            if paint == 0:
                continue
            left, right = (start - x0) * scale_x, (end - x0) * scale_x
            top, bottom = (y1 - high) * scale_y, (y1 - low) * scale_y
            width, height = right - left, bottom - top
            if not smooth and width < 1.0 and height < 1.0:
                x, y = int((left + right) * 0.5), int((top + bottom) * 0.5)
                image[min(max(y, 0), rows - 1), min(max(x, 0), columns - 1)] = paint
                continue
            left, top = max(left, 0.0), max(top, 0.0)
            right, bottom = min(right, float(columns)), min(bottom, float(rows))
            if width < 1.0 or height < 1.0:
                first_x, first_y = min(int(left), columns - 1), min(int(top), rows - 1)
                last_x = min(max(int(np.ceil(right)) - 1, first_x), columns - 1)
                last_y = min(max(int(np.ceil(bottom)) - 1, first_y), rows - 1)
                if not smooth:
                    # A thin rectangle takes the pixel row or column of its middle.
                    if height < 1.0:
                        first_y = last_y = min(int((top + bottom) * 0.5), rows - 1)
                        same = last_paint[first_y] == paint
                        if same and last_left[first_y] <= first_x and last_x <= last_right[first_y]:
                            continue
                        last_left[first_y], last_right[first_y] = first_x, last_x
                        last_paint[first_y] = paint
                    if width < 1.0:
                        first_x = last_x = min(int((left + right) * 0.5), columns - 1)
                    for y in range(first_y, last_y + 1):
                        for x in range(first_x, last_x + 1):
                            image[y, x] = paint
                    continue
                any_thin = True
                for y in range(first_y, last_y + 1):
                    touched[y] = 1
                    part_y = min(bottom, y + 1.0) - max(top, float(y))
                    # Changes of coverage along the row: into the first pixel, from it to the whole
                    # ones, from those to the last one, out of it.
                    whole = np.int32(max(part_y * UNIT, 1.0))
                    share = np.int32(max(part_y * (min(right, first_x + 1.0) - left) * UNIT, 1.0))
                    _change(coverage, y, first_x, share, paint)
                    if last_x > first_x:
                        _change(coverage, y, first_x + 1, whole - share, paint)
                        share = np.int32(part_y * (right - max(left, float(last_x))) * UNIT)
                        _change(coverage, y, last_x, share - whole, paint)
                    _change(coverage, y, last_x + 1, -share, paint)
                continue
            left_px, right_px = int(left + 0.5), int(right + 0.5)
            top_px, bottom_px = int(top + 0.5), int(bottom + 0.5)
            for y in range(top_px, bottom_px):
                for x in range(left_px, right_px):
                    image[y, x] = paint
            if width >= 4.0 and height >= 4.0:
                line = edge[colour[i]]
                # The far sides go on the pixels beyond, where a neighbour draws its near sides.
                last_x = min(right_px + 1, columns) if outlined else right_px
                if start >= x0 and left_px < columns:
                    for y in range(top_px, bottom_px):
                        image[y, left_px] = line
                if high <= y1 and top_px < rows:
                    for x in range(left_px, last_x):
                        image[top_px, x] = line
                if outlined and right_px < columns:
                    for y in range(top_px, bottom_px):
                        image[y, right_px] = line
                if outlined and bottom_px < rows:
                    for x in range(left_px, last_x):
                        image[bottom_px, x] = line
                large = right_px - left_px >= 60 and bottom_px - top_px >= 12
                if large and candidates < labels.shape[0]:
                    labels[candidates, 0] = i
                    labels[candidates, 1] = left_px
                    labels[candidates, 2] = top_px
                    labels[candidates, 3] = right_px
                    labels[candidates, 4] = bottom_px
                    candidates += 1
    if any_thin:
        _blend(coverage, touched, image)
    return candidates


@kernel
def pick(
    rectangles: Any,
    colour: Any,
    boxes: Any,
    fill: Any,
    x: float,
    y: float,
    near_x: float,
    near_y: float,
) -> int:
    """The rectangle that holds point (x, y), else the nearest within (near_x, near_y), else -1.

    Coordinates are slots and units of the index; the distance to a rectangle is measured in parts of
    near_x and near_y. Rectangles whose ``fill`` is 0 are not there.
    """
    best, best_distance = -1, 1.0
    for block in range(boxes.shape[0]):
        if boxes[block, 0] > x + near_x or boxes[block, 1] < x - near_x:
            continue
        if boxes[block, 2] > y + near_y or boxes[block, 3] < y - near_y:
            continue
        for i in range(block * BLOCK, min(rectangles.shape[0], (block + 1) * BLOCK)):
            if fill[colour[i]] == 0:
                continue
            start, end = rectangles[i, 0], rectangles[i, 1]
            low, high = rectangles[i, 2], rectangles[i, 3]
            beside = max(start - x, x - end, 0.0)
            above = max(low - y, y - high, 0.0)
            if beside == 0.0 and above == 0.0 and x < end and y < high:
                return i
            if near_x > 0.0 and near_y > 0.0:
                distance = max(beside / near_x, above / near_y)
                if distance < best_distance:
                    best, best_distance = i, distance
    return best


@kernel
def regions(
    areas: Any, x0: float, x1: float, y0: float, y1: float, paint: Any, pitch: int, image: Any
) -> None:
    """Fill ``areas`` (start, end, low, high; shape (n, 4)); with a pitch above 1 by 45° lines."""
    rows, columns = image.shape
    scale_x, scale_y = columns / (x1 - x0), rows / (y1 - y0)
    for i in range(areas.shape[0]):
        left = max((areas[i, 0] - x0) * scale_x, 0.0)
        right = min((areas[i, 1] - x0) * scale_x, float(columns))
        top = max((y1 - areas[i, 3]) * scale_y, 0.0)
        bottom = min((y1 - areas[i, 2]) * scale_y, float(rows))
        if left >= right or top >= bottom:
            continue
        for y in range(int(top + 0.5), int(bottom + 0.5)):
            for x in range(int(left + 0.5), int(right + 0.5)):
                if (x + y) % pitch == 0:
                    image[y, x] = paint


@kernel
def column_slots(live: Any, tops: Any, bounds: Any, slots: Any) -> None:
    """Into ``slots`` (int64, columns) the slot shown in each pixel column: of several the highest.

    ``live``: bytes at every slot, at least one; ``tops``: the most bytes of every ``BLOCK`` slots;
    ``bounds``: the slots between which each column lies, float64, one more than columns.
    """
    count, columns = live.shape[0], slots.shape[0]
    for column in range(columns):
        left, right = bounds[column], bounds[column + 1]
        if right - left <= 1.0:  # at most one boundary in a column: the slot under its middle
            slots[column] = min(max(int((left + right) * 0.5), 0), count - 1)
            continue
        first = min(max(int(left), 0), count - 1)
        last = min(max(int(right), first + 1), count)
        best, block, at = first, -1, first
        most = live[first]
        while at < last:
            if at % BLOCK == 0 and at + BLOCK <= last:
                if tops[at // BLOCK] > most:
                    most, block = tops[at // BLOCK], at // BLOCK
                at += BLOCK
            else:
                if live[at] > most:
                    most, best, block = live[at], at, -1
                at += 1
        if block >= 0:
            best = block * BLOCK
            while live[best] < most:
                best += 1
        slots[column] = best


@kernel
def profile(
    sizes: Any, slots: Any, shown: Any, fills: Any, zero: float, scale: float, line: Any, image: Any
) -> None:
    """Stack ``sizes`` (int64, areas × slots) at ``slots`` into ``image``, with an outline on top.

    ``shown``: the areas to stack, lowest first; ``fills``: their colours; ``zero``: the pixel of 0
    bytes, ``scale``: pixels of a byte; ``line``: the outline's colour. What is above stays.
    """
    rows, columns = image.shape
    before = zero
    for column in range(columns):
        total, bottom, level = np.int64(0), rows, zero
        for area in range(shown.shape[0]):
            total += sizes[shown[area], slots[column]]
            level = zero - total * scale
            top = min(max(int(level + 0.5), 0), rows)
            for y in range(top, bottom):
                image[y, column] = fills[area]
            bottom = min(bottom, top)
        if column == 0:
            before = level
        upper, lower = min(level, before) - HALF_LINE, max(level, before) + HALF_LINE
        before = level
        for y in range(max(int(upper), 0), min(int(np.ceil(lower)), rows)):
            share = min(y + 1.0, lower) - max(float(y), upper)
            if share > 0.0:
                image[y, column] = _over(image[y, column], line, min(share, 1.0))
