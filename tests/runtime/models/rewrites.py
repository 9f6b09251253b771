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


def pools(batch: int = 5):
    """VGG's pieces with windows of several kinds: ReLU in place, max-pooling, dropout."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.BatchNorm2d(8),
        nn.MaxPool2d(3, 1, padding=1, dilation=1),
        nn.MaxPool2d((2, 3), (1, 2), (1, 0), (2, 1)),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.LazyLinear(24),
        nn.ReLU(True),
        nn.Dropout(),
        nn.Linear(24, 5),
    )
    model(torch.zeros(batch, 3, 18, 18))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return (
        model,
        (torch.randn(batch, 3, 18, 18), torch.randint(5, (batch,))),
        F.cross_entropy,
        optimizer,
    )


def pools_channels_last(batch: int = 5):
    """The same with channels last."""
    model, (inputs, target), loss, optimizer = pools(batch)
    model.to(memory_format=torch.channels_last)
    return model, (inputs.to(memory_format=torch.channels_last), target), loss, optimizer
