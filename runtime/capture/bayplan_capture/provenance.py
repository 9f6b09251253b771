"""Where an op comes from: the phase, the module it runs in and the user's line of code.

Forward ops take their module from hooks that push and pop qualified names, and their line from the
Python stack. Autograd gives every forward op a sequence number and its backward node the same one,
so that backward ops inherit the module and the line of the op whose gradient they compute.
"""

import linecache
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)

CONTEXT_LINES = 3
"""Lines of text kept before and after the line itself."""

_TORCH = f"{Path(torch.__file__).absolute().parent}{os.sep}"
_HERE = f"{Path(__file__).absolute().parent}{os.sep}"
_OUTERMOST = _HERE + "trace.py"
"""Calls the model: no frame beyond it is the step's."""
_MODEL_FILES = frozenset(_HERE + name for name in ("zoo.py", "unet.py"))
"""Files of this package that are models' code, to be shown as such."""
_STANDARD = tuple(
    f"{Path(sysconfig.get_paths()[key]).absolute()}{os.sep}" for key in ("stdlib", "platstdlib")
)
_LIBRARIES = tuple(
    sorted(
        {
            f"{Path(path).absolute()}{os.sep}"
            for path in (
                *site.getsitepackages(),
                site.getusersitepackages(),
                sysconfig.get_paths()["purelib"],
                sysconfig.get_paths()["platlib"],
                str(Path(_TORCH).parent),
            )
        },
        key=len,
        reverse=True,
    )
)


@dataclass(frozen=True)
class Place:
    """A phase, a module path, and an index into ``Provenance.sources`` or -1."""

    phase: str
    module: str
    source: int


class Provenance:
    """Follows the step while it runs; ``place`` says where the op that runs now comes from."""

    def __init__(self, model: nn.Module, construction: "Construction") -> None:
        self.phase = "forward"
        self.sources: list[dict[str, Any]] = []
        self.on_module_output: Callable[[str, object], None] = lambda name, output: None
        self._names = {id(module): name for name, module in model.named_modules()}
        self._stack: list[str] = []
        self._by_sequence: dict[int, Place] = {}
        self._sequence = -1
        self._source_index: dict[_Line, int] = {}
        self._made_at = construction.by_name(model)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Follow entering and leaving modules within the block."""
        with ExitStack() as stack:
            stack.callback(register_module_forward_pre_hook(self._enter).remove)
            stack.callback(register_module_forward_hook(self._leave, always_call=True).remove)
            yield

    def _enter(self, module: nn.Module, inputs: object) -> None:
        known = self._names.get(id(module))
        self._stack.append(known if known is not None else self._module)

    def _leave(self, module: nn.Module, inputs: object, output: object) -> None:
        name = self._stack.pop() if self._stack else ""
        if name and id(module) in self._names:
            self.on_module_output(name, output)

    @property
    def _module(self) -> str:
        return self._stack[-1] if self._stack else ""

    def place(self) -> Place:
        """Where the op that runs now comes from."""
        if self._sequence >= 0:
            source = self._source()
            origin = self._by_sequence.get(self._sequence)
            if origin is None:
                return Place(self.phase, self._module, source)
            # A line found here is that of the user's own backward function.
            return Place(self.phase, origin.module, source if source >= 0 else origin.source)
        place = Place(self.phase, self._module, self._source())
        if torch.is_grad_enabled():
            # Autograd has just made this op's backward node; ops that make none do not count up.
            self._by_sequence.setdefault(torch._C._autograd._get_sequence_nr() - 1, place)
        return place

    def line(self) -> str:
        """``file:line`` of the user's innermost frame, for messages; empty when there is none."""
        index = self._source()
        if index < 0 and self._sequence in self._by_sequence:
            index = self._by_sequence[self._sequence].source
        if index < 0:
            return ""
        return f"{self.sources[index]['file']}:{self.sources[index]['line']}"

    def watch_backward(self, loss: Tensor) -> None:
        """Make backward nodes announce the forward op that they belong to."""
        pending = [loss.grad_fn]
        seen = set()
        while pending:
            node = pending.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            pending.extend(following for following, _ in node.next_functions)
            node.register_prehook(self._announce(node._sequence_nr()))

    def _announce(self, sequence: int) -> Callable[[object], None]:
        def announce(gradients: object) -> None:
            # Sums of gradients that flow together come after the node that made the last of them.
            self._sequence = sequence

        return announce

    def leave_backward(self) -> None:
        """The gradients are there; what follows is no longer part of the backward pass."""
        self._sequence = -1

    def enter_parameter(self, name: str) -> None:
        """What follows updates the parameter of this name: it belongs to the parameter's module."""
        self._stack = [name.rpartition(".")[0]]

    def _source(self) -> int:
        """Index of the line that runs now; of the one that made the module where there is none."""
        frame = _users_frame(sys._getframe(1))
        if frame is not None:
            return self._add_source(_Line.of(frame))
        made = self._made_at.get(self._module)
        return self._add_source(made) if made is not None else -1

    def _add_source(self, line: "_Line") -> int:
        index = self._source_index.get(line)
        if index is None:
            index = self._source_index[line] = len(self.sources)
            self.sources.append(line.described())
        return index


class Construction:
    """Which line outside torch made each module: nn.Sequential runs without a line of the user's."""

    def __init__(self) -> None:
        self._lines: WeakKeyDictionary[nn.Module, _Line] = WeakKeyDictionary()

    @contextmanager
    def following(self) -> Iterator[None]:
        """Note the modules that are made within the block."""
        original = nn.Module.__init__

        def noting(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            frame: FrameType | None = sys._getframe(1)
            while frame is not None and not _file_rank(frame.f_code.co_filename):
                frame = frame.f_back
            original(module, *args, **kwargs)
            if frame is not None:
                self._lines[module] = _Line.of(frame)

        nn.Module.__init__ = noting  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            nn.Module.__init__ = original  # type: ignore[method-assign]

    def by_name(self, model: nn.Module) -> "dict[str, _Line]":
        """The line that made each submodule, by qualified name; not the model's, nor the loss's."""
        named = ((name, self._lines.get(module)) for name, module in model.named_modules() if name)
        return {name: line for name, line in named if line is not None}


@dataclass(frozen=True)
class _Line:
    """One line of a file, in a function."""

    file: str
    line: int
    function: str

    @staticmethod
    def of(frame: FrameType) -> "_Line":
        # A module that a loader made has its text there, not in a file.
        linecache.lazycache(frame.f_code.co_filename, frame.f_globals)
        return _Line(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)

    def described(self) -> dict[str, Any]:
        """As a step file's SourceLine."""
        lines = linecache.getlines(self.file)
        first = max(1, self.line - CONTEXT_LINES)
        text = [each.rstrip("\r\n") for each in lines[first - 1 : self.line + CONTEXT_LINES]]
        known = self.line - first < len(text)
        return {
            "file": _shown_path(self.file),
            "line": self.line,
            "function": self.function,
            "text": text if known else [],
            "here": self.line - first if known else 0,
        }


def _users_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is the user's; else a library's that is not torch; else None."""
    library: FrameType | None = None
    while frame is not None:
        file = frame.f_code.co_filename
        if file == _OUTERMOST:
            break
        rank = _file_rank(file)
        if rank == 2:
            return frame
        if rank == 1 and library is None:
            library = frame
        frame = frame.f_back
    return library


@cache
def _file_rank(file: str) -> int:
    """2: the user's own code (or the zoo's), 1: a library's, 0: torch, Python or this package."""
    path = str(Path(file).absolute())
    if file.startswith("<") or path.startswith(_TORCH):
        return 0
    if path.startswith(_HERE):
        return 2 if path in _MODEL_FILES else 0
    if path.startswith(_LIBRARIES):
        return 1
    return 0 if path.startswith(_STANDARD) else 2


def _shown_path(file: str) -> str:
    """Absolute for the user's files; libraries' from where they are installed."""
    path = str(Path(file).absolute())
    for library in (f"{Path(_HERE).parent}{os.sep}", *_LIBRARIES):
        if path.startswith(library):
            return path.removeprefix(library)
    return path
