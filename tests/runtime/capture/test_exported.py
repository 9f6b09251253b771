"""torch.export programs as inference steps, and archives that mean harm."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from runtime.capture import named_step
from runtime.capture.bayplan_capture.build import build_model, call_model
from runtime.capture.bayplan_capture.capture import capture_step
from runtime.capture.bayplan_capture.errors import CaptureError
from solver.files import decode_step_object
from solver.step import Step


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(8, 16), nn.BatchNorm1d(16)
        self.register_buffer("scale", torch.ones(16))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.relu(self.norm(self.first(x))) * self.scale
        return hidden.reshape(x.shape[0], 4, 4).sum(-1), torch.cat([hidden, hidden + 1], 1)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Block()

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        low, high = self.body(x)
        return low.softmax(-1), high


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small program whose batch may vary."""
    path = tmp_path_factory.mktemp("exported") / "net.pt2"
    varying = ({0: torch.export.Dim("batch", min=2, max=64)},)
    program = torch.export.export(Net().eval(), (torch.rand(5, 8),), dynamic_shapes=varying)
    torch.export.save(program, path)
    return path


def captured(path: Path) -> Step:
    return named_step(decode_step_object(capture_step(str(path), None, None), path.name))


def test_a_program_becomes_an_inference_step(archive: Path) -> None:
    step = captured(archive)
    assert not step.origin.training and step.origin.batch == 5
    assert step.origin.model == "net" and step.program is not None
    residents = {s.name for s in step.storages if s.resident and not s.output}
    assert {"body.first.weight", "body.norm.running_mean", "body.scale"} <= residents
    assert {"body.first", "body.norm", "body"} <= {op.module for op in step.ops}
    assert len(step.program.outputs) == 2


def test_the_model_computes_what_was_exported(archive: Path) -> None:
    model, inputs, *_ = build_model(str(archive), None, None, fake=False)
    net = Net().eval()
    net.load_state_dict(model.state_dict())
    given = torch.rand_like(inputs[0])
    for found, wanted in zip(call_model(model, (given,)), net(given), strict=True):
        assert torch.equal(found, wanted)


def test_another_batch_or_an_optimizer_is_refused(archive: Path) -> None:
    with pytest.raises(CaptureError, match="batch size 5"):
        capture_step(str(archive), 7, None)
    with pytest.raises(CaptureError, match="not trained"):
        capture_step(str(archive), None, "sgd")


def changed(archive: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of an archive whose graph was tampered with."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(path, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename.endswith("model.json"):
                graph = json.loads(content)
                change(graph["graph_module"])
                content = json.dumps(graph).encode()
            new.writestr(item.filename, content)
    return path


HARMFUL_TARGETS = [
    "torch.os.system",
    "torch.hub.load",
    "os.system",
    "torch.ops.aten.save.default",
    "torch.ops.aten.from_file.default",
    "torch.ops.load_library",
    "torch.ops.aten.__class__.__init__",
    "torch.ops.aten.relu.__init__",
    "torch.ops.other.thing.default",
    "_operator.attrgetter",
    "_operator.methodcaller",
    "builtins.eval",
]


@pytest.mark.parametrize("target", HARMFUL_TARGETS)
def test_nothing_but_tensor_operators_can_be_called(
    archive: Path, tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> int:
        raise AssertionError("it was run")

    monkeypatch.setattr(os, "system", never)

    def tamper(graph: dict[str, Any]) -> None:
        node = graph["graph"]["nodes"][0]
        node["target"] = target
        node["inputs"] = [{"name": "a", "arg": {"as_string": "touch made"}, "kind": 1}]

    with pytest.raises(CaptureError, match="calls"):
        capture_step(str(changed(archive, tmp_path / "bad.pt2", tamper)), None, None)


def first_size_of(graph: dict[str, Any], size: Any) -> None:
    name = graph["signature"]["input_specs"][0]["parameter"]["arg"]["name"]
    graph["graph"]["tensor_values"][name]["sizes"][0] = size


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no graph": lambda g: g.pop("graph"),
    "no nodes": lambda g: g["graph"].pop("nodes"),
    "no results": lambda g: g["signature"].update(output_specs=[]),
    "an expression to evaluate": lambda g: first_size_of(
        g, {"as_expr": {"expr_str": "__import__('os').system('touch made')", "hint": None}}
    ),
    "a size below zero": lambda g: first_size_of(g, {"as_int": -4}),
    "a size that is a text": lambda g: first_size_of(g, {"as_int": "4"}),
    "a name that is code": lambda g: g["graph"]["nodes"][0]["outputs"].__setitem__(
        0, {"as_tensor": {"name": "x): import os #"}}
    ),
    "an input that nobody makes": lambda g: g["graph"]["nodes"][0]["inputs"][0]["arg"].update(
        as_tensor={"name": "nobody"}
    ),
    "a custom object": lambda g: g["signature"]["input_specs"].append({"custom_obj": {"arg": {}}}),
    "nodes that are numbers": lambda g: g["graph"].update(nodes=[1, 2]),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_archive_is_refused(archive: Path, tmp_path: Path, kind: str) -> None:
    bad = changed(archive, tmp_path / "bad.pt2", lambda graph: DAMAGE[kind](graph))
    with pytest.raises(CaptureError):
        capture_step(str(bad), None, None)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.pt2"
    file.write_bytes(content)
    with pytest.raises(CaptureError, match=r"bad\.pt2 cannot be read"):
        capture_step(str(file), None, None)


def test_an_archive_nested_without_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "deep.pt2"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/models/model.json", b'{"graph_module":' + b"[" * 200_000)
    with pytest.raises(CaptureError, match=r"deep\.pt2"):
        capture_step(str(file), None, None)
