"""CPU time of the map: a frame while panning, a frame at rest, a hover query.

Run: ``python tests/benchmarks/bench_map.py [rectangles ...]`` (20,000 and 1,000,000 by default).
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtWidgets import QApplication

from app.map.raster import KERNELS, Window
from app.map.view import MapView
from tests.app.map.made_scenes import large_scene


def cpu_ms(repeat: int, work: Callable[[int], None]) -> tuple[float, float]:
    """Median and 95th percentile of the process's CPU time of one call, milliseconds."""
    times = []
    for i in range(repeat):
        start = time.process_time()
        work(i)
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times)), float(np.percentile(times, 95))


def panning_view(count: int) -> MapView:
    """A shown map of 1600 x 900 pixels with so many rectangles."""
    view = MapView()
    view.resize(1600, 900)
    view.set_scene(large_scene(count))
    view.show()
    QApplication.processEvents()  # without which nothing is painted
    view.settle()
    return view


def pan_frame(view: MapView, frame: int) -> None:
    """Move the range and paint at once, as one frame of a drag."""
    whole = view.state.whole
    width = whole.x1 * 0.6
    left = whole.x1 * 0.002 * (frame % 100)
    view.state.show(Window(left, left + width, 0.0, whole.y1 * 0.9))
    paint(view)


def paint(view: MapView) -> None:
    """Paint what is outdated."""
    view.canvas.viewport().repaint()
    if view.map_row.outdated:
        raise RuntimeError("The map was not painted, so there is nothing to measure.")


@dataclass(frozen=True)
class Figures:
    """Milliseconds of CPU time: median, and the 95th percentile of a panned frame."""

    pan: float
    pan_worst: float
    rest: float
    hover: float


def measure(count: int, frames: int = 100) -> Figures:
    """The figures of a map with ``count`` rectangles; needs a QApplication."""
    view = panning_view(count)
    drawing, whole, palette = view.state.drawing, view.state.whole, view.state.palette
    assert drawing is not None
    points = np.random.default_rng(0).random((500, 2)) * (whole.x1, whole.y1)

    def rest(frame: int) -> None:
        view.map_row.settle()
        paint(view)

    pan_frame(view, 0)
    pan, worst = cpu_ms(frames, lambda frame: pan_frame(view, frame))
    resting, _ = cpu_ms(5, rest)
    hover, _ = cpu_ms(500, lambda i: drawing.pick(points[i, 0], points[i, 1], palette, 1.0, 1000.0))
    view.close()
    return Figures(pan, worst, resting, hover)


def main(counts: list[int]) -> None:
    """Write one line for each count."""
    application = QApplication.instance() or QApplication([])
    KERNELS.load()
    for count in counts:
        figures = measure(count)
        application.processEvents()
        sys.stdout.write(
            f"{count:>9,} rectangles: pan {figures.pan:.1f} ms (p95 {figures.pan_worst:.1f}), "
            f"rest {figures.rest:.1f} ms, hover {1000 * figures.hover:.0f} µs\n"
        )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [20_000, 1_000_000])
