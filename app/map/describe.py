"""What the map's tooltip says of one rectangle; no Qt."""

from dataclasses import dataclass

from app.facts.plan import op_place, plan_facts
from app.facts.several import slots_text
from app.facts.stays import Came, Went
from app.facts.words import category_name
from app.map.plan_scene import PlanScene
from app.map.scene import Scene
from app.numbers import GIB, gib, human
from app.translation import mark, tr
from solver.solution import Segment
from solver.step import round_up

SPANS = {
    "slot": mark("slots {:,} to {:,}"),
    "allocation": mark("allocations {:,} to {:,}"),
    "time step": mark("time steps {:,} to {:,}"),
    "op": mark("ops {:,} to {:,}"),
}
"""When something is there, by what a slot is."""


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
    category = category_name(about.category)
    rows = [
        (tr("Category"), category),
        (tr("Bytes"), f"{size}, {value.dtype}" if value else size),
    ]
    if value is not None:
        rows.append((tr("Shape"), " × ".join(map(str, value.shape)) or tr("scalar")))
    rows.append((tr("Address"), _range(low, high)))
    if scene.instance[rectangle] < 0:
        lives = tr("leaves the step") if about.output else tr("across steps")
        rows.append((tr("Lifetime"), lives))
    else:
        span = scene.span(rectangle)
        rows.append((tr("Lifetime"), slots_text(span)))
        if span.came is Came.BACK:
            rows.append((tr("Comes"), tr("back from host memory for op {}").format(start)))
        else:
            made = tr("Made again by") if span.came is Came.AGAIN else tr("Made by")
            rows.append((made, op_place(scene.facts.op_at(start))))
        rows.extend(_stays(scene, rectangle))
    return Description(about.name, category, tuple(rows), _note(scene, storage))


def _described(scene: Scene, rectangle: int) -> Description:
    """Of a rectangle that is no storage of a step."""
    low, high = int(scene.low[rectangle]), int(scene.high[rectangle])
    start, end = int(scene.start[rectangle]), int(scene.end[rectangle])
    category = scene.kind(rectangle)
    rows = (
        (tr("Category"), category),
        (tr("Bytes"), human(scene.bytes_of(rectangle))),
        (tr("Address"), _range(low, high)),
        (tr("Lifetime"), tr(SPANS[scene.slot_name]).format(start, end)),
        *scene.rows(rectangle),
    )
    return Description(scene.name(rectangle), category, rows, "")


def _stays(scene: PlanScene, rectangle: int) -> list[tuple[str, str]]:
    """Which of several stays the rectangle is, and what follows it."""
    spans = scene.facts.spans(int(scene.storage[rectangle]))
    if len(spans) < 2:
        return []
    number = next(n for n, s in enumerate(spans) if s.instance == scene.instance[rectangle])
    rows = [(tr("In memory"), tr("{} of {} times").format(number + 1, len(spans)))]
    if number + 1 < len(spans):
        gone, back = spans[number], spans[number + 1]
        said = tr("not kept until op {}")
        if gone.went is Went.PARKED:
            said = tr("in host memory until op {}")
        rows.append((tr("Then"), said.format(back.start)))
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
        came = tr("made again at op {}")
        if span.came is Came.BACK:
            came = tr("back from host at op {}")
        parts.append(came.format(span.start))
    if number + 1 < len(spans):
        went = tr("freed after op {}")
        if span.went is Went.PARKED:
            went = tr("parked in host memory after op {}")
        parts.append(went.format(span.end - 1))
    return f"{name} {', '.join(parts)}".strip()


def _range(low: int, high: int) -> str:
    """``1.334 – 1.429 GiB``; of small tensors the start and the bytes from it."""
    if high - low >= GIB // 200:
        return f"{gib(low).split(' ')[0]} – {gib(high)}"
    return tr("{}, {} from there").format(human(low), human(high - low))


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
    if opened is not None:
        said = tr("As run, this request opened a new {} segment")
        if scene.baseline is not None:
            said = tr("This request opened a new {} segment")
        text = said.format(human(opened.size))
        if opened.free_bytes >= round_up(scene.step.storages[storage].size):
            free, block = human(opened.free_bytes), human(opened.largest_block)
            return tr("{}: {} were free, the largest block {}.").format(text, free, block)
        return f"{text}."
    if scene.baseline is not None:
        return tr("It went into a free block of a segment.")
    captured = scene.in_captured.get(storage, -1)
    facts = plan_facts(scene.captured, baseline.plan, baseline)
    spans = facts.spans(captured) if captured >= 0 else ()
    if not spans:
        return ""
    return tr("As run it went into a free block at {}.").format(gib(spans[0].address))
