"""Small models, one for each family of ops that CUDA runs otherwise than the CPU."""

ATTENTION = """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear({size}, {size} * 3), nn.Linear({size}, {size})

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, {arguments})
        return self.out(y.transpose(1, 2).reshape(b, t, c))

def build(batch=2):
    model = Attention().to({dtype})
    x, y = (torch.randn(batch, 12, {size}, dtype={dtype}) for _ in range(2))
    return model, (x, y), nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

SEQUENTIAL = """
def build(batch=4):
    model = nn.Sequential({layers}){more}
    data = {inputs}, {target}
    return model, data, {loss}, torch.optim.SGD(model.parameters(), lr=0.1)
"""

CELLS = """
class Loop(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTMCell(4, 8), nn.GRUCell(8, 8)

    def forward(self, x):
        state, hidden = None, None
        for part in x.unbind(1):
            state = self.lstm(part, state)
            hidden = self.gru(state[0], hidden)
        return hidden

def build(batch=3):
    model = Loop()
    data = torch.randn(batch, 2, 4), torch.randn(batch, 8)
    return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

SOFTMAX = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        x = self.layer(x)
        return F.softmax(x, 1, dtype=torch.float32) + F.log_softmax(x, 1, dtype=torch.float32)

def build(batch=4):
    model = Model().half()
    data = torch.randn(batch, 8, dtype=torch.float16), torch.randn(batch, 8)
    return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

SAMPLING = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.grid = nn.Parameter(torch.rand(2, 5, 6, 2))
        self.solid = nn.Parameter(torch.rand(2, 3, 5, 6, 3))

    def forward(self, x):
        at = F.grid_sample(x, self.grid, align_corners=True)
        between = F.grid_sample(x, self.grid, align_corners=False)
        return at + between + F.grid_sample(x[:, :, None], self.solid, align_corners=True)[:, :, 0]

def build():
    model = Model()
    data = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 5, 6)
    return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""

TRANSFORMER = """
class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 16, padding_idx=0)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 11)

    def forward(self, tokens):
        mask = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        return self.head(self.layer(self.embedding(tokens), src_mask=mask)).transpose(1, 2)

def build(batch=2):
    model = Language()
    data = torch.randint(11, (batch, 6)), torch.randint(11, (batch, 6))
    return model, data, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""


def attention(arguments: str = "", dtype: str = "torch.float32", size: int = 16) -> str:
    return ATTENTION.format(arguments=arguments, dtype=dtype, size=size)


def sequential(
    layers: str,
    inputs: str = "torch.randn(batch, 3, 8, 8)",
    target: str = "torch.randint(4, (batch,))",
    loss: str = "nn.CrossEntropyLoss()",
    more: str = "",
) -> str:
    return SEQUENTIAL.format(layers=layers, inputs=inputs, target=target, loss=loss, more=more)


FLASH, EFFICIENT = "_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention"
CUDNN, NATIVE = "cudnn_batch_norm", "native_batch_norm"
FAMILIES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # What is captured, ops that must be in the program, ops that must not.
    "attention in float32": (
        attention(),
        (EFFICIENT, f"{EFFICIENT}_backward"),
        ("_softmax", "bmm", FLASH),
    ),
    "causal attention in bfloat16, with dropout": (
        attention("is_causal=True, dropout_p=0.1", "torch.bfloat16"),
        (FLASH, f"{FLASH}_backward"),
        ("_softmax", "bmm", "native_dropout", "bernoulli_"),
    ),
    "attention of heads that flash pads": (
        attention(dtype="torch.float16", size=12),
        (FLASH, f"{FLASH}_backward", "constant_pad_nd"),
        ("_softmax",),
    ),
    "attention in float16 with a mask": (
        attention("attn_mask=torch.ones(12, 12, dtype=torch.bool).tril()", "torch.float16"),
        (EFFICIENT, f"{EFFICIENT}_backward", "where"),
        (FLASH, "_softmax"),
    ),
    "attention in float64, with dropout": (
        attention("dropout_p=0.1", "torch.float64"),
        ("_safe_softmax", "bmm", "native_dropout", "native_dropout_backward"),
        (EFFICIENT, FLASH),
    ),
    "an encoder with a mask and dropout": (
        TRANSFORMER,
        (EFFICIENT, f"{EFFICIENT}_backward", "native_dropout", "native_dropout_backward",
         "native_layer_norm", "native_layer_norm_backward", "gelu", "gelu_backward", "addmm",
         "embedding", "embedding_dense_backward", "_log_softmax"),
        ("bernoulli_", "_softmax"),
    ),
    "convolution, batch norm and pooling": (
        sequential("nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), "
                   "nn.Linear(36, 4)"),
        ("convolution", "convolution_backward", CUDNN, f"{CUDNN}_backward", "max_pool2d_with_indices",
         "max_pool2d_with_indices_backward", "addmm", "nll_loss_forward"),
        (NATIVE, "mkldnn_convolution"),
    ),
    "batch norm in bfloat16": (
        sequential("nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 4)",
                   "torch.randn(batch, 3, 8, 8, dtype=torch.bfloat16)", more=".bfloat16()"),
        (NATIVE, f"{NATIVE}_backward"),
        (CUDNN,),
    ),
    "batch norm of vectors": (
        sequential("nn.Linear(3, 4), nn.BatchNorm1d(4)", "torch.randn(batch, 3)"),
        (NATIVE, f"{NATIVE}_backward"),
        (CUDNN,),
    ),
    "batch norm that is evaluated while the rest is trained": (
        sequential("nn.Conv2d(3, 4, 8), nn.BatchNorm2d(4).eval(), nn.Flatten()"),
        (CUDNN, f"{NATIVE}_backward"),
        (f"{CUDNN}_backward", NATIVE),
    ),
    "instance and group norm": (
        sequential("nn.InstanceNorm2d(3, affine=True), nn.GroupNorm(1, 3), nn.Flatten()"),
        (CUDNN, f"{CUDNN}_backward", "native_group_norm", "native_group_norm_backward"),
        (NATIVE,),
    ),
    "root mean square norm": (
        sequential("nn.RMSNorm(4)", "torch.randn(batch, 4)"),
        ("_fused_rms_norm", "_fused_rms_norm_backward"),
        ("rsqrt",),
    ),
    "dropout": (
        sequential("nn.Dropout(0.3), nn.Linear(4, 4)", "torch.randn(batch, 4)"),
        ("native_dropout",),
        ("bernoulli_", "native_dropout_backward"),
    ),
    "softmax of float16 in float32": (
        SOFTMAX,
        ("_softmax", "_softmax_backward_data", "_log_softmax"),
        ("_to_copy",),
    ),
    "sampling at a grid": (
        SAMPLING,
        ("cudnn_grid_sampler", "cudnn_grid_sampler_backward", "grid_sampler_2d", "grid_sampler_3d"),
        (),
    ),
    "recurrent cells": (
        CELLS,
        ("_thnn_fused_lstm_cell", "_thnn_fused_lstm_cell_backward_impl", "_thnn_fused_gru_cell",
         "_thnn_fused_gru_cell_backward"),
        ("sigmoid", "tanh"),
    ),
}  # fmt: skip
