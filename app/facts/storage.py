"""What the inspector says about one storage, about several, and about one slot: facts, no Qt.

Every sentence is put together from the step and the plan alone; what is not known is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.facts.explanation import why as why_at_slot
from app.facts.plan import PlanFacts, category_sentence, counterparts, op_label, op_place
from app.facts.several import StayRow, slots_text, stay_rows
from app.facts.stays import Span, Use
from app.facts.why import idle_cost, origin_text, why_alive, why_still
from app.facts.words import phase_name
from app.numbers import Unit, bytes_exact, human, percent, unit_of
from app.translation import plural, tr
from solver.step import Category, Op, SourceLine, Storage


@dataclass(frozen=True, slots=True)
class UseRow:
    """One line of the producer or the consumer table; ``badge`` is the one on the map."""

    badge: str
    label: str
    place: str
    slot: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the inspector: ``note`` is set in a quieter tone after ``value``."""

    name: str
    value: str
    note: str = ""
    code: str = ""
    """A second line in the code font."""


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """Everything the inspector shows of one storage."""

    storage: int
    name: str
    category: Category
    summary: str
    figures: tuple[Figure, ...]
    why: str
    source: SourceLine | None
    producers: tuple[UseRow, ...]
    consumers: tuple[UseRow, ...]
    cost: str
    """What keeping it costs; empty where the plan has nothing to say."""
    stays: tuple[StayRow, ...] = ()
    """Each stay in memory, of a storage that has several."""
    still: str = ""
    """Why it is still alive at the slot that was asked for; empty where it is not, or not asked."""
    keeper: SourceLine | None = None
    """The user's line of the op that it is still kept for."""
    origin: str = ""
    """How it came to be, where that is not all of ``why``."""

    @property
    def answer(self) -> str:
        """Why it is in memory: what it is still kept for, and then how it came to be."""
        return f"{self.still} {self.origin or self.why}" if self.still else self.why


@dataclass(frozen=True, slots=True)
class AliveRow:
    """One storage that is alive at a slot."""

    storage: int
    name: str
    category: Category
    size: int
    why: str = ""
    """Why it is alive then; empty where that is not asked."""


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """One slot of the plan: the op that runs and what is in memory then, the largest first."""

    slot: int
    title: str
    summary: str
    figures: tuple[Figure, ...]
    alive: tuple[AliveRow, ...]
    rest: str
    """What is alive besides the rows: how many, how many bytes; empty when nothing is."""
    source: SourceLine | None


@dataclass(frozen=True, slots=True)
class SelectionFacts:
    """Several storages at once."""

    title: str
    figures: tuple[Figure, ...]
    rows: tuple[AliveRow, ...]
    rest: str


def storage_facts(
    facts: PlanFacts, storage: int, as_run: PlanFacts | None = None, slot: int = -1
) -> StorageFacts:
    """Facts about a storage of the step; ``as_run`` is the baseline's, where it is known.

    ``slot``: where it is asked why the storage is still alive; -1: at the peak.
    """
    step = facts.step
    still, keeper = why_still(facts, storage, slot if slot >= 0 else facts.peak_slot)
    about = step.storages[storage]
    producers, consumers = facts.producers(storage), facts.consumers(storage)
    origin = producers or consumers
    source = step.ops[origin[0].op].source if origin else -1
    return StorageFacts(
        storage=storage,
        name=about.name,
        category=about.category,
        summary=category_sentence(about),
        figures=_figures(facts, storage, as_run),
        why=why_alive(facts, storage),
        source=step.sources[source] if source >= 0 else None,
        producers=tuple(_use_row(facts, use, "P" if use.creates else "") for use in producers),
        consumers=tuple(_use_row(facts, use, str(n + 1)) for n, use in enumerate(consumers)),
        cost=idle_cost(facts, storage),
        stays=stay_rows(facts, storage),
        still=still,
        keeper=keeper,
        origin=origin_text(facts, storage) if len(facts.spans(storage)) == 1 else "",
    )


def _figures(facts: PlanFacts, storage: int, as_run: PlanFacts | None) -> tuple[Figure, ...]:
    about = facts.step.storages[storage]
    unit = unit_of(facts.total_bytes)
    rows: list[Figure] = []
    value = facts.value(storage)
    if value is not None:
        rows.append(Figure(tr("Shape"), " × ".join(map(str, value.shape)) or tr("scalar")))
        rows.append(Figure(tr("Type"), value.dtype))
    rows.append(
        Figure(tr("Bytes"), human(about.size), bytes_exact(about.size) if about.size >= 1024 else "")
    )
    spans = facts.spans(storage)
    if len(spans) == 1:
        span = spans[0]
        rows.append(_address(tr("Address"), span, about, unit))
        rows.append(
            Figure(tr("Lifetime"), slots_text(span), tr("{} of {}").format(span.slots, facts.slots))
        )
    elif spans:
        alive = sum(span.slots for span in spans)
        rows.append(
            Figure(
                tr("In memory"),
                plural("{} time", "{} times", len(spans)),
                tr("{} of {} ops").format(alive, facts.slots),
            )
        )
    rows += _takeovers(facts, storage)
    if not spans:
        rows.append(
            Figure(
                tr("Address"),
                tr("none"),
                tr("it has no bytes") if about.size == 0 else tr("no op touches it"),
            )
        )
    elif facts.alive(storage, facts.peak_slot):
        share = int(facts.sizes[storage]) / max(facts.total_bytes, 1)
        rows.append(
            Figure(tr("At the peak"), tr("alive, {}").format(percent(share)), tr("of the height"))
        )
    else:
        rows.append(Figure(tr("At the peak"), tr("not alive")))
    if as_run is not None and as_run is not facts:
        same = counterparts(facts.step, as_run.step).get(storage)
        rows.extend(_as_run(as_run, same) if same is not None else ())
    return tuple(rows)


def _takeovers(facts: PlanFacts, storage: int) -> list[Figure]:
    """Whose bytes it takes over, and who takes over its own."""
    rows = []
    for come in facts.takes_over(storage):
        old = facts.step.storages[come.old].name
        rows.append(
            Figure(
                tr("Takes over"), tr("the bytes of {}").format(old), tr("at op {}").format(come.slot)
            )
        )
    for gone in facts.taken_over(storage):
        new = facts.step.storages[gone.new].name
        rows.append(Figure(tr("Taken over"), tr("by {}").format(new), tr("at op {}").format(gone.slot)))
    return rows


def _address(name: str, span: Span, about: Storage, unit: Unit) -> Figure:
    if span.address < 0:
        return Figure(
            name, tr("outside the arena"), tr("leaves the step") if about.output else tr("resident")
        )
    low, high = unit.text(span.address), unit.text(span.address + span.size)
    return Figure(name, f"{low} – {high} {unit.name}", code=f"0x{span.address:09x}")


def _as_run(as_run: PlanFacts, storage: int) -> list[Figure]:
    baseline = as_run.baseline
    span = next(iter(as_run.spans(storage)), None)
    if baseline is None or span is None or span.address < 0:
        return []
    segments = sorted(s.address for s in baseline.segments)
    within = sum(1 for address in segments if address <= span.address)
    unit = unit_of(as_run.total_bytes)
    where = f"{unit.text(span.address)} {unit.name}"
    return [Figure(tr("As run"), where, tr("segment {} of {}").format(within, len(segments)))]


def _use_row(facts: PlanFacts, use: Use, badge: str) -> UseRow:
    op = facts.step.ops[use.op]
    place = tr("in place") if use.in_place and not badge else op.module
    if use.again:
        place = tr("{}, again").format(place) if place else tr("again")
    return UseRow(badge, op_label(op), place, use.slot)


def slot_facts(facts: PlanFacts, slot: int, rows: int = 12) -> SlotFacts:
    """The op at ``slot`` and the ``rows`` largest storages alive then."""
    op = facts.op_at(slot)
    live = int(facts.profile[slot])
    about = facts.explained(slot, rows)
    figures = [
        Figure(tr("Op"), tr("{} of {}").format(slot, facts.slots), op.name),
        Figure(tr("Live"), human(live), bytes_exact(live)),
        Figure(
            tr("Resident"),
            human(facts.step.resident_bytes),
            percent_of(facts.step.resident_bytes, live),
        ),
        Figure(tr("Tensors alive"), f"{about.count:,}"),
    ]
    shown = sum(one.bytes for one in about.alive)
    return SlotFacts(
        slot=slot,
        title=tr("The peak") if slot == facts.peak_slot else tr("Op {}").format(slot),
        summary=op_summary(op, again=slot in facts.repeated.slots),
        figures=tuple(figures),
        alive=tuple(
            replace(_alive_row(facts, one.storage), why=why_at_slot(facts.step, one))
            for one in about.alive
        ),
        rest=rest_text(about.count - len(about.alive), about.live_bytes - shown),
        source=facts.step.sources[op.source] if op.source >= 0 else None,
    )


def op_summary(op: Op, *, again: bool = False) -> str:
    """``Relu backward in layer4.2, backward``."""
    place, phase = op_place(op), phase_name(op.phase)
    text = tr("{}, {}, run again").format(place, phase) if again else f"{place}, {phase}"
    return text[0].upper() + text[1:]


def selection_facts(facts: PlanFacts, storages: Sequence[int], rows: int = 12) -> SelectionFacts:
    """Several storages together: their bytes, and how many are alive at the peak."""
    ranked = sorted(storages, key=lambda s: (-int(facts.sizes[s]), s))
    total = sum(int(facts.sizes[s]) for s in ranked)
    at_peak = [s for s in ranked if facts.alive(s, facts.peak_slot)]
    spans = [span for s in ranked for span in facts.spans(s)]
    figures = [Figure(tr("Bytes"), human(total), bytes_exact(total))]
    if spans:
        first, last = min(s.start for s in spans), max(s.end for s in spans) - 1
        figures.append(Figure(tr("Lifetime"), tr("ops {} – {}").format(first, last), tr("together")))
    bytes_at_peak = sum(int(facts.sizes[s]) for s in at_peak)
    figures.append(
        Figure(
            tr("At the peak"),
            tr("{} alive").format(len(at_peak)),
            human(bytes_at_peak) if at_peak else "",
        )
    )
    return SelectionFacts(
        title=plural("{} tensor", "{} tensors", len(ranked)),
        figures=tuple(figures),
        rows=tuple(_alive_row(facts, s) for s in ranked[:rows]),
        rest=rest_text(len(ranked[rows:]), sum(int(facts.sizes[s]) for s in ranked[rows:])),
    )


def _alive_row(facts: PlanFacts, storage: int) -> AliveRow:
    about = facts.step.storages[storage]
    return AliveRow(storage, about.name, about.category, int(facts.sizes[storage]))


def rest_text(count: int, size: int) -> str:
    """``and 90 more, 1.2 GiB``; empty for none."""
    return tr("and {:,} more, {}").format(count, human(size)) if count else ""


def percent_of(part: int, whole: int) -> str:
    """``4.2 %``; 0 of nothing is 0."""
    return percent(part / whole if whole else 0.0)
