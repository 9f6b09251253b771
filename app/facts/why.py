"""Why a storage is in memory: who makes it, what it is kept for, what that costs. Sentences, no Qt."""

from itertools import pairwise

from app.facts.plan import PlanFacts, op_place
from app.facts.several import MAKES, named, why_several
from app.numbers import human
from app.translation import mark, plural, tr
from solver.step import Category, Phase, SourceLine

READS = {
    Phase.FORWARD: mark("Forward makes it with {} and reads it in {}."),
    Phase.BACKWARD: mark("Backward makes it with {} and reads it in {}."),
    Phase.UPDATE: mark("The update makes it with {} and reads it in {}."),
}
NEEDS = {
    Phase.FORWARD: mark("Forward needs it until op {}, for {}."),
    Phase.BACKWARD: mark("Backward needs it until op {}, for {}."),
    Phase.UPDATE: mark("The update needs it until op {}, for {}."),
}
ALONE = {
    Phase.FORWARD: mark("Forward alone needs it until op {}, for {}."),
    Phase.BACKWARD: mark("Backward alone needs it until op {}, for {}."),
    Phase.UPDATE: mark("The update alone needs it until op {}, for {}."),
}
WRITES = {
    Phase.FORWARD: mark("Forward writes it in place at op {}, {}."),
    Phase.BACKWARD: mark("Backward writes it in place at op {}, {}."),
    Phase.UPDATE: mark("The update writes it in place at op {}, {}."),
}


def why_alive(facts: PlanFacts, storage: int) -> str:
    """One or two sentences: who makes it, who reads it, until when it must stay."""
    about = facts.step.storages[storage]
    if about.size == 0:
        return tr("It has no bytes: it only carries a shape from op to op.")
    if about.resident:
        return _why_resident(facts, storage)
    if len(facts.spans(storage)) > 1:
        return why_several(facts, storage)
    producers, consumers = facts.producers(storage), facts.consumers(storage)
    if not producers:
        return tr("No op makes it.") if consumers else tr("No op touches it.")
    ops = facts.step.ops
    maker = ops[producers[0].op]
    made = tr(MAKES[maker.phase]).format(op_place(maker))
    if not consumers:
        return tr("{}. Nothing reads it, so it is freed after op {}.").format(made, producers[-1].slot)
    gone = next(iter(facts.taken_over(storage)), None)
    reuse = ""
    if gone:
        new = facts.step.storages[gone.new].name
        reuse = " " + tr("That op writes {} into its bytes.").format(new)
    last = ops[consumers[-1].op]
    if last.phase is maker.phase:
        until = consumers[-1].slot
        readers = named([ops[use.op] for use in consumers])
        return tr("{}. It is needed until op {}, for {}.").format(made, until, readers) + reuse
    late = [ops[use.op] for use in reversed(consumers) if ops[use.op].phase is last.phase]
    said = NEEDS if ops[consumers[0].op].phase is maker.phase else ALONE
    needs = tr(said[last.phase]).format(consumers[-1].slot, named(late))
    return f"{origin_text(facts, storage)} {needs}{reuse}"


def origin_text(facts: PlanFacts, storage: int) -> str:
    """Who makes a storage of one stay, and which ops of the same phase read it."""
    producers = facts.producers(storage)
    if not producers:
        return ""
    ops = facts.step.ops
    maker = ops[producers[0].op]
    early = [ops[use.op] for use in facts.consumers(storage)[:-1] if ops[use.op].phase is maker.phase]
    if early:
        return tr(READS[maker.phase]).format(op_place(maker), named(early))
    return f"{tr(MAKES[maker.phase]).format(op_place(maker))}."


def why_still(facts: PlanFacts, storage: int, slot: int) -> tuple[str, SourceLine | None]:
    """Why a planned storage is still alive at ``slot``, with the op it waits for and its source line.

    Empty where it is not alive then, or lives across steps.
    """
    about = facts.step.storages[storage]
    if not about.planned or not facts.alive(storage, slot):
        return "", None
    where = tr("at op {}").format(slot)
    if slot == facts.peak_slot:
        where = tr("at the peak, op {},").format(slot)
    span = next(s for s in facts.spans(storage) if s.start <= slot < s.end)
    uses = (*facts.producers(storage), *facts.consumers(storage))
    slots = sorted(use.slot for use in uses if slot <= use.slot < span.end)
    if not slots:
        said = tr("It is still alive {} but no op needs it any more before it is freed.")
        return said.format(where), None
    last = slots[-1]
    keeper = facts.op_at(last)
    source = facts.step.sources[keeper.source] if keeper.source >= 0 else None
    line = f" ({source_text(source)})" if source is not None else ""
    if slots[0] == slot:
        if last == slot:
            said = tr("It is alive {} because that op uses it, for the last time{}.")
            return said.format(where, line), source
        said = tr("It is alive {} because that op uses it; later {} needs it at op {}{}.")
        return said.format(where, op_place(keeper), last, line), source
    said = tr("It is still alive {} because {} needs it at op {}{}.")
    text = said.format(where, op_place(keeper), last, line)
    if between := len(slots) - 1:
        text += " " + plural("{} op uses it before that.", "{} ops use it before that.", between)
    return text, source


def source_text(source: SourceLine) -> str:
    """``out = self.bn3(out)`` in resnet.py:155: the line of code and where it is."""
    file = source.file.replace("\\", "/").rsplit("/", 1)[-1]
    code = source.text[source.here].strip() if 0 <= source.here < len(source.text) else ""
    where = f"{file}:{source.line}"
    return f"“{code}”, {where}" if code else where


def _why_resident(facts: PlanFacts, storage: int) -> str:
    about = facts.step.storages[storage]
    uses = (*facts.producers(storage), *facts.consumers(storage))
    if storage in facts.plan.homes:
        start = tr("It lives across steps in host memory and is on the device only while ops use it.")
    elif about.output:
        start = tr("It leaves the step, so it lies outside the arena and stays after the last op.")
    elif about.category in (Category.INPUT, Category.CONSTANT):
        start = tr("It is there before the step and stays until its end.")
    else:
        start = tr("It lives across steps, so it is in memory at every op.")
    writers = [use for use in uses if use.in_place]
    if writers:
        writer = writers[-1]
        op = facts.step.ops[writer.op]
        said = tr(WRITES[op.phase]).format(writer.slot, op_place(op))
    elif uses:
        said = plural("{} op uses it.", "{} ops use it.", len(uses))
    else:
        said = tr("No op of this step uses it.")
    return f"{start} {said}"


def idle_cost(facts: PlanFacts, storage: int) -> str:
    """The longest stretch in which a planned storage is kept though no op uses it; empty: none."""
    about = facts.step.storages[storage]
    if not about.planned:
        return ""
    slots = sorted(use.slot for use in (*facts.producers(storage), *facts.consumers(storage)))
    longest, before, after = 0, 0, 0
    for first, second in pairwise(slots):
        # The op that takes its bytes over is the slot at which it ends.
        kept = any(s.start <= first and second <= s.end for s in facts.spans(storage))
        if kept and second - first - 1 > longest:
            longest, before, after = second - first - 1, first, second
    if longest < 2:
        return ""
    peak = facts.peak_slot
    said = tr("No op uses it between op {} and op {}. Keeping it holds {} through {} ops.")
    if before < peak < after:
        said = tr(
            "No op uses it between op {} and op {}. Keeping it holds {} through {} ops, the peak at "
            "op {} among them."
        )
    return said.format(before, after, human(int(facts.sizes[storage])), longest, peak)
