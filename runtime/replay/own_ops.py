"""The ops of our own that a rewritten step calls, by their name in the namespace ``bayplan``.

Each takes as plain numbers what it needs to lay out its results, and works through its operands in
parts, so that it needs little memory besides its results. How near these are to those of the ATen ops
that it stands for, its rule says (``solver/rewrites``); nearly all are bitwise equal.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .own_pooling import max_pool2d, max_pool2d_backward

OWN_OPS: Mapping[str, Callable[..., Any]] = {
    "max_pool2d": max_pool2d,
    "max_pool2d_backward": max_pool2d_backward,
}
