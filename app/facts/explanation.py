"""Why a storage is alive and what proves a bound, in words for command line and window. No Qt."""

from app.facts.plan import op_place
from app.numbers import bytes_exact, human, percent
from solver.explain import Alive
from solver.plan import Proof
from solver.proof import HeightProof, Held, PeakProof, Reason
from solver.step import Op, SourceLine, Step


def why(step: Step, one: Alive) -> str:
    """``until op 564, for relu backward in layer4.2; next at op 402, ...``: why it is alive."""
    if one.last is None:
        return "in use here for the last time" if one.used_here else "needed no more, freed later"
    here = "in use here and " if one.used_here else ""
    text = f"{here}until op {one.last.slot}, for {op_place(step.ops[one.last.op])}"
    if one.following is None or one.following == one.last:
        return text
    return f"{text}; next at op {one.following.slot}, {op_place(step.ops[one.following.op])}"


def kept_for(step: Step, one: Alive) -> str:
    """``relu backward in layer4.2``: the last op that needs it, in the fewest words."""
    if one.last is not None:
        return op_place(step.ops[one.last.op])
    return "in use here" if one.used_here else "nothing any more"


def kept_in_proof(step: Step, proof: PeakProof, held: Held) -> str:
    """The same for a storage that a bound counts."""
    if held.reason is Reason.TOUCHED:
        return "made here" if held.maker == proof.op else "in use here"
    return op_place(step.ops[held.waiting])


def reason(step: Step, proof: PeakProof, held: Held) -> str:
    """Why the proving op cannot run without this storage in memory."""
    maker, waiting = step.ops[held.maker], step.ops[held.waiting]
    match held.reason:
        case Reason.TOUCHED:
            return "made here" if held.maker == proof.op else "in use here"
        case Reason.FORCED:
            return f"always: for {op_place(waiting)}, made by {op_place(maker)}"
        case Reason.CHEAPEST:
            return f"cheapest choice: for {op_place(waiting)}, made by {op_place(maker)}"


def proof_sentence(step: Step, proof: PeakProof) -> str:
    """What the peak's bound rests on."""
    bound = _exact(proof.bound_bytes)
    if proof.op < 0:
        return f"A search found no order with a peak under {bound}; its tree is not kept."
    op = step.ops[proof.op]
    who = f"{op_place(op)} runs ({op.name})"
    if proof.kind is Proof.NONE:
        return f"While {who} it needs {bound} itself; nothing more was proven."
    cut = _exact(proof.cut_bytes)
    forced = sum(held.bytes for held in proof.held if held.reason is not Reason.CHEAPEST)
    if forced >= proof.cut_bytes:
        said = f"whatever the order, while {who} these {len(proof.held)} tensors are alive: {cut}."
    else:
        said = (
            f"whatever the order, while {who} at least {cut} are alive: {human(forced)} of these "
            f"{len(proof.held)} tensors are always there, and a minimum cut shows that no choice of "
            "what runs before holds less besides."
        )
    if proof.kind is Proof.CUT:
        return said[0].upper() + said[1:]
    return (
        f"A search found no order with a peak under {bound}. Its tree is not kept: to check it, solve "
        f"again with the same seed. One op alone proves {percent(proof.cut_bytes / proof.bound_bytes)} "
        f"of it: {said}"
    )


def height_sentence(step: Step, proof: HeightProof, op: Op | None) -> str:
    """What the height's bound rests on."""
    bound = _exact(proof.bound_bytes)
    if proof.pinned:
        return f"A tensor is pinned to an address that ends at {bound}: no placement is lower."
    if op is None:
        return "Nothing runs, so nothing need be placed."
    return (
        f"In this plan's order {bound} are alive at once, at slot {proof.slot} ({op_place(op)}): no "
        "placement of it is lower."
    )


def source_text(source: SourceLine) -> str:
    """``train.py:12, in forward: out = self.relu(out)``."""
    where = f"{source.file}:{source.line}, in {source.function}"
    line = source.text[source.here].strip() if source.here < len(source.text) else ""
    return f"{where}: {line}" if line else where


def _exact(size: int) -> str:
    """The number and its unit stay on one line."""
    return f"{bytes_exact(size)}\N{NO-BREAK SPACE}B"
