"""Memory snapshots as torch's versions write them, made without a GPU: a small caching allocator runs.

``snapshot`` returns the dictionary of ``torch.cuda.memory._snapshot()``; what a version does not know
is not in it. Frames are shared between stacks, as torch shares them, so a pickle refers to them.
"""

import bisect
import pickle
import random
from pathlib import Path
from typing import Any

MIB = 1 << 20
BASE = 0x7F0000000000
TIMES, USER_METADATA, ANNOTATIONS, POOLS = (2, 2), (2, 9), (2, 6), (2, 12)
"""The versions from which on these are written."""

MODEL = "/srv/train/model.py"
_OUTER = [
    ("<module>", "/srv/train/main.py", 88),
    ("main", "/srv/train/main.py", 61),
]


def _stacks(depth: int) -> list[list[dict[str, Any]]]:
    """200 stacks, the innermost frame first, over shared frames."""
    torch = "/usr/lib/python3/site-packages/torch"
    nn, graph, adam = f"{torch}/nn/modules", f"{torch}/autograd/graph.py", f"{torch}/optim/adam.py"
    layers = [[("forward", f"{nn}/linear.py", 125), ("forward", MODEL, 10 + n)] for n in range(100)]
    layers += [[("step", adam, 200 + n)] for n in range(20)]
    layers += [[("backward", graph, 800), ("loss", MODEL, 300 + n)] for n in range(80)]
    calls = [("_call_impl", f"{nn}/module.py", 1500 + n) for n in range(depth)]
    known: dict[tuple[str, str, int], dict[str, Any]] = {}
    result = []
    for own in layers:
        stack = [*own, *calls, *reversed(_OUTER)]
        result.append(
            [known.setdefault(f, {"name": f[0], "filename": f[1], "line": f[2]}) for f in stack]
        )
    return result


class _Allocator:
    """Segments of 2 MiB, 20 MiB or more, first fit, split and joined; writes down what it does."""

    def __init__(self, version: tuple[int, int], seed: int, expandable: bool) -> None:
        self.version, self.expandable = version, expandable
        self.random = random.Random(seed)
        self.stacks = _stacks(12)
        self.trace: list[dict[str, Any]] = []
        self.time = 1_700_000_000_000_000
        self.segments: dict[int, int] = {}
        self.free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        self.live: dict[int, tuple[int, int, list[dict[str, Any]]]] = {}
        self.top = {True: BASE, False: BASE + (1 << 40)}

    def say(self, action: str, address: int, size: int, frames: list[dict[str, Any]]) -> None:
        self.time += self.random.randrange(1, 30)
        where = "device_free" if action == "oom" else "addr"
        entry: dict[str, Any] = {"action": action, where: address, "size": size, "stream": 0}
        if self.version >= TIMES:
            entry["time_us"] = self.time
        if self.version >= USER_METADATA:
            entry |= {"compile_context": "N/A", "user_metadata": ""}
        if self.version >= POOLS:
            entry["pool_id"] = (0, 0)
        entry["frames"] = list(frames)
        self.trace.append(entry)

    def allocate(self, size: int, frames: list[dict[str, Any]]) -> int:
        rounded = -(-max(size, 1) // 512) * 512
        small = rounded <= MIB
        pool = self.free[small]
        at = next((i for i, (_, n) in enumerate(pool) if n >= rounded), -1)
        if at < 0:
            least = 20 * MIB if rounded < 10 * MIB else -(-rounded // (2 * MIB)) * 2 * MIB
            least = 2 * MIB if small else least
            address = self.top[small]
            self.top[small] += least + (0 if self.expandable else 4 * MIB)
            self.segments[address] = least
            self.say("segment_map" if self.expandable else "segment_alloc", address, least, frames)
            pool.append((address, least))
            at = len(pool) - 1
        address, room = pool.pop(at)
        if room - rounded >= (512 if small else MIB):
            bisect.insort(pool, (address + rounded, room - rounded))
            room = rounded
        self.live[address] = (room, size, list(frames))
        self.say("alloc", address, size, frames)
        return address

    def release(self, address: int, frames: list[dict[str, Any]]) -> None:
        room, size, _ = self.live.pop(address)
        self.say("free_requested", address, size, frames)
        self.say("free_completed", address, size, frames)
        small = room <= MIB
        pool = self.free[small]
        at = bisect.bisect(pool, (address, room))
        if at < len(pool) and pool[at][0] == address + room and pool[at][0] not in self.segments:
            room += pool.pop(at)[1]
        if at and sum(pool[at - 1]) == address and address not in self.segments:
            address, before = pool.pop(at - 1)
            room, at = room + before, at - 1
        pool.insert(at, (address, room))

    def empty_cache(self) -> None:
        for pool in self.free.values():
            for address, room in [p for p in pool if self.segments.get(p[0]) == p[1]]:
                pool.remove((address, room))
                del self.segments[address]
                self.say("segment_unmap" if self.expandable else "segment_free", address, room, [])

    def segment_list(self) -> list[dict[str, Any]]:
        result = []
        for address, total in sorted(self.segments.items()):
            blocks: list[dict[str, Any]] = []
            at = address
            inside = sorted((a, *b) for a, b in self.live.items() if address <= a < address + total)
            for start, room, size, frames in [*inside, (address + total, 0, 0, [])]:
                if start > at:
                    blocks.append(self._block(at, start - at, 0, "inactive", []))
                if room:
                    blocks.append(self._block(start, room, size, "active_allocated", frames))
                at = start + room
            used = sum(b["size"] for b in blocks if b["state"] != "inactive")
            segment = {
                "device": 0,
                "address": address,
                "total_size": total,
                "allocated_size": used,
                "active_size": used,
                "stream": 0,
                "segment_type": "small" if total == 2 * MIB else "large",
                "blocks": blocks,
            }
            if self.version >= (2, 1):
                segment |= {
                    "requested_size": used,
                    "segment_pool_id": (0, 0),
                    "is_expandable": self.expandable,
                    "frames": [],
                }
            result.append(segment)
        return result

    def _block(
        self, address: int, size: int, requested: int, state: str, frames: list[dict[str, Any]]
    ) -> dict[str, Any]:
        if self.version < (2, 1):
            history = [{"addr": address, "real_size": requested, "frames": frames}] if requested else []
            return {"size": size, "state": state, "history": history}
        return {
            "address": address,
            "size": size,
            "requested_size": requested,
            "state": state,
            "frames": frames,
        }


def snapshot(
    events: int = 2000,
    *,
    version: tuple[int, int] = (2, 13),
    seed: int = 0,
    before: int = 50,
    devices: int = 1,
    expandable: bool = False,
) -> dict[str, Any]:
    """About ``events`` events on device 0; ``before`` allocations are older than the trace.

    Tensors of steps: most live shortly, some until the step's end; sizes from 512 B to 64 MiB.
    """
    allocator = _Allocator(version, seed, expandable)
    rng, stacks = allocator.random, allocator.stacks
    for _ in range(before):
        allocator.allocate(rng.choice((4096, 300_000, 3 * MIB)), stacks[0])
    old = list(allocator.live)
    allocator.trace.clear()
    if old:
        allocator.release(old[len(old) // 2], stacks[1])
    kept: list[int] = []
    while len(allocator.trace) < events:
        frames = rng.choice(stacks)
        size = int(512 * 2 ** rng.triangular(0, 17, 5)) + rng.randrange(512)
        kept.append(allocator.allocate(size, frames))
        # As in a forward pass what is kept piles up, and as in a backward pass it goes again.
        rising = len(allocator.trace) // 4000 % 2 == 0
        while kept and (len(kept) > 600 or rng.random() < (0.45 if rising else 0.52)):
            at = len(kept) - 1 - min(int(rng.expovariate(0.2)), len(kept) - 1)
            allocator.release(kept.pop(at), rng.choice(stacks))
        if rng.random() < 10 / max(events, 1):
            allocator.empty_cache()
    result: dict[str, Any] = {
        "segments": allocator.segment_list(),
        "device_traces": [allocator.trace, *[[] for _ in range(devices - 1)]],
    }
    if version >= (2, 1):
        result["allocator_settings"] = {
            "PYTORCH_CUDA_ALLOC_CONF": "",
            "max_split_size": -1,
            "garbage_collection_threshold": 0.0,
            "expandable_segments": expandable,
            "roundup_power2_divisions": {"1": 0},
        }
    if version >= ANNOTATIONS:
        result["external_annotations"] = []
    return result


def write(path: Path, content: Any, protocol: int = 4) -> Path:
    """Pickle ``content`` into ``path``."""
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path
