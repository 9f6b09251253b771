"""Trips to the host: the bytes come back, all waits for what it must, and a missing wait shows."""

import itertools
import json
import random
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from runtime.export import export
from runtime.replay import offload, selftest
from runtime.replay.device import Cpu
from runtime.replay.engine import Engine
from runtime.replay.errors import ReplayError
from runtime.replay.offload import CpuCopies, CudaCopies, Transfers
from runtime.replay.plan_data import HostSlot, PlanData, Transfer
from runtime.replay.plan_reading import decode_plan, read_plan
from solver.assemble import assemble
from solver.plan import Certificate, Offload, Plan, Proof, Status
from solver.step import Step
from solver.timeline import instance_sizes, planned_storages
from tests.runtime.conftest import Exported
from tests.runtime.offloading import costliest, gaps, with_recompute, with_trips, without_wait

CPU = Cpu(torch.device("cpu"))


@pytest.fixture(scope="module")
def trips(mlp: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The MLP with three storages that go to the host and come back; used once on this machine."""
    plan = with_trips(mlp.step, mlp.plan, costliest(mlp.step, mlp.plan, 3))
    assert sum(isinstance(action, Offload) for action in plan.actions) == 3
    folder = tmp_path_factory.mktemp("trips") / "planned"
    export(mlp.step, plan, folder)
    assert compared(folder).equal
    return folder


def compared(folder: Path) -> selftest.SelfTest:
    return selftest.compare(Engine(folder, read_plan(folder), strict=True), 3)


# -- the step --------------------------------------------------------------------------------------


def test_a_step_with_trips_is_bitwise_the_traced_one_and_says_what_it_takes(trips: Path) -> None:
    engine = Engine(trips, read_plan(trips), strict=True)
    assert selftest.compare(engine, 3).equal
    report = engine.report
    assert report.planned and not report.unmatched
    assert (report.transfers, report.host_bytes) == (
        6,
        engine.plan.host_bytes,
    ) and report.host_bytes > 0
    back = [t.instance for t in engine.plan.transfers if not t.to_host]
    assert all(instance in engine._table.addresses() for instance in back)
    counters = engine.counters
    assert (counters.missed, counters.overlapped, counters.scratch_peak) == (0, 0, 0)
    # Nobody is held up once nobody looks.
    engine.run(selftest.random_residents(engine.plan, 0), selftest.scalars_of_step(engine.plan, 1))
    assert not engine._caller._transfers._copies.late


def test_every_missing_wait_that_a_step_needs_shows(mlp: Exported, tmp_path: Path) -> None:
    needed = 0
    for instance, gap in costliest(mlp.step, mlp.plan, 3).items():
        plan = with_trips(mlp.step, mlp.plan, {instance: gap})
        right = tmp_path / f"trip{instance}"
        export(mlp.step, plan, right)
        assert compared(right).equal
        for wait, must_show in (("0", has_new_owner(mlp.step, plan, instance)), ("1", True)):
            wrong = without_wait(right, tmp_path / f"trip{instance}_{wait}", wait)
            assert compared(wrong).equal != must_show, (instance, wait)
            needed += must_show
    assert needed > 3


def has_new_owner(step: Step, plan: Plan, instance: int) -> bool:
    """Whether anything else gets bytes of ``instance`` between its trip there and back."""
    sizes, lifetimes = instance_sizes(step, plan), plan.lifetimes
    low = plan.instances[instance].address
    away = (lifetimes[instance, 1], lifetimes[-1, 0])
    return any(
        away[0] <= lifetimes[other, 0] < away[1]
        and made.address < low + sizes[instance]
        and low < made.address + sizes[other]
        for other, made in enumerate(plan.instances)
    )


def test_a_missing_wait_keeps_a_step_from_being_used_on_a_machine(trips: Path, tmp_path: Path) -> None:
    folder = without_wait(trips, tmp_path / "planned", "5")
    for recording in (folder / "recordings").iterdir():
        recording.unlink()
    with pytest.raises(ReplayError, match="differs from the unplanned one"):
        compared(folder)


def test_the_selftest_tells_of_host_memory(trips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main(trips, []) == 0
    assert "6 copies to and from" in capsys.readouterr().out


def test_a_step_that_makes_storages_again_is_bitwise_the_traced_one(
    mlp: Exported, tmp_path: Path
) -> None:
    step = mlp.step
    in_program_order = assemble(
        step,
        range(len(step.ops)),
        dict.fromkeys(planned_storages(step).tolist(), 0),
        name="Program order",
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 0),
    )
    found = gaps(in_program_order)
    # What the forward pass makes and the backward pass reads.
    kept = [i for i in found if in_program_order.instances[i].storage in activations(step)]
    plan = with_recompute(step, in_program_order, kept[1], found[kept[1]])
    assert len(plan.order) > len(step.ops)
    export(mlp.step, plan, tmp_path / "again")
    assert compared(tmp_path / "again").equal


def activations(step: Step) -> set[int]:
    """The planned storages of the forward pass."""
    return {
        storage
        for op in step.ops
        if op.phase == "forward"
        for storage in op.creates
        if step.storages[storage].planned
    }


def test_what_a_guard_makes_goes_and_comes_back_under_it(
    exported: Callable[[str, str], Exported], tmp_path: Path
) -> None:
    made = exported("extras", "everything")
    plan = with_trips(made.step, made.plan, costliest(made.step, made.plan, 100))
    export(made.step, plan, tmp_path / "planned")
    data = read_plan(tmp_path / "planned")
    assert any(data.ops[slot].startswith("prefetch of") for slot in data.guarded)
    assert selftest.compare(Engine(tmp_path / "planned", data), 4).equal


def test_a_plan_file_with_wrong_transfers_is_refused(trips: Path) -> None:
    content = json.loads((trips / "plan.json").read_text())["plan"]
    out = next(at for at, t in enumerate(content["transfers"]) if t[0])
    back = next(instance for to_host, _, instance in content["transfers"] if not to_host)
    slot = content["instances"][back][2]
    for words, change in {
        "cannot be": lambda c: c["transfers"][out].__setitem__(1, 99),
        "different sizes": lambda c: c["host_slots"][content["transfers"][out][1]].__setitem__(0, 1),
        "wrongly": lambda c: c["transfers"].pop(out),
        "creates instance|makes another": lambda c: c["created"].__setitem__(slot, [-1]),
        "share bytes": lambda c: (
            c["transfers"].sort(key=lambda t: not t[0]),
            [slot.__setitem__(1, 0) for slot in c["host_slots"]],
        ),
        "no bytes": lambda c: c["host_slots"].append([0, 0]),
    }.items():
        wrong = json.loads(json.dumps(content))
        change(wrong)
        with pytest.raises(ReplayError, match=words):
            decode_plan(wrong, "plan.json")


# -- tensors ---------------------------------------------------------------------------------------


def two_way(sizes: tuple[int, ...] = (64,)) -> PlanData:
    """A plan of which only the transfers count: each host slot is filled, then all come back."""
    transfers = [Transfer(True, host, host) for host in range(len(sizes))]
    transfers += [Transfer(False, host, len(sizes) + host) for host in range(len(sizes))]
    starts = [0, *itertools.accumulate(sizes)]
    plan: Any = object.__new__(PlanData)
    plan.__dict__.update(
        transfers=tuple(transfers),
        host_slots=tuple(HostSlot(size, at) for size, at in zip(sizes, starts, strict=False)),
    )
    return plan  # type: ignore[no-any-return]


@pytest.mark.parametrize(("late", "at_once"), [(False, False), (True, False), (False, True)])
def test_tensors_come_back_as_they_were_with_all_that_shares_their_storage(
    late: bool, at_once: bool
) -> None:
    transfers = Transfers(two_way((96, 8)), CPU)
    base = torch.arange(24, dtype=torch.float32)
    shifted = base.as_strided((3, 4), (1, 4), 2)
    other = torch.tensor([1 + 2j], dtype=torch.complex64)
    expected = base.clone(), shifted.clone(), other.clone()
    with transfers.running(late=late, at_once=at_once):
        transfers.offload(0, base, shifted)
        transfers.offload(1, other)
        transfers.wait(0)
        base.fill_(-1)
        found = transfers.prefetch(2)
        back = transfers.prefetch(3)
        transfers.wait(2)
        assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
        assert found[1].stride() == (1, 4) and found[1].storage_offset() == 2
        assert found[0].untyped_storage().data_ptr() == found[1].untyped_storage().data_ptr()
    # A step ends when its copies have, waited for or not.
    assert torch.equal(back[0], expected[2])


def test_a_late_copy_comes_when_it_is_waited_for_and_not_before() -> None:
    copies = CpuCopies()
    copies.late = True
    source, first, second = torch.ones(8, dtype=torch.uint8), *torch.zeros(2, 8, dtype=torch.uint8)
    copies.start(0, first, source)
    copies.start(1, second, source)
    assert not first.any() and not second.any()
    copies.wait(0)
    assert first.all() and not second.any()
    copies.join()
    assert second.all()


def test_a_copy_at_once_is_made_when_it_is_issued_and_keeps_nothing() -> None:
    copies = CpuCopies()
    copies.at_once = True
    source, target = torch.ones(8, dtype=torch.uint8), torch.zeros(8, dtype=torch.uint8)
    there = weakref.ref(source)
    copies.start(0, target, source)
    assert target.all()
    del source
    assert there() is None
    copies.wait(0)
    copies.join()


def test_what_is_larger_here_than_planned_has_host_memory_of_its_own() -> None:
    transfers = Transfers(two_way((32, 32)), CPU)
    large, small = torch.arange(16.0), torch.arange(8.0)
    for _ in range(2):
        with transfers.running(late=False, at_once=False):
            transfers.offload(0, large)
            transfers.offload(1, small)
            back, other = *transfers.prefetch(2), *transfers.prefetch(3)
        assert torch.equal(back, large) and torch.equal(other, small)
        assert transfers.host_bytes == 64 + 64


def test_host_memory_for_a_gpu_is_pinned_as_long_as_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[Any, ...]] = []

    class Cudart:
        def cudaHostRegister(self, *arguments: int) -> int:
            calls.append(arguments)
            return 0

        def cudaHostUnregister(self, *arguments: int) -> int:
            calls.append(arguments)
            return 0

    monkeypatch.setattr(torch.cuda, "cudart", Cudart)
    monkeypatch.setattr(torch.cuda, "check_error", lambda found: calls.append((found,)))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: calls.append(("all",)))
    gpu: Any = SimpleNamespace(at=torch.device("cuda:0"))
    block = offload.host_block(gpu, 5000)
    address = block.data_ptr()
    block.fill_(7)
    assert calls == [(address, 5000, 0), (0,)] and address % 4096 == 0
    del block
    assert calls[2:] == [("all",), (address,)]


def test_no_host_memory_is_a_clear_error() -> None:
    with pytest.raises(ReplayError, match=r"host block of .* cannot be made"):
        offload.host_block(CPU, 1 << 62)


# -- streams ---------------------------------------------------------------------------------------


@dataclass(eq=False)
class FakeEvent:
    """As torch.cuda.Event; ``stands`` counts how much of its stream comes before it."""

    at: "FakeStream | None" = None
    stands: int = 0

    def record(self, stream: "FakeStream") -> None:
        self.at, self.stands = stream, len(stream.work)


@dataclass(eq=False)
class FakeStream:
    """As torch.cuda.Stream: work is done in order, when the test says so."""

    work: list[Any] = field(default_factory=list)
    done: int = 0

    def wait_event(self, event: FakeEvent) -> None:
        assert event.at is not None, "waits for an event that nobody recorded"
        at, stands = event.at, event.stands
        self.work.append(lambda: at.done >= stands)

    def wait_stream(self, other: "FakeStream") -> None:
        event = FakeEvent()
        event.record(other)
        self.wait_event(event)

    def issue(self, do: Callable[[], object]) -> None:
        self.work.append(lambda: (do(), True)[1])

    def advance(self) -> bool:
        """One piece of work more, unless there is none or it has to wait."""
        if self.done < len(self.work) and self.work[self.done]():
            self.done += 1
            return True
        return False


class FakeCuda:
    """What CudaCopies uses of torch.cuda, with a stream of ops that are only issued."""

    def __init__(self) -> None:
        self.ops = FakeStream()
        self.copies: FakeStream | None = None
        self.current = self.ops
        self.Event = FakeEvent

    def Stream(self, at: Any) -> FakeStream:
        self.copies = FakeStream()
        return self.copies

    def current_stream(self, at: Any) -> FakeStream:
        return self.current

    @contextmanager
    def stream(self, stream: FakeStream) -> Iterator[None]:
        before, self.current = self.current, stream
        yield
        self.current = before

    def _sleep(self, cycles: int) -> None:
        self.current.issue(lambda: None)

    def run(self, order: random.Random) -> None:
        """All that was issued, in one of the orders that the waits leave."""
        while self.ops.done < len(self.ops.work) or self.copies.done < len(self.copies.work):
            pair = [self.ops, self.copies]
            order.shuffle(pair)
            assert pair[0].advance() or pair[1].advance(), "everything waits for everything"


@dataclass
class FakeBytes:
    """Four bytes of memory; as a tensor, they are copied on the current stream."""

    cuda: FakeCuda
    content: list[str]

    def copy_(self, source: "FakeBytes", *, non_blocking: bool) -> None:
        assert non_blocking
        self.cuda.current.issue(lambda: self.content.__setitem__(0, source.content[0]))


def trip_of_streams(
    monkeypatch: pytest.MonkeyPatch, order: random.Random, left_out: str, *, at_once: bool = False
) -> str:
    """x is made, goes to the host while y has its bytes, and is read when it is back. What was read.

    ``left_out``: a wait that does not take place.
    """
    cuda = FakeCuda()
    for name in ("Event", "Stream", "current_stream", "stream", "_sleep"):
        monkeypatch.setattr(torch.cuda, name, getattr(cuda, name))
    copies = CudaCopies(torch.device("cuda:0"), 2)
    copies.late, copies.at_once = not at_once and order.random() < 0.5, at_once
    if left_out == "copies wait for ops":
        monkeypatch.setattr(cuda.copies, "wait_event", lambda event: None)
    arena, host, read = FakeBytes(cuda, ["?"]), FakeBytes(cuda, ["?"]), [""]
    cuda.ops.issue(lambda: arena.content.__setitem__(0, "x"))
    copies.start(0, host, arena)
    if left_out != "its bytes are used again":
        copies.wait(0)
    cuda.ops.issue(lambda: arena.content.__setitem__(0, "y"))
    cuda.ops.issue(lambda: read.append(arena.content[0]))
    copies.start(1, arena, host)
    if left_out != "its first use":
        copies.wait(1)
    cuda.ops.issue(lambda: read.append(arena.content[0]))
    copies.join()
    cuda.run(order)
    return "".join(read)


def test_streams_in_any_order_that_the_events_leave_give_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(200):
        assert trip_of_streams(monkeypatch, random.Random(seed), "") == "yx"


@pytest.mark.parametrize(
    "left_out", ["copies wait for ops", "its bytes are used again", "its first use"]
)
def test_no_event_can_be_left_out(monkeypatch: pytest.MonkeyPatch, left_out: str) -> None:
    found = {trip_of_streams(monkeypatch, random.Random(seed), left_out) for seed in range(200)}
    assert found - {"yx"}, "nobody would have noticed"


@pytest.mark.parametrize("left_out", ["its bytes are used again", "its first use"])
def test_copies_at_once_need_no_wait_of_the_step(
    monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    for seed in range(200):
        assert trip_of_streams(monkeypatch, random.Random(seed), left_out, at_once=True) == "yx"
