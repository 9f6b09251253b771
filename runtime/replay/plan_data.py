"""What an export knows of its plan: the content of its ``plan.json``."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

FORMAT, VERSION = "bayplan-export", 1
HOME = -1
"""In place of a host slot: the home of a resident."""
ROLES = frozenset(
    {
        "parameter",
        "buffer",
        "optimizer",
        "hyperparameter",
        "gradient",
        "scaler",
        "input",
        "target",
    }
)


@dataclass(frozen=True)
class TensorSpec:
    """What a tensor must look like; ``stride`` in elements."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(frozen=True)
class Resident:
    """One tensor that comes from outside; ``role`` and ``key`` as in the step's placeholders."""

    role: str
    key: str
    spec: TensorSpec
    storage: int
    written: bool
    """The step changes it in place."""
    home: int = 0
    """Its bytes where it lives in host memory, from which the step brings it; else 0."""


@dataclass(frozen=True)
class Constant:
    """One tensor that the trace embedded: base64, C order."""

    spec: TensorSpec
    data: str


@dataclass(frozen=True)
class Instance:
    """One stay of a storage of ``size`` bytes at ``address``, alive in slots ``[start, end)``."""

    size: int
    address: int
    start: int
    end: int


@dataclass(frozen=True)
class HostSlot:
    """``size`` bytes of the host block from byte ``address``, for one stay of a storage."""

    size: int
    address: int


@dataclass(frozen=True)
class Transfer:
    """One copy between an instance and a host slot."""

    to_host: bool
    """An offload; else a prefetch."""
    host: int
    """The host slot, or ``HOME``."""
    instance: int


@dataclass(frozen=True)
class Norm:
    """A kind of batch norm in training: two of one kind are run by one kernel."""

    target: str
    dtype: str
    """Of the input."""
    parameters: str
    """dtype of what there is one of for each channel, and of mean and deviation."""
    rank: int
    """Dimensions of the input."""
    channels_last: bool
    """Whether it lies with the channels innermost; else it is contiguous."""
    weight: str
    """dtype of the weight; empty: there is none."""
    bias: str


@dataclass(frozen=True)
class Group:
    """One parameter group of the optimizer as it was captured."""

    parameters: tuple[str, ...]
    hyperparameters: dict[str, Any]


@dataclass(frozen=True)
class PlanSignature:
    """What an inference step computes; see ``signature``. Places are number of storage and offset."""

    calls: tuple[tuple[str, str], ...]
    residents: tuple[tuple[int, int], ...]
    outputs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class PlanData:
    """All that the replay needs beyond the generated step."""

    title: str
    source: str
    """What was captured, to build the model again: ``zoo:resnet50``, ``/path/train.py:build``."""
    batch: int
    options: dict[str, Any]
    """What else the step does: ``autocast``, ``scaler``, ``clip_grad_norm``, ``micro_batches``..."""
    training: bool
    """It returns the loss; else what the model returns."""
    mode: str
    """``train`` or ``eval`` where the step shows in which mode the model was; else empty."""
    device: str
    torch: str
    """Version of torch the step was traced with."""
    fingerprint: str
    plan_name: str
    peak_bytes: int
    height_bytes: int
    ops: tuple[str, ...]
    """Name of what runs in each slot: the ops, and prefetches, which ask for memory as ops do."""
    guarded: frozenset[int]
    """Slots that a guard may keep from running, so that a step need not make all requests."""
    created: tuple[tuple[int, ...], ...]
    """For each slot, the instance of each result, -1 where it is not the plan's."""
    instances: tuple[Instance, ...]
    takes: tuple[tuple[int, int], ...]
    """(new, old): the new instance takes over the bytes of the old one, which its op still reads."""
    residents: tuple[Resident, ...]
    constants: tuple[Constant, ...]
    scalars: tuple[tuple[str, int], ...]
    optimizer: str
    """``sgd``, ``adam``, ``adamw``; empty: the step updates nothing."""
    groups: tuple[Group, ...]
    outputs: tuple[TensorSpec, ...]
    output_tree: Any
    """``{"value": i}`` stands for output ``i``."""
    digest: str
    """SHA-256 of all this."""
    transfers: tuple[Transfer, ...] = ()
    """In the order in which the step starts them."""
    host_slots: tuple[HostSlot, ...] = ()
    signature: PlanSignature | None = None
    """None: the step trains."""
    repeated: tuple[int, ...] = ()
    """The slots in which an op runs again."""
    again: bool = False
    """Whether the step takes ``Repetitions``."""
    tolerance: float = 0.0
    """By how much an op's results may differ from the traced step's, relative to the largest of a
    tensor, as ops run in other ways; 0: not at all."""
    norms: tuple[Norm | None, ...] = ()
    """The kind of each batch norm that is repeated from saved statistics; None: an unusual one."""

    @property
    def host_bytes(self) -> int:
        """What the host block needs."""
        return max((slot.address + slot.size for slot in self.host_slots), default=0)

    @property
    def home_bytes(self) -> int:
        """What residents have in host memory, from step to step."""
        return sum(resident.home for resident in self.residents)

    @property
    def micro_batches(self) -> int:
        """In how many parts a batch is run, one replay each."""
        return integer(self.options.get("micro_batches", 1))


def content_digest(content: Any) -> str:
    """SHA-256 (hex) of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def integer(value: Any) -> int:
    """A whole number of a file. Raises TypeError."""
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value
