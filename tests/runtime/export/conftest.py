"""Nothing here touches the user's cache."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(native_cache: Path) -> None:
    """Allocators are built into a folder of the tests' own."""
