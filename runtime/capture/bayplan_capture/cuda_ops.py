"""Which ATen ops have a kernel for the CPU and none for CUDA, read from torch's own list of ops."""

import importlib.util
import re
from functools import cache
from pathlib import Path

_LIST = Path("packaged", "ATen", "native", "native_functions.yaml")
_EVERYWHERE = frozenset(("CompositeExplicitAutograd", "CompositeExplicitAutogradNonFunctional"))


@cache
def cpu_only_ops() -> frozenset[str]:
    """Names such as ``aten::mkldnn_rnn_layer``; empty where torch came without its list."""
    spec = importlib.util.find_spec("torchgen")
    if spec is None or spec.origin is None:
        return frozenset()
    path = Path(spec.origin).parent / _LIST
    if not path.is_file():
        return frozenset()
    keys: dict[str, set[str]] = {}
    delegates: dict[str, str] = {}
    name = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"- func: ([\w.]+)\(", line):
            name = found[1]
            keys[name] = set()
        elif found := re.match(r"  structured_delegate: (\S+)", line):
            delegates[name] = found[1]
        elif found := re.match(r"    (\w[\w, ]*): \S", line):
            keys[name].update(each.strip() for each in found[1].split(","))
    for name, other in delegates.items():
        keys[name] = keys[other]
    return frozenset(
        f"aten::{name}"
        for name, devices in keys.items()
        if "CPU" in devices and "CUDA" not in devices and devices.isdisjoint(_EVERYWHERE)
    )
