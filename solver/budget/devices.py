"""Device models: the rooflines that op times are predicted with where a step was not timed."""

from dataclasses import fields, replace
from pathlib import Path

from solver.errors import BayplanError
from solver.files import read_bytes, read_json
from solver.records import RecordError, read_record
from solver.terms import DeviceModel, device_problems

V100 = DeviceModel(
    name="v100",
    flops_per_second={
        "float64": 7.8e12,
        "float32": 15.7e12,
        "float16": 125e12,
        "bfloat16": 15.7e12,
    },
    bytes_per_second=900e9,
    launch_seconds=5e-6,
    host_bytes_per_second=12e9,
)
A100 = DeviceModel(
    name="a100",
    flops_per_second={
        "float64": 9.7e12,
        "float32": 19.5e12,
        "float16": 312e12,
        "bfloat16": 312e12,
    },
    bytes_per_second=2039e9,
    launch_seconds=5e-6,
    host_bytes_per_second=24e9,
)
H100 = DeviceModel(
    name="h100",
    flops_per_second={
        "float64": 34e12,
        "float32": 67e12,
        "float16": 989e12,
        "bfloat16": 989e12,
    },
    bytes_per_second=3350e9,
    launch_seconds=5e-6,
    host_bytes_per_second=48e9,
)
NAMED = {model.name: model for model in (V100, A100, H100)}
"""Peaks from the data sheets of the SXM cards (dense, float32 without TF32); copies through pinned
memory as measured over PCIe 3, 4 and 5."""


def find_device(text: str) -> DeviceModel:
    """A device by its name (``v100``, ``a100``, ``h100``) or from a JSON file with the fields of
    ``DeviceModel``. Raises BayplanError."""
    named = NAMED.get(text.lower())
    if named is not None:
        return named
    path = Path(text)
    if not path.exists():
        raise BayplanError(
            f"There is no device {text!r}: it is neither one of {', '.join(NAMED)} nor a file."
        )
    try:
        device = read_record(read_json(read_bytes(path), path.name), DeviceModel)
    except RecordError as error:
        raise BayplanError(
            f"{path.name} does not hold a device: {error}. It must be a JSON object with "
            f"{', '.join(f.name for f in fields(DeviceModel))}."
        ) from None
    for problem in device_problems(device):
        raise BayplanError(f"{path.name} does not hold a device that can be: {problem}.")
    return device


def with_bandwidth(device: DeviceModel, host_bytes_per_second: float) -> DeviceModel:
    """The device with another speed of copies to and from the host. Raises BayplanError."""
    changed = replace(device, host_bytes_per_second=host_bytes_per_second)
    for problem in device_problems(changed):
        raise BayplanError(f"{problem[0].upper()}{problem[1:]}.")
    return changed
