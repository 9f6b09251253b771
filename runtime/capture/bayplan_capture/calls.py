"""What a call's schema says of it: what it changes, whether it draws random numbers, what it costs."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from .kernels import BATCH_NORMS, WAIT
from .nested import tensors


def replace(item: Any, change: Callable[[Any], Any]) -> Any:
    """The arguments ``item`` with each that is no list replaced by ``change`` of it."""
    if isinstance(item, list | tuple):
        return [replace(each, change) for each in item]
    return change(item)


def changed(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """The tensors that the call changes in place."""
    if func in BATCH_NORMS:
        return tensors(args[3:5] if args[5] else ())
    if func.name() == WAIT:  # type: ignore[no-untyped-call]
        return tensors(args)
    found = []
    for position, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            if position < len(args):
                found.append(args[position])
            elif argument.name in kwargs:
                found.append(kwargs[argument.name])
    return tensors(found)


def lacks_device(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the call could say on which device, and does not."""
    names = [argument.name for argument in func._schema.arguments]
    if "device" not in names:
        return False
    position = names.index("device")
    return (kwargs.get("device") or (args[position] if position < len(args) else None)) is None


def functional(func: OpOverload) -> OpOverload:
    """The view op with the arguments of an in-place one: ``transpose.int`` for ``transpose_``."""
    wanted = [str(argument.type) for argument in func._schema.arguments]
    packet = getattr(torch.ops.aten, func._opname[:-1])
    for name in packet.overloads():
        overload: OpOverload = getattr(packet, name)
        if [str(argument.type) for argument in overload._schema.arguments] == wanted:
            return overload
    raise NotImplementedError(f"{func} has no twin that is not in place")


def is_random(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the call draws from the random generator.

    Attention without dropout does not, nor does its backward pass, which gets the numbers' seed.
    """
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return False
    if any(argument.name == "philox_seed" for argument in func._schema.arguments):
        return False
    for position, argument in enumerate(func._schema.arguments):
        if argument.name == "dropout_p":
            chance = args[position] if position < len(args) else kwargs.get("dropout_p", 0.0)
            return bool(chance)
    return True


def flops(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> int:
    """Floating point operations by torch's own counters; -1 where it has none for this op."""
    from torch.utils.flop_counter import flop_registry

    counter = flop_registry.get(func._overloadpacket)
    if counter is None:
        return -1
    try:
        return int(counter(*args, **kwargs, out_val=result))
    except Exception:  # Counters know the common forms of a call only.
        return -1
