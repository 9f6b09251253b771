"""Where a result comes from: the machine and the versions that decide it for a seed."""

import os
import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """Of what decides the outcome for a seed."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in ("bayplan", "numpy", "numba", "ortools"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """``Linux x86_64, 2 cores``."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
