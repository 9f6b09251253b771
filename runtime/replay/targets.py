"""Look up the ops that a generated step calls, by name and never by evaluating text."""

from typing import Any

import torch

from .errors import ReplayError
from .names import FORBIDDEN, TARGET
from .own_ops import OWN_OPS
from .ranks import collective


def operator(target: str) -> Any:
    """The ``torch.ops`` overload, or the op of our own, named ``target``. Raises ReplayError."""
    if not TARGET.fullmatch(target):
        raise ReplayError(f"{target[:80]!r} is not the name of an operator.")
    namespace, op, overload = target.split(".")
    if op in FORBIDDEN:
        raise ReplayError(f"The operator {target} is not allowed in a step.")
    if namespace == "bayplan":
        if op not in OWN_OPS or overload != "default":
            raise ReplayError(f"This replay has no operator {target}. Export the plan anew.")
        return OWN_OPS[op]
    if namespace == "_c10d_functional" and (found := collective(op)) is not None:
        return found
    try:
        packet = getattr(getattr(torch.ops, namespace), op)
        found = getattr(packet, overload)
    except AttributeError:
        found = None
    if not isinstance(found, torch._ops.OpOverload):
        raise ReplayError(
            f"This torch ({torch.__version__}) has no operator {target}. Load the library that defines "
            "it before the step, or capture the step anew with this torch."
        )
    return found
