"""What the map's tooltip says of one rectangle; no Qt."""

from dataclasses import dataclass

from app.facts.plan import op_place, plan_facts
from app.map.scene import Scene
from app.numbers import GIB, human
from solver.solution import Segment
from solver.step import round_up


@dataclass(frozen=True, slots=True)
class Description:
    """A title, a table and a last sentence, which may be empty."""

    title: str
    category: str
    rows: tuple[tuple[str, str], ...]
    note: str


def describe(scene: Scene, rectangle: int) -> Description:
    """The facts of a rectangle that a glance needs."""
    storage = int(scene.storage[rectangle])
    about = scene.step.storages[storage]
    value = scene.facts.value(storage)
    low, high = int(scene.low[rectangle]), int(scene.high[rectangle])
    start, last = int(scene.start[rectangle]), int(scene.end[rectangle]) - 1
    size = human(about.size)
    rows = [("Category", about.category.value), ("Bytes", f"{size}, {value.dtype}" if value else size)]
    if value is not None:
        rows.append(("Shape", " × ".join(map(str, value.shape)) or "scalar"))
    rows.append(("Address", _range(low, high)))
    if about.resident:
        rows.append(("Lifetime", "leaves the step" if about.output else "across steps"))
    else:
        rows.append(("Lifetime", f"ops {start} – {last}" if last > start else f"op {start}"))
        rows.append(("Made by", op_place(scene.facts.op_at(start))))
    return Description(about.name, about.category.value, tuple(rows), _note(scene, storage))


def _range(low: int, high: int) -> str:
    """``1.334 – 1.429 GiB``; of small tensors the start and the bytes from it."""
    if high - low >= GIB // 200:
        return f"{low / GIB:.3f} – {high / GIB:.3f} GiB"
    return f"{low / GIB:.3f} GiB, {human(high - low)} from there"


def opened_segment(scene: Scene, storage: int) -> Segment | None:
    """The segment that a storage's request opened during the step as run, where that is known."""
    baseline = scene.baseline or scene.as_run
    segments = baseline.segments if baseline is not None else ()
    return next((s for s in segments if s.storage == storage and s.slot >= 0), None)


def _note(scene: Scene, storage: int) -> str:
    """Where the caching allocator put it."""
    baseline = scene.baseline or scene.as_run
    if baseline is None or scene.step.storages[storage].resident:
        return ""
    opened = opened_segment(scene, storage)
    ago = "" if scene.baseline is not None else "As run, "
    if opened is not None:
        this = "This" if not ago else "this"
        text = f"{ago}{this} request opened a new {human(opened.size)} segment"
        if opened.free_bytes >= round_up(scene.step.storages[storage].size):
            free, block = human(opened.free_bytes), human(opened.largest_block)
            return f"{text}: {free} were free, the largest block {block}."
        return f"{text}."
    if scene.baseline is not None:
        return "It went into a free block of a segment."
    spans = plan_facts(scene.step, baseline.plan, baseline).spans(storage)
    if not spans:
        return ""
    return f"As run it went into a free block at {spans[0].address / GIB:.3f} GiB."
