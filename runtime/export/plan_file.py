"""The content of an export's ``plan.json``: what ``runtime.replay.plan_data`` reads."""

from collections.abc import Iterable, Mapping
from typing import Any

from runtime.replay.plan_data import FORMAT, HOME, VERSION, content_digest
from solver.errors import BayplanError
from solver.plan import Free, Offload, Plan, Prefetch, Run
from solver.rewriting import tolerance_of
from solver.step import Json, Program, Step, Value

from .generate import Generated
from .signature import signature_json

_BATCH_NORMS = (
    "native_batch_norm.default",
    "_native_batch_norm_legit.default",
    "cudnn_batch_norm.default",
)
_TRAINING_ARGUMENT = 5
"""Position of ``training`` in the arguments of these ops."""


def plan_file(
    step: Step,
    planned: Step,
    plan: Plan,
    generated: Generated,
    files: Mapping[str, str],
) -> dict[str, Json]:
    """The file's JSON; ``planned`` is the step with the plan's rewrites, of which ``generated`` is,
    ``files`` the SHA-256 of each file."""
    assert step.program is not None and planned.program is not None
    content = _content(planned, planned.program, plan, generated)
    content |= {
        "mode": _mode(step, step.program),
        "signature": signature_json(step, step.program),
        "tolerance": tolerance_of(plan.rewrites),
    }
    return {
        "format": FORMAT,
        "version": VERSION,
        "digest": content_digest(content),
        "files": dict(files),
        "plan": content,
    }


def _content(step: Step, program: Program, plan: Plan, generated: Generated) -> dict[str, Json]:
    written = {storage for op in step.ops for storage in op.writes}
    ops, guarded, lifetimes = _slots(step, program, plan)
    optimizer = program.optimizer
    in_block = [h for h, slot in enumerate(plan.host_slots) if slot.storage not in plan.homes]
    number_of = {host: number for number, host in enumerate(in_block)}
    homes = {storage: step.storages[storage].size for storage in plan.homes}
    return {
        "title": step.title,
        "source": step.origin.source,
        "batch": step.origin.batch,
        "options": step.origin.options,
        "training": step.origin.training,
        "device": step.origin.target,
        "torch": step.origin.torch,
        "fingerprint": plan.fingerprint,
        "plan_name": plan.name,
        "peak_bytes": plan.peak_bytes,
        "height_bytes": plan.height_bytes,
        "ops": ops,
        "guarded": guarded,
        "created": generated.created,
        "repeated": generated.repeated,
        "again": generated.again,
        "norms": [_norm(program, op) for op in generated.norms],
        "instances": [
            [step.storages[i.storage].size, i.address, *lifetimes[index]]
            for index, i in enumerate(plan.instances)
        ],
        "takes": [pair for action in plan.actions if isinstance(action, Run) for pair in action.takes],
        "transfers": [
            [isinstance(action, Offload), number_of.get(action.host, HOME), action.instance]
            for action in plan.actions
            if isinstance(action, Offload | Prefetch)
        ],
        "host_slots": [
            [step.storages[plan.host_slots[h].storage].size, plan.host_slots[h].address]
            for h in number_of
        ],
        "residents": [
            {
                "role": p.role,
                "key": p.key,
                "spec": _spec(program, p.value),
                "storage": program.values[p.value].storage,
                "written": program.values[p.value].storage in written,
                "home": homes.get(program.values[p.value].storage, 0),
            }
            for p in program.placeholders
        ],
        "constants": [{"spec": _spec(program, c.value), "data": c.data} for c in program.constants],
        "scalars": [[s.kind, s.group] for s in program.scalars],
        "optimizer": optimizer.name if optimizer else "",
        "groups": [
            {"parameters": g.parameters, "hyperparameters": g.hyperparameters}
            for g in (optimizer.groups if optimizer else ())
        ],
        "outputs": [_spec(program, value) for value in program.outputs],
        "output_tree": _tree(program.output_tree, {v: i for i, v in enumerate(program.outputs)}),
    }


def _slots(
    step: Step, program: Program, plan: Plan
) -> tuple[list[str], list[int], list[tuple[int, int]]]:
    """What runs in each slot, the slots that a guard decides on, and the lifetime of each instance.

    A prefetch asks for memory between two ops: unlike in the plan it has a slot of its own.
    """
    guarded = {instruction.op for instruction in program.instructions if instruction.guard}
    made_guarded = {storage for op in guarded for storage in step.ops[op].creates}
    names: list[str] = []
    under_guard: list[int] = []
    starts, ends = dict[int, int](), dict[int, int]()
    for action in plan.actions:
        slot = len(names)
        match action:
            case Run(op, _, creates, _, takes):
                names.append(step.ops[op].name)
                under_guard += [slot] if op in guarded else []
                starts |= dict.fromkeys(creates, slot)
                ends |= dict.fromkeys((old for _, old in takes), slot)
            case Prefetch(_, instance):
                storage = plan.instances[instance].storage
                names.append(f"prefetch of {step.storages[storage].name}")
                under_guard += [slot] if storage in made_guarded else []
                starts[instance] = slot
            case Free(instance):
                ends[instance] = slot
            case Offload():
                pass
    lifetimes = [(starts[i], ends.get(i, len(names))) for i in range(len(plan.instances))]
    return names, under_guard, lifetimes


def _norm(program: Program, op: int) -> Json:
    """The kind of a batch norm; None: of one whose input lies in no usual way."""
    call = next(each for each in program.instructions if each.op == op)
    x, weight, bias, running = (
        program.values[item["value"]] if isinstance(item, dict) else None for item in call.args[:4]
    )
    assert x is not None
    orders = [range(len(x.shape)), (0, *range(2, len(x.shape)), 1)]
    layout = next((at for at, order in enumerate(orders) if _fills(x, order)), None)
    if layout is None or (layout == 1 and len(x.shape) < 4):
        return None
    return {
        "target": call.target,
        "dtype": x.dtype,
        "parameters": (running or weight or x).dtype,
        "rank": len(x.shape),
        "channels_last": layout == 1,
        "weight": weight.dtype if weight else "",
        "bias": bias.dtype if bias else "",
    }


def _fills(value: Value, order: Iterable[int]) -> bool:
    """Whether the elements lie one after the other, the last dimension of ``order`` innermost."""
    expected = 1
    for at in reversed([*order]):
        if value.shape[at] != 1 and value.stride[at] != expected:
            return False
        expected *= value.shape[at]
    return True


def _spec(program: Program, value: int) -> list[Any]:
    of = program.values[value]
    return [of.dtype, of.shape, of.stride]


def _tree(tree: Json, position: Mapping[int, int]) -> Json:
    """The output tree with positions among the outputs in place of values."""
    if isinstance(tree, list | tuple):
        return [_tree(item, position) for item in tree]
    if not isinstance(tree, dict):
        return tree
    value = tree.get("value")
    if tree.keys() == {"value"} and type(value) is int:
        if value not in position:
            raise BayplanError(f"The step's result names value {value}, which does not leave the step.")
        return {"value": position[value]}
    return {key: _tree(item, position) for key, item in tree.items()}


def _mode(step: Step, program: Program) -> str:
    """In which mode the model was when it was captured, as far as the step shows it."""
    if not step.origin.training:
        return "eval"
    norms = {
        bool(instruction.args[_TRAINING_ARGUMENT])
        for instruction in program.instructions
        if instruction.op >= 0
        and step.ops[instruction.op].target in _BATCH_NORMS
        and len(instruction.args) > _TRAINING_ARGUMENT
    }
    if True in norms or any(op.random for op in step.ops):
        return "train"
    return "eval" if norms else ""
