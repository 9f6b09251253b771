"""The models that ``make test-cuda`` proves: what a user's own build functions look like.

Optimizers are fused with a learning rate on the device where the step is to be replayed as a graph.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def fused(model: nn.Module, lr: float, **options) -> torch.optim.Optimizer:
    """AdamW whose update has no numbers of Python's in it."""
    rate = torch.tensor(lr)
    return torch.optim.AdamW(model.parameters(), lr=rate, fused=True, capturable=True, **options)


def mlp(batch: int = 64):
    """Many small kernels: what launching them costs is all there is."""
    layers: list[nn.Module] = []
    for _ in range(8):
        layers += [nn.Linear(256, 256), nn.GELU(), nn.Dropout(0.1)]
    model = nn.Sequential(*layers, nn.Linear(256, 10))
    data = torch.randn(batch, 256), torch.randint(10, (batch,))
    return model, data, nn.CrossEntropyLoss(), fused(model, 1e-3)


def mlp_scaled(batch: int = 64):
    """Half precision with loss scaling, clipped gradients, two micro-batches."""
    model = nn.Sequential(
        nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    data = torch.randn(batch, 256), torch.randint(10, (batch,))
    options = {
        "autocast": torch.float16,
        "scaler": torch.amp.GradScaler(),
        "clip_grad_norm": 1.0,
        "micro_batches": 2,
    }
    return model, data, nn.CrossEntropyLoss(), optimizer, options


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.conv1 = nn.Conv2d(width_in, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.bn3 = nn.BatchNorm2d(out)
        self.down: nn.Module = nn.Identity()
        if stride != 1 or width_in != out:
            self.down = nn.Sequential(
                nn.Conv2d(width_in, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + self.down(x), inplace=True)


def resnet50(batch: int = 32):
    """ResNet-50 with SGD, whose numbers are the same in every step."""
    blocks: list[nn.Module] = []
    width_in = 64
    for width, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            blocks.append(Bottleneck(width_in, width, stride if number == 0 else 1))
            width_in = 4 * width
    head = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(True)]
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000)]
    model = nn.Sequential(*head, nn.MaxPool2d(3, 2, 1), *blocks, *tail)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    data = torch.randn(batch, 3, 224, 224), torch.randint(1000, (batch,))
    return model, data, nn.CrossEntropyLoss(), optimizer


class Attention(nn.Module):
    """Self-attention of several heads."""

    def __init__(self, width: int, heads: int, *, causal: bool, dropout: float) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.causal, self.dropout = heads, causal, dropout

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(x).split(width, 2)
        q, k, v = (p.view(batch, length, self.heads, -1).transpose(1, 2) for p in parts)
        dropout = self.dropout if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=self.causal)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    """A transformer's layer, normalised before its parts."""

    def __init__(self, width: int, heads: int, *, causal: bool, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal=causal, dropout=dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x):
        x = x + self.attention(self.before_attention(x))
        return x + self.mlp(self.before_mlp(x))


class ViT(nn.Module):
    """ViT-B/16."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 768, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, 768))
        self.positions = nn.Parameter(torch.randn(1, 197, 768) * 0.02)
        self.blocks = nn.Sequential(*[Block(768, 12, causal=False, dropout=0.0) for _ in range(12)])
        self.norm, self.head = nn.LayerNorm(768), nn.Linear(768, 1000)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


def vit_b_16(batch: int = 16):
    """ViT-B/16 with an AdamW whose numbers differ from step to step: it has no graph, and says why."""
    model = ViT()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    data = torch.randn(batch, 3, 224, 224), torch.randint(1000, (batch,))
    return model, data, nn.CrossEntropyLoss(), optimizer


class GPT(nn.Module):
    """A decoder with tied weights."""

    def __init__(self, width: int, heads: int, layers: int, words: int, length: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(words, width)
        self.positions = nn.Parameter(torch.randn(length, width) * 0.02)
        self.dropout = nn.Dropout(0.1)
        self.blocks = nn.Sequential(
            *[Block(width, heads, causal=True, dropout=0.1) for _ in range(layers)]
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens):
        x = self.dropout(self.tokens(tokens) + self.positions)
        return self.head(self.norm(self.blocks(x)))


def token_loss(logits, target):
    """Cross-entropy over all positions."""
    return F.cross_entropy(logits.flatten(0, 1).float(), target.flatten())


def gpt(batch: int = 8):
    """A GPT with flash attention, which is for half precision, and dropout."""
    model = GPT(512, 8, 8, 8192, 512)
    tokens = torch.randint(8192, (batch, 513))
    data = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    return model, data, token_loss, fused(model, 3e-4), {"autocast": torch.bfloat16}


class Encoder(nn.Module):
    """BERT's layers with a head over the words."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(30522, 768), nn.Embedding(256, 768)
        self.norm, self.dropout = nn.LayerNorm(768), nn.Dropout(0.1)
        self.layers = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(768, 12, 3072, 0.1, "gelu", batch_first=True)
                for _ in range(12)
            ]
        )
        self.head = nn.Linear(768, 30522)

    def forward(self, tokens):
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.dropout(self.norm(self.tokens(tokens) + self.positions(places)))
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def bert(batch: int = 16):
    """BERT under bfloat16 autocast, gradients clipped."""
    model = Encoder()
    data = torch.randint(30522, (batch, 256)), torch.randint(30522, (batch, 256))
    options = {"autocast": torch.bfloat16, "clip_grad_norm": 1.0}
    return model, data, token_loss, fused(model, 1e-4), options


class UNet(nn.Module):
    """A U-Net of four levels."""

    def __init__(self) -> None:
        super().__init__()
        widths = (32, 64, 128, 256)
        self.down = nn.ModuleList()
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        width_in = 3
        for width in widths:
            self.down.append(self._pair(width_in, width))
            width_in = width
        for width in widths[-2::-1]:
            self.up.append(nn.ConvTranspose2d(2 * width, width, 2, 2))
            self.merge.append(self._pair(2 * width, width))
        self.head = nn.Conv2d(widths[0], 1, 1)

    @staticmethod
    def _pair(width_in: int, width: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(width_in, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
        )  # fmt: skip

    def forward(self, x):
        kept = []
        for level, pair in enumerate(self.down):
            x = pair(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for up, merge, beside in zip(self.up, self.merge, kept[-2::-1], strict=True):
            x = merge(torch.cat([beside, up(x)], 1))
        return self.head(x)


def unet(batch: int = 8):
    """A U-Net."""
    model = UNet()
    data = torch.randn(batch, 3, 192, 192), torch.rand(batch, 1, 192, 192)
    return model, data, nn.BCEWithLogitsLoss(), fused(model, 1e-3)


class Cnn(nn.Module):
    """Convolutions and batch norm, whose statistics are buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.conv2, self.bn2 = nn.Conv2d(32, 64, 3, 2, 1), nn.BatchNorm2d(64)
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.last(x.mean((2, 3)))


def cnn_ranks(batch: int = 16):
    """Trained by several ranks, as by DistributedDataParallel."""
    model = Cnn()
    data = torch.randn(batch, 3, 32, 32), torch.randint(10, (batch,))
    return model, data, nn.CrossEntropyLoss(), fused(model, 1e-3), {"distributed": True}


def cnn_inference(batch: int = 16):
    """For torch.compile."""
    return Cnn().eval(), torch.randn(batch, 3, 32, 32)


def cnn_dropout(batch: int = 32):
    """Batch norm and dropout in every layer: what runs again must draw the same and move nothing."""
    layers: list[nn.Module] = []
    for width_in, width in ((3, 32), (32, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(width_in, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU(True), nn.Dropout(0.1)]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    data = torch.randn(batch, 3, 32, 32), torch.randint(10, (batch,))
    return model, data, nn.CrossEntropyLoss(), fused(model, 1e-3)
