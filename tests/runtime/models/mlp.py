"""A small MLP with Adam: many small ops, and an optimizer that counts its steps."""

import torch
from torch import nn


def build(batch: int = 16):
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs, target = torch.randn(batch, 32), torch.randint(10, (batch,))
    return model, (inputs, target), nn.CrossEntropyLoss(), optimizer


def infer(batch: int = 16):
    model, (inputs, _), _, _ = build(batch)
    return model, inputs
