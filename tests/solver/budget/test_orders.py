"""Base orders are right, and hold less alive for less time."""

from hypothesis import given, settings
from hypothesis import strategies as st

from solver.budget.orders import base_order
from solver.step import Category, Op, Origin, Phase, Step, Storage
from tests.solver.budget.random_training import random_training


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 60), st.integers(0, 1 << 20))
def test_a_base_order_keeps_all_dependencies(ops: int, seed: int) -> None:
    step = random_training(ops, seed)
    order = base_order(step, range(ops))
    place = {op: at for at, op in enumerate(order)}
    assert sorted(order) == list(range(ops))
    assert all(place[b] < place[op] for op, before in enumerate(step.dependencies) for b in before)


def test_updates_come_early_and_the_branch_with_the_larger_result_waits() -> None:
    # g splits into two branches that meet in e: a makes four granules, b, c and d one each.
    sizes = [1, 4, 1, 1, 1, 1]
    storages = (
        *(Storage(512 * n, Category.GRADIENT, f"s{i}") for i, n in enumerate(sizes)),
        Storage(512, Category.PARAMETER, "weight"),
    )
    ops = (
        Op("g", "g", (), (), (0,)),
        Op("a", "a", (0,), (), (1,)),
        Op("b", "b", (0,), (), (2,)),
        Op("c", "c", (2,), (), (3,)),
        Op("d", "d", (3,), (), (4,)),
        Op("e", "e", (1, 4), (), (5,)),
        Op("update", "add_.Tensor", (2,), (6,), (), phase=Phase.UPDATE),
    )
    step = Step(Origin("split", "", 1, "sgd", True, "cpu", "float32"), storages, ops)
    order = [ops[op].name for op in base_order(step, range(len(ops)))]
    assert order.index("update") == order.index("b") + 1
    assert order.index("a") == order.index("e") - 1


def test_many_ops_may_wait_for_the_same_one() -> None:
    storages = tuple(Storage(512, Category.GRADIENT, f"s{i}") for i in range(301))
    ops = (
        *(Op(f"op{i}", "op", (), (), (i,)) for i in range(300)),
        Op("last", "last", tuple(range(300)), (), (300,)),
    )
    step = Step(Origin("many", "", 1, "", False, "cpu", "float32"), storages, ops)
    assert base_order(step, range(301)) == tuple(range(301))
