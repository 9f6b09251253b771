"""What a training step may do beyond forward, backward and update: the options of a build function.

``bayplan_capture.eager`` says in code what each of them means.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from .errors import CaptureError

Scaler = torch.amp.GradScaler

_AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_NAMES = ("autocast", "scaler", "clip_grad_norm", "clip_grad_value", "micro_batches", "distributed")
_FACTORS = ("growth_factor", "backoff_factor", "growth_interval")


@dataclass(frozen=True)
class Options:
    """As a build function returns them; what is not wanted is None."""

    autocast: torch.dtype | None = None
    """Model and loss function run under ``torch.autocast`` of this dtype."""
    scaler: Scaler | None = None
    """Scales the loss; an enabled one."""
    clip_grad_norm: float | None = None
    clip_grad_value: float | None = None
    micro_batches: int = 1
    """In how many parts a batch is run; their gradients are added up."""
    distributed: bool = False
    """Gradients are averaged over the ranks of a process group, as by DistributedDataParallel."""

    @property
    def changes_gradients(self) -> bool:
        """Whether gradients are changed in place before the update."""
        limits = self.clip_grad_norm, self.clip_grad_value
        return self.scaler is not None or any(limits) or self.distributed

    def as_json(self) -> dict[str, Any]:
        """Those that are wanted, for a step file; ``read_options`` reads it."""
        result: dict[str, Any] = {}
        if self.autocast is not None:
            result["autocast"] = str(self.autocast).removeprefix("torch.")
        if self.scaler is not None:
            result["scaler"] = scaler_factors(self.scaler)
        for name in ("clip_grad_norm", "clip_grad_value"):
            if getattr(self, name) is not None:
                result[name] = getattr(self, name)
        if self.micro_batches > 1:
            result["micro_batches"] = self.micro_batches
        if self.distributed:
            result["distributed"] = True
        return result


NONE = Options()


def scaler_factors(scaler: Scaler) -> dict[str, float]:
    """The numbers with which a scaler changes its scale."""
    factors = (
        scaler.get_growth_factor(),
        scaler.get_backoff_factor(),
        scaler.get_growth_interval(),
    )
    return dict(zip(_FACTORS, factors, strict=True))


def read_options(given: Any, what: str, target: str) -> Options:
    """The options in a dict as ``what`` gives it, for a step on ``target``. Raises CaptureError."""
    if not isinstance(given, Mapping):
        raise CaptureError(f"The options of {what} are {given!r}; they must be a dict.")
    for name in given:
        if name not in _NAMES:
            raise CaptureError(
                f"The options of {what} have {name!r}, which is not one of {', '.join(_NAMES)}."
            )
    norm, value = (_limit(given, name, what) for name in ("clip_grad_norm", "clip_grad_value"))
    if norm is not None and value is not None:
        raise CaptureError(f"The options of {what} clip gradients by norm and by value; choose one.")
    count = given.get("micro_batches", 1)
    if type(count) is not int or count < 1:
        raise CaptureError(f"The option micro_batches of {what} is {count!r}; it must be 1 or more.")
    distributed = given.get("distributed", False)
    if type(distributed) is not bool:
        raise CaptureError(
            f"The option distributed of {what} is {distributed!r}; it must be True or False."
        )
    return Options(
        autocast=_autocast(given.get("autocast"), what),
        scaler=_scaler(given.get("scaler"), what, target),
        clip_grad_norm=norm,
        clip_grad_value=value,
        micro_batches=count,
        distributed=distributed,
    )


def _autocast(given: Any, what: str) -> torch.dtype | None:
    found = _AUTOCAST.get(given) if isinstance(given, str) else given
    if found is None and not given:
        return None
    if found not in _AUTOCAST.values():
        raise CaptureError(
            f"The option autocast of {what} is {given!r}; it must be torch.bfloat16 or torch.float16."
        )
    return found


def _scaler(given: Any, what: str, target: str) -> Scaler | None:
    if given is None or given is False:
        return None
    # It makes its tensors where the loss is, whatever its device; one for "cuda" disables itself on a
    # machine without.
    if isinstance(given, Mapping):
        return Scaler("cpu", **given)
    if given is True:
        return Scaler("cpu")
    if not isinstance(given, Scaler):
        raise CaptureError(
            f"The option scaler of {what} is a {type(given).__name__}; it must be a "
            "torch.amp.GradScaler, or True for one with torch's own numbers."
        )
    if given.is_enabled():
        return given
    return Scaler("cpu") if target == "cuda" and not torch.cuda.is_available() else None


def _limit(given: Mapping[str, Any], name: str, what: str) -> float | None:
    limit = given.get(name)
    if limit is None:
        return None
    if type(limit) not in (int, float) or not limit > 0:
        raise CaptureError(f"The option {name} of {what} is {limit!r}; it must be a positive number.")
    return float(limit)
