"""Why a storage is alive and what proves a bound, in words for command line and window. No Qt."""

from app.facts.plan import op_place
from app.numbers import bytes_exact, human, percent
from app.translation import tr
from solver.explain import Alive
from solver.plan import Proof
from solver.proof import HeightProof, Held, PeakProof, Reason
from solver.step import Op, SourceLine, Step


def why(step: Step, one: Alive) -> str:
    """``until op 564, for relu backward in layer4.2; next at op 402, ...``: why it is alive."""
    if one.last is None:
        return (
            tr("in use here for the last time") if one.used_here else tr("needed no more, freed later")
        )
    said = tr("in use here and until op {}, for {}") if one.used_here else tr("until op {}, for {}")
    text = said.format(one.last.slot, op_place(step.ops[one.last.op]))
    if one.following is None or one.following == one.last:
        return text
    return tr("{}; next at op {}, {}").format(
        text, one.following.slot, op_place(step.ops[one.following.op])
    )


def kept_for(step: Step, one: Alive) -> str:
    """``relu backward in layer4.2``: the last op that needs it, in the fewest words."""
    if one.last is not None:
        return op_place(step.ops[one.last.op])
    return tr("in use here") if one.used_here else tr("nothing any more")


def kept_in_proof(step: Step, proof: PeakProof, held: Held) -> str:
    """The same for a storage that a bound counts."""
    if held.reason is Reason.TOUCHED:
        return tr("made here") if held.maker == proof.op else tr("in use here")
    return op_place(step.ops[held.waiting])


def reason(step: Step, proof: PeakProof, held: Held) -> str:
    """Why the proving op cannot run without this storage in memory."""
    maker, waiting = step.ops[held.maker], step.ops[held.waiting]
    match held.reason:
        case Reason.TOUCHED:
            return tr("made here") if held.maker == proof.op else tr("in use here")
        case Reason.FORCED:
            return tr("always: for {}, made by {}").format(op_place(waiting), op_place(maker))
        case Reason.CHEAPEST:
            return tr("cheapest choice: for {}, made by {}").format(op_place(waiting), op_place(maker))


def proof_sentence(step: Step, proof: PeakProof) -> str:
    """What the peak's bound rests on."""
    bound = _exact(proof.bound_bytes)
    if proof.op < 0:
        return tr("A search found no order with a peak under {}; its tree is not kept.").format(bound)
    op = step.ops[proof.op]
    who = tr("{} runs ({})").format(op_place(op), op.name)
    if proof.kind is Proof.NONE:
        return tr("While {} it needs {} itself; nothing more was proven.").format(who, bound)
    cut = _exact(proof.cut_bytes)
    forced = sum(held.bytes for held in proof.held if held.reason is not Reason.CHEAPEST)
    if forced >= proof.cut_bytes:
        said = tr("whatever the order, while {} these {} tensors are alive: {}.").format(
            who, len(proof.held), cut
        )
    else:
        said = tr(
            "whatever the order, while {} at least {} are alive: {} of these {} tensors are "
            "always there, and a minimum cut shows that no choice of what runs before holds "
            "less besides."
        ).format(who, cut, human(forced), len(proof.held))
    if proof.kind is Proof.CUT:
        return said[0].upper() + said[1:]
    return tr(
        "A search found no order with a peak under {}. Its tree is not kept: to check "
        "it, solve again with the same seed. One op alone proves {} of it: {}"
    ).format(bound, percent(proof.cut_bytes / proof.bound_bytes), said)


def height_sentence(step: Step, proof: HeightProof, op: Op | None) -> str:
    """What the height's bound rests on."""
    bound = _exact(proof.bound_bytes)
    if proof.pinned:
        return tr("A tensor is pinned to an address that ends at {}: no placement is lower.").format(
            bound
        )
    if op is None:
        return tr("Nothing runs, so nothing need be placed.")
    return tr(
        "In this plan's order {} are alive at once, at slot {} ({}): no placement of it is lower."
    ).format(bound, proof.slot, op_place(op))


def source_text(source: SourceLine) -> str:
    """``train.py:12, in forward: out = self.relu(out)``."""
    where = tr("{}:{}, in {}").format(source.file, source.line, source.function)
    line = source.text[source.here].strip() if source.here < len(source.text) else ""
    return f"{where}: {line}" if line else where


def _exact(size: int) -> str:
    """The number and its unit stay on one line."""
    return f"{bytes_exact(size)}\N{NO-BREAK SPACE}B"
