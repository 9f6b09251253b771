"""A memo for numba: it works out what an operator returns anew at each place of a kernel, many times.

That takes half of the time of compiling, most of it in comparing sets of options. The answer depends
on the types of the arguments alone, but for whether the caller counts references.
"""

from typing import Any

from numba.core import targetconfig, types

_answer = types.Function.get_call_type
_known: dict[object, tuple[Any, Any]] = {}
"""Signature and key of the implementation, by function, types of arguments and of named ones."""


def install() -> None:
    """From here on numba remembers, in this process: for one that does nothing but compile."""
    types.Function.get_call_type = _remember  # type: ignore[assignment, method-assign]


def _remember(function: Any, context: Any, arguments: Any, named: Any) -> Any:
    options = targetconfig.ConfigStack.top_or_none()  # type: ignore[no-untyped-call]
    counts = options is not None and options.nrt
    question = (function, tuple(arguments), tuple(named.items()), counts)
    if question not in _known:
        signature = _answer(function, context, arguments, named)
        if signature is None:
            return None
        _known[question] = signature, function.get_impl_key(signature)
    signature, key = _known[question]
    # Two functions that are equal may be two objects, each with its own table.
    function._impl_keys[signature.args] = key
    return signature
