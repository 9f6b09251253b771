"""The allocator, built once for these tests."""

from pathlib import Path

import pytest

from tests.runtime.replay.fake_cuda import FakeCudart


@pytest.fixture(autouse=True)
def _own_cache(native_cache: Path) -> None:
    """No test of the replay touches the user's cache."""


@pytest.fixture(scope="session")
def fake_cudart(tmp_path_factory: pytest.TempPathFactory) -> FakeCudart:
    """The CUDA runtime of this process, for tests that are ``only_without_cuda``."""
    return FakeCudart(tmp_path_factory.mktemp("cudart"))
