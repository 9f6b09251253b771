"""Step and plan files: what is written comes back, and nothing hostile or broken gets through."""

import gzip
import json
import os
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_steps import ORIGIN, random_step
from reuse_steps import simple_step

from solver import files
from solver.errors import BayplanError
from solver.files import (
    decode_plan,
    decode_step,
    decompress,
    encode_plan,
    encode_step,
    load_origin,
    load_pins,
    load_plan,
    load_step,
    open_atomic,
    read_bytes,
    save_plan,
    save_step,
    write_atomic,
)
from solver.pins import At, Before, First, Freeze, FreezeModule, Last
from solver.plan import (
    Certificate,
    Free,
    HostSlot,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Provenance,
    Run,
    Status,
)
from solver.solve import solve
from solver.step import (
    Category,
    Constant,
    Instruction,
    Op,
    Optimizer,
    ParameterGroup,
    Placeholder,
    Program,
    Scalar,
    SourceLine,
    Step,
    Storage,
    Value,
)


def full_step() -> Step:
    """A step in which every field of every dataclass holds something."""
    return Step(
        origin=replace(ORIGIN, torch="2.13.0", captured="2026-11-22T08:00:00", seconds=1.5),
        storages=(
            Storage(16, Category.PARAMETER, "w"),
            Storage(16, Category.ACTIVATION, "a · ∂", output=True),
        ),
        ops=(Op("mul", "mul.Tensor", (0,), (), (1,), module="m", source=0, flops=4, seconds=1e-6),),
        sources=(SourceLine("train.py", 3, "forward", ("a", "b"), 1),),
        program=Program(
            values=(
                Value("w", "float32", (2, 2), (2, 1), 0, 0),
                Value("c", "float32", (), (), 0, 0),
                Value("out", "float32", (2, 2), (2, 1), 0, 1),
            ),
            instructions=(
                Instruction(
                    "aten.mul.Tensor",
                    ({"value": 0}, [{"value": 1}, 2.5, None], True, {"float": "inf"}),
                    {"scale": {"scalar": 0}, "dtype": {"dtype": "float32"}},
                    (2, None),
                    True,
                    0,
                ),
            ),
            placeholders=(Placeholder(0, "parameter", "m.w"),),
            scalars=(Scalar("sgd.negative_lr", 0),),
            constants=(Constant(1, "AACAPw=="),),
            outputs=(2,),
            output_tree=[{"value": 2}, {"logits": {"value": 2}}],
            optimizer=Optimizer("sgd", (ParameterGroup(("m.w",), {"lr": 0.1, "nesterov": False}),)),
        ),
    )


def full_plan() -> Plan:
    """A plan with every kind of action."""
    return Plan(
        fingerprint="ab" * 32,
        name="a plan, ∂",
        instances=(Instance(1, 0), Instance(1, 512)),
        actions=(
            Run(0, (), (0,)),
            Offload(0, 0),
            Free(0),
            Prefetch(0, 1),
            Run(1, (1,), (), "fused"),
        ),
        peak_bytes=512,
        height_bytes=1024,
        status=Status.STOPPED,
        certificate=Certificate(512, Proof.CUT, 3, 512),
        provenance=Provenance(7, 1.5, 60.0, "2026-11-22", {"bayplan": "0.1"}, "x86", "a.step"),
        host_slots=(HostSlot(1, 0),),
        pins=(
            Before(0, 1),
            First(0),
            Last(1),
            Freeze(0, 2),
            FreezeModule("layer1.0"),
            At(1, 512),
        ),
    )


def recoded(data: bytes, change: Callable[[Any], None]) -> bytes:
    """A file's content with its JSON changed."""
    content = json.loads(gzip.decompress(data))
    change(content)
    return gzip.compress(json.dumps(content).encode())


# -- round trips ---------------------------------------------------------------------------------


def test_a_step_with_everything_comes_back_equal() -> None:
    step = full_step()
    again = decode_step(encode_step(step), "a.step")
    assert again == step
    assert again.fingerprint == step.fingerprint


def test_a_plan_with_every_action_comes_back_equal() -> None:
    assert decode_plan(encode_plan(full_plan()), "a.plan") == full_plan()


def test_a_plan_from_before_there_were_pins_has_none() -> None:
    data = recoded(encode_plan(full_plan()), lambda content: content["plan"].pop("pins"))
    assert decode_plan(data, "a.plan") == replace(full_plan(), pins=())


@pytest.mark.parametrize("pins", [["last x"], ["stay 3"], [["last", 3]], "last 3"])
def test_pins_that_no_plan_can_have_are_errors_for_people(pins: Any) -> None:
    data = recoded(encode_plan(full_plan()), lambda content: content["plan"].update(pins=pins))
    with pytest.raises(BayplanError, match=r"^a\.plan "):
        decode_plan(data, "a.plan")


def test_a_file_of_pins_is_a_list_of_texts(tmp_path: Path, toy_step: Step) -> None:
    path = tmp_path / "pins.json"
    path.write_text('["last add_", "before 2 3"]')
    assert load_pins(path, toy_step) == (Last(5), Before(2, 3))
    for text in ('{"pins": []}', "[3]", '"last 5"', '["last 5"'):
        path.write_text(text)
        with pytest.raises(BayplanError, match=r"pins\.json"):
            load_pins(path, toy_step)
    with pytest.raises(BayplanError, match="cannot be read"):
        load_pins(tmp_path / "nowhere.json", toy_step)


@settings(max_examples=40, deadline=None)
@given(ops=st.integers(0, 20), seed=st.integers(0, 1000))
def test_random_steps_come_back_equal(ops: int, seed: int) -> None:
    step = random_step(ops, seed)
    again = decode_step(encode_step(step), "a.step")
    assert again == step and again.fingerprint == step.fingerprint


index = st.integers(0, 2**40)
actions = st.lists(
    st.one_of(
        st.builds(Run, index, st.lists(index).map(tuple), st.lists(index).map(tuple), st.text()),
        st.builds(Free, index),
        st.builds(Offload, index, index),
        st.builds(Prefetch, index, index),
    )
).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    actions=actions,
    name=st.text(),
    status=st.sampled_from(Status),
    proof=st.sampled_from(Proof),
    instances=st.lists(st.builds(Instance, index, index)).map(tuple),
)
def test_any_plan_comes_back_equal(
    actions: Any, name: str, status: Status, proof: Proof, instances: Any
) -> None:
    plan = replace(
        full_plan(),
        actions=actions,
        name=name,
        status=status,
        instances=instances,
        certificate=Certificate(1, proof, -1, 2),
    )
    assert decode_plan(encode_plan(plan), "a.plan") == plan


def test_files_come_back_from_disk(tmp_path: Path, toy_step: Step) -> None:
    save_step(toy_step, tmp_path / "a.step")
    save_plan(full_plan(), tmp_path / "a.plan")
    assert load_step(tmp_path / "a.step") == toy_step
    assert load_plan(tmp_path / "a.plan") == full_plan()
    assert load_origin(tmp_path / "a.step") == toy_step.origin
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.plan", "a.step"]


def test_the_same_step_gives_the_same_bytes(toy_step: Step) -> None:
    assert encode_step(toy_step) == encode_step(decode_step(encode_step(toy_step), "a"))


def test_what_was_computed_from_a_step_is_not_written(toy_step: Step) -> None:
    before = encode_step(toy_step)
    assert toy_step.dependencies and toy_step.fingerprint
    assert encode_step(toy_step) == before


# -- fingerprint ---------------------------------------------------------------------------------


def changed_everywhere(value: Any) -> list[Any]:
    """The dataclass once for each field below it that is not a container, with that one changed."""
    result = []
    for field in fields(value):
        old = getattr(value, field.name)
        if is_dataclass(old):
            result += [
                (f"{field.name}.{where}", replace(value, **{field.name: new}))
                for where, new in changed_everywhere(old)
            ]
        elif isinstance(old, tuple) and old and is_dataclass(old[0]):
            result += [
                (f"{field.name}.{where}", replace(value, **{field.name: (new, *old[1:])}))
                for where, new in changed_everywhere(old[0])
            ]
        elif isinstance(old, bool):
            result.append((field.name, replace(value, **{field.name: not old})))
        elif isinstance(old, Category):
            result.append((field.name, replace(value, **{field.name: Category.WORKSPACE})))
        elif type(old) is str:
            result.append((field.name, replace(value, **{field.name: old + "x"})))
        elif type(old) in (int, float):
            result.append((field.name, replace(value, **{field.name: old + 1})))
        elif isinstance(old, tuple):
            result.append((field.name, replace(value, **{field.name: (*old, 5)})))
    return result


def test_the_fingerprint_holds_all_that_decides_correctness_and_nothing_else() -> None:
    step = full_step()
    same = {
        where for where, changed in changed_everywhere(step) if changed.fingerprint == step.fingerprint
    }
    assert same == {
        *(f"origin.{f}" for f in ("model", "source", "batch", "optimizer", "training", "dtype")),
        *(f"origin.{f}" for f in ("torch", "captured", "seconds")),
        "storages.name",
        "storages.output",  # of a parameter, which is resident anyway
        *(f"ops.{f}" for f in ("name", "module", "source", "flops", "seconds")),
        *(f"sources.{f}" for f in ("file", "line", "function", "text", "here")),
        "program.values.name",
    }


# -- broken and hostile files --------------------------------------------------------------------


def test_a_file_cut_short_anywhere_is_an_error_for_people(toy_step: Step) -> None:
    for data, decode in ((encode_step(toy_step), decode_step), (encode_plan(full_plan()), decode_plan)):
        for length in range(0, len(data), 7):
            with pytest.raises(BayplanError, match="cut"):
                decode(data[:length], "cut")


def test_a_file_with_a_flipped_bit_is_an_error_for_people_or_the_same(toy_step: Step) -> None:
    data = encode_step(toy_step)
    refused = 0
    for position in range(0, len(data), 3):
        broken = bytearray(data)
        broken[position] ^= 0x10
        try:
            assert decode_step(bytes(broken), "flipped") == toy_step
        except BayplanError:
            refused += 1
    assert refused > len(data) // 4


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"17",
        b'"bayplan-step"',
        b"{}",
        b'{"format": "bayplan-step"}',
        b'{"format": "bayplan-step", "version": 1}',
        b'{"format": "bayplan-step", "version": 1, "step": null}',
        b'{"format": ["bayplan-step"], "version": 1, "step": {}}',
        b'{"format": {"a": 1}, "version": 1, "step": {}}',
        b"\xff\xfe not text",
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_file_of_ours_is_an_error_for_people(text: bytes) -> None:
    for data in (text, gzip.compress(text)):
        with pytest.raises(BayplanError, match="strange"):
            decode_step(data, "strange")
        with pytest.raises(BayplanError, match="strange"):
            decode_plan(data, "strange")


def test_a_plan_with_a_name_that_no_window_could_show_is_refused() -> None:
    data = encode_plan(replace(full_plan(), name="n" * 5000))
    with pytest.raises(BayplanError, match="5,000 characters"):
        decode_plan(data, "some.plan")


def test_a_plan_in_place_of_a_step_is_named(toy_step: Step) -> None:
    with pytest.raises(BayplanError, match=r"a\.plan is not a step file; it is a plan file"):
        decode_step(encode_plan(full_plan()), "a.plan")
    with pytest.raises(BayplanError, match=r"a\.step is not a plan file; it is a step file"):
        decode_plan(encode_step(toy_step), "a.step")


@pytest.mark.parametrize("version", [0, 2, "1", None, 1.5])
def test_another_format_version_is_named(toy_step: Step, version: object) -> None:
    data = recoded(encode_step(toy_step), lambda c: c.update(version=version))
    with pytest.raises(BayplanError, match="format version"):
        decode_step(data, "other")


def test_a_wrong_type_anywhere_is_an_error_for_people() -> None:
    """Every place of a step's and of a plan's JSON gets a value that does not belong there."""
    refused = tried = 0
    for data, decode in (
        (encode_step(full_step()), decode_step),
        (encode_plan(full_plan()), decode_plan),
    ):
        content = json.loads(gzip.decompress(data))
        for path in places(content):
            for wrong in ("text", -7, 1 << 70, [1], {"value": "x"}, None, 0.5):
                tried += 1
                try:
                    decode(recoded(data, lambda c, p=path, w=wrong: put(c, p, w)), "wrong")
                except BayplanError as error:
                    refused += 1
                    assert "wrong" in str(error)
    # Some places hold free text or free JSON, where most values are right.
    assert refused > tried // 2


def places(content: Any) -> list[tuple[Any, ...]]:
    """Paths of all members and elements of parsed JSON."""
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    return [path for key, value in items for path in [(key,), *((key, *p) for p in places(value))]]


def put(content: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        content = content[key]
    content[path[-1]] = value


@pytest.mark.parametrize(
    "action",
    [
        [],
        ["run"],
        ["run", 0, [], []],
        ["run", 0, [], [], "", 1],
        ["run", "0", [], [], ""],
        ["free"],
        ["free", 1, 2],
        ["free", None],
        ["explode", 1],
        [1],
        [["run"]],
        ["prefetch", 1],
    ],
)
def test_actions_that_no_plan_can_have_are_errors_for_people(action: list[Any]) -> None:
    data = recoded(encode_plan(full_plan()), lambda c: c["plan"]["actions"].append(action))
    with pytest.raises(BayplanError, match="odd"):
        decode_plan(data, "odd")


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1 << 20)
    bomb = gzip.compress(b" " * (1 << 24))
    assert len(bomb) < 1 << 15
    with pytest.raises(BayplanError, match="unpacks to more than 1,048,576 bytes"):
        decompress(bomb, "bomb")
    with pytest.raises(BayplanError, match="unpacks to more"):
        decode_step(bomb, "bomb")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    (tmp_path / "large").write_bytes(b"x" * 101)
    with pytest.raises(BayplanError, match="101 bytes"):
        read_bytes(tmp_path / "large")


def test_a_file_that_is_not_there_or_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match=r"missing\.step cannot be read"):
        load_step(tmp_path / "missing.step")
    with pytest.raises(BayplanError, match="cannot be read"):
        load_plan(tmp_path)


def test_an_origin_of_a_damaged_step_is_an_error_for_people(tmp_path: Path, toy_step: Step) -> None:
    for change in (
        lambda c: c.pop("step"),
        lambda c: c["step"].pop("origin"),
        lambda c: c.update(step=[]),
    ):
        (tmp_path / "a.step").write_bytes(recoded(encode_step(toy_step), change))
        with pytest.raises(BayplanError, match=r"a\.step"):
            load_origin(tmp_path / "a.step")


# -- atomic writes -------------------------------------------------------------------------------


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    write_atomic(path, b"old")
    with pytest.raises(KeyError), open_atomic(path) as file:
        file.write(b"half of the n")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.plan"]


def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link, target = tmp_path / "a.plan", tmp_path / "elsewhere" / "b.plan"
    link.symlink_to(target)
    for content in (b"new", b"newer"):
        write_atomic(link, content)
        assert (link.is_symlink(), target.read_bytes()) == (True, content)
    assert [p.name for p in (tmp_path / "elsewhere").iterdir()] == ["b.plan"]


def test_a_name_may_be_as_long_as_the_file_system_lets_it_be(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_atomic(path, b"content")
    assert path.read_bytes() == b"content"
    with pytest.raises(BayplanError, match="cannot be written: File name too long"):
        write_atomic(tmp_path / ("x" * 256), b"content")


def test_what_is_no_ordinary_file_is_neither_replaced_nor_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BayplanError, match="it is no ordinary file"):
        write_atomic(pipe, b"content")
    assert pipe.is_fifo()
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    with pytest.raises(BayplanError, match="more bytes than the 100"):
        read_bytes(Path("/dev/zero"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match=r"cannot be written.*Choose another place"):
        write_atomic(tmp_path / "no folder" / "a.plan", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BayplanError, match="cannot be written"):
        write_atomic(tmp_path / "folder", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_text_that_is_not_unicode_is_an_error_for_people() -> None:
    with pytest.raises(BayplanError, match=r"some\.step is damaged"):
        decode_step(b'{"format": "\xed\xa0\x80"}', "some.step")


def test_takeovers_survive_a_round_trip_and_are_written_only_where_there_are_some() -> None:
    step = simple_step([("mm.default", ("in",), "a"), ("relu.default", ("a",), "b")], {"a": 4, "b": 4})
    plan = solve(step, deadline=10).plan
    assert decode_plan(encode_plan(plan), "x.plan") == plan
    content = json.loads(gzip.decompress(encode_plan(plan)))["plan"]
    assert content["actions"][:2] == [["run", 0, [], [0], ""], ["run", 1, [0], [1], "", [[1, 0]]]]
    assert content["certificate"]["reuse"] is True


def test_a_plan_from_before_reuse_can_be_read(toy_step: Step) -> None:
    plan = solve(toy_step, deadline=10).plan
    content = json.loads(gzip.decompress(encode_plan(plan)))
    del content["plan"]["certificate"]["reuse"]
    found = decode_plan(json.dumps(content).encode(), "x.plan")
    assert found == replace(plan, certificate=replace(plan.certificate, reuse=False))


@pytest.mark.parametrize("takes", [[[0]], [["a", 0]], 5, [[0, 1, 2]]])
def test_takeovers_that_no_plan_can_have_are_refused(toy_step: Step, takes: object) -> None:
    content = json.loads(gzip.decompress(encode_plan(solve(toy_step, deadline=10).plan)))
    content["plan"]["actions"][0].append(takes)
    with pytest.raises(BayplanError, match="no plan can have"):
        decode_plan(json.dumps(content).encode(), "x.plan")
