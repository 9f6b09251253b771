"""Which device a plan runs on, what names a machine, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from runtime.replay import adapters, native
from runtime.replay.adapters import choose
from runtime.replay.build import NoCompilerError
from runtime.replay.device import Cpu, Cuda, device_for
from runtime.replay.errors import ReplayError
from runtime.replay.loading import load
from runtime.replay.machine import machine_key
from runtime.replay.undone import Undone
from tests.runtime.conftest import Exported

CPU = Cpu(torch.device("cpu"))


class Elsewhere:
    """A tensor on a device that this machine lacks."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)


@pytest.mark.parametrize(
    ("target", "places", "said"),
    [
        ("cuda", ["cpu"], "for cuda, and the model is on cpu. Move the model there"),
        ("cpu", ["cuda:0"], "for cpu, and the model is on cuda:0"),
        ("cpu", ["cpu", "meta"], "is on meta"),
        ("cuda", ["cuda:0", "cuda:1"], "on cuda:0 and cuda:1; a plan runs on one device"),
        ("xpu", [], "for 'xpu'; this replay knows cpu and cuda"),
    ],
)
def test_a_plan_for_another_device_is_refused(target: str, places: list[str], said: str) -> None:
    with pytest.raises(ReplayError, match=said):
        device_for(target, [Elsewhere(place) for place in places])


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_plan_for_a_gpu_is_refused_without_one() -> None:
    with pytest.raises(ReplayError, match="finds no CUDA GPU here"):
        device_for("cuda", [])


def test_the_gpu_is_the_one_that_the_model_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = device_for("cuda", [Elsewhere("cuda:1"), Elsewhere("cuda:1")])
    assert isinstance(found, Cuda) and found.at == torch.device("cuda", 1)


@pytest.mark.parametrize(
    "name", ["CUBLAS_WORKSPACE_CONFIG", "CUBLASLT_WORKSPACE_SIZE", "CUDNN_CONV_WSCAP_DBG"]
)
def test_a_gpu_with_another_limit_of_workspaces_is_another_machine(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = SimpleNamespace(
        name="GPU", major=9, minor=0, multi_processor_count=132, total_memory=1 << 37
    )
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda at: about)
    monkeypatch.delenv(name, raising=False)
    gpu = Cuda(torch.device("cuda", 0))
    before = gpu.identity()
    assert gpu.identity() == before
    monkeypatch.setenv(name, "256")
    assert gpu.identity() != before


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (lambda: torch.set_float32_matmul_precision("medium"), None),
        (lambda: torch.use_deterministic_algorithms(True), None),
    ],
)
def test_settings_that_choose_other_kernels_make_another_machine(
    change: Callable[[], None], back: None
) -> None:
    before = machine_key(CPU, "cpu", "arena.so")
    assert before == machine_key(CPU, "cpu", "arena.so")
    try:
        change()
        assert machine_key(CPU, "cpu", "arena.so") != before
    finally:
        torch.set_float32_matmul_precision("highest")
        torch.use_deterministic_algorithms(False)
    assert machine_key(CPU, "other", "arena.so") != before


def test_precisions_set_the_new_way_can_be_read(tmp_path: Path) -> None:
    """torch refuses to read the older settings then."""
    old = torch.backends.mkldnn.matmul.fp32_precision
    before = CPU.settings()
    try:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        assert CPU.settings() != before
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = old


def test_a_gpus_settings_are_those_of_cudnn_and_cublas(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Cuda(torch.device("cuda", 0))
    before = gpu.settings()
    for flag in ("benchmark", "deterministic", "enabled"):
        monkeypatch.setattr(torch.backends.cudnn, flag, not getattr(torch.backends.cudnn, flag))
        assert gpu.settings() != before
        monkeypatch.undo()
    assert gpu.settings() == before


def test_what_is_undone_is_as_it_was_and_so_are_random_numbers() -> None:
    tensor, state = torch.arange(4.0), torch.get_rng_state()
    with Undone(CPU, [tensor]) as undone:
        tensor.add_(torch.rand(4))
        undone.restore()
        assert torch.equal(tensor, torch.arange(4.0))
        tensor.zero_()
    assert torch.equal(tensor, torch.arange(4.0))
    assert torch.equal(torch.get_rng_state(), state)


# ---- Adapters ---------------------------------------------------------------------------------------


@pytest.fixture
def libraries(monkeypatch: pytest.MonkeyPatch) -> dict[str, Exception | None]:
    """What happens where a library is asked for, by name."""
    found: dict[str, Exception | None] = {"cpu": None, "cuda_native": None, "cuda_pluggable": None}

    def library(name: str) -> None:
        if (error := found[name]) is not None:
            raise error

    monkeypatch.setattr(native, "library", library)
    assert adapters.native is native
    return found


@pytest.mark.parametrize(
    ("target", "asked", "backend", "name"),
    [
        ("cpu", "auto", "cpu", "cpu"),
        ("cpu", "native", "cpu", "cpu"),
        ("cuda", "auto", "native", "cuda_native"),
        ("cuda", "auto", "pluggable", "cuda_pluggable"),
        ("cuda", "native", "native", "cuda_native"),
        ("cuda", "pluggable", "native", "cuda_pluggable"),
    ],
)
def test_an_adapter_is_chosen_and_says_why(
    libraries: dict[str, Exception | None], target: str, asked: str, backend: str, name: str
) -> None:
    chosen = choose(target, asked, backend)
    assert chosen.name == name and chosen.reason


def test_where_the_native_one_cannot_be_built_the_pluggable_one_is_taken(
    libraries: dict[str, Exception | None],
) -> None:
    libraries["cuda_native"] = NoCompilerError("No headers.")
    chosen = choose("cuda", "auto", "native")
    assert chosen.name == "cuda_pluggable" and "No headers." in chosen.reason
    with pytest.raises(NoCompilerError, match="No headers"):
        choose("cuda", "native", "native")


def test_where_none_can_be_had_both_reasons_are_told(
    libraries: dict[str, Exception | None],
) -> None:
    libraries["cuda_native"] = NoCompilerError("No headers.")
    libraries["cuda_pluggable"] = ReplayError("Too late.")
    with pytest.raises(NoCompilerError, match=r"No headers.*Too late"):
        choose("cuda", "auto", "native")


def test_wishes_that_cannot_be_fulfilled_are_refused_when_a_step_is_loaded(mlp: Exported) -> None:
    model, _, _, optimizer = mlp.build()
    with pytest.raises(ReplayError, match="none of 'auto', 'native', 'pluggable'"):
        load(mlp.folder, model, optimizer, adapter="fast")
    with pytest.raises(ReplayError, match="for CUDA only"):
        load(mlp.folder, model, optimizer, adapter="pluggable")
