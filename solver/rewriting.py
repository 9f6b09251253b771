"""Other implementations of ops, as rewrites of the step: which there are, and the step with some.

A rewrite is named after its rule and the op, by its index in the step as captured, with further numbers
where the rule wants some: ``output 252``, ``chunked 812 16``. Names come from plan files, which may say
anything; they are applied one after the other, each to what the ones before have left.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from solver.errors import BayplanError
from solver.plan import Plan
from solver.rewrites import attention, chunked, dropout, loss, mask, output, pool, split, unread
from solver.rewrites.draft import Draft
from solver.rewrites.rule import Numbers, Rule
from solver.step import Step

RULES: tuple[Rule, ...] = (
    output.RULE,
    mask.RULE,
    dropout.BYTES,
    dropout.RULE,
    pool.RULE,
    unread.RULE,
    split.RULE,
    attention.RULE,
    chunked.RULE,
    loss.RULE,
)

_NAME = re.compile(r"([a-z-]{1,20})((?: \d{1,9}){1,4})", re.ASCII)
_REMEMBERED = 16
"""Rewritten steps that are kept."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One op that could run in another way."""

    name: str
    """What a plan calls it."""
    rule: str
    title: str
    """For people."""
    op: int
    """In the step as captured."""
    exact: bool
    """Whether results are bitwise equal."""
    tolerance: float
    """Where they are not: by how much results differ at most, relative to the largest of a tensor."""
    saves_bytes: int
    """That need not be kept from the forward to the backward pass any more, by this rewrite alone."""
    releases: tuple[int, ...]
    """Storages (of the step as captured) that the backward pass reads in fewer places. One is needed no
    longer when all rewrites that release it are applied, unless others read it, too."""


_offers: list[tuple[Step, tuple[Rewrite, ...]]] = []
_results: list[tuple[Step, tuple[str, ...], Step]] = []


def available(step: Step) -> tuple[Rewrite, ...]:
    """Every rewrite of ``step``, each possible by itself, by rule and op; none without a program."""
    for known, found in _offers:
        if known is step:
            return found
    result = tuple(_all_rewrites(step))
    _offers[:] = [(step, result), *_offers[: _REMEMBERED - 1]]
    return result


def combined(step: Step, *, approximate: bool = False) -> tuple[str, ...]:
    """Names of all rewrites that are possible together, for ``rewrite``: exact ones, or all.

    Of several rewrites of one op by one rule it takes the one that saves most.
    """
    best: dict[tuple[str, int], Rewrite] = {}
    for each in available(step):
        if each.exact or approximate:
            known = best.setdefault((each.rule, each.op), each)
            if each.saves_bytes > known.saves_bytes:
                best[each.rule, each.op] = each
    if step.program is None:
        return ()
    draft = Draft(step, step.program)
    return tuple(each.name for each in best.values() if _applied(draft, each.name))


def _all_rewrites(step: Step) -> list[Rewrite]:
    if step.program is None:
        return []
    draft = Draft(step, step.program)
    result: list[Rewrite] = []
    for rule in RULES:
        for op, line in draft.line_of_op.items():
            if line.target not in rule.targets:
                continue
            for numbers in rule.numbers(draft, line):
                found = rule.find(draft, line, numbers)
                if found is not None:
                    name = " ".join(map(str, (rule.name, op, *numbers)))
                    exact = not rule.tolerance
                    result.append(
                        Rewrite(
                            name,
                            rule.name,
                            rule.title,
                            op,
                            exact,
                            rule.tolerance,
                            found.saves_bytes,
                            found.releases,
                        )
                    )
    return result


def rewrite(step: Step, names: Sequence[str]) -> Step:
    """``step`` with the rewrites ``names``, in this order. Raises BayplanError."""
    wanted = tuple(names)
    if not wanted:
        return step
    for known, applied, result in _results:
        if known is step and applied == wanted:
            return result
    if step.program is None:
        raise BayplanError(
            f"{step.title} is a planning-only step: without a program its ops cannot be run in "
            f"another way. The plan asks for {wanted[0][:80]!r}; capture the model and solve it anew."
        )
    draft = Draft(step, step.program)
    offered = {each.name for each in available(step)}
    for name in wanted:
        # One that only another makes possible is not offered: bounds count on what is.
        _parse(name)
        if name not in offered or not _applied(draft, name):
            raise _impossible(step, name)
    result = draft.finish()
    _results[:] = [(step, wanted, result), *_results[: _REMEMBERED - 1]]
    return result


def rewritten(step: Step, plan: Plan) -> Step:
    """The step that ``plan`` runs: ``step`` with the plan's rewrites. Raises BayplanError."""
    return rewrite(step, plan.rewrites)


def is_exact(name: str) -> bool:
    """Whether every result stays bitwise what it was with the rewrite of this name.

    Such a rewrite is among what ``Choice.IMPLEMENTATIONS`` allows; any other is ``APPROXIMATE``. Raises
    BayplanError.
    """
    return not _parse(name)[0].tolerance


def tolerance_of(names: Sequence[str]) -> float:
    """By how much an op's results may differ with these rewrites, relative to the largest of a tensor;
    0: not at all. Raises BayplanError."""
    return max((_parse(name)[0].tolerance for name in names), default=0.0)


def _impossible(step: Step, name: str) -> BayplanError:
    rule, op, _ = _parse(name)
    return BayplanError(
        f"The rewrite {name!r} ({rule.title}) is not possible in {step.title}: op {op} is not what it "
        "needs, or an earlier rewrite has changed it. Solve the step anew."
    )


def _applied(draft: Draft, name: str) -> bool:
    """Apply a rewrite; whether it was possible."""
    rule, op, numbers = _parse(name)
    line = draft.line_of_op.get(op)
    found = None
    if line is not None and line.target in rule.targets:
        found = rule.find(draft, line, numbers)
    if found is not None:
        found.apply()
    return found is not None


def _parse(name: str) -> tuple[Rule, int, Numbers]:
    parts = _NAME.fullmatch(name)
    rule = parts and next((rule for rule in RULES if rule.name == parts[1]), None)
    if not parts or rule is None:
        known = ", ".join(rule.name for rule in RULES)
        raise BayplanError(
            f"{name[:80]!r} is not a rewrite: expected one of {known}, and an op's number. Solve the "
            "step anew with this version."
        )
    op, *numbers = map(int, parts[2].split())
    return rule, op, tuple(numbers)
