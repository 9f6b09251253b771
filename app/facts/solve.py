"""What a solve's log says as curves, as a table and as a certificate: facts, no Qt.

The log counts planned bytes; people are shown what the device must have, so residents are added here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.facts.compare import done_text
from app.facts.doings import times_text
from app.facts.plan import op_place, plan_facts
from app.numbers import GIB, Unit, bytes_exact, human, overhead, percent, plan_size, unit_of
from app.translation import mark, tr
from solver.pin_text import pins_count, pins_text
from solver.plan import Plan, Proof, Status
from solver.solution import Baseline, Progress
from solver.step import Step
from solver.terms import Terms

BOUND = mark("Lower bound")
"""The row of a certificate that has a proof to show."""
RELATIVE_BELOW = 10_000_000_000
"""Bytes of a gap from which its figure leaves no room for the share of the bound."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A step curve: from ``seconds[i]`` on the value is ``sizes[i]`` bytes, residents included."""

    seconds: tuple[float, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the table."""

    milliseconds: str
    phase: str
    result: str
    size: str
    """What the line is about, in the log's unit; empty where it brought no figure."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is known of the plan that is shown."""

    badge: str
    proven: bool
    rows: tuple[tuple[str, str], ...]
    """Name and figure."""
    note: str
    """What a stopped solve has; empty otherwise."""


def curves(log: Sequence[Progress], step: Step, reserved: int | None = None) -> tuple[Curve, Curve]:
    """The best plan's total and the proven bound over time.

    Before any plan is placed the incumbent is the step as run (``reserved`` bytes), if that is known;
    without it, it starts with the first height.
    """
    resident = step.resident_bytes
    best: list[tuple[float, int]] = []
    bound: list[tuple[float, int]] = []
    if reserved is not None and log:
        best.append((0.0, reserved))
    for line in log:
        height = line.height_bytes
        if height is not None and (not best or resident + height < best[-1][1]):
            best.append((line.seconds, resident + height))
        low = line.bound_bytes
        if low is not None and (not bound or resident + low > bound[-1][1]):
            bound.append((line.seconds, resident + low))
    return _closed(best, log), _closed(bound, log)


def _closed(points: list[tuple[float, int]], log: Sequence[Progress]) -> Curve:
    if points and log[-1].seconds > points[-1][0]:
        points = [*points, (log[-1].seconds, points[-1][1])]
    return Curve(tuple(p[0] for p in points), tuple(p[1] for p in points))


def log_unit(log: Sequence[Progress], step: Step) -> Unit:
    """What the figures of a log are counted in."""
    sizes = [s for line in log for s in (line.height_bytes, line.peak_bytes, line.bound_bytes) if s]
    return unit_of(step.resident_bytes + max(sizes, default=GIB))


def log_rows(log: Sequence[Progress], step: Step) -> tuple[LogRow, ...]:
    """The table under the curves. Its figure is the one that the line changed."""
    unit = log_unit(log, step)
    rows: list[LogRow] = []
    before: tuple[int | None, ...] = (None, None, None)
    for line in log:
        now = (line.height_bytes, line.peak_bytes, line.bound_bytes)
        new = [a for a, b in zip(now, before, strict=True) if a is not None and a != b]
        size = unit.text(step.resident_bytes + new[0]) if new else ""
        before = tuple(a if a is not None else b for a, b in zip(now, before, strict=True))
        rows.append(LogRow(f"{line.seconds * 1000:,.1f}", line.phase, line.result, size))
    return tuple(rows)


def certificate_facts(
    step: Step, plan: Plan, baseline: Baseline | None = None, *, running: bool = False
) -> CertificateFacts:
    """Badge, height, bound and gap of a plan, all with residents, in exact bytes.

    ``baseline`` is set for the step as run.
    """
    if plan.terms is not None:
        return _within_budget(step, plan, plan.terms)
    resident = step.resident_bytes
    height = resident + plan.height_bytes
    if baseline is not None:
        return CertificateFacts(
            tr("As run"),
            False,
            (
                (tr("Reserved"), f"{bytes_exact(baseline.reserved_bytes)} B"),
                (tr("Live peak"), f"{bytes_exact(resident + plan.peak_bytes)} B"),
            ),
            tr("The caching allocator's addresses; nothing is proven of them."),
        )
    bound = resident + plan.least_bytes
    gap = height - bound
    badge = {
        Status.OPTIMAL: tr("Proven optimal"),
        Status.FEASIBLE: tr("Feasible"),
        Status.STOPPED: tr("Stopped"),
        Status.BASELINE: tr("As run"),
    }[plan.status]
    note = ""
    if running:
        badge = tr("Incumbent")
    elif plan.status is Status.STOPPED:
        note = tr("Stopped: best {}, bound {}").format(plan_size(height), plan_size(bound))
    if plan.pins:
        note = f"{note}. " * bool(note) + tr("With {}").format(pins_count(plan.pins))
    relative = f" ({percent(gap / bound)})" if 0 < gap < RELATIVE_BELOW and bound else ""
    return CertificateFacts(
        badge,
        plan.status is Status.OPTIMAL and not running,
        (
            (tr("Plan height"), f"{bytes_exact(height)} B"),
            (tr(BOUND), f"{bytes_exact(bound)} B"),
            (tr("Gap"), f"{bytes_exact(gap)} B{relative}"),
        ),
        note,
    )


def proven_overhead(terms: Terms) -> float | None:
    """The overhead that no plan on these terms is below; None where nothing is proven of it."""
    return terms.overhead_bound if terms.overhead_bound > -1 else None


def _within_budget(step: Step, plan: Plan, terms: Terms) -> CertificateFacts:
    """Of a plan within a budget not its bytes are bounded but the time that it loses."""
    bound = proven_overhead(terms)
    gap = max(0.0, terms.overhead - bound) if bound is not None else None
    return CertificateFacts(
        tr("Proven optimal") if plan.status is Status.OPTIMAL else tr("Within the budget"),
        plan.status is Status.OPTIMAL,
        (
            (tr("Budget"), f"{bytes_exact(terms.budget_bytes)} B"),
            (tr("Plan height"), f"{bytes_exact(plan_facts(step, plan).total_bytes)} B"),
            (tr("Overhead"), tr("{} time").format(overhead(terms.overhead))),
            (tr("Bound"), overhead(bound) if bound is not None else tr("nothing is proven")),
            (tr("Gap"), tr("{:.2f} points").format(gap * 100) if gap is not None else tr("not known")),
        ),
        "",
    )


def _budget_paragraphs(step: Step, plan: Plan, terms: Terms) -> tuple[str, ...]:
    facts = plan_facts(step, plan)
    allowed = ", ".join(terms.allowed) or tr("order and addresses alone")
    done = done_text(facts) or tr("no op runs again and nothing is parked")
    bound = proven_overhead(terms)
    return (
        tr(
            "The plan needs {} B for its arena and {} that stay in memory all the time, "
            "together within its budget, {}: {}."
        ).format(
            bytes_exact(plan.height_bytes),
            human(facts.resident_bytes),
            plan_size(terms.budget_bytes),
            done,
        ),
        tr("Op times: {}. By them the unmodified step takes {:,.1f} ms, and this plan {}.").format(
            times_text(terms.device, terms.measured),
            terms.base_seconds * 1000,
            overhead(terms.overhead),
        ),
        *_bound_sentences(terms.overhead, bound, allowed),
        tr(
            "An independent checker replayed the plan: every op finds the version of every "
            "tensor that it needs, what runs again has no effects but the tensors that it "
            "makes, and no two tensors that are alive together share a byte."
        ),
    )


def _bound_sentences(found: float, bound: float | None, allowed: str) -> tuple[str, ...]:
    if bound is None:
        return (tr("Nothing is proven of the time of other plans that may use {}.").format(allowed),)
    gap = max(0.0, found - bound)
    return (
        tr(
            "Proven: no plan within the budget that may use {} takes less than {}, whatever its order."
        ).format(allowed, overhead(bound)),
        tr("Overhead and bound are equal: no plan within the budget is faster.")
        if gap == 0
        else tr(
            "A gap of {:.2f} percentage points is open: a faster plan may exist, by at most that much."
        ).format(gap * 100),
    )


def proof_paragraphs(step: Step, plan: Plan) -> tuple[str, ...]:
    """What shows that no plan needs less, in words that name the op and the bytes."""
    if plan.terms is not None:
        return _budget_paragraphs(step, plan, plan.terms)
    certificate = plan.certificate
    resident = step.resident_bytes
    bound = certificate.peak_bound_bytes
    keeping = tr(" that keeps the pins") if plan.pins else ""
    parts = [
        tr(
            "The plan needs {} B for its arena. With the {} that stay in memory all the time "
            "(parameters, buffers, optimizer state, inputs) that is {}."
        ).format(
            bytes_exact(plan.height_bytes), human(resident), plan_size(resident + plan.height_bytes)
        )
    ]
    op = step.ops[certificate.peak_op] if 0 <= certificate.peak_op < len(step.ops) else None
    match certificate.peak_proof:
        case Proof.CUT if op is not None:
            parts.append(
                tr(
                    "Lower bound: while {} runs (op {}), at least {} B are alive, whatever order the "
                    "other ops run in. A minimum cut shows it: of all sets of ops that may have run "
                    "before this op, none leaves fewer live bytes. So no order{} without recompute "
                    "or offload has a lower peak."
                ).format(op_place(op), op.name, bytes_exact(bound), keeping)
            )
        case Proof.CUT | Proof.SEARCH:
            parts.append(
                tr(
                    "Lower bound: an exhaustive search over the orders found none{} with a peak "
                    "under {} B. Its tree is not kept: to check it, solve again with the same seed."
                ).format(keeping, bytes_exact(bound))
            )
        case Proof.NONE:
            parts.append(
                tr("Lower bound: one op alone touches {} B. Nothing more was proven.").format(
                    bytes_exact(bound)
                )
            )
    fragmentation = plan.height_bytes - plan.peak_bytes
    said = tr(
        "The most bytes alive at once in this plan's order are {} B{}; the arena is exactly that high, "
        "so no byte of it is lost between tensors."
    )
    if fragmentation:
        said = tr(
            "The most bytes alive at once in this plan's order are {} B{}; the arena is {} B higher."
        )
    most, place = bytes_exact(plan.peak_bytes), _peak_place(step, plan)
    parts.append(said.format(most, place, bytes_exact(fragmentation)))
    if plan.pins:
        parts.append(tr("The plan keeps {}.").format(pins_text(step, plan.pins)))
    if plan.least_bytes > bound:
        parts.append(
            tr(
                "A tensor is pinned so that it ends at {} B: no arena that holds it there is lower."
            ).format(bytes_exact(plan.least_bytes))
        )
    gap = plan.height_bytes - plan.least_bytes
    parts.append(
        tr("Height and bound are equal: this is the least that any plan{} can need.").format(keeping)
        if gap == 0
        else tr("A gap of {} B is open: a better plan may exist, by at most that much.").format(
            bytes_exact(gap)
        )
    )
    parts.append(
        tr(
            "An independent checker replayed the plan: every op finds the version of every "
            "tensor that it needs, and no two tensors that are alive together share a byte."
        )
    )
    return tuple(parts)


def _peak_place(step: Step, plan: Plan) -> str:
    """``, at op 238, relu backward in layer4.2``."""
    facts = plan_facts(step, plan)
    if facts.peak_slot < 0:
        return ""
    return tr(", at op {}, {}").format(facts.peak_slot, op_place(facts.op_at(facts.peak_slot)))


def provenance_rows(plan: Plan) -> tuple[tuple[str, str], ...]:
    """How the plan came to be: seed, time, versions."""
    made = plan.provenance
    rows = [(tr("Seed"), str(made.seed)), (tr("Solved in"), f"{made.seconds:.3f} s")]
    if made.created:
        rows.append((tr("On"), made.created))
    if made.machine:
        rows.append((tr("Machine"), made.machine))
    if made.versions:
        rows.append(
            (tr("Versions"), ", ".join(f"{name} {v}" for name, v in sorted(made.versions.items())))
        )
    rows.append((tr("Step"), plan.fingerprint[:16]))
    return tuple(rows)
