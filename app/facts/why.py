"""Why a storage is in memory: who makes it, what it is kept for, what that costs. Sentences, no Qt."""

from itertools import pairwise

from app.facts.plan import PlanFacts, op_place
from app.facts.several import WHO, named, why_several
from app.numbers import counted, human
from solver.step import Category, SourceLine


def why_alive(facts: PlanFacts, storage: int) -> str:
    """One or two sentences: who makes it, who reads it, until when it must stay."""
    about = facts.step.storages[storage]
    if about.size == 0:
        return "It has no bytes: it only carries a shape from op to op."
    if about.resident:
        return _why_resident(facts, storage)
    if len(facts.spans(storage)) > 1:
        return why_several(facts, storage)
    producers, consumers = facts.producers(storage), facts.consumers(storage)
    if not producers:
        return "No op makes it." if consumers else "No op touches it."
    ops = facts.step.ops
    maker = ops[producers[0].op]
    made = f"{WHO[maker.phase]} makes it with {op_place(maker)}"
    if not consumers:
        return f"{made}. Nothing reads it, so it is freed after op {producers[-1].slot}."
    gone = next(iter(facts.taken_over(storage)), None)
    reuse = f" That op writes {facts.step.storages[gone.new].name} into its bytes." if gone else ""
    last = ops[consumers[-1].op]
    if last.phase is maker.phase:
        until = consumers[-1].slot
        readers = named([ops[use.op] for use in consumers])
        return f"{made}. It is needed until op {until}, for {readers}.{reuse}"
    late = [ops[use.op] for use in reversed(consumers) if ops[use.op].phase is last.phase]
    only = "" if ops[consumers[0].op].phase is maker.phase else " alone"
    needs = f"needs it until op {consumers[-1].slot}, for {named(late)}.{reuse}"
    return f"{origin_text(facts, storage)} {WHO[last.phase]}{only} {needs}"


def origin_text(facts: PlanFacts, storage: int) -> str:
    """Who makes a storage of one stay, and which ops of the same phase read it."""
    producers = facts.producers(storage)
    if not producers:
        return ""
    ops = facts.step.ops
    maker = ops[producers[0].op]
    early = [ops[use.op] for use in facts.consumers(storage)[:-1] if ops[use.op].phase is maker.phase]
    read = f" and reads it in {named(early)}" if early else ""
    return f"{WHO[maker.phase]} makes it with {op_place(maker)}{read}."


def why_still(facts: PlanFacts, storage: int, slot: int) -> tuple[str, SourceLine | None]:
    """Why a planned storage is still alive at ``slot``, with the op it waits for and its source line.

    Empty where it is not alive then, or lives across steps.
    """
    about = facts.step.storages[storage]
    if not about.planned or not facts.alive(storage, slot):
        return "", None
    where = f"at the peak, op {slot}," if slot == facts.peak_slot else f"at op {slot}"
    span = next(s for s in facts.spans(storage) if s.start <= slot < s.end)
    uses = (*facts.producers(storage), *facts.consumers(storage))
    slots = sorted(use.slot for use in uses if slot <= use.slot < span.end)
    if not slots:
        return f"It is still alive {where} but no op needs it any more before it is freed.", None
    last = slots[-1]
    keeper = facts.op_at(last)
    source = facts.step.sources[keeper.source] if keeper.source >= 0 else None
    line = f" ({source_text(source)})" if source is not None else ""
    if slots[0] == slot:
        if last == slot:
            return f"It is alive {where} because that op uses it, for the last time{line}.", source
        later = f"later {op_place(keeper)} needs it at op {last}{line}"
        return f"It is alive {where} because that op uses it; {later}.", source
    between = len(slots) - 1
    verb = "uses" if between == 1 else "use"
    more = f" {counted(between, 'op')} {verb} it before that." if between else ""
    return (
        f"It is still alive {where} because {op_place(keeper)} needs it at op {last}{line}.{more}",
        source,
    )


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
        start = "It lives across steps in host memory and is on the device only while ops use it."
    elif about.output:
        start = "It leaves the step, so it lies outside the arena and stays after the last op."
    elif about.category in (Category.INPUT, Category.CONSTANT):
        start = "It is there before the step and stays until its end."
    else:
        start = "It lives across steps, so it is in memory at every op."
    writers = [use for use in uses if use.in_place]
    if writers:
        writer = writers[-1]
        op = facts.step.ops[writer.op]
        return f"{start} {WHO[op.phase]} writes it in place at op {writer.slot}, {op_place(op)}."
    if uses:
        count = len(uses)
        return f"{start} {count} op{'s' if count != 1 else ''} use{'s' if count == 1 else ''} it."
    return f"{start} No op of this step uses it."


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
    across = f", the peak at op {peak} among them" if before < peak < after else ""
    return (
        f"No op uses it between op {before} and op {after}. "
        f"Keeping it holds {human(int(facts.sizes[storage]))} through {longest} ops{across}."
    )
