"""Read an export's ``plan.json``, which nobody trusts: types and ranges are checked, and the digests.

What the numbers say of each other is for ``plan_check``.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from .errors import ReplayError
from .plan_check import check_plan
from .plan_data import (
    FORMAT,
    VERSION,
    Constant,
    Group,
    HostSlot,
    Instance,
    Norm,
    PlanData,
    PlanSignature,
    Resident,
    TensorSpec,
    Transfer,
    content_digest,
    integer,
)


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
        check_plan(plan)
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
        batch=integer(content["batch"]),
        options=dict(content.get("options", {})),
        training=content["training"] is True,
        mode=_text(content["mode"]),
        device=_text(content["device"]),
        torch=_text(content["torch"]),
        fingerprint=_text(content["fingerprint"]),
        plan_name=_text(content["plan_name"]),
        peak_bytes=integer(content["peak_bytes"]),
        height_bytes=integer(content["height_bytes"]),
        ops=tuple(_texts(content["ops"])),
        guarded=frozenset(map(integer, content.get("guarded", ()))),
        created=tuple(tuple(map(integer, slot)) for slot in content["created"]),
        instances=tuple(Instance(*map(integer, item)) for item in content["instances"]),
        takes=tuple((integer(new), integer(old)) for new, old in content["takes"]),
        residents=tuple(_resident(item) for item in content["residents"]),
        constants=tuple(Constant(_spec(c["spec"]), _text(c["data"])) for c in content["constants"]),
        scalars=tuple((_text(kind), integer(group)) for kind, group in content["scalars"]),
        optimizer=_text(content["optimizer"]),
        groups=tuple(groups),
        outputs=tuple(_spec(item) for item in content["outputs"]),
        output_tree=content["output_tree"],
        digest=content_digest(content),
        transfers=tuple(
            Transfer(to_host is True, integer(host), integer(instance))
            for to_host, host, instance in content.get("transfers", ())
        ),
        host_slots=tuple(HostSlot(*map(integer, item)) for item in content.get("host_slots", ())),
        signature=_signature(content.get("signature")),
        repeated=tuple(map(integer, content.get("repeated", ()))),
        again=content.get("again") is True,
        tolerance=float(content.get("tolerance", 0.0)),
        norms=tuple(_norm(item) for item in content.get("norms", ())),
    )


def _signature(item: Any) -> PlanSignature | None:
    if item is None:
        return None
    return PlanSignature(
        tuple((_text(target), _text(digest)) for target, digest in item["calls"]),
        tuple((integer(number), integer(offset)) for number, offset in item["residents"]),
        tuple((integer(number), integer(offset)) for number, offset in item["outputs"]),
    )


def _norm(item: Any) -> Norm | None:
    if item is None:
        return None
    texts = {name: _text(item[name]) for name in ("target", "dtype", "parameters", "weight", "bias")}
    return Norm(**texts, rank=integer(item["rank"]), channels_last=item["channels_last"] is True)


def _resident(item: Any) -> Resident:
    return Resident(
        role=_text(item["role"]),
        key=_text(item["key"]),
        spec=_spec(item["spec"]),
        storage=integer(item["storage"]),
        written=item["written"] is True,
        home=integer(item.get("home", 0)),
    )


def _spec(item: Any) -> TensorSpec:
    dtype, shape, stride = item
    return TensorSpec(_text(dtype), tuple(map(integer, shape)), tuple(map(integer, stride)))


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"{value!r} is not a text")
    return value


def _texts(values: Any) -> list[str]:
    return [_text(value) for value in values]
