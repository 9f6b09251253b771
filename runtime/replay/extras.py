"""What a step has besides model and optimizer: a loss scale, and the gradients of micro-batches."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .errors import ReplayError
from .plan_data import PlanData
from .tensors import dtype, mismatch


class ScalerBinding:
    """The scale and the growth tracker of the user's GradScaler, which the step changes in place."""

    def __init__(
        self, plan: PlanData, scaler: torch.amp.GradScaler | None, device: torch.device
    ) -> None:
        """Raises ReplayError where ``scaler`` is not what the plan was made for."""
        factors: Mapping[str, Any] | None = plan.options.get("scaler")
        enabled = scaler is not None and scaler.is_enabled()
        if enabled != (factors is not None):
            wants = (
                "scales its loss: load(model, optimizer, scaler=scaler) with an enabled one"
                if factors is not None
                else "does not scale its loss: load it without a scaler, or capture it with one"
            )
            raise ReplayError(f"The step {plan.title} {wants}.")
        self._plan, self._scaler, self._factors, self._device = plan, scaler, factors, device
        self.residents = [r for r in plan.residents if r.role == "scaler"]

    def tensors(self) -> list[Tensor]:
        """The tensors of ``residents``, as they are now. Raises ReplayError."""
        scaler: Any = self._scaler
        if self._factors is None:
            return []
        if scaler._scale is None:
            # A scaler makes its tensors when it first scales something.
            with torch.inference_mode(False):
                scaler.scale(torch.zeros((), device=self._device))
        there = {"scale": scaler._scale, "growth_tracker": scaler._growth_tracker}
        result = [there[resident.key] for resident in self.residents]
        for resident, tensor in zip(self.residents, result, strict=True):
            if what := mismatch(tensor, resident.spec, str(self._device)):
                raise ReplayError(f"The scaler's {resident.key} {what}.")
        now = {
            "growth_factor": scaler.get_growth_factor(),
            "backoff_factor": scaler.get_backoff_factor(),
            "growth_interval": scaler.get_growth_interval(),
        }
        for key, value in now.items():
            if value != self._factors.get(key):
                raise ReplayError(
                    f"The scaler has {key}={value!r}, the plan was made with "
                    f"{self._factors.get(key)!r}. Capture and plan the step anew."
                )
        return result


class GradientSums:
    """Where the gradients of micro-batches are added up; the first of a step overwrites them."""

    @torch.inference_mode(False)
    def __init__(self, plan: PlanData, device: torch.device) -> None:
        self.residents = [r for r in plan.residents if r.role == "gradient"]
        self._tensors = [
            torch.empty_strided(r.spec.shape, r.spec.stride, dtype=dtype(r.spec.dtype), device=device)
            for r in self.residents
        ]

    def tensors(self) -> list[Tensor]:
        """The tensors of ``residents``."""
        return self._tensors
