"""Steps that the benchmark captures itself: what the shared cases lack in optimizers and options."""

from dataclasses import dataclass, field
from functools import partial

from solver.bench.cases import Case
from solver.step import Step


@dataclass(frozen=True, slots=True)
class _Capture:
    """One step of a zoo model."""

    model: str
    batch: int
    optimizer: str
    """Empty: an inference step."""
    options: dict[str, int | str] = field(default_factory=dict)
    """As a build function returns them."""

    @property
    def name(self) -> str:
        parts = [self.optimizer or "inference"]
        parts += [f"{name.replace('_', '-')}-{value}" for name, value in self.options.items()]
        return "_".join([self.model, f"b{self.batch}", *parts])


CAPTURES = (
    _Capture("resnet18", 8, "adamw"),
    _Capture("resnet18", 8, "sgd", {"micro_batches": 4}),
    _Capture("unet", 2, "adam"),
    _Capture("vgg16", 8, "sgd"),
    _Capture("efficientnet_b0", 8, "adamw", {"autocast": "bfloat16"}),
    _Capture("bert", 2, "adamw"),
    _Capture("googlenet", 8, ""),
    _Capture("mobilenet_v2", 8, ""),
    _Capture("swin_t", 4, ""),
    _Capture("gpt2", 1, ""),
)


def captured_cases() -> list[Case]:
    """Training with other optimizers, gradient accumulation and autocast, and inference.

    Each is captured when it is due, in some seconds and in a process of its own, with its whole
    program, so that memory is reused in place as in anybody's step.
    """
    return [Case(each.name, partial(_load, each)) for each in CAPTURES]


def _load(each: _Capture) -> Step:
    # Imported here: only who benchmarks captures.
    from runtime.capture import capture

    return capture(
        f"zoo:{each.model}", batch=each.batch, optimizer=each.optimizer, options=each.options
    )
