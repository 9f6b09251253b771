"""An export with the model it was made for, on its device: run eagerly, as traced and as planned.

Needs torch, the export, and ``runtime/capture`` to build the model again.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent
CAPTURE = HERE.parents[1] / "runtime" / "capture"


class Subject:
    """An export with the model it was made for."""

    def __init__(
        self, request: dict[str, Any], *, strict: bool = True, cuda_graph: bool = False
    ) -> None:
        self.folder = Path(request["folder"])
        self.export = import_export(self.folder)
        self.plan = replay("plan_reading").read_plan(self.folder)
        self.device = torch.device(self.plan.device)
        if self.plan.options.get("distributed"):
            be_the_only_rank(self.device)
        use_attention_of(self.plan)
        if request["adapter"] == "pluggable":
            self.export.install_pluggable()
        self.made, self.eager_step = build(self.plan, self.plan.batch, self.device)
        options = {"adapter": request["adapter"], "cuda_graph": cuda_graph, "strict": strict}
        self.options = options
        self.step = self.loaded()

    def loaded(self, **options: Any) -> Any:
        """The step bound to the model, once more."""
        made = self.made
        return self.export.load(
            made.module, made.optimizer, made.options.scaler, **{**self.options, **options}
        )

    def planned(self) -> Any:
        """One planned step: loss or result."""
        return self.step(self.made.inputs, self.made.target)

    def traced(self) -> Any:
        """One step in program order."""
        return self.step.traced(self.made.inputs, self.made.target)

    def eager(self) -> Any:
        """One step of plain PyTorch."""
        self.step.release()
        return self.eager_step(self.made)

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def be_the_only_rank(device: torch.device) -> None:
    """Make a process group of this process alone: collectives run, and change nothing."""
    distributed: Any = torch.distributed
    if not distributed.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, store=distributed.HashStore(), rank=0, world_size=1)


def import_export(folder: Path) -> Any:
    """The export as a package, whatever its name."""
    spec = importlib.util.spec_from_file_location(
        "bayplan_export", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["bayplan_export"] = module
    spec.loader.exec_module(module)
    return module


def replay(name: str) -> Any:
    """A module of the export."""
    return importlib.import_module(f"bayplan_export.replay.{name}")


def build(plan: Any, batch: int, device: torch.device) -> tuple[Any, Callable[[Any], Any]]:
    """The model as it was captured, on ``device``, and what makes one eager step of it."""
    sys.path.insert(0, str(CAPTURE))
    try:
        make = importlib.import_module("bayplan_capture.build").build
        eager_step = importlib.import_module("bayplan_capture.eager").eager_step
    finally:
        sys.path.remove(str(CAPTURE))
    source = plan.source
    zoo = source.startswith("zoo:")
    if not zoo:
        file, _, function = source.rpartition(":")
        # An export that was made elsewhere: its models lie here, too.
        path = Path(file) if Path(file).is_file() else HERE / Path(file).name
        source = f"{path}:{function}"
    chosen = (plan.optimizer, plan.options) if zoo else (None, None)
    made = make(source, batch, chosen[0], None, 0, chosen[1])
    made.module.to(device)
    for group in made.optimizer.param_groups if made.optimizer else ():
        group["foreach"], group["fused"] = False, bool(group.get("fused"))
        if isinstance(group["lr"], torch.Tensor):
            group["lr"] = group["lr"].to(device)
    moved = {"inputs": moved_to(made.inputs, device), "target": moved_to(made.target, device)}
    return type(made)(**{**vars(made), **moved}), eager_step


def use_attention_of(plan: Any) -> None:
    """Let eager steps choose the kernel of attention that the plan has: cards prefer others."""
    ops = {op.rpartition("_")[0] if op[-1].isdigit() else op for op in plan.ops}
    if not any(op.startswith("_scaled_dot_product") for op in ops):
        return
    backends = torch.backends.cuda
    backends.enable_flash_sdp("_scaled_dot_product_flash_attention" in ops)
    backends.enable_mem_efficient_sdp("_scaled_dot_product_efficient_attention" in ops)
    backends.enable_cudnn_sdp("_scaled_dot_product_cudnn_attention" in ops)


def moved_to(item: Any, device: torch.device) -> Any:
    """The batch on ``device``."""
    if isinstance(item, torch.Tensor):
        return item.to(device)
    if isinstance(item, Mapping):
        return {key: moved_to(each, device) for key, each in item.items()}
    if isinstance(item, (tuple, list)):
        return type(item)([moved_to(each, device) for each in item])
    return item


def tensors(item: Any) -> Iterator[torch.Tensor]:
    """All tensors of a loss, a result or a batch."""
    if isinstance(item, torch.Tensor):
        yield item
    elif isinstance(item, Mapping):
        for each in item.values():
            yield from tensors(each)
    elif isinstance(item, (tuple, list)):
        for each in item:
            yield from tensors(each)


def state(subject: Subject) -> dict[str, torch.Tensor]:
    """Parameters, buffers, optimizer and scaler state by name, on the host."""
    made = subject.made
    found = {**dict(made.module.named_parameters()), **dict(made.module.named_buffers())}
    result = {name: tensor.detach().cpu().clone() for name, tensor in found.items()}
    if made.optimizer is not None:
        for name, parameter in made.module.named_parameters():
            for key, value in made.optimizer.state.get(parameter, {}).items():
                if isinstance(value, torch.Tensor):
                    result[f"{name}/{key}"] = value.detach().cpu().clone()
    if made.options.scaler is not None:
        scale = made.options.scaler.state_dict()
        result |= {f"scaler/{key}": torch.tensor(value) for key, value in scale.items()}
    return result


class Start:
    """What every way of running begins with."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        made = subject.made
        found = {**dict(made.module.named_parameters()), **dict(made.module.named_buffers())}
        found |= {f"batch {at}": t for at, t in enumerate(tensors((made.inputs, made.target)))}
        self.found = found
        self.saved = {name: tensor.detach().cpu().clone() for name, tensor in found.items()}
        self.scaler = made.options.scaler.state_dict() if made.options.scaler else None

    def restore(self) -> None:
        """Everything as it was; optimizer state is zero, which is how it starts."""
        made = self.subject.made
        with torch.no_grad():
            for name, tensor in self.found.items():
                tensor.copy_(self.saved[name])
        made.module.zero_grad(set_to_none=True)
        if made.optimizer is not None:
            made.optimizer.state.clear()
        if self.scaler is not None:
            made.options.scaler.load_state_dict(self.scaler)


def run(subject: Subject, way: Callable[[], Any], steps: int) -> dict[str, torch.Tensor]:
    """All that ``steps`` steps leave, and each step's loss or result."""
    results: dict[str, torch.Tensor] = {}
    for number in range(steps):
        torch.manual_seed(1000 + number)
        for at, tensor in enumerate(tensors(way())):
            results[f"result {at} of step {number}"] = tensor.detach().cpu().clone()
    return {**results, **state(subject)}


def differences(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    """Names of what is not the same bit for bit."""
    same_bits = replay("tensors").same_bits
    names = sorted(one.keys() | other.keys())
    return [n for n in names if n not in one or n not in other or not same_bits(one[n], other[n])]


def differing(one: str, other: str, names: list[str]) -> list[str]:
    """The problem that ``names`` are, if any."""
    if not names:
        return []
    return [f"{other} differs from {one} in {len(names)}: {', '.join(names[:4])}"]


def replay_plan(folder: Path) -> Any:
    """The plan of an export."""
    import_export(folder)
    return replay("plan_reading").read_plan(folder)


def settle(*, deterministic: bool) -> None:
    """Settings under which equal bits can be expected, or as they are by default."""
    # Some ops have no deterministic kernel; whether they matter is seen where eager runs differ.
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
