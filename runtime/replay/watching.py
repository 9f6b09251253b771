"""Watches the ATen calls of a function while it runs, to tell whether they are those of a plan.

What is seen is what a capture records: the calls below autograd, with composite ops taken apart, as
far as the result or a tensor from outside depends on them.
"""

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from .signature import Geometry, SeenCall, SeenTensor, Signature, content_of, signature

_aten = torch.ops.aten
_COMPOSITE = "CompositeImplicitAutograd"
_UNRECORDED = frozenset(("prim", "profiler"))
_FRESH = frozenset((_aten.lift_fresh.default, _aten.lift_fresh_copy.default))


class CannotBeToldError(Exception):
    """A call that no plan can have; the text says which."""


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Active as a context manager around the function."""

    def __init__(self, given: Sequence[Tensor]) -> None:
        """``given``: the tensors that the function is called with."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.problem = ""
        """Why no plan can be what was seen; empty: some may."""
        self._calls: list[tuple[SeenCall, set[Hashable], set[Hashable], bool]] = []
        """Each with the storages it reads, those it writes, and whether it draws random numbers."""
        self._storages: dict[int, tuple[StorageWeakRef, Hashable]] = {}
        """By address of the storage object. Weak references keep that address from being reused."""
        self._constants: dict[Hashable, str] = {}
        self._given = {self._name(tensor) for tensor in given}

    def signature(self, results: Sequence[Tensor]) -> Signature:
        """Of what was seen, as far as ``results`` and the given tensors depend on it."""
        needed = self._given | {self._name(tensor) for tensor in results}
        live: list[SeenCall] = []
        for call, reads, writes, random in reversed(self._calls):
            if random or not needed.isdisjoint((*writes, *call.creates)):
                live.append(call)
                needed |= reads
        return signature(live[::-1], self._constants)

    def tensor(self, tensor: Tensor) -> SeenTensor:
        """What is told of a tensor."""
        return SeenTensor(self._name(tensor), geometry(tensor))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload) or func.namespace in _UNRECORDED:
            if not isinstance(func, OpOverload):
                self.problem = self.problem or f"{func} is not an op that a plan can have."
            return func(*args, **kwargs)
        name: str = func.name()  # type: ignore[no-untyped-call]
        known = torch._C._dispatch_has_kernel_for_dispatch_key
        devices = {tensor.device.type for tensor in _tensors((*args, *kwargs.values()))} or {"cpu"}
        if known(name, _COMPOSITE) and not any(known(name, each.upper()) for each in devices):
            # The kernel of eager mode, which is not the decomposition in Python that some ops have too.
            with self:
                return func._op_dk(torch._C.DispatchKey.CompositeImplicitAutograd, *args, **kwargs)
        try:
            return self._watched(func, args, kwargs)
        except CannotBeToldError as error:
            self.problem = self.problem or str(error)
            return func(*args, **kwargs)

    def _watched(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        reads = {self._known(tensor) for tensor in _tensors((*args, *kwargs.values()))}
        # Looked at before the call, which may change a tensor's geometry.
        seen = [self._encoded(item, func) for item in args]
        more = {key: self._encoded(item, func) for key, item in kwargs.items()}
        writes = {self._name(tensor) for tensor in _changed(func, args, kwargs)}
        if torch.Tag.inplace_view in func.tags:
            writes = set()
        result = func(*args, **kwargs)
        made = []
        target = str(func)
        if func in _FRESH:
            # A capture copies what stands in the code: it may be changed from here on.
            target = "aten.clone.default"
            self._forget(result)
        for tensor in _tensors([result]):
            if id_of(tensor) not in self._storages:
                made.append(self._name(tensor))
        if made or writes:
            random = torch.Tag.nondeterministic_seeded in func.tags and not _without_dropout(
                func, args, kwargs
            )
            self._calls.append((SeenCall(target, seen, more, tuple(made)), reads, writes, random))
        return result

    def _name(self, tensor: Tensor) -> Hashable:
        """The name of a tensor's storage, a new one where it is new."""
        if tensor.layout is not torch.strided or tensor.is_quantized:
            raise CannotBeToldError(f"A tensor is {tensor.layout}; plans have dense tensors only.")
        identity = id_of(tensor)
        if identity not in self._storages:
            reference = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
            self._storages[identity] = reference, object()
        return self._storages[identity][1]

    def _forget(self, tensor: Tensor) -> None:
        """Let the storage of ``tensor`` be a new one from here on."""
        self._storages.pop(id_of(tensor), None)

    def _known(self, tensor: Tensor) -> Hashable:
        """The name of an argument's storage; one that nobody made or gave is a constant."""
        new = id_of(tensor) not in self._storages
        name = self._name(tensor)
        if new:
            with _disable_current_modes():
                data = tensor.detach().cpu().contiguous()
                flat = data.reshape(-1).view(torch.uint8) if data.numel() else data
                self._constants[name] = content_of(flat.numpy().tobytes())
        return name

    def _encoded(self, item: Any, func: OpOverload) -> Any:
        match item:
            case None | bool() | int() | str():
                return item
            case float():
                if math.isfinite(item):
                    return item
                return {"float": "nan" if math.isnan(item) else "inf" if item > 0 else "-inf"}
            case Tensor():
                return self.tensor(item)
            case list() | tuple():
                return [self._encoded(each, func) for each in item]
            case torch.device():
                return None
            case torch.dtype() | torch.layout() | torch.memory_format():
                return {type(item).__name__: str(item).removeprefix("torch.")}
        raise CannotBeToldError(f"{func} has an argument of type {type(item).__name__}.")


def id_of(tensor: Tensor) -> int:
    """The address of the object that a tensor's storage is."""
    return int(tensor.untyped_storage()._cdata)


def geometry(tensor: Tensor) -> Geometry:
    """How ``tensor`` lies in its storage."""
    kind = str(tensor.dtype).removeprefix("torch.")
    return kind, tuple(tensor.shape), tuple(tensor.stride()), int(tensor.storage_offset())


def _tensors(items: Sequence[Any]) -> Iterator[Tensor]:
    for item in items:
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, list | tuple):
            yield from _tensors(item)


def _changed(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """The tensors that the call changes in place, by its schema."""
    for position, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = args[position] if position < len(args) else kwargs.get(argument.name)
            yield from _tensors([given])


def _without_dropout(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the call is attention that draws nothing, as its ``dropout_p`` is 0."""
    for position, argument in enumerate(func._schema.arguments):
        if argument.name == "dropout_p":
            return not (args[position] if position < len(args) else kwargs.get("dropout_p", 0.0))
    return False
