"""Planning-only steps: what the format says is kept, what it does not say is inferred."""

import gzip
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from solver.errors import BayplanError
from solver.files import encode_plan, encode_step, save_step
from solver.planning_step import load_any_step, read_planning_step
from solver.step import GRANULE, Category, Phase, Step, round_up
from solver.timeline import order_profile


def op(name: str, target: str, reads: list[int], mut: list[int], new: list[int], **more: Any) -> Any:
    base = {"name": name, "op": target, "reads": reads, "mut": mut, "new": new, "alias": []}
    return base | {"view": False, "rng": False, "flops": -1} | more


TRACE: dict[str, Any] = {
    "model": "net",
    "batch": 4,
    "opt": "sgd",
    "device": "cpu",
    "trace_s": 0.5,
    "build_s": 0.1,
    "fx_nodes": 9,
    "bufs": [
        {"size": 1000, "kind": "resident", "name": "param:fc.weight"},
        {"size": 512, "kind": "resident", "name": "opt:fc.weight.momentum"},
        {"size": 512, "kind": "resident", "name": "input"},
        {"size": 8, "kind": "const", "name": "scale"},
        {"size": 4000, "kind": "temp", "name": "mm"},
        {"size": 4, "kind": "temp", "name": "sum"},
        {"size": 4000, "kind": "temp", "name": "expand"},
        {"size": 1000, "kind": "temp", "name": "mm_1"},
        {"size": 0, "kind": "temp", "name": "nothing"},
        {"size": 64, "kind": "resident", "name": "buffer:fc.steps"},
    ],
    "ops": [
        op("mm", "mm.default", [0, 2], [], [4], flops=100),
        op("view", "view.default", [4], [], [], view=True),
        op("sum", "sum.default", [4, 3], [], [5]),
        op("ones", "ones_like.default", [5], [], [6]),
        op("relu_b", "threshold_backward.default", [4, 6], [], []),
        op("mm_1", "mm.default", [2, 6], [], [7]),
        op("buf", "add_.Tensor", [1, 7], [1], []),
        op("upd", "add_.Tensor", [0, 1], [0], [8]),
    ],
    "outputs": [5],
}


def read(**changes: Any) -> Step:
    return read_planning_step(deepcopy(TRACE) | changes, "net.json.gz")


def test_sizes_ops_and_hazards_are_those_of_the_file() -> None:
    step = read()
    assert [o.name for o in step.ops] == ["mm", "sum", "ones", "relu_b", "mm_1", "buf", "upd"]
    assert [s.size for s in step.storages] == [b["size"] for b in TRACE["bufs"]]
    assert step.ops[0].flops == 100
    assert (step.ops[5].reads, step.ops[5].writes) == ((1, 7), (1,))
    assert step.dependencies == ((), (0,), (1,), (0, 2), (2,), (4,), (0, 5))
    assert step.program is None


def test_what_lives_outside_the_arena_is_resident() -> None:
    step = read()
    categories = [s.category for s in step.storages]
    assert categories[:4] == [
        Category.PARAMETER,
        Category.OPTIMIZER_STATE,
        Category.INPUT,
        Category.CONSTANT,
    ]
    assert categories[9] is Category.BUFFER
    assert step.storages[0].name == "fc.weight"
    assert [i for i, s in enumerate(step.storages) if s.planned] == [4, 6, 7]
    assert step.storages[5].output and step.storages[5].resident
    assert step.resident_bytes == 2 * GRANULE + 5 * GRANULE


def test_phases_modules_and_titles_are_inferred() -> None:
    step = read()
    forward, backward, update = Phase.FORWARD, Phase.BACKWARD, Phase.UPDATE
    assert [o.phase for o in step.ops] == [
        forward,
        forward,
        backward,
        backward,
        backward,
        update,
        update,
    ]
    assert {o.module for o in step.ops} == {"fc"}
    assert step.storages[4].category is Category.ACTIVATION
    assert step.storages[7].category is Category.GRADIENT
    assert step.title == "net · batch 4 · SGD"
    assert step.origin.training


def test_a_file_without_backward_is_an_inference_step() -> None:
    step = read(ops=TRACE["ops"][:3])
    assert not step.origin.training
    assert {o.phase for o in step.ops} == {Phase.FORWARD}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bufs": [{"size": "1", "kind": "temp", "name": "a"}]}, "size"),
        ({"ops": [{"name": "a"}]}, "not a planning-only step"),
        ({"ops": [op("a", "a", [99], [], [])]}, "names storage 99"),
        ({"ops": [op("a", "a", [], [-1], [])]}, "names storage -1"),
        ({"ops": [op("a", "a", [4], [], [])]}, "before any op creates it"),
        ({"ops": [op("a", "a", [], [], [4]), op("b", "b", [], [], [4])]}, "second time"),
        ({"ops": [op("a", "a", [], [], []), op("a", "a", [], [], [])]}, "name of an earlier op"),
        ({"bufs": [{"size": -5, "kind": "temp", "name": "a"}], "ops": []}, "-5 bytes"),
        ({"model": None}, "model"),
    ],
)
def test_broken_files_are_errors_for_people(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BayplanError, match=r"net\.json\.gz") as caught:
        read(**changes)
    assert words in str(caught.value)


def test_either_kind_of_step_is_read(tmp_path: Path, toy_step: Step) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(TRACE).encode()))
    (tmp_path / "a.json").write_text(json.dumps(TRACE))
    save_step(toy_step, tmp_path / "a.step")
    assert load_any_step(tmp_path / "a.json.gz").ops == read().ops
    assert load_any_step(tmp_path / "a.json").fingerprint == read().fingerprint
    assert load_any_step(tmp_path / "a.step") == toy_step


def test_an_imported_step_can_be_saved_as_a_step(tmp_path: Path) -> None:
    save_step(read(), tmp_path / "a.step")
    assert load_any_step(tmp_path / "a.step") == read()


@pytest.mark.parametrize("content", [b"[]", b"3", b'"bufs"', b"{}", b'["bufs"]', b'{"format": 1}'])
def test_what_is_no_step_at_all_is_an_error_for_people(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.step").write_bytes(content)
    with pytest.raises(BayplanError, match=r"a\.step"):
        load_any_step(tmp_path / "a.step")


def test_a_plan_or_a_newer_step_in_place_of_a_step_is_named(tmp_path: Path, toy_step: Step) -> None:
    from test_files import full_plan, recoded

    (tmp_path / "a").write_bytes(encode_plan(full_plan()))
    with pytest.raises(BayplanError, match="it is a plan file"):
        load_any_step(tmp_path / "a")
    (tmp_path / "b").write_bytes(recoded(encode_step(toy_step), lambda c: c.update(version=9)))
    with pytest.raises(BayplanError, match="format version 9"):
        load_any_step(tmp_path / "b")


def test_the_shared_steps_count_as_their_table_says(cases: Path) -> None:
    lines = (cases / "steps" / "OPTIMA.tsv").read_text().splitlines()
    names = lines[0].split("\t")
    assert len(lines) == 28
    for line in lines[1:]:
        row = dict(zip(names, line.split("\t"), strict=True))
        step = load_any_step(cases / "steps" / f"{row['step']}.json.gz")
        assert len(step.ops) == int(row["ops"])
        assert step.resident_bytes == int(row["resident_bytes"])
        peak = int(order_profile(step, range(len(step.ops))).max())
        assert peak == int(row["program_order_peak_bytes"]), row["step"]
        assert step.resident_bytes == sum(round_up(s.size) for s in step.storages if s.resident)
