"""The small models that the lessons' steps are captured from; ``make lessons`` captures them anew.

A function returns what a capture wants: model, (inputs, target), loss function, optimizer.
"""

from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer


class Chain(nn.Module):
    """Four linear layers with a bend after each but the last, for learning what lives how long."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(256, 512)
        self.bend1 = nn.Tanh()
        self.linear2 = nn.Linear(512, 512)
        self.bend2 = nn.Tanh()
        self.linear3 = nn.Linear(512, 512)
        self.bend3 = nn.Tanh()
        self.linear4 = nn.Linear(512, 64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bend1(self.linear1(x))
        x = self.bend2(self.linear2(x))
        x = self.bend3(self.linear3(x))
        result: Tensor = self.linear4(x)
        return result


class Branches(nn.Module):
    """Four branches, each wide inside and narrow at its end: the order decides how many are wide at
    once."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(256, 256)
        self.wide = nn.ModuleList(nn.Linear(256, 1024) for _ in range(4))
        self.narrow = nn.ModuleList(nn.Linear(1024, 128) for _ in range(4))
        self.head = nn.Linear(512, 64)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        wide = [layer(x) for layer in self.wide]
        narrow = [layer(one) for layer, one in zip(self.narrow, wide, strict=True)]
        result: Tensor = self.head(torch.cat(narrow, dim=1))
        return result


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv2(self.relu1(self.norm(self.conv1(x))))
        result: Tensor = self.relu2(x + inner)
        return result


class Residual(nn.Module):
    """A small residual network."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 128, 3, padding=1, bias=False)
        self.block1 = Block(128)
        self.block2 = Block(128)
        self.head = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block2(self.block1(self.stem(x)))
        result: Tensor = self.head(x.mean(dim=(2, 3)))
        return result


Captured: TypeAlias = tuple[nn.Module, tuple[object, ...], nn.Module, Optimizer]


def chain() -> Captured:
    """One training step of the chain, batch 2048."""
    model = Chain()
    optimizer = SGD(model.parameters(), lr=0.1)
    return model, (torch.randn(2048, 256), torch.randn(2048, 64)), nn.MSELoss(), optimizer


def branches() -> tuple[nn.Module, Tensor]:
    """The branches at work after training, batch 1024."""
    return Branches().eval(), torch.randn(1024, 256)


def residual() -> Captured:
    """One training step of the residual network, batch 16."""
    model = Residual()
    optimizer = SGD(model.parameters(), lr=0.1)
    target = torch.zeros(16, dtype=torch.int64)
    return model, (torch.randn(16, 3, 32, 32), target), nn.CrossEntropyLoss(), optimizer
