"""The phases that are inferred for a step whose file does not say them."""

from pathlib import Path

from solver.planning_step import load_any_step, read_planning_step
from solver.step import Phase, Step

F, B, U = Phase.FORWARD, Phase.BACKWARD, Phase.UPDATE


def adam_step() -> Step:
    """One weight: forward, backward, then Adam's update with its denominator."""
    names = ["param:w", "opt:w0", "opt:w1", "x", "y", "gy", "gw", "root", "scaled", "denominator"]
    kinds = ["resident"] * 4 + ["temp"] * 6

    def call(op: str, reads: list[int], mut: list[int], new: list[int]) -> dict[str, object]:
        shape = {"view": False, "rng": False}
        return {"name": f"{op}{reads}", "op": op, "reads": reads, "mut": mut, "new": new} | shape

    calls = [
        call("mm.default", [0, 3], [], [4]),
        call("relu_backward.default", [4], [], [5]),
        call("mm.default", [3, 5], [], [6]),
        call("lerp_.Scalar", [1, 6], [1], []),
        call("addcmul_.default", [2, 6], [2], []),
        call("sqrt.default", [2], [], [7]),
        call("div.Tensor", [7], [], [8]),
        call("add.Tensor", [8], [], [9]),
        call("addcdiv_.default", [0, 1, 9], [0], []),
    ]
    buffers = [{"size": 512, "kind": k, "name": n} for k, n in zip(kinds, names, strict=True)]
    trace = {"model": "w", "batch": 1, "opt": "adam", "bufs": buffers, "ops": calls, "outputs": []}
    return read_planning_step(trace, "w.json.gz")


def test_all_of_adams_update_is_the_update() -> None:
    assert [op.phase for op in adam_step().ops] == [F, B, B, U, U, U, U, U, U]


def test_in_program_order_the_updates_of_a_real_step_come_last(cases: Path) -> None:
    for name in ("bert_b1_adam", "gpt2_b1_adam", "resnet50_b32_sgd"):
        step = load_any_step(cases / "steps" / f"{name}.json.gz")
        phases = [op.phase for op in step.ops]
        assert phases == sorted(phases, key=[F, B, U].index)
