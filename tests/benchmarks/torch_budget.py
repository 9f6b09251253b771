"""What ``torch.compile`` with ``activation_memory_budget`` would recompute of a captured step.

The step's program becomes the joint graph that torch partitions (forward and backward; the gradient of
the loss a tangent, the update left out), under fake tensors and without a GPU. The partitioner's two
graphs give a sequence of runs, into which each update comes as early as it can: torch itself would
hold all gradients to the end. A repeated batch norm takes its saved statistics, as Inductor's would.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from operator import getitem
from typing import Any

import torch
from torch import fx
from torch._functorch import config
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._guards import TracingContext, tracing
from torch._inductor.custom_graph_pass import CustomRuntimeEstimator
from torch._subclasses import FakeTensorMode

from runtime.replay.targets import operator as overload
from solver.budget.schedule import Entry, Schedule
from solver.repetition import find_repetitions
from solver.step import Instruction, Json, Phase, Program, Step
from solver.validate import references

_PREFIX = "op_"
_FLOATS = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}


@dataclass(frozen=True)
class Joint:
    """A step's forward and backward as torch's partitioner wants it."""

    step: Step
    module: fx.GraphModule
    mode: FakeTensorMode

    def schedule(self, budget: float, seconds: list[float] | None) -> Schedule:
        """Torch's choice for ``budget`` (0 to 1). ``seconds``: of every op; None: by its FLOPs."""
        estimator: Any = "flops" if seconds is None else _Estimator(seconds)
        knobs = {
            "activation_memory_budget": budget,
            "activation_memory_budget_runtime_estimator": estimator,
            "cse": False,
        }
        with self.mode, tracing(TracingContext(self.mode)), config.patch(knobs):
            forward, backward = min_cut_rematerialization_partition(
                copy.deepcopy(self.module), None, num_fwd_outputs=1
            )
        ran = [_op_of(node) for part in (forward, backward) for node in part.graph.nodes]
        return _whole(self.step, [op for op in ran if op >= 0])


class _Estimator(CustomRuntimeEstimator):
    """The times of our cost model in place of torch's count of FLOPs."""

    def __init__(self, seconds: list[float]) -> None:
        self._seconds = seconds

    def __call__(self, node: fx.Node) -> float:
        op = _op_of(node)
        return self._seconds[op] * 1e6 if op >= 0 else 1e-3

    def uuid(self) -> bytes:
        return b"seconds of the cost model"


def joint(step: Step) -> Joint:
    """The joint graph of a functional step (see ``functional``)."""
    assert step.program is not None
    mode = FakeTensorMode()
    builder = _Builder(step, step.program, mode)
    with mode:
        module = builder.build()
    return Joint(step, module, mode)


class _Builder:
    """Turns instructions into nodes, one after the other; values become nodes when they are made."""

    def __init__(self, step: Step, program: Program, mode: FakeTensorMode) -> None:
        self.step, self.program, self.mode = step, program, mode
        self.graph = fx.Graph()
        self.nodes: dict[int, fx.Node] = {}
        self.seed = next(i for i, op in enumerate(step.ops) if op.phase is Phase.BACKWARD)
        if step.ops[self.seed].reads or step.ops[self.seed].target != "ones.default":
            raise ValueError("The backward pass does not begin with the gradient of the loss.")

    def build(self) -> fx.GraphModule:
        self._placeholders()
        program = self.program
        for position, one in enumerate(program.instructions):
            phase = self.step.ops[one.op].phase if one.op >= 0 else None
            if phase is Phase.UPDATE or (one.op >= 0 and self._on_residents(one)):
                continue
            if one.op < 0 and not all(value in self.nodes for value in references(one, "value")):
                continue
            if one.op != self.seed:
                self._call(one, f"{_PREFIX}{one.op}" if one.op >= 0 else f"view_{position}")
        wanted = {v for one in self._updates() for v in references(one, "value") if v in self.nodes}
        made = [self.nodes[v] for v in sorted(wanted) if self.nodes[v].op != "placeholder"]
        self.graph.output([self.nodes[program.outputs[0]], *made])
        return fx.GraphModule(torch.nn.Module(), self.graph)

    def _placeholders(self) -> None:
        outside = [p.value for p in self.program.placeholders]
        outside += [c.value for c in self.program.constants]
        for number, value in enumerate(outside):
            self._placeholder(value, f"primals_{number + 1}")
        seed = next(i for i in self.program.instructions if i.op == self.seed)
        assert seed.outputs[0] is not None
        self._placeholder(seed.outputs[0], "tangents_1")

    def _placeholder(self, value: int, name: str) -> None:
        one = self.program.values[value]
        node = self.graph.placeholder(name)
        dtype = getattr(torch, one.dtype)
        node.meta["val"] = torch.empty_strided(one.shape, one.stride, dtype=dtype, device="cpu")
        self.nodes[value] = node

    def _on_residents(self, one: Instruction) -> bool:
        """Whether it only changes what lives across steps, such as a counter of batches."""
        op = self.step.ops[one.op]
        return bool(op.writes) and not op.creates

    def _updates(self) -> Iterator[Instruction]:
        return (
            one
            for one in self.program.instructions
            if one.op >= 0 and self.step.ops[one.op].phase is Phase.UPDATE
        )

    def _call(self, one: Instruction, name: str) -> None:
        target, args = one.target, list(one.args)
        if target == "aten.native_batch_norm.default":
            # Its twin without running statistics is no mutation, which torch's partitioner wants.
            target = "aten._native_batch_norm_legit.no_stats"
            args = [*args[:3], *args[5:]]
        function = overload(target)
        converted = tuple(self._argument(item) for item in args)
        kwargs = {key: self._argument(item) for key, item in one.kwargs.items()}
        node = self.graph.create_node("call_function", function, converted, kwargs, name=name)
        result = function(*fx.node.map_arg(converted, _fake), **fx.node.map_arg(kwargs, _fake))
        several = isinstance(result, tuple | list)
        node.meta["val"] = tuple(result) if several else result
        for index, output in enumerate(one.outputs):
            if output is None:
                continue
            if not several:
                self.nodes[output] = node
                continue
            item = self.graph.call_function(getitem, (node, index))
            item.meta["val"] = result[index]
            self.nodes[output] = item

    def _argument(self, item: Json) -> Any:
        if isinstance(item, list | tuple):
            return [self._argument(each) for each in item]
        if not isinstance(item, dict):
            return item
        ((kind, content),) = item.items()
        match kind:
            case "value":
                return self.nodes[content]
            case "float":
                return _FLOATS[content]
            case "device":
                return torch.device("cpu")
            case "dtype" | "layout" | "memory_format":
                return getattr(torch, content)
        raise ValueError(f"An argument of forward or backward is {item!r}.")


def _fake(node: fx.Node) -> Any:
    return node.meta["val"]


def _op_of(node: fx.Node) -> int:
    """The op that a node runs, or -1."""
    name = node.name
    if node.op != "call_function" or not name.startswith(_PREFIX):
        return -1
    return int(name.removeprefix(_PREFIX))


def _whole(step: Step, ran: list[int]) -> Schedule:
    """The sequence with what torch's graphs do not have: dead ops, and the update, each op as early as
    what it reads is there and nobody still needs what it overwrites."""
    # The loss is made once: what its op saves besides is a number, which is kept.
    leaving = {i for i, op in enumerate(step.ops) if any(step.storages[s].output for s in op.creates)}
    ran = [op for at, op in enumerate(ran) if op not in leaving or op not in ran[:at]]
    missing = sorted(set(range(len(step.ops))) - set(ran))
    left: dict[int, int] = {}
    """By resident: how many entries of torch's still read it."""
    for op in ran:
        for storage in step.ops[op].reads:
            left[storage] = left.get(storage, 0) + 1
    done: set[int] = set()
    entries: list[Entry] = []

    def add_ready() -> None:
        nonlocal missing
        late = []
        for op in missing:
            free = not any(left.get(s, 0) for s in step.ops[op].writes)
            if free and done.issuperset(step.dependencies[op]):
                entries.append(Entry(op))
                done.add(op)
            else:
                late.append(op)
        missing = late

    add_ready()
    saved = find_repetitions(step).saved
    for op in ran:
        entries.append(Entry(op, saved_statistics=op in saved and op in done))
        done.add(op)
        for storage in step.ops[op].reads:
            left[storage] -= 1
        add_ready()
    if missing:
        raise ValueError(f"{len(missing)} ops found no place in torch's schedule.")
    return Schedule(tuple(entries))
