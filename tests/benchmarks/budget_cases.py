"""The steps and budgets that plans are measured on, and what they must reach.

Targets: MONeT's measured overheads, and for ResNet-50 figures near the proven optimum. Budgets are in
GiB and count residents, as MONeT's do.
"""

from dataclasses import dataclass, replace

from runtime.capture import capture
from solver.budget.devices import V100, with_bandwidth
from solver.step import Step
from solver.terms import Choice, DeviceModel

GIB = 1 << 30
RECOMPUTE = (Choice.RECOMPUTE,)
EXACT = (Choice.RECOMPUTE, Choice.IMPLEMENTATIONS)
APPROXIMATE = (*EXACT, Choice.APPROXIMATE)
OFFLOAD = (Choice.RECOMPUTE, Choice.OFFLOAD, Choice.IMPLEMENTATIONS)
NEAR = 0.1
"""How far above its bound, relative to it, the overhead of plain recompute may be."""


@dataclass(frozen=True, slots=True)
class Model:
    """A zoo model whose step is captured for the benchmark, with SGD, for the CPU's kernels."""

    name: str
    batch: int

    @property
    def title(self) -> str:
        """``resnet50_b184``: also the name of its step's file."""
        return f"{self.name}_b{self.batch}"

    def captured(self) -> Step:
        """The step; its whole program, nothing allocated."""
        return capture(f"zoo:{self.name}", batch=self.batch, optimizer="sgd", timeout=1800)


@dataclass(frozen=True, slots=True)
class Target:
    """One budget of a step and what a plan within it must reach."""

    model: Model
    budget_gib: float
    allowed: tuple[Choice, ...]
    overhead: float | None = None
    """At most; None: a plan is all that is asked for."""
    seconds: float = 30.0
    """That the solve may take."""
    near: bool = False
    """Whether the overhead must be within ``NEAR`` of its bound."""
    bandwidth: float = 0.0
    """Bytes per second of copies to and from the host; 0: the device's."""

    @property
    def budget_bytes(self) -> int:
        """The budget, rounded down."""
        return int(self.budget_gib * GIB)

    @property
    def device(self) -> DeviceModel:
        """A V100, maybe with other copies."""
        return with_bandwidth(V100, self.bandwidth) if self.bandwidth else V100


RESNET = Model("resnet50", 184)
GPT = Model("gpt2", 8)
LARGE = Model("gpt2-xl", 1)
"""About 5,000 ops."""


def targets() -> list[Target]:
    """All of them, by model."""
    found = []
    plain = {10.01: 0.038, 8.01: 0.061, 6.00: 0.099, 4.99: 0.120}
    fused = {10.01: 0.028, 8.01: 0.043, 6.00: 0.063, 4.99: 0.077}
    found += [Target(RESNET, gib, RECOMPUTE, most, near=True) for gib, most in plain.items()]
    found += [Target(RESNET, gib, EXACT, most) for gib, most in fused.items()]
    found.append(Target(RESNET, 6.00, OFFLOAD, 0.035, bandwidth=25e9))
    found.append(Target(RESNET, 3.00, OFFLOAD, bandwidth=25e9))
    found.append(Target(RESNET, 3.00, EXACT))
    monet: dict[Model, dict[float, float | None]] = {
        Model("googlenet", 320): {10.0: 0.0713, 8.0: None, 6.0: None, 5.0: 0.1577},
        Model("unet", 11): {10.0: None, 8.0: None, 6.0: None, 5.0: 0.1151},
        Model("mobilenet_v2", 272): {10.0: 0.0240, 8.0: None, 6.0: None, 5.0: 0.0872},
        Model("vgg16", 176): {10.0: None, 8.0: None, 6.0: None, 5.0: 0.0911},
    }
    for model, budgets in monet.items():
        for gib, most in budgets.items():
            found.append(replace(Target(model, gib, RECOMPUTE), near=True))
            found.append(Target(model, gib, EXACT, most))
    return found
