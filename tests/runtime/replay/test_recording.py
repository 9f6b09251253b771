"""Which recorded request is which result."""

from dataclasses import replace

import pytest
import torch

from runtime.replay.errors import ReplayError
from runtime.replay.native import ADAPTERS, PASS, Request
from runtime.replay.plan_data import Instance, PlanData
from runtime.replay.recording import Recorder, match_instances
from runtime.replay.table import check_table, make_table


def plan_of(
    *instances: Instance,
    created: tuple[tuple[int, ...], ...],
    takes: tuple[tuple[int, int], ...] = (),
) -> PlanData:
    ops = tuple(f"op{slot}" for slot in range(len(created)))
    height = max((i.address + i.size for i in instances), default=0)
    return PlanData(
        "toy", "", 1, {}, False, "", "cpu", "", "", "", 0, height, ops, frozenset(), created, instances,
        takes, (), (), (), "", (), (), None, "",
    )  # fmt: skip


def test_a_result_is_the_last_request_at_its_pointer() -> None:
    plan = plan_of(Instance(64, 0, 0, 1), created=((0,),))
    temporary, result = Request(0, 64, 4096, 0, 1), Request(0, 64, 4096, 2, 3)
    assert match_instances(plan, [temporary, result], {(0, 0): 4096}) == [-1, 0]


def test_a_pointer_counts_only_in_the_slot_of_its_op() -> None:
    plan = plan_of(Instance(64, 0, 0, 2), Instance(64, 64, 1, 2), created=((0,), (1,)))
    requests = [Request(0, 64, 4096, 0, 1), Request(1, 64, 4096, 2, 3)]
    assert match_instances(plan, requests, {(0, 0): 4096, (1, 0): 4096}) == [0, 1]


def test_a_result_that_nobody_keeps_is_the_request_of_its_size() -> None:
    plan = plan_of(Instance(64, 0, 0, 1), Instance(32, 64, 0, 1), created=((0, -1),))
    requests = [Request(0, 32, 1, 0, 3), Request(0, 64, 2, 1, 4), Request(0, 32, 3, 2, 5)]
    assert match_instances(plan, requests, {(0, 0): 2}) == [1, 0, -1]


def test_a_view_of_a_resident_is_no_request_at_all() -> None:
    plan = plan_of(Instance(64, 0, 0, 1), created=((0,),))
    assert match_instances(plan, [Request(0, 128, 1, 0, 1)], {(0, 0): 99}) == [-1]


def test_the_recorder_keeps_pointers_and_no_tensors() -> None:
    recorder = Recorder()
    tensor = torch.zeros(4)
    recorder.observe(3, (tensor, None, 7))
    assert recorder.seen == {(3, 0): tensor.data_ptr()}


def test_temporaries_go_around_the_outputs_and_what_escapes_is_passed_on() -> None:
    plan = plan_of(Instance(512, 0, 0, 2), Instance(512, 1024, 1, 2), created=((0,), (1,)))
    requests = [
        Request(0, 512, 1, 0, 5),
        Request(1, 500, 2, 1, 3),  # a temporary, alive with both outputs
        Request(1, 512, 3, 2, 6),
        Request(1, 4, 4, 4, -1),  # never freed: it leaves the step
    ]
    table = make_table(plan, requests, [0, -1, 1, -1])
    check_table(plan, table)
    assert [e.address for slot in table.slots for e in slot] == [0, 512, 1024, PASS]
    assert (table.arena_bytes, table.kept) == (1536, True)
    assert (table.temporaries, table.temporary_bytes) == (1, 500)


def test_everything_is_placed_anew_where_the_planned_addresses_need_more_than_is_alive() -> None:
    # A small output high up, dead before the large temporary comes: fixed, it pushes nothing; alive
    # with it, the temporary must go above it.
    plan = plan_of(Instance(64, 960, 0, 2), created=((0,), ()))
    requests = [Request(0, 64, 1, 0, 3), Request(1, 4096, 2, 1, 2)]
    table = make_table(plan, requests, [0, -1])
    check_table(plan, table)
    assert not table.kept
    assert table.arena_bytes == 4160
    # At the plan's address it counts as whole granules, so that 448 bytes are not worth moving it.
    low = plan_of(Instance(64, 448, 0, 2), created=((0,), ()))
    granule = make_table(low, requests, [0, -1])
    assert granule.kept
    assert (granule.addresses(), granule.arena_bytes) == ({0: 448}, 4608)


def test_a_recorded_step_takes_what_is_alive_at_once_and_no_more() -> None:
    # Each op's result lies above the one before it, and a temporary is alive with both. Largest first
    # alone, in the lowest hole, would need 1,792 bytes.
    plan = plan_of(
        Instance(512, 0, 0, 2),
        Instance(512, 512, 1, 3),
        Instance(256, 1024, 2, 4),
        Instance(512, 0, 3, 4),
        created=((0,), (1,), (2,), (3,)),
    )
    requests = [
        Request(0, 512, 1, 0, 4),
        Request(1, 128, 2, 1, 3),  # temporary
        Request(1, 512, 3, 2, 7),
        Request(2, 256, 4, 5, 11),
        Request(2, 64, 5, 6, 8),  # temporary
        Request(3, 640, 6, 9, 12),  # temporary, larger than the hole under it
        Request(3, 512, 7, 10, 13),
    ]
    table = make_table(plan, requests, [0, -1, 1, 2, -1, -1, 3])
    check_table(plan, table)
    assert table.arena_bytes == 640 + 512 + 256 > plan.height_bytes


def test_on_a_gpu_everything_lies_as_its_own_allocator_aligns_it() -> None:
    plan = plan_of(Instance(1024, 512, 0, 2), created=((0,), ()))
    requests = [
        Request(0, 520, 1, 0, 5),
        *(Request(1, size, 1 + size, at, 5 + at) for at, size in enumerate((64, 100, 4), 1)),
    ]
    for adapter, alignment in (("cpu", 64), ("cuda_native", 512)):
        table = make_table(plan, requests, [0, -1, -1, -1], adapter=adapter)
        check_table(plan, table)
        addresses = [e.address for slot in table.slots for e in slot]
        assert [address % alignment for address in addresses] == [0] * 4, adapter
        assert [e.size for slot in table.slots for e in slot] == [520, 64, 100, 4]
        assert (table.arena_bytes == 512 + 4 * 512) == (adapter == "cuda_native")


def test_bytes_change_hands_only_where_the_allocator_can_do_it() -> None:
    plan = plan_of(
        Instance(512, 0, 0, 1), Instance(512, 0, 1, 2), created=((0,), (1,)), takes=((1, 0),)
    )
    requests = [Request(0, 512, 1, 0, 2), Request(1, 512, 2, 1, 3)]
    for adapter, arena_bytes in (("cuda_native", 512), ("cuda_pluggable", 1024)):
        table = make_table(plan, requests, [0, 1], adapter=adapter)
        check_table(plan, table)
        assert table.arena_bytes == arena_bytes
        assert bool(table.takes) == ADAPTERS[adapter].takes_over


def test_a_table_with_two_living_requests_on_one_byte_is_refused() -> None:
    plan = plan_of(Instance(512, 0, 0, 2), created=((0,), ()))
    requests = [Request(0, 512, 1, 0, 3), Request(1, 100, 2, 1, 2)]
    table = make_table(plan, requests, [0, -1])
    entry = table.slots[1][0]
    moved = replace(table, slots=(table.slots[0], (replace(entry, address=256),)))
    with pytest.raises(ReplayError, match="share bytes"):
        check_table(plan, moved)


def test_a_table_that_moves_a_planned_result_is_refused() -> None:
    plan = plan_of(Instance(512, 0, 0, 1), created=((0,),))
    table = make_table(plan, [Request(0, 512, 1, 0, 1)], [0])
    moved = replace(table, arena_bytes=1024, slots=((replace(table.slots[0][0], address=512),),))
    with pytest.raises(ReplayError, match="not where the plan has it"):
        check_table(plan, moved)


def taking_over() -> tuple[PlanData, list[Request]]:
    """A result in the bytes of an operand, and that one's result in its bytes again."""
    plan = plan_of(
        Instance(512, 960, 0, 1),
        Instance(512, 960, 1, 2),
        Instance(512, 960, 2, 3),
        created=((0,), (1,), (2,)),
        takes=((1, 0), (2, 1)),
    )
    requests = [
        Request(0, 512, 1, 0, 3),
        Request(1, 900, 2, 1, 4),  # a temporary, alive with both
        Request(1, 512, 3, 2, 6),
        Request(2, 512, 4, 5, 7),
    ]
    return plan, requests


def test_bytes_change_hands_when_they_are_asked_for() -> None:
    plan, requests = taking_over()
    table = make_table(plan, requests, [0, -1, 1, 2])
    check_table(plan, table)
    found = [(e.address, e.start, e.end, e.taken) for slot in table.slots for e in slot]
    assert found == [(960, 0, 2, -1), (0, 1, 4, -1), (960, 2, 5, 0), (960, 5, 7, 1)]
    assert table.takes == {(1, 1), (2, 0)}
    assert (table.arena_bytes, table.kept) == (1472, True)


def test_what_takes_bytes_over_stays_with_them_where_everything_is_placed_anew() -> None:
    plan, requests = taking_over()
    large = Request(1, 4096, 5, 1, 4)
    table = make_table(plan, [requests[0], large, *requests[2:]], [0, -1, 1, 2])
    check_table(plan, table)
    assert not table.kept
    assert len(set(table.addresses().values())) == 1
    assert table.arena_bytes == 4608


def test_a_request_of_another_size_than_the_operands_takes_nothing_over() -> None:
    plan, requests = taking_over()
    requests[3] = replace(requests[3], size=448)
    table = make_table(plan, requests, [0, -1, 1, 2])
    check_table(plan, table)
    assert table.takes == {(1, 1)}
    assert table.slots[2][0].address != 960


def test_a_table_that_takes_over_what_is_not_there_is_refused() -> None:
    plan, requests = taking_over()
    table = make_table(plan, requests, [0, -1, 1, 2])
    first, second, third = table.slots
    for wrong, message in (
        (replace(second[1], taken=2), "not there"),
        (replace(second[1], start=1), "not there"),
        (replace(second[1], address=0), "not where the plan has it"),
    ):
        with pytest.raises(ReplayError, match=message):
            check_table(plan, replace(table, slots=(first, (second[0], wrong), third)))
    with pytest.raises(ReplayError, match="against the plan"):
        check_table(replace(plan, takes=((1, 0),)), table)
