"""Facts that a lesson refers to by name, so that no number is written twice: texts, answers, goals.

::

    FACT        peak, total, peak_op, ...      of the plan that the page shows
    PLAN.FACT   planned.peak, as run.total     of another one; shown.FACT: of what is on the map now
    FACT(NAME)  size(conv1 · out), at(12)      of a tensor or a slot
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from app.facts.plan import PlanFacts
from app.numbers import human, parse_size, percent
from solver.errors import BayplanError
from solver.plan import Offload, Run
from solver.proof import PeakProof


class Measure(StrEnum):
    """What a fact is counted in."""

    BYTES = "bytes"
    COUNT = "count"
    SHARE = "share"
    NAMES = "names"


@dataclass(frozen=True, slots=True)
class Fact:
    """One value; ``names`` for a set of tensors, ``number`` for all else."""

    measure: Measure
    number: float = 0.0
    names: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For people."""
        match self.measure:
            case Measure.BYTES:
                return human(int(self.number))
            case Measure.SHARE:
                return percent(self.number)
            case Measure.COUNT:
                return f"{int(self.number):,}"
            case Measure.NAMES:
                return ", ".join(self.names)


@dataclass(frozen=True, eq=False)
class Subject:
    """What a fact is about: a plan, what proves its bound, and how many conflicts edits left in it.

    ``judging``: the validator may yet find one.
    """

    facts: PlanFacts
    proof: PeakProof | None = None
    conflicts: int = 0
    judging: bool = False


FindSubject = Callable[[str], Subject]
"""The subject by a plan's name in the lesson, empty for that of the page; raises BayplanError."""

_REFERENCE = re.compile(r"(?:([^.()]+)\.)?([a-z_]+)(?:\((.+)\))?")
_COMPARISON = re.compile(r"(.+?)\s*(<=|>=|=|<|>)\s*(.+)")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}


def fact(reference: str, find: FindSubject) -> Fact:
    """The fact that a lesson names. Raises BayplanError where there is none of that name."""
    match = _REFERENCE.fullmatch(reference.strip())
    name = match[2] if match else ""
    if match is None or name not in FACTS:
        raise BayplanError(f"{reference!r} is no fact. The facts are: {', '.join(sorted(FACTS))}.")
    needs_argument = name in ("size", "first", "last", "at")
    if needs_argument != bool(match[3]):
        wanted = "needs a tensor or slot in brackets" if needs_argument else "takes nothing in brackets"
        raise BayplanError(f"{reference!r}: the fact {name} {wanted}.")
    return FACTS[name](find((match[1] or "").strip()), (match[3] or "").strip())


def holds(comparison: str, find: FindSubject) -> bool:
    """Whether a comparison such as ``shown.total <= 12 MiB`` is true. Raises BayplanError."""
    match = _COMPARISON.fullmatch(comparison.strip())
    if match is None:
        raise BayplanError(f"{comparison!r} is no comparison, such as 'shown.total <= 12 MiB'.")
    left, right = (_side(match[i], find) for i in (1, 3))
    return _SIGNS[match[2]](left, right)


def filled(text: str, find: FindSubject) -> str:
    """A text with the values of the facts that it names in braces. Raises BayplanError."""
    return re.sub(r"\{([^{}\n]+)\}", lambda match: fact(match[1], find).text, text)


def in_unit(text: str, measure: Measure, unit: str) -> float:
    """The number that a person writes, with or without its unit. Raises BayplanError."""
    written = text.strip().replace("−", "-").replace(",", ".")
    try:
        if measure is Measure.BYTES:
            has_unit = written and not written[-1].isdigit()
            return float(parse_size(written if has_unit else f"{written} {unit}"))
        number = float(written.removesuffix("%").removesuffix(unit).strip())
    except (ValueError, BayplanError):
        shown = text if len(text) <= 20 else f"{text[:19]}…"
        raise BayplanError(f"“{shown}” is not a number. Write one, such as 12.") from None
    return number / 100 if measure is Measure.SHARE else number


def close(given: float, true: Fact, unit: str, tolerance: float) -> bool:
    """Whether a number is the fact's, within a tolerance in ``unit``; 0: to what is shown of it."""
    match true.measure:
        case Measure.BYTES:
            size = parse_size(f"1 {unit or 'B'}")
            return abs(given - true.number) <= (tolerance or 0.051) * size
        case Measure.SHARE:
            return abs(given - true.number) <= (tolerance or 0.051) / 100
        case _:
            return abs(given - true.number) <= tolerance


def _side(text: str, find: FindSubject) -> float:
    written = text.strip()
    if written[:1].isdigit():
        return float(written) if re.fullmatch(r"[0-9.]+", written) else float(parse_size(written))
    found = fact(written, find)
    if found.measure is Measure.NAMES:
        raise BayplanError(f"{written!r} is a list of tensors and cannot be compared.")
    return found.number


# -- the facts -------------------------------------------------------------------------------------


def _bytes(value: Callable[[PlanFacts], int]) -> Callable[[Subject, str], Fact]:
    return lambda subject, _: Fact(Measure.BYTES, value(subject.facts))


def _count(value: Callable[[PlanFacts], int]) -> Callable[[Subject, str], Fact]:
    return lambda subject, _: Fact(Measure.COUNT, value(subject.facts))


def storage_named(facts: PlanFacts, name: str) -> int:
    """The storage of that name. Raises BayplanError."""
    for index, storage in enumerate(facts.step.storages):
        if storage.name == name:
            return index
    raise BayplanError(f"{name!r} is no tensor of this step.")


def _size(subject: Subject, name: str) -> Fact:
    return Fact(Measure.BYTES, int(subject.facts.sizes[storage_named(subject.facts, name)]))


def _first(subject: Subject, name: str) -> Fact:
    spans = subject.facts.spans(storage_named(subject.facts, name))
    return Fact(Measure.COUNT, min((s.start for s in spans), default=-1))


def _last(subject: Subject, name: str) -> Fact:
    spans = subject.facts.spans(storage_named(subject.facts, name))
    return Fact(Measure.COUNT, max((s.end for s in spans), default=0) - 1)


def _at(subject: Subject, slot: str) -> Fact:
    profile = subject.facts.profile
    if not slot.isdecimal() or len(slot) > 9 or int(slot) >= len(profile):
        raise BayplanError(f"at({slot}): the plan has the slots 0 to {len(profile) - 1}.")
    return Fact(Measure.BYTES, int(profile[int(slot)]))


def _alive(subject: Subject, _: str) -> Fact:
    facts = subject.facts
    names = tuple(facts.step.storages[s].name for s in facts.alive_at(facts.peak_slot))
    return Fact(Measure.NAMES, names=names)


def _largest(subject: Subject, _: str) -> Fact:
    facts = subject.facts
    alive = facts.alive_at(facts.peak_slot)
    most = max((int(facts.sizes[s]) for s in alive), default=0)
    names = tuple(facts.step.storages[s].name for s in alive if int(facts.sizes[s]) == most)
    return Fact(Measure.NAMES, names=names)


def _repeated(subject: Subject, _: str) -> Fact:
    facts = subject.facts
    names = tuple(facts.step.storages[s].name for s in sorted(facts.several))
    return Fact(Measure.NAMES, names=names)


def _recomputed(facts: PlanFacts) -> int:
    return len(facts.plan.order) - len(set(facts.plan.order))


def _overhead(subject: Subject, _: str) -> Fact:
    terms = subject.facts.plan.terms
    return Fact(Measure.SHARE, max(terms.overhead, 0.0) if terms is not None else 0.0)


def _held(subject: Subject, _: str) -> Fact:
    proof = subject.proof
    return Fact(Measure.COUNT, len([h for h in proof.held if h.bytes > 1 << 16]) if proof else 0)


def _cut(subject: Subject, _: str) -> Fact:
    return Fact(Measure.BYTES, subject.proof.cut_bytes if subject.proof is not None else 0)


FACTS: dict[str, Callable[[Subject, str], Fact]] = {
    "peak": _bytes(lambda f: f.live_peak),
    "total": _bytes(lambda f: f.total_bytes),
    "resident": _bytes(lambda f: f.resident_bytes),
    "height": _bytes(lambda f: f.plan.height_bytes),
    "planned_peak": _bytes(lambda f: f.plan.peak_bytes),
    "wasted": _bytes(lambda f: f.total_bytes - f.live_peak),
    "bound": _bytes(lambda f: f.plan.certificate.peak_bound_bytes),
    "gap": _bytes(lambda f: f.plan.peak_bytes - f.plan.certificate.peak_bound_bytes),
    "peak_op": _count(lambda f: f.peak_slot),
    "ops": _count(lambda f: f.slots),
    "tensors": _count(lambda f: len(f.step.planned_storages)),
    "alive_count": _count(lambda f: len(f.alive_at(f.peak_slot))),
    "recomputed": _count(_recomputed),
    "trips": _count(lambda f: sum(isinstance(a, Offload) for a in f.plan.actions)),
    "runs": _count(lambda f: sum(isinstance(a, Run) for a in f.plan.actions)),
    "conflicts": lambda subject, _: Fact(Measure.COUNT, subject.conflicts),
    "overhead": _overhead,
    "size": _size,
    "first": _first,
    "last": _last,
    "at": _at,
    "alive": _alive,
    "largest": _largest,
    "stays_twice": _repeated,
    "held": _held,
    "cut": _cut,
}
"""By name. All bytes but ``height``, ``planned_peak``, ``bound`` and ``cut`` count what lives across
steps."""
