"""A step with more to keep than its dependencies: what pins add, so that all who plan it respect it.

Bounds, searches and the readable order read ``Step.dependencies`` and ``Step.reusable``. A step that
adds to the one and takes from the other is all that they need to know of pins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

from solver.clashes import Edge
from solver.reuse import Reuse, find_reusable
from solver.step import Step, hazards


@dataclass(frozen=True)
class ConstrainedStep(Step):
    """A step whose orders keep ``edges`` as well; plans for it are plans for the step.

    The edges must close no cycle with the dependencies. Fingerprint and program are the step's.
    """

    edges: tuple[Edge, ...] = ()
    """(before, after): two ops."""
    alone: frozenset[int] = frozenset()
    """Storages that take no part in in-place reuse."""

    @cached_property
    def dependencies(self) -> tuple[tuple[int, ...], ...]:
        """For each op the ops (ascending) that any order must run before it."""
        before = [set(earlier) for earlier in hazards(self.ops)]
        for first, second in self.edges:
            before[second].add(first)
        return tuple(tuple(sorted(earlier)) for earlier in before)

    @cached_property
    def reusable(self) -> dict[int, Reuse]:
        """By op, ascending: the operands into whose bytes it may write its result."""
        result = {}
        for op, reuse in find_reusable(self).items():
            operands = tuple(s for s in reuse.operands if s not in self.alone)
            if operands and reuse.created not in self.alone:
                result[op] = replace(reuse, operands=operands)
        return result


def constrained(step: Step, edges: Iterable[Edge], alone: Iterable[int] = ()) -> Step:
    """The step with more to keep; the step itself where that is nothing."""
    edges, alone = tuple(edges), frozenset(alone)
    if not edges and not alone:
        return step
    if isinstance(step, ConstrainedStep):
        return replace(step, edges=(*step.edges, *edges), alone=step.alone | alone)
    own = {field.name: getattr(step, field.name) for field in fields(Step)}
    return ConstrainedStep(**own, edges=edges, alone=alone)


def renumbered(step: Step, order: Sequence[int]) -> Step:
    """The same step with its ops numbered and standing as in ``order``, which keeps all of it.

    Searches take the order in which the ops of a step stand for one that is valid and easy to read.
    The program is only good for what its instructions say of their ops: they stay where they are.
    """
    number = [0] * len(order)
    for position, op in enumerate(order):
        number[op] = position
    program = step.program
    if program is not None:
        instructions = tuple(
            replace(i, op=number[i.op]) if i.op >= 0 else i for i in program.instructions
        )
        program = replace(program, instructions=instructions)
    moved = replace(step, ops=tuple(step.ops[op] for op in order), program=program)
    if isinstance(moved, ConstrainedStep):
        moved = replace(moved, edges=tuple((number[a], number[b]) for a, b in moved.edges))
    return moved
