"""What the validator asks of every run: program order defines which version of each storage it finds.

A repetition must find exactly what the first run did, except the running statistics of a batch norm,
which it neither reads nor writes; from saved statistics it finds those besides.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from solver.repetition import Repetitions, find_repetitions
from solver.step import Category, Step, round_up


@dataclass(frozen=True, slots=True)
class Needs:
    """What one run of an op must find, and what it must make."""

    planned: dict[int, int]
    """Version by storage that has instances."""
    others: list[tuple[int, int]]
    """(storage, version) of those that have none."""
    makes: set[int]
    """The storages with instances that it creates."""


class Demands:
    """What program order defines: the version of each storage that each op must find."""

    def __init__(self, step: Step, homes: frozenset[int]) -> None:
        self.step, self.homes = step, homes
        self.sizes = [round_up(storage.size) for storage in step.storages]
        self.may_have_homes = _may_have_homes(step)
        self.planned = {i for i, storage in enumerate(step.storages) if storage.planned}
        self.planned |= homes & self.may_have_homes
        """With the residents that have homes: all that have instances."""
        version = [0] * len(step.storages)
        self.first: list[Needs] = []
        """By op: of its first run."""
        for op in step.ops:
            needs = {s: version[s] for s in op.reads + op.writes if s not in op.creates}
            self.first.append(
                Needs(
                    {s: v for s, v in needs.items() if s in self.planned},
                    [(s, v) for s, v in needs.items() if s not in self.planned],
                    self.planned.intersection(op.creates),
                )
            )
            for storage in {*op.writes, *op.creates}:
                version[storage] += 1
        self.final = [(i, version[i]) for i, storage in enumerate(step.storages) if storage.resident]
        """(storage, version) of each resident after the step."""

    @cached_property
    def repetitions(self) -> Repetitions:
        """What the step lets run again."""
        return find_repetitions(self.step)

    def again(self, op: int, *, saved_statistics: bool) -> Needs:
        """Of a repetition of an op that may be repeated so."""
        first = self.first[op]
        uncounted = self.repetitions.uncounted.get(op, frozenset())
        others = [
            (s, v)
            for s, v in first.others
            if s not in uncounted and self.sizes[s]  # What has no bytes has no content to be another.
        ]
        if not saved_statistics:
            return Needs(first.planned, others, first.makes)
        saved = self.repetitions.saved[op]
        # They have one version: batch norm writes them as it creates them, and nothing else does.
        return Needs(first.planned | dict.fromkeys(saved.statistics, 1), others, {saved.result})


def _may_have_homes(step: Step) -> set[int]:
    """Weights and states of the optimizer: what stays in the step, and is one tensor from its start."""
    hindered = {storage for op in step.ops for storage in op.creates}
    if program := step.program:
        tensors = [(program.values[p.value], p.role) for p in program.placeholders]
        count = Counter(value.storage for value, _ in tensors)
        hindered |= {storage for storage in range(len(step.storages)) if count[storage] != 1}
        # The sums of gradients live as long as the optimizer's state, but are not the optimizer's.
        hindered |= {
            value.storage
            for value, role in tensors
            if role not in ("optimizer", "parameter") or value.offset
        }
    return {
        i
        for i, storage in enumerate(step.storages)
        if storage.category in (Category.OPTIMIZER_STATE, Category.PARAMETER)
        and not storage.output
        and storage.size > 0
        and i not in hindered
    }
