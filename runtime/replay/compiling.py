"""``bayplan_backend``: a planned inference step behind ``torch.compile``.

``torch.compile`` hands its backend a graph of the model's call and later calls the result with the
graph's tensors, parameters among them. Which model that is shows in what it computes, not in names::

    first call      run as it is and watched; its ops are compared with the plan's signature
    they agree      each tensor of the plan is the one with the same place in the graph's ops
    later calls     run as planned
    they differ     run as they are, and a warning says once what differs

So a graph is either the plan's, op by op and argument by argument, or it is left alone.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from .device import device_for
from .engine import Engine
from .errors import ReplayError
from .native import Counters
from .plan_data import PlanData, PlanSignature, TensorSpec
from .plan_reading import read_plan
from .report import Report
from .tensors import constant, mismatch, same_bits
from .watching import CannotBeToldError, Watch, geometry

Compiled: TypeAlias = Callable[..., Any]


class PlannedBackend:
    """What ``torch.compile(model, backend=...)`` takes; made by ``bayplan_backend``."""

    def __init__(
        self, folder: Path, plan: PlanData, signature: PlanSignature, options: dict[str, Any]
    ) -> None:
        """``options``: the engine's."""
        self.plan, self.signature = plan, signature
        self.reasons: list[str] = []
        """Why graphs run without the plan, each once."""
        self.calls = 0
        """Calls that ran as planned."""
        self._folder, self._options = folder, options
        self._engine: Engine | None = None
        self.constants: list[Tensor] = []
        """What stands in the plan's program, where it runs; empty before it does."""

    def __call__(self, graph: torch.fx.GraphModule, example_inputs: Sequence[Any]) -> Compiled:
        """What runs in place of ``graph``."""
        return _Compiled(self, graph).run

    @property
    def report(self) -> Report | None:
        """How the plan runs on this machine; None: no graph was the plan's so far."""
        return self._engine.report if self._engine is not None else None

    @property
    def counters(self) -> Counters | None:
        """What the allocator did in the last planned call."""
        return self._engine.counters if self._engine is not None else None

    def refuse(self, reason: str) -> None:
        """Say, once, why a graph runs without the plan."""
        if reason not in self.reasons:
            self.reasons.append(reason)
            warnings.warn(
                f"A graph of torch.compile runs without the plan for {self.plan.title}. {reason}",
                stacklevel=2,
            )

    def engine(self, tensors: list[Tensor]) -> Engine:
        """What runs the plan where ``tensors`` are. Raises ReplayError."""
        device = device_for(self.plan.device, tensors)
        if self._engine is None:
            self.constants = [constant(c, str(device.at)) for c in self.plan.constants]
            self._engine = Engine(self._folder, self.plan, device, **self._options)
        if self._engine.device.at != device.at:
            raise ReplayError(
                f"The plan runs on {self._engine.device.at}, the graph is on {device.at}."
            )
        return self._engine


class _NoMatchError(Exception):
    """The graph is not the plan's; the text says why."""


@dataclass
class _Match:
    """How a graph is the plan's."""

    engine: Engine
    residents: list[int]
    """Which argument of the graph each resident is; -1: one that no op uses."""
    results: list[tuple[str, Any]]
    """What each result of the graph is: ``planned`` n, ``argument`` n, or ``fixed`` and the value."""
    held: list[tuple[int, Tensor]]
    """Arguments that stand in the plan's program: which, and a copy."""
    checked: list[tuple[int, int]]
    """Identity and address of the residents' tensors when last checked."""


class _Compiled:
    """One graph. Where its sizes are symbols it is matched for each geometry of its arguments."""

    def __init__(self, backend: PlannedBackend, graph: torch.fx.GraphModule) -> None:
        self._backend, self._graph, self._plan = backend, graph, backend.plan
        self._matches: dict[Any, _Match | None] = {}
        self._unused = torch.empty(0)

    def run(self, *args: Any) -> Any:
        """The graph's results."""
        symbols = any(type(arg) is int for arg in args)
        key = (
            tuple(geometry(arg) if isinstance(arg, Tensor) else arg for arg in args) if symbols else ()
        )
        if key not in self._matches:
            return self._first_call(key, args)
        match = self._matches[key]
        if match is None or not self._is_still(match, args):
            return self._graph(*args)
        residents = [args[at] if at >= 0 else self._unused for at in match.residents]
        outputs = match.engine.run([*residents, *self._backend.constants], [])
        self._backend.calls += 1
        return tuple(
            outputs[what] if kind == "planned" else args[what] if kind == "argument" else what
            for kind, what in match.results
        )

    def _first_call(self, key: Any, args: tuple[Any, ...]) -> Any:
        self._matches[key] = None
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        try:
            self._require_possible(tensors)
            engine = self._backend.engine(tensors)
            held = [at for at, arg in enumerate(args) if isinstance(arg, Tensor) and self._is_held(arg)]
            given = [arg for at, arg in enumerate(args) if isinstance(arg, Tensor) and at not in held]
            watch = Watch(given)
        except (_NoMatchError, CannotBeToldError, ReplayError) as error:
            self._backend.refuse(str(error))
            return self._graph(*args)
        with watch:
            results = self._graph(*args)
        try:
            self._matches[key] = self._matched(watch, engine, args, held, results)
        except (_NoMatchError, CannotBeToldError) as error:
            self._backend.refuse(str(error))
        return results

    def _require_possible(self, tensors: list[Tensor]) -> None:
        """Refuse what cannot match before it is watched."""
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            raise _NoMatchError(
                "Gradients are wanted, and the plan is for inference: call the model within "
                "torch.no_grad() or torch.inference_mode()."
            )
        for resident in self._plan.residents:
            if resident.role == "input" and not any(self._fits(t, resident.spec) for t in tensors):
                spec = resident.spec
                raise _NoMatchError(
                    f"The plan was made for an input of shape {spec.shape}, {spec.dtype}, and the "
                    "graph is called with none such."
                )

    def _matched(
        self, watch: Watch, engine: Engine, args: tuple[Any, ...], held: list[int], results: Any
    ) -> _Match:
        """How the graph is the plan's. Raises _NoMatchError."""
        made = [item for item in results if isinstance(item, Tensor)]
        found = watch.signature(made)
        problem = watch.problem or found.difference(self._backend.signature.calls)
        if problem:
            raise _NoMatchError(problem)

        def place(tensor: Tensor) -> tuple[int, int]:
            """Number of the storage and offset, as a signature has them."""
            storage = watch.tensor(tensor).storage
            return found.numbers.get(storage, -1), int(tensor.storage_offset())

        places = {
            at: place(arg) for at, arg in enumerate(args) if isinstance(arg, Tensor) and at not in held
        }
        residents = []
        for resident, due in zip(self._plan.residents, self._backend.signature.residents, strict=True):
            fitting = (
                at
                for at, where in places.items()
                if where == due and self._fits(args[at], resident.spec)
            )
            at = next(fitting, -1)
            if at < 0 <= due[0]:
                raise _NoMatchError(f"The graph has no tensor for {resident.role} {resident.key!r}.")
            residents.append(at if due[0] >= 0 else -1)
        return _Match(
            engine,
            residents,
            [self._result(item, args, place) for item in results],
            [(at, args[at].detach().clone()) for at in held],
            _identities(residents, args),
        )

    def _result(
        self, item: Any, args: tuple[Any, ...], place: Callable[[Tensor], tuple[int, int]]
    ) -> tuple[str, Any]:
        if not isinstance(item, Tensor):
            return "fixed", item
        for at, arg in enumerate(args):
            if item is arg:
                return "argument", at
        where = place(item)
        for number, (spec, due) in enumerate(
            zip(self._plan.outputs, self._backend.signature.outputs, strict=True)
        ):
            if where == due and where[0] >= 0 and self._fits(item, spec):
                return "planned", number
        raise _NoMatchError("The graph returns a tensor that the plan's step does not.")

    def _is_held(self, tensor: Tensor) -> bool:
        """Whether it has the content of a tensor in the plan's program: torch.compile makes tensors
        that a model holds as plain attributes arguments of its graph."""
        if isinstance(tensor, torch.nn.Parameter):
            return False
        return any(
            self._fits(tensor, own.spec) and same_bits(tensor, its)
            for own, its in zip(self._plan.constants, self._backend.constants, strict=True)
        )

    def _is_still(self, match: _Match, args: tuple[Any, ...]) -> bool:
        """Whether the arguments are still what was matched; they are looked at when they changed."""
        if any(not same_bits(args[at], copy) for at, copy in match.held):
            self._backend.refuse("A tensor changed that stands in the plan's program as it was.")
            return False
        now = _identities(match.residents, args)
        if now != match.checked:
            for at, resident in zip(match.residents, self._plan.residents, strict=True):
                if at >= 0 and not self._fits(args[at], resident.spec):
                    self._backend.refuse(f"The {resident.role} {resident.key!r} is another tensor now.")
                    return False
            match.checked = now
        return True

    def _fits(self, tensor: Tensor, spec: TensorSpec) -> bool:
        return not mismatch(tensor, spec, self._plan.device)


def bayplan_backend(
    folder: str | Path, *, adapter: str = "auto", cuda_graph: bool = False, strict: bool = False
) -> PlannedBackend:
    """A backend for ``torch.compile`` that runs the inference step exported into ``folder``.

    Graphs that are not the plan's run as without a backend, and ``reasons`` of what is returned says
    why. The options are those of ``load``. Raises ReplayError for a plan that trains, whose forward,
    backward and update are one step, and torch.compile has graphs of the forward pass alone.
    """
    folder = Path(folder).absolute()
    plan = read_plan(folder)
    if plan.training:
        raise ReplayError(
            f"The step {plan.title} trains, and torch.compile hands its backend the model's forward "
            "pass alone: use load(model, optimizer). A backend is for the plan of an inference step."
        )
    if plan.signature is None:
        raise ReplayError(f"{folder} does not say what its step computes. Export the plan anew.")
    options = {"adapter": adapter, "cuda_graph": cuda_graph, "strict": strict}
    return PlannedBackend(folder, plan, plan.signature, options)


def _identities(residents: Sequence[int], args: tuple[Any, ...]) -> list[tuple[int, int]]:
    return [(id(args[at]), args[at].data_ptr()) for at in residents if at >= 0]
