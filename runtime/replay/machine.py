"""What of this process decides which requests the ops make: its key names a recording."""

import hashlib

import torch

from .device import Device


def machine_key(device: Device, adapter: str, allocator: str) -> str:
    """Key of a recording made here and now; ``allocator`` is the built library's file name."""
    parts = (torch.__version__, adapter, allocator, *device.identity(), *device.settings())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
