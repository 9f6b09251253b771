"""A small model trained in all the ways that options and optimizers offer."""

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

RATE = 1e-2


class Net(nn.Module):
    """One layer is used twice: its gradient is a sum, and autocast keeps the copy of its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(12, 24), nn.LayerNorm(24)
        self.twice, self.last = nn.Linear(24, 24), nn.Linear(24, 5)

    def forward(self, x):
        hidden = torch.relu(self.norm(self.first(x)))
        both = self.twice(hidden) + self.twice(hidden * 0.5)
        return self.last(nn.functional.dropout(both, 0.1, self.training))


def training(optimizer, **options):
    data = torch.randn(16, 12), torch.randint(5, (16,))
    model = Net()
    return model, data, nn.CrossEntropyLoss(), optimizer(model.parameters()), options


def scaler(scale=2.0**10):
    return torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=2)


def rate():
    return torch.tensor(RATE)


def bfloat16():
    return training(lambda p: AdamW(p, lr=RATE), autocast=torch.bfloat16)


def scaled():
    return training(lambda p: SGD(p, lr=RATE, momentum=0.9), autocast=torch.float16, scaler=scaler())


def overflow():
    # float16 ends at 65504: the first steps overflow until the scale was halved often enough.
    return training(lambda p: AdamW(p, lr=RATE), autocast=torch.float16, scaler=scaler(2.0**21))


def clipped():
    return training(lambda p: Adam(p, lr=RATE), clip_grad_norm=0.1)


def clipped_by_value():
    return training(lambda p: SGD(p, lr=RATE), clip_grad_value=0.01)


def micro_batches():
    return training(lambda p: Adam(p, lr=RATE), micro_batches=4)


def everything():
    return training(
        lambda p: AdamW(p, lr=RATE),
        autocast=torch.float16,
        scaler=scaler(2.0**21),
        clip_grad_norm=0.1,
        micro_batches=2,
    )


def fused_adamw():
    return training(lambda p: AdamW(p, lr=RATE, fused=True))


def fused_sgd():
    return training(lambda p: SGD(p, lr=RATE, fused=True))


def fused_adam_on_device():
    return training(lambda p: Adam(p, lr=rate(), fused=True, capturable=True, weight_decay=0.1))


def fused_amsgrad():
    return training(lambda p: AdamW(p, lr=RATE, fused=True, amsgrad=True, maximize=True))


def amsgrad():
    return training(lambda p: Adam(p, lr=RATE, amsgrad=True, maximize=True), clip_grad_norm=1.0)


def fused_sgd_on_device():
    return training(lambda p: SGD(p, lr=rate(), momentum=0.9, nesterov=True, fused=True))


def fused_overflow():
    return training(
        lambda p: AdamW(p, lr=rate(), fused=True), autocast=torch.float16, scaler=scaler(2.0**21)
    )


def fused_everything():
    return training(
        lambda p: Adam(p, lr=rate(), fused=True),
        autocast=torch.float16,
        scaler=scaler(2.0**21),
        clip_grad_value=0.1,
        micro_batches=2,
    )


def tensor_rate():
    return training(lambda p: AdamW(p, lr=rate()))


def tensor_rate_sgd():
    return training(lambda p: SGD(p, lr=rate(), momentum=0.9))
