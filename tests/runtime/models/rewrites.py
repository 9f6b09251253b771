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


class Block(nn.Module):
    """Attention written out, with dropout of its weights, and an MLP."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(self.before(x)).split(width, 2)
        q, k, v = (p.view(batch, length, self.heads, -1).transpose(1, 2) for p in parts)
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
        attended = self.out(attended.transpose(1, 2).reshape(batch, length, width))
        x = x + F.dropout(attended, dropout, self.training)
        inner = F.gelu(self.up(self.between(x)), approximate="tanh")
        return x + F.dropout(self.down(inner), dropout, self.training)


class Transformer(nn.Module):
    """Two blocks and a head whose weights are the embedding's."""

    def __init__(self, dropout: float, vocabulary: int = 97, width: int = 32) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(*[Block(width, 4, dropout) for _ in range(2)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        return self.head(self.norm(self.blocks(self.tokens(tokens))))


def token_loss(logits, target):
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


def transformer(batch: int = 3):
    """A GPT with dropout, also of its attention, and tied weights."""
    model = Transformer(0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    tokens = torch.randint(97, (batch, 17))
    return model, (tokens[:, :-1], tokens[:, 1:]), token_loss, optimizer


class Head(nn.Module):
    """Tokens to logits, with a bias."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.tokens = nn.Embedding(51, 16)
        self.middle = nn.Linear(16, 16)
        self.head = nn.Linear(16, 51, bias=bias)

    def forward(self, tokens):
        return self.head(torch.tanh(self.middle(self.tokens(tokens))))


def convolutions(batch: int = 3):
    """The second one's backward holds more at once than any other op."""
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return (
        model,
        (torch.randn(batch, 3, 16, 16), torch.randint(5, (batch,))),
        F.cross_entropy,
        optimizer,
    )


def dropped(batch: int = 7):
    """Dropout between linear layers."""
    layers = [nn.Linear(9, 33), nn.ReLU(), nn.Dropout(0.2), nn.Linear(33, 5), nn.Dropout(0.5)]
    model = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return model, (torch.randn(batch, 9), torch.randint(5, (batch,))), F.cross_entropy, optimizer


def averages(batch: int = 3):
    """DenseNet's transitions: what is pooled is needed for nothing else."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
        nn.Flatten(),
    )
    model.append(nn.Linear(model(torch.zeros(1, 3, 18, 18)).shape[1], 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return (
        model,
        (torch.randn(batch, 3, 18, 18), torch.randint(3, (batch,))),
        F.cross_entropy,
        optimizer,
    )


def wide_pool(batch: int = 2):
    """A plane so wide that an offset takes two bytes, and windows that reach beyond a narrow one."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.MaxPool2d(3, 2),
        nn.MaxPool2d((2, 5), (3, 160), (1, 2)),
        nn.Flatten(),
    )
    model.append(nn.Linear(model(torch.zeros(1, 1, 9, 300)).shape[1], 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return (
        model,
        (torch.randn(batch, 1, 9, 300), torch.randint(3, (batch,))),
        F.cross_entropy,
        optimizer,
    )


def _head(loss, options=None, *, bias: bool = True, frozen: str = ""):
    model = Head(bias)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name != frozen)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.5)
    tokens = torch.randint(51, (6, 23))
    target = tokens[:, 1:].clone()
    target[0, ::2] = -100
    target[3] = -100
    made = model, (tokens[:, :-1], target), loss, optimizer
    return made if options is None else (*made, options)


def head_with_bias(batch: int = 6):
    """Some targets are to be ignored."""
    return _head(token_loss)


def head_without_its_gradient(batch: int = 6):
    """The head's weight is frozen."""
    return _head(token_loss, frozen="head.weight", bias=False)


def head_summed_and_scaled(batch: int = 6):
    """The loss is a sum, times a number."""

    def loss(logits, target):
        return 0.01 * F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")

    return _head(loss)


def head_in_parts(batch: int = 6):
    """Micro-batches, each of whose losses is divided."""
    return _head(token_loss, {"micro_batches": 3})


def head_from_two_sides(batch: int = 6):
    """The logits are wanted for something else besides."""

    def loss(logits, target):
        return token_loss(logits, target) + 1e-3 * logits.logsumexp(-1).square().mean()

    return _head(loss)


def head_with_class_weights(batch: int = 6):
    """Not every class counts as much."""
    weights = torch.rand(51)

    def loss(logits, target):
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), weight=weights)

    return _head(loss)


def head_with_smoothing(batch: int = 6):
    """The other classes count, too."""

    def loss(logits, target):
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), label_smoothing=0.1)

    return _head(loss)


def head_that_weighs_its_loss(batch: int = 6):
    """The loss's gradient depends on the loss."""

    def loss(logits, target):
        return token_loss(logits, target).square()

    return _head(loss)


class Attention(nn.Module):
    """Written out; ``kind`` says how scores are scaled and masked."""

    def __init__(self, kind: str, width: int = 32, heads: int = 4, length: int = 16) -> None:
        super().__init__()
        self.kind, self.heads = kind, heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        hidden = torch.ones(length, length).triu(1).bool()
        self.register_buffer("hidden", hidden[None, None])
        self.register_buffer("bias", torch.zeros(length, length).masked_fill(hidden, -1e9))

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(x).split(width, 2)
        q, k, v = (p.view(batch, length, self.heads, -1).transpose(1, 2) for p in parts)
        scores = q @ k.transpose(-2, -1)
        if self.kind == "hidden":
            scores = (scores * 0.25).masked_fill(self.hidden, float("-inf"))
        elif self.kind == "biased":
            scores = scores / 3.0 + self.bias
        elif self.kind == "lowest":
            scores = scores.masked_fill(self.hidden, -1e9)
        weights = scores.softmax(-1)
        if self.kind == "dropout":
            weights = F.dropout(weights, 0.1, self.training)
        if self.kind == "looked at":
            self.entropy = (weights * weights).sum()
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))


def _attention(kind):
    model = nn.Sequential(nn.Linear(32, 32), Attention(kind), nn.Linear(32, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def loss(logits, target):
        extra = 0.01 * model[1].entropy if kind == "looked at" else 0.0
        return token_loss(logits, target) + extra

    return model, (torch.randn(2, 16, 32), torch.randint(5, (2, 16))), loss, optimizer


def attention_plain(batch: int = 2):
    return _attention("plain")


def attention_hidden(batch: int = 2):
    return _attention("hidden")


def attention_biased(batch: int = 2):
    return _attention("biased")


def attention_lowest(batch: int = 2):
    """Where all of a row is hidden, the kernels would have other numbers."""
    return _attention("lowest")


def attention_dropout(batch: int = 2):
    return _attention("dropout")


def attention_looked_at(batch: int = 2):
    """The weights are wanted for something else besides."""
    return _attention("looked at")
