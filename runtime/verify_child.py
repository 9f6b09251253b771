"""The verification process: runs an export eagerly, as traced and as planned, and compares.

``python verify_child.py REQUEST.json RESULT.json``. A standalone script: it imports torch, the
export, and ``bayplan_capture`` to build the model again, and nothing else of ours, so that a user's
own modules called ``app`` or ``solver`` keep working.
"""

import copy
import importlib.util
import itertools
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

_folder = str(Path(__file__).resolve().parent)
# This script's neighbours must not stand in for the user's modules.
sys.path[:] = [path for path in sys.path if str(Path(path or ".").resolve()) != _folder]

import torch  # noqa: E402

NEAR = 10.0
"""Times the tolerance of a single op's results, within which losses must be: ops and steps add up."""
TIMED_ROUNDS = 40
"""At most; the request says after how many seconds no further one begins."""


@dataclass
class Outcome:
    """What some steps left: losses (or results) by step, and the state at the end by name."""

    losses: list[list[torch.Tensor]] = field(default_factory=list)
    generators: list[list[torch.Tensor]] = field(default_factory=list)
    """Their states after each step."""
    parameters: dict[str, torch.Tensor] = field(default_factory=dict)
    buffers: dict[str, torch.Tensor] = field(default_factory=dict)
    optimizer_state: dict[str, torch.Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Built:
    """The model built again, with real tensors: a ``bayplan_capture.build.Model``."""

    made: Any
    eager_step: Callable[[Any], Any]

    @property
    def model(self) -> torch.nn.Module:
        return self.made.module  # type: ignore[no-any-return]

    @property
    def optimizer(self) -> torch.optim.Optimizer | None:
        return self.made.optimizer  # type: ignore[no-any-return]

    @property
    def scaler(self) -> torch.amp.GradScaler | None:
        return self.made.options.scaler  # type: ignore[no-any-return]

    @property
    def data(self) -> tuple[Any, Any]:
        """Inputs and target."""
        return self.made.inputs, self.made.target


def main(request_file: str, result_file: str) -> int:
    """Carry out one request; 0 when a report was written, 1 when an error was."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    export = _import_export(Path(request["folder"]))
    try:
        result = _verify(
            export,
            Path(request["folder"]),
            request["steps"],
            Path(request["capture"]),
            request["timed_seconds"],
        )
    except export.ReplayError as error:
        result = {"error": {"message": str(error), "details": ""}}
    except Exception as error:
        details = traceback.format_exc()
        message = f"The step failed: {type(error).__name__}: {error}"
        result = {"error": {"message": message, "details": details}}
    temporary = Path(f"{result_file}.part")
    temporary.write_text(json.dumps(result), encoding="utf-8")
    temporary.replace(result_file)
    return 1 if "error" in result else 0


def _import_export(folder: Path) -> ModuleType:
    """The export as a package, whatever its name and whatever else is called so."""
    spec = importlib.util.spec_from_file_location(
        "bayplan_export", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bayplan_export"] = module
    spec.loader.exec_module(module)
    return module


def _verify(
    export: ModuleType, folder: Path, steps: int, capture: Path, timed_seconds: float
) -> dict[str, Any]:
    replay = sys.modules["bayplan_export.replay.loading"]
    plan = replay.read_plan(folder)
    reason = ""
    try:
        if plan.options.get("distributed"):
            _be_the_only_rank(plan.device)
        _say(f"Building {plan.source}")
        built = _build(plan, capture)
        step = export.load(built.model, built.optimizer, built.scaler, strict=True)
        step.bind(*built.data)
    except Exception as error:  # Whatever keeps the model from being built is for the report to say.
        reason = f"{plan.source} cannot be built as it was captured: {error}"
        _say(reason)
        return _verify_random(folder, plan, steps, timed_seconds, reason)
    return _verify_model(step, built, steps, timed_seconds)


def _be_the_only_rank(device: str) -> None:
    """Make a process group of this process alone, whose averages are what it has anyway."""
    distributed: Any = torch.distributed
    backend = "nccl" if device == "cuda" else "gloo"
    distributed.init_process_group(backend, store=distributed.HashStore(), rank=0, world_size=1)


def _build(plan: Any, capture: Path) -> Built:
    sys.path.insert(0, str(capture))
    try:
        build = importlib.import_module("bayplan_capture.build").build
        eager_step = importlib.import_module("bayplan_capture.eager").eager_step
    finally:
        sys.path.remove(str(capture))
    zoo = plan.source.startswith("zoo:")
    chosen = (plan.optimizer, plan.options) if zoo else (None, None)
    with nullcontext() if plan.device == "cpu" else torch.device(plan.device):
        made = build(plan.source, plan.batch, chosen[0], None, 0, chosen[1], plan.device)
    return Built(made, eager_step)


def _verify_model(step: Any, built: Built, steps: int, timed_seconds: float) -> dict[str, Any]:
    engine = step.engine
    for group in built.optimizer.param_groups if built.optimizer else ():
        group["foreach"] = False
        group["fused"] = bool(group.get("fused"))
    start = _Start(built)
    outcomes: dict[str, Outcome] = {}

    def eager() -> Any:
        step.release()
        return built.eager_step(built.made)

    ways: dict[str, Callable[[], Any]] = {
        "eager": eager,
        "traced": lambda: step.traced(*built.data),
        "planned": lambda: step(*built.data),
    }
    if step.plan.tolerance:
        ways["unplanned"] = lambda: step.unplanned(*built.data)
    totals: dict[str, int] = {}
    for name, way in ways.items():
        _say(f"Running {steps} steps, {name}")
        start.restore()
        engine.poison = name == "planned"
        outcomes[name] = _run(way, built, step.plan, steps, engine, totals)
    engine.poison = False
    _say("Timing")
    seconds = _timed({name: ways[name] for name in ("eager", "traced", "planned")}, timed_seconds)
    pairs = [("eager", "traced"), ("eager", "planned"), ("traced", "planned")]
    if tolerance := step.plan.tolerance:
        pairs = [("eager", "traced"), ("unplanned", "planned"), ("eager", "planned")]
    comparisons = [_compare(one, other, outcomes) for one, other in pairs]
    if tolerance:
        comparisons[-1]["near"] = NEAR * tolerance
        comparisons[-1]["distance"] = _distance(outcomes["eager"], outcomes["planned"])
    return _report(engine, steps, comparisons, seconds, totals, "")


def _verify_random(
    folder: Path, plan: Any, steps: int, timed_seconds: float, reason: str
) -> dict[str, Any]:
    """Traced against planned on random tensors: the model is not there."""
    selftest = importlib.import_module("bayplan_export.replay.selftest")
    engine = selftest.Engine(folder, plan, strict=True)
    _say(f"Running {steps} steps on random data, traced and planned")
    totals: dict[str, int] = {}
    found = selftest.compare(engine, steps, after_step=lambda: _count(engine, totals))
    named: dict[str, list[str]] = {resident.role: [] for resident in plan.residents}
    for resident in found.different_residents:
        named[resident.role].append(resident.key)
    comparison = {
        "one": "unplanned" if plan.tolerance else "traced",
        "other": "planned",
        "losses": list(found.different_outputs),
        "parameters": named.pop("parameter", []),
        "buffers": named.pop("buffer", []),
        "optimizer_state": list(itertools.chain(*named.values())),
    }
    residents, scalars = selftest.random_residents(plan, 0), selftest.scalars_of_step(plan, 1)
    _say("Timing")
    seconds = _timed(
        {
            "traced": lambda: engine.run_traced(residents, scalars),
            "planned": lambda: engine.run(residents, scalars),
        },
        timed_seconds,
    )
    return _report(engine, steps, [comparison], seconds, totals, reason)


def _run(
    way: Callable[[], Any], built: Built, plan: Any, steps: int, engine: Any, totals: dict[str, int]
) -> Outcome:
    outcome = Outcome()
    for number in range(steps):
        torch.manual_seed(1000 + number)
        outcome.losses.append([t.detach().clone() for t in _tensors(way())])
        outcome.generators.append(list(_tensors(engine.device.random_state())))
        if engine.poison:
            _count(engine, totals)
    model, optimizer, scaler = built.model, built.optimizer, built.scaler
    outcome.parameters = {n: p.detach().clone() for n, p in model.named_parameters()}
    outcome.buffers = {n: b.detach().clone() for n, b in model.named_buffers()}
    if optimizer is not None:
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                if isinstance(value, torch.Tensor):
                    outcome.optimizer_state[f"{name}/{key}"] = value.detach().clone()
    for key, value in (scaler.state_dict() if scaler is not None else {}).items():
        outcome.optimizer_state[f"GradScaler/{key}"] = torch.tensor(value)
    return outcome


class _Start:
    """The state that all ways of running begin with."""

    def __init__(self, built: Built) -> None:
        self._built = built
        tensors = [*built.model.named_parameters(), *built.model.named_buffers()]
        # A model may change its inputs in place.
        self._data = [(t, t.detach().clone()) for t in _tensors(built.data)]
        self._tensors = {name: tensor.detach().clone() for name, tensor in tensors}
        optimizer = built.optimizer
        self._optimizer = copy.deepcopy(optimizer.state_dict()) if optimizer is not None else None
        self._scaler = built.scaler.state_dict() if built.scaler is not None else {}

    def restore(self) -> None:
        """Parameters, buffers, optimizer and scaler state, inputs and target as they were."""
        model, optimizer = self._built.model, self._built.optimizer
        with torch.no_grad():
            for name, tensor in (*model.named_parameters(), *model.named_buffers()):
                tensor.copy_(self._tensors[name])
            for tensor, saved in self._data:
                if not torch.equal(tensor, saved):
                    tensor.copy_(saved)
        for parameter in model.parameters():
            parameter.grad = None
        if optimizer is not None and self._optimizer is not None:
            optimizer.load_state_dict(copy.deepcopy(self._optimizer))
        if self._built.scaler is not None:
            self._built.scaler.load_state_dict(self._scaler)


def _compare(one: str, other: str, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    a, b = outcomes[one], outcomes[other]
    result: dict[str, Any] = {"one": one, "other": other}
    for kind in ("losses", "generators"):
        pairs = enumerate(zip(getattr(a, kind), getattr(b, kind), strict=True))
        result[kind] = [step for step, (x, y) in pairs if not _all_same(x, y)]
    for kind in ("parameters", "buffers", "optimizer_state"):
        left, right = getattr(a, kind), getattr(b, kind)
        names = sorted(left.keys() | right.keys())
        result[kind] = [
            n for n in names if n not in left or n not in right or not _all_same([left[n]], [right[n]])
        ]
    return result


def _distance(one: Outcome, other: Outcome) -> float:
    """By how much losses (or results) differ at most, relative to the largest of each."""
    found = 0.0
    for mine, its in zip(one.losses, other.losses, strict=True):
        for a, b in zip(mine, its, strict=True):
            largest = float(a.abs().max()) if a.numel() else 0.0
            if largest:
                found = max(found, float((a.double() - b.double()).abs().max()) / largest)
    return found


def _all_same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    same_bits = sys.modules["bayplan_export.replay.tensors"].same_bits
    return len(one) == len(other) and all(map(same_bits, one, other))


def _tensors(result: Any) -> Iterator[torch.Tensor]:
    """All tensors of a loss or a result, in order."""
    if isinstance(result, torch.Tensor):
        yield result
    elif isinstance(result, Mapping):
        for item in result.values():
            yield from _tensors(item)
    elif isinstance(result, (tuple, list)):
        for item in result:
            yield from _tensors(item)


def _timed(ways: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """Median CPU seconds of a step, each round running every way once; all have run before.

    No further round begins after ``seconds``.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    end = time.monotonic() + seconds
    for done in range(TIMED_ROUNDS):
        if done and time.monotonic() > end:
            break
        for name, way in ways.items():
            begin = time.process_time()
            way()
            found[name].append(time.process_time() - begin)
    return {name: statistics.median(times) for name, times in found.items()}


def _count(engine: Any, totals: dict[str, int]) -> None:
    """Add up what the allocator counted in the step that was just run."""
    counters = engine.counters
    if counters is None:
        return
    for name in ("missed", "overlapped", "foreign"):
        totals[name] = totals.get(name, 0) + getattr(counters, name)
    totals["scratch"] = max(totals.get("scratch", 0), counters.scratch_peak)
    totals["taken"] = counters.taken


def _report(
    engine: Any,
    steps: int,
    comparisons: list[dict[str, Any]],
    seconds: Mapping[str, float],
    totals: Mapping[str, int],
    reason: str,
) -> dict[str, Any]:
    report = engine.report
    return {
        "title": engine.plan.title,
        "steps": steps,
        "comparisons": comparisons,
        "eager": not reason,
        "eager_reason": reason,
        "planned": report.planned,
        "planned_reason": report.reason,
        "pointers_checked": engine.pointers_checked,
        "unmatched": len(report.unmatched),
        "missed": totals.get("missed", 0),
        "overlapped": totals.get("overlapped", 0),
        "foreign": totals.get("foreign", 0),
        "scratch_bytes": totals.get("scratch", 0),
        "taken": totals.get("taken", 0),
        "planned_bytes": report.planned_bytes,
        "arena_bytes": report.arena_bytes,
        "addresses_kept": report.addresses_kept,
        "temporaries": report.temporaries,
        "temporary_bytes": report.temporary_bytes,
        "eager_seconds": seconds.get("eager", 0.0),
        "traced_seconds": seconds["traced"],
        "planned_seconds": seconds["planned"],
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "transfers": report.transfers,
        "host_bytes": report.host_bytes,
        "repeated": report.repeated,
        "whole_norms": report.whole_norms,
    }


def _say(line: str) -> None:
    """A line for the log that the user watches."""
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
