"""The table of requests: what every op asks of the allocator on this machine, and what it gets.

A table is recorded once per machine and kept beside the export, under the machine's key. Like the
plan it is not trusted when it is read: what is alive at the same time must not share a byte.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from .errors import ReplayError
from .native import ADAPTERS, PASS, Request
from .placing import height, live_peak, place_anew, place_around
from .plan_check import overlap
from .plan_data import PlanData, content_digest

FOLDER = "recordings"
GRANULE = 512
"""Bytes that sizes are rounded up to in a plan."""


@dataclass(frozen=True)
class Entry:
    """One request: ``address`` in the arena or PASS; alive in events ``[start, end)``."""

    size: int
    address: int
    start: int
    end: int
    instance: int
    """The plan's instance that it is, or -1: a temporary, or what outlives the step."""
    taken: int
    """The plan's instance whose bytes it takes over at ``start``, or -1."""


@dataclass(frozen=True)
class Table:
    """All requests of one step, by slot."""

    slots: tuple[tuple[Entry, ...], ...]
    arena_bytes: int
    """What the arena needs to hold outputs and temporaries."""
    kept: bool
    """Whether all instances lie where the plan has them; else everything was placed anew."""

    @property
    def temporary_bytes(self) -> int:
        """Bytes of all temporaries together, whenever they live."""
        return sum(e.size for slot in self.slots for e in slot if e.instance < 0 and e.address != PASS)

    @property
    def temporaries(self) -> int:
        """How many requests are temporaries."""
        return sum(e.instance < 0 and e.address != PASS for slot in self.slots for e in slot)

    @property
    def takes(self) -> frozenset[tuple[int, int]]:
        """(slot, position) of the requests that take over bytes."""
        return frozenset(
            (slot, position)
            for slot, entries in enumerate(self.slots)
            for position, entry in enumerate(entries)
            if entry.taken >= 0
        )

    def addresses(self) -> dict[int, int]:
        """Address of every instance that is requested."""
        return {e.instance: e.address for slot in self.slots for e in slot if e.instance >= 0}


def make_table(
    plan: PlanData, requests: Sequence[Request], instances: Sequence[int], *, adapter: str = "cpu"
) -> Table:
    """Place the recorded ``requests``; ``instances[i]`` is the instance that i is, or -1.

    ``adapter``: who serves them, which decides how they are aligned and whether bytes change hands.
    Outputs stay at the plan's addresses and temporaries go into the holes or above, where no more is
    needed than is alive at once, outputs rounded up as in the plan. Otherwise no other places for the
    temporaries need help, and everything is placed anew.
    """
    inside = [i for i, r in enumerate(requests) if r.slot >= 0 and (instances[i] >= 0 or r.freed >= 0)]
    starts = [requests[i].allocated for i in inside]
    # An output that the step never frees lives to its end.
    events = 1 + max((max(r.allocated, r.freed) for r in requests), default=0)
    ends = [requests[i].freed if requests[i].freed >= 0 else events for i in inside]
    kind = ADAPTERS[adapter]
    asked = [requests[i].size for i in inside]
    # Of whole alignments all of them lie at whole alignments, as the plan's do.
    sizes = [-(-size // kind.alignment) * kind.alignment for size in asked]
    fixed = [_planned_address(plan, instances[i], requests[i].size) for i in inside]
    position = {instances[i]: at for at, i in enumerate(inside) if instances[i] >= 0}
    old_of: dict[int, int] = {}
    takes = [(position[new], position[old]) for new, old in plan.takes if {new, old} <= position.keys()]
    for new, old in sorted(takes, key=lambda pair: starts[pair[0]]):
        if ends[old] <= starts[new]:
            continue
        if asked[new] != asked[old] or fixed[old] is None or not kind.takes_over:
            fixed[new] = None
            continue
        # The bytes change hands when they are asked for.
        old_of[new], ends[old] = old, starts[new]
    addresses = place_around(starts, ends, sizes, fixed)
    needed = max(height(sizes, addresses), plan.height_bytes)
    kept = all(a is not None for a, i in zip(fixed, inside, strict=True) if instances[i] >= 0)
    peak = live_peak(
        starts,
        ends,
        [
            size if address is None else _whole_granules(plan.instances[instances[i]].size)
            for i, size, address in zip(inside, sizes, fixed, strict=True)
        ],
    )
    if needed > peak:
        anew = _place_anew(starts, ends, sizes, old_of, addresses)
        if height(sizes, anew) < needed:
            addresses, needed, kept = anew, height(sizes, anew), False
    of_request = {
        i: (addresses[at], ends[at], instances[inside[old_of[at]]] if at in old_of else -1)
        for at, i in enumerate(inside)
    }
    slots: list[list[Entry]] = [[] for _ in plan.ops]
    for i, request in enumerate(requests):
        if request.slot >= 0:
            address, end, taken = of_request.get(i, (PASS, request.allocated + 1, -1))
            slots[request.slot].append(
                Entry(request.size, address, request.allocated, end, instances[i], taken)
            )
    return Table(tuple(tuple(slot) for slot in slots), needed, kept)


def _place_anew(
    starts: Sequence[int],
    ends: Sequence[int],
    sizes: Sequence[int],
    old_of: Mapping[int, int],
    known: Sequence[int],
) -> list[int]:
    """Addresses without regard to the plan's; who takes bytes over lies where the old one does.

    ``known``: addresses that are right.
    """
    owner = list(range(len(sizes)))
    last = list(ends)
    for at in sorted(old_of, key=starts.__getitem__):
        owner[at] = owner[old_of[at]]
        last[owner[at]] = max(last[owner[at]], ends[at])
    first = sorted(set(owner))
    found = place_anew(
        [starts[at] for at in first],
        [last[at] for at in first],
        [sizes[at] for at in first],
        [known[at] for at in first],
    )
    address = dict(zip(first, found, strict=True))
    return [address[at] for at in owner]


def _whole_granules(size: int) -> int:
    return -(-size // GRANULE) * GRANULE


def _planned_address(plan: PlanData, instance: int, size: int) -> int | None:
    if instance < 0 or size > plan.instances[instance].size:
        return None
    return plan.instances[instance].address


def check_table(plan: PlanData, table: Table) -> None:
    """Raise ReplayError where the table cannot be right for ``plan``."""
    if len(table.slots) != len(plan.ops):
        raise ReplayError("The recorded requests belong to another plan.")
    entries = [e for slot in table.slots for e in slot if e.address != PASS]
    for entry in entries:
        inside = 0 <= entry.address <= table.arena_bytes - entry.size
        if entry.size <= 0 or not inside or entry.start >= entry.end:
            raise ReplayError(f"A recorded request cannot be: {entry}.")
        if table.kept and entry.instance >= 0:
            planned = plan.instances[entry.instance]
            if (entry.address, entry.size <= planned.size) != (planned.address, True):
                raise ReplayError(f"A recorded request is not where the plan has it: {entry}.")
    of_instance = {e.instance: e for e in entries if e.instance >= 0}
    for entry in entries:
        if entry.taken < 0:
            continue
        old = of_instance.get(entry.taken)
        if old is None or (old.size, old.address, old.end) != (entry.size, entry.address, entry.start):
            raise ReplayError(f"A recorded request takes over bytes that are not there: {entry}.")
        if (entry.instance, entry.taken) not in plan.takes:
            raise ReplayError(f"A recorded request takes over bytes against the plan: {entry}.")
    clash = overlap((e.start, e.end, e.address, e.address + e.size) for e in entries)
    if clash is not None:
        one, other = (entries[i] for i in clash)
        raise ReplayError(f"Two recorded requests share bytes while both are alive: {one}, {other}.")


def recording_path(folder: Path, key: str) -> Path:
    """Where the table of the machine with this key is kept."""
    return folder / FOLDER / f"{key}.json"


def save_table(folder: Path, key: str, plan: PlanData, table: Table) -> bool:
    """Keep the table for this machine; False where the folder cannot be written."""
    content = {
        "plan": plan.digest,
        "machine": key,
        "arena_bytes": table.arena_bytes,
        "kept": table.kept,
        "slots": [[list(astuple(entry)) for entry in slot] for slot in table.slots],
    }
    path = recording_path(folder, key)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    text = json.dumps({"digest": content_digest(content), "table": content}, separators=(",", ":"))
    try:
        path.parent.mkdir(exist_ok=True)
        with temporary.open("x") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        return False
    return True


def load_table(folder: Path, key: str, plan: PlanData) -> Table | None:
    """The table kept for this machine, or None. Raises ReplayError where it is damaged."""
    path = recording_path(folder, key)
    if not path.is_file():
        return None
    try:
        file = json.loads(path.read_bytes())
        content = file["table"]
        table = _decode(content)
        right = file["digest"] == content_digest(content)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReplayError(f"{path} is damaged: {error}. Delete it; it is recorded anew.") from None
    if not right or content["plan"] != plan.digest or content["machine"] != key:
        raise ReplayError(f"{path} was changed or belongs to another plan. Delete it.")
    try:
        check_table(plan, table)
    except (ReplayError, IndexError) as error:
        raise ReplayError(f"{path} is not right: {error} Delete it; it is recorded anew.") from None
    return table


def _decode(content: dict[str, Any]) -> Table:
    slots = tuple(tuple(Entry(*entry) for entry in slot) for slot in content["slots"])
    numbers = [content["arena_bytes"], *(n for slot in slots for e in slot for n in astuple(e))]
    if any(type(number) is not int for number in numbers):
        raise TypeError("a number is not a whole one")
    return Table(slots, content["arena_bytes"], content["kept"] is True)
