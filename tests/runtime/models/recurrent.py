"""A recurrent layer: its kernel for inference is another than for training."""

import torch
from torch import nn


class Last(nn.Module):
    """The last output of a sequence, whose input it scales in place."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(6, 8, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x.mul_(0.5)
        return self.layer(x)[0][:, -1]


def infer():
    """An inference step."""
    return Last(), torch.randn(3, 5, 6)


def build():
    """A training step."""
    model = Last()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, (torch.randn(3, 5, 6), torch.randn(3, 8)), nn.MSELoss(), optimizer
