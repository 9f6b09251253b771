"""A piece of a U-Net: batch norms with ReLUs in place and not, dropout, a skip connection."""

import torch
from torch import nn


class UNet(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()

        def pair(width_in: int, width_out: int, *, inplace: bool) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(width_in, width_out, 3, padding=1, bias=False), nn.BatchNorm2d(width_out),
                nn.ReLU(inplace), nn.Dropout(0.2),
                nn.Conv2d(width_out, width_out, 3, padding=1), nn.BatchNorm2d(width_out),
                nn.ReLU(True),
            )  # fmt: skip

        self.down, self.low = pair(3, width, inplace=True), pair(width, 2 * width, inplace=False)
        self.pool, self.up = nn.MaxPool2d(2), nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.merge, self.head = pair(2 * width, width, inplace=False), nn.Conv2d(width, 1, 1)

    def forward(self, x):
        beside = self.down(x)
        return self.head(self.merge(torch.cat([beside, self.up(self.low(self.pool(beside)))], 1)))


def build(batch: int = 4):
    model = UNet()
    data = torch.randn(batch, 3, 24, 20), torch.rand(batch, 1, 24, 20)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return model, data, nn.BCEWithLogitsLoss(), optimizer


def channels_last(batch: int = 4):
    model, (inputs, target), loss, optimizer = build(batch)
    model.to(memory_format=torch.channels_last)
    return model, (inputs.contiguous(memory_format=torch.channels_last), target), loss, optimizer


def bfloat16(batch: int = 4):
    return *build(batch), {"autocast": torch.bfloat16}
