"""What two ways to run one step have in common and where their difference comes from. No Qt.

What the device must have is the peak of live bytes plus what is reserved or spanned beyond it::

    as run   reserved = live peak + held at the live peak + segments opened after it
    a plan   total    = live peak + fragmentation

so the difference of two totals is the difference of these parts, each with its own cause.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.facts.plan import PlanFacts, counterparts
from app.facts.words import phase_name
from app.numbers import MIB, human, whole
from app.translation import mark, plural, tr
from solver.step import Op, Phase, round_up


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why the right side needs ``saved`` bytes less; negative: more."""

    label: str
    saved: int
    share: float
    """Of what the left side needs."""
    by_allocator: bool = False
    """Whether it comes from where the bytes lie, not from which bytes are alive."""


@dataclass(frozen=True, slots=True)
class Refill:
    """A request that opened a segment although enough bytes were free, only not in one block."""

    slot: int
    """When it happened, as run."""
    storage: int
    name: str
    request: int
    free_bytes: int
    largest_block: int
    segment: int
    """Bytes of the segment that it opened."""
    as_run_address: int
    plan_address: int
    """In the window's space; -1: the plan gives it none."""
    phase: Phase

    @property
    def moved(self) -> int | None:
        """How far the plan moved it, bytes; negative: downwards."""
        return self.plan_address - self.as_run_address if self.plan_address >= 0 else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that the table under the two maps says."""

    left_bytes: int
    """What the left side needs."""
    causes: tuple[Cause, ...]
    total: Cause
    order: str
    """How the two orders differ, a sentence or two."""
    refills: tuple[Refill, ...]
    refill_summary: str
    has_segments: bool
    """Whether one side is the step as run, so that segments were opened at all."""


AFTER_PEAK = mark("Segments opened after the live peak")
AT_PEAK = mark("Splits and rounding held at the live peak")
FRAGMENTATION = mark("Free space between tensors at the top")
UPDATES = mark("Updates run beside their gradient")
ORDER = mark("Fewer bytes alive at once")
WORSE_ORDER = mark("More bytes alive at once")
RECOMPUTED = mark("Tensors made again instead of kept")
PARKED = mark("Tensors parked in host memory")
BOTH = mark("Tensors made again or parked in host memory")
NOTHING_DONE = mark("No op runs again and nothing is parked")


def beyond_peak(facts: PlanFacts) -> tuple[tuple[str, int], ...]:
    """What a way to run needs beyond its live peak, by cause; the bytes add up to the difference."""
    if facts.baseline is None:
        return ((FRAGMENTATION, facts.total_bytes - facts.live_peak),)
    reserved = facts.baseline.reserved
    at_peak = int(reserved[facts.peak_slot]) if len(reserved) else facts.total_bytes
    return ((AFTER_PEAK, facts.total_bytes - at_peak), (AT_PEAK, at_peak - facts.live_peak))


def compare(left: PlanFacts, right: PlanFacts) -> Comparison:
    """Where the difference between the two totals comes from; both are of the same step."""
    whole = max(left.total_bytes, 1)
    causes: list[Cause] = []
    for label, size in beyond_peak(left):
        causes.append(Cause(label, size, size / whole, by_allocator=True))
    for label, size in beyond_peak(right):
        same = next((i for i, c in enumerate(causes) if c.label == label), -1)
        before = causes.pop(same).saved if same >= 0 else 0
        causes.append(Cause(label, before - size, (before - size) / whole, by_allocator=True))
    by_order = left.live_peak - right.live_peak
    causes.append(Cause(_order_label(left, right, by_order), by_order, by_order / whole))
    total = left.total_bytes - right.total_bytes
    kept = [c for c in causes if c.saved != 0]
    as_run = left if left.baseline is not None else right
    plan = right if as_run is left else left
    refills = refill_requests(as_run, plan) if as_run.baseline is not None else ()
    return Comparison(
        left_bytes=left.total_bytes,
        causes=tuple(sorted(kept, key=lambda c: -abs(c.saved))),
        total=Cause(tr("From left to right"), total, total / whole),
        order=" ".join(filter(None, (_order_sentence(left, right), _repeated_sentence(left, right)))),
        refills=refills,
        refill_summary=_refill_summary(refills),
        has_segments=as_run.baseline is not None,
    )


def moved_ops(left: Sequence[int], right: Sequence[int]) -> tuple[int, ...]:
    """The fewest ops (ascending) without which both orders run the rest in the same sequence.

    The rest is a longest increasing subsequence of left slots in right order (patience sorting). Of
    an op that runs more than once the first run counts; ops that only one side runs count as moved.
    """
    left, right = list(dict.fromkeys(left)), list(dict.fromkeys(right))
    slot_left = {op: slot for slot, op in enumerate(left)}
    sequence = [op for op in right if op in slot_left]
    tails: list[int] = []
    tail_at: list[int] = []
    previous: list[int] = []
    for at, op in enumerate(sequence):
        place = bisect_left(tails, slot_left[op])
        previous.append(tail_at[place - 1] if place else -1)
        if place == len(tails):
            tails.append(slot_left[op])
            tail_at.append(at)
        else:
            tails[place], tail_at[place] = slot_left[op], at
    stays: set[int] = set()
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        stays.add(sequence[at])
        at = previous[at]
    return tuple(sorted({*left, *right} - stays))


def _moved(left: PlanFacts, right: PlanFacts) -> list[Op]:
    """The ops that run at another place; rewrites of one step are told apart by the ops' names."""
    if left.step is right.step:
        return [left.step.ops[op] for op in moved_ops(left.plan.order, right.plan.order)]
    number: dict[str, int] = {}
    ops: list[Op] = []
    orders = []
    for facts in (left, right):
        for op in facts.step.ops:
            if number.setdefault(op.name, len(ops)) == len(ops):
                ops.append(op)
        orders.append([number[facts.step.ops[op].name] for op in facts.plan.order])
    # What only one side runs belongs to an implementation, not to the order.
    both = set(orders[0]) & set(orders[1])
    return [ops[at] for at in moved_ops(orders[0], orders[1]) if at in both]


def _order_label(left: PlanFacts, right: PlanFacts, saved: int) -> str:
    if saved < 0:
        return WORSE_ORDER
    again, parked = right.repeated.made_again, right.repeated.parked
    if again or parked:
        return BOTH if again and parked else RECOMPUTED if again else PARKED
    moved = _moved(left, right)
    only_updates = bool(moved) and all(op.phase is Phase.UPDATE for op in moved)
    return UPDATES if only_updates else ORDER


def _order_sentence(left: PlanFacts, right: PlanFacts) -> str:
    if left.plan is right.plan:
        return tr("Both sides show the same plan.")
    moved = _moved(left, right)
    if not moved:
        if _repeated_sentence(left, right):
            return tr("Both run the ops in the same order.")
        return tr("Both run the ops in the same order; only the addresses differ.")
    updates = sum(op.phase is Phase.UPDATE for op in moved)
    what = plural("{} op", "{} ops", len(moved))
    if updates == len(moved):
        what = plural("{} update op", "{} update ops", updates)
    elif updates:
        what = tr("{} ({} of them updates)").format(what, updates)
    start = tr("{} run at another place in the order.").format(what)
    if left.step is not right.step:
        return start
    if _repeated_sentence(left, right):
        return start
    same = tr("No tensor is recomputed and no op is added: every op reads the same bytes as before.")
    return f"{start} {same}"


def _repeated_sentence(left: PlanFacts, right: PlanFacts) -> str:
    """What either side makes again or parks in host memory; empty where neither does."""
    parts = []
    for said, facts in ((tr("On the left {}."), left), (tr("On the right {}."), right)):
        text = done_text(facts) if left.plan is not right.plan else ""
        if text:
            parts.append(said.format(text))
    return " ".join(parts)


def done_text(facts: PlanFacts) -> str:
    """What a plan does to need fewer bytes, beyond order and addresses; empty: nothing.

    ``37 ops run again (1.170 GiB made again), 2 tensors wait in host memory (98.0 MiB), 3 other
    implementations (mask 2, pool 1)``.
    """
    known = facts.repeated
    parts = []
    if known.slots:
        again = plural("{} op runs again", "{} ops run again", len(known.slots))
        parts.append(tr("{} ({} made again)").format(again, human(known.made_again_bytes)))
    if known.parked:
        wait = plural("{} tensor waits in host memory", "{} tensors wait in host memory", known.parked)
        parts.append(f"{wait} ({human(known.parked_bytes)})")
    if facts.plan.rewrites:
        rules = Counter(name.partition(" ")[0] for name in facts.plan.rewrites)
        which = ", ".join(f"{rule} {count}" for rule, count in rules.most_common())
        count = len(facts.plan.rewrites)
        others = plural("{} other implementation", "{} other implementations", count)
        parts.append(f"{others} ({which})")
    return ", ".join(parts)


def refill_requests(as_run: PlanFacts, plan: PlanFacts) -> tuple[Refill, ...]:
    """Requests that opened a segment while at least their bytes were free, the largest first."""
    if as_run.baseline is None:
        return ()
    step = as_run.step
    in_plan = counterparts(step, plan.step)
    result: list[Refill] = []
    for segment in as_run.baseline.segments:
        request = round_up(step.storages[segment.storage].size)
        if segment.slot < 0 or segment.free_bytes < request:
            continue
        same = in_plan.get(segment.storage)
        spans = plan.spans(same) if same is not None else ()
        result.append(
            Refill(
                slot=segment.slot,
                storage=segment.storage,
                name=step.storages[segment.storage].name,
                request=request,
                free_bytes=segment.free_bytes,
                largest_block=segment.largest_block,
                segment=segment.size,
                as_run_address=as_run.spans(segment.storage)[0].address,
                plan_address=spans[0].address if spans else -1,
                phase=as_run.op_at(segment.slot).phase,
            )
        )
    return tuple(sorted(result, key=lambda r: (-r.request, -r.slot)))


def _refill_summary(refills: Sequence[Refill]) -> str:
    """``20 in backward, 586 MiB of segments``."""
    if not refills:
        return tr("none")
    opened = sum(r.segment for r in refills)
    in_segments = whole(opened) if opened >= 100 * MIB else human(opened)
    phases = Counter(refill.phase for refill in refills)
    where = ", ".join(
        tr("{} in {}").format(count, phase_name(phase)) for phase, count in phases.most_common()
    )
    return tr("{}, {} of segments").format(where, in_segments)
