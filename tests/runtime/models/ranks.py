"""Small models that are trained by several ranks."""

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW


class Cnn(nn.Module):
    """Batch norm, whose statistics are buffers, and dropout, which each rank draws for itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.second, self.last = nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        self.register_buffer("position", torch.arange(6.0)[::2])

    def forward(self, x):
        hidden = self.second(torch.relu(self.norm(self.first(x)))).mean((2, 3))
        return self.last(nn.functional.dropout(hidden, 0.2, self.training)) + self.position.sum()


class Mlp(nn.Module):
    """Two layers; the second one's weight is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(12, 24), nn.Linear(24, 24), nn.Linear(24, 5)

    def forward(self, x):
        hidden = self.second(torch.tanh(self.first(x)))
        return self.last(torch.relu(self.second(hidden)))


def _cnn(optimizer, **options):
    model = Cnn()
    data = torch.randn(4, 3, 8, 8), torch.randint(5, (4,))
    return model, data, nn.CrossEntropyLoss(), optimizer(model.parameters()), distributed(options)


def _mlp(optimizer, **options):
    model = Mlp()
    data = torch.randn(8, 12), torch.randint(5, (8,))
    return model, data, nn.CrossEntropyLoss(), optimizer(model.parameters()), distributed(options)


def distributed(options):
    return {"distributed": True, **options}


def cnn():
    return _cnn(lambda p: SGD(p, lr=0.05, momentum=0.9))


def mlp():
    return _mlp(lambda p: Adam(p, lr=0.01))


def micro_batches():
    return _cnn(lambda p: AdamW(p, lr=0.01), micro_batches=2, clip_grad_norm=0.1)


def scaled():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**21, growth_interval=2)
    return _mlp(lambda p: SGD(p, lr=0.05), autocast=torch.float16, scaler=scaler)


def clipped():
    return _mlp(lambda p: Adam(p, lr=0.01), clip_grad_value=0.1)


def alone():
    return _mlp(lambda p: Adam(p, lr=0.01), distributed=False)
