"""Small models that are run and not trained, each with something that a graph may show otherwise."""

import torch
from torch import nn


class Cnn(nn.Module):
    """Ops in place, a buffer that no op reads, and two results of which one is a view."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.last, self.act = nn.Linear(8, 5), nn.ReLU(inplace=True)
        self.register_buffer("unread", torch.ones(3))

    def forward(self, x):
        hidden = self.act(self.norm(self.conv(x)))
        pooled = hidden.mean((2, 3))
        return self.last(pooled), pooled.t()


class Attention(nn.Module):
    """Tied weights, a mask as a buffer, attention, dropout that is off."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.out = nn.Embedding(11, 16), nn.Linear(16, 11, bias=False)
        self.out.weight = self.tokens.weight
        self.qkv, self.norm = nn.Linear(16, 48), nn.LayerNorm(16)
        self.register_buffer("mask", torch.ones(6, 6, dtype=torch.bool).tril())

    def forward(self, tokens):
        x = self.tokens(tokens)
        q, k, v = (t.view(2, 6, 2, 8).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, -1))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        x = x + nn.functional.dropout(mixed.transpose(1, 2).reshape(2, 6, 16), 0.1, self.training)
        return self.out(x)


class Held(nn.Module):
    """A tensor that is neither parameter nor buffer, and one in the code."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.scale = nn.Linear(4, 4), torch.tensor([1.0, 2.0, 3.0, 4.0])

    def forward(self, x):
        return (self.linear(x) * self.scale + torch.tensor([0.5, 0.0, 0.0, 0.5])).softmax(-1)


class Mlp(nn.Module):
    """Two inputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x, shift):
        return {"scores": self.last(torch.relu(self.first(x)) + shift)}


def cnn():
    return Cnn(), torch.randn(4, 3, 8, 8)


def attention():
    return Attention(), torch.randint(11, (2, 6))


def held():
    return Held(), torch.randn(3, 4)


def mlp():
    return Mlp(), {"x": torch.randn(5, 4), "shift": torch.randn(8)}
