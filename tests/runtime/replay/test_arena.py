"""The allocator: requests go where the table says, and never onto memory that is in use."""

import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.replay.errors import ReplayError
from runtime.replay.native import PASS, Arena

KIB = 256
"""Elements of float32 in a KiB."""


def make(elements: int, value: float = 0.0) -> torch.Tensor:
    return torch.full((elements,), value)


def place(arena: Arena, tensor: torch.Tensor) -> int:
    return tensor.data_ptr() - arena.base


def test_each_request_of_an_op_gets_the_next_planned_address_of_its_size() -> None:
    arena = Arena(8192, [[(1024, 4096), (2048, 0), (1024, 5120)], [(1024, 2048)]])
    with arena.running():
        arena.arm(0)
        tensors = [make(KIB), make(2 * KIB), make(KIB)]
        arena.arm(1)
        tensors.append(make(KIB))
        assert [place(arena, t) for t in tensors] == [4096, 0, 5120, 2048]
    counters = arena.counters()
    assert (counters.planned, counters.missed, counters.overlapped) == (4, 0, 0)
    assert counters.arena_top == 6144


def test_an_unplanned_request_is_skipped_over_and_does_not_disturb_the_others() -> None:
    arena = Arena(8192, [[(1024, 0), (2048, 1024)]])
    with arena.running():
        arena.arm(0)
        surprise, planned = make(7), make(2 * KIB)
        assert not 0 <= place(arena, surprise) < 8192
        assert place(arena, planned) == 1024
    assert arena.counters().missed == 1
    assert arena.misses() == [(0, 28)]


def test_a_flat_step_is_served_in_the_tables_order_without_arming() -> None:
    arena = Arena(8192, [[(1024, 4096), (2048, 0)], [], [(1024, PASS)], [(1024, 2048)]])
    with arena.running(flat=True):
        tensors = [make(KIB), make(2 * KIB), make(KIB), make(KIB)]
        arena.arm(0)  # means nothing here
        places = [place(arena, t) for t in tensors]
    assert (places[0], places[1], places[3]) == (4096, 0, 2048)
    assert not 0 <= places[2] < 8192
    counters = arena.counters()
    assert (counters.planned, counters.passed, counters.missed) == (3, 1, 0)
    assert arena.repeated


def test_what_differs_in_a_flat_step_is_missed_and_never_wrong() -> None:
    arena = Arena(8192, [[(1024, 0)], [(2048, 1024), (512, 4096)]])
    with arena.running(flat=True):
        first = make(KIB, 1.0)
        surprise = make(KIB // 2, 2.0)  # its size is due later, and not for it
        second = make(2 * KIB, 3.0)
        too_many = make(KIB, 4.0)
        third = make(KIB // 2, 5.0)
        assert [place(arena, t) for t in (first, second, third)] == [0, 1024, 4096]
        assert not any(0 <= place(arena, t) < 8192 for t in (surprise, too_many))
        values = [t[-1].item() for t in (first, surprise, second, too_many, third)]
        assert values == [1.0, 2.0, 3.0, 4.0, 5.0]
    # Both came when the second op's requests were due.
    assert arena.misses() == [(1, 512), (1, 1024)]
    assert not arena.repeated


def test_a_flat_step_leaves_memory_in_use_alone() -> None:
    arena = Arena(4096, [[(1024, 0)], [(1024, 0)]])
    with arena.running(flat=True):
        first, second = make(KIB, 1.0), make(KIB, 2.0)
        assert place(arena, first) == 0
        assert not 0 <= place(arena, second) < 4096
        assert first.eq(1.0).all()
    assert arena.counters().overlapped == 1


def test_more_requests_than_a_flat_step_has_are_missed() -> None:
    arena = Arena(1024, [[(1024, 0)], []])
    with arena.running(flat=True):
        kept = [make(KIB) for _ in range(3)]
    assert arena.misses() == [(1, 1024), (1, 1024)]
    assert len(kept) == 3


def test_a_step_that_asks_for_less_than_its_table_did_not_repeat() -> None:
    arena = Arena(8192, [[(1024, 0), (512, 1024)], [(2048, 4096)]])
    with arena.running():
        arena.arm(0)
        kept = [make(KIB)]
        arena.arm(1)
        kept.append(make(2 * KIB))
    assert arena.counters().missed == 0
    assert not arena.repeated


def test_memory_in_use_is_never_handed_out_again() -> None:
    arena = Arena(4096, [[(1024, 0)], [(2048, 512)], [(1024, 0)]])
    with arena.running():
        arena.arm(0)
        first = make(KIB, 1.0)
        arena.arm(1)
        second = make(2 * KIB, 2.0)  # its planned bytes [512, 2560) are first's in part
        assert not 0 <= place(arena, second) < 4096
        assert (first[-1].item(), second[0].item()) == (1.0, 2.0)
        del first
        arena.arm(2)
        assert place(arena, make(KIB)) == 0
    counters = arena.counters()
    assert counters.overlapped == 1
    assert counters.scratch_peak == 2048


@pytest.mark.parametrize("old_first", [True, False])
def test_bytes_that_are_taken_over_are_free_when_both_tensors_are_gone(old_first: bool) -> None:
    arena = Arena(4096, [[(1024, 0)], [(1024, 0)], [(1024, 0)]], takes={(1, 0)})
    with arena.running():
        arena.arm(0)
        old = make(KIB, 1.0)
        arena.arm(1)
        new = torch.neg(old)
        assert place(arena, new) == place(arena, old) == 0
        assert new.eq(-1).all() and old.eq(-1).all()
        if old_first:
            del old
        else:
            del new
        assert arena.live_blocks == 1
        arena.arm(2)
        third = make(KIB)
        assert not 0 <= place(arena, third) < 4096  # the other one still lives there
        del third
        (old, new) = (None, None)
        assert arena.live_blocks == 0
        arena.arm(2)
        assert place(arena, make(KIB)) == 0
    counters = arena.counters()
    assert (counters.planned, counters.taken, counters.overlapped) == (3, 1, 1)


def test_only_a_block_of_its_size_at_its_address_is_taken_over_and_only_once() -> None:
    table = [[(1024, 512)], [(2048, 512)], [(1024, 0)], [(1024, 512)], [(1024, 512)], [(1024, 2048)]]
    takes = {(slot, 0) for slot in range(1, 6)}
    arena = Arena(4096, table, takes=takes)
    with arena.running():
        arena.arm(0)
        kept = [make(KIB)]
        for slot, elements in enumerate((2 * KIB, KIB, KIB, KIB, KIB), 1):
            arena.arm(slot)
            kept.append(make(elements))
        inside = [0 <= place(arena, tensor) < 4096 for tensor in kept]
    # Another size, other bytes, taken over, taken over already, nothing there.
    assert inside == [True, False, False, True, False, True]
    counters = arena.counters()
    assert (counters.planned, counters.taken, counters.overlapped) == (3, 1, 3)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_two_living_tensors_share_a_byte_whatever_the_table_says(data: st.DataObject) -> None:
    """Tables at random, most of them wrong; what is taken over is shared by two, as it should be."""
    sizes = st.sampled_from([64, 128, 192])
    entry = st.tuples(sizes, st.integers(0, 5).map(lambda unit: 64 * unit))
    table = data.draw(st.lists(st.lists(entry, max_size=3), min_size=1, max_size=4))
    takes = {
        (s, i) for s, slot in enumerate(table) for i in range(len(slot)) if data.draw(st.booleans())
    }
    arena = Arena(512, table, takes=takes, scratch=512)
    living: dict[int, torch.Tensor] = {}
    steps = data.draw(st.lists(st.tuples(st.integers(0, 5), sizes), max_size=25))
    with arena.running(flat=data.draw(st.booleans())):
        for number, (action, size) in enumerate(steps):
            if action < len(table):
                arena.arm(action)
            elif action == 5 and living:
                del living[data.draw(st.sampled_from(sorted(living)))]
                continue
            taken = arena.counters().taken
            tensor = torch.empty(size // 4, dtype=torch.int32)
            first, end = tensor.data_ptr(), tensor.data_ptr() + size
            there = [
                other
                for other in living.values()
                if other.data_ptr() < end and first < other.data_ptr() + other.nbytes
            ]
            if arena.counters().taken > taken:
                assert [(o.data_ptr(), o.nbytes) for o in there] == [(first, size)]
            else:
                assert not there
            living[number] = tensor
            del tensor, there  # only ``living`` keeps them alive
    living.clear()
    assert arena.live_blocks == 0


def test_a_full_scratch_pool_falls_back_to_torch() -> None:
    arena = Arena(0, [[]], scratch=4096)
    with arena.running():
        arena.arm(0)
        tensors = [make(KIB, float(i)) for i in range(6)]
    assert all(t.eq(i).all() for i, t in enumerate(tensors))
    counters = arena.counters()
    assert (counters.missed, counters.overflowed, counters.scratch_peak) == (6, 2, 4096)


def test_scratch_memory_is_joined_again_when_it_is_free() -> None:
    arena = Arena(0, [[]], scratch=4096)
    with arena.running():
        arena.arm(0)
        pieces = [make(KIB) for _ in range(4)]
        del pieces[1], pieces[0], pieces[1], pieces[0]
        whole = make(4 * KIB)
        del whole
    assert arena.counters().overflowed == 0


def test_what_leaves_the_step_is_torchs_own_memory() -> None:
    arena = Arena(1024, [[(1024, PASS)]])
    with arena.running():
        arena.arm(0)
        kept = make(KIB, 3.0)
    assert not 0 <= place(arena, kept) < 1024
    assert arena.counters().passed == 1
    assert arena.fill(0xFF)
    assert kept.eq(3.0).all()


def test_memory_may_be_freed_by_another_thread() -> None:
    arena = Arena(1024, [[(1024, 0)], [(1024, 0)]])
    with arena.running():
        arena.arm(0)
        box = [make(KIB)]
        thread = threading.Thread(target=box.clear)
        thread.start()
        thread.join()
        arena.arm(1)
        assert place(arena, make(KIB)) == 0
    assert arena.counters().overlapped == 0


def test_many_threads_free_while_the_step_runs() -> None:
    slots = 400
    arena = Arena(64 * slots, [[(64, 64 * i)] for i in range(slots)])
    made: list[torch.Tensor] = []
    done = threading.Event()

    def free() -> None:
        while made or not done.is_set():
            if made:
                try:
                    made.pop()
                except IndexError:  # the other thread was faster
                    continue

    threads = [threading.Thread(target=free) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        while made:
            time.sleep(0)
        with arena.running():
            for slot in range(slots):
                arena.arm(slot)
                made.append(torch.empty(16))
    done.set()
    for thread in threads:
        thread.join()
    made.clear()
    assert arena.live_blocks == 0
    assert arena.fill(0)


def test_requests_of_other_threads_are_left_alone() -> None:
    arena = Arena(1024, [[(1024, 0)]])
    found: list[int] = []
    with arena.running():
        arena.arm(0)
        thread = threading.Thread(target=lambda: found.append(place(arena, make(KIB))))
        thread.start()
        thread.join()
        assert place(arena, make(KIB)) == 0
    assert not 0 <= found[0] < 1024
    assert arena.counters().foreign == 1


def test_the_arena_cannot_be_filled_while_something_lives_in_it() -> None:
    arena = Arena(1024, [[(1024, 0)]])
    with arena.running():
        arena.arm(0)
        tensor = make(KIB, 5.0)
    assert not arena.fill(0xFF)
    assert tensor.eq(5.0).all()
    del tensor
    assert arena.fill(0xFF)


def test_memory_outlives_its_arena_while_a_tensor_lives_in_it() -> None:
    arena = Arena(1 << 20, [[(1 << 20, 0)]])
    with arena.running():
        arena.arm(0)
        tensor = make(1 << 18, 7.0)
    del arena
    others = [make(1 << 18, 1.0) for _ in range(4)]
    assert tensor.eq(7.0).all()
    del others, tensor


def test_outside_a_step_torch_allocates_as_ever() -> None:
    arena = Arena(1024, [[(1024, 0)]])
    with arena.running():
        pass
    arena.arm(0)
    assert not 0 <= place(arena, make(KIB)) < 1024


@pytest.mark.parametrize("entry", [(1024, 1), (2048, 0), (0, 0), (64, -2)])
def test_a_table_that_reaches_outside_the_arena_is_refused(entry: tuple[int, int]) -> None:
    with pytest.raises(ReplayError, match="outside it"):
        Arena(1024, [[entry]])


def test_an_arena_that_no_machine_has_memory_for_is_an_error() -> None:
    with pytest.raises(ReplayError, match="no memory"):
        Arena(1 << 60, [[]])


def test_steps_do_not_run_inside_one_another() -> None:
    outer, inner = Arena(0, [[]]), Arena(0, [[]])
    with outer.running(), pytest.raises(ReplayError, match="still running"), inner.running():
        pass


def test_one_arena_runs_in_one_thread_at_a_time() -> None:
    arena = Arena(0, [[]])
    errors: list[str] = []

    def intrude() -> None:
        try:
            with arena.running():
                pass
        except ReplayError as error:
            errors.append(str(error))

    with arena.running():
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
    assert len(errors) == 1 and "another thread" in errors[0]


def test_two_arenas_run_in_two_threads_at_once() -> None:
    arenas = [Arena(1024, [[(1024, 0)]]) for _ in range(2)]
    barrier = threading.Barrier(2)
    places: list[int] = []

    def run(arena: Arena) -> None:
        with arena.running():
            barrier.wait()
            arena.arm(0)
            places.append(place(arena, make(KIB)))
            barrier.wait()

    threads = [threading.Thread(target=run, args=(arena,)) for arena in arenas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert places == [0, 0]


def test_a_recording_lists_requests_with_their_lifetimes() -> None:
    arena = Arena(0, [[], []])
    with arena.running(record=True):
        arena.arm(0)
        kept = make(KIB)
        arena.arm(1)
        temporary = make(2 * KIB)
        del temporary
        escaped = make(3 * KIB)
        del kept
    found = [(r.slot, r.size, r.allocated, r.freed) for r in arena.requests()]
    assert found == [(0, 1024, 0, 4), (1, 2048, 1, 2), (1, 3072, 3, -1)]
    assert arena.requests()[2].pointer == escaped.data_ptr()


def test_a_step_that_fails_leaves_the_allocator_as_it_was() -> None:
    arena = Arena(1024, [[(1024, 0)]])
    with pytest.raises(ZeroDivisionError), arena.running():
        arena.arm(0)
        raise ZeroDivisionError
    assert not 0 <= place(arena, make(KIB)) < 1024
    with arena.running():
        arena.arm(0)
        assert place(arena, make(KIB)) == 0


def test_arming_an_op_takes_about_a_microsecond_at_most() -> None:
    arena = Arena(0, [[]])
    arm, count = arena.arm, 20_000
    with arena.running():
        best = min(_seconds(arm, count) for _ in range(5))
    assert best / count < 2e-6  # a tenth of that on an idle machine


def _seconds(arm: object, count: int) -> float:
    begin = time.process_time()
    for _ in range(count):
        arm(0)
    return time.process_time() - begin
