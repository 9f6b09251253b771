"""What a tensor is made from and what is made from it, as rectangles and slots; no Qt."""

from dataclasses import dataclass

from app.facts.stays import Went
from app.map.plan_scene import PlanScene
from app.map.scene import Scene


@dataclass(frozen=True, slots=True)
class Relation:
    """At ``slot`` an op reads rectangle ``source`` to make rectangle ``target``."""

    slot: int
    source: int
    target: int


@dataclass(frozen=True, slots=True)
class Relations:
    """The ops of one storage: badges as the inspector numbers them, and the tensors beside it."""

    uses: tuple[tuple[str, int], ...]
    """(badge, slot) of the producer and the consumers, ascending slots."""
    links: tuple[Relation, ...]


def relations_of(scene: Scene, storage: int) -> Relations:
    """The producer's largest input and each consumer's largest result are the tensors beside it."""
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
    return Relations(tuple(sorted(uses, key=lambda use: use[1])), tuple(links))


def _link(
    scene: PlanScene, others: list[int], storage: int, slot: int, *, made: bool
) -> list[Relation]:
    own = _rectangle_at(scene, storage, slot)
    planned = [s for s in others if scene.step.storages[s].planned]
    planned.sort(key=lambda s: (-scene.step.storages[s].size, s))
    other = _rectangle_at(scene, planned[0], slot) if planned else -1
    if own < 0 or other < 0:
        return []
    return [Relation(slot, other, own) if made else Relation(slot, own, other)]


def _rectangle_at(scene: PlanScene, storage: int, slot: int) -> int:
    """The storage's rectangle that is alive at a slot, or taken over there, or -1."""
    for rectangle in scene.rectangles_of((storage,)):
        last = int(scene.end[rectangle])
        taken = last == slot and scene.instance[rectangle] >= 0
        if scene.start[rectangle] <= slot < last + (taken and scene.span(rectangle).went is Went.TAKEN):
            return rectangle
    return -1
