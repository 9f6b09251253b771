"""Records every ATen call of a step that runs on fake tensors: the program, as it happens.

A dispatch mode below autograd sees each call with its arguments and results. Tensors are told apart
by the identity of their storage and by their geometry, so that views, ``expand`` and in-place ops
need no list of op names, and two views that show the same bytes are one value::

    tensors          Value 0 (64, 64)   Value 1 = t()      Value 2 (32, 64)
    storages               0 ───────────────┘                    1

Real tensors that a model holds (parameters included) are replaced by fake ones on the way.
"""

import base64
import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    UnsupportedOperatorException,
)
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from . import kernels
from .calls import changed, flops, functional, is_random, lacks_device, replace
from .cuda_kernels import RECURRENT, REPLACED, recurrent_refusal
from .cuda_ops import cpu_only_ops
from .errors import CaptureError, NeedsRealTensorsError
from .nested import tensors
from .optimizers import ScalarReference
from .provenance import Place, Provenance
from .target import Target

Json: TypeAlias = Any
Arguments: TypeAlias = tuple[tuple[Json, ...], dict[str, Json], tuple[int, ...], tuple[int, ...]]

MAX_CONSTANT_BYTES = 1 << 26
"""Tensors that are neither parameter, buffer nor input go into the step file, up to this size."""

_aten = torch.ops.aten
_TRAINED = 7
"""Argument of native_batch_norm_backward. In training it gets the running statistics (arguments 3 and
4), too, and does not look at them: micro-batches would wait for each other's forward passes. cuDNN's
is for training only."""
_COMPOSITE = "CompositeImplicitAutograd"
_REFUSED = frozenset(("resize_", "resize_as_", "set_", "swap_tensors"))
_UNRECORDED = frozenset(("prim", "profiler"))
"""Namespaces of ops that compute nothing: queries of a tensor, marks for a profiler."""
_FRESH = frozenset((_aten.lift_fresh.default, _aten.lift_fresh_copy.default))


@dataclass(frozen=True)
class Value:
    """One tensor: a view of ``storage``."""

    storage: int
    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    conjugate: bool
    negative: bool


@dataclass
class Storage:
    """One allocation; ``role`` is empty when an op of the step makes it."""

    size: int
    role: str
    name: str
    identity: object
    """Kept so that no other storage gets its address."""


@dataclass(frozen=True)
class Call:
    """One recorded call; ``launches`` is false for views, storages and values are indices."""

    target: str
    args: tuple[Json, ...]
    kwargs: dict[str, Json]
    uses: tuple[int, ...]
    """Values among the arguments."""
    reads: tuple[int, ...]
    outputs: tuple[int | None, ...]
    tuple_result: bool
    launches: bool
    writes: tuple[int, ...]
    creates: tuple[int, ...]
    random: bool
    flops: int
    place: Place
    guard: tuple[Json, ...] = ()
    """See ``Instruction`` in the step's description; its values are among ``uses``."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Active as a context manager inside ``fake``; ``calls`` grows while the step runs."""

    supports_higher_order_operators = True
    """They come here too, to be refused in words of ours."""

    def __init__(self, fake: FakeTensorMode, provenance: Provenance, target: Target) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fake = fake
        self.target = target
        self.provenance = provenance
        self.storages: list[Storage] = []
        self.values: list[Value] = []
        self.calls: list[Call] = []
        self.placeholders: list[tuple[int, str, str]] = []
        self.constants: dict[int, str] = {}
        self.scalars: list[tuple[str, int]] = []
        self._guard: tuple[Tensor | ScalarReference, ...] = ()
        self.draws = 0
        """Random ops that the generator's state stands for; fewer than there were once it is set
        back, -1 when unknown."""
        self._drawn = 0
        self._storage_index: dict[int, int] = {}
        self._value_index: dict[Value, int] = {}
        self._scalar_index: dict[tuple[str, int], int] = {}
        # Keyed by id; the tensors are kept, so that no other gets their id.
        self._kept: list[Tensor] = []
        self._registered: dict[int, Tensor] = {}
        self._constant_twins: dict[int, tuple[Tensor, Tensor]] = {}

    def add_placeholder(self, tensor: Tensor, role: str, key: str, name: str) -> Tensor:
        """Make a tensor from outside known; the fake one that stands for it."""
        _storage_of(tensor, f"The {role} {key or name}")
        fake = self.to_fake(tensor)
        # A buffer made as torch.tensor(0) remembers that number: another step may find another.
        fake.constant = None  # type: ignore[attr-defined]
        self._registered[id(tensor)] = fake
        self._kept.append(tensor)
        identity = fake.untyped_storage()
        if identity._cdata not in self._storage_index:
            self._add_storage(identity, role, name)
        self.placeholders.append((self.value(fake), role, key))
        return fake

    def to_fake(self, tensor: Tensor) -> Tensor:
        """``tensor`` itself when it is fake; else its one fake twin, views sharing a storage."""
        if isinstance(tensor, FakeTensor):
            # copy.deepcopy (nn.TransformerEncoder copies its layers) makes a fake tensor whose
            # storage is not the one its own views have; a view stands for it then.
            with _disable_current_modes(), self.fake:
                return tensor.detach()
        twin: Tensor = self.fake.from_tensor(tensor, static_shapes=True)
        return twin

    def value(self, tensor: Tensor) -> int:
        """Index of the value that a fake tensor with a known storage is; made when it is new."""
        value = Value(
            self._storage_index[tensor.untyped_storage()._cdata],
            tensor.dtype,
            tuple(tensor.shape),
            tuple(tensor.stride()),
            int(tensor.storage_offset()),
            tensor.is_conj(),
            tensor.is_neg(),
        )
        index = self._value_index.get(value)
        if index is None:
            index = self._value_index[value] = len(self.values)
            self.values.append(value)
        return index

    def known_value(self, tensor: Tensor) -> int:
        """Index of the value that any tensor of the step is, the model's own included."""
        return self.value(self._known(tensor))

    def is_constant(self, tensor: Tensor) -> bool:
        """Whether the step took the content of ``tensor``, which the model holds, for ever the same."""
        return id(tensor) in self._constant_twins

    def storage(self, tensor: Tensor) -> int | None:
        """Index of a tensor's storage, or None where the step does not know it."""
        fake = self._registered.get(id(tensor), tensor)
        if not isinstance(fake, FakeTensor):
            return None
        return self._storage_index.get(fake.untyped_storage()._cdata)

    def call(self, function: OpOverload, *args: Any, **kwargs: Any) -> Any:
        """Run and record one op whose arguments may hold ScalarReferences."""
        return self._run(function, args, kwargs)

    @contextmanager
    def guarded(self, *zero: Tensor | ScalarReference) -> Iterator[None]:
        """Let ops within run only where these numbers (and those of an outer block) are zero."""
        outer, self._guard = self._guard, (*self._guard, *zero)
        yield
        self._guard = outer

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not isinstance(func, OpOverload):
            raise self.error(f"{func} is a higher-order operator, which cannot be captured")
        if func.namespace in _UNRECORDED:
            return func(*args, **kwargs)
        if self.target.name == "cuda" and func._opname in (*RECURRENT, "_cudnn_rnn"):
            raise self.error(recurrent_refusal(func))
        if self.target.steered and func in REPLACED:
            # In inference mode nothing comes by what stands above autograd.
            with self:
                return REPLACED[func](*args, **kwargs)
        # Python decompositions, which eager mode does not use either, are left out on purpose.
        name: str = func.name()  # type: ignore[no-untyped-call]
        # An op with a kernel of its own runs that one, also where a decomposition stands beside it
        # (silu_backward): the two differ in the last bit.
        if torch._C._dispatch_has_kernel_for_dispatch_key(name, _COMPOSITE) and not self._has_kernel(
            name
        ):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        return self._run(func, args, kwargs)

    def _has_kernel(self, name: str) -> bool:
        """Whether the op called ``name`` has a kernel of its own on the step's device."""
        key = self.target.device.type.upper()
        known = torch._C._dispatch_has_kernel_for_dispatch_key(name, key)
        return known and not (self.target.steered and name in cpu_only_ops())

    def _run(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func in _FRESH and not isinstance(args[0], FakeTensor):
            return self._add_fresh(func, args[0])
        name = func._opname
        if name in _REFUSED:
            raise self.error(f"{name} changes a tensor's memory, which cannot be planned")
        if self.target.steered and func.name() in cpu_only_ops():  # type: ignore[no-untyped-call]
            raise self.error(f"{func} runs on the CPU only, and the step is captured for CUDA")
        args = tuple(replace(each, self._known) for each in args)
        kwargs = {key: replace(each, self._known) for key, each in kwargs.items()}
        if func is _aten.cudnn_batch_norm_backward.default or (
            func is _aten.native_batch_norm_backward.default and args[_TRAINED]
        ):
            args = (*args[:3], None, None, *args[5:])
        # Looked up before the call, because it may change a tensor's geometry.
        arguments = self._arguments(func, args, kwargs)
        written = {self.values[self.value(each)].storage for each in changed(func, args, kwargs)}
        self._refuse_changed_constants(func, written)
        result = self._execute(func, args, kwargs)
        if torch.Tag.inplace_view in func.tags:
            # Recorded as its functional twin: a replay must not change an earlier value's geometry.
            func, written = functional(func), set()
        outputs, creates = self._outputs(func, result)
        if written or any(output is not None for output in outputs):
            launches = bool(written or creates)
            random = launches and is_random(func, args, kwargs)
            if random:
                self._draw(func)
            guard: tuple[Json, ...] = ()
            if launches and self._guard:
                guard, arguments = self._guarded(func, arguments)
            self.calls.append(
                Call(
                    str(func),
                    *arguments,
                    outputs=outputs,
                    tuple_result=isinstance(result, tuple | list),
                    launches=launches,
                    writes=tuple(sorted(written)),
                    creates=creates,
                    random=random,
                    flops=flops(func, args, kwargs, result) if launches else 0,
                    place=self.provenance.place(),
                    guard=guard,
                )
            )
        return result

    def _guarded(self, func: OpOverload, arguments: Arguments) -> tuple[tuple[Json, ...], Arguments]:
        """The guard of a call, and its arguments with those values and storages that it adds."""
        args, kwargs, uses, reads = arguments
        guard, _, more, storages = self._arguments(func, self._guard, {})
        return guard, (args, kwargs, (*uses, *more), tuple(sorted({*reads, *storages})))

    def _draw(self, func: OpOverload) -> None:
        """Count a random op; refuse one that draws again what was drawn before."""
        if self.draws != self._drawn:
            raise self.error(
                f"{func} draws random numbers after the generator was set back or seeded within the "
                "step, as activation checkpointing does around dropout. Leave the checkpointing "
                "out (a plan may recompute by itself), or the random op"
            )
        self.draws += 1
        self._drawn += 1

    def _arguments(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        """A call's arguments as JSON, the values among them, and those values' storages."""
        uses = tuple(self.value(tensor) for tensor in tensors((*args, *kwargs.values())))
        if self.target.name != "cpu" and not uses and lacks_device(func, args, kwargs):
            kwargs = {**kwargs, "device": self.target.device}
        return (
            tuple(self._encode(each, func) for each in args),
            {key: self._encode(each, func) for key, each in kwargs.items()},
            uses,
            tuple(sorted({self.values[value].storage for value in uses})),
        )

    def _refuse_changed_constants(self, func: OpOverload, written: set[int]) -> None:
        for storage in written:
            if self.storages[storage].role == "constant":
                raise self.error(
                    f"{func} changes a tensor in place that the model holds but that is neither a "
                    "parameter nor a buffer; register it with register_buffer()"
                )

    def _execute(self, func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        plain_args = tuple(replace(each, _plain_number) for each in args)
        plain_kwargs = {key: replace(each, _plain_number) for key, each in kwargs.items()}
        try:
            return kernels.run(func, plain_args, plain_kwargs, self.fake, self.target)
        except DataDependentOutputException:
            raise self.error(
                f"{func} turns a tensor's content into a Python number (as .item(), bool() or an if "
                "on a tensor do), so that the step differs from batch to batch"
            ) from None
        except DynamicOutputShapeException:
            raise self.error(
                f"{func} makes a tensor whose shape depends on another tensor's content"
            ) from None
        except UnsupportedOperatorException:
            raise self.error(f"{func} has no shape rule in this version of torch") from None

    def error(self, what: str) -> CaptureError:
        """The error for a call that cannot be captured, with the user's line."""
        line = self.provenance.line()
        return CaptureError(f"The step cannot be captured: {what}{f' (at {line})' if line else ''}.")

    def _known(self, item: Any) -> Any:
        """A tensor argument as a fake tensor with a known storage; anything else as it is."""
        if not isinstance(item, Tensor):
            return item
        if id(item) in self._constant_twins:
            return self._constant_twins[id(item)][1]
        fake = self._registered.get(id(item), item)
        if isinstance(fake, FakeTensor):
            identity = _storage_of(fake, f"A tensor of type {type(item).__name__}")
            if identity._cdata in self._storage_index:
                return fake
            content = getattr(fake, "constant", None)
            if content is None:
                raise NeedsRealTensorsError
            return self._add_constant(item, content)
        return self._add_constant(item, item)

    def _add_fresh(self, func: OpOverload, tensor: Tensor) -> Tensor:
        """A tensor literal in the model's code (``torch.tensor(...)``): a copy of a constant.

        A copy, because the code may go on to change it in place.
        """
        constant = self._add_constant(tensor, tensor)
        fake: Tensor = func(tensor)
        outputs, creates = self._outputs(func, fake)
        clone = _aten.clone.default
        self.calls.append(
            Call(
                str(clone),
                *self._arguments(clone, (constant,), {}),
                outputs=outputs,
                tuple_result=False,
                launches=True,
                writes=(),
                creates=creates,
                random=False,
                flops=0,
                place=self.provenance.place(),
            )
        )
        return fake

    def _add_constant(self, tensor: Tensor, content: Tensor) -> Tensor:
        """Make a tensor known that the model holds; the fake one that stands for it."""
        line = self.provenance.line()
        what = f"{tuple(tensor.shape)} {tensor.dtype}{f' (used at {line})' if line else ''}"
        _storage_of(tensor, f"The tensor {what}")
        if tensor.numel() * tensor.element_size() > MAX_CONSTANT_BYTES:
            raise CaptureError(
                f"The model uses a tensor {what} that is neither a parameter nor a buffer and too "
                f"large to be kept in a step file. Register it with register_buffer()."
            )
        with _disable_current_modes():
            dense = content.detach().clone(memory_format=torch.preserve_format)
            data = dense.cpu().contiguous()
            raw = ctypes.string_at(data.data_ptr(), data.numel() * data.element_size())
        fake = self.to_fake(dense)
        self._add_storage(fake.untyped_storage(), "constant", f"constant {what}")
        self.constants[self.value(fake)] = base64.b64encode(raw).decode()
        self._constant_twins[id(tensor)] = (tensor, fake)
        return fake

    def _add_storage(self, identity: torch.UntypedStorage, role: str, name: str) -> int:
        index = self._storage_index[identity._cdata] = len(self.storages)
        self.storages.append(Storage(identity.nbytes(), role, name, identity))
        return index

    def _outputs(self, func: OpOverload, result: Any) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
        """Values that are new with this call (None for others), and the storages it creates."""
        items = result if isinstance(result, tuple | list) else (result,)
        outputs: list[int | None] = []
        creates: list[int] = []
        for item in items:
            if not isinstance(item, Tensor):
                outputs.append(None)
                continue
            identity = _storage_of(item, f"A result of {func}")
            if identity._cdata not in self._storage_index:
                creates.append(self._add_storage(identity, "", ""))
            known = len(self.values)
            value = self.value(item)
            outputs.append(value if value >= known else None)
        return tuple(outputs), tuple(creates)

    def _encode(self, item: Any, func: OpOverload) -> Json:
        """An argument as JSON; see ``Instruction`` in the step's description."""
        match item:
            case None | bool() | int() | str():
                return item
            case float():
                if math.isfinite(item):
                    return item
                return {"float": "nan" if math.isnan(item) else "inf" if item > 0 else "-inf"}
            case Tensor():
                return {"value": self.value(item)}
            case ScalarReference(kind, group):
                key = (kind, group)
                if key not in self._scalar_index:
                    self._scalar_index[key] = len(self.scalars)
                    self.scalars.append(key)
                return {"scalar": self._scalar_index[key]}
            case list() | tuple():
                return [self._encode(each, func) for each in item]
            case torch.dtype():
                return {"dtype": str(item).removeprefix("torch.")}
            case torch.device():
                # All of a step is on one device, whose index is that of the machine it runs on.
                return {"device": self.target.name}
            case torch.layout():
                return {"layout": str(item).removeprefix("torch.")}
            case torch.memory_format():
                return {"memory_format": str(item).removeprefix("torch.")}
        if isinstance(item, torch.Generator):
            raise self.error(f"{func} draws from a random generator of its own; use the default one")
        raise self.error(f"{func} has the argument {item!r} of type {type(item).__name__}")


def _storage_of(tensor: Tensor, what: str) -> torch.UntypedStorage:
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise CaptureError(f"{what} is {tensor.layout}; only dense (strided) tensors are supported.")
    return tensor.untyped_storage()


def _plain_number(item: Any) -> Any:
    return item.value if isinstance(item, ScalarReference) else item
