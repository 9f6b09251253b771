"""What the map's tooltip says of one rectangle; no Qt."""

from dataclasses import dataclass

from app.facts.plan import op_place, plan_facts
from app.facts.several import slots_text
from app.facts.stays import Came, Went
from app.map.plan_scene import PlanScene
from app.map.scene import Scene
from app.numbers import GIB, gib, human
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
    if not isinstance(scene, PlanScene):
        return _described(scene, rectangle)
    storage = int(scene.storage[rectangle])
    about = scene.step.storages[storage]
    value = scene.facts.value(storage)
    low, high = int(scene.low[rectangle]), int(scene.high[rectangle])
    start = int(scene.start[rectangle])
    size = human(about.size)
    rows = [("Category", about.category.value), ("Bytes", f"{size}, {value.dtype}" if value else size)]
    if value is not None:
        rows.append(("Shape", " × ".join(map(str, value.shape)) or "scalar"))
    rows.append(("Address", _range(low, high)))
    if scene.instance[rectangle] < 0:
        rows.append(("Lifetime", "leaves the step" if about.output else "across steps"))
    else:
        span = scene.span(rectangle)
        rows.append(("Lifetime", slots_text(span)))
        if span.came is Came.BACK:
            rows.append(("Comes", f"back from host memory for op {start}"))
        else:
            again = " again" if span.came is Came.AGAIN else ""
            rows.append((f"Made{again} by", op_place(scene.facts.op_at(start))))
        rows.extend(_stays(scene, rectangle))
    return Description(about.name, about.category.value, tuple(rows), _note(scene, storage))


def _described(scene: Scene, rectangle: int) -> Description:
    """Of a rectangle that is no storage of a step."""
    low, high = int(scene.low[rectangle]), int(scene.high[rectangle])
    start, end = int(scene.start[rectangle]), int(scene.end[rectangle])
    category = scene.kind(rectangle)
    rows = (
        ("Category", category),
        ("Bytes", human(scene.bytes_of(rectangle))),
        ("Address", _range(low, high)),
        ("Lifetime", f"{scene.slot_name}s {start:,} to {end:,}"),
        *scene.rows(rectangle),
    )
    return Description(scene.name(rectangle), category, rows, "")


def _stays(scene: PlanScene, rectangle: int) -> list[tuple[str, str]]:
    """Which of several stays the rectangle is, and what follows it."""
    spans = scene.facts.spans(int(scene.storage[rectangle]))
    if len(spans) < 2:
        return []
    number = next(n for n, s in enumerate(spans) if s.instance == scene.instance[rectangle])
    rows = [("In memory", f"{number + 1} of {len(spans)} times")]
    if number + 1 < len(spans):
        gone, back = spans[number], spans[number + 1]
        what = "in host memory" if gone.went is Went.PARKED else "not kept"
        rows.append(("Then", f"{what} until op {back.start}"))
    return rows


def stay_text(scene: PlanScene, rectangle: int) -> str:
    """``layer1.1.bn3 freed after op 39``, ``made again at op 603``: one of a tensor's several stays."""
    spans = scene.facts.spans(int(scene.storage[rectangle]))
    number = next(n for n, s in enumerate(spans) if s.instance == scene.instance[rectangle])
    span = spans[number]
    parts = []
    if number == 0:
        name = scene.label(rectangle)[0]
    else:
        name = ""
        verb = "back from host at" if span.came is Came.BACK else "made again at"
        parts.append(f"{verb} op {span.start}")
    if number + 1 < len(spans):
        verb = "parked in host memory" if span.went is Went.PARKED else "freed"
        parts.append(f"{verb} after op {span.end - 1}")
    return f"{name} {', '.join(parts)}".strip()


def _range(low: int, high: int) -> str:
    """``1.334 – 1.429 GiB``; of small tensors the start and the bytes from it."""
    if high - low >= GIB // 200:
        return f"{gib(low).split(' ')[0]} – {gib(high)}"
    return f"{human(low)}, {human(high - low)} from there"


def opened_segment(scene: Scene, storage: int) -> Segment | None:
    """The segment that a storage's request opened during the step as run, where that is known."""
    if not isinstance(scene, PlanScene):
        return None
    baseline = scene.baseline or scene.as_run
    segments = baseline.segments if baseline is not None else ()
    captured = scene.in_captured.get(storage, -1)
    return next((s for s in segments if s.storage == captured and s.slot >= 0), None)


def _note(scene: PlanScene, storage: int) -> str:
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
    captured = scene.in_captured.get(storage, -1)
    facts = plan_facts(scene.captured, baseline.plan, baseline)
    spans = facts.spans(captured) if captured >= 0 else ()
    if not spans:
        return ""
    return f"As run it went into a free block at {gib(spans[0].address)}."
