"""CPU time of the map: frames that move, a frame at rest, an answer to the pointer, loading.

Run: ``make bench-map`` or ``python tests/benchmarks/bench_map.py [rectangles ...]``. A frame is all
that a map of 1600 x 900 pixels does when its range changes: bands, rectangles, labels, axes, profile.
"""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from app.map.map_row import IDLE_MS
from app.map.raster import KERNELS, Drawing, Window
from app.map.scene import Scene
from app.map.view import MapView
from tests.app.map.made_scenes import Arrays, allocator_arrays, scene_of_arrays, training_arrays

SCENES: dict[str, Callable[[int], Arrays]] = {
    "training": training_arrays,
    "allocator": allocator_arrays,
}
FRAMES = 100


def cpu_ms(repeat: int, work: Callable[[int], None]) -> tuple[float, float]:
    """Median and 95th percentile of the process's CPU time of one call, milliseconds."""
    times = []
    for i in range(repeat):
        start = time.process_time()
        work(i)
        times.append(1000 * (time.process_time() - start))
    return float(np.median(times)), float(np.percentile(times, 95))


def shown(scene: Scene) -> MapView:
    """A visible map of 1600 x 900 pixels, drawn as at rest."""
    view = MapView()
    view.resize(1600, 900)
    view.set_scene(scene)
    view.show()
    QApplication.processEvents()  # without which nothing is painted
    view.settle()
    return view


def show(view: MapView, window: Window) -> None:
    """Move the range and paint at once, as one frame of a drag."""
    view.state.show(window)
    paint(view)


def paint(view: MapView) -> None:
    """Paint what is outdated."""
    view.canvas.viewport().repaint()
    if view.map_row.outdated:
        raise RuntimeError("The map was not painted, so there is nothing to measure.")


def panned(whole: Window, frame: int) -> Window:
    """Sixty hundredths of the step, moving to the right."""
    left = whole.x1 * 0.004 * (frame % 100)
    return Window(left, left + whole.x1 * 0.6, 0.0, whole.y1 * 0.9)


def zoomed(whole: Window, frame: int) -> Window:
    """From the whole to a thousandth of its slots, then from the whole to a corner of it."""
    along = frame % (FRAMES // 2) / (FRAMES // 2)
    share = 0.001**along
    low = 0.0 if frame < FRAMES // 2 else whole.y1 * 0.3 * (1 - share)
    high = whole.y1 if frame < FRAMES // 2 else low + whole.y1 * share
    left = whole.x1 * 0.4 * (1 - share)
    return Window(left, left + whole.x1 * share, low, high)


@dataclass(frozen=True)
class Figures:
    """Milliseconds of CPU time: median, and 95th percentile where two stand together."""

    pan: tuple[float, float]
    zoom: tuple[float, float]
    rest: float
    """The frame with coverage, which follows the last moving one after ``IDLE_MS``."""
    hover: tuple[float, float]
    load: float
    """Arrays from a file, a scene of them, its index and its live bytes."""


def measure(arrays: Arrays, frames: int = FRAMES) -> Figures:
    """The figures of a map; needs a QApplication."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "arrays.npz")
        np.savez(path, **arrays)

        def load(_: int) -> None:
            with np.load(path) as file:
                scene = scene_of_arrays({name: file[name] for name in file.files})
            Drawing(scene)
            _ = scene.live_tops, scene.top

        loading, _ = cpu_ms(3, load)
    view = shown(scene_of_arrays(arrays))
    whole = view.state.whole
    corner, size = view.map_row.geometry().topLeft(), view.map_row.plot
    points = np.random.default_rng(0).random((5 * frames, 2)) * (size.width(), size.height())

    def rest(frame: int) -> None:
        show(view, panned(whole, frame))
        view.map_row.settle()

    def hover(frame: int) -> None:
        view.rectangle_at(corner + QPointF(size.left() + points[frame, 0], points[frame, 1]))

    show(view, panned(whole, 1))
    pan = cpu_ms(frames, lambda frame: show(view, panned(whole, frame)))
    zoom = cpu_ms(frames, lambda frame: show(view, zoomed(whole, frame)))
    resting = []
    for frame in range(0, frames, 10):
        rest(frame)
        resting.append(cpu_ms(1, lambda _: paint(view))[0])
    hovering = cpu_ms(len(points), hover)
    view.close()
    return Figures(pan, zoom, max(resting), hovering, loading)


def main(counts: list[int]) -> None:
    """Write one line for each count and kind of scene."""
    application = QApplication.instance() or QApplication([])
    KERNELS.load()
    sys.stdout.write("CPU time in ms; two figures are median and 95th percentile.\n")
    for count in counts:
        for name, make in SCENES.items():
            figures = measure(make(count))
            application.processEvents()
            pan, zoom, hover = (
                f"{a:.1f} / {b:.1f}"
                for a, b in (figures.pan, figures.zoom, [1000 * x for x in figures.hover])
            )
            sys.stdout.write(
                f"{count:>9,} rectangles, {name:<9}: pan {pan}, zoom {zoom}, refined after "
                f"{IDLE_MS} + {figures.rest:.1f}, hover {hover} µs, load and index {figures.load:.0f}\n"
            )


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [20_000, 1_000_000])
