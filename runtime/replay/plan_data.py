"""What an export knows of its plan: read from ``plan.json`` and checked on its own.

Nothing here trusts the program that wrote the file: types and ranges are checked, and so is that no
two instances that are alive at the same slot share a byte.
"""

import hashlib
import json
from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ReplayError

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
    statistics: str
    """dtype of mean and deviation."""
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
        return _integer(self.options.get("micro_batches", 1))


def content_digest(content: Any) -> str:
    """SHA-256 (hex) of a JSON value, whatever the order of its keys."""
    return hashlib.sha256(
        json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def read_plan(folder: Path) -> PlanData:
    """The plan of the export in ``folder``; ReplayError where it is damaged or not right."""
    path = folder / "plan.json"
    try:
        file = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ReplayError(f"{path} cannot be read: {error}. Export the plan anew.") from None
    if not isinstance(file, dict) or file.get("format") != FORMAT:
        raise ReplayError(f"{path} is not the plan of an export.")
    if file.get("version") != VERSION:
        raise ReplayError(
            f"{path} has version {file.get('version')!r}; this replay reads {VERSION}. Export it anew."
        )
    content = file.get("plan")
    if content_digest(content) != file.get("digest"):
        raise ReplayError(f"{path} was changed after the export. Export the plan anew.")
    _check_files(folder, file.get("files"))
    return decode_plan(content, path.name)


def decode_plan(content: Any, name: str) -> PlanData:
    """The plan in the parsed JSON ``content``; ReplayError where it is not one that can run."""
    try:
        plan = _decode(content)
        _check(plan)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ReplayError(f"{name} is damaged: {error}. Export the plan anew.") from None
    return plan


def _check_files(folder: Path, files: Any) -> None:
    """The generated steps must be the ones that were exported with this plan."""
    if not isinstance(files, dict) or not {"planned.py", "traced.py"} <= files.keys():
        raise ReplayError(f"{folder / 'plan.json'} is damaged: it does not name its steps.")
    for name in ("planned.py", "traced.py"):
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise ReplayError(f"{folder / name} cannot be read: {error}.") from None
        if found != files[name]:
            raise ReplayError(f"{folder / name} was changed after the export. Export the plan anew.")


def _decode(content: dict[str, Any]) -> PlanData:
    groups = [
        Group(tuple(_texts(g["parameters"])), dict(g["hyperparameters"])) for g in content["groups"]
    ]
    return PlanData(
        title=_text(content["title"]),
        source=_text(content["source"]),
        batch=_integer(content["batch"]),
        options=dict(content.get("options", {})),
        training=content["training"] is True,
        mode=_text(content["mode"]),
        device=_text(content["device"]),
        torch=_text(content["torch"]),
        fingerprint=_text(content["fingerprint"]),
        plan_name=_text(content["plan_name"]),
        peak_bytes=_integer(content["peak_bytes"]),
        height_bytes=_integer(content["height_bytes"]),
        ops=tuple(_texts(content["ops"])),
        guarded=frozenset(map(_integer, content.get("guarded", ()))),
        created=tuple(tuple(map(_integer, slot)) for slot in content["created"]),
        instances=tuple(Instance(*map(_integer, item)) for item in content["instances"]),
        takes=tuple((_integer(new), _integer(old)) for new, old in content["takes"]),
        residents=tuple(_resident(item) for item in content["residents"]),
        constants=tuple(Constant(_spec(c["spec"]), _text(c["data"])) for c in content["constants"]),
        scalars=tuple((_text(kind), _integer(group)) for kind, group in content["scalars"]),
        optimizer=_text(content["optimizer"]),
        groups=tuple(groups),
        outputs=tuple(_spec(item) for item in content["outputs"]),
        output_tree=content["output_tree"],
        digest=content_digest(content),
        transfers=tuple(
            Transfer(to_host is True, _integer(host), _integer(instance))
            for to_host, host, instance in content.get("transfers", ())
        ),
        host_slots=tuple(HostSlot(*map(_integer, item)) for item in content.get("host_slots", ())),
        signature=_signature(content.get("signature")),
        repeated=tuple(map(_integer, content.get("repeated", ()))),
        again=content.get("again") is True,
        norms=tuple(_norm(item) for item in content.get("norms", ())),
    )


def _check(plan: PlanData) -> None:
    slots, instances = len(plan.ops), len(plan.instances)
    if plan.micro_batches < 1 or not isinstance(plan.options.get("scaler", {}), dict):
        raise ValueError(f"its options cannot be: {plan.options}")
    if not all(0 <= slot < slots for slot in (*plan.guarded, *plan.repeated)):
        raise ValueError("it has guarded or repeated slots that are not there")
    if not all(norm is None or 2 <= norm.rank <= 5 for norm in plan.norms):
        raise ValueError("it has batch norms that cannot be")
    if len(plan.created) != slots:
        raise ValueError("its ops and what they create do not match")
    for index, instance in enumerate(plan.instances):
        inside = 0 <= instance.address <= plan.height_bytes - instance.size
        if instance.size <= 0 or not inside or not 0 <= instance.start < instance.end <= slots:
            raise ValueError(f"instance {index} cannot be: {instance}")
    for slot, results in enumerate(plan.created):
        for made in results:
            if made != -1 and (not 0 <= made < instances or plan.instances[made].start != slot):
                raise ValueError(f"slot {slot} creates instance {made}")
    for new, old in plan.takes:
        if not 0 <= new < instances or not 0 <= old < instances:
            raise ValueError(f"instance {new} takes over instance {old}")
        heir, former = plan.instances[new], plan.instances[old]
        if (heir.size, heir.address, heir.start) != (former.size, former.address, former.end):
            raise ValueError(f"instance {new} cannot take over instance {old}")
    if any(len(set(side)) < len(plan.takes) for side in zip(*plan.takes, strict=True)):
        raise ValueError("an instance takes over, or is taken over, twice")
    _check_transfers(plan)
    for resident in plan.residents:
        if resident.role not in ROLES:
            raise ValueError(f"the role {resident.role!r} is not known")
        if resident.home and resident.role != "optimizer":
            raise ValueError(f"the {resident.role} {resident.key!r} has a home in host memory")
    for _, group in plan.scalars:
        if not 0 <= group < len(plan.groups):
            raise ValueError(f"there is no parameter group {group}")
    clash = overlap((i.start, i.end, i.address, i.address + i.size) for i in plan.instances)
    if clash is not None:
        one, other = clash
        raise ValueError(
            f"instances {one} and {other} are alive at the same time and share bytes "
            f"({plan.instances[one]}, {plan.instances[other]})"
        )


def _check_transfers(plan: PlanData) -> None:
    """Every prefetch finds its storage in host memory, and no two lie there on the same bytes.

    What comes from a home, and goes there, is named in the generated step.
    """
    slots, instances = len(plan.host_slots), len(plan.instances)
    filled: dict[int, int] = {}
    emptied: dict[int, int] = {}
    for number, transfer in enumerate(plan.transfers):
        if not HOME <= transfer.host < slots or not 0 <= transfer.instance < instances:
            raise ValueError(f"transfer {number} cannot be: {transfer}")
        if not transfer.to_host:
            slot = plan.instances[transfer.instance].start
            if set(plan.created[slot]) != {transfer.instance}:
                raise ValueError(f"transfer {number} makes another instance than slot {slot}")
        if transfer.host == HOME:
            continue
        if plan.host_slots[transfer.host].size != plan.instances[transfer.instance].size:
            raise ValueError(f"transfer {number} is between different sizes")
        if transfer.to_host == (transfer.host in filled):
            raise ValueError(f"transfer {number} fills or empties host slot {transfer.host} wrongly")
        if transfer.to_host:
            filled[transfer.host] = number
        else:
            emptied[transfer.host] = number
    if any(slot.address < 0 or slot.size <= 0 for slot in plan.host_slots):
        raise ValueError("a host slot has no bytes")
    # Copies are made one after the other: a slot is free for the next when its last prefetch is issued.
    clash = overlap(
        (start, emptied.get(host, len(plan.transfers)), at.address, at.address + at.size)
        for host, start in filled.items()
        for at in (plan.host_slots[host],)
    )
    if clash is not None:
        raise ValueError("two host slots share bytes while both hold a storage")


def overlap(boxes: Iterable[tuple[int, int, int, int]]) -> tuple[int, int] | None:
    """Two boxes (start, end, bottom, top; half-open) that share time and bytes, or None.

    Sweeps over time; the living boxes are disjoint, so only neighbours in address need a look.
    """
    box = list(boxes)
    events = sorted(
        [(start, 1, index) for index, (start, _, _, _) in enumerate(box)]
        + [(end, 0, index) for index, (_, end, _, _) in enumerate(box)]
    )
    alive: list[tuple[int, int]] = []
    for _, starts, index in events:
        bottom, top = box[index][2:]
        at = bisect_left(alive, (bottom, index))
        if not starts:
            del alive[at]
            continue
        if at > 0 and box[alive[at - 1][1]][3] > bottom:
            return alive[at - 1][1], index
        if at < len(alive) and alive[at][0] < top:
            return alive[at][1], index
        insort(alive, (bottom, index))
    return None


def _signature(item: Any) -> PlanSignature | None:
    if item is None:
        return None
    return PlanSignature(
        tuple((_text(target), _text(digest)) for target, digest in item["calls"]),
        tuple((_integer(number), _integer(offset)) for number, offset in item["residents"]),
        tuple((_integer(number), _integer(offset)) for number, offset in item["outputs"]),
    )


def _norm(item: Any) -> Norm | None:
    if item is None:
        return None
    texts = {name: _text(item[name]) for name in ("target", "dtype", "statistics", "weight", "bias")}
    return Norm(**texts, rank=_integer(item["rank"]), channels_last=item["channels_last"] is True)


def _resident(item: Any) -> Resident:
    return Resident(
        role=_text(item["role"]),
        key=_text(item["key"]),
        spec=_spec(item["spec"]),
        storage=_integer(item["storage"]),
        written=item["written"] is True,
        home=_integer(item.get("home", 0)),
    )


def _spec(item: Any) -> TensorSpec:
    dtype, shape, stride = item
    return TensorSpec(_text(dtype), tuple(map(_integer, shape)), tuple(map(_integer, stride)))


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{value!r} is not a text")
    return value


def _texts(values: Any) -> list[str]:
    return [_text(value) for value in values]


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value
