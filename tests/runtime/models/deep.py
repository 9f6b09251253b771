"""Layers of one width and a large batch: what the backward pass needs is most of the memory."""

import torch
from torch import nn


def build(batch: int = 128):
    layers = [layer for _ in range(6) for layer in (nn.Linear(32, 32), nn.Tanh())]
    model = nn.Sequential(*layers, nn.Linear(32, 4))
    data = torch.randn(batch, 32), torch.randint(4, (batch,))
    return model, data, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
