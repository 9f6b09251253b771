"""The ops of a rewritten step that torch does not have: ``bayplan.NAME.OVERLOAD``, made of torch's."""

from collections.abc import Callable
from typing import Any

NAMESPACE = "bayplan"

OPS: dict[str, Callable[..., Any]] = {}
"""By name with namespace and overload. Each takes what the program's instruction gives it."""
