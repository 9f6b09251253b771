"""Load a generated step: as it is, and with a look at every op's results.

A generated step is one function of straight-line code::

    def step(arm, residents, scalars):
        ...
        arm(17)
        conv, = aten_convolution_default(x, weight, ...)
        del x

The observed step is the same source with ``observe(17, (conv,))`` after the op: it makes the same
requests, so that what is recorded or checked with it holds for the step itself.

Ops with a guard stand in an ``if``, which is nothing else's. *Unguarded*, the step runs them all, so
that what is recorded has all requests there can be; its results are good for comparisons only.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from torch import Tensor

from .errors import ReplayError

StepFunction: TypeAlias = Callable[..., tuple[Tensor, ...]]
"""``step(arm, residents, scalars)``, then ``transfers`` and ``again`` where the plan has such."""
Observer: TypeAlias = Callable[[int, tuple[Any, ...]], None]


@dataclass(frozen=True)
class GeneratedStep:
    """The step's source, compiled on demand."""

    path: Path
    source: str
    package: str
    """Whose ``replay`` the source imports from."""

    def function(self, *, unguarded: bool = False, armed: bool = True) -> StepFunction:
        """``step(arm, residents, scalars)``: the outputs.

        Not ``armed`` it never calls ``arm``: for flat steps, and for those without an arena.
        """
        tree = self._tree(unguarded)
        if not armed:
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.If):
                    node.body = [part for part in node.body if _armed_slot(part) is None]
        return self._run(tree)

    def observed(self, observe: Observer, *, unguarded: bool = False) -> StepFunction:
        """The same step that calls ``observe(slot, results)`` after every op with results."""
        tree = self._tree(unguarded)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.If):
                node.body = list(_observing(node.body))
        return self._run(ast.fix_missing_locations(tree), observe=observe)

    def _tree(self, unguarded: bool) -> ast.Module:
        tree = ast.parse(self.source, str(self.path))
        for node in ast.walk(tree):
            if unguarded and isinstance(node, ast.If):
                node.test = ast.copy_location(ast.Constant(True), node.test)
        return tree

    def _run(self, tree: ast.Module, **names: Any) -> StepFunction:
        # As a module of the package, so that its relative imports work.
        namespace: dict[str, Any] = {"__name__": f"{self.package}.step", "__package__": self.package}
        namespace.update(names)
        exec(compile(tree, str(self.path), "exec"), namespace)
        function: StepFunction = namespace["step"]
        return function


def read_generated(path: Path) -> GeneratedStep:
    """The generated step in a file. Raises ReplayError."""
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path} cannot be read: {error}. Export the plan anew.") from None
    return GeneratedStep(path, source, __package__.rpartition(".")[0])


def _observing(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements with a look at the results after each op that has some."""
    slot: ast.expr | None = None
    for statement in body:
        yield statement
        if slot is not None and isinstance(statement, ast.Assign):
            yield _call_observe(slot, statement)
        elif slot is not None and _is_about_draws(statement):
            continue
        slot = _armed_slot(statement)


def _armed_slot(statement: ast.stmt) -> ast.expr | None:
    """The slot in ``arm(slot)``, or None for any other statement."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    call = statement.value
    is_arm = isinstance(call.func, ast.Name) and call.func.id == "arm" and len(call.args) == 1
    return call.args[0] if is_arm else None


def _is_about_draws(statement: ast.stmt) -> bool:
    """Whether it is ``again.keep(number)`` or the like, which stands before an op."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return False
    function = statement.value.func
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) == "again"


def _call_observe(slot: ast.expr, statement: ast.Assign) -> ast.stmt:
    target = statement.targets[0]
    names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
    results = ast.Tuple([ast.Name(name, ast.Load()) for name in names], ast.Load())
    call = ast.Call(ast.Name("observe", ast.Load()), [slot, results], [])
    return ast.copy_location(ast.Expr(call), statement)
