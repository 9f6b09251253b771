"""What a captured step says: storages, categories, modules, source lines, outputs, fingerprint."""

from collections.abc import Callable

import pytest
import torch

from runtime.capture.bayplan_capture.build import build_model, call_model
from solver.files import decode_step, encode_step
from solver.step import Category, Op, Phase, Step
from tests.runtime.capture.conftest import UserFile
from tests.runtime.capture.interpreter import Interpreter

WriteFile = Callable[[str], UserFile]

NET = """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        x = self.norm(x)
        return self.linear(x).relu()  # in the block

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.blocks = nn.ModuleList([Block(), Block()])

    def forward(self, x):
        x = self.first(x).sigmoid()
        for block in self.blocks:
            x = block(x)
        return x.sum(1)  # at the end

def loss(out, target):
    return F.mse_loss(out, target)  # in the loss

def build(batch=5, dtype=torch.float32):
    model = Net().to(dtype)
    data = torch.randn(batch, 4, dtype=dtype), torch.randn(batch, dtype=dtype)
    return model, data, loss, torch.optim.SGD(model.parameters(), lr=.1, momentum=.9)
"""


@pytest.fixture
def net(user_file: WriteFile) -> UserFile:
    return user_file(NET)


def op(step: Step, target: str, phase: Phase, module: str) -> Op:
    found = [o for o in step.ops if (o.target, o.phase, o.module) == (target, phase, module)]
    assert len(found) == 1, [(o.target, o.phase, o.module) for o in step.ops]
    return found[0]


def line(step: Step, operator: Op) -> tuple[int, str]:
    source = step.sources[operator.source]
    return source.line, source.text[source.here].strip()


def test_forward_ops_know_their_module_and_the_users_line(net: UserFile) -> None:
    step = net.capture()
    relu = op(step, "relu.default", Phase.FORWARD, "blocks.1")
    text = "return self.linear(x).relu()  # in the block"
    assert line(step, relu) == (net.line_of("# in the block"), text)
    source = step.sources[relu.source]
    assert source.file == str(net.path) and source.function == "forward"
    assert len(source.text) == 7
    inside = op(step, "addmm.default", Phase.FORWARD, "blocks.0.linear")
    assert line(step, inside)[1] == text
    at_end = op(step, "sum.dim_IntList", Phase.FORWARD, "")
    assert line(step, at_end) == (net.line_of("# at the end"), "return x.sum(1)  # at the end")
    assert line(step, op(step, "mse_loss.default", Phase.FORWARD, ""))[0] == net.line_of(
        "# in the loss"
    )


def test_backward_ops_have_the_module_and_the_line_of_their_forward_op(net: UserFile) -> None:
    step = net.capture()
    relu = op(step, "threshold_backward.default", Phase.BACKWARD, "blocks.0")
    assert line(step, relu)[0] == net.line_of("# in the block")
    norm = op(step, "native_batch_norm_backward.default", Phase.BACKWARD, "blocks.1.norm")
    assert line(step, norm)[1] == "x = self.norm(x)"
    loss = op(step, "mse_loss_backward.default", Phase.BACKWARD, "")
    assert line(step, loss)[0] == net.line_of("# in the loss")


def test_update_ops_belong_to_the_module_of_their_parameter(net: UserFile) -> None:
    step = net.capture()
    updates = [o for o in step.ops if o.phase is Phase.UPDATE]
    assert {o.module for o in updates} == {
        "first", "blocks.0.norm", "blocks.0.linear", "blocks.1.norm", "blocks.1.linear",
    }  # fmt: skip
    assert all(o.phase is Phase.UPDATE for o in step.ops[-len(updates) :])


def test_what_runs_without_a_line_of_the_users_has_the_one_that_made_its_module(
    user_file: WriteFile,
) -> None:
    file = user_file("""
        def build():
            model = nn.Sequential(
                nn.Linear(3, 2, bias=False),  # made here
                nn.ReLU(),
            )
            data = torch.ones(4, 3), torch.ones(4, 2)
            return model, data, nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        """)
    step = file.capture()
    for target, phase in (
        ("mm.default", Phase.FORWARD),
        ("mm.default", Phase.BACKWARD),
        ("add_.Tensor", Phase.UPDATE),
    ):
        found = op(step, target, phase, "0")
        assert line(step, found) == (
            file.line_of("# made here"),
            "nn.Linear(3, 2, bias=False),  # made here",
        )
    assert op(step, "mse_loss.default", Phase.FORWARD, "").source == -1


def test_residents_are_named_and_sorted_into_categories(net: UserFile) -> None:
    step = net.capture()
    names = {c: [s.name for s in step.storages if s.category is c] for c in Category}
    assert "blocks.1.linear.bias" in names[Category.PARAMETER]
    assert "blocks.0.norm.running_var" in names[Category.BUFFER]
    assert "first.weight/momentum_buffer" in names[Category.OPTIMIZER_STATE]
    assert names[Category.INPUT] == ["input", "target"]
    parameters = sum(s.size for s in step.storages if s.category is Category.PARAMETER)
    assert parameters == 4 * sum(
        p.numel() for p in build_model(net.source, 5, None, fake=True)[0].parameters()
    )


def test_made_storages_are_named_after_what_they_are(net: UserFile) -> None:
    step = net.capture()
    by_name = {s.name: s for s in step.storages}
    assert by_name["∂ blocks.0.linear.weight"].category is Category.GRADIENT
    assert by_name["blocks.0.norm · out"].category is Category.ACTIVATION
    assert by_name["∂ blocks.0 · threshold_backward"].category is Category.GRADIENT
    assert by_name["blocks.0.norm · native_batch_norm [1]"].size == 8 * 4
    (loss,) = [s for s in step.storages if s.output]
    assert (loss.size, loss.planned) == (4, False)


def test_batch_norm_writes_its_running_statistics(net: UserFile) -> None:
    step = net.capture()
    norm = op(step, "native_batch_norm.default", Phase.FORWARD, "blocks.0.norm")
    assert [step.storages[s].name for s in norm.writes] == [
        "blocks.0.norm.running_mean", "blocks.0.norm.running_var",
    ]  # fmt: skip
    count = op(step, "add_.Tensor", Phase.FORWARD, "blocks.0.norm")
    assert [step.storages[s].name for s in count.writes] == ["blocks.0.norm.num_batches_tracked"]


def test_the_origin_says_what_was_captured(net: UserFile) -> None:
    origin = net.capture(batch=6).origin
    assert (origin.model, origin.source, origin.batch) == ("Net", f"{net.path}:build", 6)
    assert (origin.optimizer, origin.training, origin.target) == ("sgd", True, "cpu")
    assert (origin.dtype, origin.torch) == ("float32", torch.__version__)
    assert origin.captured.startswith("20") and origin.seconds > 0


def test_the_optimizer_is_recorded_with_its_groups(net: UserFile) -> None:
    program = net.capture().program
    assert program is not None and program.optimizer is not None
    (group,) = program.optimizer.groups
    assert program.optimizer.name == "sgd" and group.parameters[0] == "first.weight"
    assert group.hyperparameters["momentum"] == 0.9
    assert {s.kind for s in program.scalars} == {
        "sgd.momentum", "sgd.one_minus_dampening", "sgd.negative_lr",
    }  # fmt: skip


def test_a_captured_step_survives_its_file(net: UserFile) -> None:
    step = net.capture()
    again = decode_step(encode_step(step), "net.step")
    assert again == step and again.fingerprint == step.fingerprint


def test_the_fingerprint_is_that_of_the_computation(net: UserFile) -> None:
    first = net.capture().fingerprint
    assert net.capture().fingerprint == first
    assert net.capture(batch=5).fingerprint == first
    assert net.capture(batch=6).fingerprint != first
    net.path.write_text(net.path.read_text().replace("float32", "float64"))
    assert net.capture().fingerprint != first


def test_dead_ops_are_left_out_but_random_ones_kept(user_file: WriteFile) -> None:
    file = user_file("""
        class Model(nn.Module):
            def forward(self, x):
                x.exp(), x.t().cos()
                F.dropout(x)
                return x.sin()

        def build():
            return Model().train(), torch.ones(2, 3)
        """)
    targets = [o.target for o in file.capture().ops]
    assert "exp.default" not in targets and "cos.default" not in targets
    assert targets[-1] == "sin.default" and "bernoulli_.float" in targets
    assert [o.target for o in file.capture().ops if o.random] == ["bernoulli_.float"]


def test_attention_without_dropout_is_not_random(user_file: WriteFile) -> None:
    file = user_file("""
        class Model(nn.Module):
            def forward(self, x):
                return F.scaled_dot_product_attention(x, x, x)

        def build():
            return Model(), torch.ones(1, 2, 3, 4)
        """)
    (attention,) = file.capture().ops
    assert "flash_attention_for_cpu" in attention.target and not attention.random


def test_views_launch_nothing_and_share_their_storage(user_file: WriteFile) -> None:
    file = user_file("""
        class Model(nn.Module):
            def forward(self, x):
                y = x + 1
                return y.t()[1:].unsqueeze(0).expand(5, -1, -1)

        def build():
            return Model(), torch.ones(2, 3)
        """)
    step = file.capture()
    assert [o.target for o in step.ops] == ["add.Tensor"]
    assert step.program is not None
    assert [i.op for i in step.program.instructions] == [0, -1, -1, -1, -1]
    (output,) = step.program.outputs
    value = step.program.values[output]
    assert (value.shape, value.stride, value.offset) == ((5, 2, 2), (0, 1, 3), 1)
    assert step.storages[value.storage].output


def test_an_inference_step_keeps_the_shape_of_the_result(user_file: WriteFile) -> None:
    file = user_file("""
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout())

            def forward(self, x):
                y = self.layer(x)
                return {"y": y, "parts": [y[:1], (x, None, 3)], "weight": self.layer[0].weight}

        def build():
            return Model(), {"x": torch.randn(3, 4)}
        """)
    step = file.capture()
    assert not step.origin.training and step.title == "Model · batch 3 · inference"
    assert {o.phase for o in step.ops} == {Phase.FORWARD} and not any(o.random for o in step.ops)
    program = step.program
    assert program is not None and program.optimizer is None
    tree = program.output_tree
    assert tree["parts"][1][1:] == [None, 3]
    module, inputs, *_ = build_model(file.source, None, None, fake=False)
    outputs = dict(zip(program.outputs, Interpreter(step, module, []).run(inputs), strict=True))
    with torch.no_grad():
        expected = call_model(module, inputs)
    assert torch.equal(outputs[tree["y"]["value"]], expected["y"])
    assert torch.equal(outputs[tree["parts"][0]["value"]], expected["y"][:1])
    assert torch.equal(outputs[tree["parts"][1][0]["value"]], inputs["x"])
    assert torch.equal(outputs[tree["weight"]["value"]], expected["weight"])


def test_an_input_that_is_also_the_target_stays_two(user_file: WriteFile) -> None:
    file = user_file("""
        def build():
            model, x = nn.Linear(4, 4), torch.randn(3, 4)
            return model, (x, x), nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1)
        """)
    program = file.capture().program
    assert program is not None
    places = {p.role: program.values[p.value].storage for p in program.placeholders}
    assert places["input"] != places["target"]


def test_a_zoo_model_without_optimizer_is_an_inference_step() -> None:
    module, _, target, loss_fn, optimizer = build_model("zoo:transformer", 1, "", fake=True)
    assert (target, loss_fn, optimizer, module.training) == (None, None, None, False)
