"""What a program computes, whatever its tensors are called: to tell whether two are the same.

The ops that launch work, in order, each with its arguments; tensors are told by their geometry and by
the number of their storage, which is when it first appears. Views are not ops: they show in the
geometry. A tensor that is part of the program (a constant) is told by its content::

    y = relu(x @ w)      mm.default    [0, float32, (2, 4)...]  [1, float32, (4, 4)...]     makes 2
                         relu.default  [2, float32, (2, 4)...]                              makes 3

Needs no torch: an export's signature is made where its plan is.
"""

import hashlib
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = Any
Geometry: TypeAlias = tuple[str, tuple[int, ...], tuple[int, ...], int]
"""dtype, shape, stride and offset (elements)."""

_LEFT_OUT = frozenset({"device", "pin_memory"})
"""Arguments that say where, not what."""
_DIGITS = 16


@dataclass(frozen=True)
class SeenTensor:
    """One tensor among the arguments of a call."""

    storage: Hashable
    geometry: Geometry


@dataclass(frozen=True)
class SeenCall:
    """One call of an op; ``args`` and ``kwargs`` are JSON but for their tensors."""

    target: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    creates: tuple[Hashable, ...]
    """Storages that the call makes, in the order of its results."""


@dataclass(frozen=True)
class Signature:
    """``calls``: op and digest of the arguments of each call."""

    calls: tuple[tuple[str, str], ...]
    numbers: dict[Hashable, int]
    """Of all storages but those of constants."""

    def difference(self, other: Sequence[Sequence[str]]) -> str:
        """What ``other`` calls, a plan's, have otherwise; empty: nothing."""
        for index, (mine, its) in enumerate(zip(self.calls, other, strict=False)):
            if mine[0] != its[0]:
                return f"Op {index} is {mine[0]} in the graph and {its[0]} in the plan."
            if mine[1] != its[1]:
                return (
                    f"Op {index}, {mine[0]}, has other arguments in the graph than in the plan: other "
                    "numbers, or tensors of other shapes, layouts, dtypes or origin."
                )
        if len(self.calls) != len(other):
            return f"The graph has {len(self.calls)} ops, the plan {len(other)}."
        return ""


def signature(calls: Sequence[SeenCall], constants: Mapping[Hashable, str]) -> Signature:
    """The signature of a program; ``constants``: digest of the content, by storage."""
    numbers: dict[Hashable, int] = {}

    def encoded(item: Any) -> Json:
        if isinstance(item, SeenTensor):
            storage: int | str | None = constants.get(item.storage)
            if storage is None:
                storage = numbers.setdefault(item.storage, len(numbers))
            return {"tensor": [storage, *_told(item.geometry)]}
        if isinstance(item, list | tuple):
            return [encoded(each) for each in item]
        return None if isinstance(item, dict) and "device" in item else item

    lines = []
    for call in calls:
        kwargs = {
            key: encoded(item)
            for key, item in sorted(call.kwargs.items())
            if item is not None and key not in _LEFT_OUT
        }
        text = json.dumps([[encoded(item) for item in call.args], kwargs], separators=(",", ":"))
        lines.append((call.target, hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]))
        for storage in call.creates:
            numbers.setdefault(storage, len(numbers))
    return Signature(tuple(lines), numbers)


def _told(geometry: Geometry) -> list[Json]:
    dtype, shape, stride, offset = geometry
    # The stride of a dimension of size 1 is nothing.
    told = [0 if size == 1 else step for size, step in zip(shape, stride, strict=True)]
    return [dtype, list(shape), [] if 0 in shape else told, offset]


def content_of(data: bytes) -> str:
    """What tells a constant, from its elements in C order."""
    return hashlib.sha256(data).hexdigest()[:_DIGITS]
