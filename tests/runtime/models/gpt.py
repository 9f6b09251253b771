"""A 4-layer GPT with dropout: tied weights, attention, random numbers in every block."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

WIDTH, HEADS, VOCABULARY, LENGTH = 64, 4, 211, 32


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.qkv(self.before_attention(x)).split(WIDTH, 2)
        q, k, v = (p.view(batch, length, HEADS, -1).transpose(1, 2) for p in parts)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        attended = attended.transpose(1, 2).reshape(batch, length, WIDTH)
        x = x + F.dropout(self.out(attended), 0.1, self.training)
        return x + F.dropout(self.down(F.gelu(self.up(self.before_mlp(x)))), 0.1, self.training)


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.02)
        self.blocks = nn.Sequential(*[Block() for _ in range(4)])
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        x = F.dropout(self.tokens(tokens) + self.positions, 0.1, self.training)
        return self.head(self.norm(self.blocks(x)))


def loss(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


def build(batch: int = 4):
    model = GPT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    tokens = torch.randint(VOCABULARY, (batch, LENGTH + 1))
    return model, (tokens[:, :-1], tokens[:, 1:]), loss, optimizer
