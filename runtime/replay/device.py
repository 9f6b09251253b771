"""What differs between the devices that a step runs on: the CPU and one CUDA GPU."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import ReplayError

_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class MemoryUse:
    """What PyTorch's allocator of a device has given out and what it holds. Bytes."""

    allocated: int
    allocated_peak: int
    """Since ``reset_peak``."""
    reserved: int
    reserved_peak: int


class Device(ABC):
    """One device of this process."""

    def __init__(self, at: torch.device) -> None:
        self.at = at

    @abstractmethod
    def settings(self) -> tuple[Any, ...]:
        """What may change while the process runs and decides what the ops ask the allocator for.

        Cheap enough to look at before every step.
        """

    @abstractmethod
    def identity(self) -> tuple[Any, ...]:
        """What stays as it is while the process runs: the hardware, libraries and their versions."""

    @abstractmethod
    def allocator(self) -> str:
        """The name of the allocator that PyTorch uses for this device."""

    @abstractmethod
    def entered(self) -> Any:
        """A context in which ops on this device's type run on this very device."""

    @abstractmethod
    def in_order(self) -> None:
        """What is issued from now on waits for the step that was issued before: both use one arena."""

    @abstractmethod
    def random_state(self) -> Any:
        """The state of all generators that a step's ops may draw from."""

    @abstractmethod
    def set_random_state(self, state: Any) -> None:
        """Back to what ``random_state`` returned."""

    @abstractmethod
    def kept(self, tensor: Tensor) -> Tensor:
        """A copy to compare or restore with; on a GPU it takes none of the GPU's memory."""

    @abstractmethod
    def warm_up(self) -> None:
        """Let libraries make on the current queue of work what they keep: it is no step's."""

    @abstractmethod
    def synchronize(self) -> None:
        """Wait for all work that was issued to this device."""

    @abstractmethod
    def release_cached(self) -> None:
        """Give back what PyTorch's allocator holds of this device and nobody uses."""

    @abstractmethod
    def memory(self) -> MemoryUse | None:
        """Statistics of PyTorch's allocator, or None where it keeps none."""

    @abstractmethod
    def reset_peak(self) -> None:
        """Peaks count from here on."""

    @contextmanager
    def running(self, *, training: bool) -> Iterator[None]:
        """The state in which a program runs, as it was traced: below autograd, with no further casts.

        Gradients count as enabled in a training step all the same: a recurrent layer has one kernel
        for training, which makes the workspace that its backward needs, and another for inference.
        """
        kind = self.at.type
        uncast: Any = nullcontext()
        if torch.is_autocast_enabled(kind):
            uncast = torch.autocast(kind, enabled=False)
        with (
            self.entered(),
            torch.set_grad_enabled(training),
            torch._C._AutoDispatchBelowAutograd(),
            uncast,
        ):
            yield


class Cpu(Device):
    """The CPU."""

    def settings(self) -> tuple[Any, ...]:
        return (
            torch.get_num_threads(),
            torch._C._get_mkldnn_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_inference_mode_enabled(),
            *_precisions("mkldnn"),
        )

    def identity(self) -> tuple[Any, ...]:
        return (torch.backends.cpu.get_cpu_capability(),)

    def allocator(self) -> str:
        return "cpu"

    def entered(self) -> Any:
        return nullcontext()

    def in_order(self) -> None:
        """Ops have ended when they return."""

    def random_state(self) -> Any:
        return torch.get_rng_state()

    def set_random_state(self, state: Any) -> None:
        torch.set_rng_state(state)

    def kept(self, tensor: Tensor) -> Tensor:
        return tensor.detach().clone()

    def warm_up(self) -> None:
        """Libraries keep nothing that comes from PyTorch's allocator."""

    def synchronize(self) -> None:
        """Ops have ended when they return."""

    def release_cached(self) -> None:
        """Freed memory is given back at once."""

    def memory(self) -> MemoryUse | None:
        return None

    def reset_peak(self) -> None:
        """There are no statistics."""


class Cuda(Device):
    """One GPU, ``at`` with its index."""

    def __init__(self, at: torch.device) -> None:
        super().__init__(at)
        self._last: torch.cuda.Stream | None = None
        """The stream that the last step was issued to."""

    def settings(self) -> tuple[Any, ...]:
        backend = torch._C
        return (
            backend._get_cudnn_enabled(),
            backend._get_cudnn_benchmark(),
            backend._get_cudnn_deterministic(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_inference_mode_enabled(),
            backend._get_cublas_allow_fp16_reduced_precision_reduction(),
            backend._get_cublas_allow_bf16_reduced_precision_reduction(),
            backend._get_cublas_allow_fp16_accumulation(),
            str(backend._get_blas_preferred_backend()),
            str(backend._get_linalg_preferred_backend()),
            *_precisions("cuda"),
        )

    def identity(self) -> tuple[Any, ...]:
        of = torch.cuda.get_device_properties(self.at)
        return (
            of.name,
            (of.major, of.minor),
            of.multi_processor_count,
            of.total_memory,
            driver_version(),
            torch.version.cuda,
            torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""),
            os.environ.get("CUBLASLT_WORKSPACE_SIZE", ""),
            # The limit, in MiB, of what a convolution may take: cuDNN picks its algorithm by it.
            os.environ.get("CUDNN_CONV_WSCAP_DBG", ""),
        )

    def allocator(self) -> str:
        return str(torch.cuda.memory.get_allocator_backend())

    def entered(self) -> Any:
        return torch.cuda.device(self.at)

    def in_order(self) -> None:
        stream = torch.cuda.current_stream(self.at)
        if self._last is not None and self._last != stream:
            stream.wait_stream(self._last)
        self._last = stream

    def random_state(self) -> Any:
        return torch.get_rng_state(), torch.cuda.get_rng_state(self.at)

    def set_random_state(self, state: Any) -> None:
        torch.set_rng_state(state[0])
        torch.cuda.set_rng_state(state[1], self.at)

    def kept(self, tensor: Tensor) -> Tensor:
        return tensor.detach().to("cpu", copy=True)

    def warm_up(self) -> None:
        with self.entered():
            # cuBLAS and cuBLASLt keep a workspace for each stream.
            for dtype in (torch.float32, torch.float16, torch.bfloat16):
                matrix = torch.zeros(32, 32, dtype=dtype, device=self.at)
                torch.mm(matrix, matrix)
                torch.addmm(matrix[0], matrix, matrix)

    def synchronize(self) -> None:
        torch.cuda.synchronize(self.at)

    def release_cached(self) -> None:
        torch.cuda.empty_cache()

    def memory(self) -> MemoryUse | None:
        found = torch.cuda.memory_stats(self.at)
        return MemoryUse(
            found.get("allocated_bytes.all.current", 0),
            found.get("allocated_bytes.all.peak", 0),
            found.get("reserved_bytes.all.current", 0),
            found.get("reserved_bytes.all.peak", 0),
        )

    def reset_peak(self) -> None:
        torch.cuda.reset_peak_memory_stats(self.at)


def device_for(target: str, tensors: list[Tensor]) -> Device:
    """The device that a plan for ``target`` runs on: where its resident ``tensors`` are.

    Raises ReplayError where they are on another type of device, or on several.
    """
    found = {tensor.device for tensor in tensors}
    other = next((at for at in sorted(found, key=str) if at.type != target), None)
    if other is not None:
        raise ReplayError(
            f"The plan is for {target}, and the model is on {other}. Move the model there before its "
            f"optimizer is made, or capture and plan the step for {other.type}."
        )
    if len(found) > 1:
        places = " and ".join(sorted(map(str, found)))
        raise ReplayError(f"The model is on {places}; a plan runs on one device. Move it to one.")
    if target == "cpu":
        return Cpu(torch.device("cpu"))
    if target != "cuda":
        raise ReplayError(f"The plan is for {target!r}; this replay knows cpu and cuda.")
    if not torch.cuda.is_available():
        raise ReplayError(
            f"The plan is for cuda, and this torch ({torch.__version__}) finds no CUDA GPU here."
        )
    at = found.pop() if found else torch.device("cuda", torch.cuda.current_device())
    return Cuda(at)


def driver_version() -> str:
    """The NVIDIA kernel driver's version line, or empty where there is none."""
    try:
        return _DRIVER.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    except OSError:
        return ""


def _precisions(backend: str) -> tuple[str, ...]:
    """How exactly float32 is computed. The older settings cannot be read where newer ones were set."""
    read: Any = torch._C._get_fp32_precision_getter
    generic = read("generic", "all")
    return (generic, *(read(backend, kind) for kind in ("all", "matmul", "conv", "rnn")))
