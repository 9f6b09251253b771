"""Rebuilds the model of a torch.export program (``.pt2``) from its JSON, without loading the archive.

``torch.export.load`` trusts its file: it unpickles parts of it, evaluates expressions in it and looks
up functions by names in it. Here only the JSON of the graph is read. Each of its nodes must call an
ATen operator that the dispatcher knows, or arithmetic from a short list, so nothing else can ever run.
Weights, constants and example inputs are not read either: they are made anew, of the same shapes. A
dimension that may vary has the size that it had in the example.
"""

import json
import operator
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import CaptureError

MOST_JSON = 512 << 20
"""Bytes of a graph's JSON, unpacked, that are read."""
GRAPHS = ("models/model.json", "serialized_exported_program.json")
"""Where it is: as torch writes it now, and as it did before."""

_ATEN = re.compile(r"torch\.ops\.aten\.((?!__)[A-Za-z_]\w*)\.((?!__)[A-Za-z_]\w*)", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_FORBIDDEN = frozenset({"from_file"})
"""Of ATen: what reaches beyond tensors."""
_SKIPPED = ("torch.ops.aten._assert_", "torch.ops.aten.sym_constrain_", "torch.ops.aten._assert_scalar")
"""Checks of what the example decides anyway."""
_NUMBERS = ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "getitem")
_TRUTHS = ("eq", "ne", "lt", "le", "gt", "ge", "and_", "or_", "not_")
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    f"_operator.{name}": getattr(operator, name) for name in _NUMBERS + _TRUTHS
}
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
    29: torch.float8_e4m3fn,
    30: torch.float8_e5m2,
    31: torch.float8_e4m3fnuz,
    32: torch.float8_e5m2fnuz,
}
"""By the number that an archive has for them."""


def build_exported(path: Path) -> tuple[nn.Module, tuple[Any, ...]]:
    """The model of an archive and inputs as in its example. Raises CaptureError."""
    try:
        return _build(_graph_module(path), path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise CaptureError(
            f"{path.name} is damaged, or of a version of torch that is not known "
            f"({type(error).__name__}: {str(error)[:100]}). Export it again."
        ) from None


def _graph_module(path: Path) -> dict[str, Any]:
    """The JSON of the program's graph and signature."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [i for i in archive.infolist() if i.filename.endswith(GRAPHS)]
            if not found:
                raise CaptureError(f"{path.name} is no archive that torch.export.save wrote.")
            if found[0].file_size > MOST_JSON:
                raise CaptureError(f"The graph in {path.name} is {found[0].file_size:,} bytes long.")
            with archive.open(found[0]) as file:
                text = file.read(MOST_JSON + 1)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise CaptureError(f"{path.name} cannot be read: {error}") from None
    if len(text) > MOST_JSON:
        raise CaptureError(f"The graph in {path.name} is longer than it says.")
    content: dict[str, Any] = json.loads(text)["graph_module"]
    return content


def _build(content: dict[str, Any], path: Path) -> tuple[nn.Module, tuple[Any, ...]]:
    graph, signature = content["graph"], content["signature"]
    values = graph["tensor_values"]
    model = Exported(path.stem)
    inputs: list[Any] = []
    names: list[str] = []
    for spec in signature["input_specs"]:
        ((kind, about),) = spec.items()
        if kind == "user_input":
            ((how, arg),) = about["arg"].items()
            if how == "as_tensor":
                names.append(_name(arg["name"]))
                inputs.append(_tensor(values[arg["name"]]))
        elif kind in ("parameter", "buffer", "tensor_constant"):
            name, qualified = _name(about["arg"]["name"]), about[f"{kind}_name"]
            tensor = _tensor(values[name])
            # A variance, for example, must not be below zero.
            own = tensor if kind == "parameter" else tensor.abs()
            model.hold(name, qualified, own, parameter=kind == "parameter")
        elif kind != "constant_input":
            raise CaptureError(f"{path.name} takes a {kind}, which is not supported.")
    model.inputs = tuple(names)
    model.nodes = [_node(node, model) for node in graph["nodes"]]
    model.results = tuple(
        _argument(spec["user_output"]["arg"])
        for spec in signature["output_specs"]
        if "user_output" in spec
    )
    if not model.results:
        raise CaptureError(f"{path.name} has no result.")
    return model.eval(), tuple(inputs)


class Exported(nn.Module):
    """Runs the nodes of an exported graph one after another."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.title = name
        self.inputs: tuple[str, ...] = ()
        self.nodes: list[_Node] = []
        self.results: tuple[_Getter, ...] = ()
        self._held: dict[str, str] = {}
        """By name in the graph the qualified name of a parameter or buffer."""

    def hold(self, name: str, qualified: str, tensor: Tensor, *, parameter: bool) -> None:
        """Have a parameter or buffer, in the module that its name says."""
        *path, own = [part for part in qualified.split(".") if part]
        module = self.scope(".".join(path))
        if own in module._parameters or own in module._buffers or own in module._modules:
            raise CaptureError(f"Two parameters of the program are called {qualified!r}.")
        if parameter:
            # A number of an integer type cannot have a gradient.
            needed = tensor.is_floating_point() or tensor.is_complex()
            module._parameters[own] = nn.Parameter(tensor, requires_grad=needed)
        else:
            module._buffers[own] = tensor
        self._held[name] = ".".join([*path, own])

    def scope(self, path: str) -> nn.Module:
        """The module of a qualified name, made where it is not there yet."""
        module: nn.Module = self
        for part in path.split(".") if path else ():
            if part not in module._modules:
                module._modules[part] = _Scope()
            inner = module._modules[part]
            assert inner is not None
            module = inner
        return module

    def forward(self, *inputs: Any) -> Any:
        """The results of the program, in its order; one alone as it is."""
        known: dict[str, Any] = dict(zip(self.inputs, inputs, strict=True))
        for name, qualified in self._held.items():
            module = self.scope(qualified.rpartition(".")[0])
            own = qualified.rpartition(".")[2]
            known[name] = module._parameters.get(own, module._buffers.get(own))
        for node in self.nodes:
            node.run(known)
        results = tuple(get(known) for get in self.results)
        return results[0] if len(results) == 1 else results


class _Scope(nn.Module):
    """Stands for one module of the exported model: what runs in it is known to have run there."""

    def forward(self, run: Callable[[], Any]) -> Any:
        return run()


_Getter = Callable[[dict[str, Any]], Any]


class _Node:
    """One call: what it calls, with what, and the names of its results."""

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: list[tuple[str, _Getter, bool]],
        outputs: list[Any],
        scope: nn.Module | None,
    ) -> None:
        self.function, self.arguments, self.outputs = function, arguments, outputs
        self.scope = scope

    def run(self, known: dict[str, Any]) -> None:
        """Call it and keep its results."""
        args = [get(known) for _, get, keyword in self.arguments if not keyword]
        kwargs = {name: get(known) for name, get, keyword in self.arguments if keyword}
        if self.scope is not None:
            result = self.scope(lambda: self.function(*args, **kwargs))
        else:
            result = self.function(*args, **kwargs)
        several = isinstance(result, tuple | list) and len(self.outputs) > 1
        for output, value in zip(self.outputs, result if several else [result], strict=False):
            if isinstance(output, list):
                known.update(zip(output, value, strict=False))
            elif output is not None:
                known[output] = value


def _node(node: dict[str, Any], model: Exported) -> _Node:
    target = node["target"]
    outputs = [_output(one) for one in node["outputs"]]
    stack = node.get("metadata", {}).get("nn_module_stack", "")
    path = stack.split(";")[-1].split(",")[1] if stack.count(",") >= 2 else ""
    parts = [part for part in re.sub(r"\[['\"]?(\w+)['\"]?\]", r".\1", path).split(".") if part]
    scope = (
        model.scope(".".join(parts)) if parts and all(part != "L__self__" for part in parts) else None
    )
    if any(target.startswith(skipped) for skipped in _SKIPPED):
        return _Node(lambda *_, **__: None, [], [], None)
    function, named = _function(target)
    arguments = []
    for given in node["inputs"]:
        keyword = given.get("kind") == 2 or (given.get("kind") is None and given["name"] in named)
        arguments.append((given["name"], _argument(given["arg"]), keyword))
    return _Node(function, arguments, outputs, scope)


def _function(target: str) -> tuple[Callable[..., Any], frozenset[str]]:
    """What a node calls, and the arguments that it takes by name only."""
    if target in _ARITHMETIC:
        return _ARITHMETIC[target], frozenset()
    match = _ATEN.fullmatch(target)
    if match is not None and match[1] not in _FORBIDDEN:
        name = f"aten::{match[1]}" + (f".{match[2]}" if match[2] != "default" else "")
        # TorchScript has more under this name, such as what writes files; the dispatcher has not.
        if torch._C._dispatch_has_kernel(name):
            found = getattr(getattr(torch.ops.aten, match[1]), match[2])
            named = {a.name for a in found._schema.arguments if a.kwarg_only}
            return found, frozenset(named)
    raise CaptureError(
        f"The program calls {str(target)[:80]!r}. Only ATen operators are supported: export without "
        "custom operators and control flow."
    )


def _argument(arg: dict[str, Any]) -> _Getter:
    """What gives an argument its value, once everything before it has run."""
    ((how, value),) = arg.items()
    match how:
        case "as_tensor":
            return _reference(value["name"])
        case "as_tensors":
            return _all([_reference(one["name"]) for one in value])
        case (
            "as_optional_tensors"
            | "as_nested_tensors"
            | "as_sym_ints"
            | "as_sym_floats"
            | "as_sym_bools"
        ):
            return _all([_argument(one) for one in value])
        case "as_optional_tensor" | "as_sym_int" | "as_sym_float" | "as_sym_bool":
            return _argument(value) if "as_name" not in value else _reference(value["as_name"])
        case "as_name":
            return _reference(value)
    constant = _constant(how, value)
    return lambda known: constant


def _constant(how: str, value: Any) -> Any:
    match how:
        case "as_none":
            return None
        case "as_int" | "as_float" | "as_bool" | "as_string" | "as_ints" | "as_floats" | "as_bools":
            return float(value) if how == "as_float" else value
        case "as_strings" | "as_int_lists" | "as_float_lists":
            return value
        case "as_scalar_type":
            return _DTYPES[value]
        case "as_memory_format":
            return _MEMORY_FORMATS[value]
        case "as_layout":
            return torch.strided
        case "as_device":
            return None  # Where the step is to run is not the archive's to say.
        case "as_complex":
            return complex(value["real"], value["imag"])
    raise CaptureError(f"The program passes an argument {str(how)[:40]!r}, which is not supported.")


def _reference(name: str) -> _Getter:
    own = _name(name)
    return lambda known: known[own]


def _all(parts: list[_Getter]) -> _Getter:
    return lambda known: [get(known) for get in parts]


def _output(output: dict[str, Any]) -> Any:
    """The name of a result, the names of a list of them, or None."""
    ((how, value),) = output.items()
    match how:
        case "as_tensor":
            return _name(value["name"])
        case "as_tensors":
            return [_name(one["name"]) for one in value]
        case "as_sym_int" | "as_sym_float" | "as_sym_bool":
            return _name(value["as_name"]) if "as_name" in value else None
    return None


def _name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CaptureError(f"The program has a value called {str(name)[:40]!r}, which is no name.")
    return name


def _tensor(about: dict[str, Any]) -> Tensor:
    """A tensor of the shape and type that the archive says, with content of no importance."""
    shape = [_size(size) for size in about["sizes"]]
    strides = [_size(stride) for stride in about["strides"]]
    dtype = _DTYPES[about["dtype"]]
    result = torch.empty_strided(shape, strides, dtype=dtype)
    if dtype.is_floating_point and dtype.itemsize > 1:
        result.normal_(std=0.02)
    else:
        result.zero_()
    return result


def _size(size: Any) -> int:
    """A number, or of an expression the number that it had in the example."""
    value = size.get("as_int")
    if value is None:
        hint = size["as_expr"].get("hint") or {}
        value = hint.get("as_int")
    if type(value) is not int or not 0 <= value < 1 << 48:
        raise CaptureError("The program has a dimension whose size its archive does not say.")
    return value
