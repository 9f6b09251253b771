"""What a tensor is made from and what is made from it, as rectangles and slots; no Qt."""

from dataclasses import dataclass

from app.facts.stays import Went
from app.map.plan_scene import PlanScene
from app.map.scene import Scene

MOST = 24
"""Arrows that are drawn at most; a parameter may be read by hundreds of ops."""


@dataclass(frozen=True, slots=True)
class Relation:
    """At ``slot`` an op reads rectangle ``source`` to make rectangle ``target``."""

    slot: int
    source: int
    target: int
    main: bool = True
    """Whether the other tensor is the largest one of the op."""


@dataclass(frozen=True, slots=True)
class Relations:
    """The ops of one storage: badges as the inspector numbers them, and the tensors beside it."""

    uses: tuple[tuple[str, int], ...]
    """(badge, slot) of the producer and the consumers, ascending slots."""
    links: tuple[Relation, ...]
    more: int = 0
    """Relations beside the ``MOST`` that are told."""


def relations_of(scene: Scene, storage: int) -> Relations:
    """What the producer reads and what each consumer makes are the tensors beside it.

    Of more than ``MOST`` first the largest of each op, then the larger ones.
    """
    if not isinstance(scene, PlanScene):
        return Relations((), ())
    facts = scene.facts
    producers, consumers = facts.producers(storage), facts.consumers(storage)
    makers = [use.slot for use in producers if use.creates]
    uses = [("P", slot) for slot in makers]
    uses += [(str(number + 1), use.slot) for number, use in enumerate(consumers)]
    links: list[Relation] = []
    for slot in makers:
        op = facts.op_at(slot)
        links += _link(scene, [s for s in op.reads if s != storage], storage, slot, made=True)
    for use in consumers:
        op = facts.op_at(use.slot)
        made = [s for s in {*op.creates, *op.writes} if s != storage]
        links += _link(scene, made, storage, use.slot, made=False)
    order = sorted(range(len(links)), key=lambda i: (not links[i].main, -_other_size(scene, links[i])))
    kept = tuple(links[i] for i in sorted(order[:MOST]))
    return Relations(tuple(sorted(uses, key=lambda use: use[1])), kept, len(links) - len(kept))


def _other_size(scene: PlanScene, link: Relation) -> int:
    """Bytes of the smaller of both tensors: of those with one in common the other's decide."""
    ends = (link.source, link.target)
    return min(int(scene.high[end]) - int(scene.low[end]) for end in ends)


def _link(
    scene: PlanScene, others: list[int], storage: int, slot: int, *, made: bool
) -> list[Relation]:
    own = _rectangle_at(scene, storage, slot)
    planned = [s for s in others if scene.step.storages[s].planned]
    planned.sort(key=lambda s: (-scene.step.storages[s].size, s))
    others_at = [rectangle for s in planned if (rectangle := _rectangle_at(scene, s, slot)) >= 0]
    if own < 0:
        return []
    ends = [(other, own) if made else (own, other) for other in others_at]
    return [Relation(slot, *pair, main=n == 0) for n, pair in enumerate(ends)]


def _rectangle_at(scene: PlanScene, storage: int, slot: int) -> int:
    """The storage's rectangle that is alive at a slot, or taken over there, or -1."""
    for rectangle in scene.rectangles_of((storage,)):
        last = int(scene.end[rectangle])
        taken = last == slot and scene.instance[rectangle] >= 0
        if scene.start[rectangle] <= slot < last + (taken and scene.span(rectangle).went is Went.TAKEN):
            return rectangle
    return -1
