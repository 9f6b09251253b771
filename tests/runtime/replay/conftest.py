"""The allocator, built once for these tests."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(native_cache: Path) -> None:
    """No test of the replay touches the user's cache."""
