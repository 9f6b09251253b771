"""What training steps leave behind, to be compared bit for bit."""

import torch
from torch import Tensor

from runtime.capture.bayplan_capture.build import Model


def state(model: Model) -> dict[str, Tensor]:
    """Copies of parameters, buffers, optimizer and scaler state by name."""
    assert model.optimizer is not None
    found = dict(model.module.state_dict())
    for index, values in model.optimizer.state_dict()["state"].items():
        found |= {f"{index}/{key}": torch.as_tensor(value) for key, value in values.items()}
    if model.options.scaler is not None:
        found |= {k: torch.tensor(v) for k, v in model.options.scaler.state_dict().items()}
    return {key: value.clone() for key, value in found.items()}
