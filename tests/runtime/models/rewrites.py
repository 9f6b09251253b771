"""Small models with what rewrites are for."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def mobile(batch: int = 3):
    """MobileNet's pieces: ReLU6 in place and not, depth-wise convolutions, a residual."""
    act = nn.ReLU6

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(8, 16, 1, bias=False),
                nn.BatchNorm2d(16),
                act(inplace=True),
                nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False),
                nn.BatchNorm2d(16),
                act(inplace=False),
                nn.Conv2d(16, 8, 1, bias=False),
                nn.BatchNorm2d(8),
                nn.LeakyReLU(0.2),
            )

        def forward(self, x):
            return x + self.body(x)

    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(8),
        act(inplace=True),
        Residual(),
        nn.Hardtanh(-0.5, 0.25),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return (
        model,
        (torch.randn(batch, 3, 17, 17), torch.randint(5, (batch,))),
        F.cross_entropy,
        optimizer,
    )
