"""The U-Net of Ronneberger, Fischer and Brox (2015), with padded convolutions and batch norm."""

from typing import Any

import torch
from torch import Tensor, nn


class DoubleConvolution(nn.Sequential):
    """Twice: a 3×3 convolution that keeps height and width, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        layers: list[Any] = []
        for channels in (inputs, outputs):
            layers += [
                nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers)


class UNet(nn.Module):
    """Images (N, 3, H, W) to class scores (N, classes, H, W); H and W must be multiples of 16.

    Four times down, with ``width`` channels at full size and twice as many at each half, and up
    again, joined with what was there on the way down.
    """

    def __init__(self, classes: int = 2, width: int = 64) -> None:
        super().__init__()
        sizes = [width << level for level in range(5)]
        self.down = nn.ModuleList(
            DoubleConvolution(before, after) for before, after in zip([3, *sizes], sizes, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(2 * size, size, 2, stride=2) for size in sizes[-2::-1]
        )
        self.up = nn.ModuleList(DoubleConvolution(2 * size, size) for size in sizes[-2::-1])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        kept = [self.down[0](images)]
        for block in self.down[1:]:
            kept.append(block(self.pool(kept[-1])))
        features = kept.pop()
        for grow, block in zip(self.grow, self.up, strict=True):
            features = block(torch.cat([kept.pop(), grow(features)], dim=1))
        scores: Tensor = self.head(features)
        return scores
