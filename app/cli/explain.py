"""Say why a plan needs what it needs: the op at the peak, what is alive then, what proves the bound."""

import argparse
import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.cli.argument_types import slot
from app.cli.library_option import add_library_option
from app.cli.plan_files import load_plan_with_step
from app.facts import explanation
from app.facts.doings import doings, done_text, times_text
from app.facts.plan import op_place
from app.numbers import bytes_exact, human, overhead, overhead_bound
from solver.explain import SlotExplanation, Use, explain_slot, peak_slot
from solver.plan import Plan
from solver.proof import HeightProof, PeakProof, Reason, prove_height, prove_peak
from solver.rewriting import rewritten
from solver.step import Op, Step

ROWS = 20
"""Storages listed without ``--all``."""
WIDTH = 100
NAME, BYTES, SLOT = 30, 13, 6

REASONS = {Reason.TOUCHED: "the op's", Reason.FORCED: "always", Reason.CHEAPEST: "cheapest"}


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("plan", type=Path, metavar="FILE.plan")
    parser.add_argument(
        "step",
        type=Path,
        nargs="?",
        metavar="FILE.step",
        help="the plan's step (otherwise looked for beside the plan and in the library)",
    )
    parser.add_argument("--slot", type=slot, metavar="N", help="explain this slot instead of the peak")
    parser.add_argument("--all", action="store_true", help=f"list all storages, not only {ROWS}")
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")
    add_library_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Explain a slot and the bounds."""
    step, plan = load_plan_with_step(arguments.plan, arguments.step, arguments.library)
    step = rewritten(step, plan)
    about = explain_slot(step, plan, arguments.slot)
    peak, height = prove_peak(step, plan), prove_height(step, plan)
    if arguments.json:
        print(json.dumps(as_dict(step, plan, about, peak, height)))
        return 0
    rows = None if arguments.all else ROWS
    parts = [
        f"{step.title}: {plan.name}, {plan.status.value}\n  peak {bytes_exact(plan.peak_bytes)} B, "
        f"height {bytes_exact(plan.height_bytes)} B, residents apart",
        *_budget_text(step, plan),
        _slot_text(step, plan, about, rows),
        _peak_text(step, peak, rows),
        _height_text(step, plan, height),
    ]
    print("\n\n".join(parts))
    return 0


def _budget_text(step: Step, plan: Plan) -> list[str]:
    """What a plan within a budget does to fit, and what that costs; nothing for other plans."""
    terms = plan.terms
    if terms is None:
        return []
    lines = [
        f"The budget: {bytes_exact(terms.budget_bytes)} B, residents included",
        f"  {overhead(terms.overhead)} time, proven bound {overhead_bound(terms.overhead_bound)}",
        f"  {done_text(doings(step, plan))}",
        f"  Allowed: {', '.join(terms.allowed) or 'order and addresses alone'}",
        f"  Op times: {times_text(terms.device, terms.measured)}",
    ]
    return ["\n".join(lines)]


def _slot_text(step: Step, plan: Plan, about: SlotExplanation, rows: int | None) -> str:
    op = step.ops[about.op]
    title = "The peak" if about.live_bytes == plan.peak_bytes else "Alive then"
    lines = [
        f"{title}: {bytes_exact(about.live_bytes)} B at slot {about.slot} of {len(plan.order)}",
        f"  {op_place(op)}, {op.phase.value} ({op.name})",
    ]
    if op.source >= 0:
        lines.append(f"  {explanation.source_text(step.sources[op.source])}")
    for category, size in about.by_category.items():
        count = sum(step.storages[one.storage].category is category for one in about.alive)
        lines.append(f"  {category.value.capitalize():<{NAME}}{human(size):>13}{count:>7,}")
    slots = "".join(f"{title:>{SLOT}}" for title in ("made", "next", "last"))
    lines += ["", f"  {'alive':<{NAME}}{'bytes':>{BYTES}}{slots}  kept for"]
    shown = about.alive[:rows]
    for one in shown:
        name = _clip(step.storages[one.storage].name, NAME)
        slots = "".join(f"{_slot(use):>{SLOT}}" for use in (one.made, one.following, one.last))
        start = f"  {name:<{NAME}}{bytes_exact(one.bytes):>{BYTES}}{slots}  "
        lines.append(start + _clip(explanation.kept_for(step, one), WIDTH - len(start)))
    return "\n".join([*lines, *_rest([one.bytes for one in about.alive[len(shown) :]])])


def _peak_text(step: Step, proof: PeakProof, rows: int | None) -> str:
    lines = [
        f"The bound of the peak: {bytes_exact(proof.bound_bytes)} B",
        *_wrapped(explanation.proof_sentence(step, proof)),
    ]
    if proof.taken >= 0:
        taken = step.storages[proof.taken].name
        lines += _wrapped(f"Its result is written into the bytes of {taken} and counts nothing.")
    if proof.held:
        lines += ["", f"  {'held':<{NAME}}{'bytes':>{BYTES}}  {'why':<10}needed by"]
    shown = proof.held[:rows]
    for held in shown:
        name = _clip(step.storages[held.storage].name, NAME)
        start = f"  {name:<{NAME}}{bytes_exact(held.bytes):>{BYTES}}  {REASONS[held.reason]:<10}"
        lines.append(start + _clip(explanation.kept_in_proof(step, proof, held), WIDTH - len(start)))
    return "\n".join([*lines, *_rest([held.bytes for held in proof.held[len(shown) :]])])


def _height_text(step: Step, plan: Plan, proof: HeightProof) -> str:
    op = step.ops[plan.order[proof.slot]] if proof.slot >= 0 else None
    sentence = explanation.height_sentence(step, proof, op)
    return "\n".join(
        [f"The bound of the height: {bytes_exact(proof.bound_bytes)} B", *_wrapped(sentence)]
    )


def as_dict(
    step: Step, plan: Plan, about: SlotExplanation, peak: PeakProof, height: HeightProof
) -> dict[str, Any]:
    """Everything, with names: for JSON. Bytes; slots and ops are numbers, ops also by name."""

    def name(storage: int) -> dict[str, Any]:
        one = step.storages[storage]
        return {"storage": storage, "name": one.name, "category": one.category.value}

    return {
        "plan": plan.name,
        "fingerprint": plan.fingerprint,
        "status": plan.status.value,
        "terms": None if plan.terms is None else asdict(plan.terms),
        "done": None if plan.terms is None else asdict(doings(step, plan)),
        "peak_bytes": plan.peak_bytes,
        "peak_slot": peak_slot(step, plan),
        "slot": about.slot,
        "op": _op(step, about.op),
        "live_bytes": about.live_bytes,
        "by_category": {category.value: size for category, size in about.by_category.items()},
        "alive": [
            {
                **name(one.storage),
                "bytes": one.bytes,
                "made": _use(step, one.made),
                "used_here": one.used_here,
                "next": _use(step, one.following),
                "last": _use(step, one.last),
                "why": explanation.why(step, one),
            }
            for one in about.alive
        ],
        "peak_bound": {
            "bytes": peak.bound_bytes,
            "cut_bytes": peak.cut_bytes,
            "proof": peak.kind.value,
            "op": _op(step, peak.op) if peak.op >= 0 else None,
            "text": explanation.proof_sentence(step, peak),
            "reused": name(peak.taken) if peak.taken >= 0 else None,
            "held": [
                {
                    **name(held.storage),
                    "bytes": held.bytes,
                    "reason": held.reason.value,
                    "made": _op(step, held.maker),
                    "needed": _op(step, held.waiting),
                    "why": explanation.reason(step, peak, held),
                }
                for held in peak.held
            ],
        },
        "height_bound": {
            "bytes": height.bound_bytes,
            "slot": height.slot,
            "pinned": height.pinned,
            "held": [name(plan.instances[i].storage) for i in height.instances],
        },
    }


def _op(step: Step, index: int) -> dict[str, Any]:
    op: Op = step.ops[index]
    source = step.sources[op.source] if op.source >= 0 else None
    return {
        "op": index,
        "name": op.name,
        "target": op.target,
        "module": op.module,
        "phase": op.phase.value,
        "source": f"{source.file}:{source.line}" if source is not None else None,
    }


def _use(step: Step, use: Use | None) -> dict[str, Any] | None:
    return None if use is None else {**_op(step, use.op), "slot": use.slot}


def _slot(use: Use | None) -> str:
    return "–" if use is None else f"{use.slot:,}"


def _rest(sizes: Sequence[int]) -> list[str]:
    if not sizes:
        return []
    return [f"  and {len(sizes):,} more, {human(sum(sizes))}; --all lists them"]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
