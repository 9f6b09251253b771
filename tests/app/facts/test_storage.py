"""What the inspector says of a storage, a slot and a selection is what the plan holds."""

from dataclasses import replace

import pytest

from app.facts.plan import GROUPS, PlanFacts, op_label, op_place, plan_facts
from app.facts.storage import selection_facts, slot_facts, storage_facts
from app.facts.why import idle_cost, why_alive
from solver.solution import Baseline
from solver.step import Category, Op, Phase, Program, SourceLine, Step, Storage, Value
from tests.app.toy_case import RESERVED, RESIDENT, toy_baseline, toy_plan


@pytest.fixture
def facts(toy_step: Step) -> PlanFacts:
    return PlanFacts(toy_step, toy_plan(toy_step))


@pytest.fixture
def as_run(toy_step: Step) -> PlanFacts:
    baseline = toy_baseline(toy_step)
    return PlanFacts(toy_step, baseline.plan, baseline)


def figures(facts: PlanFacts, storage: int, as_run: PlanFacts | None = None) -> dict[str, str]:
    rows = storage_facts(facts, storage, as_run).figures
    return {r.name: " ".join(filter(None, (r.value, r.note, r.code))) for r in rows}


def test_a_plan_needs_its_residents_and_its_arena(facts: PlanFacts) -> None:
    assert facts.total_bytes == RESIDENT + 5120
    assert facts.live_peak == RESIDENT + 5120
    assert facts.peak_slot == 3
    assert facts.profile.tolist() == [n + RESIDENT for n in (2048, 3072, 3072, 5120, 2560, 512)]


def test_the_step_as_run_needs_what_is_reserved(as_run: PlanFacts) -> None:
    assert as_run.total_bytes == RESERVED
    assert as_run.spans(0)[0].address == 0
    assert as_run.spans(6)[0].address == 12288


def test_addresses_of_a_plan_lie_above_the_residents(facts: PlanFacts) -> None:
    (span,) = facts.spans(3)
    assert (span.start, span.end, span.address, span.size) == (1, 4, RESIDENT + 2048, 1024)
    assert facts.spans(0)[0].address == -1
    assert (facts.spans(0)[0].start, facts.spans(0)[0].end) == (0, 6)


def test_what_is_alive_is_ranked_by_bytes(facts: PlanFacts) -> None:
    assert facts.alive_at(3) == [2, 5, 3]
    assert facts.alive_at(5) == [6]


def test_groups_of_the_legend_add_up_to_the_live_bytes(facts: PlanFacts) -> None:
    for slot in range(facts.slots):
        assert sum(facts.group_bytes(slot).values()) == facts.profile[slot]
    assert facts.group_bytes(3) == {
        "Activation": 3072,
        "Gradient": 2048,
        "Temporary": 512,
        "Parameter": 512,
        "Buffers and input": 512,
        "Optimizer state": 0,
    }


def test_every_category_is_in_one_group() -> None:
    assert sorted(c for group in GROUPS for c in group.categories) == sorted(Category)


def test_producer_and_consumers_carry_the_badges_of_the_map(facts: PlanFacts) -> None:
    about = storage_facts(facts, 2)
    assert [(row.badge, row.label, row.slot) for row in about.producers] == [("P", "mm", 0)]
    assert [(row.badge, row.label, row.slot) for row in about.consumers] == [
        ("1", "relu", 1),
        ("2", "threshold backward", 3),
    ]


def test_ops_that_write_in_place_before_any_reader_belong_to_the_producer(toy_step: Step) -> None:
    ops = list(toy_step.ops)
    ops[1] = replace(ops[1], target="relu_.default", writes=(2,))
    step = replace(toy_step, ops=tuple(ops))
    about = storage_facts(PlanFacts(step, toy_plan(step)), 2)
    assert [(row.badge, row.label, row.place) for row in about.producers] == [
        ("P", "mm", "linear"),
        ("", "relu_", "in place"),
    ]
    assert [(row.badge, row.slot) for row in about.consumers] == [("1", 3)]


def test_figures_of_a_planned_storage(facts: PlanFacts, as_run: PlanFacts) -> None:
    assert figures(facts, 5, as_run) == {
        "Bytes": "2.0 KiB 2,048",
        "Address": "4.5 – 6.5 KiB 0x000001200",
        "Lifetime": "ops 3 – 4 2 of 6",
        "At the peak": "alive, 30.8 % of the height",
        "As run": "8.0 KiB segment 3 of 4",
    }
    assert figures(facts, 6)["At the peak"] == "not alive"


def test_a_storage_that_lives_one_op_has_one_op(toy_step: Step) -> None:
    unread = replace(toy_step, ops=(*toy_step.ops[:5], Op("end", "zero_", (), (0,), ())))
    facts = PlanFacts(unread, toy_plan(unread))
    assert figures(facts, 6)["Lifetime"] == "op 4 1 of 6"
    assert why_alive(facts, 6) == (
        "Backward makes it with mm in linear. Nothing reads it, so it is freed after op 4."
    )


def test_shape_and_dtype_are_those_of_the_largest_value(toy_step: Step) -> None:
    values = (
        Value("v", "float32", (4,), (1,), 0, 2),
        Value("whole", "float32", (16, 32), (32, 1), 0, 2),
        Value("tail", "float32", (999,), (1,), 8, 2),
    )
    program = Program(values, (), (), (), (), (), None, None)
    step = replace(toy_step, program=program)
    shown = figures(PlanFacts(step, toy_plan(step)), 2)
    assert (shown["Shape"], shown["Type"]) == ("16 × 32", "float32")


def test_a_planning_only_step_shows_no_shape(facts: PlanFacts) -> None:
    assert "Shape" not in figures(facts, 2)


def test_an_activation_is_alive_because_backward_needs_it(facts: PlanFacts) -> None:
    assert why_alive(facts, 2) == (
        "Forward makes it with mm in linear and reads it in relu in act. "
        "Backward needs it until op 3, for threshold backward."
    )


def test_a_gradient_of_a_parameter_waits_for_the_update(facts: PlanFacts) -> None:
    assert why_alive(facts, 6) == (
        "Backward makes it with mm in linear. The update alone needs it until op 5, for add_ in linear."
    )
    assert why_alive(facts, 5) == (
        "Backward makes it with threshold backward. It is needed until op 4, for mm in linear."
    )


def test_residents_say_who_writes_them(facts: PlanFacts) -> None:
    assert why_alive(facts, 0) == (
        "It lives across steps, so it is in memory at every op. "
        "The update writes it in place at op 5, add_ in linear."
    )
    assert why_alive(facts, 1) == ("It is there before the step and stays until its end. 2 ops use it.")
    assert why_alive(facts, 4).startswith("It leaves the step")


def test_many_readers_are_counted(toy_step: Step) -> None:
    ops = [
        Op("make", "mm.default", (), (), (0,)),
        *(Op(f"r{i}", f"op{i}.default", (0,), (), (), module=f"m{i}") for i in range(5)),
    ]
    step = replace(
        toy_step, storages=(Storage(512, Category.TEMPORARY, "t"),), ops=tuple(ops), sources=()
    )
    from tests.app.toy_plans import stacked_plan

    facts = PlanFacts(step, stacked_plan(step, name="p"))
    assert "op0 in m0, op1 in m1 and 3 more" in why_alive(facts, 0)


def test_cost_is_the_longest_stretch_without_a_use(toy_step: Step) -> None:
    # Storage 2 is used at slots 0, 1 and 3; with two ops put between, slots 2, 3 and 4 do without.
    idle = [Op(f"idle{i}", "neg.default", (1,), (), ()) for i in range(2)]
    step = replace(toy_step, ops=(*toy_step.ops[:3], *idle, *toy_step.ops[3:]))
    facts = PlanFacts(step, toy_plan(step, order=tuple(range(8))))
    assert idle_cost(facts, 2) == (
        "No op uses it between op 1 and op 5. Keeping it holds 2.0 KiB through 3 ops."
    )
    assert idle_cost(facts, 6) == ""
    assert idle_cost(facts, 0) == ""


def test_the_cost_says_when_the_peak_is_within_the_stretch(toy_step: Step) -> None:
    peak = Op("big", "mm.default", (1,), (), (7,))
    storages = (*toy_step.storages, Storage(8192, Category.TEMPORARY, "big"))
    idle = Op("idle", "neg.default", (1,), (), ())
    step = replace(toy_step, storages=storages, ops=(*toy_step.ops[:2], peak, idle, *toy_step.ops[2:]))
    from tests.app.toy_plans import stacked_plan

    facts = PlanFacts(step, stacked_plan(step, name="p"))
    assert facts.peak_slot == 2
    assert idle_cost(facts, 2).endswith("through 3 ops, the peak at op 2 among them.")


def test_the_source_is_that_of_the_producer(toy_step: Step) -> None:
    line = SourceLine("net.py", 7, "forward", ("a", "b", "c"), 1)
    ops = (replace(toy_step.ops[0], source=0), *toy_step.ops[1:])
    step = replace(toy_step, ops=ops, sources=(line,))
    facts = PlanFacts(step, toy_plan(step))
    assert storage_facts(facts, 2).source == line
    assert storage_facts(facts, 3).source is None


def test_the_peak_lists_the_largest_first_and_counts_the_rest(facts: PlanFacts) -> None:
    about = slot_facts(facts, 3, rows=2)
    assert about.title == "The peak"
    assert about.summary == "Threshold backward, backward"
    assert [(row.storage, row.size) for row in about.alive] == [(2, 2048), (5, 2048)]
    assert about.rest == "and 1 more, 1.0 KiB"
    assert slot_facts(facts, 0).title == "Op 0"


def test_several_storages_are_added_up(facts: PlanFacts) -> None:
    about = selection_facts(facts, (6, 2, 3))
    assert about.title == "3 tensors"
    assert [row.storage for row in about.rows] == [2, 3, 6]
    shown = {row.name: f"{row.value} {row.note}".strip() for row in about.figures}
    assert shown == {
        "Bytes": "3.5 KiB 3,584",
        "Lifetime": "ops 0 – 5 together",
        "At the peak": "2 alive 3.0 KiB",
    }


def test_a_storage_without_bytes_says_so(toy_step: Step) -> None:
    storages = (*toy_step.storages[:6], Storage(0, Category.TEMPORARY, "empty"))
    ops = (*toy_step.ops[:5], replace(toy_step.ops[5], reads=(0,)))
    step = replace(toy_step, storages=storages, ops=ops)
    facts = PlanFacts(step, toy_plan(step))
    assert "no bytes" in why_alive(facts, 6)
    assert figures(facts, 6)["Address"] == "none it has no bytes"


def test_op_names_are_for_people() -> None:
    assert op_label(Op("a", "_log_softmax.default", (), (), ())) == "log_softmax"
    assert op_label(Op("a", "convolution_backward.default", (), (), ())) == "convolution backward"
    assert op_label(Op("a", "add_.Tensor", (), (), ())) == "add_"
    assert op_place(Op("a", "mm.default", (), (), (), phase=Phase.FORWARD)) == "mm"


def test_facts_of_one_plan_are_made_once(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    assert plan_facts(toy_step, plan) is plan_facts(toy_step, plan)
    assert plan_facts(toy_step, toy_plan(toy_step)) is not plan_facts(toy_step, plan)


def test_resnet50_as_the_mockups_have_it(resnet50_step: Step) -> None:
    from solver.placement.caching_allocator import simulate

    baseline: Baseline = simulate(resnet50_step)
    as_run = PlanFacts(resnet50_step, baseline.plan, baseline)
    storage = next(
        i for i, s in enumerate(resnet50_step.storages) if s.name == "layer1.1.bn3 · native_batch_norm"
    )
    about = storage_facts(as_run, storage)
    assert about.summary == "Activation, kept for backward"
    assert [row.label for row in about.producers] == ["native_batch_norm", "add_", "relu_"]
    assert [row.slot for row in about.producers] == [39, 40, 41]
    assert [row.slot for row in about.consumers][:2] == [42, 56]
