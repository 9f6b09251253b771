"""A captured program computes what eager PyTorch does, bit for bit, over three steps."""

from collections.abc import Callable
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor

from runtime.capture import named_step
from runtime.capture.bayplan_capture.build import build_model, call_model
from runtime.capture.bayplan_capture.capture import capture_step
from solver.files import decode_step_object
from solver.step import Step
from tests.runtime.capture.conftest import UserFile
from tests.runtime.capture.interpreter import Interpreter

WriteFile = Callable[[str], UserFile]
STEPS = 3

MLP = """
def build(batch=4):
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = {optimizer}
    inputs, target = torch.randn(batch, 6), torch.randint(3, (batch,))
    return model, (inputs, target), nn.CrossEntropyLoss(), optimizer
"""


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def assert_equal_to_eager(source: str, step: Step, schedule: bool = False) -> None:
    """Three steps eagerly and three of the program, from equal models, leave equal bits."""
    eager, inputs, target, loss_fn, optimizer = build_model(source, None, None, fake=False, seed=1)
    twin, _, _, _, twin_optimizer = build_model(source, None, None, fake=False, seed=1)
    assert loss_fn is not None and optimizer is not None and twin_optimizer is not None
    program = Interpreter(step, twin, twin_optimizer.param_groups)
    for number in range(STEPS):
        torch.manual_seed(number)
        optimizer.zero_grad()
        loss = loss_fn(call_model(eager, inputs), target)
        loss.backward()
        optimizer.step()
        torch.manual_seed(number)
        (replayed,) = program.run(inputs, target)
        assert bits(loss) == bits(replayed)
        if schedule:
            for group in (*optimizer.param_groups, *twin_optimizer.param_groups):
                group["lr"] *= 0.7
    for (name, mine), its in zip(eager.named_parameters(), twin.parameters(), strict=True):
        assert bits(mine) == bits(its), name
    for (name, mine), its in zip(eager.named_buffers(), twin.buffers(), strict=True):
        assert bits(mine) == bits(its), name
    names = {id(parameter): name for name, parameter in eager.named_parameters()}
    states = {
        f"{names[id(parameter)]}/{key}": value
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
        if key != "step" and value is not None
    }
    assert states.keys() == program.states.keys()
    for key, value in states.items():
        assert bits(value) == bits(program.states[key]), key


@pytest.mark.parametrize(
    "optimizer",
    [
        "torch.optim.SGD(model.parameters(), lr=0.1)",
        "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)",
        "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True)",
        "torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)",
        "torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, maximize=True)",
        "torch.optim.Adam(model.parameters(), lr=1e-2)",
        "torch.optim.Adam(model.parameters(), lr=1e-2, amsgrad=True)",
        "torch.optim.AdamW(model.parameters(), lr=1e-2, amsgrad=True, maximize=True)",
        "torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.8, 0.99), weight_decay=0.1)",
        "torch.optim.AdamW(model.parameters(), lr=1e-2)",
        "torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0)",
        "torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=.1, decoupled_weight_decay=True)",
    ],
)
def test_the_update_is_that_of_the_optimizer(user_file: WriteFile, optimizer: str) -> None:
    file = user_file(MLP.format(optimizer=optimizer))
    assert_equal_to_eager(file.source, file.capture(), schedule=True)


MODELS = {
    "dropout and attention": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = nn.Embedding(11, 8)
                self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
                self.head = nn.Linear(8, 11)

            def forward(self, tokens):
                hidden = F.dropout(self.block(self.embed(tokens)), 0.1)
                return self.head(hidden).transpose(1, 2)

        def build():
            model = Model()
            data = torch.randint(11, (2, 5)), torch.randint(11, (2, 5))
            return model, data, nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters())
        """,
    "tied weights, a frozen one, an unused one, several groups, one of them out of the optimizer": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
                self.b.weight = self.a.weight
                self.frozen, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)
                self.left_out = nn.Linear(4, 4)
                self.frozen.requires_grad_(False)

            def forward(self, x):
                return self.left_out(self.frozen(self.b(self.a(x).relu())))

        def build():
            model = Model()
            groups = [
                {"params": [model.a.weight, model.frozen.weight, model.unused.weight], "momentum": 0.5},
                {"params": [model.b.bias, model.a.bias], "lr": 0.3, "weight_decay": 0.1},
            ]
            data = torch.randn(3, 4), torch.randn(3, 4)
            return model, data, nn.MSELoss(), torch.optim.SGD(groups, lr=0.1)
        """,
    "copied layers, whose fake tensors have views elsewhere, and an op that has a decomposition": """
        import copy

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Sequential(nn.Linear(4, 4), nn.SiLU(), nn.BatchNorm1d(4))
                self.second = copy.deepcopy(self.first)

            def forward(self, x):
                return self.second(self.first(x))

        def build():
            model = Model()
            data = torch.randn(3, 4), torch.randn(3, 4)
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        """,
    "two parameters that share memory": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = nn.Parameter(torch.randn(4, 4))
                self.b = nn.Parameter(self.a.detach())

            def forward(self, x):
                return (x @ self.a).tanh() @ self.b

        def build():
            model = Model()
            data = torch.randn(3, 4), torch.randn(3, 4)
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        """,
    "recurrence, whose weights are also in a list": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm, self.gru = nn.LSTM(4, 5, batch_first=True), nn.GRU(5, 3)

            def forward(self, x):
                return self.gru(self.lstm(x)[0])[0]

        def build():
            model = Model()
            data = torch.randn(2, 6, 4), torch.randn(2, 6, 3)
            return model, data, nn.MSELoss(), torch.optim.AdamW(model.parameters())
        """,
    "a shared buffer, one that is replaced and one that is changed in place": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(4, 4)
                self.register_buffer("mean", torch.zeros(4))
                self.register_buffer("count", torch.tensor(0))
                self.layer.register_buffer("seen", self.count)

            def forward(self, x):
                self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
                self.count += len(x)
                return self.layer(x - self.mean) / self.layer.seen

        def build():
            model = Model()
            data = torch.randn(3, 4), torch.randn(3, 4)
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        """,
    "tensors that are no buffers, literals, and views in place": """
        SCALE = torch.tensor(3.0)

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(4, 4)
                self.mask = torch.ones(4, 4).tril().bool()
                self.table = torch.arange(8.0).reshape(2, 4).t()

            def forward(self, x):
                y = self.layer(x).masked_fill(~self.mask, float("-inf")).softmax(-1) * 1.0
                y = (y.t_().transpose_(0, 1).transpose_(1, 0).unsqueeze_(0) * SCALE).squeeze_(0)
                y = y.as_strided_((4, 4), (1, 4)) @ self.table
                total = torch.tensor([0.0, 1.0])
                total += y.sum(0)
                return total * torch.tensor([1.0, 2.0])[1]

        def build():
            model = Model()
            return model, (torch.randn(4, 4), torch.zeros(2)), nn.MSELoss(), torch.optim.SGD(
                model.parameters(), lr=0.1)
        """,
    "inputs by name with a number among them, and a target in parts": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(4, 2)

            def forward(self, x, pair, scale, nothing=None):
                return self.layer(x * scale + pair[0] - pair[1])

        def build():
            model = Model()
            inputs = {"x": torch.randn(3, 4), "pair": (torch.randn(3, 4), torch.randn(4)), "scale": 2}
            def loss(out, target):
                return F.mse_loss(out, target["y"]) + target["more"][0].sum()
            target = {"y": torch.randn(3, 2), "more": [torch.randn(2)]}
            return model, (inputs, target), loss, torch.optim.SGD(model.parameters(), lr=0.1)
        """,
    "a function with a backward of its own, and recomputed activations": """
        from torch.utils.checkpoint import checkpoint

        class Square(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, gradient):
                return 2 * ctx.saved_tensors[0] * gradient

        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

            def forward(self, x):
                hidden = checkpoint(lambda h: self.a(h).tanh(), x, use_reentrant=False)
                return self.b(Square.apply(hidden))

        def build():
            model = Model()
            data = torch.randn(3, 4), torch.randn(3, 4)
            return model, data, nn.MSELoss(), torch.optim.Adam(model.parameters())
        """,
    "automatic mixed precision": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

            def forward(self, x):
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    return self.b(F.gelu(self.a(x)) + self.a(x)).float()

        def build():
            model = Model()
            data = torch.randn(3, 4), torch.randn(3, 4)
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        """,
    "weight normalization": """
        def build():
            layer = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
            model = nn.Sequential(layer, nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)))
            data = torch.randn(3, 4), torch.randn(3, 4)
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        """,
    "batch norm of transposed and of permuted tensors": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.second = nn.BatchNorm1d(4), nn.BatchNorm2d(3)
                self.third = nn.BatchNorm2d(3)

            def forward(self, x):
                x = self.first(x.transpose(1, 2)).transpose(1, 2)
                x = self.second(x.reshape(2, 2, 3, 4).permute(1, 2, 3, 0))
                return self.third(x.contiguous(memory_format=torch.channels_last)).contiguous()

        def build():
            data = torch.randn(2, 6, 4), torch.randn(2, 3, 4, 2)
            model = Model()
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        """,
    "bfloat16, channels last and a transposed gradient": """
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
                self.weight = nn.Parameter(torch.randn(16, 2))
                self.small = nn.Linear(2, 2).bfloat16()

            def forward(self, x):
                x = self.conv(x.contiguous(memory_format=torch.channels_last)).flatten(1)
                return self.small((self.weight.t() @ x.t()).t().bfloat16()).float()

        def build():
            model = Model()
            data = torch.randn(2, 3, 4, 4), torch.randn(2, 2)
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        """,
}


@pytest.mark.parametrize("model", MODELS)
def test_training_is_equal_for(user_file: WriteFile, model: str) -> None:
    file = user_file(MODELS[model])
    assert_equal_to_eager(file.source, file.capture())


def test_training_is_equal_for_resnet18_of_the_zoo() -> None:
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    step = named_step(decode_step_object(capture_step("zoo:resnet18", 1, "adam"), "resnet18"))
    torch.set_num_threads(2)
    eager, inputs, target, loss_fn, optimizer = build_model(
        "zoo:resnet18", 1, "adam", fake=False, seed=3
    )
    twin, *_ = build_model("zoo:resnet18", 1, "adam", fake=False, seed=3)
    assert loss_fn is not None and optimizer is not None
    loss = loss_fn(eager(inputs), target)
    loss.backward()
    optimizer.step()
    (replayed,) = Interpreter(step, twin, optimizer.param_groups).run(inputs, target)
    assert bits(loss) == bits(replayed)
    for mine, its in zip(eager.parameters(), twin.parameters(), strict=True):
        assert bits(mine) == bits(its)


MICRO_BATCHES = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 3))

    def forward(self, x):
        return [self.net(part) for part in x.chunk(3)]

def loss(parts, target):
    return sum(F.cross_entropy(p, t) for p, t in zip(parts, target.chunk(3))) / 3

def build():
    model = Model()
    data = torch.randn(12, 6), torch.randint(3, (12,))
    return model, data, loss, torch.optim.SGD(model.parameters(), lr=.1, momentum=.9)
"""


def test_gradients_of_micro_batches_are_added_and_none_waits_for_anothers_forward_pass(
    user_file: WriteFile,
) -> None:
    file = user_file(MICRO_BATCHES)
    step = file.capture()
    assert_equal_to_eager(file.source, step)
    # Batch norms follow each other by their running statistics, what comes after them does not.
    forward = {i for i, op in enumerate(step.ops) if op.target == "relu.default"}
    backward = [i for i, op in enumerate(step.ops) if op.target == "native_batch_norm_backward.default"]
    assert (len(forward), len(backward)) == (3, 3)
    for op in backward:
        earlier: set[int] = set()
        pending = [op]
        while pending:
            for before in step.dependencies[pending.pop()]:
                if before not in earlier:
                    earlier.add(before)
                    pending.append(before)
        assert len(earlier & forward) == 1
